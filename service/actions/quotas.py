"""Watching the caps: the alerts that open and settle with what was just posted or filed, in its own transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain.alerts import Flag
from service.domain.policies import DEFAULTS, Policies
from service.store import alerts, quotas


async def watch_pools(connection: Connection, since: int, *, at: datetime) -> None:
    """Open and settle the alerts of the caps that the log's entries after the first `since` have broken, or kept again (R06, O02).

    Once for each episode: an alert that an office has settled meanwhile is not opened again. Call it under the head's lock,
    once for these entries.
    """
    for told in await quotas.keep_excesses(connection, since, at=at):
        if told.begins:
            await alerts.open_alerts(connection, [told.cap.alert(at)], at=at)
        elif told.ends:
            subject = (Flag.POOL_OVERDRAWN, "jurisdiction", told.cap.jurisdiction)
            await alerts.settle_alerts(connection, [subject], at=at)


async def watch_commitments(
    connection: Connection, holders: Mapping[int, Collection[UUID]], policies: Policies = DEFAULTS, *, at: datetime
) -> None:
    """Open an alert for each of these mines, projects and declared stocks that has let out and promised more than it can get.

    They are given by year; those that can keep what they promised have their alerts settled (O01). Of two transactions that
    promise at once the later one sees the other, by a lock: take all other locks before.
    """
    if not any(holders.values()):
        return
    await quotas.hold_promises(connection, set().union(*holders.values()))
    for year, named in sorted(holders.items()):
        found = await quotas.commitments(connection, named, year, policies)
        await alerts.settle_alerts(connection, [holder.subject for holder in found if not holder.over_kg], at=at)
        await alerts.open_alerts(connection, [holder.alert(at) for holder in found if holder.over_kg], at=at)
