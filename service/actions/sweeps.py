"""What is done because time has passed, by whichever process holds the sweeper's lock."""

from datetime import datetime, timedelta

from service.actions.contracts import flag_overdue
from service.db import Connection, Record
from service.domain.alerts import Alert, Flag
from service.domain.policies import Policies
from service.store import alerts, sweeps

KEYS_KEPT = timedelta(days=30)


async def sweep(connection: Connection, policies: Policies, *, at: datetime) -> bool:
    """Flag overdue filings (R26), end tickets that no scale saw and flag loads that never arrived (W07).

    False when another process sweeps.
    """
    if not await sweeps.lead(connection):
        return False

    unseen = await sweeps.expire_tickets(connection, at - timedelta(hours=policies.never_weighed_hours), at=at)
    astray = await sweeps.never_received(connection, at - timedelta(hours=policies.never_received_hours))
    await alerts.open_alerts(
        connection,
        [_alert(Flag.NEVER_WEIGHED, ticket, since="valid_until") for ticket in unseen if not ticket["waited"]]
        + [_alert(Flag.NEVER_RECEIVED, ticket, since="out_at") for ticket in astray],
        at=at,
    )
    undecided = [(Flag.TICKET_HELD, "ticket", str(ticket["id"])) for ticket in unseen if ticket["waited"]]
    await alerts.settle_alerts(connection, undecided, at=at)
    # Contracts after tickets, as everywhere.
    await flag_overdue(connection, at=at)
    await sweeps.forget(connection, at - KEYS_KEPT, at=at)
    return True


def _alert(code: Flag, ticket: Record, *, since: str) -> Alert:
    return Alert(
        code=code,
        subject_kind="ticket",
        subject_id=str(ticket["id"]),
        jurisdiction=ticket["jurisdiction"],
        parties=(ticket["seller_id"], ticket["buyer_id"]),
        occurred_at=ticket[since],
        facts={"ticket": ticket["number"], "kg": ticket["kg"]},
    )
