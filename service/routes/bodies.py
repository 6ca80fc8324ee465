"""Bodies that are one thing or many: read in one pass, and told what is wrong where it stands."""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

Read = TypeVar("Read")


async def read_body(request: Request, adapter: TypeAdapter[Read]) -> Read:
    """The request's JSON body; raises RequestValidationError, which is answered with pointers."""
    if "json" not in request.headers.get("content-type", ""):
        raise RequestValidationError(
            [{"loc": ("body",), "type": "json-required", "msg": "须以 application/json 发送 / send application/json"}]
        )
    try:
        return adapter.validate_json(await request.body())
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


async def begins_with(request: Request, mark: bytes) -> bool:
    """Whether the body's first character is this one: `[` for a list."""
    return (await request.body()).lstrip()[:1] == mark


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """What the API's description says of a body that is read by hand."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
