"""Allotments: drafted, consulted on, approved, issued, published, withdrawn."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.actions import allotments as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep, Record
from service.domain.allotments import Cause, Draft, Kind, State, Step
from service.domain.permissions import Actor
from service.keys import Purpose
from service.routes.entries import OF_THE_PAST, After, Limit, Now, PoliciesNow
from service.routes.fields import (
    AdjustmentKilograms,
    AsOf,
    Body,
    Day,
    DocumentNo,
    Flag,
    JurisdictionCode,
    Name,
    Quarter,
    Reason,
    UuidText,
    Year,
    refused,
)
from service.routes.idempotency import OnceDep
from service.store import allotments

router = APIRouter(prefix="/v1/allotments", tags=["quota"])


class HolderIn(Body):
    """Whom an allotment goes to: one of the four."""

    jurisdiction: JurisdictionCode | None = None
    mine_id: UuidText | None = None
    project_id: UuidText | None = None
    stock_id: UuidText | None = None

    @model_validator(mode="after")
    def is_one(self) -> Self:
        """An allotment has one holder."""
        if sum(value is not None for value in self.model_dump().values()) != 1:
            raise refused(
                "one-holder-required",
                "jurisdiction、mine_id、project_id、stock_id 须且只须填写一项",
                "give exactly one of jurisdiction, mine_id, project_id and stock_id",
            )
        return self


class AllotmentIn(Body):
    """An allotment as an office writes it; `from` null is the province's own issue."""

    year: Year
    quarter: Quarter | None = None
    kind: Kind
    source: JurisdictionCode | None = Field(alias="from")
    to: HolderIn
    kg: AdjustmentKilograms
    document_no: DocumentNo
    reason: Reason | None = None
    earmark: Name | None = None
    approved_by: UuidText | None = None
    cause: Cause | None = None
    application_id: UuidText | None = None
    issued_on: Day
    issue: Flag = False

    @model_validator(mode="after")
    def fits_its_kind(self) -> Self:
        """A total goes to a jurisdiction, approved tonnes to a project or stock; a quarter's tranche names it."""
        if self.kg < 0 and self.kind is not Kind.ADJUSTMENT:
            raise refused(
                "number-out-of-range", "只有调整（adjustment）可以为负数", "only an adjustment may be negative"
            )
        if self.cause is not None and self.kind is not Kind.ADJUSTMENT:
            raise refused("cause-malformed", "只有调整（adjustment）注明调整原因", "only an adjustment names a cause")
        if self.kind is Kind.TOTAL and self.to.jurisdiction is None:
            raise refused("holder-malformed", "总量指标（total）下达给行政区", "a total goes to a jurisdiction")
        if self.kind is Kind.APPROVED and self.to.project_id is None and self.to.stock_id is None:
            raise refused(
                "holder-malformed",
                "核准数量（approved）下达给项目或存量",
                "approved tonnes go to a project or a declared stock",
            )
        if self.kind in (Kind.BASE, Kind.MERIT) and self.quarter is None:
            raise refused(
                "quarter-required", "基础指标和差异化指标须注明季度", "a base or merit tranche names its quarter"
            )
        if (self.kind is Kind.SPECIAL) != (self.earmark is not None) and self.kind is not Kind.ADJUSTMENT:
            raise refused(
                "earmark-malformed",
                "专项指标（special）须注明用途（earmark），其他指标不得注明",
                "a special tranche names its earmark, and no other does",
            )
        return self

    def draft(self) -> Draft:
        """The draft that the rules judge."""
        own = self.model_dump(exclude={"to", "issue"})
        holder = self.to.model_dump()
        return Draft(**own, to_jurisdiction=holder.pop("jurisdiction"), **holder)


class StepIn(Body):
    """A step that an office takes, and the day of its document."""

    step: Step
    on: Day


class HolderOut(BaseModel):
    """Whom an allotment goes to."""

    jurisdiction: str | None = None
    mine_id: UUID | None = None
    project_id: UUID | None = None
    stock_id: UUID | None = None


class AllotmentOut(BaseModel):
    """An allotment as clients see it."""

    model_config = ConfigDict(serialize_by_alias=True)

    id: UUID
    state: State
    year: int
    quarter: int | None
    kind: Kind
    source: Annotated[str | None, Field(serialization_alias="from")]
    to: HolderOut
    kg: int
    document_no: str
    reason: str | None
    earmark: str | None
    approved_by: UUID | None
    issued_on: date | None
    suggested_kg: int | None
    cause: Cause | None
    application_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, row: Record | Mapping[str, Any]) -> Self:
        """An allotment's row as clients see it."""
        holder = {name: row[name] for name in ("mine_id", "project_id", "stock_id")}
        own: dict[str, Any] = {name: row[name] for name in cls.model_fields if name not in ("source", "to")}
        return cls(source=row["from_jurisdiction"], to=HolderOut(jurisdiction=row["to_jurisdiction"], **holder), **own)


class AllotmentsOut(BaseModel):
    """A page of allotments, oldest first."""

    items: list[AllotmentOut]
    next: UUID | None


@router.post("", status_code=201, response_model=AllotmentOut)
async def create_allotment(
    body: AllotmentIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("allotments.create"))],
    once: OnceDep,
    at: Now,
    policies: PoliciesNow,
) -> Response:
    """Write an allotment, and with `issue` issue it at once."""

    async def deed() -> AllotmentOut:
        sign = request.app.state.keys.current(Purpose.LEDGER)
        allotment_id = await deeds.create_allotment(
            connection, body.draft(), policies, issue=body.issue, at=at, sign=sign, actor=actor
        )
        return AllotmentOut.of(await allotments.find_allotment(connection, allotment_id, actor=actor))

    return await once(connection, actor, deed)


@router.get("")
async def list_allotments(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("allotments.read"))],
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    mine_id: UUID | None = None,
    state: State | None = None,
    after: After = None,
    limit: Limit = 50,
) -> AllotmentsOut:
    """The allotments that the actor may know of, oldest first."""
    rows = await allotments.list_allotments(
        connection, year=year, mine_id=mine_id, state=state, after=after, limit=limit, actor=actor
    )
    items = [AllotmentOut.of(row) for row in rows]
    return AllotmentsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{allotment_id}", dependencies=OF_THE_PAST)
async def show_allotment(
    allotment_id: UUID,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("allotments.read"))],
    as_of: AsOf = None,
) -> AllotmentOut:
    """One allotment, now or as it stood then."""
    if as_of is not None:
        return AllotmentOut.of(await deeds.as_it_stood(connection, allotment_id, as_of, actor=actor))
    return AllotmentOut.of(await allotments.find_allotment(connection, allotment_id, actor=actor))


@router.post("/{allotment_id}/steps")
async def take_step(
    allotment_id: UUID,
    body: StepIn,
    request: Request,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("allotments.step"))],
    once: OnceDep,
    at: Now,
    policies: PoliciesNow,
) -> Response:
    """Consult on, approve, issue, publish or withdraw an allotment."""

    async def deed() -> AllotmentOut:
        sign = request.app.state.keys.current(Purpose.LEDGER)
        await deeds.take_step(connection, allotment_id, body.step, body.on, policies, at=at, sign=sign, actor=actor)
        return AllotmentOut.of(await allotments.find_allotment(connection, allotment_id, actor=actor))

    return await once(connection, actor, deed, status=200)
