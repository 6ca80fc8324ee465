"""One truck with the ore of several mines: one ticket per source, one weighing at the end, apportioned (E36)."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.weighings.deeds import tell_deeds
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotAllowed, NotFound
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Ticket
from service.domain.transfers import apportioned, check_one_truck
from service.domain.units import Kilograms
from service.domain.weighings import Deed
from service.store import alerts, audits, tickets
from service.store.ledger import Signer


async def apportion_weighing(
    connection: Connection,
    ticket_id: UUID,
    others: Collection[UUID],
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies,
    actor: Actor,
) -> None:
    """Say that what was weighed in under one ticket was the load of others, too, on the same truck (E36).

    Each gets its share by what its source's scale saw; the gap is settled for each by itself, and the weighing is flagged.
    The shares follow what the scales tell later of any of them. By the firm that received, or an office. Raises NotFound,
    NotAllowed, NotReceived, NotOnTheRoad and NotOneTruck.
    """
    found = {key: await tickets.lock_visible(connection, key, actor) for key in sorted({ticket_id, *others})}
    missing = [key for key, one in found.items() if one is None]
    if missing:
        raise NotFound(tickets=missing)
    together = [one for one in found.values() if one is not None]
    together.sort(key=lambda one: (one[0].id != ticket_id, one[0].id))
    named, journey = together[0]
    if not actor.is_office and actor.enterprise_id != (named.onward_buyer_id or named.buyer_id):
        raise NotAllowed
    check_one_truck(together)
    assert journey.in_kg is not None, "what was received was weighed"
    shares = apportioned(journey.in_kg, [Kilograms(one.out_kg or 0) for _, one in together])

    named_act = Act(uuid7(), ticket_id, ActKind.APPORTIONED, reason, journey.in_kg, {"with": sorted(others)})
    deeds = [Deed(named_act, at, reckoned_kg=journey.in_kg, shares_with=tuple(sorted(others)), is_new=True)]
    for (ticket, _), share_kg in zip(together[1:], shares[1:], strict=True):
        act = Act(uuid7(), ticket.id, ActKind.APPORTIONED, reason, share_kg, {"of": ticket_id})
        deeds.append(Deed(act, at, reckoned_kg=share_kg, shares_of=ticket_id, is_new=True))
    facts = {"with": sorted(others), "shares": shares, "reason": reason}
    await audits.note(connection, "tickets.apportion", ticket_id, facts, at=at, actor=actor)
    await tell_deeds(connection, deeds, at=at, sign=sign, policies=policies, actor=actor)
    await _flag(connection, named, named_act, at=at)


async def _flag(connection: Connection, ticket: Ticket, act: Act, *, at: datetime) -> None:
    stations = await tickets.find_stations(connection, [ticket.destination_station_id])
    alert = Alert(
        Flag.LOAD_APPORTIONED,
        "ticket",
        str(ticket.id),
        stations[ticket.destination_station_id].jurisdiction,
        (ticket.seller_id, ticket.buyer_id),
        at,
        {"ticket": ticket.number, "plate": ticket.plate, **act.facts},
    )
    await alerts.open_alerts(connection, [alert], at=at)
