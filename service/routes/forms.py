"""Quarterly production forms (季度生产情况登记表): the mine says what it knows beside what the ledger knows (R19)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel

from service.actions import reports as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep, Record
from service.domain.permissions import Actor
from service.routes.entries import After, Limit, Now
from service.routes.fields import Body, Quarter, Reason, SomeKilograms, UuidText, Year
from service.routes.idempotency import Answer, OnceDep
from service.store import reports

router = APIRouter(prefix="/v1/forms", tags=["reports"])

FillsForms = Annotated[Actor, Depends(may("forms.fill"))]


class FormIn(Body):
    """Whose form, of which quarter."""

    mine_id: UuidText
    year: Year
    quarter: Quarter


class FormSaid(Body):
    """What the mine knows itself; what is left out stays as it was."""

    mined_kg: SomeKilograms | None = None
    opening_stock_kg: SomeKilograms | None = None
    closing_stock_kg: SomeKilograms | None = None
    note: Reason | None = None


class FormKnown(BaseModel):
    """What the ledger knows: issued and used of the year, and what left in the quarter, by use."""

    issued_kg: int
    used_kg: int
    sale_kg: int
    own_use_kg: int
    unpapered_kg: int


class FormOut(BaseModel):
    """A production form; `as_of` is the snapshot of the ledger's figures."""

    id: UUID
    mine_id: UUID
    mine: str
    year: int
    quarter: int
    as_of: str
    known: FormKnown
    said: FormSaid
    signed_at: datetime | None
    signed_by: str | None

    @classmethod
    def of(cls, row: Record) -> "FormOut":
        """A form's row as clients see it."""
        return cls.model_validate({**row, "as_of": row["snapshot"]})


class FormsOut(BaseModel):
    """A page of forms, oldest first."""

    items: list[FormOut]
    next: UUID | None


@router.post("", status_code=201, response_model=FormOut)
async def draw_form(body: FormIn, connection: ConnectionDep, actor: FillsForms, once: OnceDep, at: Now) -> Response:
    """Draft a form: 201; or read the ledger's figures into its draft anew: 200."""

    async def deed() -> Answer:
        form_id, is_new = await deeds.draw_form(connection, body.mine_id, body.year, body.quarter, at=at, actor=actor)
        return Answer(await _one(connection, form_id, actor=actor), 201 if is_new else 200)

    return await once(connection, actor, deed)


@router.get("")
async def list_forms(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("forms.read"))],
    mine_id: UUID | None = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    quarter: Annotated[int | None, Query(ge=1, le=4)] = None,
    after: After = None,
    limit: Limit = 50,
) -> FormsOut:
    """The forms of the office's area or of the firm."""
    rows = await reports.list_forms(
        connection, mine_id=mine_id, year=year, quarter=quarter, after=after, limit=limit, actor=actor
    )
    items = [FormOut.of(row) for row in rows]
    return FormsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{form_id}")
async def get_form(
    form_id: UUID, connection: ReaderDep, actor: Annotated[Actor, Depends(may("forms.read"))]
) -> FormOut:
    """One form."""
    return await _one(connection, form_id, actor=actor)


@router.patch("/{form_id}")
async def fill_form(form_id: UUID, body: FormSaid, connection: ConnectionDep, actor: FillsForms, at: Now) -> FormOut:
    """Fill in what the mine knows."""
    said: dict[str, Any] = body.model_dump(exclude_unset=True)
    await deeds.fill_form(connection, form_id, said, at=at, actor=actor)
    return await _one(connection, form_id, actor=actor)


@router.post("/{form_id}/sign", response_model=FormOut)
async def sign_form(form_id: UUID, connection: ConnectionDep, actor: FillsForms, once: OnceDep, at: Now) -> Response:
    """Sign a form off: it stays as it is."""

    async def deed() -> FormOut:
        await deeds.sign_form(connection, form_id, at=at, actor=actor)
        return await _one(connection, form_id, actor=actor)

    return await once(connection, actor, deed, status=200)


async def _one(connection: Connection, form_id: UUID, *, actor: Actor) -> FormOut:
    return FormOut.of(await reports.find_form(connection, form_id, actor=actor))
