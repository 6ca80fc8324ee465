"""Forms that speak the words of the sheets: the same columns, the same checks, one row."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from service.db import Connection
from service.domain.grades import GRADES
from service.domain.permissions import Actor
from service.domain.refusals import NotAllowed, NotFound, Refusal
from service.domain.sheets import BadCell, CellFault, CellKind, Column, value_of
from service.domain.units import Kilograms
from service.routes.bulk.reading import Entry, Sent, modelled
from service.routes.filings import Filings, Order
from service.routes.idempotency import Once
from service.routes.pages.pages import show

Model = TypeVar("Model", bound=BaseModel)
Done = TypeVar("Done")

INPUTS: Mapping[CellKind, str] = {CellKind.DAY: "date", CellKind.MOMENT: "datetime-local"}


async def fields_of(request: Request) -> dict[str, str]:
    """What was typed into a form."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


async def once_of(request: Request) -> Once:
    """The key that a form was opened with: sent twice it is done once, and with something else typed it is another."""
    typed = await fields_of(request)
    said = orjson.dumps({name: value for name, value in typed.items() if name != "csrf_token"})
    key = sha256(said).hexdigest() if typed.get("once") else None
    return Once(request, key, said)


FormOnceDep = Annotated[Once, Depends(once_of)]


def entry_of(columns: Sequence[Column], typed: Mapping[str, str]) -> Sent:
    """A form as a sheet of one row; what was left empty is not said."""
    entry = Entry(1, [], {})
    for column in columns:
        value = value_of(typed.get(column.field, ""), column.kind)
        if isinstance(value, BadCell):
            entry.faults.append(CellFault(column.zh, value.code, f"{value.zh} / {value.en}"))
        elif value is not None:
            entry.said[column.field] = value
        elif column.is_required:
            entry.faults.append(CellFault(column.zh, "missing", "缺少此项 / this is missing"))
    return Sent([], [entry], {column.field: column.zh for column in columns})


def model_of(sent: Sent, model: type[Model]) -> Model | None:
    """What the form asks for, or None where something is wrong with it."""
    good = modelled(sent, model)
    return good[0][1] if good else None


async def tried(door: Connection | AsyncSession, deed: Callable[[], Awaitable[Done]]) -> Done | Refusal:
    """Do a deed so that nothing of it stays when it is refused, although the page is answered.

    Raises what has no page to be shown on: NotFound for what is not the actor's to know of, NotAllowed.
    """
    try:
        async with door.begin_nested() if isinstance(door, AsyncSession) else door.transaction():
            return await deed()
    except Refusal as refusal:
        return with_a_page(refusal)


async def filed(filings: Filings[Order], order: Order) -> UUID | Refusal:
    """File what a form asks for, together with what comes through the API; no connection is held while it waits.

    Gives what was filed. Raises what has no page to be shown on, as `tried` does.
    """
    (told,) = await filings.submit([(order, None)])
    return with_a_page(told) if isinstance(told, Refusal) else told.id


async def show_form(
    request: Request,
    connection: Connection,
    actor: Actor,
    template: str,
    *,
    columns: Sequence[Column],
    typed: Mapping[str, str],
    faults: Sequence[CellFault] = (),
    refusal: Refusal | None = None,
    **context: Any,
) -> Response:
    """A form with what was typed, and beside each field what is wrong with it."""
    by_name = {column.zh: column.field for column in columns} | {column.field: column.field for column in columns}
    wrong: dict[str, list[str]] = {}
    for fault in faults:
        wrong.setdefault(by_name.get(fault.column, ""), []).append(fault.detail)
    answer = await show(
        request,
        connection,
        actor,
        template,
        refusal=refusal,
        columns=columns,
        typed=typed,
        wrong=wrong,
        inputs=INPUTS,
        grades=GRADES,
        **context,
    )
    if faults and not refusal:
        answer.status_code = 422
    return answer


def in_tonnes(kg: Kilograms | int) -> str:
    """Kilograms as a form takes them."""
    whole, rest = divmod(kg, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")


def with_a_page(refusal: Refusal) -> Refusal:
    """A refusal that is said on the page where it was typed; raises what has none: what is not the actor's to know or to do."""
    if type(refusal) in (NotFound, NotAllowed):
        raise refusal
    return refusal
