"""What happens when stations tell what their scales said: a whole batch in one transaction, the same however it is cut."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median_low
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.overdraws import report_overdraws
from service.actions.quotas import watch_commitments
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import Refusal
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.units import Kilograms, shanghai_year
from service.domain.weighings import (
    Circumstances,
    Direction,
    Event,
    IdReused,
    ImpossibleWeight,
    Leg,
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
from service.store import alerts, tickets, weighings
from service.store.accounts import open_accounts
from service.store.ledger import Posted, Signer, append, give_back
from service.store.lots import open_lots
from service.store.weighings import Line, Told

TARES_KNOWN = 3
"""From so many fresh tares on, a plate has a usual one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as it arrived: from which station, by whom, and how far the device's clock was behind ours."""

    station_id: UUID
    person_id: UUID
    offset: timedelta
    record: Record

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What names the record for ever."""
        return (self.station_id, self.record.id)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the station hears about a record."""

    id: UUID
    status: Status
    movement_ids: Sequence[UUID] = ()
    flags: Sequence[str] = ()
    duplicate_of: UUID | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class _GiveBack:
    """Kilograms of a movement that the source's scale has weighed back in."""

    movement_id: UUID
    kg: Kilograms
    occurred_at: datetime
    fact: bytes


@dataclass(frozen=True, slots=True)
class _Move:
    """A leg of a record's, before its accounts are known."""

    movement_id: UUID
    act: UUID
    leg: Leg
    occurred_at: datetime
    fact: bytes


async def weigh_all(
    connection: Connection, sent: Sequence[Sent], *, at: datetime, sign: Signer, policies: Policies = DEFAULTS
) -> list[Weighed]:
    """Keep what the scales said, judge it record by record, and post what moved.

    1. Lock the stations, then the tickets; set aside what was told before.
    2. Read what the rules ask, in one query each; contracts are locked here, after the tickets.
    3. Judge each record in order; what one changes the next one sees.
    4. Write the records and what they changed; last, post their legs under the head's lock.
    5. Complete the flags by what the posting found, and open the alerts.
    """
    desk = _Desk(at, policies)
    await desk.lock(connection, sent)
    await desk.read(connection)

    answers = [desk.judge(one) for one in sent]

    await weighings.write(connection, desk.lines, desk.moved, desk.shipped, desk.books_used, at=at)
    over_kg = await _post(connection, desk.steps, at=at, sign=sign)
    for told, movement_ids in desk.charged:
        told.is_over = any(over_kg.get(movement_id) for movement_id in movement_ids)
    # Opened first: what one record of the batch told amiss another may have put right.
    await alerts.open_alerts(connection, desk.alerts, at=at)
    await alerts.settle_alerts(connection, desk.settled, at=at)
    for year, mines in desk.overshipped.items():
        await watch_commitments(connection, mines, year, policies, at=at)
    return [answer() for answer in answers]


async def _post(
    connection: Connection, steps: Sequence[_Move | _GiveBack], *, at: datetime, sign: Signer
) -> dict[UUID, Kilograms]:
    """Post the steps in order, and report the overdraws that they open and close; what lay beyond, by movement."""
    keys = {account for step in steps if isinstance(step, _Move) for account in (step.leg.source, step.leg.target)}
    wanted = {key for key in keys if isinstance(key, AccountKey)}
    lots = {key for key in wanted if key.kind is AccountKind.LOT}
    accounts = await open_accounts(connection, wanted - lots) if wanted - lots else {}
    if lots:
        accounts |= {key: account for key, (_, account) in (await open_lots(connection, lots, at)).items()}

    over_kg: dict[UUID, Kilograms] = {}
    waiting: list[Movement] = []

    async def keep(posted: Posted) -> None:
        over_kg.update(posted.over_kg)
        await report_overdraws(connection, posted, at=at)

    async def flush() -> None:
        if waiting:
            await keep(await append(connection, waiting, at=at, sign=sign))
            waiting.clear()

    for step in steps:
        if isinstance(step, _Move):
            source, target = (
                accounts[account] if isinstance(account, AccountKey) else account
                for account in (step.leg.source, step.leg.target)
            )
            waiting.append(
                Movement(step.movement_id, step.act, source, target, step.leg.kg, step.occurred_at, step.fact)
            )
        else:
            await flush()
            posted = await give_back(
                connection,
                step.movement_id,
                step.kg,
                occurred_at=step.occurred_at,
                fact=step.fact,
                at=at,
                sign=sign,
            )
            await keep(posted)
    await flush()
    return over_kg


class _Answer:
    """What is said about a record once the posting is done."""

    __slots__ = ("_first", "_is_repeated", "_refusal", "_told")

    def __init__(
        self, told: Told, *, first: Told | None = None, is_repeated: bool = False, refusal: Refusal | None = None
    ) -> None:
        self._told = told
        self._first = first or told
        self._is_repeated = is_repeated
        self._refusal = refusal

    def __call__(self) -> Weighed:
        told, first = self._told, self._first
        if self._refusal is not None:
            return Weighed(told.record_id, Status.REFUSED, refusal=self._refusal)
        if told.problem is not None:
            return Weighed(
                told.record_id, Status.REFUSED, flags=told.flags, refusal=ImpossibleWeight(**told.problem["facts"])
            )
        status, duplicate_of = told.status, told.duplicate_of
        if self._is_repeated and status is Status.ACCEPTED:
            status, duplicate_of = Status.DUPLICATE, told.record_id
        flags = [*first.flags, Flag.QUOTA_OVERDRAWN] if first.is_over else first.flags
        return Weighed(told.record_id, status, first.movement_ids, flags, duplicate_of)


class _Desk:
    """All that a batch knows, kept up to date from record to record."""

    def __init__(self, at: datetime, policies: Policies) -> None:
        self._at = at
        self._policies = policies
        self._fresh: list[tuple[Sent, datetime]] = []
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
        self._changed_terms: set[UUID] = set()
        self._gaps: set[UUID] = set()
        self.lines: list[Line] = []
        self.moved: dict[UUID, Journey] = {}
        self.steps: list[_Move | _GiveBack] = []
        self.charged: list[tuple[Told, list[UUID]]] = []
        self.alerts: list[Alert] = []
        self.overshipped: dict[int, set[UUID]] = defaultdict(set)
        self._settled: list[tuple[Flag, str, str]] = []
        self.books_used: dict[UUID, Sequences] = {}

    async def lock(self, connection: Connection, sent: Sequence[Sent]) -> None:
        """The stations, then the tickets; then see which records are new."""
        await weighings.steady(connection)
        locked = await weighings.lock_stations(connection, sorted({one.station_id for one in sent}))
        for station_id, (station, book) in locked.items():
            self._stations[station_id], self._books[station_id] = station, book
            if book.has_gap:
                self._gaps.add(station_id)
        texts = {one.record.ticket for one in sent if one.record.ticket}
        self._namings = {text: named_ticket(text) for text in texts}
        for ticket, journey in await tickets.lock_named(connection, [n for n in self._namings.values() if n]):
            self._tickets[ticket.id], self._journeys[ticket.id] = ticket, journey
            self._ids_by_number[ticket.number] = ticket.id
        # After the tickets' locks, in a statement of its own: it sees what another process told while ours waited.
        self._told = await weighings.find_told(connection, list({one.key for one in sent}))
        self._fresh = [
            (one, one.record.weighed_at + one.offset)
            for one in sent
            if one.key not in self._told and impossible(one.record, self._policies) is None
        ]

    async def read(self, connection: Connection) -> None:
        """What the rules ask about the new records."""
        if not self._fresh:
            return
        named = [(one, at, self._ticket_of(one.record)) for one, at in self._fresh]
        found = [(one.record, at, ticket) for one, at, ticket in named if ticket is not None]
        events = [(one.station_id, one.record, ticket.id if ticket else None, at) for one, at, ticket in named]
        for (station_id, direction), event, told in await weighings.find_events(connection, events, self._policies):
            self._remember(station_id, direction, event, told)
        self._terms = await weighings.lock_terms(
            connection, sorted({ticket.contract_id for _, _, ticket in found if ticket.contract_id})
        )
        self._sources = await weighings.find_sources(
            connection,
            {
                (ticket.mine_id, shanghai_year(at))
                for record, at, ticket in found
                if ticket.mine_id and record.direction is Direction.OUT
            },
        )
        self._tares = await weighings.find_tares(connection, {one.record.plate for one, _ in self._fresh})
        if plates := {ticket.plate for record, _, ticket in found if record.direction is Direction.OUT}:
            self._on_the_road = await weighings.find_on_the_road(connection, plates)
        if returning := {ticket.id for record, _, ticket in found if record.direction is Direction.BACK}:
            self._shipments = await weighings.find_shipments(connection, returning)

    def judge(self, sent: Sent) -> _Answer:
        """What becomes of one record."""
        record, body_hash = sent.record, sent.record.body_hash
        if known := self._told.get(sent.key):
            if known.body_hash != body_hash:
                return _Answer(known, refusal=IdReused())
            return _Answer(known, first=self._firsts.get(known.id), is_repeated=True)
        told = Told(uuid7(), sent.station_id, record.id, body_hash, Status.ACCEPTED)
        self._told[sent.key] = told
        book = self.books_used[sent.station_id] = self._books[sent.station_id]
        is_broken = book.take(record.sequence)
        if book.has_gap:
            self._gaps.add(sent.station_id)
        ticket = self._ticket_of(record)
        line = Line(told, record, record.weighed_at + sent.offset, ticket.id if ticket else None, sent.person_id)
        self.lines.append(line)
        if refusal := impossible(record, self._policies):
            told.status, told.problem = Status.REFUSED, {"code": refusal.code, "facts": refusal.facts}
            return _Answer(told)
        if first := self._event_told(line):
            told.status, told.duplicate_of = Status.DUPLICATE, first.record_id
            self._firsts[told.id] = first
            return _Answer(told, first=first)

        self._weigh(sent, line, ticket, is_broken)
        return _Answer(told)

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
                self._stations[sent.station_id],
                ticket,
                self._journeys[ticket.id] if ticket else Journey(),
                self._terms[ticket.contract_id] if ticket and ticket.contract_id else None,
                self._sources.get((ticket.mine_id, shanghai_year(occurred_at))) if ticket and ticket.mine_id else None,
                usual_tare_kg,
                bool(on_the_road and ticket and on_the_road - {ticket.id}),
            ),
            self._policies,
        )
        told.flags = [flag.value for flag in outcome.flags]
        if ticket is not None:
            self._advance(ticket, outcome, occurred_at)
        self._plan(line, ticket, outcome)
        if outcome.flags:
            self.alerts += self._alerts_of(line, ticket, outcome)

    def _usual_tare(self, record: Record, occurred_at: datetime) -> int | None:
        known = self._tares[record.plate]
        usual = median_low(tare_kg for _, tare_kg in known) if len(known) >= TARES_KNOWN else None
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
        if ticket.contract_id and (outcome.shipped_kg or outcome.received_kg):
            terms = self._terms[ticket.contract_id]
            self._terms[ticket.contract_id] = replace(
                terms,
                shipped_kg=Kilograms(terms.shipped_kg + outcome.shipped_kg),
                received_kg=Kilograms(terms.received_kg + outcome.received_kg),
            )
            self._changed_terms.add(ticket.contract_id)
        if ticket.mine_id and outcome.beyond_contract_kg:
            self.overshipped[shanghai_year(occurred_at)].add(ticket.mine_id)
        self._settled += [(flag, "ticket", str(ticket.id)) for flag in outcome.settled]

    def _plan(self, line: Line, ticket: Ticket | None, outcome: Outcome) -> None:
        """The steps that the ledger takes for a record."""
        told, occurred_at = line.told, line.occurred_at
        if not outcome.legs and not outcome.give_back_kg:
            return
        fact = fact_of(told.id, told.station_id, told.body_hash)
        left_kg = outcome.give_back_kg
        if ticket is not None and left_kg:
            for movement_id, kg in self._shipments[ticket.id]:
                if taken := Kilograms(min(kg, left_kg)):
                    told.movement_ids.append(movement_id)
                    self.steps.append(_GiveBack(movement_id, taken, occurred_at, fact))
                    left_kg = Kilograms(left_kg - taken)
        own: list[tuple[UUID, Kilograms]] = []
        charged = []
        for leg in outcome.legs:
            movement_id = uuid7()
            told.movement_ids.append(movement_id)
            self.steps.append(_Move(movement_id, told.id, leg, occurred_at, fact))
            if ticket is not None and leg.target == ticket.account:
                own.insert(0, (movement_id, leg.kg))
            if leg.draws_on_quota:
                charged.append(movement_id)
        if charged:
            self.charged.append((told, charged))
        if ticket is not None and ticket.id in self._shipments and own:
            self._shipments[ticket.id] = own

    def _alerts_of(self, line: Line, ticket: Ticket | None, outcome: Outcome) -> Iterable[Alert]:
        told, record = line.told, line.record
        station = self._stations[told.station_id]
        parties = (ticket.seller_id, ticket.buyer_id) if ticket else (station.enterprise_id,)
        facts: dict[str, object] = {
            "weighing": told.id,
            "station": station.id,
            "plate": record.plate,
            "kg": record.net_kg,
        }
        if ticket is not None:
            facts["ticket"] = ticket.number
        for flag in outcome.flags:
            kind, subject_id = _subject(flag, told, station, ticket, has_gap=self._books[station.id].has_gap)
            beyond = {"over_kg": outcome.beyond_contract_kg} if flag is Flag.CONTRACT_OVERSHIPPED else {}
            yield Alert(
                flag, kind, str(subject_id), station.jurisdiction, parties, line.occurred_at, {**facts, **beyond}
            )


_OF_THE_WEIGHING = frozenset({Flag.OVERWEIGHT, Flag.TARE_DRIFT})
_OF_THE_CONTRACT = frozenset({Flag.CONTRACT_OVERSHIPPED, Flag.CONTRACT_EXPIRED, Flag.FILING_OVERDUE})
_OF_THE_MINE = frozenset({Flag.QUOTA_FROZEN, Flag.SELLER_WITHOUT_QUOTA})


def _subject(flag: Flag, told: Told, station: Station, ticket: Ticket | None, *, has_gap: bool) -> tuple[str, UUID]:
    """What an alert is about, so that one trouble is one alert whichever record tells of it."""
    if flag is Flag.CLOCK_SKEW or (flag is Flag.SEQUENCE_GAP and has_gap):
        return ("station", station.id)
    if ticket is None or flag in _OF_THE_WEIGHING or flag is Flag.SEQUENCE_GAP:
        return ("weighing", told.id)
    if flag in _OF_THE_CONTRACT and ticket.contract_id:
        return ("contract", ticket.contract_id)
    if flag in _OF_THE_MINE and ticket.mine_id:
        return ("mine", ticket.mine_id)
    return ("ticket", ticket.id)
