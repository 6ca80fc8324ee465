"""What stations, offices and devices themselves do about devices."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.people import SignedIn
from service.db import Connection
from service.domain.devices import (
    WRONG_CLOCK,
    Device,
    DeviceHasEnded,
    DeviceNotApproved,
    DeviceRevoked,
    DeviceState,
    KeyOfAnotherStation,
)
from service.domain.permissions import Actor, Role
from service.domain.refusals import NotAllowed, NotFound, SignInFailed
from service.store import audits, devices, people


async def register_device(
    connection: Connection, name: str, public_key: bytes, *, at: datetime, actor: Actor
) -> tuple[UUID, bool]:
    """Ask for a device of the actor's own station; gives its id, and whether it is new: one key is one device.

    Raises KeyOfAnotherStation.
    """
    if actor.station_id is None:
        raise NotAllowed
    device_id = uuid7()
    if await devices.register(connection, device_id, actor.station_id, name, public_key, at=at, by=actor.person_id):
        await audits.note(connection, "devices.register", device_id, {"name": name}, at=at, actor=actor)
        return device_id, True
    found = await devices.find_by_key(connection, public_key)
    if found is None or found[1] != actor.station_id:
        raise KeyOfAnotherStation
    return found[0], False


async def approve_device(connection: Connection, device_id: UUID, *, at: datetime, actor: Actor) -> None:
    """Let a device of the office's area speak for its station; one that does so already stays as it is.

    Raises NotFound, DeviceHasEnded.
    """
    device = await _of_the_area(connection, device_id, actor)
    if device.state is DeviceState.REVOKED:
        raise DeviceHasEnded

    if device.state is DeviceState.ASKED:
        await devices.approve(connection, device, _username(device), at=at, by=actor.person_id)
        await audits.note(connection, "devices.approve", device_id, {}, at=at, actor=actor)


async def revoke_device(
    connection: Connection, device_id: UUID, reason: str, *, at: datetime, until: datetime, actor: Actor
) -> int | None:
    """Believe a device of the office's area no longer, and end its tokens; gives the generation below which they ended.

    What it signed before stays. Raises NotFound.
    """
    device = await _of_the_area(connection, device_id, actor)
    if device.state is DeviceState.REVOKED:
        return None

    await devices.revoke(connection, device, reason, at=at, by=actor.person_id)
    await audits.note(connection, "devices.revoke", device_id, {"reason": reason}, at=at, actor=actor)
    generation = await people.set_disabled(connection, device_id, True)
    if generation is not None:
        await people.revoke_below(connection, device_id, generation, at=at, until=until)
    return generation


async def sign_in_device(
    connection: Connection, device: Device, jti: str, *, expires_at: datetime, at: datetime
) -> SignedIn:
    """Begin a family of tokens for a device that has signed for it (RFC 7523); each assertion is good once.

    Raises DeviceNotApproved, DeviceRevoked, SignInFailed.
    """
    if device.state is DeviceState.ASKED:
        raise DeviceNotApproved
    if device.state is DeviceState.REVOKED:
        raise DeviceRevoked
    row = await people.hold_person(connection, device.id)
    if row is None:
        raise SignInFailed
    if not await devices.use_assertion(connection, device.id, jti, until=expires_at + WRONG_CLOCK, at=at):
        raise SignInFailed

    actor, family = Actor(device.id, Role.STATION, station_id=device.station_id), uuid7()
    await audits.note(connection, "devices.sign_in", device.id, {"family": family}, at=at, actor=actor)
    return SignedIn(actor, family, row["generation"])


async def _of_the_area(connection: Connection, device_id: UUID, actor: Actor) -> Device:
    found = await devices.lock(connection, device_id)
    if found is None or not actor.covers(found[1]):
        raise NotFound
    return found[0]


def _username(device: Device) -> str:
    return f"device-{device.id.hex[-24:]}"
