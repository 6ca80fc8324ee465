"""What offices do about alerts."""

from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.store import alerts, audits


async def settle_alert(connection: Connection, alert_id: UUID, note: str, *, at: datetime, actor: Actor) -> None:
    """Close an alert of the office's area with a note; one that is settled already stays as it is.

    Raises NotFound for an alert of another area.
    """
    if not await alerts.list_alerts(connection, ids=[alert_id], actor=actor):
        raise NotFound

    if await alerts.settle_alert(connection, alert_id, note, at=at, actor=actor):
        await audits.note(connection, "alerts.settle", alert_id, {"note": note}, at=at, actor=actor)
