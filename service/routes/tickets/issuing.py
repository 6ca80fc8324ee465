"""Tickets that sellers ask for, one or many, in one batch with what others ask for meanwhile."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field, TypeAdapter
from starlette.datastructures import State

from service import problems
from service.actions import tickets as deeds
from service.actions.tickets import Order
from service.auth import may
from service.db import Connection, database
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import Refusal
from service.routes.bodies import begins_with, described, read_body
from service.routes.filings import Filings, file_one, filing_batcher
from service.routes.idempotency import Answer, Once, OnceDep, Said, each_once, response_of
from service.routes.tickets import shown
from service.routes.tickets.bodies import IssueOut, IssuesOut, TicketIn, TicketOut
from service.store import idempotency

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

MOST_TICKETS = 1_000
# Signing a code takes a tenth of a millisecond, in which nobody else of this process is answered.
MOST_IN_BATCH = 200
SLICE = 50

_ONE: TypeAdapter[TicketIn] = TypeAdapter(TicketIn)
_MANY: TypeAdapter[list[TicketIn]] = TypeAdapter(
    Annotated[list[TicketIn], Field(min_length=1, max_length=MOST_TICKETS)]
)
_LIST = {"type": "array", "minItems": 1, "maxItems": MOST_TICKETS, "items": _ONE.json_schema()}
_BODY = {"oneOf": [_ONE.json_schema(), _LIST]}
_ENTERED = Answer(IssuesOut(results=[]), 200)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ticket that somebody asks for by itself, or in a list, where a refusal is an answer like any other."""

    order: Order
    in_list: bool = False
    key: ClassVar[None] = None

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.order.actor

    def answer(self, issued: UUID | Refusal, known: Mapping[UUID, TicketOut]) -> Answer | Refusal:
        """What the asker hears of the ticket, or of why there is none."""
        if not self.in_list:
            return issued if isinstance(issued, Refusal) else Answer(known[issued], 201)
        if isinstance(issued, Refusal):
            problem = orjson.loads(orjson.dumps(problems.problem(issued), default=str))
            return Answer(IssueOut(status="refused", problem=problem), 200)
        return Answer(IssueOut(status="issued", ticket=known[issued]), 200)


def issuing_batcher(state: State) -> AbstractAsyncContextManager[Filings[Wanted]]:
    """The batcher of this process: what is asked for meanwhile is issued in one transaction."""

    async def issue(
        connection: Connection, wanted: Sequence[Wanted], policies: Policies, at: datetime
    ) -> list[Answer | Refusal]:
        orders = [one.order for one in wanted]
        issued = await deeds.issue_tickets(connection, orders, at=at, keys=state.keys, policies=policies)
        known = await shown.issued(connection, state, [one for one in issued if isinstance(one, UUID)])
        return [one.answer(told, known) for one, told in zip(wanted, issued, strict=True)]

    return filing_batcher(state, "tickets", issue, most_in_batch=MOST_IN_BATCH, slice_size=SLICE, is_steady=True)


@router.post("", status_code=201, response_model=TicketOut | IssuesOut, openapi_extra=described(_BODY))
async def issue_tickets(
    request: Request, once: OnceDep, actor: Annotated[Actor, Depends(may("tickets.issue"))]
) -> Response:
    """Issue one ticket, or each of a list that its contract or slip bears."""
    if await begins_with(request, b"["):
        wanted = [Wanted(Order(actor, one.wish()), in_list=True) for one in await read_body(request, _MANY)]
        return await _issue_list(request, once, wanted, actor=actor)
    body = await read_body(request, _ONE)
    return await file_one(request.app.state.issuing, once, Wanted(Order(actor, body.wish())))


async def _issue_list(request: Request, once: Once, wanted: Sequence[Wanted], *, actor: Actor) -> Response:
    """The answer to a list, which is issued over several batches, so that its key is kept with each of its tickets.

    The list itself is entered first, with the hash of its body: another list under its key is told so, and the same one
    again, also after a crash, is given what was issued, and what was not is issued.
    """
    state = request.app.state
    asked = await once.asked(actor)
    if asked:

        async def enter(_: Sequence[int]) -> list[Answer]:
            return [_ENTERED]

        async with database(request).transaction() as connection:
            await idempotency.wait_for(connection, asked.mark)
            (entered,) = await each_once(connection, [asked], enter, at=state.clock.now())
        if isinstance(entered, Refusal) or entered.text != _ENTERED.body.model_dump_json():
            return response_of(entered)  # other than entered: an answer that an older version has kept as a whole
    parts = [asked and asked.part(number) for number in range(len(wanted))]
    told: list[Said] = []
    for one in await state.issuing.submit(list(zip(wanted, parts, strict=True))):
        if isinstance(one, Refusal):
            raise one
        told.append(one)
    text = f'{{"results":[{",".join(one.text for one in told)}]}}'
    return response_of(Said(text, 200, is_replayed=all(one.is_replayed for one in told)))
