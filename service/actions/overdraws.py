"""Alerts about overdrawn quotas and ore that goes in a circle, opened and settled in the transaction that caused them."""

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

    A debt may have been covered with the very ore that is owed, gone in a circle: that opens an alert of its own (E43).

    Whether the caps of the pools above still hold is looked at when a debt has changed (R06). Where some quota owes, or owed
    until its debt was charged to the next year (E28), it is also looked at after loads within a quota, and after a pool got
    more. `draws_since` is the earliest moment of these: None where there are none, EVER where it is not known.
    """
    if covers := [movement_id for movement_id, kg in posted.cover_kg.items() if kg]:
        await _report_circles(connection, covers, at=at)
    if posted.debts:
        await _report_holders(connection, posted, at=at)
    if posted.debts or (draws_since is not None and await _may_break_caps(connection, posted, draws_since, at)):
        await watch_pools(connection, posted.since, at=at)


async def _may_break_caps(connection: Connection, posted: Posted, draws_since: datetime, at: datetime) -> bool:
    """Whether what went out below some pool may be more than it got, though no debt has changed."""
    if posted.some_owe:
        return True
    since = shanghai_year(draws_since)
    return since < shanghai_year(at) and await quotas.some_were_charged(connection, since)


async def _report_holders(connection: Connection, posted: Posted, *, at: datetime) -> None:
    """Tell of the quotas whose debt has changed."""
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
