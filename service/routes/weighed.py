"""What was weighed, as it stands now: read, corrected and taken back; and what was refused, for the auditor."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, computed_field

from service.actions.weighings import Settlement, correct_weighing, settle_suspense, void_weighing
from service.auth import may
from service.db import Connection, ReaderDep, database
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.units import dry_kg
from service.keys import Purpose
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf, Body, Reason
from service.routes.idempotency import Once, OnceDep
from service.store import weighings

router = APIRouter(prefix="/v1/weighings", tags=["weighings"])

Reader = Annotated[Actor, Depends(may("weighings.read"))]
Corrector = Annotated[Actor, Depends(may("weighings.correct"))]
ScaleKilograms = Annotated[int, Field(ge=-1_000_000, le=1_000_000_000, strict=True)]


class WeighingOut(BaseModel):
    """A weighing as it stands now; of a record that was refused and is none, what was sent."""

    id: UUID
    station_id: UUID
    station: str
    record_id: UUID
    sequence: int | None
    direction: str | None
    ticket_id: UUID | None
    ticket: str | None
    ticket_text: str | None
    plate: str | None
    gross_kg: int | None
    tare_kg: int | None
    net_kg: int | None
    grade: str | None
    manual: bool | None
    manual_reason: str | None
    second_person: str | None
    tare_source: str | None
    axles: int | None
    mgo_per_mille: int | None
    reading: int | None
    stable: bool | None
    moisture_per_mille: int | None
    weighed_at: datetime | None
    occurred_at: datetime | None
    recorded_at: datetime
    status: Literal["accepted", "duplicate", "refused", "void"]
    duplicate_of: UUID | None
    problem: dict[str, Any] | None
    flags: list[str]
    movement_ids: list[UUID]
    version: int
    person_id: UUID
    is_signed: bool
    sent: str | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def dry_kg(self) -> int | None:
        """The dry mass, floored, where the record told the moisture (E19)."""
        if self.net_kg is None or self.moisture_per_mille is None:
            return None
        return dry_kg(self.net_kg, self.moisture_per_mille)


class VersionOut(BaseModel):
    """What was said of a weighing later: because another record told more of its ticket, or by somebody, with a reason."""

    version: int
    gross_kg: int
    tare_kg: int
    net_kg: int
    status: str
    flags: list[str]
    movement_ids: list[UUID]
    because_of: UUID | None
    reason: str | None
    person_id: UUID
    recorded_at: datetime


class SignatureOut(BaseModel):
    """What a device has signed: the compact JWS as it came."""

    device_id: UUID
    jws: str


class WeighingFullOut(WeighingOut):
    """A weighing with its later versions and its signature."""

    versions: list[VersionOut]
    signature: SignatureOut | None


class WeighingsOut(BaseModel):
    """A page of weighings, newest first."""

    items: list[WeighingOut]
    next: UUID | None


class CorrectionIn(Body):
    """What the scale should have said, and why."""

    gross_kg: ScaleKilograms
    tare_kg: ScaleKilograms
    reason: Reason


class VoidIn(Body):
    """Why a weighing is taken back."""

    reason: Reason


class SettlementIn(Body):
    """What becomes of a weighing's kilograms in suspense: charged to its mine's quota, or written off; and why."""

    settlement: Settlement
    note: Reason


@router.get("", dependencies=OF_THE_PAST)
async def list_weighings(
    connection: ReaderDep,
    actor: Reader,
    status: Literal["accepted", "duplicate", "refused", "void"] | None = None,
    station: UUID | None = None,
    ticket: UUID | None = None,
    plate: Annotated[str | None, Query(max_length=32)] = None,
    after: UUID | None = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> WeighingsOut:
    """The weighings of the office's area, the station or the enterprise, newest first, as they stand or stood then.

    `status=refused` is for the auditor.
    """
    rows = await weighings.list_weighings(
        connection,
        status=status,
        station_id=station,
        ticket_id=ticket,
        plate=plate,
        after=after,
        as_of=as_of,
        limit=limit,
        actor=actor,
    )
    items = [WeighingOut.model_validate(dict(row)) for row in rows]
    return WeighingsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{weighing_id}", dependencies=OF_THE_PAST)
async def show_weighing(weighing_id: UUID, connection: ReaderDep, actor: Reader, as_of: AsOf = None) -> WeighingFullOut:
    """One weighing, with what was said of it later and what its device has signed; now or as it stood then."""
    return await _shown(connection, weighing_id, actor, as_of)


@router.post("/{weighing_id}/correct", response_model=WeighingFullOut)
async def correct(weighing_id: UUID, body: CorrectionIn, request: Request, actor: Corrector, once: OnceDep) -> Response:
    """Say other weights of a weighing, by its own station or an office of the area: reversed and posted anew."""
    return await _answered(
        request, once, actor, weighing_id, correct_weighing, body.gross_kg, body.tare_kg, body.reason
    )


@router.post("/{weighing_id}/void", response_model=WeighingFullOut)
async def take_back(weighing_id: UUID, body: VoidIn, request: Request, actor: Corrector, once: OnceDep) -> Response:
    """Take a weighing back, by its own station or an office of the area: what was posted for it is reversed."""
    return await _answered(request, once, actor, weighing_id, void_weighing, body.reason)


@router.post("/{weighing_id}/settle", response_model=WeighingFullOut)
async def settle(
    weighing_id: UUID,
    body: SettlementIn,
    request: Request,
    actor: Annotated[Actor, Depends(may("weighings.settle"))],
    once: OnceDep,
) -> Response:
    """Charge kilograms that left without a lawful paper to the mine's quota, or write them off, by an office of the area."""
    return await _answered(request, once, actor, weighing_id, settle_suspense, body.settlement, body.note)


async def _answered(
    request: Request, once: Once, actor: Actor, weighing_id: UUID, deed: Callable[..., Awaitable[None]], *said: object
) -> Response:
    """Do something to a weighing, once, and show it as it stands then."""
    state = request.app.state
    at = state.clock.now()
    async with database(request).transaction() as connection:

        async def done() -> WeighingFullOut:
            sign, policies = state.keys.current(Purpose.LEDGER), await state.rulebook.policies(at)
            await deed(connection, weighing_id, *said, at=at, sign=sign, actor=actor, policies=policies)
            return await _shown(connection, weighing_id, actor)

        return await once(connection, actor, done, status=200)


async def _shown(
    connection: Connection, weighing_id: UUID, actor: Actor, as_of: datetime | None = None
) -> WeighingFullOut:
    rows = await weighings.list_weighings(connection, ids=[weighing_id], as_of=as_of, actor=actor)
    if not rows:
        raise NotFound
    signature = await weighings.signature_of(connection, weighing_id)
    return WeighingFullOut.model_validate(
        {
            **rows[0],
            "versions": [dict(row) for row in await weighings.versions_of(connection, weighing_id, as_of)],
            "signature": dict(signature) if signature else None,
        }
    )
