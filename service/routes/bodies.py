"""Bodies that are one thing or many: read in one pass, and told what is wrong where it stands."""

import asyncio
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

Read = TypeVar("Read")
LARGE_BYTES = 64 * 1024


async def read_body(request: Request, adapter: TypeAdapter[Read]) -> Read:
    """The request's JSON body; raises RequestValidationError, which is answered with pointers."""
    if "json" not in request.headers.get("content-type", ""):
        raise RequestValidationError(
            [{"loc": ("body",), "type": "json-required", "msg": "须以 application/json 发送 / send application/json"}]
        )
    body = await request.body()
    try:
        # A day's book takes long to read, and those who only ask something short must not wait for it.
        if len(body) < LARGE_BYTES:
            return adapter.validate_json(body)
        return await asyncio.to_thread(adapter.validate_json, body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


async def begins_with(request: Request, mark: bytes) -> bool:
    """Whether the body's first character is this one: `[` for a list."""
    return (await request.body()).lstrip()[:1] == mark


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """What the API's description says of a body that is read by hand."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
