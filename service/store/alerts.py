"""Alerts: opened and settled in the transaction of what causes them, each with a message in the outbox."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.alerts import Alert, Flag
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("alerts")


async def open_alerts(connection: Connection, alerts: Collection[Alert], *, at: datetime) -> None:
    """Open each alert that is not open yet; one that is keeps its first opening."""
    fresh = list({alert.subject: alert for alert in alerts}.values())
    if not fresh:
        return
    await connection.fetch(
        SQL["open_alerts"],
        [uuid7() for _ in fresh],
        [alert.code.value for alert in fresh],
        [alert.subject_kind for alert in fresh],
        [alert.subject_id for alert in fresh],
        [alert.jurisdiction for alert in fresh],
        [orjson.dumps([str(party) for party in alert.parties]).decode() for alert in fresh],
        [orjson.dumps(alert.facts, default=str).decode() for alert in fresh],
        [alert.occurred_at for alert in fresh],
        at,
    )


async def restate_alerts(connection: Connection, alerts: Collection[Alert], *, at: datetime) -> None:
    """Have those of the alerts that are open say what is known now, to whom it concerns now."""
    for alert in alerts:
        await connection.fetch(
            SQL["restate_alert"],
            alert.code.value,
            alert.subject_kind,
            alert.subject_id,
            alert.jurisdiction,
            list(alert.parties),
            orjson.dumps(alert.facts, default=str).decode(),
            alert.occurred_at,
            at,
        )


async def settle_alerts(connection: Connection, subjects: Collection[tuple[Flag, str, str]], *, at: datetime) -> None:
    """Settle those of the alerts that are open: what they told of has been put right by itself."""
    if subjects:
        codes, kinds, ids = zip(*((code.value, kind, subject_id) for code, kind, subject_id in subjects), strict=True)
        await connection.fetch(SQL["settle_alerts"], codes, kinds, ids, at)


async def settle_alert(connection: Connection, alert_id: UUID, note: str, *, at: datetime, actor: Actor) -> bool:
    """Settle one alert by hand; False when it is settled already."""
    return await connection.fetchval(SQL["settle_alert"], alert_id, at, actor.person_id, note) is not None


def concerns(told: Mapping[str, Any], actor: Actor) -> bool:
    """Whether an alert of this jurisdiction and these parties is among those that `list_alerts` would give the actor."""
    in_the_area = actor.area is None or actor.covers(told["jurisdiction"])
    return in_the_area and (actor.enterprise_id is None or str(actor.enterprise_id) in told["parties"])


async def list_alerts(
    connection: Connection,
    *,
    state: str | None = None,
    code: str | None = None,
    since: datetime | None = None,
    after: UUID | None = None,
    limit: int = 50,
    ids: Collection[UUID] | None = None,
    actor: Actor,
) -> list[Record]:
    """The alerts that an office's area or an enterprise has, newest first; all, or those opened since a moment."""
    chosen = None if ids is None else list(ids)
    return await connection.fetch(
        SQL["list_alerts"], actor.area, actor.enterprise_id, state, code, after, limit, chosen, since
    )
