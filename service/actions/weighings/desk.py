"""The judge of a batch: what becomes of each record, and all that is to be written in the end."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.actions.quotas import watch_commitments
from service.actions.weighings.books import Books
from service.actions.weighings.drawing import redraw
from service.actions.weighings.posting import Done, Move, Step, TakeBack
from service.actions.weighings.retelling import retell_event, retell_story
from service.actions.weighings.returning import Returns
from service.actions.weighings.sent import Answer, Sent, answer_again
from service.actions.weighings.watching import Watch, alert_of
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.changes import GiveBack
from service.domain.ledger import AccountKey, AccountKind
from service.domain.policies import Policies
from service.domain.tickets import Journey, Print, ReplacedBecause, Ticket
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import (
    SAME_READING_WITHIN,
    Circumstances,
    Direction,
    IdReused,
    Line,
    Outcome,
    Record,
    Said,
    Sequences,
    Status,
    Terms,
    Told,
    fact_of,
    firsts_of,
    impossible,
    told_together,
    weigh,
)
from service.domain.weighings.legs import lot_of
from service.ids import new_id
from service.store import ticket_acts, weighings
from service.store.ledger import Writing, count_sent_back
from service.store.ticket_acts import DeedVersion
from service.store.weighings import Flow, Refused, Version

Stirred = dict[UUID, dict[int | AccountKey, datetime]]
"""Because of which record, or deed, kilograms of lots come or go otherwise than was known, and since when."""


@dataclass(frozen=True, slots=True)
class Shift:
    """What a lot has more, or less, since a time, and because of which record or deed."""

    account: int | AccountKey
    kg: int
    at: datetime
    because_of: UUID


class Desk(Books):
    """Who judges the records of a batch, one after the other, and writes down what follows.

    Where more is told because of something else, that is what all changes come of.
    """

    def __init__(self, at: datetime, policies: Policies, because_of: UUID | None = None) -> None:
        super().__init__(policies)
        self.at = at
        self._because_of = because_of
        self._given: dict[tuple[UUID, UUID], Answer] = {}
        self.changed_terms: set[UUID] = set()
        self.lines: list[Line] = []
        self.fresh_ids: set[UUID] = set()
        self.versions: list[Version] = []
        self.stirred: Stirred = {}
        self.calm: Stirred = {}  # lots of which nothing was sent back since, as far as is known
        self.shifts: list[Shift] = []
        self.returns = Returns()
        self.disturbed: dict[UUID, Line] = {}  # contracts whose loads may draw other lots, and by which record
        self.deed_versions: list[DeedVersion] = []
        self.moved: dict[UUID, Journey] = {}
        self.steps: list[Step] = []
        self.signed: dict[UUID, tuple[UUID, UUID, str]] = {}
        self.refused: list[Refused] = []
        self.charged: set[UUID] = set()
        self.posted: set[UUID] = set()
        self.watch = Watch()
        self.commitments: dict[int, set[UUID]] = defaultdict(set)
        self.books_used: dict[UUID, Sequences] = {}

    @property
    def reaches_back(self) -> bool:
        """Whether what is told changes what is known of other loads: which lots they draw, or what of them was sent back."""
        return bool(self.disturbed or self.sends_back)

    def because(self, cause: Line) -> UUID:
        """What the changes come of that follow from a line."""
        return self._because_of or cause.told.id

    async def write(
        self, connection: Connection, post: Callable[[Sequence[Step], Writing | None], Awaitable[Done]]
    ) -> set[UUID]:
        """Write all that has changed, and have the steps posted; gives the movements that took kilograms beyond a quota.

        What else is written is given to who posts, where nothing has to be written after it and before the legs.
        """
        at = self.at
        if self.disturbed:
            await redraw(connection, self)
        for lot in await self.returns.keep(connection):
            _note(self.stirred, lot.because_of, lot.account, lot.since)
        self._settle_contracts()
        await weighings.keep_refused(connection, self.refused, at=at)
        writing = weighings.writing_of(self.lines, self.moved, self.shipped, self.books_used, at=at)
        acted = self.moved.keys() & self.deeds.keys()
        has_more = bool(acted or self.deed_versions or self.versions or self.signed)
        if has_more:  # and it names what is written
            await writing.write(connection)
            for ticket_id in acted:
                await ticket_acts.advance(connection, ticket_id, self.moved[ticket_id])
            await ticket_acts.keep_versions(connection, self.deed_versions, at=at)
            await weighings.keep_versions(connection, self.versions, at=at)
            await weighings.keep_signatures(connection, list(self.signed.values()))
        done = await post(self.steps, None if has_more else writing)
        if self.sends_back:
            await count_sent_back(connection)
        if done.sent_back != self.sent_back and done.sent_back is not None:
            self._stir_all()
        await self.watch.tell(connection, at=at)
        await watch_commitments(connection, self.commitments, self.policies, at=at)
        return {movement_id for movement_id in self.charged if done.over_kg.get(movement_id)}

    def judge(self, sent: Sent) -> Answer:
        """What becomes of one record."""
        record, body_hash = sent.record, sent.record.body_hash
        known = self.told.get(sent.key)
        refusal = sent.refusal or (IdReused() if known and known.body_hash != body_hash else None)
        if refusal is not None:
            self.refused.append(sent.refused_for(refusal))
            return Answer(record.id, Said(Status.REFUSED, None, (), ()), refusal)
        if known is not None:
            self._sign(sent, known)
            return answer_again(known, self._given.get(sent.key))
        told = Told(new_id(), sent.station_id, record.id, body_hash, Status.ACCEPTED)
        self.told[sent.key] = told
        self.fresh_ids.add(told.id)
        book = self.books_used[sent.station_id] = self.sequences[sent.station_id]
        was_whole = book.is_whole
        book.tick(record.sequence, record.weighed_at)
        is_broken = book.take(record.sequence)
        if book.is_whole and not was_whole:
            self.watch.settle((Flag.SEQUENCE_GAP, "station", str(sent.station_id)))
        ticket = self.ticket_of(record)
        occurred_at = record.weighed_at + sent.offset
        line = Line(told, record, occurred_at, self.at, ticket.id if ticket else None, sent.person_id)
        self.lines.append(line)
        self._sign(sent, told)
        went_back = self.clocks.note(line, self.stations[sent.station_id], self.watch)
        if is_broken:
            # Of the station, whatever becomes of the record.
            self.watch.open([alert_of(Flag.SEQUENCE_GAP, line, self.stations[sent.station_id], ticket)])
        if refusal := impossible(record, self.policies):
            told.status, told.problem = Status.REFUSED, {"code": refusal.code, "facts": refusal.facts}
            return Answer(record.id, told.said, refusal)
        circumstances = self._circumstances(sent, line, ticket, is_broken=is_broken, went_back=went_back)
        answer = self._given[sent.key] = self._enter(line, circumstances)
        return answer

    def _enter(self, line: Line, seen: Circumstances) -> Answer:
        """Put a record in its place among all that were told, whichever came first (W04)."""
        told = line.told
        together = told_together(line, self.lines_near, self.policies) if self.lines_near(line) else [line]
        firsts: dict[UUID, Line | None] = {told.id: None}
        if len(together) > 1:
            firsts = firsts_of(together, self.policies)
        self.remember(line, is_first=firsts[told.id] is None)
        changed = [other for other in together if other is not line and self._is_said_otherwise(other, firsts)]
        if first := firsts[told.id]:
            told.status, told.duplicate_of = Status.DUPLICATE, first.told.record_id
        if changed:
            retell_event(self, line, seen, changed, firsts)
        elif first is None:
            story = self.stories[line.ticket_id] if line.ticket_id else []
            is_last = not story or (story[-1] is line and line.ticket_id not in self.deeds)
            if line.record.direction is Direction.BACK and seen.journey.in_kg is not None:
                is_last = False  # what had arrived is taken off the arrival
            if is_last:
                self._weigh(line, seen)
            else:
                retell_story(self, line.ticket_id, line, seen)
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
            if outcome.journey is not None and ticket.source_id is None:
                self._note_draw(ticket, line)
            self._advance(ticket, outcome, line.occurred_at)
        self._plan(line, ticket, outcome)
        if outcome.flags:
            self.watch.open(
                alert_of(flag, line, seen.station, ticket, beyond_kg=outcome.beyond_contract_kg)
                for flag in outcome.flags
            )
        if ticket is not None:
            for flag in outcome.settled:
                self.watch.settle((flag, "ticket", str(ticket.id)))

    def _note_draw(self, ticket: Ticket, line: Line) -> None:
        """See whether a load out of stock left, or came back, before others of its contract did (R23)."""
        terms = self.terms[ticket.contract_id] if ticket.contract_id else None
        if terms is None or line.record.direction is Direction.IN:
            return
        last_at, is_out = terms.last_left_at, line.record.direction is Direction.OUT
        if last_at is not None and (not is_out or line.occurred_at <= last_at):
            self.disturb(terms, line)
        elif is_out:
            self.terms[terms.id] = replace(terms, last_left_at=line.occurred_at)

    def disturb(self, terms: Terms, line: Line) -> None:
        """Have the loads of a contract draw its pledged lots anew: a line says otherwise what left of them, or when (R23)."""
        if terms.pledges and terms.proof_id is not None:
            self.disturbed[terms.id] = line

    @property
    def shipped(self) -> list[Terms]:
        """The contracts whose kilograms have changed."""
        return [self.terms[contract_id] for contract_id in self.changed_terms]

    def _settle_contracts(self) -> None:
        """Settle what the batch as a whole has put right: a contract that no longer ships too much (W08)."""
        for terms in self.shipped:
            if terms.id in self.overshipped and terms.shipped_kg <= terms.kg:
                self.watch.settle((Flag.CONTRACT_OVERSHIPPED, "contract", str(terms.id)))

    def _sign(self, sent: Sent, told: Told) -> None:
        if sent.jws is not None and sent.device_id is not None:
            self.signed[told.id] = (told.id, sent.device_id, sent.jws)

    def _circumstances(
        self, sent: Sent, line: Line, ticket: Ticket | None, *, is_broken: bool, went_back: bool
    ) -> Circumstances:
        record, occurred_at = line.record, line.occurred_at
        plain = self.circumstances_of(line, ticket)
        plain.offset_is_large = abs(sent.offset.total_seconds()) > self.policies.clock_skew_seconds or (
            bool(sent.offset) and shanghai_year(occurred_at) != shanghai_year(record.weighed_at)
        )
        plain.sequence_is_broken, plain.clock_went_back = is_broken, went_back
        self.plates.note(line, plain, self.watch)
        if record.reading is not None:
            reading = (line.told.station_id, record.reading)
            times = self.readings.setdefault(reading, [])
            plain.reading_is_repeated = any(abs(occurred_at - at) <= SAME_READING_WITHIN for at in times)
            if plain.reading_is_repeated:
                self.watch.open([alert_of(Flag.READING_REPEATED, line, plain.station, ticket)])
            times.append(occurred_at)
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
            clock_went_back=False,
            station=self.stations[line.told.station_id],
            ticket=ticket,
            journey=self.journeys[ticket.id] if ticket else Journey(),
            terms=self.terms[ticket.contract_id] if ticket and ticket.contract_id else None,
            source=self.sources.get((ticket.source_id, year)) if ticket and ticket.source_id else None,
            onward_terms=self.terms[ticket.onward_contract_id] if ticket and ticket.onward_contract_id else None,
        )

    def _replaced_print(self, record: Record, ticket: Ticket | None) -> Print | None:
        """The print that the record names, if another has replaced it (E37)."""
        if ticket is None or not ticket.earlier_prints or record.ticket is None:
            return None
        naming = self.namings[record.ticket]
        return ticket.find_print(naming.digits) if naming and naming.digits else None

    def _advance(self, ticket: Ticket, outcome: Outcome, occurred_at: datetime) -> None:
        """What the next record sees of the ticket, its plate and its contract."""
        if outcome.journey is not None:
            self.move(ticket, outcome.journey)
        self.count(ticket, outcome.shipped_kg, outcome.received_kg)
        if ticket.source_id and outcome.beyond_contract_kg:
            self.commitments[shanghai_year(occurred_at)].add(ticket.source_id)

    def move(self, ticket: Ticket, journey: Journey) -> None:
        """Bring a ticket to where the scales say that it stands."""
        was = self.journeys[ticket.id]
        self.journeys[ticket.id] = self.moved[ticket.id] = journey
        self.plates.note_journey(ticket, was, journey, self.stations.get(ticket.source_station_id), self.watch)

    def count(self, ticket: Ticket, shipped_kg: int, received_kg: int) -> None:
        """Have the ticket's contracts count more, or less."""
        for contract_id in ticket.contract_ids if shipped_kg or received_kg else ():
            terms = self.terms[contract_id].after(Kilograms(shipped_kg), Kilograms(received_kg))
            self.terms[contract_id] = terms
            self.changed_terms.add(contract_id)
            if terms.shipped_kg > terms.kg:
                self.overshipped.add(contract_id)

    def _plan(self, line: Line, ticket: Ticket | None, outcome: Outcome) -> None:
        """The steps that the ledger takes for a record."""
        told, occurred_at = line.told, line.occurred_at
        if not outcome.legs and not outcome.give_back_kg:
            return
        fact = fact_of(told.id, told.station_id, told.body_hash)
        if ticket is not None and outcome.give_back_kg:
            self._give_back(line, ticket, outcome.give_back_kg, fact)
        for leg in outcome.legs:
            move = Move(new_id(), told.id, leg, occurred_at, fact)
            told.movement_ids.append(move.movement_id)
            self.post(told.id, move)
            if self.watches_lots:
                self.stir(leg.source, -leg.kg, occurred_at, told.id)
                self.stir(leg.target, leg.kg, occurred_at, told.id)

    def stir(self, account: int | AccountKey, kg: int, at: datetime, because_of: UUID) -> None:
        """Note what a lot has more, or less, since a time before some of it was sent back: that may be reckoned anew then (W10)."""
        last_at = self.last_taken_back(account)
        if last_at is None or at > last_at:
            _note(self.calm, because_of, account, at)
        else:
            _note(self.stirred, because_of, account, at)
            self.shifts.append(Shift(account, kg, at, because_of))

    def stir_sent_back(self, ticket: Ticket, journey: Journey, because_of: UUID) -> None:
        """Have a lot looked at where a load came back out of it at another time than was known (W10)."""
        was = self.journeys[ticket.id]
        if was.in_kg is None or was.out_at is None or was.back_at is None or was.back_at == journey.back_at:
            return
        since = min(was.back_at, journey.back_at or was.back_at)
        _note(self.stirred, because_of, lot_of(ticket, was.out_at), since)

    def _stir_all(self) -> None:
        """Look at every lot that the batch has moved: while it was judged, another process has sent something back."""
        for step in self.steps:
            if isinstance(step, Move):
                for end in (step.leg.source, step.leg.target):
                    if isinstance(end, int) or end.kind is AccountKind.LOT:
                        _note(self.stirred, step.act, end, step.occurred_at)
        for because_of, lots in self.calm.items():
            for account, since in lots.items():
                _note(self.stirred, because_of, account, since)

    def post(self, owner_id: UUID, move: Move) -> None:
        """Have the ledger post a leg of a record's, or of a deed's."""
        self.steps.append(move)
        self.posted.add(move.movement_id)
        flow = Flow(move.movement_id, move.leg.source, move.leg.target, move.leg.kg)
        self.flows.setdefault(owner_id, []).append(flow)
        if move.leg.draws_on_quota:
            self.charged.add(move.movement_id)

    def _give_back(self, line: Line, ticket: Ticket, left_kg: int, fact: bytes) -> None:
        """What the source's scale weighs back in is taken off what filled the load, last first (W10)."""
        back_kg: Counter[int] = Counter()
        for filling in reversed(self.stories[ticket.id]):
            flows = self.flows.get(filling.told.id, [])
            for place, flow in reversed(list(enumerate(flows))):
                taken = Kilograms(min(flow.kg, left_kg))
                if flow.target != ticket.account or not taken:
                    continue
                line.told.movement_ids.append(flow.movement_id)
                back = GiveBack(flow.movement_id, taken, line.occurred_at, fact)
                self.steps.append(TakeBack(line.told.id, back))
                self.stir(flow.source, taken, filling.occurred_at, line.told.id)
                flows[place] = replace(flow, kg=Kilograms(flow.kg - taken))
                left_kg -= taken
                if self.is_lot(flow.source):
                    back_kg[flow.source] += taken
        if ticket.source_id is None:
            self.returns.note(ticket.id, self.journeys[ticket.id], back_kg, line.told.id)


def _note(stirred: Stirred, because_of: UUID, account: int | AccountKey, at: datetime) -> None:
    lots = stirred.setdefault(because_of, {})
    lots[account] = min(at, lots.get(account, at))
