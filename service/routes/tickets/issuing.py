"""Tickets that sellers ask for, one or many, in one batch with what others ask for meanwhile."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field, TypeAdapter
from starlette.datastructures import State

from service import problems
from service.actions import tickets as deeds
from service.actions.tickets import Order
from service.auth import may
from service.batcher import Batcher
from service.db import Connection, Door, database
from service.domain.permissions import Actor
from service.domain.refusals import Refusal
from service.routes.bodies import begins_with, described, read_body
from service.routes.idempotency import Answer, OnceDep
from service.routes.tickets.bodies import IssueOut, IssuesOut, TicketIn, TicketOut
from service.routes.tickets.shown import shown

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

MOST_TICKETS = 1_000
# Signing a code takes a tenth of a millisecond, in which nobody else of this process is answered.
MOST_IN_BATCH = 200
SLICE = 50
Issuing = Batcher[Order, UUID | Refusal]

_ONE: TypeAdapter[TicketIn] = TypeAdapter(TicketIn)
_MANY: TypeAdapter[list[TicketIn]] = TypeAdapter(
    Annotated[list[TicketIn], Field(min_length=1, max_length=MOST_TICKETS)]
)
_LIST = {"type": "array", "minItems": 1, "maxItems": MOST_TICKETS, "items": _ONE.json_schema()}
_BODY = {"oneOf": [_ONE.json_schema(), _LIST]}


def issuing_batcher(state: State) -> AbstractAsyncContextManager[Issuing]:
    """The batcher of this process: what is asked for meanwhile is issued in one transaction."""

    async def run(batch: list[Order]) -> Sequence[UUID | Refusal]:
        async with state.database.transaction() as connection:
            return await _issue(connection, batch, state)

    return Issuing(
        "tickets",
        run,
        most_in_batch=MOST_IN_BATCH,
        slice_size=SLICE,
        rerun_on=(asyncpg.IntegrityConstraintViolationError, asyncpg.DataError),
    ).running()


async def _issue(connection: Connection, orders: Sequence[Order], state: State) -> list[UUID | Refusal]:
    at = state.clock.now()
    policies = await state.rulebook.policies(at)
    return await deeds.issue_tickets(connection, orders, at=at, keys=state.keys, policies=policies)


@router.post("", status_code=201, response_model=TicketOut | IssuesOut, openapi_extra=described(_BODY))
async def issue_tickets(
    request: Request, once: OnceDep, actor: Annotated[Actor, Depends(may("tickets.issue"))]
) -> Response:
    """Issue one ticket, or each of a list that its contract or slip bears."""
    state = request.app.state
    is_list = await begins_with(request, b"[")
    asked = await read_body(request, _MANY) if is_list else [await read_body(request, _ONE)]
    orders = [Order(actor, one.wish()) for one in asked]

    async def answer(door: Door, issued: Sequence[UUID | Refusal]) -> Answer:
        if not is_list and isinstance(issued[0], Refusal):
            raise issued[0]
        ids = [one for one in issued if isinstance(one, UUID)]
        found = {ticket.id: ticket for ticket in await shown(door, request, actor, ids=ids, limit=len(ids))}
        if not is_list:
            return Answer(found[ids[0]], 201)
        results = [
            IssueOut(status="issued", ticket=found[one])
            if isinstance(one, UUID)
            else IssueOut(status="refused", problem=orjson.loads(orjson.dumps(problems.problem(one), default=str)))
            for one in issued
        ]
        return Answer(IssuesOut(results=results), 200)

    if once.key is None:
        issued = await state.issuing.submit(orders)
        async with database(request).transaction(readonly=True) as reader:
            return await once(reader, actor, lambda: answer(reader, issued))
    async with database(request).transaction() as connection:

        async def deed() -> Answer:
            return await answer(connection, await _issue(connection, orders, state))

        return await once(connection, actor, deed)
