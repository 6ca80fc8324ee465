"""Permitted uses of special quota, cuts, successions of rights, and closed periods."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.actions import rights as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep, Record
from service.domain.assessments import end_of
from service.domain.permissions import Actor
from service.domain.policies import Policies, stated
from service.keys import Purpose
from service.routes.entries import Now, PoliciesNow
from service.routes.fields import Body, Day, DocumentNo, Name, Quarter, Reason, UuidText, Year
from service.routes.idempotency import OnceDep
from service.store import rights

router = APIRouter(prefix="/v1", tags=["quota"])

MOST_MINES = 50
MOST_PARTS = 1_000_000


class UseIn(Body):
    """A firm that may use special quota of an earmark."""

    earmark: Name
    enterprise_id: UuidText
    document_no: DocumentNo


class UseOut(BaseModel):
    """A permitted use."""

    earmark: str
    enterprise_id: UUID
    enterprise: str
    document_no: str
    recorded_at: datetime


class UsesOut(BaseModel):
    """The permitted uses, by earmark."""

    items: list[UseOut]
    next: None = None


class CutIn(Body):
    """By which share a mine's year is cut."""

    mine_id: UuidText
    year: Year
    share: Annotated[str, Field(pattern=r"^(0\.\d{1,6}|1)$", examples=["0.2"])]
    reason: Reason
    document_no: DocumentNo


class CutOut(BaseModel):
    """A cut of a mine's year."""

    id: UUID
    mine_id: UUID
    mine: str
    year: int
    share: Decimal
    reason: str
    document_no: str
    recorded_at: datetime


class CutsOut(BaseModel):
    """The cuts of the office's area or the firm's mines."""

    items: list[CutOut]
    next: None = None


class SuccessorIn(Body):
    """A mine that takes over, and its part."""

    mine_id: UuidText
    parts: Annotated[int, Field(ge=1, le=MOST_PARTS, strict=True)] = 1


class SuccessionIn(Body):
    """Mines whose rights pass on, and the mines that they pass to, by parts."""

    predecessors: Annotated[list[UuidText], Field(min_length=1, max_length=MOST_MINES)]
    successors: Annotated[list[SuccessorIn], Field(min_length=1, max_length=MOST_MINES)]
    on: Day
    reason: Reason
    document_no: DocumentNo


class SuccessionOut(BaseModel):
    """What passed from one mine to another."""

    id: UUID
    act: UUID
    from_mine: UUID
    from_name: str
    to_mine: UUID
    to_name: str
    parts: int
    moved_kg: int
    year: int
    succeeded_on: date
    reason: str
    document_no: str
    recorded_at: datetime


class SuccessionsOut(BaseModel):
    """Who has taken over whose right."""

    items: list[SuccessionOut]
    next: None = None


class ClosingIn(Body):
    """The quarter, or the year, that is closed."""

    year: Year
    quarter: Quarter | None = None
    document_no: DocumentNo


class ClosingOut(BaseModel):
    """A closed period: what lapsed, was withdrawn, went on, and what was beyond its quota is charged to the next year."""

    id: UUID
    year: int
    quarter: int | None
    lapsed_kg: int
    withdrawn_kg: int
    carried_kg: int
    charged_kg: int
    document_no: str
    closed_at: datetime
    policies: dict[str, Any]

    @classmethod
    def of(cls, row: Record, in_force: Policies) -> "ClosingOut":
        """A closing, with the values that it went by: those of the period's last day."""
        then = in_force.on(end_of((row["year"], row["quarter"] or 4)))
        return cls(**dict(row), policies=stated(then, "carry_quarters", "carry_years", "carry_overdraw"))


class ClosingsOut(BaseModel):
    """The closed periods."""

    items: list[ClosingOut]
    next: None = None


@router.post("/earmarks", status_code=201, response_model=UsesOut)
async def permit_use(
    body: UseIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("earmarks.permit"))],
    once: OnceDep,
    at: Now,
) -> Response:
    """Permit a firm to use special quota; ore of that earmark that goes elsewhere is misused (R25)."""

    async def deed() -> UsesOut:
        await deeds.permit_use(connection, **body.model_dump(), at=at, actor=actor)
        rows = await rights.list_uses(connection)
        return UsesOut(items=[UseOut.model_validate(dict(row)) for row in rows if row["earmark"] == body.earmark])

    return await once(connection, actor, deed)


@router.get("/earmarks")
async def list_uses(connection: ReaderDep, actor: Annotated[Actor, Depends(may("earmarks.read"))]) -> UsesOut:
    """Who may use which special quota, as far as it concerns the actor."""
    rows = await rights.list_uses(connection)
    seen = [row for row in rows if actor.enterprise_id in (None, row["enterprise_id"])]
    return UsesOut(items=[UseOut.model_validate(dict(row)) for row in seen])


@router.post("/cuts", status_code=201, response_model=CutsOut)
async def cut_year(
    body: CutIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("cuts.decide"))],
    once: OnceDep,
    at: Now,
) -> Response:
    """Cut what a mine's tranches of a year may reach, by a share and with a reason (R25)."""

    async def deed() -> CutsOut:
        said = {**body.model_dump(), "share": Decimal(body.share)}
        await deeds.cut_year(connection, **said, at=at, actor=actor)
        rows = await rights.list_cuts(connection, actor=actor)
        return CutsOut(items=[CutOut.model_validate(dict(row)) for row in rows if row["mine_id"] == body.mine_id])

    return await once(connection, actor, deed)


@router.get("/cuts")
async def list_cuts(connection: ReaderDep, actor: Annotated[Actor, Depends(may("cuts.read"))]) -> CutsOut:
    """The cuts of the office's area or the firm's mines."""
    rows = await rights.list_cuts(connection, actor=actor)
    return CutsOut(items=[CutOut.model_validate(dict(row)) for row in rows])


@router.post("/successions", status_code=201, response_model=SuccessionsOut)
async def succeed(
    body: SuccessionIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("successions.decide"))],
    policies: PoliciesNow,
    once: OnceDep,
    at: Now,
) -> Response:
    """Let mines' rights pass to others by parts; what they have not spent passes with them, to the kilogram (E26)."""

    async def deed() -> SuccessionsOut:
        act = await deeds.succeed(
            connection,
            body.predecessors,
            [(one.mine_id, one.parts) for one in body.successors],
            policies,
            on=body.on,
            reason=body.reason,
            document_no=body.document_no,
            at=at,
            sign=request.app.state.keys.current(Purpose.LEDGER),
            actor=actor,
        )
        rows = await rights.list_successions(connection, actor=actor)
        return SuccessionsOut(items=[SuccessionOut.model_validate(dict(row)) for row in rows if row["act"] == act])

    return await once(connection, actor, deed)


@router.get("/successions")
async def list_successions(
    connection: ReaderDep, actor: Annotated[Actor, Depends(may("successions.read"))], mine_id: UUID | None = None
) -> SuccessionsOut:
    """Who has taken over whose right, as far as it concerns the actor."""
    rows = await rights.list_successions(connection, mine_id=mine_id, actor=actor)
    return SuccessionsOut(items=[SuccessionOut.model_validate(dict(row)) for row in rows])


@router.post("/closings", status_code=201, response_model=ClosingOut)
async def close_period(
    body: ClosingIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("closings.decide"))],
    policies: PoliciesNow,
    once: OnceDep,
    at: Now,
) -> Response:
    """Close a quarter or a year that has ended: what is left lapses, goes on, or is withdrawn (R16, R25, E28)."""

    async def deed() -> ClosingOut:
        sign = request.app.state.keys.current(Purpose.LEDGER)
        await deeds.close_period(connection, **body.model_dump(), policies=policies, at=at, sign=sign, actor=actor)
        rows = await rights.list_closings(connection)
        return next(
            ClosingOut.of(row, policies) for row in rows if (row["year"], row["quarter"]) == (body.year, body.quarter)
        )

    return await once(connection, actor, deed)


@router.get("/closings")
async def list_closings(
    connection: ReaderDep, actor: Annotated[Actor, Depends(may("closings.read"))], policies: PoliciesNow
) -> ClosingsOut:
    """The closed periods."""
    rows = await rights.list_closings(connection)
    return ClosingsOut(items=[ClosingOut.of(row, policies) for row in rows])
