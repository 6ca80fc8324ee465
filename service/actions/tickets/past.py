"""A ticket as it stood: told anew from what was on record by a time, by the rules that told it then (E53)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from service.actions.weighings.desk import Desk
from service.actions.weighings.telling import tell
from service.db import Connection
from service.domain.policies import DEFAULTS
from service.domain.ticket_acts import Act, ActKind
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.weighings import Circumstances, Deed, Line, Status, share
from service.store import ticket_acts, tickets, weighings

_UNSEEN = frozenset({TicketState.ISSUED, TicketState.HELD})
_ENDED = {TicketState.CANCELLED: ActKind.CANCELLED, TicketState.LOST: ActKind.LOST}
_WAITS = Journey(TicketState.HELD)


class Hindsight(Desk):
    """A desk at which stories are told and nothing follows from them: no contract counts, nobody is flagged."""

    def count(self, ticket: Ticket, shipped_kg: int, received_kg: int) -> None:
        """What contracts have shipped is told by the book."""

    def circumstances_of(self, line: Line, ticket: Ticket | None) -> Circumstances:
        """What moves a ticket on: the record, and where its ticket stood; its paper and its source only raise flags."""
        return Circumstances(
            line.told.id,
            line.occurred_at,
            line.recorded_at,
            offset_is_large=False,
            sequence_is_broken=False,
            clock_went_back=False,
            station=self.stations[line.told.station_id],
            ticket=ticket,
        )


@dataclass(slots=True)
class Records:
    """All that is on record of a ticket and of those on which its story hangs, with when each came."""

    tickets: dict[UUID, Ticket] = field(default_factory=dict)  # parents before their children
    issued_at: dict[UUID, datetime] = field(default_factory=dict)
    deeds: dict[UUID, list[Deed]] = field(default_factory=dict)
    sayings: list[tuple[datetime, Line]] = field(default_factory=list)
    expiries: list[tuple[UUID, datetime]] = field(default_factory=list)

    def moments(self, at: datetime) -> list[datetime]:
        """When something of it came, by a time."""
        came = {*self.issued_at.values()}
        came |= {deed.done_at for deeds in self.deeds.values() for deed in deeds}
        came |= {said_at for said_at, _ in self.sayings} | {expired_at for _, expired_at in self.expiries}
        return sorted(moment for moment in came if moment <= at)

    def stories(self, at: datetime) -> dict[UUID, list[Line]]:
        """What was said by a time to have been weighed, in the order of time, by ticket."""
        newest = {line.told.id: line for said_at, line in self.sayings if said_at <= at}
        stories: defaultdict[UUID, list[Line]] = defaultdict(list)
        for line in sorted(newest.values(), key=lambda line: line.place):
            if line.ticket_id is not None and line.told.status is Status.ACCEPTED:
                stories[line.ticket_id].append(line)
        return stories


async def as_it_stood(connection: Connection, ticket_id: UUID, at: datetime) -> tuple[Ticket, Journey] | None:
    """A ticket as it stood; None where nobody had issued it.

    1. Read all that is on record of it, of the loads that it came from (W11) and of those that share a weighing (E36).
    2. Go through the moments at which something came, and tell its story as it was told then: where it stood before counts.
    3. Take back what has been changed of its paper since.
    """
    records = await _read(connection, ticket_id)
    if ticket_id not in records.tickets or records.issued_at[ticket_id] > at:
        return None
    desk = Hindsight(at, DEFAULTS)  # policies raise flags, and move no ticket on
    desk.stations = await tickets.find_stations(connection, {line.told.station_id for _, line in records.sayings})
    for moment in records.moments(at):
        _go_on(desk, records, moment)

    journey = desk.journeys[ticket_id]
    ticket = _with_its_print(records.tickets[ticket_id], at)
    if journey.state is TicketState.HELD:
        ticket = replace(ticket, code=None)
    return await ticket_acts.before_changes(connection, ticket, at), journey


async def _read(connection: Connection, ticket_id: UUID) -> Records:
    records, waiting = Records(), {ticket_id}
    while waiting:
        found = await tickets.find_tickets(connection, waiting)
        deeds = await ticket_acts.find_deeds(connection, waiting)
        records.tickets |= {ticket.id: ticket for ticket, _, _ in found}
        records.issued_at |= {ticket.id: issued_at for ticket, _, issued_at in found}
        records.deeds |= {ticket.id: _unsaid(ticket, journey) for ticket, journey, _ in found} | deeds
        waiting = {ticket.parent_id for ticket, _, _ in found if ticket.parent_id is not None}
        waiting |= {id_ for of_ticket in deeds.values() for deed in of_ticket for id_ in deed.rides_with}
        waiting -= records.tickets.keys()
    records.tickets = dict(sorted(records.tickets.items()))  # ids are given in the order of time
    records.sayings = await weighings.find_sayings(connection, records.tickets)
    records.expiries = await tickets.expiries(connection, records.tickets)
    return records


def _unsaid(ticket: Ticket, journey: Journey) -> list[Deed]:
    """The end of a ticket from before deeds were kept (schema 0009): only its row tells of it, so a deed is made of that."""
    kind = _ENDED.get(journey.state)
    if kind is None or journey.ended_at is None:
        return []
    return [Deed(Act(ticket.id, ticket.id, kind, ""), journey.ended_at)]


def _go_on(desk: Hindsight, records: Records, moment: datetime) -> None:
    """Bring all tickets to where they stood at the moment at which something came."""
    known = [ticket for ticket in records.tickets.values() if records.issued_at[ticket.id] <= moment]
    desk.deeds = {id_: [deed for deed in deeds if deed.done_at <= moment] for id_, deeds in records.deeds.items()}
    for ticket in known:
        _begin(desk, ticket, records.deeds.get(ticket.id, ()))
    share(desk.deeds, desk.journeys)
    stories = records.stories(moment)
    # Those that share a weighing each tell what the others need; whoever is told first is told again.
    for _ in range(2 if any(deed.sharing for deeds in desk.deeds.values() for deed in deeds) else 1):
        for ticket in known:
            _tell(desk, ticket, stories[ticket.id])
    for id_, expired_at in records.expiries:
        if expired_at == moment and desk.journeys[id_].state in _UNSEEN:
            desk.journeys[id_] = replace(desk.journeys[id_], state=TicketState.EXPIRED, ended_at=moment)


def _begin(desk: Hindsight, ticket: Ticket, all_deeds: Iterable[Deed]) -> None:
    """Where a ticket begins, and where an officer lets it begin that had waited (O03)."""
    releases = [deed for deed in all_deeds if deed.act.kind is ActKind.RELEASED]
    if ticket.id not in desk.journeys:
        desk.journeys[ticket.id] = _WAITS if ticket.code is None or releases else Journey()
    is_released = any(deed in desk.deeds[ticket.id] for deed in releases)
    if is_released and desk.journeys[ticket.id].state is TicketState.HELD:
        desk.journeys[ticket.id] = Journey()


def _tell(desk: Hindsight, ticket: Ticket, story: list[Line]) -> None:
    was = desk.journeys[ticket.id]
    if ticket.parent_id is not None:  # what went on by another truck left when its parent did (W11)
        was = replace(was, out_at=desk.journeys[ticket.parent_id].out_at or was.out_at)
    desk.journeys[ticket.id] = was
    said = replace(ticket, code=None) if was.state is TicketState.HELD else ticket
    desk.journeys[ticket.id] = tell(desk, said, story, None, None).journey


def _with_its_print(ticket: Ticket, at: datetime) -> Ticket:
    """A ticket with the code that was in force."""
    later = [one for one in ticket.earlier_prints if one.replaced_at > at]
    if not later:
        return ticket
    earlier = tuple(one for one in ticket.earlier_prints if one.replaced_at <= at)
    return replace(ticket, code=later[0].code, reissue=ticket.reissue - len(later), earlier_prints=earlier)
