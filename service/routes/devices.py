"""Devices of stations: registered by the station, approved by its county."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, PlainValidator, WithJsonSchema

from service.actions import devices as deeds
from service.auth import People, may
from service.auth.tokens import LONGEST_LIFETIME
from service.db import Connection, ConnectionDep, ReaderDep, Record, database
from service.domain.devices import DeviceState, read_key
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes.fields import Body, Name, Reason, refused
from service.routes.idempotency import Answer, OnceDep
from service.store import devices

router = APIRouter(prefix="/v1/devices", tags=["devices"])

Reader = Annotated[Actor, Depends(may("devices.read"))]
Officer = Annotated[Actor, Depends(may("devices.approve"))]


def _key(value: object) -> bytes:
    key = read_key(value) if isinstance(value, str) else None
    if key is None:
        raise refused(
            "public-key-malformed",
            "公钥须为 32 字节 Ed25519 公钥的 base64url 文本（无填充）",
            "a public key is the 32 bytes of an Ed25519 key as base64url without padding",
        )
    return key


PublicKey = Annotated[bytes, PlainValidator(_key), WithJsonSchema({"type": "string", "minLength": 43, "maxLength": 43})]


class DeviceIn(Body):
    """A device as its station registers it; the private key never leaves the device."""

    name: Name
    public_key: PublicKey


class RevokeIn(Body):
    """Why a device is believed no longer."""

    reason: Reason


class DeviceOut(BaseModel):
    """A device as clients see it; `next_sequence` is the first number that its station has not used."""

    id: UUID
    station_id: UUID
    station: str
    name: str
    public_key: str
    state: DeviceState
    asked_at: datetime
    approved_at: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None
    next_sequence: int
    last_seen_at: datetime | None

    @classmethod
    def of(cls, row: Record) -> "DeviceOut":
        """A device's row as clients see it."""
        key = urlsafe_b64encode(row["public_key"]).rstrip(b"=").decode()
        return cls.model_validate({**row, "public_key": key})


class DevicesOut(BaseModel):
    """A page of devices, newest first."""

    items: list[DeviceOut]
    next: UUID | None


@router.post("", status_code=201, response_model=DeviceOut, responses={200: {"model": DeviceOut}})
async def register_device(
    body: DeviceIn, request: Request, actor: Annotated[Actor, Depends(may("devices.register"))], once: OnceDep
) -> Response:
    """Register a device of one's own station, which waits for the county's approval; the same key is the same device."""
    at = request.app.state.clock.now()
    async with database(request).transaction() as connection:

        async def deed() -> Answer:
            device_id, is_new = await deeds.register_device(connection, body.name, body.public_key, at=at, actor=actor)
            return Answer(await _shown(connection, device_id, actor), 201 if is_new else 200)

        return await once(connection, actor, deed)


@router.get("")
async def list_devices(
    connection: ReaderDep,
    actor: Reader,
    station_id: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> DevicesOut:
    """The devices of the office's area, of the enterprise's stations or of the station, newest first."""
    rows = await devices.list_devices(connection, station_id=station_id, after=after, limit=limit, actor=actor)
    items = [DeviceOut.of(row) for row in rows]
    return DevicesOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{device_id}")
async def show_device(device_id: UUID, connection: ReaderDep, actor: Reader) -> DeviceOut:
    """One device."""
    return await _shown(connection, device_id, actor)


@router.post("/{device_id}/approve")
async def approve_device(device_id: UUID, request: Request, connection: ConnectionDep, actor: Officer) -> DeviceOut:
    """Let a device speak for its station, by an office of the area."""
    await deeds.approve_device(connection, device_id, at=request.app.state.clock.now(), actor=actor)
    return await _shown(connection, device_id, actor)


@router.post("/{device_id}/revoke")
async def revoke_device(device_id: UUID, body: RevokeIn, request: Request, actor: Officer) -> DeviceOut:
    """Believe a device no longer, by an office of the area; its tokens end at once."""
    people: People = request.app.state.people
    until = datetime.now(UTC) + LONGEST_LIFETIME
    async with database(request).transaction() as connection:
        generation = await deeds.revoke_device(
            connection, device_id, body.reason, at=request.app.state.clock.now(), until=until, actor=actor
        )
        shown = await _shown(connection, device_id, actor)
    if generation is not None:
        people.end_below(device_id, generation)
    return shown


async def _shown(connection: Connection, device_id: UUID, actor: Actor) -> DeviceOut:
    rows = await devices.list_devices(connection, device_id=device_id, actor=actor)
    if not rows:
        raise NotFound
    return DeviceOut.of(rows[0])
