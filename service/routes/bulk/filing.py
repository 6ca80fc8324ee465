"""The doors of bulk filing, and what they answer."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import orjson
import structlog
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from redis.exceptions import RedisError
from uuid_utils.compat import uuid7

from service.actions import bulk as deeds
from service.actions import contracts, slips
from service.auth import may
from service.db import database
from service.domain.bulk import NoSuchFaultyRows, NumberTwice, RowOutcome, RowStatus
from service.domain.filings import Slip
from service.domain.permissions import Actor
from service.domain.refusals import Busy, NotFound
from service.domain.sheets import COLUMNS, WHAT_TO_DO
from service.keys import Purpose
from service.problems import problem
from service.routes.bulk.reading import Entry, Sent, modelled, name_contracts, name_slips, name_tickets, read_rows
from service.routes.contracts import ContractIn
from service.routes.slips import SlipIn
from service.routes.tickets import TicketIn
from service.routes.uploads import UPLOADED
from service.sheets import MEDIA_TYPES, write_sheet

router = APIRouter(prefix="/v1/bulk", tags=["bulk"])
log = structlog.get_logger(__name__)
Named = TypeVar("Named", bound=BaseModel)

FAULTY_SECONDS = 24 * 3600
Form = Annotated[Literal["csv", "xlsx"], Query(alias="format")]
DryRun = Annotated[bool, Query(description="judge every row and keep nothing")]
_SENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"rows": {"type": "array", "items": {"type": "object"}, "maxItems": 5_000}},
                }
            },
            "text/csv": {"schema": {"type": "string"}},
            **UPLOADED["requestBody"]["content"],  # type: ignore[dict-item]
        },
    }
}


class Kind(StrEnum):
    """What can be filed in bulk."""

    CONTRACTS = "contracts"
    SLIPS = "slips"
    TICKETS = "tickets"


class CellFaultOut(BaseModel):
    """What is wrong with one cell, in both languages."""

    column: str
    code: str
    detail: str


class RowOut(BaseModel):
    """What became of one row: `row` is its line in the sheet (the head is 1), or its place in a JSON list."""

    row: int
    status: RowStatus
    id: UUID | None
    problem: dict[str, Any] | None
    errors: list[CellFaultOut]


class FaultyOut(BaseModel):
    """Where the faulty rows are for a day, with a column that says what to do."""

    csv: str
    xlsx: str


class BulkOut(BaseModel):
    """What became of all rows."""

    kind: Kind
    dry_run: bool
    rows: int
    done: int
    unchanged: int
    refused: int
    results: list[RowOut]
    faulty: FaultyOut | None


@router.post("/contracts", response_model=BulkOut, openapi_extra=_SENT)
async def file_contracts(
    request: Request, actor: Annotated[Actor, Depends(may("contracts.file"))], dry_run: DryRun = False
) -> BulkOut:
    """File the caller's side of many contracts; sent again it does nothing twice."""
    return await bulk_file(request, Kind.CONTRACTS, dry_run=dry_run, actor=actor)


@router.post("/slips", response_model=BulkOut, openapi_extra=_SENT)
async def file_slips(
    request: Request, actor: Annotated[Actor, Depends(may("slips.file"))], dry_run: DryRun = False
) -> BulkOut:
    """File many handover slips; sent again it does nothing twice."""
    return await bulk_file(request, Kind.SLIPS, dry_run=dry_run, actor=actor)


@router.post("/tickets", response_model=BulkOut, openapi_extra=_SENT)
async def issue_tickets(
    request: Request, actor: Annotated[Actor, Depends(may("tickets.issue"))], dry_run: DryRun = False
) -> BulkOut:
    """Issue many tickets; the same row sent again within 30 days is the same ticket."""
    return await bulk_file(request, Kind.TICKETS, dry_run=dry_run, actor=actor)


@router.get("/template", response_class=Response)
async def show_template(
    actor: Annotated[Actor, Depends(may("contracts.read"))], kind: Kind = Kind.CONTRACTS, form: Form = "xlsx"
) -> Response:
    """An empty sheet with the right head; its columns are text, so that codes keep their digits."""
    content = await write_sheet(form, [column.head for column in COLUMNS[kind]], [])
    return as_file(content, form, f"{kind}-template")


@router.get("/faulty/{bulk_id}", response_class=Response)
async def show_faulty(
    bulk_id: UUID,
    request: Request,
    actor: Annotated[Actor, Depends(may("contracts.file"))],
    form: Form = "csv",
) -> Response:
    """The rows of a sheet that were refused, as they were sent, with a column that says what to do."""
    try:
        kept = await request.app.state.cache.commands.get(_key(actor, bulk_id))
    except (RedisError, OSError) as error:
        log.warning("The faulty rows cannot be read", error=str(error))
        raise Busy from error
    if kept is None:
        raise NoSuchFaultyRows
    table = orjson.loads(kept)
    content = await write_sheet(form, table["head"], table["rows"])
    return as_file(content, form, f"{table['kind']}-{bulk_id}")


def as_file(content: bytes, form: str, name: str) -> Response:
    """A table to be saved."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


async def bulk_file(request: Request, kind: Kind, *, dry_run: bool, actor: Actor) -> BulkOut:
    """Read the rows, file those that can be read, and keep the faulty ones for their sender."""
    firm = actor.enterprise_id
    if firm is None:
        raise NotFound
    sent = await read_rows(request, kind)
    is_sheet = "json" not in request.headers.get("content-type", "")
    outcomes = await _DEEDS[kind](request, sent, is_sheet, firm, dry_run, actor)
    outcomes += [
        RowOutcome(entry.row, RowStatus.REFUSED, faults=tuple(entry.faults)) for entry in sent.entries if entry.faults
    ]
    outcomes.sort(key=lambda outcome: outcome.row)
    return BulkOut(
        kind=kind,
        dry_run=dry_run,
        rows=len(outcomes),
        **{status.value: sum(one.status is status for one in outcomes) for status in RowStatus},
        results=[_shown(outcome) for outcome in outcomes],
        faulty=await _keep_faulty(request, kind, sent, outcomes, actor),
    )


async def _contracts(
    request: Request, sent: Sent, is_sheet: bool, firm: UUID, dry_run: bool, actor: Actor
) -> list[RowOutcome]:
    state = request.app.state
    if is_sheet:
        async with database(request).transaction(readonly=True) as connection:
            await name_contracts(connection, sent)
    rows, outcomes = _each_number_once(modelled(sent, ContractIn), lambda body: (body.seller_id, body.number))
    filed = await deeds.file_contract_rows(
        database(request),
        [(entry.row, contracts.Order(actor, body.number, body.terms(), body.for_both)) for entry, body in rows],
        dry_run=dry_run,
        at=state.clock.now(),
        policies=await state.rulebook.policies(state.clock.now()),
    )
    return [*outcomes, *filed]


async def _slips(
    request: Request, sent: Sent, is_sheet: bool, firm: UUID, dry_run: bool, actor: Actor
) -> list[RowOutcome]:
    state = request.app.state
    if is_sheet:
        async with database(request).transaction(readonly=True) as connection:
            await name_slips(connection, sent, firm)
    rows, outcomes = _each_number_once(modelled(sent, SlipIn), lambda body: body.number)
    filed = await deeds.file_slip_rows(
        database(request),
        [(entry.row, slips.Order(actor, Slip(**body.model_dump()))) for entry, body in rows],
        dry_run=dry_run,
        at=state.clock.now(),
        sign=state.keys.current(Purpose.LEDGER),
        policies=await state.rulebook.policies(state.clock.now()),
    )
    return [*outcomes, *filed]


async def _tickets(
    request: Request, sent: Sent, is_sheet: bool, firm: UUID, dry_run: bool, actor: Actor
) -> list[RowOutcome]:
    state = request.app.state
    if is_sheet:
        async with database(request).transaction(readonly=True) as connection:
            await name_tickets(connection, sent, firm)
    return await deeds.issue_rows(
        database(request),
        [(entry.row, body.wish()) for entry, body in modelled(sent, TicketIn)],
        dry_run=dry_run,
        at=state.clock.now(),
        keys=state.keys,
        policies=await state.rulebook.policies(state.clock.now()),
        actor=actor,
    )


_DEEDS = {Kind.CONTRACTS: _contracts, Kind.SLIPS: _slips, Kind.TICKETS: _tickets}


def _each_number_once(
    rows: Sequence[tuple[Entry, Named]], key: Callable[[Named], object]
) -> tuple[list[tuple[Entry, Named]], list[RowOutcome]]:
    """The rows that are to be filed, and the refusals of those whose number an earlier row has with other contents.

    Filed one after the other, the later would be taken for a new version of the earlier.
    """
    first: dict[object, tuple[int, Named]] = {}
    kept, refused = [], []
    for entry, body in rows:
        row, other = first.setdefault(key(body), (entry.row, body))
        if other == body:
            kept.append((entry, body))
        else:
            refused.append(RowOutcome(entry.row, RowStatus.REFUSED, refusal=NumberTwice(row=row)))
    return kept, refused


def _shown(outcome: RowOutcome) -> RowOut:
    return RowOut(
        row=outcome.row,
        status=outcome.status,
        id=outcome.id,
        problem=problem(outcome.refusal) if outcome.refusal else None,
        errors=[CellFaultOut(column=one.column, code=one.code, detail=one.detail) for one in outcome.faults],
    )


async def _keep_faulty(
    request: Request, kind: Kind, sent: Sent, outcomes: Sequence[RowOutcome], actor: Actor
) -> FaultyOut | None:
    """Keep the rows that were refused for a day, and say where; what is lost sooner is sent again."""
    told = {outcome.row: outcome.what_to_do for outcome in outcomes if outcome.status is RowStatus.REFUSED}
    if not told:
        return None
    places = [place for place, name in enumerate(sent.head) if name != WHAT_TO_DO]
    table = {
        "kind": kind,
        "head": [*(sent.head[place] for place in places), WHAT_TO_DO],
        "rows": [
            [*(entry.cells[place] if place < len(entry.cells) else None for place in places), told[entry.row]]
            for entry in sent.entries
            if entry.row in told
        ],
    }
    bulk_id = uuid7()
    try:
        await request.app.state.cache.commands.set(_key(actor, bulk_id), orjson.dumps(table), ex=FAULTY_SECONDS)
    except (RedisError, OSError) as error:
        log.warning("The faulty rows could not be kept", error=str(error))
        return None
    path = f"/v1/bulk/faulty/{bulk_id}?format="
    return FaultyOut(csv=f"{path}csv", xlsx=f"{path}xlsx")


def _key(actor: Actor, bulk_id: UUID) -> str:
    return f"bulk:{actor.scope}:{bulk_id}"
