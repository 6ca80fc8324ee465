"""What is done because time has passed, by whichever process holds the sweeper's lock."""

from datetime import datetime, timedelta

from service.actions.contracts import flag_overdue
from service.actions.deadlines import move_waiting_contracts, tell
from service.actions.investigations import release_ended
from service.actions.lots import watch_refused_lots
from service.actions.stations import flag_silent
from service.actions.tickets.beside import note_roads
from service.db import Connection, Record
from service.domain.alerts import Alert, Flag
from service.domain.policies import Policies
from service.store import alerts, sweeps
from service.store.weighings import Road

KEYS_KEPT = timedelta(days=30)


async def sweep(connection: Connection, policies: Policies, *, at: datetime) -> bool:
    """Recall and flag what is due (R14–R26), end tickets that no scale saw and flag loads that never arrived (W07).

    False when another process sweeps.
    """
    if not await sweeps.lead(connection):
        return False

    unseen = await sweeps.expire_tickets(connection, at - timedelta(hours=policies.never_weighed_hours), at=at)
    astray = await sweeps.never_received(connection, at - timedelta(hours=policies.never_received_hours))
    never_weighed = [_alert(Flag.NEVER_WEIGHED, one, since="valid_until") for one in unseen if not one["waited"]]
    never_received = [_alert(Flag.NEVER_RECEIVED, one, since="out_at") for one in astray]
    await alerts.open_alerts(connection, never_weighed + never_received, at=at)
    # Its scale has told something else since: it was corrected, or a record came that stands before the one known then.
    again = [alert for alert, one in zip(never_received, astray, strict=True) if one["was_told"]]
    await alerts.restate_alerts(connection, again, at=at)
    undecided = [(Flag.TICKET_HELD, "ticket", str(ticket["id"])) for ticket in unseen if ticket["waited"]]
    await alerts.settle_alerts(connection, undecided, at=at)
    # Contracts after tickets, as everywhere.
    await move_waiting_contracts(connection, policies, at=at)
    await flag_overdue(connection, at=at)
    await watch_refused_lots(connection, at=at)
    await tell(connection, policies, at=at)
    await flag_silent(connection, policies, at=at)
    await release_ended(connection, at=at)
    await sweeps.forget(connection, at - KEYS_KEPT, at=at)
    await note_roads(connection, [(_open_paper(ticket), None) for ticket in unseen if not ticket["waited"]], at=at)
    # A scale, which waits for nobody, told of the other one's arrival while this one was issued.
    alone = [(Flag.TWO_OPEN_TICKETS, "ticket", str(id_)) for id_ in await sweeps.alone_again(connection)]
    await alerts.settle_alerts(connection, alone, at=at)
    return True


def _open_paper(ticket: Record) -> Road:
    """What other tickets of its plate were held against until its time ran out."""
    return Road(
        ticket["plate"],
        ticket["id"],
        ticket["number"],
        ticket["seller_id"],
        ticket["buyer_id"],
        None,
        window=(ticket["valid_from"], ticket["valid_until"]),
    )


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
