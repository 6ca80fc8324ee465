"""The city's samples (抽检): a mine's quarter with its sheet and its loads, and what was found (R17)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel

from service.actions import reports as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain import assessments as quarters
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.units import start_of
from service.routes.entries import After, Limit, Now
from service.routes.fields import Body, DocumentNo, Flag, Quarter, Reason, UuidText, Year
from service.routes.idempotency import OnceDep
from service.routes.reports.bodies import OutflowOut
from service.store import reports

router = APIRouter(prefix="/v1/samples", tags=["reports"])

DrawsSamples = Annotated[Actor, Depends(may("samples.draw"))]


class SampleIn(Body):
    """Whose quarter is looked into, and why, or how it was drawn."""

    mine_id: UuidText
    year: Year
    quarter: Quarter
    reason: Reason


class FindingIn(Body):
    """What was found, and by which document."""

    is_in_order: Flag
    finding: Reason
    document_no: DocumentNo


class SampleListed(BaseModel):
    """A sample; `assessment_id` is the mine's signed sheet of the quarter, if there is one."""

    id: UUID
    mine_id: UUID
    mine: str
    year: int
    quarter: int
    reason: str
    drawn_at: datetime
    assessment_id: UUID | None
    is_in_order: bool | None
    finding: str | None
    document_no: str | None
    found_at: datetime | None


class SampleOut(SampleListed):
    """A sample with the loads and slips of the quarter, as of a snapshot."""

    as_of: str
    loads: list[OutflowOut]


class SamplesOut(BaseModel):
    """A page of samples, oldest first."""

    items: list[SampleListed]
    next: UUID | None


@router.post("", status_code=201, response_model=SampleOut)
async def draw_sample(
    body: SampleIn, connection: ConnectionDep, actor: DrawsSamples, once: OnceDep, at: Now
) -> Response:
    """Look into a mine's quarter."""

    async def deed() -> SampleOut:
        sample_id = await deeds.draw_sample(connection, **body.model_dump(), at=at, actor=actor)
        return await _one(connection, sample_id, at=at, actor=actor)

    return await once(connection, actor, deed)


@router.get("")
async def list_samples(
    connection: ReaderDep, actor: Annotated[Actor, Depends(may("samples.read"))], after: After = None, limit: Limit = 50
) -> SamplesOut:
    """The samples of the office's area."""
    rows = await reports.list_samples(connection, after=after, limit=limit, actor=actor)
    items = [SampleListed.model_validate(dict(row)) for row in rows]
    return SamplesOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{sample_id}")
async def get_sample(
    sample_id: UUID, connection: ReaderDep, actor: Annotated[Actor, Depends(may("samples.read"))], at: Now
) -> SampleOut:
    """One sample, with the mine's sheet and loads."""
    return await _one(connection, sample_id, at=at, actor=actor)


@router.post("/{sample_id}/finding", response_model=SampleOut)
async def find(
    sample_id: UUID, body: FindingIn, connection: ConnectionDep, actor: DrawsSamples, once: OnceDep, at: Now
) -> Response:
    """Record what was found; once."""

    async def deed() -> SampleOut:
        await deeds.find(connection, sample_id, **body.model_dump(), at=at, actor=actor)
        return await _one(connection, sample_id, at=at, actor=actor)

    return await once(connection, actor, deed, status=200)


async def _one(connection: Connection, sample_id: UUID, *, at: datetime, actor: Actor) -> SampleOut:
    rows = await reports.list_samples(connection, sample_id=sample_id, limit=1, actor=actor)
    if not rows:
        raise NotFound
    row = rows[0]
    past = await reports.snapshot(connection, None, at=at)
    began = start_of(quarters.starts_on(row["year"], row["quarter"]))
    ended = quarters.ends_at(row["year"], row["quarter"])
    gone = (await reports.outflows(connection, [row["mine_id"]], row["year"], past)).get(row["mine_id"], [])
    loads = [OutflowOut.model_validate(one, from_attributes=True) for one in gone if began <= one.occurred_at < ended]
    return SampleOut(**dict(row), as_of=str(past), loads=loads)
