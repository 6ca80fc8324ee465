"""What is told when a quota is overdrawn, or owes nothing any more: in the transaction of the act that did it (O02)."""

from datetime import datetime

from service.actions.quotas import watch_pools
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.store import alerts, overdraws
from service.store.ledger import Posted


async def report_overdraws(connection: Connection, posted: Posted, *, at: datetime) -> None:
    """Open an alert for each holder whose quota is now overdrawn, and settle those of holders who owe nothing more.

    A debt that grows or shrinks also moves the caps of the pools above it (R06).
    """
    if not posted.debts:
        return
    holders = await overdraws.find_holders(connection, sorted(posted.debts))
    told = []
    for episode in posted.opened:
        holder = holders[episode.account]
        told.append(
            Alert(
                Flag.QUOTA_OVERDRAWN,
                holder.kind,
                str(holder.id),
                holder.jurisdiction,
                (holder.enterprise_id,),
                episode.occurred_at,
                {
                    "overdraw": episode.id,
                    "cause": episode.cause,
                    "year": holder.year,
                    "earmark": holder.earmark,
                    "debt_kg": episode.debt_kg,
                },
            )
        )
    # An episode may open and close in one batch: opened first, settled then.
    await alerts.open_alerts(connection, told, at=at)
    at_rest = {holders[episode.account] for episode in posted.closed if not holders[episode.account].is_overdrawn}
    await alerts.settle_alerts(
        connection, [(Flag.QUOTA_OVERDRAWN, holder.kind, str(holder.id)) for holder in at_rest], at=at
    )
    for year in sorted({holder.year for holder in holders.values()}):
        places = {holder.jurisdiction for holder in holders.values() if holder.year == year}
        await watch_pools(connection, places, year, at=at)
