"""Watching the quota: the alerts that open and settle with what was just posted, in its own transaction."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.alerts import Alert, Flag
from service.domain.overdraws import Overdraw
from service.domain.quotas import chain
from service.store import alerts, quotas
from service.store.ledger import Posted


async def watch_posting(connection: Connection, posted: Posted, *, at: datetime) -> None:
    """Open and settle what follows from a posting: overdrawn quotas, and the pools above them (O02, R06).

    Costs nothing where no account owes, which is nearly always.
    """
    episodes = {episode.account: episode for episode in [*posted.opened, *posted.closed]}
    touched = {*episodes, *posted.debts}
    if not touched:
        return
    owners = await quotas.find_owners(connection, touched)
    paid = [
        (Flag.QUOTA_OVERDRAWN, owner["kind"], str(owner["owner_id"])) for owner in owners.values() if not owner["owes"]
    ]
    await alerts.settle_alerts(connection, paid, at=at)
    opened = [
        _overdrawn(episode, owners[episode.account]) for episode in posted.opened if owners[episode.account]["owes"]
    ]
    await alerts.open_alerts(connection, opened, at=at)
    for year in sorted({owner["year"] for owner in owners.values()}):
        places = {owner["jurisdiction"] for owner in owners.values() if owner["year"] == year}
        await watch_pools(connection, places, year, at=at)


async def watch_pools(connection: Connection, jurisdictions: Collection[str], year: int, *, at: datetime) -> None:
    """Open an alert for each of these places, and of those above them, whose cap is broken; settle the others' (R06)."""
    broken = await quotas.pools_overdrawn(connection, jurisdictions, year)
    codes = {above for code in jurisdictions for above in chain(code)} - {pool.jurisdiction for pool in broken}
    await alerts.settle_alerts(
        connection, [(Flag.POOL_OVERDRAWN, "jurisdiction", code) for code in sorted(codes)], at=at
    )
    await alerts.open_alerts(connection, [pool.alert(at) for pool in broken], at=at)


async def watch_commitments(connection: Connection, mines: Collection[UUID], year: int, *, at: datetime) -> None:
    """Open an alert for each of these mines that has let out and promised more than it can get; settle the others' (O01)."""
    found = await quotas.commitments(connection, mines, year)
    kept = [(Flag.QUOTA_OVERCOMMITTED, "mine", str(mine.mine_id)) for mine in found if not mine.over_kg]
    await alerts.settle_alerts(connection, kept, at=at)
    await alerts.open_alerts(connection, [mine.alert(at) for mine in found if mine.over_kg], at=at)


def _overdrawn(episode: Overdraw, owner: Record) -> Alert:
    facts = {
        "year": owner["year"],
        "earmark": owner["earmark"],
        "cause": episode.cause,
        "overdraw_id": episode.id,
        "over_kg": episode.debt_kg,
    }
    parties = (owner["enterprise_id"],)
    return Alert(
        Flag.QUOTA_OVERDRAWN,
        owner["kind"],
        str(owner["owner_id"]),
        owner["jurisdiction"],
        parties,
        episode.occurred_at,
        facts,
    )
