"""One truck with the ore of several mines: one ticket per source, one weighing at the end, apportioned (E36)."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.overdraws import report_overdraws
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.ledger import AccountKey, Movement
from service.domain.permissions import Actor
from service.domain.refusals import NotAllowed, NotFound
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.transfers import apportioned, check_one_truck
from service.domain.units import Kilograms
from service.domain.weighings import Leg, legs_of_the_arrival, legs_of_the_gap
from service.store import alerts, audits, ticket_acts, tickets, weighings
from service.store.accounts import open_accounts
from service.store.ledger import Signer, append, give_back
from service.store.lots import open_lots


async def apportion_weighing(
    connection: Connection,
    ticket_id: UUID,
    others: Collection[UUID],
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    actor: Actor,
) -> None:
    """Say that what was weighed in under one ticket was the load of others, too, on the same truck (E36).

    Each gets its share by what its source's scale saw; the gap is settled for each by itself, and the weighing is flagged.
    By the firm that received, or an office. Raises NotFound, NotAllowed, NotReceived, NotOnTheRoad and NotOneTruck.

    1. Lock the tickets in the order of their ids, then their contracts.
    2. Take what was too much out of the named ticket's lot and load again.
    3. Let the others arrive with their shares.
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

    await weighings.lock_terms(connection, sorted({key for ticket, _ in together for key in ticket.contract_ids}))
    act = Act(uuid7(), ticket_id, ActKind.APPORTIONED, reason, journey.in_kg, {"with": sorted(others)})
    arrived = [
        (ticket, replace(one, state=TicketState.DELIVERED, in_kg=share, in_at=journey.in_at, ended_at=at))
        for (ticket, one), share in zip(together, shares, strict=True)
    ]
    counted: dict[UUID, tuple[int, int]] = {}
    for (ticket, before), share in zip(together, shares, strict=True):
        for key in ticket.contract_ids:
            counted[key] = (0, counted.get(key, (0, 0))[1] + share - (before.in_kg or 0))
    await ticket_acts.arrive(connection, arrived)
    await ticket_acts.recount(connection, counted)
    await _flag(connection, named, act, at=at)
    facts = {"with": sorted(others), "shares": shares, "reason": reason}
    await audits.note(connection, "tickets.apportion", ticket_id, facts, at=at, actor=actor)
    too_much_kg = Kilograms(journey.in_kg - shares[0])
    legs = await _take_back(connection, named, journey, act, too_much_kg, shares[0], at=at, sign=sign)
    for ticket, after in arrived[1:]:
        assert after.in_kg is not None, "each has a share"
        assert after.out_at is not None, "each has been weighed out"
        legs += legs_of_the_gap(ticket, Kilograms(after.out_kg or 0), after.in_kg, after.out_at)
        legs += legs_of_the_arrival(ticket, after.in_kg, after.out_at)
    movements = await _movements(connection, legs, act, at=at)
    moved = replace(act, movement_ids=tuple(movement.id for movement in movements))
    of_others = [
        Act(uuid7(), ticket.id, ActKind.APPORTIONED, reason, share, {"of": ticket_id})
        for (ticket, _), share in zip(together[1:], shares[1:], strict=True)
    ]
    await ticket_acts.keep(connection, [moved, *of_others], at=at, actor=actor)
    await report_overdraws(connection, await append(connection, movements, at=at, sign=sign), at=at)


async def _take_back(
    connection: Connection,
    ticket: Ticket,
    journey: Journey,
    act: Act,
    kg: Kilograms,
    share_kg: Kilograms,
    *,
    at: datetime,
    sign: Signer,
) -> list[Leg]:
    """Take the others' kilograms out of the lot and out of what the load seemed to have gained; what then was lost."""
    for step in await ticket_acts.find_arrival(connection, ticket.id):
        posted = await give_back(connection, step.movement, kg, occurred_at=at, fact=act.fact, at=at, sign=sign)
        await report_overdraws(connection, posted, at=at)
    out_kg = Kilograms(journey.out_kg or 0)
    left_kg = min(kg, max(0, (journey.in_kg or 0) - out_kg))
    gained = await ticket_acts.find_gain(connection, ticket.id)
    if gained is not None and left_kg:
        posted = await give_back(
            connection, gained, Kilograms(left_kg), occurred_at=at, fact=act.fact, at=at, sign=sign
        )
        await report_overdraws(connection, posted, at=at)
    assert journey.out_at is not None, "what was received has left"
    return list(legs_of_the_gap(ticket, out_kg, share_kg, journey.out_at)) if share_kg < out_kg else []


async def _movements(connection: Connection, legs: list[Leg], act: Act, *, at: datetime) -> list[Movement]:
    keys = {end for leg in legs for end in (leg.source, leg.target) if isinstance(end, AccountKey)}
    lots = {key for key in keys if key.kind == "lot"}
    accounts = await open_accounts(connection, keys - lots)
    accounts |= {key: account for key, (_, account) in (await open_lots(connection, lots, at)).items()}

    def account_of(end: int | AccountKey) -> int:
        return accounts[end] if isinstance(end, AccountKey) else end

    return [
        Movement(uuid7(), act.id, account_of(leg.source), account_of(leg.target), leg.kg, at, act.fact) for leg in legs
    ]


async def _flag(connection: Connection, ticket: Ticket, act: Act, *, at: datetime) -> None:
    stations = await tickets.find_stations(connection, [ticket.destination_station_id])
    alert = Alert(
        Flag.LOAD_APPORTIONED,
        "ticket",
        str(ticket.id),
        stations[ticket.destination_station_id].jurisdiction,
        (ticket.seller_id, ticket.buyer_id),
        at,
        {"ticket": ticket.number, "plate": ticket.plate, "kg": act.kg, **act.facts},
    )
    await alerts.settle_alerts(connection, [(Flag.WEIGHT_GAP, "ticket", str(ticket.id))], at=at)
    await alerts.open_alerts(connection, [alert], at=at)
