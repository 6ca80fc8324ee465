"""What a scale said, and what follows from it: legs of kilograms, flags, and the ticket's journey (W02 to W10).

A weighing is a fact: but for the impossible it is recorded, whatever is wrong with it. Only a ticket's own load can
arrive: a destination weighing without a ticket of ours, or the second of one ticket, is kept and flagged but moves no
kilograms, since the ore that left without a paper already stands on the road, out of a suspense account.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import ClassVar
from uuid import UUID

import orjson

from service.domain.alerts import Flag
from service.domain.codes.numbers import typed_number
from service.domain.codes.tickets import CODE_DIGITS, ScannedCode, parse
from service.domain.ledger import AccountKey, AccountKind
from service.domain.policies import DEFAULTS, ExpiredLicencePolicy, Policies
from service.domain.proofs import Pledge, draw
from service.domain.refusals import Refusal
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.units import Kilograms, shanghai_day, shanghai_year


class Direction(StrEnum):
    """Which way a load passes the scale."""

    OUT = "out"
    IN = "in"
    BACK = "back"


class Status(StrEnum):
    """What became of a record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class ImpossibleWeight(Refusal):
    """No truck weighs that: the net must be above zero, the tare not below it, and the gross within any truck's reach."""

    title: ClassVar[str] = "重量不可能：净重须大于零，皮重不得为负，毛重不得超过任何车辆的极限"
    rule: ClassVar[str | None] = "W05"


class IdReused(Refusal):
    """This station has used the record's id for another record; give each record an id of its own."""

    title: ClassVar[str] = "本站已将该记录编号用于另一条记录；每条记录须使用各自的编号"
    rule: ClassVar[str | None] = "W04"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a station's book, as it was sent."""

    id: UUID
    sequence: int
    ticket: str | None
    direction: Direction
    plate: str
    gross_kg: int
    tare_kg: int
    grade: str | None
    weighed_at: datetime
    manual: bool
    manual_reason: str | None
    second_person: str | None
    tare_source: str

    @property
    def net_kg(self) -> int:
        """Gross less tare."""
        return self.gross_kg - self.tare_kg

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of all that the record says but its id: the same record sent again has the same."""
        said = [
            self.sequence,
            self.ticket,
            self.direction.value,
            self.plate,
            self.gross_kg,
            self.tare_kg,
            self.grade,
            self.weighed_at,
            self.manual,
            self.manual_reason,
            self.second_person,
            self.tare_source,
        ]
        return hashlib.sha256(orjson.dumps(said)).digest()


def fact_of(weighing_id: UUID, station_id: UUID, body_hash: bytes) -> bytes:
    """What the ledger's leaves bind of a weighing; the id, which nobody can guess, hides what the body says."""
    return hashlib.sha256(b"meisu weighing 1\n" + weighing_id.bytes + station_id.bytes + body_hash).digest()


@dataclass(frozen=True, slots=True)
class Station:
    """A weighbridge: at a mine, or in an enterprise's yard."""

    id: UUID
    jurisdiction: str
    mine_id: UUID | None
    enterprise_id: UUID  # of the mine, or whose yard it is


@dataclass(frozen=True, slots=True)
class Source:
    """The mine of a load, and whether it holds a tranche of the load's quota year (R22d)."""

    licence_valid_until: date
    consolidated: bool
    has_tranche: bool

    def is_frozen(self, on: date, policies: Policies = DEFAULTS) -> bool:
        """Whether its balance must not be used on a day: it is not consolidated, or its right has expired (R07)."""
        may_mine = self.consolidated and on <= self.licence_valid_until
        return not may_mine and policies.expired_licence is ExpiredLicencePolicy.FREEZE


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract under which loads travel, with what has been shipped so far."""

    id: UUID
    kg: Kilograms
    shipped_kg: Kilograms
    received_kg: Kilograms
    valid_until: date
    due_on: date
    is_filed: bool
    is_closed: bool
    pledges: tuple[Pledge, ...] | None  # None: the ore comes from the seller's own mine


@dataclass(frozen=True, slots=True)
class Leg:
    """Kilograms from one account to another; an account that may have to be opened is told by what it is."""

    source: int | AccountKey
    target: int | AccountKey
    kg: Kilograms
    draws_on_quota: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from one weighing."""

    flags: tuple[Flag, ...] = ()
    legs: tuple[Leg, ...] = ()
    journey: Journey | None = None  # None: the ticket stands where it stood
    give_back_kg: Kilograms = Kilograms(0)  # of the ticket's own load, before the legs
    shipped_kg: Kilograms = Kilograms(0)  # what the contract has shipped more, or less
    received_kg: Kilograms = Kilograms(0)
    beyond_contract_kg: Kilograms = Kilograms(0)
    settled: tuple[Flag, ...] = ()  # provisional flags of the ticket that this weighing has explained


NOT_BEGUN = Journey()


@dataclass(slots=True)
class Circumstances:
    """All that the rules ask about a weighing beside the record itself."""

    weighing_id: UUID
    occurred_at: datetime  # the device's time, corrected by its offset
    recorded_at: datetime
    offset_is_large: bool
    sequence_is_broken: bool
    station: Station
    ticket: Ticket | None = None
    journey: Journey = NOT_BEGUN
    terms: Terms | None = None
    source: Source | None = None  # of the ticket's mine
    usual_tare_kg: int | None = None
    another_is_on_the_road: bool = False  # another ticket of this plate


def impossible(record: Record, policies: Policies = DEFAULTS) -> ImpossibleWeight | None:
    """Why no truck can have weighed that, if none can (W05)."""
    if record.net_kg > 0 and record.tare_kg >= 0 and record.gross_kg <= policies.gross_impossible_kg:
        return None
    return ImpossibleWeight(gross_kg=record.gross_kg, tare_kg=record.tare_kg)


def weigh(record: Record, seen: Circumstances, policies: Policies = DEFAULTS) -> Outcome:
    """What follows from a possible record that was not told before."""
    flags = _flags_of_the_scale(record, seen, policies)
    ticket = seen.ticket
    if ticket is None:
        flags.append(Flag.UNKNOWN_TICKET if record.ticket else Flag.NO_TICKET)
        return Outcome(tuple(flags), _unlawful(record, seen) if record.direction is Direction.OUT else ())
    flags += _flags_of_the_ticket(record, ticket, seen)
    if seen.journey.state is TicketState.CANCELLED and _is_after(seen.occurred_at, seen.journey.ended_at):
        # A cancelled paper is none; what was weighed before it was cancelled travels lawfully.
        flags.append(Flag.NO_TICKET)
        return Outcome(tuple(flags), _unlawful(record, seen) if record.direction is Direction.OUT else ())
    match record.direction:
        case Direction.OUT:
            return _weigh_out(record, ticket, seen, flags, policies)
        case Direction.IN:
            return _weigh_in(record, ticket, seen, flags, policies)
        case Direction.BACK:
            return _weigh_back(record, ticket, seen, flags, policies)


def _flags_of_the_scale(record: Record, seen: Circumstances, policies: Policies) -> list[Flag]:
    flags = []
    ahead_seconds = (seen.occurred_at - seen.recorded_at).total_seconds()
    if seen.offset_is_large or ahead_seconds > policies.clock_skew_seconds:
        flags.append(Flag.CLOCK_SKEW)
    if seen.sequence_is_broken:
        flags.append(Flag.SEQUENCE_GAP)
    if record.gross_kg > policies.gross_limit_kg:
        flags.append(Flag.OVERWEIGHT)
    usual = seen.usual_tare_kg
    if usual is not None and abs(record.tare_kg - usual) > usual * policies.tare_drift_share:
        flags.append(Flag.TARE_DRIFT)
    return flags


def _flags_of_the_ticket(record: Record, ticket: Ticket, seen: Circumstances) -> list[Flag]:
    flags = []
    named = ticket.destination_station_id if record.direction is Direction.IN else ticket.source_station_id
    if seen.station.id != named:
        flags.append(Flag.WRONG_STATION)
    if record.plate != ticket.plate:
        flags.append(Flag.PLATE_MISMATCH)
    if record.grade is not None and record.grade != ticket.grade:
        flags.append(Flag.GRADE_MISMATCH)
    if not ticket.is_in_time(seen.occurred_at):
        flags.append(Flag.TICKET_EXPIRED)
    return flags


def _weigh_out(record: Record, ticket: Ticket, seen: Circumstances, flags: list[Flag], policies: Policies) -> Outcome:
    journey, terms = seen.journey, seen.terms
    net_kg = Kilograms(record.net_kg)
    if journey.out_kg is not None or journey.state is TicketState.RETURNED:
        return Outcome((*flags, Flag.TICKET_REUSED), _unlawful(record, seen))
    if seen.another_is_on_the_road:
        flags.append(Flag.TWO_OPEN_TICKETS)
    if seen.source is not None:
        if seen.source.is_frozen(shanghai_day(seen.occurred_at), policies):
            flags.append(Flag.QUOTA_FROZEN)
        if not seen.source.has_tranche:
            flags.append(Flag.SELLER_WITHOUT_QUOTA)
    beyond_kg = Kilograms(0)
    if terms is not None:
        beyond_kg = Kilograms(min(net_kg, max(0, terms.shipped_kg + net_kg - terms.kg)))
        flags += _flags_of_the_contract(terms, beyond_kg, seen)
    legs = _draw(ticket, terms, net_kg, seen.occurred_at)
    if ticket.mine_id is None and any(_is_suspense(leg.source) for leg in legs):
        flags.append(Flag.ORIGIN_UNPROVEN)

    settled = (Flag.NEVER_WEIGHED,) if journey.state is TicketState.EXPIRED else ()
    if journey.in_kg is None:
        journey = Journey(TicketState.OUT, net_kg, seen.occurred_at)
        return Outcome(tuple(flags), legs, journey, shipped_kg=net_kg, beyond_contract_kg=beyond_kg, settled=settled)
    # The destination told first: its load now has a source, and the gap between the scales is known.
    if abs(net_kg - journey.in_kg) > policies.transit_tolerance(net_kg):
        flags.append(Flag.WEIGHT_GAP)
    return Outcome(
        tuple(flags),
        legs + _settle_the_gap(ticket, net_kg, journey.in_kg, seen.occurred_at),
        replace(journey, out_kg=net_kg, out_at=seen.occurred_at),
        shipped_kg=net_kg,
        beyond_contract_kg=beyond_kg,
        settled=(Flag.STATION_BYPASS, *settled),
    )


def _flags_of_the_contract(terms: Terms, beyond_kg: Kilograms, seen: Circumstances) -> list[Flag]:
    flags = []
    if beyond_kg:
        flags.append(Flag.CONTRACT_OVERSHIPPED)
    if terms.is_closed or shanghai_day(seen.occurred_at) > terms.valid_until:
        flags.append(Flag.CONTRACT_EXPIRED)
    if not terms.is_filed and not terms.is_closed and shanghai_day(seen.recorded_at) > terms.due_on:
        flags.append(Flag.FILING_OVERDUE)
    return flags


def _weigh_in(record: Record, ticket: Ticket, seen: Circumstances, flags: list[Flag], policies: Policies) -> Outcome:
    journey = seen.journey
    net_kg = Kilograms(record.net_kg)
    if journey.in_kg is not None or journey.state is TicketState.RETURNED:
        return Outcome((*flags, Flag.TICKET_REUSED))
    legs: tuple[Leg, ...] = ()
    if journey.out_kg is None or journey.out_at is None:
        flags.append(Flag.STATION_BYPASS)
        left_at = seen.occurred_at
    else:
        if abs(journey.out_kg - net_kg) > policies.transit_tolerance(journey.out_kg):
            flags.append(Flag.WEIGHT_GAP)
        left_at = journey.out_at
        legs = _settle_the_gap(ticket, journey.out_kg, net_kg, left_at)
    lot = AccountKey(
        AccountKind.LOT,
        owner_id=ticket.buyer_id,
        document_id=ticket.document_id,
        grade=ticket.grade,
        year=shanghai_year(left_at),
    )
    arrived = replace(
        journey, state=TicketState.DELIVERED, in_kg=net_kg, in_at=seen.occurred_at, ended_at=seen.recorded_at
    )
    overdue_at = left_at + timedelta(hours=policies.never_received_hours)
    return Outcome(
        tuple(flags),
        (*legs, Leg(ticket.account, lot, net_kg)),
        arrived,
        received_kg=net_kg,
        settled=(Flag.NEVER_RECEIVED,) if seen.recorded_at > overdue_at else (),
    )


def _weigh_back(record: Record, ticket: Ticket, seen: Circumstances, flags: list[Flag], policies: Policies) -> Outcome:
    """A load that the buyer did not take: the quota has it again when the source's scale has weighed it (W10)."""
    journey = seen.journey
    net_kg = Kilograms(record.net_kg)
    if journey.state is TicketState.RETURNED:
        return Outcome((*flags, Flag.TICKET_REUSED))
    if journey.out_kg is None or journey.out_at is None:
        return Outcome((*flags, Flag.STATION_BYPASS))
    if journey.in_kg is not None:
        return _weigh_back_a_part(ticket, journey, net_kg, seen, flags)
    if abs(journey.out_kg - net_kg) > policies.transit_tolerance(journey.out_kg):
        flags.append(Flag.WEIGHT_GAP)
    returned = Kilograms(min(net_kg, journey.out_kg))
    return Outcome(
        tuple(flags),
        _settle_the_gap(ticket, journey.out_kg, returned, journey.out_at),
        replace(journey, state=TicketState.RETURNED, back_kg=net_kg, ended_at=seen.recorded_at),
        give_back_kg=returned,
        shipped_kg=Kilograms(-journey.out_kg),
    )


def _weigh_back_a_part(
    ticket: Ticket, journey: Journey, net_kg: Kilograms, seen: Circumstances, flags: list[Flag]
) -> Outcome:
    """What the buyer had taken and sends back is an ordinary movement out of its lot, and flagged."""
    flags.append(Flag.WEIGHT_GAP)
    if ticket.source_account is None or journey.out_at is None or journey.back_kg is not None:
        return Outcome(tuple(flags))
    lot = AccountKey(
        AccountKind.LOT,
        owner_id=ticket.buyer_id,
        document_id=ticket.document_id,
        grade=ticket.grade,
        year=shanghai_year(journey.out_at),
    )
    legs = (Leg(lot, _quota(ticket, shanghai_year(journey.out_at)), net_kg),)
    return Outcome(tuple(flags), legs, replace(journey, back_kg=net_kg), received_kg=Kilograms(-net_kg))


def _draw(ticket: Ticket, terms: Terms | None, net_kg: Kilograms, occurred_at: datetime) -> tuple[Leg, ...]:
    """Where a lawful load comes from: the mine's quota, or the lots of the proof in its order (R23)."""
    year = shanghai_year(occurred_at)
    if ticket.mine_id is not None:
        return (Leg(_quota(ticket, year), ticket.account, net_kg, draws_on_quota=True),)
    pledges = terms.pledges if terms is not None else None
    shipped_kg = terms.shipped_kg if terms is not None else Kilograms(0)
    suspense = AccountKey(AccountKind.SUSPENSE, owner_id=ticket.seller_id, year=year)
    return tuple(
        Leg(suspense if account is None else account, ticket.account, kg)
        for account, kg in draw(pledges or (), shipped_kg, net_kg)
    )


def _quota(ticket: Ticket, year: int) -> int | AccountKey:
    if ticket.source_account is not None and year == ticket.year:
        return ticket.source_account
    return AccountKey(AccountKind.QUOTA, owner_id=ticket.mine_id, year=year, earmark=ticket.earmark)


def _settle_the_gap(ticket: Ticket, out_kg: Kilograms, in_kg: Kilograms, left_at: datetime) -> tuple[Leg, ...]:
    """What the second scale says less was lost on the way; what it says more has no origin (W02)."""
    gap_kg = out_kg - in_kg
    kind = AccountKind.LOST if gap_kg > 0 else AccountKind.GAINED
    account = AccountKey(kind, owner_id=ticket.seller_id, year=shanghai_year(left_at))
    if gap_kg > 0:
        return (Leg(ticket.account, account, Kilograms(gap_kg)),)
    return (Leg(account, ticket.account, Kilograms(-gap_kg)),) if gap_kg else ()


def _unlawful(record: Record, seen: Circumstances) -> tuple[Leg, ...]:
    """The ore did leave, without a paper: out of the source's suspense, until an officer settles it (W06)."""
    ticket, station = seen.ticket, seen.station
    if ticket is not None:
        owner_id, carrier_id = ticket.mine_id or ticket.seller_id, ticket.seller_id
    else:
        owner_id, carrier_id = station.mine_id or station.enterprise_id, station.enterprise_id
    suspense = AccountKey(AccountKind.SUSPENSE, owner_id=owner_id, year=shanghai_year(seen.occurred_at))
    load = AccountKey(AccountKind.LOAD, owner_id=carrier_id, document_id=seen.weighing_id)
    return (Leg(suspense, load, Kilograms(record.net_kg)),)


def _is_suspense(account: int | AccountKey) -> bool:
    return isinstance(account, AccountKey) and account.kind is AccountKind.SUSPENSE


def _is_after(at: datetime, ended_at: datetime | None) -> bool:
    return ended_at is not None and at >= ended_at


@dataclass(frozen=True, slots=True)
class Naming:
    """What a record names as its ticket: a number, or a ticket's id with the digits that must be its code."""

    number: str | None = None
    ticket_id: UUID | None = None
    digits: str | None = None

    def fits(self, ticket: Ticket) -> bool:
        """Whether this is that ticket; a code must be the printed one, to the last digit of its signature."""
        return ticket.code == self.digits if self.digits is not None else ticket.number == self.number


_PLAIN_NUMBER = re.compile(r"[0-9]{13}")
_PLAIN_CODE = re.compile(r"(?:[Hh][Tt][Tt][Pp][Ss]?://[!-~]{1,200}/[Tt]/)?([0-9]{289})")
_TICKET_ID = slice(2, 18)
assert CODE_DIGITS == 289


def named_ticket(text: str) -> Naming | None:
    """The ticket that a scanned or typed text names; None where it names none."""
    if _PLAIN_NUMBER.fullmatch(text):
        return Naming(number=text)
    # Nearly every text is plain; folding the width of 300 characters costs more than all other rules together.
    scanned = parse(plain[1] if (plain := _PLAIN_CODE.fullmatch(text)) else text)
    if isinstance(scanned, ScannedCode):
        digits = f"{int.from_bytes(scanned.signed + scanned.signature):0{CODE_DIGITS}}"
        return Naming(ticket_id=UUID(bytes=scanned.signed[_TICKET_ID]), digits=digits)
    number = typed_number(text)
    return None if number is None else Naming(number=number)


@dataclass(frozen=True, slots=True)
class Event:
    """A weighing that another record may tell a second time."""

    record_id: UUID
    plate: str
    ticket_id: UUID | None
    gross_kg: int
    occurred_at: datetime


def is_one_event(first: Event, second: Event, policies: Policies = DEFAULTS) -> bool:
    """Whether two records of one station and direction tell of one truck that was scanned twice (W06, E7).

    Another plate with another ticket is another truck, however close in weight and time.
    """
    return (
        abs(first.gross_kg - second.gross_kg) <= policies.double_scan_kg
        and abs(first.occurred_at - second.occurred_at) <= timedelta(seconds=policies.double_scan_seconds)
        and (first.plate == second.plate or (first.ticket_id is not None and first.ticket_id == second.ticket_id))
    )


class Sequences:
    """The sequence numbers that a station's records have carried, as ranges [from, until)."""

    def __init__(self, ranges: Sequence[tuple[int, int]] = ()) -> None:
        self.ranges = list(ranges)

    @property
    def has_gap(self) -> bool:
        """Whether a number between the first and the last was never seen."""
        return len(self.ranges) > 1

    def take(self, sequence: int) -> bool:
        """Note a number; True when it breaks the order: it came before, or one before it has not come (W04)."""
        ranges = self.ranges
        place = bisect_right(ranges, sequence, key=itemgetter(0))
        before = ranges[place - 1] if place else None
        after = ranges[place] if place < len(ranges) else None
        if before is not None and sequence < before[1]:
            return True
        follows = before is not None and before[1] == sequence
        precedes = after is not None and after[0] == sequence + 1
        lo = before[0] if before is not None and follows else sequence
        hi = after[1] if after is not None and precedes else sequence + 1
        ranges[place - follows : place + precedes] = [(lo, hi)]
        return before is not None and not follows
