"""Watching the caps: the alerts that open and settle with what was just posted or filed, in its own transaction."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain.alerts import Flag
from service.domain.policies import DEFAULTS, Policies
from service.domain.quotas import chain
from service.store import alerts, quotas


async def watch_pools(connection: Connection, jurisdictions: Collection[str], year: int, *, at: datetime) -> None:
    """Open an alert for each of these places, and of those above them, whose cap is broken; settle the others' (R06).

    To be called under the head's lock: what breaks a cap is kept with the last entry of the book.
    """
    broken = await quotas.pools_overdrawn(connection, jurisdictions, year)
    await quotas.keep_excess(connection, jurisdictions, broken, year, at=at)
    codes = {above for code in jurisdictions for above in chain(code)} - {pool.jurisdiction for pool in broken}
    await alerts.settle_alerts(
        connection, [(Flag.POOL_OVERDRAWN, "jurisdiction", code) for code in sorted(codes)], at=at
    )
    await alerts.open_alerts(connection, [pool.alert(at) for pool in broken], at=at)


async def watch_commitments(
    connection: Connection, holders: Collection[UUID], year: int, policies: Policies = DEFAULTS, *, at: datetime
) -> None:
    """Open an alert for each of these mines, projects and declared stocks that has let out and promised more than it can get.

    The others' are settled (O01).
    """
    found = await quotas.commitments(connection, holders, year, policies)
    await alerts.settle_alerts(connection, [holder.subject for holder in found if not holder.over_kg], at=at)
    await alerts.open_alerts(connection, [holder.alert(at) for holder in found if holder.over_kg], at=at)
