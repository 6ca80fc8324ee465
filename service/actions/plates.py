"""What owners of vehicles and offices do about plates (U25)."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.permissions import Actor
from service.domain.plates import PlateAskedAlready, PlateHasAnotherOwner, PlateWatch, WatchState
from service.domain.refusals import NotFound
from service.store import alerts, audits, plates

SECRET_BYTES = 24


async def ask_for_plate(
    connection: Connection, plate: str, evidence: str, *, at: datetime, actor: Actor
) -> tuple[UUID, str]:
    """Ask to be told of tickets that name a vehicle of the firm's; gives the entry and the secret of its feed.

    Raises PlateAskedAlready.
    """
    assert actor.enterprise_id is not None, "an enterprise owns vehicles"
    secret = secrets.token_urlsafe(SECRET_BYTES)
    watch = PlateWatch(uuid7(), actor.enterprise_id, plate)
    if not await plates.ask(connection, watch, evidence, hash_of(secret), at=at, actor=actor):
        raise PlateAskedAlready(plate_id=await plates.running(connection, actor.enterprise_id, plate))

    await audits.note(connection, "plates.watch", watch.id, {"plate": plate}, at=at, actor=actor)
    return watch.id, secret


async def confirm_plate(connection: Connection, watch_id: UUID, *, at: datetime, actor: Actor) -> None:
    """Confirm, by an office that has seen the vehicle licence, that the vehicle is the firm's.

    Raises NotFound, PlateWatchHasEnded and PlateHasAnotherOwner.
    """
    watch = await _lock(connection, watch_id, actor=actor)
    watch.check_running()
    if await plates.has_another_owner(connection, watch):
        raise PlateHasAnotherOwner

    if watch.state is WatchState.ASKED:
        await plates.confirm(connection, watch_id, at=at, actor=actor)
        await audits.note(connection, "plates.confirm", watch_id, {"plate": watch.plate}, at=at, actor=actor)


async def end_plate(connection: Connection, watch_id: UUID, *, at: datetime, actor: Actor) -> None:
    """End an entry, by the firm or an office: nothing more is told, and its feed falls silent. Raises NotFound."""
    watch = await _lock(connection, watch_id, actor=actor)

    if watch.state is not WatchState.ENDED:
        await plates.end(connection, watch_id, at=at)
        await audits.note(connection, "plates.end", watch_id, {"plate": watch.plate}, at=at, actor=actor)


async def disown_ticket(
    connection: Connection, watch_id: UUID, number: str, reason: str, *, at: datetime, actor: Actor
) -> None:
    """Say that a ticket names the firm's vehicle wrongly: the office where the load begins gets an alert (U25).

    Raises NotFound, PlateWatchHasEnded and PlateNotConfirmed.
    """
    watch = await _lock(connection, watch_id, actor=actor)
    watch.check_confirmed()
    found = await plates.tickets_of(connection, watch, number=number, limit=1)
    if not found:
        raise NotFound(number=number)

    (ticket,) = found
    facts = {"ticket": number, "plate": watch.plate, "owner": watch.enterprise_id, "reason": reason}
    alert = Alert(
        Flag.PLATE_DISOWNED,
        "ticket",
        str(ticket["id"]),
        ticket["jurisdiction"],
        (watch.enterprise_id,),
        ticket["valid_from"],
        facts,
    )
    await alerts.open_alerts(connection, [alert], at=at)
    await audits.note(connection, "plates.disown", watch_id, facts, at=at, actor=actor)


def hash_of(secret: str) -> bytes:
    """What is kept of a feed's secret: SHA-256; it has 24 random bytes, so nobody can guess it from that."""
    return hashlib.sha256(secret.encode()).digest()


async def _lock(connection: Connection, watch_id: UUID, *, actor: Actor) -> PlateWatch:
    watch = await plates.lock(connection, watch_id, actor=actor)
    if watch is None:
        raise NotFound
    return watch
