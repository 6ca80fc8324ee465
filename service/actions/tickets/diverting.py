"""Loads that go elsewhere than they were meant to: to another buyer, or back in part (W10, E33, E34)."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.lots import watch_refused_lots
from service.actions.quotas import watch_commitments
from service.actions.tickets.issuing import papers_of
from service.actions.tickets.locking import lock_own
from service.actions.tickets.printing import print_anew
from service.actions.tickets.signing import hold_key
from service.actions.tickets.transferring import Truck, child_of, hand_over
from service.actions.weighings.deeds import tell_deeds
from service.actions.weighings.redirecting import redraw_load
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotAllowed, NotFound
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Paper, ReplacedBecause, Ticket, reprinted, sent_on
from service.domain.transfers import check_redirect, check_refusal
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import Deed, Terms
from service.keys import KeyRing, Purpose
from service.store import alerts, audits, ticket_acts, tickets, weighings
from service.store.ledger import Signer


@dataclass(frozen=True, slots=True)
class Diversion:
    """Where a load goes now."""

    contract_id: UUID
    destination_station_id: UUID
    reason: str


async def redirect_ticket(
    connection: Connection,
    ticket_id: UUID,
    diversion: Diversion,
    *,
    at: datetime,
    keys: KeyRing,
    policies: Policies,
    actor: Actor,
) -> UUID:
    """Send a load to another buyer under that buyer's contract (W10, E34); gives the ticket under which it goes on.

    The ticket keeps its number and its origin, and the diversion is recorded; what comes out of a trader's stock is
    drawn from the lots of the other contract's proof (R23). What its buyer has refused goes on under a child ticket
    (E33). By its seller or an office. Raises NotFound, NotAllowed, TicketIsHeld, TicketHasEnded,
    NotRedirectable, RedirectNeedsTheBuyersContract and ContractIsClosed.
    """
    key = await hold_key(connection, keys=keys)
    ticket, journey = await lock_own(connection, ticket_id, actor=actor)
    terms = await weighings.lock_terms(connection, sorted({*ticket.contract_ids, diversion.contract_id}))
    paper = (await papers_of(connection, [diversion.contract_id])).get(diversion.contract_id)
    stations = await tickets.find_stations(connection, [diversion.destination_station_id])
    if paper is None or not stations or not (actor.is_office or actor.enterprise_id == paper.seller_id):
        raise NotFound(contract_id=diversion.contract_id)
    check_redirect(ticket, journey, paper)

    facts = {
        "from_contract": ticket.contract_id,
        "from_buyer": ticket.buyer_id,
        "to_contract": diversion.contract_id,
        "from_station": ticket.destination_station_id,
        "to_station": diversion.destination_station_id,
    }
    act = Act(uuid7(), ticket_id, ActKind.REDIRECTED, diversion.reason, facts=facts)
    diverted = replace(
        ticket,
        contract_id=diversion.contract_id,
        buyer_id=paper.buyer_id,
        destination_station_id=diversion.destination_station_id,
    )
    await audits.note(
        connection, "tickets.redirect", ticket_id, {**facts, "reason": diversion.reason}, at=at, actor=actor
    )
    assert ticket.contract_id is not None, "what goes by a slip is not redirected"
    if journey.refused_kg:
        child = child_of(diverted, Truck(ticket.plate, journey.refused_kg), journey.refused_kg)
        act = replace(act, kg=journey.refused_kg)
        gone = sent_on(journey, at=at)
        await hand_over(connection, ticket, journey, gone, [child], act, at=at, keys=keys, actor=actor)
        off_kg, on_kg = journey.undelivered_kg, journey.refused_kg
        await _recount(connection, ticket, terms, diversion.contract_id, off_kg, on_kg, paper, at=at)
        return child.id

    await print_anew(connection, reprinted(diverted, ReplacedBecause.REDIRECTED, at=at), key=key, at=at)
    await ticket_acts.redirect(connection, diverted, at=at)
    await ticket_acts.keep(connection, [act], at=at, actor=actor)
    counted_kg = journey.counted_kg
    await _recount(connection, ticket, terms, diversion.contract_id, counted_kg, counted_kg, paper, at=at)
    if ticket.source_id is None and journey.out_kg is not None:
        sign = keys.current(Purpose.LEDGER)
        await redraw_load(
            connection, diverted, ticket.contract_id, diversion.reason, at=at, sign=sign, policies=policies, actor=actor
        )
    return ticket_id


async def _recount(
    connection: Connection,
    ticket: Ticket,
    terms: dict[UUID, Terms],
    to_id: UUID,
    off_kg: Kilograms,
    on_kg: Kilograms,
    paper: Paper,
    *,
    at: datetime,
) -> None:
    """Count a load that has left with its new contract: which of the two ships too much is flagged (W08)."""
    if not off_kg and not on_kg:
        return
    assert ticket.contract_id is not None, "what goes by a slip is not redirected"
    await ticket_acts.recount(connection, {ticket.contract_id: (-off_kg, 0), to_id: (on_kg, 0)})
    left = terms[ticket.contract_id]
    if left.shipped_kg - off_kg <= left.kg:
        subject = (Flag.CONTRACT_OVERSHIPPED, "contract", str(left.id))
        await alerts.settle_alerts(connection, [subject], at=at)
    over_kg = terms[to_id].beyond_kg(on_kg)
    if over_kg:
        facts = {"ticket": ticket.number, "plate": ticket.plate, "kg": on_kg, "over_kg": over_kg}
        stations = await tickets.find_stations(connection, [ticket.source_station_id])
        alert = Alert(
            Flag.CONTRACT_OVERSHIPPED,
            "contract",
            str(to_id),
            stations[ticket.source_station_id].jurisdiction,
            (ticket.seller_id, paper.buyer_id),
            at,
            facts,
        )
        await alerts.open_alerts(connection, [alert], at=at)
    if ticket.source_id is not None:
        await watch_commitments(connection, {shanghai_year(at): [ticket.source_id]}, at=at)


async def refuse_part(
    connection: Connection,
    ticket_id: UUID,
    refused_kg: Kilograms,
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies,
    actor: Actor,
) -> None:
    """Record that the buyer does not take a part, or all, of what its scale has weighed in (W10, E33).

    It is on the road again: what of it the lot had passed on by then is a movement of its own. By the firm that received,
    or an office. Raises NotFound, NotAllowed, NotReceived and RefusedMoreThanReceived.
    """
    found = await tickets.lock_visible(connection, ticket_id, actor)
    if found is None:
        raise NotFound
    ticket, journey = found
    if not actor.is_office and actor.enterprise_id != (ticket.onward_buyer_id or ticket.buyer_id):
        raise NotAllowed
    check_refusal(journey, refused_kg)

    facts = {"refused_kg": refused_kg, "reason": reason}
    await audits.note(connection, "tickets.refuse_part", ticket_id, facts, at=at, actor=actor)
    deed = Deed(Act(uuid7(), ticket_id, ActKind.REFUSED, reason, refused_kg), at, is_new=True)
    await tell_deeds(connection, [deed], at=at, sign=sign, policies=policies, actor=actor)
    await watch_refused_lots(connection, at=at)
