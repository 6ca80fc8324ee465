"""All that a batch knows, kept up to date from record to record."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.quotas import watch_commitments
from service.actions.weighings.plates import Plates
from service.actions.weighings.posting import GiveBack, Move, Step, post_steps
from service.actions.weighings.retelling import can_be_retold, retell_event, retell_story
from service.actions.weighings.sent import Answer, Sent, answer_again
from service.actions.weighings.watching import Watch, alert_of
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.ledger import AccountKey
from service.domain.policies import Policies
from service.domain.tickets import Journey, Print, ReplacedBecause, Ticket, TicketState
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import (
    RANKS,
    Circumstances,
    Direction,
    IdReused,
    Line,
    Naming,
    Outcome,
    Record,
    Said,
    Sequences,
    Source,
    Station,
    Status,
    Terms,
    Told,
    fact_of,
    firsts_of,
    impossible,
    named_ticket,
    told_together,
    weigh,
)
from service.store import ticket_acts, tickets, weighings
from service.store.ledger import Memory, Signer
from service.store.weighings import Asked, Flow, Found, Refused, Version

Place = tuple[UUID, Direction, str | UUID]


class Desk:
    """The books that lie open while a batch is judged: what one record changes the next one sees."""

    def __init__(self, at: datetime, policies: Policies) -> None:
        self.at = at
        self.policies = policies
        self.stations: dict[UUID, Station] = {}
        self._books: dict[UUID, Sequences] = {}
        self._namings: dict[str, Naming | None] = {}
        self.tickets: dict[UUID, Ticket] = {}
        self._ids_by_number: dict[str, UUID] = {}
        self.journeys: dict[UUID, Journey] = {}
        self._told: dict[tuple[UUID, UUID], Told] = {}
        self._given: dict[tuple[UUID, UUID], Answer] = {}
        self._near: dict[Place, list[Line]] = defaultdict(list)
        self.stories: dict[UUID, list[Line]] = defaultdict(list)
        self.terms: dict[UUID, Terms] = {}
        self._overshipped: set[UUID] = set()
        self.sources: dict[tuple[UUID, int], Source] = {}
        self.plates = Plates(policies)
        self._readings: set[tuple[UUID, int]] = set()
        self._came_anew: dict[UUID, Kilograms] = {}
        self._write_offs: dict[UUID, list[tuple[UUID, Kilograms]]] = {}
        self.flows: dict[UUID, list[Flow]] = {}
        self.account_ids: dict[AccountKey, int] = {}
        self.changed_terms: set[UUID] = set()
        self.lines: list[Line] = []
        self.fresh_ids: set[UUID] = set()
        self.versions: list[Version] = []
        self.moved: dict[UUID, Journey] = {}
        self.steps: list[Step] = []
        self.signed: dict[UUID, tuple[UUID, UUID, str]] = {}
        self.refused: list[Refused] = []
        self.charged: set[UUID] = set()
        self.posted: set[UUID] = set()
        self.watch = Watch()
        self.overshipped: dict[int, set[UUID]] = defaultdict(set)
        self.books_used: dict[UUID, Sequences] = {}

    async def lock(self, connection: Connection, sent: Sequence[Sent]) -> None:
        """The stations, then the tickets."""
        texts = {one.record.ticket for one in sent if one.record.ticket}
        self._namings = {text: named_ticket(text) for text in texts}
        books, named = await weighings.lock(
            connection, sorted({one.station_id for one in sent}), [n for n in self._namings.values() if n]
        )
        for station, book in books:
            self.stations[station.id], self._books[station.id] = station, book
        for ticket, journey in named:
            self.tickets[ticket.id], self.journeys[ticket.id] = ticket, journey
            self._ids_by_number[ticket.number] = ticket.id

    async def read(self, connection: Connection, sent: Sequence[Sent], memory: Memory | None) -> None:
        """See which records are new, and what the rules ask about those.

        After the locks, in a statement of its own: it sees what another process told while ours waited.
        """
        new = [
            (one, one.record.weighed_at + one.offset, self._ticket_of(one.record))
            for one in sent
            if one.refusal is None and impossible(one.record, self.policies) is None
        ]
        self.plates = Plates(self.policies, has_places=any(station.where for station in self.stations.values()))
        since: dict[str, datetime] = {}
        for one, at, _ in new:
            since[one.record.plate] = min(at, since.get(one.record.plate, at))
        lines = [(one.station_id, one.record, ticket.id if ticket else None, at) for one, at, ticket in new]
        left = [(ticket, at) for one, at, ticket in new if one.record.direction is Direction.OUT]
        readings = {(one.station_id, one.record.reading) for one, _, _ in new if one.record.reading is not None}
        asked = self._asked([ticket for _, _, ticket in new if ticket is not None], left, since, memory)
        asked.records, asked.lines, asked.readings = list({one.key for one in sent}), lines, readings
        found = await weighings.read(connection, asked, self.policies)
        self._told = found.told
        self._readings = found.readings
        self._know(found, memory)
        fresh = [line for (one, _, _), line in zip(new, lines, strict=True) if one.key not in self._told]
        if found.lines and fresh:
            await self._read_before(connection, found.lines, fresh, asked, memory)
        journeys = self.journeys
        if refused := {id_ for id_, journey in journeys.items() if journey.refused_kg}:
            self._came_anew = await ticket_acts.find_came_anew(connection, refused)
        if lost := {id_ for id_, journey in journeys.items() if journey.state is TicketState.LOST}:
            self._write_offs = await ticket_acts.find_write_offs(connection, lost)

    def _asked(
        self,
        found: Collection[Ticket],
        left: Iterable[tuple[Ticket | None, datetime]],
        since: Mapping[str, datetime],
        memory: Memory | None,
    ) -> Asked:
        """What is not known yet of tickets, of loads that left at a time, and of plates since a time."""
        contracts = {contract_id for ticket in found for contract_id in ticket.contract_ids} - self.terms.keys()
        loads = {(ticket.source_id, shanghai_year(at)) for ticket, at in left if ticket and ticket.source_id}
        accounts = {key for ticket in found for key in (ticket.account, ticket.source_account) if key}
        plates = dict(since)
        if plates:
            begin = min(plates.values())
            for ticket in found:
                plates.setdefault(ticket.plate, begin)
        return Asked(
            contracts=sorted(contracts),
            loads=loads - self.sources.keys(),
            plates={plate: at for plate, at in plates.items() if not self.plates.knows(plate)},
            before=self.plates.before,
            accounts=memory.lacks(accounts) if memory else (),
        )

    async def _read_before(
        self,
        connection: Connection,
        known: list[Line],
        fresh: Sequence[tuple[UUID, Record, UUID | None, datetime]],
        asked: Asked,
        memory: Memory | None,
    ) -> None:
        """What was told before of the batch's tickets, and near its records in place and time, with what follows from it.

        A truck that was scanned with two tickets brings the other ticket in; that one is locked late, which may end in a
        deadlock, and then the records are done one by one.
        """
        others = {line.ticket_id for line in known if line.ticket_id} - self.tickets.keys()
        if others:
            for ticket, journey in await tickets.lock_named(connection, [Naming(ticket_id=id_) for id_ in others]):
                self.tickets[ticket.id], self.journeys[ticket.id] = ticket, journey
            seen = {line.told.id for line in known}
            known += [line for line in await weighings.find_lines_of(connection, others) if line.told.id not in seen]
        for line in known:
            self._remember(line)
        for story in self.stories.values():
            story.sort(key=lambda line: line.place)
        left = [
            (self.tickets.get(line.ticket_id), line.occurred_at)
            for line in known
            if line.ticket_id and line.record.direction is Direction.OUT
        ]
        begin = min(asked.plates.values())
        of_others = [self.tickets[id_] for id_ in others if id_ in self.tickets]
        more = self._asked(of_others, left, {ticket.plate: begin for ticket in of_others}, memory)
        if more.contracts or more.loads or more.plates or more.accounts:
            self._know(await weighings.read(connection, more, self.policies), memory)
        if retold := self._retold(fresh, known):
            lines = {line.told.id: line.told.movement_ids for line in sorted(retold, key=lambda line: line.place)}
            self.flows, self.account_ids = await weighings.find_flows(connection, lines)
            missing = {line.told.station_id for line in retold} - self.stations.keys()
            if missing:
                self.stations |= await tickets.find_stations(connection, missing)

    def _know(self, found: Found, memory: Memory | None = None) -> None:
        self.terms |= found.terms
        self.sources |= found.sources
        self._overshipped |= {id_ for id_, terms in found.terms.items() if terms.shipped_kg > terms.kg}
        self.plates.know(found.plates, found.tares, found.roads)
        if memory:
            memory.fill(found.ends)

    async def take_out(self, connection: Connection, line: Line, station: Station) -> Line:
        """Open the books for one line that is known, with all that was told of its ticket; its ticket is locked."""
        self.stations[station.id] = station
        known = [line]
        if line.ticket_id is not None:
            [(ticket, journey)] = await tickets.lock_named(connection, [Naming(ticket_id=line.ticket_id)])
            self.tickets[ticket.id], self.journeys[ticket.id] = ticket, journey
            known = await weighings.find_lines_of(connection, [line.ticket_id])
            asked = self._asked(
                [ticket],
                [(ticket, one.occurred_at) for one in known if one.record.direction is Direction.OUT],
                {ticket.plate: line.occurred_at},
                None,
            )
            self._know(await weighings.read(connection, asked, self.policies))
            missing = {one.told.station_id for one in known} - self.stations.keys()
            self.stations |= await tickets.find_stations(connection, missing)
        for one in known:
            self._remember(one)
        ordered = sorted(known, key=lambda one: one.place)
        for story in self.stories.values():
            story.sort(key=lambda one: one.place)
        self.flows, self.account_ids = await weighings.find_flows(
            connection, {one.told.id: one.told.movement_ids for one in ordered}
        )
        return next((one for one in known if one.told.id == line.told.id), line)

    async def write(self, connection: Connection, *, sign: Signer, memory: Memory | None = None) -> set[UUID]:
        """Write all that has changed, and post the steps; gives the movements that took kilograms beyond a quota."""
        at = self.at
        self._settle_contracts()
        await weighings.write(connection, self.lines, self.moved, self.shipped, self.books_used, at=at)
        await weighings.keep_versions(connection, self.versions, at=at)
        await weighings.keep_signatures(connection, list(self.signed.values()))
        await weighings.keep_refused(connection, self.refused, at=at)
        over_kg = await post_steps(connection, self.steps, at=at, sign=sign, memory=memory)
        await self.watch.tell(connection, at=at)
        for year, sources in self.overshipped.items():
            await watch_commitments(connection, sources, year, self.policies, at=at)
        return {movement_id for movement_id in self.charged if over_kg.get(movement_id)}

    def _retold(self, asked: Sequence[tuple[UUID, Record, UUID | None, datetime]], known: Sequence[Line]) -> list[Line]:
        """Those of the known lines of which more may have to be said, or whose load comes back.

        More is said where a new record stands before one of them in time, or the new ones are not in the order of time.
        """
        if not known:
            return []
        last = {id_: story[-1].place[:2] for id_, story in self.stories.items() if story}
        again: set[UUID | None] = set()
        earliest: dict[Place, datetime] = {}
        for station_id, record, ticket_id, at in asked:
            for key in (record.plate, ticket_id):
                if key is not None:
                    place = (station_id, record.direction, key)
                    earliest[place] = min(at, earliest.get(place, at))
            if ticket_id is not None:
                when = (at, RANKS[record.direction])
                if record.direction is Direction.BACK or when <= last.get(ticket_id, when[:0]):
                    again.add(ticket_id)
                last[ticket_id] = max(when, last.get(ticket_id, when))
        scales = {
            place[:2]
            for place, at in earliest.items()
            if any(line.occurred_at >= at for line in self._near.get(place, ()))
        }
        near = [line for line in known if (line.told.station_id, line.record.direction) in scales]
        again |= {line.ticket_id for line in near if line.ticket_id is not None}
        alone = {line.told.id for line in near}
        return [line for line in known if line.ticket_id in again or line.told.id in alone]

    def judge(self, sent: Sent) -> Answer:
        """What becomes of one record."""
        record, body_hash = sent.record, sent.record.body_hash
        known = self._told.get(sent.key)
        refusal = sent.refusal or (IdReused() if known and known.body_hash != body_hash else None)
        if refusal is not None:
            self.refused.append(sent.refused_for(refusal))
            return Answer(record.id, Said(Status.REFUSED, None, (), ()), refusal)
        if known is not None:
            self._sign(sent, known)
            return answer_again(known, self._given.get(sent.key))
        told = Told(uuid7(), sent.station_id, record.id, body_hash, Status.ACCEPTED)
        self._told[sent.key] = told
        self.fresh_ids.add(told.id)
        book = self.books_used[sent.station_id] = self._books[sent.station_id]
        was_whole = book.is_whole
        is_broken = book.take(record.sequence)
        if book.is_whole and not was_whole:
            self.watch.settle((Flag.SEQUENCE_GAP, "station", str(sent.station_id)))
        ticket = self._ticket_of(record)
        occurred_at = record.weighed_at + sent.offset
        line = Line(told, record, occurred_at, self.at, ticket.id if ticket else None, sent.person_id)
        self.lines.append(line)
        self._sign(sent, told)
        if is_broken:
            # Of the station, whatever becomes of the record.
            self.watch.open([alert_of(Flag.SEQUENCE_GAP, line, self.stations[sent.station_id], ticket)])
        if refusal := impossible(record, self.policies):
            told.status, told.problem = Status.REFUSED, {"code": refusal.code, "facts": refusal.facts}
            return Answer(record.id, told.said, refusal)
        circumstances = self._circumstances(sent, line, ticket, is_broken)
        answer = self._given[sent.key] = self._enter(line, circumstances)
        return answer

    def _enter(self, line: Line, seen: Circumstances) -> Answer:
        """Put a record in its place among all that were told, whichever came first (W04)."""
        told = line.told
        together = told_together(line, self._lines_near, self.policies)
        firsts: dict[UUID, Line | None] = {told.id: None}
        if len(together) > 1:
            firsts = firsts_of(together, self.policies)
        self._remember(line, is_first=firsts[told.id] is None)
        changed = [other for other in together if other is not line and self._is_said_otherwise(other, firsts)]
        if first := firsts[told.id]:
            told.status, told.duplicate_of = Status.DUPLICATE, first.told.record_id
        if changed:
            retell_event(self, line, seen, changed, firsts)
        elif first is None:
            story = self.stories[line.ticket_id] if line.ticket_id else []
            if story and story[-1] is not line and can_be_retold(self, line.ticket_id):
                retell_story(self, line.ticket_id, line, seen)
            else:
                self._weigh(line, seen)
        if first is None:
            return Answer(told.record_id, told.said)
        return Answer(told.record_id, replace(first.told.said, status=told.status, duplicate_of=told.duplicate_of))

    def _is_said_otherwise(self, line: Line, firsts: dict[UUID, Line | None]) -> bool:
        first = firsts[line.told.id]
        return line.told.duplicate_of != (first.told.record_id if first else None)

    def _weigh(self, line: Line, seen: Circumstances) -> None:
        """What follows from a record that is the last of its ticket in time."""
        ticket, told = seen.ticket, line.told
        outcome = weigh(line.record, seen, self.policies)
        told.flags = [flag.value for flag in outcome.flags]
        if ticket is not None:
            self._advance(ticket, outcome, line.occurred_at)
        self._plan(line, ticket, outcome)
        self.watch.open(
            alert_of(flag, line, seen.station, ticket, beyond_kg=outcome.beyond_contract_kg) for flag in outcome.flags
        )
        if ticket is not None:
            for flag in outcome.settled:
                self.watch.settle((flag, "ticket", str(ticket.id)))

    @property
    def shipped(self) -> list[Terms]:
        """The contracts whose kilograms have changed."""
        return [self.terms[contract_id] for contract_id in self.changed_terms]

    def _settle_contracts(self) -> None:
        """Settle what the batch as a whole has put right: a contract that no longer ships too much (W08)."""
        for terms in self.shipped:
            if terms.id in self._overshipped and terms.shipped_kg <= terms.kg:
                self.watch.settle((Flag.CONTRACT_OVERSHIPPED, "contract", str(terms.id)))

    def _sign(self, sent: Sent, told: Told) -> None:
        if sent.jws is not None and sent.device_id is not None:
            self.signed[told.id] = (told.id, sent.device_id, sent.jws)

    def _ticket_of(self, record: Record) -> Ticket | None:
        naming = self._namings[record.ticket] if record.ticket else None
        if naming is None:
            return None
        ticket_id = naming.ticket_id or self._ids_by_number.get(naming.number or "")
        ticket = self.tickets.get(ticket_id) if ticket_id else None
        return ticket if ticket is not None and naming.fits(ticket) else None

    def _circumstances(self, sent: Sent, line: Line, ticket: Ticket | None, is_broken: bool) -> Circumstances:
        record, occurred_at = line.record, line.occurred_at
        plain = self.circumstances_of(line, ticket)
        plain.offset_is_large = abs(sent.offset.total_seconds()) > self.policies.clock_skew_seconds or (
            bool(sent.offset) and shanghai_year(occurred_at) != shanghai_year(record.weighed_at)
        )
        plain.sequence_is_broken = is_broken
        self.plates.note(line, plain, self.watch)
        if record.reading is not None:
            reading = (line.told.station_id, record.reading)
            plain.reading_is_repeated = reading in self._readings
            if plain.reading_is_repeated:
                self.watch.open([alert_of(Flag.READING_REPEATED, line, plain.station, ticket)])
            self._readings.add(reading)
        plain.another_is_on_the_road = ticket is not None and self.plates.is_another_open(ticket, occurred_at)
        if (scanned := self._replaced_print(record, ticket)) is not None:
            by_key = scanned.because is ReplacedBecause.KEY_RETIRED
            plain.revoked_at = None if by_key else scanned.revoked_at
            plain.key_is_retired = by_key and occurred_at >= scanned.replaced_at
        return plain

    def circumstances_of(self, line: Line, ticket: Ticket | None) -> Circumstances:
        """What the rules ask about a line beside what its device and its plate say."""
        year = shanghai_year(line.occurred_at)
        return Circumstances(
            line.told.id,
            line.occurred_at,
            line.recorded_at,
            offset_is_large=False,
            sequence_is_broken=False,
            station=self.stations[line.told.station_id],
            ticket=ticket,
            journey=self.journeys[ticket.id] if ticket else Journey(),
            terms=self.terms[ticket.contract_id] if ticket and ticket.contract_id else None,
            source=self.sources.get((ticket.source_id, year)) if ticket and ticket.source_id else None,
            came_anew_kg=self._came_anew.get(ticket.id, Kilograms(0)) if ticket else Kilograms(0),
            onward_terms=self.terms[ticket.onward_contract_id] if ticket and ticket.onward_contract_id else None,
        )

    def _replaced_print(self, record: Record, ticket: Ticket | None) -> Print | None:
        """The print that the record names, if another has replaced it (E37)."""
        if ticket is None or not ticket.earlier_prints or record.ticket is None:
            return None
        naming = self._namings[record.ticket]
        return ticket.find_print(naming.digits) if naming and naming.digits else None

    def _remember(self, line: Line, *, is_first: bool | None = None) -> None:
        record, station_id = line.record, line.told.station_id
        self._near[station_id, record.direction, record.plate].append(line)
        if line.ticket_id is None:
            return
        self._near[station_id, record.direction, line.ticket_id].append(line)
        if is_first if is_first is not None else line.told.status is Status.ACCEPTED:
            self.stories[line.ticket_id].append(line)
            if is_first is not None:
                self.stories[line.ticket_id].sort(key=lambda one: one.place)

    def _lines_near(self, line: Line) -> list[Line]:
        station_id, direction = line.told.station_id, line.record.direction
        near = self._near.get((station_id, direction, line.record.plate), [])
        if line.ticket_id is not None:
            near = [*near, *self._near.get((station_id, direction, line.ticket_id), [])]
        return near

    def _advance(self, ticket: Ticket, outcome: Outcome, occurred_at: datetime) -> None:
        """What the next record sees of the ticket, its plate and its contract."""
        if outcome.journey is not None:
            self.move(ticket, outcome.journey)
        self.count(ticket, outcome.shipped_kg, outcome.received_kg)
        if ticket.source_id and outcome.beyond_contract_kg:
            self.overshipped[shanghai_year(occurred_at)].add(ticket.source_id)

    def move(self, ticket: Ticket, journey: Journey) -> None:
        """Bring a ticket to where the scales say that it stands."""
        self.journeys[ticket.id] = self.moved[ticket.id] = journey
        self.plates.note_journey(ticket, journey, self.stations.get(ticket.source_station_id), self.watch)

    def count(self, ticket: Ticket, shipped_kg: int, received_kg: int) -> None:
        """Have the ticket's contracts count more, or less."""
        for contract_id in ticket.contract_ids if shipped_kg or received_kg else ():
            terms = self.terms[contract_id]
            self.terms[contract_id] = replace(
                terms,
                shipped_kg=Kilograms(terms.shipped_kg + shipped_kg),
                received_kg=Kilograms(terms.received_kg + received_kg),
            )
            self.changed_terms.add(contract_id)
            if self.terms[contract_id].shipped_kg > terms.kg:
                self._overshipped.add(contract_id)

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
        if ticket is not None and outcome.give_back_kg:
            self._give_back(line, ticket, outcome.give_back_kg, fact)
        for leg in outcome.legs:
            move = Move(uuid7(), told.id, leg, occurred_at, fact)
            told.movement_ids.append(move.movement_id)
            self.post(line, move)

    def post(self, line: Line, move: Move) -> None:
        """Have the ledger post a leg of a line's."""
        self.steps.append(move)
        self.posted.add(move.movement_id)
        flow = Flow(move.movement_id, move.leg.source, move.leg.target, move.leg.kg)
        self.flows.setdefault(line.told.id, []).append(flow)
        if move.leg.draws_on_quota:
            self.charged.add(move.movement_id)

    def _give_back(self, line: Line, ticket: Ticket, left_kg: int, fact: bytes) -> None:
        """What the source's scale weighs back in is taken off what filled the load, last first (W10)."""
        for filling in reversed(self.stories[ticket.id]):
            flows = self.flows.get(filling.told.id, [])
            for place, flow in reversed(list(enumerate(flows))):
                taken = Kilograms(min(flow.kg, left_kg))
                if flow.target != ticket.account or not taken:
                    continue
                line.told.movement_ids.append(flow.movement_id)
                self.steps.append(GiveBack(flow.movement_id, taken, line.occurred_at, fact))
                flows[place] = replace(flow, kg=Kilograms(flow.kg - taken))
                left_kg -= taken
