"""Bodies with records that devices have signed, each beside plain ones: taken apart, then held against the devices' keys."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.db import database
from service.domain.devices import Device, Signed, take_apart
from service.domain.refusals import Refusal
from service.store.devices import find_devices
from service.threads import LARGE_BYTES, in_thread

MARK = b'"jws"'
Record = TypeVar("Record")
Given = TypeVar("Given")


class SignedIn(BaseModel):
    """A record as its device has signed it: a compact JWS by EdDSA (RFC 7515, RFC 8037), `kid` the device's id."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    jws: Annotated[str, Field(max_length=16_000)]


_NO_JWS = "须为紧凑 JWS：EdDSA，kid 为设备编号 / must be a compact JWS by EdDSA with the device's id as kid"
_SIGNED: TypeAdapter[SignedIn] = TypeAdapter(SignedIn)


@dataclass(frozen=True, slots=True)
class Line(Generic[Record]):
    """A record, and what its device has signed, when one has."""

    record: Record
    jws: str | None = None
    signed: Signed | None = None
    refusal: Refusal | None = None

    @property
    def device_id(self) -> UUID | None:
        """Whose signature it is said to be."""
        return self.signed.device_id if self.signed else None


async def read_lines(
    request: Request, items: Sequence[Any], one: TypeAdapter[Record], station_id: UUID, *, within: tuple[str, ...]
) -> list[Line[Record]]:
    """The records of a body that lie `within` a member of it, those with a wrong signature with their refusal.

    Raises RequestValidationError where one is no record, with pointers.
    """
    is_large = len(await request.body()) >= LARGE_BYTES
    lines = await _done(is_large, lambda: _read(items, one, within))
    async with database(request).transaction(readonly=True) as connection:
        devices = await find_devices(connection, {line.device_id for line in lines if line.device_id})
    return await _done(is_large, lambda: _checked(lines, devices, station_id))


async def _done(is_large: bool, work: Callable[[], Given]) -> Given:
    """A day's book of signatures takes half a second, and those who only ask something short must not wait for it."""
    return await in_thread(work) if is_large else work()


def _read(items: Sequence[Any], one: TypeAdapter[Record], within: tuple[str, ...]) -> list[Line[Record]]:
    lines: list[Line[Record]] = []
    faults: list[dict[str, Any]] = []
    for place, item in enumerate(items):
        where: tuple[str | int, ...] = ("body", *within, place) if within else ("body",)
        try:
            if not (isinstance(item, dict) and "jws" in item):
                lines.append(Line(one.validate_json(orjson.dumps(item))))
                continue
            jws = _SIGNED.validate_python(item).jws
            where = (*where, "jws")
            signed = take_apart(jws)
            if signed is None:
                faults.append({"loc": where, "type": "jws-malformed", "msg": _NO_JWS})
                continue
            lines.append(Line(one.validate_json(signed.payload), jws, signed))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            faults += [{**fault, "loc": (*where, *fault["loc"])} for fault in found]
    if faults:
        raise RequestValidationError(faults)
    return lines


def _checked(lines: Iterable[Line[Record]], devices: Mapping[UUID, Device], station_id: UUID) -> list[Line[Record]]:
    return [
        line
        if line.signed is None
        else Line(
            line.record, line.jws, line.signed, line.signed.refusal(devices.get(line.signed.device_id), station_id)
        )
        for line in lines
    ]
