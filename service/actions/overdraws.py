"""What is told when a quota is overdrawn, owes nothing any more, or ore goes round: in the transaction of the act that did it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from service.actions.quotas import watch_pools
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.provenance import Ending, Interval
from service.domain.units import shanghai_year
from service.store import alerts, overdraws, provenance, quotas
from service.store.ledger import Posted

EVER = datetime.min.replace(tzinfo=UTC)


async def report_overdraws(
    connection: Connection, posted: Posted, *, at: datetime, draws_since: datetime | None = None
) -> None:
    """Open an alert for each holder whose quota is now overdrawn, and settle those of holders who owe nothing more (O02).

    A debt that grows or shrinks also moves the caps of the pools above it (R06). So does what is drawn on a quota that owes
    nothing, or given back to it, where another owes, or has owed until it was charged to the year after (E28). `draws_since`
    is the earliest moment of such loads, None where there are none, EVER where nobody knows. What covers a debt may be the
    owed ore itself, gone round: that is told, too.
    """
    if covers := [movement_id for movement_id, kg in posted.cover_kg.items() if kg]:
        await _report_circles(connection, covers, at=at)
    looked_at = await _report_holders(connection, posted, at=at) if posted.debts else set()
    if draws_since is not None:
        if posted.some_owe:
            looked_at |= await quotas.places_that_owe(connection)
        if (since := shanghai_year(draws_since)) < shanghai_year(at):
            looked_at |= await quotas.places_that_were_charged(connection, since)
    for year in sorted({year for year, _ in looked_at}):
        await watch_pools(connection, {place for of_year, place in looked_at if of_year == year}, year, at=at)


async def _report_holders(connection: Connection, posted: Posted, *, at: datetime) -> set[tuple[int, str]]:
    """Tell of the quotas whose debt has changed; gives the years and places in which they lie."""
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
    return {(holder.year, holder.jurisdiction) for holder in holders.values()}


async def _report_circles(connection: Connection, covers: Sequence[UUID], *, at: datetime) -> None:
    """Open an alert for each lot or load whose debt was covered with the very kilograms that had left it (E43)."""
    rows = await overdraws.covered_by_trade(connection, covers)
    traces = await provenance.trace_all_back(
        connection, [Interval(row["account"], row["lo"], row["hi"]) for row in rows]
    )
    told = []
    for row, trace in zip(rows, traces, strict=True):
        if kg := sum(one.place.kg for one in trace.fragments if one.ending is Ending.CIRCLE):
            subject = (row["subject_kind"], str(row["subject_id"]), row["jurisdiction"], (row["enterprise_id"],))
            told.append(Alert(Flag.ORIGIN_CIRCULAR, *subject, at, {"kg": kg}))
    await alerts.open_alerts(connection, told, at=at)
