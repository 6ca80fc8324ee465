"""What scales say: one record or a day's book of them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.datastructures import State

from service import problems
from service.actions import weighings as actions
from service.actions.weighings import Sent, Weighed, weigh_all, weigh_some
from service.auth import may
from service.batcher import Batcher
from service.db import database
from service.domain.permissions import Actor
from service.domain.refusals import Busy, NotAllowed
from service.ids import quick
from service.keys import Purpose
from service.routes.bodies import described, read_body, read_body_as, read_in_pieces
from service.routes.idempotency import OnceDep
from service.routes.records import Moment, RecordIn
from service.routes.signed import MARK, SignedIn, read_lines
from service.store.ledger import Memory
from service.threads import PIECE, give_way, in_thread

router = APIRouter(prefix="/v1/weighings", tags=["weighings"])

MOST_RECORDS = 5_000
MOST_IN_BATCH = 400
AT_ONCE = 2
SLICE = 100
SHORT = 32  # results: such an answer is written sooner than a thread has been woken
Weighings = Batcher[Sent, Weighed]


class SendingIn(BaseModel):
    """Records with the device's clock at sending, by which its offset is measured."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sent_at: Moment | None = None
    records: Annotated[list[RecordIn], Field(min_length=1, max_length=MOST_RECORDS)]


class MixedIn(BaseModel):
    """Records of which devices have signed some: each is read by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sent_at: Moment | None = None
    records: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_RECORDS)]


class ResultOut(BaseModel):
    """What became of a record."""

    id: UUID
    status: Literal["accepted", "duplicate", "refused"]
    movement_ids: list[UUID]
    flags: list[str]
    duplicate_of: UUID | None
    problem: dict[str, Any] | None


class ResultsOut(BaseModel):
    """What became of each record, in order."""

    results: list[ResultOut]


_ONE: TypeAdapter[RecordIn] = TypeAdapter(RecordIn)
_MANY: TypeAdapter[SendingIn] = TypeAdapter(SendingIn)
_MIXED: TypeAdapter[MixedIn] = TypeAdapter(MixedIn)
_BARE: TypeAdapter[SignedIn] = TypeAdapter(SignedIn)
_LINE = {"oneOf": [_ONE.json_schema(), _BARE.json_schema()]}
_BODY = {
    "oneOf": [
        *_LINE["oneOf"],
        {
            "type": "object",
            "required": ["records"],
            "properties": {
                "sent_at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
                "records": {"type": "array", "minItems": 1, "maxItems": MOST_RECORDS, "items": _LINE},
            },
        },
    ]
}


def weighing_batcher(state: State) -> AbstractAsyncContextManager[Weighings]:
    """The batcher of this process: what waits is weighed in one transaction."""

    memory = Memory()

    async def run(batch: list[Sent]) -> Sequence[Weighed]:
        return await _weigh(state, batch, memory, is_patient=False, goes_on=batcher.goes_on_with_few)

    async def run_many(batch: list[Sent]) -> Sequence[Weighed]:
        return await _weigh(state, batch, memory, is_patient=True, goes_on=batcher.goes_on_with_many)

    batcher = Weighings(
        "weighings",
        run,
        action_of_many=run_many,
        at_once=AT_ONCE,
        most_in_batch=MOST_IN_BATCH,
        slice_size=SLICE,
        rest=state.database.rest,
    )
    return batcher.running()


async def rehearse(state: State) -> None:
    """Open the connections of the batches, and have their sentences planned: the first trucks of a day need not wait for that.

    With a full disk they will have to.
    """

    async def one(*, is_patient: bool) -> None:
        async with state.database.steady_transaction(is_patient=is_patient) as connection:
            await actions.rehearse(connection, at=state.clock.now(), sign=state.keys.current(Purpose.LEDGER))

    with suppress(Busy):
        await asyncio.gather(*(one(is_patient=is_patient) for is_patient in (False, True) for _ in range(AT_ONCE)))


async def _weigh(
    state: State,
    batch: list[Sent],
    memory: Memory,
    *,
    is_patient: bool,
    goes_on: Callable[[], bool],
) -> Sequence[Weighed]:
    async with state.database.steady_transaction(is_patient=is_patient, goes_on=goes_on) as connection:
        return await weigh_some(
            connection,
            batch,
            at=state.clock.now(),
            sign=state.keys.current(Purpose.LEDGER),
            policies=await state.rulebook.policies(state.clock.now()),
            memory=memory,
        )


@router.post("", response_model=ResultsOut, openapi_extra=described(_BODY))
async def record_weighings(
    request: Request, once: OnceDep, actor: Annotated[Actor, Depends(may("weighings.record"))]
) -> Response:
    """Keep what this station's scale said; nothing that a truck can weigh is refused, and a repeated record is told once."""
    state = request.app.state
    sent = await read_sent(request, actor)
    if once.key is None:
        weighed = await state.weighings.submit(sent)
        answer = _answer(weighed) if len(weighed) <= SHORT else await in_thread(lambda: _answer(weighed))
        return Response(answer, media_type="application/json")

    async with database(request).steady_transaction(is_patient=len(sent) > SHORT) as connection:

        async def deed() -> ResultsOut:
            weighed = await weigh_all(
                connection,
                sent,
                at=state.clock.now(),
                sign=state.keys.current(Purpose.LEDGER),
                policies=await state.rulebook.policies(state.clock.now()),
            )
            return ResultsOut.model_validate({"results": [_result(one) for one in weighed]})

        return await once(connection, actor, deed, status=200)


async def read_sent(request: Request, actor: Actor) -> list[Sent]:
    """The records of a request, with whose they are; raises NotAllowed for who is no station."""
    if actor.station_id is None:
        raise NotAllowed
    raw = await request.body()
    if MARK in raw:
        return await _read_signed(request, actor.station_id, actor.person_id, has_many=b'"records"' in raw)
    at: datetime = request.app.state.clock.now()
    station_id, person_id = quick(actor.station_id), quick(actor.person_id)

    def of_many(sending: SendingIn) -> list[Sent]:
        offset = _offset(at, sending.sent_at)
        return [Sent(station_id, person_id, offset, record.record()) for record in sending.records]

    def of_one(record: RecordIn) -> list[Sent]:
        return [Sent(station_id, person_id, timedelta(), record.record())]

    if b'"records"' in raw:
        return await read_in_pieces(request, _MANY, "records", of_many, at_most=MOST_RECORDS)
    return await read_body_as(request, _ONE, of_one)


async def _read_signed(request: Request, station_id: UUID, person_id: UUID, *, has_many: bool) -> list[Sent]:
    if has_many:
        sending = await read_body(request, _MIXED)
        offset = _offset(request.app.state.clock.now(), sending.sent_at)
        lines = await read_lines(request, sending.records, _ONE, station_id, within=("records",))
    else:
        bare = await read_body(request, _BARE)
        offset = timedelta()
        lines = await read_lines(request, [bare.model_dump()], _ONE, station_id, within=())
    return [
        Sent(station_id, person_id, offset, line.record.record(), line.device_id, line.jws, line.refusal)
        for line in lines
    ]


def _offset(at: datetime, sent_at: datetime | None) -> timedelta:
    return at - sent_at if sent_at else timedelta()


def _answer(weighed: Sequence[Weighed]) -> bytes:
    """The results as JSON, with a rest after each piece of many."""
    pieces = []
    for start in range(0, len(weighed), PIECE):
        if start:
            give_way()
        pieces.append(orjson.dumps([_result(one) for one in weighed[start : start + PIECE]], default=str)[1:-1])
    return b'{"results":[' + b",".join(pieces) + b"]}"


def _result(weighed: Weighed) -> dict[str, Any]:
    return {
        "id": weighed.id,
        "status": weighed.status,
        "movement_ids": weighed.movement_ids,
        "flags": weighed.flags,
        "duplicate_of": weighed.duplicate_of,
        "problem": problems.problem(weighed.refusal) if weighed.refusal else None,
    }
