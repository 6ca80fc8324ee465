"""Alerts of what is due soon, late or misused."""

from datetime import datetime

from service.actions.deadlines.obligations import obligations
from service.db import Connection, Record
from service.domain import deadlines as rules
from service.domain.alerts import Alert, Flag
from service.domain.policies import Policies
from service.store import alerts, deadlines, rights


async def tell(connection: Connection, in_force: Policies, *, at: datetime) -> None:
    """Recall what is due soon, flag what is late or misused, and settle what was done (R14, R15, R18, R19, R22, R25).

    Filings that are overdue are flagged with their contract's loads, elsewhere.
    """
    waiting = await obligations(connection, in_force, at=at)
    near = [one for one in waiting if rules.is_near(one.deadline.due_on, at, in_force)]
    late = [one for one in waiting if at >= one.deadline.ends_at]
    told = [one.alert(Flag.DEADLINE_NEAR, at) for one in near]
    told += [one.alert(Flag.ALLOTMENT_LATE, at) for one in late if one.subject_kind == "allotment"]
    told += [one.alert(Flag.REPORT_LATE, at) for one in late if one.subject_kind == "report"]
    told += [_of_a_misuse(row) for row in await rights.misuses(connection)]
    # What the county did late stays open for its office to look at: the others settle themselves.
    of_their_own = [Flag.DEADLINE_NEAR, Flag.REPORT_LATE, Flag.EARMARK_MISUSED]
    standing = await deadlines.open_alerts(connection, of_their_own)
    await alerts.settle_alerts(connection, sorted(standing - {alert.subject for alert in told}), at=at)
    # What an office has settled with a note is not told again.
    settled = await deadlines.settled_by_hand(connection, [*of_their_own, Flag.ALLOTMENT_LATE])
    await alerts.open_alerts(connection, [alert for alert in told if alert.subject not in settled], at=at)


def _of_a_misuse(row: Record) -> Alert:
    facts = {"number": row["number"], "earmark": row["earmark"], "mine_id": row["mine_id"], "kg": row["kg"]}
    return Alert(
        Flag.EARMARK_MISUSED,
        row["subject_kind"],
        str(row["id"]),
        row["jurisdiction"],
        tuple({row["owner_id"], row["used_by"]}),
        row["since"],
        facts,
    )
