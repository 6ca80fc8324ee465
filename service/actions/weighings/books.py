"""What a batch has locked and read, kept up to date from record to record while it is judged."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeGuard
from uuid import UUID

from service.actions.weighings.clocks import Clocks
from service.actions.weighings.plates import Plates
from service.actions.weighings.sent import Sent
from service.db import Connection
from service.domain.ledger import AccountKey, AccountKind
from service.domain.policies import Policies
from service.domain.ticket_acts import ActKind
from service.domain.tickets import Journey, Ticket
from service.domain.units import shanghai_year
from service.domain.weighings import (
    RANKS,
    Deed,
    Direction,
    Line,
    Naming,
    Record,
    Sequences,
    Source,
    Station,
    Status,
    Terms,
    Told,
    event_span,
    impossible,
    named_ticket,
    share,
)
from service.domain.weighings.legs import paper_of
from service.store import lots, ticket_acts, tickets, weighings
from service.store.ledger import Memory
from service.store.weighings import Asked, Flow, Found

_FOR_EVER = datetime.max.replace(tzinfo=UTC)
Place = tuple[UUID, Direction, str | UUID]


class Books:
    """Stations, tickets with all their records, contracts, plates; what one record changes the next one sees."""

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self.stations: dict[UUID, Station] = {}
        self.sequences: dict[UUID, Sequences] = {}
        self.namings: dict[str, Naming | None] = {}
        self.tickets: dict[UUID, Ticket] = {}
        self._ids_by_number: dict[str, UUID] = {}
        self.journeys: dict[UUID, Journey] = {}
        self.told: dict[tuple[UUID, UUID], Told] = {}
        self._near: dict[Place, list[Line]] = defaultdict(list)
        self.stories: dict[UUID, list[Line]] = defaultdict(list)
        self.terms: dict[UUID, Terms] = {}
        self.overshipped: set[UUID] = set()  # contracts that ship more than was sold, or did so in this batch
        self.sources: dict[tuple[UUID, int], Source] = {}
        self.plates = Plates(policies)
        self.clocks = Clocks(policies)
        self.readings: dict[tuple[UUID, int], list[datetime]] = {}
        self.deeds: dict[UUID, list[Deed]] = {}
        self.children: dict[UUID, list[Ticket]] = {}
        self.flows: dict[UUID, list[Flow]] = {}
        self.account_ids: dict[AccountKey, int] = {}
        self.account_keys: dict[int, AccountKey] = {}
        self.others_kg: dict[UUID, int] = {}  # what the buyer's lot had beside a load when some of it was sent back
        self.papers: set[UUID] = set()  # whose lots are known to the batch
        self.taken_back: dict[UUID, datetime] = {}  # under papers, when a load was last refused or came back
        self.pledged: dict[int, datetime | None] = {}  # the same of the accounts of pledged lots
        self.watches_lots = False  # whether there is any such moment
        self.sends_back = False  # whether the batch itself makes one
        self.sent_back: int | None = None  # how often something was sent back, before anything of this was read

    async def lock(self, connection: Connection, sent: Sequence[Sent]) -> None:
        """Lock the stations, then the tickets."""
        texts = {one.record.ticket for one in sent if one.record.ticket}
        self.namings = {text: named_ticket(text) for text in texts}
        books, named = await weighings.lock(
            connection, sorted({one.station_id for one in sent}), [n for n in self.namings.values() if n]
        )
        for station, book in books:
            self.stations[station.id], self.sequences[station.id] = station, book
        for ticket, journey in named:
            self.tickets[ticket.id], self.journeys[ticket.id] = ticket, journey
            self._ids_by_number[ticket.number] = ticket.id

    async def read(self, connection: Connection, sent: Sequence[Sent], memory: Memory | None) -> None:
        """Read which records are new, and what the rules ask about those.

        After the locks, in a statement of its own: it sees what another process wrote while ours waited.
        """
        new = [
            (one, one.record.weighed_at + one.offset, self.ticket_of(one.record))
            for one in sent
            if one.refusal is None and impossible(one.record, self.policies) is None
        ]
        self.plates = Plates(self.policies, has_places=any(station.where for station in self.stations.values()))
        since: dict[str, datetime] = {}
        for one, at, ticket in new:
            since[one.record.plate] = min(at, since.get(one.record.plate, at))
            if ticket is not None:
                # Where somebody has ended a journey that goes on now, it was on the road all the time since it left.
                journey = self.journeys[ticket.id]
                begin = min(at, journey.ended_at or at, journey.out_at or at) if ticket.acted_at else at
                since[ticket.plate] = min(begin, since.get(ticket.plate, begin))
        lines = [(one.station_id, one.record, ticket.id if ticket else None, at) for one, at, ticket in new]
        left = [(ticket, at) for one, at, ticket in new if one.record.direction is Direction.OUT]
        readings = [(one.station_id, one.record.reading, at) for one, at, _ in new if one.record.reading is not None]
        asked = self._asked([ticket for _, _, ticket in new if ticket is not None], left, since, memory)
        asked.records, asked.lines, asked.readings = list({one.key for one in sent}), lines, readings
        found = await weighings.read(connection, asked, self.policies)
        self.told = found.told
        self.readings = found.readings
        self._know(found, memory)
        unknown = (one for one in sent if one.refusal is None and one.key not in self.told)
        if numbers := self.clocks.asks(unknown, self.sequences):
            self.clocks.know(await weighings.find_ticks(connection, numbers))
        fresh = [line for (one, _, _), line in zip(new, lines, strict=True) if one.key not in self.told]
        if fresh and (found.lines or any(ticket.acted_at for ticket in self.tickets.values())):
            await self._read_before(connection, found.lines, fresh, asked, memory)

    def _asked(
        self,
        found: Collection[Ticket],
        left: Iterable[tuple[Ticket | None, datetime]],
        since: Mapping[str, datetime],
        memory: Memory | None,
    ) -> Asked:
        """What is to be read of tickets, of loads that left at a time, and of plates since a time: what is not known yet."""
        contracts = {contract_id for ticket in found for contract_id in ticket.contract_ids} - self.terms.keys()
        loads = {(ticket.source_id, shanghai_year(at)) for ticket, at in left if ticket and ticket.source_id}
        papers = {paper_of(ticket) for ticket in found} - self.papers
        self.papers |= papers
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
            papers=sorted(papers),
        )

    async def _read_before(
        self,
        connection: Connection,
        known: list[Line],
        fresh: Sequence[tuple[UUID, Record, UUID | None, datetime]],
        asked: Asked,
        memory: Memory | None,
    ) -> None:
        """Read what was recorded before of the batch's tickets, and near its records in place and time, with what follows from it.

        A truck that was scanned with two tickets brings the other ticket in; that one is locked late, which may end in a
        deadlock, and then the batch is retried in halves.
        """
        others = {line.ticket_id for line in known if line.ticket_id} - self.tickets.keys()
        if others:
            for ticket, journey in await tickets.lock_named(connection, [Naming(ticket_id=id_) for id_ in others]):
                self.tickets[ticket.id], self.journeys[ticket.id] = ticket, journey
            seen = {line.told.id for line in known}
            known += [line for line in await weighings.find_lines_of(connection, others) if line.told.id not in seen]
        of_others = [self.tickets[id_] for id_ in others if id_ in self.tickets]
        hanging = await self._read_deeds(connection)
        if hanging:
            known += await weighings.find_lines_of(connection, {ticket.id for ticket in hanging})
            of_others += hanging
        for line in known:
            self.remember(line)
        for story in self.stories.values():
            story.sort(key=lambda line: line.place)
        left = [
            (self.tickets.get(line.ticket_id), line.occurred_at)
            for line in known
            if line.ticket_id and line.record.direction is Direction.OUT
        ]
        begin = min(asked.plates.values())
        more = self._asked(of_others, left, {ticket.plate: begin for ticket in of_others}, memory)
        if more.contracts or more.loads or more.plates or more.accounts or more.papers:
            self._know(await weighings.read(connection, more, self.policies), memory)
        retold = self._retold(fresh, known)
        if retold or self.deeds:
            await self._read_flows(connection, retold)
            await self.read_others(connection, [line for line in fresh if line[1].direction is Direction.BACK])
            missing = {line.told.station_id for line in retold} - self.stations.keys()
            if missing:
                self.stations |= await tickets.find_stations(connection, missing)

    async def _read_deeds(self, connection: Connection) -> list[Ticket]:
        """Read what people did to the tickets; gives the tickets that depend on them, now locked too.

        Those under which parts of their loads went on (W11), and those that share a weighing with them (E36).
        """
        others: list[Ticket] = []
        waiting = [ticket for ticket in self.tickets.values() if ticket.acted_at is not None]
        while waiting:
            ids = [ticket.id for ticket in waiting]
            self.deeds |= await ticket_acts.find_deeds(connection, ids)
            split = [id_ for id_ in ids if self.journeys[id_].split_kg]
            found = await tickets.lock_children(connection, split) if split else []
            for ticket, _ in found:
                assert ticket.parent_id is not None, "it is a part of a load"
                self.children.setdefault(ticket.parent_id, []).append(ticket)
            on_the_truck = {
                id_ for ticket_id in ids for deed in self.deeds.get(ticket_id, ()) for id_ in deed.rides_with
            }
            found += await tickets.lock_named(
                connection, [Naming(ticket_id=id_) for id_ in on_the_truck - self.tickets.keys()]
            )
            waiting = []
            for ticket, journey in found:
                if ticket.id in self.tickets:
                    continue
                self.tickets[ticket.id], self.journeys[ticket.id] = ticket, journey
                others.append(ticket)
                if ticket.acted_at is not None:
                    waiting.append(ticket)
        share(self.deeds, self.journeys)
        return others

    async def _read_flows(self, connection: Connection, lines: Iterable[Line]) -> None:
        """Read what still stands of what was posted for lines, and for what people did."""
        owners = {line.told.id: line.told.movement_ids for line in sorted(lines, key=lambda line: line.place)}
        done = {
            deed.act.id: deed.movement_ids for deeds in self.deeds.values() for deed in deeds if deed.follows_the_scales
        }
        self.flows, accounts = await weighings.find_flows(connection, {**owners, **done})
        self.know_accounts(accounts)

    def _know(self, found: Found, memory: Memory | None = None) -> None:
        self.terms |= found.terms
        self.sources |= found.sources
        self.sent_back = found.sent_back if self.sent_back is None else self.sent_back
        self.taken_back |= found.taken_back
        self.watches_lots |= bool(found.taken_back)
        for terms in found.terms.values():
            self.pledged |= {pledge.account: terms.taken_back_at for pledge in terms.pledges or ()}
            self.watches_lots |= terms.taken_back_at is not None
        self.overshipped |= {id_ for id_, terms in found.terms.items() if terms.shipped_kg > terms.kg}
        self.plates.know(found.plates, found.tares, found.roads)
        if memory:
            memory.fill(found.ends)

    async def take_out(self, connection: Connection, line: Line, station: Station) -> Line:
        """Read and lock all that concerns one recorded line and its ticket; gives the line as its ticket's story has it."""
        self.stations[station.id] = station
        near = await weighings.find_lines_near(connection, line, self.policies)
        named = {one.ticket_id for one in near if one.ticket_id is not None}
        await self.open(connection, named, [one for one in near if one.ticket_id is None])
        return next((one for one in self.lines_near(line) if one.told.id == line.told.id), line)

    async def open(self, connection: Connection, ticket_ids: Collection[UUID], nameless: Collection[Line] = ()) -> None:
        """Read and lock all that concerns tickets and those that depend on them; beside them take in lines of no ticket."""
        for ticket, journey in await tickets.lock_named(connection, [Naming(ticket_id=id_) for id_ in ticket_ids]):
            self.tickets[ticket.id], self.journeys[ticket.id] = ticket, journey
        await self._read_deeds(connection)
        known = [*await weighings.find_lines_of(connection, self.tickets.keys()), *nameless]
        of_tickets = [(self.tickets[line.ticket_id], line) for line in known if line.ticket_id is not None]
        left = [(ticket, line.occurred_at) for ticket, line in of_tickets if line.record.direction is Direction.OUT]
        since: dict[str, datetime] = {}
        for ticket, line in of_tickets:
            since[ticket.plate] = min(line.occurred_at, since.get(ticket.plate, line.occurred_at))
        self._know(
            await weighings.read(connection, self._asked(self.tickets.values(), left, since, None), self.policies)
        )
        missing = {line.told.station_id for line in known} - self.stations.keys()
        self.stations |= await tickets.find_stations(connection, missing)
        for line in known:
            self.remember(line)
        for story in self.stories.values():
            story.sort(key=lambda one: one.place)
        await self._read_flows(connection, known)
        await self.read_others(connection)

    async def read_others(
        self, connection: Connection, fresh: Iterable[tuple[UUID, Record, UUID | None, datetime]] = ()
    ) -> None:
        """Read what the buyers' lots had beside the loads of which something was refused, or comes back, at that time (W10)."""
        asked: dict[UUID, datetime] = {}
        coming = [(ticket_id, at) for _, _, ticket_id, at in fresh if ticket_id is not None]
        coming += [
            (id_, line.occurred_at)
            for id_, story in self.stories.items()
            for line in story
            if line.record.direction is Direction.BACK
        ]
        for ticket_id, at in coming:
            asked[ticket_id] = min(at, asked.get(ticket_id, at))
        for ticket_id, deeds in self.deeds.items():
            for deed in deeds:
                if deed.act.kind is ActKind.REFUSED:
                    asked[ticket_id] = deed.done_at
        if asked:
            self.others_kg |= await lots.stock_beside(connection, asked)

    def _retold(self, asked: Sequence[tuple[UUID, Record, UUID | None, datetime]], known: Sequence[Line]) -> list[Line]:
        """Those of the known lines of which more may have to be said, or whose load comes back.

        More is said where a new record stands before one of them in time, or the new ones are not in the order of time; and at a
        scale where another record than before may stand for an event, of all the tickets concerned.
        """
        if not known:
            return []
        last = {id_: story[-1].place[:2] for id_, story in self.stories.items() if story}
        again: set[UUID | None] = {*self.deeds, *(part.id for parts in self.children.values() for part in parts)}
        coming: dict[Place, list[datetime]] = defaultdict(list)
        for station_id, record, ticket_id, at in asked:
            coming[station_id, record.direction, record.plate].append(at)
            if ticket_id is not None:
                coming[station_id, record.direction, ticket_id].append(at)
                when = (at, RANKS[record.direction])
                if record.direction is Direction.BACK or when <= last.get(ticket_id, when[:0]):
                    again.add(ticket_id)
                last[ticket_id] = max(when, last.get(ticket_id, when))
        scales = {place[:2] for place, times in coming.items() if self._may_stand_otherwise(place, sorted(times))}
        near = [line for line in known if (line.told.station_id, line.record.direction) in scales]
        again |= {line.ticket_id for line in near if line.ticket_id is not None}
        again |= {id_ for station_id, record, id_, _ in asked if id_ and (station_id, record.direction) in scales}
        alone = {line.told.id for line in near}
        return [line for line in known if line.ticket_id in again or line.told.id in alone]

    def _may_stand_otherwise(self, place: Place, times: Sequence[datetime]) -> bool:
        """Whether records of these times, in order, may stand for an event in place of a known one, or tell of one event together.

        One without a ticket gives way to a later one that names one.
        """
        if any(line.occurred_at >= times[0] or line.ticket_id is None for line in self._near.get(place, ())):
            return True
        span = event_span(self.policies)
        return any(later - earlier <= span for earlier, later in pairwise(times))

    def ticket_of(self, record: Record) -> Ticket | None:
        """The ticket that a record names, if there is one and the code is its own."""
        naming = self.namings[record.ticket] if record.ticket else None
        if naming is None:
            return None
        ticket_id = naming.ticket_id or self._ids_by_number.get(naming.number or "")
        ticket = self.tickets.get(ticket_id) if ticket_id else None
        return ticket if ticket is not None and naming.fits(ticket) else None

    def know_accounts(self, accounts: Mapping[AccountKey, int]) -> None:
        """Remember the numbers of these accounts."""
        self.account_ids |= accounts
        self.account_keys |= {id_: key for key, id_ in accounts.items()}

    def account_of(self, account: int | AccountKey) -> int | AccountKey:
        """The account's number, where it is known."""
        return self.account_ids.get(account, account) if isinstance(account, AccountKey) else account

    def is_lot(self, account: int | AccountKey) -> TypeGuard[int]:
        """Whether it is a lot that was there before, as those of a proof are."""
        key = self.account_keys.get(account) if isinstance(account, int) else account
        return isinstance(account, int) and (key is None or key.kind is AccountKind.LOT)

    def watch_lot(self, ticket: Ticket, at: datetime) -> None:
        """Have what was sent back of a load checked again under the head's lock, after the whole batch is posted (W10)."""
        paper = paper_of(ticket)
        self.taken_back[paper] = max(at, self.taken_back.get(paper, at))
        self.watches_lots = self.sends_back = True

    def last_taken_back(self, account: int | AccountKey) -> datetime | None:
        """When a load of a lot was last refused or came back; the end of time for a lot that the batch has not read (W10)."""
        known = [self.pledged.get(account)] if isinstance(account, int) else []
        key = account if isinstance(account, AccountKey) else self.account_keys.get(account)
        if key is not None and key.kind is AccountKind.LOT and key.document_id is not None:
            if key.document_id not in self.papers and account not in self.pledged:
                return _FOR_EVER
            known.append(self.taken_back.get(key.document_id))
        return max((at for at in known if at is not None), default=None)

    def remember(self, line: Line, *, is_first: bool | None = None) -> None:
        """Add a line to those that later records are compared with, and to its ticket's story where it counts."""
        record, station_id = line.record, line.told.station_id
        self._near[station_id, record.direction, record.plate].append(line)
        if line.ticket_id is None:
            return
        self._near[station_id, record.direction, line.ticket_id].append(line)
        if is_first if is_first is not None else line.told.status is Status.ACCEPTED:
            self.stories[line.ticket_id].append(line)
            if is_first is not None and len(self.stories[line.ticket_id]) > 1:
                self.stories[line.ticket_id].sort(key=lambda one: one.place)

    def lines_near(self, line: Line) -> list[Line]:
        """What the same scale told of the same plate or ticket."""
        station_id, direction = line.told.station_id, line.record.direction
        near = self._near.get((station_id, direction, line.record.plate), [])
        if line.ticket_id is not None:
            near = [*near, *self._near.get((station_id, direction, line.ticket_id), [])]
        return near
