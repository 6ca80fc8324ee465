"""Devices of stations: their keys, their approval, and what they have signed in with."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.devices import Device, DeviceState
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("devices")


async def register(
    connection: Connection, device_id: UUID, station_id: UUID, name: str, public_key: bytes, *, at: datetime, by: UUID
) -> bool:
    """Enter a device that waits for approval; False when its key is known already."""
    return await connection.fetchval(SQL["register"], device_id, station_id, name, public_key, at, by) is not None


async def find_by_key(connection: Connection, public_key: bytes) -> tuple[UUID, UUID] | None:
    """The device and the station of a key."""
    row = await connection.fetchrow(SQL["find_by_key"], public_key)
    return (row["id"], row["station_id"]) if row else None


async def list_devices(
    connection: Connection,
    *,
    device_id: UUID | None = None,
    station_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> list[Record]:
    """The devices that the actor may know of, newest first."""
    return await connection.fetch(
        SQL["list"],
        actor.reads_all,
        actor.area,
        actor.enterprise_id,
        actor.station_id,
        device_id,
        after,
        station_id,
        limit,
    )


async def lock(connection: Connection, device_id: UUID) -> tuple[Device, str] | None:
    """A device, locked, and the jurisdiction of its station."""
    row = await connection.fetchrow(SQL["lock"], device_id)
    return (_device(row), row["jurisdiction"]) if row else None


async def find_devices(connection: Connection, device_ids: Collection[UUID]) -> dict[UUID, Device]:
    """The devices of these ids."""
    return {row["id"]: _device(row) for row in await connection.fetch(SQL["find"], list(device_ids))}


async def approve(connection: Connection, device: Device, username: str, *, at: datetime, by: UUID) -> None:
    """Let a device speak for its station: from now on it signs in as one of the station's people."""
    await connection.execute(SQL["approve"], device.id, at, by, username)


async def revoke(connection: Connection, device: Device, reason: str, *, at: datetime, by: UUID) -> None:
    """Believe nothing that a device signs from now on."""
    await connection.execute(SQL["revoke"], device.id, at, by, reason)


async def use_assertion(connection: Connection, device_id: UUID, jti: str, *, until: datetime, at: datetime) -> bool:
    """Note that a device has signed in with this; False when it has before."""
    return await connection.fetchval(SQL["use_assertion"], device_id, jti, until, at) is not None


def _device(row: Record) -> Device:
    return Device(row["id"], row["station_id"], row["public_key"], DeviceState(row["state"]))
