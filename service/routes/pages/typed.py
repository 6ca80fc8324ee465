"""Forms that speak the words of the sheets: the same columns, the same checks, one row."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from service.db import Connection
from service.domain.grades import GRADES
from service.domain.permissions import Actor
from service.domain.refusals import MalformedBody, Refusal
from service.domain.sheets import BadCell, CellFault, CellKind, Column, value_of
from service.domain.units import Kilograms
from service.routes.bulk.reading import Entry, Sent, modelled
from service.routes.filings import Filings, Order
from service.routes.idempotency import Once
from service.routes.pages.pages import show
from service.routes.pages.returned import returned_to

Model = TypeVar("Model", bound=BaseModel)

TYPED_FORM = "application/x-www-form-urlencoded"
INPUTS: Mapping[CellKind, str] = {CellKind.DAY: "date", CellKind.MOMENT: "datetime-local"}


async def take_form_in(request: Request) -> None:
    """Read a form before its route takes a connection: nobody holds one while a form is on its way.

    Forms with files are taken in by their own routes, once it is known who sends them.
    """
    if request.headers.get("content-type", "").startswith(TYPED_FORM):
        await request.form()


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


def model_of(sent: Sent, model: type[Model]) -> Model:
    """What the form asks for; raises MalformedBody, which says of each field what is wrong with it."""
    good = modelled(sent, model)
    if not good:
        fields = {name: field for field, name in sent.columns.items()}
        raise MalformedBody(
            errors=[
                {"pointer": f"/{fields.get(one.column, one.column)}", "code": one.code, "detail": one.detail}
                for one in sent.entries[0].faults
            ]
        )
    return good[0][1]


async def filed(filings: Filings[Order], order: Order) -> UUID:
    """File what a form asks for, together with what comes through the API; no connection is held while it waits."""
    (told,) = await filings.submit([(order, None)])
    if isinstance(told, Refusal):
        raise told
    return told.id


async def show_form(
    request: Request,
    connection: Connection,
    actor: Actor,
    template: str,
    *,
    columns: Sequence[Column],
    typed: Mapping[str, str],
    beside: Mapping[str, str] = MappingProxyType({}),
    **context: Any,
) -> Response:
    """A form, as it is begun with what is `typed` for its reader; one that is returned with what was, and what is wrong with it."""
    returned = returned_to(request)
    return await show(
        request,
        connection,
        actor,
        template,
        columns=columns,
        typed=returned.kept(request.url.path) or typed,
        wrong=returned.wrong({column.field for column in columns}, beside),
        inputs=INPUTS,
        grades=GRADES,
        **context,
    )


def in_tonnes(kg: Kilograms | int) -> str:
    """Kilograms as a form takes them."""
    whole, rest = divmod(kg, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")
