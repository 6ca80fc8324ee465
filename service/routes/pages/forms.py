"""Quarterly production forms for people: what the ledger knows beside what the mine says, filled in and signed off (R19)."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.actions import reports as deeds
from service.auth import may
from service.db import ConnectionDep, ReaderDep
from service.domain.permissions import Actor, reach
from service.domain.sheets import CellKind, Column
from service.domain.units import shanghai_day
from service.routes import forms
from service.routes.entries import Now
from service.routes.forms import FillsForms, FormSaid
from service.routes.pages.pages import show
from service.routes.pages.typed import entry_of, fields_of, in_tonnes, model_of, show_form
from service.store import pages as reads

router = APIRouter()

PAGE = 200
ReadsForms = Annotated[Actor, Depends(may("forms.read"))]
COLUMNS: Final = (
    Column("mined_kg", "本季开采量（吨）", "mined in the quarter (t)", CellKind.TONNES),
    Column("opening_stock_kg", "期初库存（吨）", "stock at the beginning (t)", CellKind.TONNES),
    Column("closing_stock_kg", "期末库存（吨）", "stock at the end (t)", CellKind.TONNES),
    Column("note", "说明", "note"),
)


@router.get("/forms")
async def list_forms(
    request: Request,
    connection: ReaderDep,
    actor: ReadsForms,
    at: Now,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    after: UUID | None = None,
) -> Response:
    """The forms of a year, and for mines the one that is to be begun."""
    today = shanghai_day(at)
    asked = year or today.year
    page = await forms.list_forms(connection, actor, year=asked, after=after, limit=PAGE)
    may_fill = reach(actor, "forms.fill") is not None
    return await show(
        request,
        connection,
        actor,
        "forms.html",
        year=asked,
        quarter=(today.month + 2) // 3,
        rows=page.items,
        following=page.next,
        mines=await reads.list_mines(connection, actor=actor) if may_fill else [],
    )


@router.post("/forms")
async def draw_form(
    mine_id: Annotated[UUID, Form()],
    year: Annotated[int, Form(ge=2000, le=2100)],
    quarter: Annotated[int, Form(ge=1, le=4)],
    connection: ConnectionDep,
    actor: FillsForms,
    at: Now,
) -> Response:
    """Begin a form with what the ledger knows, or read that into its draft anew."""
    form_id, _ = await deeds.draw_form(connection, mine_id, year, quarter, at=at, actor=actor)
    return RedirectResponse(f"/forms/{form_id}", 303)


@router.get("/forms/{form_id}")
async def show_production_form(form_id: UUID, request: Request, connection: ReaderDep, actor: ReadsForms) -> Response:
    """One form, to be filled in, signed and printed."""
    form = await forms.get_form(form_id, connection, actor)
    said = form.said.model_dump()
    return await show_form(
        request,
        connection,
        actor,
        "form.html",
        columns=COLUMNS,
        typed={
            name: value if name == "note" else in_tonnes(value) for name, value in said.items() if value is not None
        },
        form=form,
        may_fill=reach(actor, "forms.fill") is not None and form.signed_at is None,
    )


@router.post("/forms/{form_id}")
async def fill_form(form_id: UUID, request: Request, connection: ConnectionDep, actor: FillsForms, at: Now) -> Response:
    """Keep what the mine says; the button that signs keeps it first."""
    typed = await fields_of(request)
    said = model_of(entry_of(COLUMNS, typed), FormSaid)
    await deeds.fill_form(connection, form_id, said.model_dump(), at=at, actor=actor)
    if typed.get("sign") == "1":
        await deeds.sign_form(connection, form_id, at=at, actor=actor)
    return RedirectResponse(f"/forms/{form_id}", 303)
