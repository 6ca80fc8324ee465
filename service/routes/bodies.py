"""Bodies that are one thing or many: read in one pass, and told what is wrong where it stands."""

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from service.threads import LARGE_BYTES, PIECE, give_way, in_thread

Read = TypeVar("Read")
Made = TypeVar("Made")


async def read_body(request: Request, adapter: TypeAdapter[Read]) -> Read:
    """The request's JSON body; raises RequestValidationError, which is answered with pointers."""
    return await read_body_as(request, adapter, lambda read: read)


async def read_body_as(request: Request, adapter: TypeAdapter[Read], make: Callable[[Read], Made]) -> Made:
    """What is made of the request's JSON body; raises RequestValidationError, which is answered with pointers."""
    return await _read(request, lambda body: make(adapter.validate_json(body)))


async def read_in_pieces(
    request: Request, adapter: TypeAdapter[Read], member: str, make: Callable[[Read], list[Made]], *, at_most: int
) -> list[Made]:
    """As `read_body_as`; a large body is read as if its list `member` had come in pieces, with a rest between them.

    At most so many stand in the list as a whole, which no piece can say.
    """

    def work(body: bytes) -> list[Made]:
        whole = orjson.loads(body) if len(body) >= LARGE_BYTES else None
        if not isinstance(whole, dict) or not isinstance(whole.get(member), list) or len(whole[member]) > at_most:
            return make(adapter.validate_json(body))
        items = whole[member]
        made: list[Made] = []
        try:
            for start in range(0, len(items), PIECE):
                give_way()
                piece = {**whole, member: items[start : start + PIECE]}
                made += make(adapter.validate_json(orjson.dumps(piece)))
        except (ValidationError, orjson.JSONEncodeError):
            return make(adapter.validate_json(body))  # says where in the whole the fault is
        return made

    return await _read(request, work)


async def _read(request: Request, work: Callable[[bytes], Made]) -> Made:
    if "json" not in request.headers.get("content-type", "").lower():
        raise RequestValidationError(
            [{"loc": ("body",), "type": "json-required", "msg": "须以 application/json 发送 / send application/json"}]
        )
    body = await request.body()
    try:
        # A day's book takes long to read, and those who only ask something short must not wait for it.
        return work(body) if len(body) < LARGE_BYTES else await in_thread(lambda: work(body))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


async def begins_with(request: Request, mark: bytes) -> bool:
    """Whether the body's first character is this one: `[` for a list."""
    return (await request.body()).lstrip()[:1] == mark


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """What the API's description says of a body that is read by hand."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
