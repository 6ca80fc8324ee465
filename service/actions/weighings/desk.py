"""All that a batch knows, kept up to date from record to record."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from statistics import median_low
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.weighings.posting import GiveBack, Move
from service.actions.weighings.sent import Answer, Sent
from service.actions.weighings.watching import alerts_of
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.policies import Policies
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import (
    Circumstances,
    Direction,
    Event,
    IdReused,
    Naming,
    Outcome,
    Record,
    Sequences,
    Source,
    Station,
    Status,
    Terms,
    fact_of,
    impossible,
    is_one_event,
    named_ticket,
    weigh,
)
from service.store import ticket_acts, weighings
from service.store.ledger import Memory
from service.store.weighings import Asked, Line, Refused, Told

_TARES_KNOWN = 3
"""From so many fresh tares on, a plate has a usual one."""


class Desk:
    """All that a batch knows, kept up to date from record to record."""

    def __init__(self, at: datetime, policies: Policies) -> None:
        self._at = at
        self._policies = policies
        self._stations: dict[UUID, Station] = {}
        self._books: dict[UUID, Sequences] = {}
        self._namings: dict[str, Naming | None] = {}
        self._tickets: dict[UUID, Ticket] = {}
        self._ids_by_number: dict[str, UUID] = {}
        self._journeys: dict[UUID, Journey] = {}
        self._told: dict[tuple[UUID, UUID], Told] = {}
        self._firsts: dict[UUID, Told] = {}
        self._events: dict[tuple[UUID, Direction, str | UUID], list[tuple[Event, Told]]] = defaultdict(list)
        self._terms: dict[UUID, Terms] = {}
        self._sources: dict[tuple[UUID, int], Source] = {}
        self._tares: dict[str, list[tuple[datetime, int]]] = {}
        self._on_the_road: dict[str, set[UUID]] = {}
        self._shipments: dict[UUID, list[tuple[UUID, Kilograms]]] = {}
        self._came_anew: dict[UUID, Kilograms] = {}
        self._write_offs: dict[UUID, list[tuple[UUID, Kilograms]]] = {}
        self._changed_terms: set[UUID] = set()
        self._gaps: set[UUID] = set()
        self.lines: list[Line] = []
        self.moved: dict[UUID, Journey] = {}
        self.steps: list[Move | GiveBack] = []
        self.signed: dict[UUID, tuple[UUID, UUID, str]] = {}
        self.refused: list[Refused] = []
        self.charged: list[tuple[Told, list[UUID]]] = []
        self.alerts: list[Alert] = []
        self.overshipped: dict[int, set[UUID]] = defaultdict(set)
        self._settled: list[tuple[Flag, str, str]] = []
        self.books_used: dict[UUID, Sequences] = {}

    async def lock(self, connection: Connection, sent: Sequence[Sent]) -> None:
        """The stations, then the tickets."""
        texts = {one.record.ticket for one in sent if one.record.ticket}
        self._namings = {text: named_ticket(text) for text in texts}
        books, named = await weighings.lock(
            connection, sorted({one.station_id for one in sent}), [n for n in self._namings.values() if n]
        )
        for station, book in books:
            self._stations[station.id], self._books[station.id] = station, book
            if book.has_gap:
                self._gaps.add(station.id)
        for ticket, journey in named:
            self._tickets[ticket.id], self._journeys[ticket.id] = ticket, journey
            self._ids_by_number[ticket.number] = ticket.id

    async def read(self, connection: Connection, sent: Sequence[Sent], memory: Memory | None) -> None:
        """Which records were told before, and what the rules ask about the others."""
        named = [(one, one.record.weighed_at + one.offset, self._ticket_of(one.record)) for one in sent]
        found = [(one.record, at, ticket) for one, at, ticket in named if ticket is not None]
        leaving = [(at, ticket) for record, at, ticket in found if record.direction is Direction.OUT]
        known = await weighings.read(
            connection,
            Asked(
                [(one.station_id, one.record, ticket.id if ticket else None, at) for one, at, ticket in named],
                sorted({contract_id for _, _, ticket in found for contract_id in ticket.contract_ids}),
                {(ticket.source_id, shanghai_year(at)) for at, ticket in leaving if ticket.source_id},
                {ticket.plate for _, ticket in leaving},
                memory.lacks({key for _, _, ticket in found for key in (ticket.account, ticket.source_account) if key})
                if memory
                else (),
            ),
            self._policies,
        )
        if memory:
            memory.fill(known.ends)
        self._told, self._terms, self._sources = known.told, known.terms, known.sources
        self._tares, self._on_the_road = known.tares, known.on_the_road
        for (station_id, direction), event, told in known.events:
            self._remember(station_id, direction, event, told)
        if returning := {ticket.id for record, _, ticket in found if record.direction is Direction.BACK}:
            self._shipments = await weighings.find_shipments(connection, returning)
            self._came_anew = await ticket_acts.find_came_anew(connection, returning)
        if lost := {ticket.id for _, _, ticket in found if self._journeys[ticket.id].state is TicketState.LOST}:
            self._write_offs = await ticket_acts.find_write_offs(connection, lost)

    def judge(self, sent: Sent) -> Answer:
        """What becomes of one record."""
        record, body_hash = sent.record, sent.record.body_hash
        known = self._told.get(sent.key)
        refusal = sent.refusal or (IdReused() if known and known.body_hash != body_hash else None)
        if refusal is not None:
            self.refused.append(sent.refused_for(refusal))
            return Answer(known or Told(sent.record.id, *sent.key, body_hash, Status.REFUSED), refusal=refusal)
        if known is not None:
            self._sign(sent, known)
            return Answer(known, first=self._firsts.get(known.id), is_repeated=True)
        told = Told(uuid7(), sent.station_id, record.id, body_hash, Status.ACCEPTED)
        self._told[sent.key] = told
        book = self.books_used[sent.station_id] = self._books[sent.station_id]
        is_broken = book.take(record.sequence)
        if book.has_gap:
            self._gaps.add(sent.station_id)
        ticket = self._ticket_of(record)
        line = Line(told, record, record.weighed_at + sent.offset, ticket.id if ticket else None, sent.person_id)
        self.lines.append(line)
        self._sign(sent, told)
        if refusal := impossible(record, self._policies):
            told.status, told.problem = Status.REFUSED, {"code": refusal.code, "facts": refusal.facts}
            return Answer(told)
        if first := self._event_told(line):
            told.status, told.duplicate_of = Status.DUPLICATE, first.record_id
            self._firsts[told.id] = first
            return Answer(told, first=first)

        self._weigh(sent, line, ticket, is_broken)
        return Answer(told)

    def _sign(self, sent: Sent, told: Told) -> None:
        if sent.jws is not None and sent.device_id is not None:
            self.signed[told.id] = (told.id, sent.device_id, sent.jws)

    @property
    def shipped(self) -> list[Terms]:
        """The contracts whose kilograms have changed."""
        return [self._terms[contract_id] for contract_id in self._changed_terms]

    @property
    def settled(self) -> list[tuple[Flag, str, str]]:
        """The alerts that this batch has put right: gaps too, where the missing records have come."""
        closed = [station_id for station_id in self._gaps if not self._books[station_id].has_gap]
        return [*self._settled, *((Flag.SEQUENCE_GAP, "station", str(station_id)) for station_id in closed)]

    def _ticket_of(self, record: Record) -> Ticket | None:
        naming = self._namings[record.ticket] if record.ticket else None
        if naming is None:
            return None
        ticket_id = naming.ticket_id or self._ids_by_number.get(naming.number or "")
        ticket = self._tickets.get(ticket_id) if ticket_id else None
        return ticket if ticket is not None and naming.fits(ticket) else None

    def _remember(self, station_id: UUID, direction: Direction, event: Event, told: Told) -> None:
        self._events[station_id, direction, event.plate].append((event, told))
        if event.ticket_id is not None:
            self._events[station_id, direction, event.ticket_id].append((event, told))

    def _event_told(self, line: Line) -> Told | None:
        """The first record that told of the same event; otherwise this one is the first."""
        record, station_id = line.record, line.told.station_id
        event = Event(record.id, record.plate, line.ticket_id, record.gross_kg, line.occurred_at)
        known = self._events.get((station_id, record.direction, record.plate), [])
        if line.ticket_id is not None:
            known = [*known, *self._events.get((station_id, record.direction, line.ticket_id), [])]
        same = [told for other, told in known if is_one_event(other, event, self._policies)]
        if same:
            return min(same, key=lambda told: told.id)
        self._remember(station_id, record.direction, event, line.told)
        return None

    def _weigh(self, sent: Sent, line: Line, ticket: Ticket | None, is_broken: bool) -> None:
        record, told, occurred_at = sent.record, line.told, line.occurred_at
        station = self._stations[sent.station_id]
        usual_tare_kg = self._usual_tare(record, occurred_at)
        on_the_road = self._on_the_road.get(ticket.plate) if ticket else None
        outcome = weigh(
            record,
            Circumstances(
                told.id,
                occurred_at,
                self._at,
                abs(sent.offset.total_seconds()) > self._policies.clock_skew_seconds
                or (bool(sent.offset) and shanghai_year(occurred_at) != shanghai_year(record.weighed_at)),
                is_broken,
                station,
                ticket,
                self._journeys[ticket.id] if ticket else Journey(),
                self._terms[ticket.contract_id] if ticket and ticket.contract_id else None,
                self._sources.get((ticket.source_id, shanghai_year(occurred_at)))
                if ticket and ticket.source_id
                else None,
                usual_tare_kg,
                bool(on_the_road and ticket and on_the_road - {ticket.id}),
                self._revoked_at(record, ticket),
                self._came_anew.get(ticket.id, Kilograms(0)) if ticket else Kilograms(0),
                self._terms[ticket.onward_contract_id] if ticket and ticket.onward_contract_id else None,
            ),
            self._policies,
        )
        told.flags = [flag.value for flag in outcome.flags]
        if ticket is not None:
            self._advance(ticket, outcome, occurred_at)
        self._plan(line, ticket, outcome)
        if outcome.flags:
            self.alerts += alerts_of(line, station, ticket, outcome, has_gap=self._books[station.id].has_gap)

    def _revoked_at(self, record: Record, ticket: Ticket | None) -> datetime | None:
        """When the print that the record names was revoked, if another has replaced it (E37)."""
        if ticket is None or not ticket.earlier_prints or record.ticket is None:
            return None
        naming = self._namings[record.ticket]
        scanned = ticket.find_print(naming.digits) if naming and naming.digits else None
        return scanned.revoked_at if scanned else None

    def _usual_tare(self, record: Record, occurred_at: datetime) -> int | None:
        known = self._tares[record.plate]
        usual = median_low(tare_kg for _, tare_kg in known) if len(known) >= _TARES_KNOWN else None
        if record.tare_source == "fresh":
            self._tares[record.plate] = sorted([*known, (occurred_at, record.tare_kg)])[-5:]
        return usual

    def _advance(self, ticket: Ticket, outcome: Outcome, occurred_at: datetime) -> None:
        """What the next record sees of the ticket, its plate and its contract."""
        if outcome.journey is not None:
            self._journeys[ticket.id] = self.moved[ticket.id] = outcome.journey
            on_the_road = self._on_the_road.setdefault(ticket.plate, set())
            if outcome.journey.state is TicketState.OUT:
                on_the_road.add(ticket.id)
            else:
                on_the_road.discard(ticket.id)
        for contract_id in ticket.contract_ids if outcome.shipped_kg or outcome.received_kg else ():
            self._terms[contract_id] = self._terms[contract_id].after(outcome.shipped_kg, outcome.received_kg)
            self._changed_terms.add(contract_id)
        if ticket.mine_id and outcome.beyond_contract_kg:
            self.overshipped[shanghai_year(occurred_at)].add(ticket.mine_id)
        self._settled += [(flag, "ticket", str(ticket.id)) for flag in outcome.settled]

    def _plan(self, line: Line, ticket: Ticket | None, outcome: Outcome) -> None:
        """The steps that the ledger takes for a record."""
        told, occurred_at = line.told, line.occurred_at
        if not outcome.legs and not outcome.give_back_kg:
            return
        fact = fact_of(told.id, told.station_id, told.body_hash)
        if ticket is not None and outcome.recovers:
            for movement_id, kg in self._write_offs.pop(ticket.id, []):
                told.movement_ids.append(movement_id)
                self.steps.append(GiveBack(movement_id, kg, occurred_at, fact))
        left_kg = outcome.give_back_kg
        if ticket is not None and left_kg:
            for movement_id, kg in self._shipments[ticket.id]:
                if taken := Kilograms(min(kg, left_kg)):
                    told.movement_ids.append(movement_id)
                    self.steps.append(GiveBack(movement_id, taken, occurred_at, fact))
                    left_kg = Kilograms(left_kg - taken)
        own: list[tuple[UUID, Kilograms]] = []
        charged = []
        for leg in outcome.legs:
            movement_id = uuid7()
            told.movement_ids.append(movement_id)
            self.steps.append(Move(movement_id, told.id, leg, occurred_at, fact))
            if ticket is not None and leg.target == ticket.account:
                own.insert(0, (movement_id, leg.kg))
            if leg.draws_on_quota:
                charged.append(movement_id)
        if charged:
            self.charged.append((told, charged))
        if ticket is not None and ticket.id in self._shipments and own:
            self._shipments[ticket.id] = own
