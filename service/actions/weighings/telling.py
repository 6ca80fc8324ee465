"""A ticket's story, replayed: its records and what people did to its load, each seeing what those before it left (W04)."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from service.actions.weighings.desk import Desk
from service.domain.alerts import Flag
from service.domain.ledger import AccountKey, AccountKind
from service.domain.ticket_acts import ActKind
from service.domain.tickets import Journey, Ticket
from service.domain.units import Kilograms, shanghai_day
from service.domain.weighings import (
    Circumstances,
    Deed,
    Direction,
    Leg,
    Line,
    Outcome,
    Said,
    Sharing,
    beginning,
    held_until,
    is_impossible,
    legs_of_the_arrival,
    legs_of_the_gap,
    story_of,
    weigh,
)
from service.domain.weighings.legs import is_suspense, lost_of, lot_of, still_there
from service.store.weighings import Flow

Stream = tuple[UUID, int | AccountKey, int | AccountKey]
"""Whose kilograms, a record's or a deed's, go from where to where."""

_OF_THE_RECORD = frozenset(
    {
        Flag.CLOCK_SKEW,
        Flag.WEIGHING_LATE,
        Flag.SEQUENCE_GAP,
        Flag.CLOCK_JUMPED_BACK,
        Flag.OVERWEIGHT,
        Flag.TARE_DRIFT,
        Flag.TARE_STALE,
        Flag.TOO_FAST,
        Flag.READING_UNSTABLE,
        Flag.READING_REPEATED,
        Flag.MANUAL_UNWITNESSED,
        Flag.KEY_RETIRED,
        Flag.SUSPENSE_SETTLED,
        Flag.STOPPED_PLANT,
        Flag.WRONG_STATION,
        Flag.PLATE_MISMATCH,
        Flag.GRADE_MISMATCH,
        Flag.TICKET_EXPIRED,
    }
)
"""Flags of a record that do not depend on the other records."""
_OF_THE_DAY = frozenset(
    {
        Flag.QUOTA_FROZEN,
        Flag.SELLER_WITHOUT_QUOTA,
        Flag.CONTRACT_EXPIRED,
        Flag.FILING_OVERDUE,
        Flag.TWO_OPEN_TICKETS,
        Flag.ORIGIN_UNPROVEN,
        Flag.CONTRACT_OVERSHIPPED,
    }
)
"""Flags by what was true when a load's record came: they stay for as long as that record is the ticket's load."""
NO_LOAD = frozenset({Flag.TICKET_REUSED, Flag.NO_TICKET, Flag.TICKET_REVOKED})
"""Flags of a record by which no load of its ticket left."""


@dataclass(slots=True)
class Telling:
    """What a replay comes to: where the ticket stands, which kilograms flow, and what is flagged."""

    journey: Journey
    waiting: deque[Deed] = field(default_factory=deque)
    wanted: dict[Stream, Leg] = field(default_factory=dict)
    cut: Counter[Stream] = field(default_factory=Counter)  # of a record's kilograms, what came back or was refused
    flags: dict[UUID, tuple[Flag, ...]] = field(default_factory=dict)
    open: set[Flag] = field(default_factory=set)  # of the ticket, in the end
    told: set[Flag] = field(default_factory=set)  # those of `open` that some record has
    beyond: dict[UUID, int] = field(default_factory=dict)
    came_anew_kg: int = 0  # of what was refused
    deeds: frozenset[UUID] = frozenset()
    groundless: list[Deed] = field(default_factory=list)  # without the records that they rest on
    written_off: list[Stream] = field(default_factory=list)


def tell(
    desk: Desk,
    ticket: Ticket | None,
    story: Iterable[Line],
    cause: Line | None,
    seen: Circumstances | None,
) -> Telling:
    """Replay a story from its beginning; its contracts count it anew. Without a cause nothing is new in it.

    1. What the contracts have counted of it is taken off.
    2. Records are replayed in their order; a deed follows as soon as those that it rests on have been.
    3. A deed whose records are missing stands all the same, where somebody has named its kilograms (W11).
    """
    deeds = desk.deeds.get(ticket.id, []) if ticket else []
    was = desk.journeys[ticket.id] if ticket else Journey()
    on_the_way = [deed for deed in deeds if deed.is_on_the_way]
    begun = beginning(ticket, was, deeds) if ticket else Journey()
    telling = Telling(begun, deque(on_the_way), deeds=frozenset(deed.act.id for deed in on_the_way))
    for deed in on_the_way:
        if deed.sharing is not None:
            deed.sharing.forget(deed.act.ticket_id)
    if ticket is not None:
        desk.count(ticket, begun.shipped_kg - was.shipped_kg, begun.received_kg - was.received_kg)
    _tell_deeds(desk, telling, ticket)
    for line in story_of(story, deeds) if deeds else story:
        _tell_line(desk, telling, line, ticket, cause, seen)
        _tell_deeds(desk, telling, ticket)
    while telling.waiting and ticket is not None:
        deed = telling.waiting.popleft()
        if deed.is_due(telling.journey):
            _tell_deed(desk, telling, deed, ticket)
        else:
            telling.groundless.append(deed)
            if deed.act.kind is ActKind.SPLIT:
                _tell_deed(desk, telling, deed, ticket)
    if telling.deeds and is_impossible(telling.journey):
        telling.open.add(Flag.WEIGHT_GAP)
    return telling


def _tell_line(
    desk: Desk, telling: Telling, line: Line, ticket: Ticket | None, cause: Line | None, seen: Circumstances | None
) -> None:
    asked = desk.circumstances_of(line, ticket)
    is_new = line is cause and seen is not None
    if is_new and seen is not None:
        asked = replace(seen, terms=asked.terms, onward_terms=asked.onward_terms)
    elif Flag.TICKET_REVOKED in line.told.flags:
        asked.revoked_at = line.occurred_at
    asked.journey, asked.came_anew_kg = telling.journey, Kilograms(telling.came_anew_kg)
    asked.others_kg = desk.others_kg.get(ticket.id, 0) if ticket else 0
    asked.held_until = held_until(desk.deeds.get(ticket.id, ())) if ticket else None
    if ticket is not None and line.record.direction is Direction.BACK and asked.journey.in_kg is not None:
        desk.watch_lot(ticket, line.occurred_at)
    outcome = weigh(line.record, asked, desk.policies)
    flags = telling.flags[line.told.id] = _flags(
        outcome, line, line.told.said, is_new=is_new, is_corrected=line is cause and not is_new
    )
    telling.beyond[line.told.id] = outcome.beyond_contract_kg
    is_settled = Flag.SUSPENSE_SETTLED in line.told.flags and all(is_suspense(leg.source) for leg in outcome.legs)
    if is_settled:
        _keep(telling.wanted, line, desk.flows.get(line.told.id, ()))
    else:
        _want(telling, line, outcome, ticket)
    if ticket is not None:
        _go_on(desk, telling, ticket, outcome.journey or telling.journey)
        for flag in outcome.settled:
            desk.watch.settle((flag, "ticket", str(ticket.id)))
            telling.open.discard(flag)
    telling.open.update(flags)


def _go_on(desk: Desk, telling: Telling, ticket: Ticket, journey: Journey) -> None:
    was, telling.journey = telling.journey, journey
    desk.count(ticket, journey.shipped_kg - was.shipped_kg, journey.received_kg - was.received_kg)


def _tell_deeds(desk: Desk, telling: Telling, ticket: Ticket | None) -> None:
    while ticket is not None and telling.waiting and telling.waiting[0].is_due(telling.journey):
        _tell_deed(desk, telling, telling.waiting.popleft(), ticket)


def _tell_deed(desk: Desk, telling: Telling, deed: Deed, ticket: Ticket) -> None:
    journey = telling.journey
    if deed.takes_the_rest:
        rest_kg = Kilograms(max(0, journey.on_board_kg))
        assert journey.out_at is not None, "what had left was weighed"
        lost = lost_of(ticket, journey.out_at)
        stream = (deed.act.id, ticket.account, lost)
        telling.wanted[stream] = Leg(ticket.account, lost, rest_kg)
        if deed.act.kind is ActKind.WRITTEN_OFF:
            telling.written_off.append(stream)
    elif deed.act.kind is ActKind.REFUSED:
        _refuse(desk, telling, deed, ticket)
    elif deed.sharing is not None:
        _share(desk, telling, deed, deed.sharing, ticket)
    _go_on(desk, telling, ticket, deed.done(journey))


def _refuse(desk: Desk, telling: Telling, deed: Deed, ticket: Ticket) -> None:
    """What still lay in the lot is taken off the arrival; the rest comes back as an ordinary movement, flagged (W10)."""
    assert telling.journey.out_at is not None, "what has arrived has left"
    lot = lot_of(ticket, telling.journey.out_at)
    arrived_kg = sum(leg.kg - telling.cut[stream] for stream, leg in _arrival(telling.wanted, lot))
    off_kg = still_there(deed.kg, arrived_kg, desk.others_kg.get(ticket.id, 0))
    _take_off_the_arrival(telling, ticket, off_kg)
    desk.watch_lot(ticket, deed.done_at)
    rest_kg = Kilograms(deed.kg - off_kg)
    if rest_kg:
        telling.wanted[deed.act.id, lot, ticket.account] = Leg(lot, ticket.account, rest_kg)
        telling.came_anew_kg += rest_kg
        telling.open.add(Flag.WEIGHT_GAP)


def _take_off_the_arrival(telling: Telling, ticket: Ticket, kg: int) -> None:
    """What was refused, or was another ticket's, never came into the lot; what the lot passes on of it later, it owes."""
    assert telling.journey.out_at is not None, "what has arrived has left"
    lot = lot_of(ticket, telling.journey.out_at)
    for stream, leg in list(_arrival(telling.wanted, lot)):
        taken = min(kg, leg.kg - telling.cut[stream])
        kg -= taken
        telling.cut[stream] += taken
        through = (stream[0], ticket.account, leg.source)
        if through in telling.wanted and leg.source != ticket.account:
            telling.cut[through] += taken


def _share(desk: Desk, telling: Telling, deed: Deed, sharing: Sharing, ticket: Ticket) -> None:
    """Let a load arrive with its share of a weighing, and have the gap be its own (E36)."""
    journey = telling.journey
    assert journey.out_kg is not None, "what has a share was weighed"
    assert journey.out_at is not None, "at a time"
    sharing.note(ticket.id, journey)
    share_kg = sharing.share_of(ticket.id)
    legs = legs_of_the_gap(ticket, journey.out_kg, share_kg, journey.out_at)
    if journey.in_kg is None:
        legs += legs_of_the_arrival(ticket, share_kg, journey.out_at)
    else:
        _take_off_the_arrival(telling, ticket, journey.in_kg - share_kg)
        _take_off_the_gap(telling, ticket)
    for leg in legs:
        telling.wanted[deed.act.id, leg.source, leg.target] = leg
    policies = desk.policies.on(shanghai_day(sharing.weighed_at or deed.done_at))
    policies = policies.between(ticket.source_station_id, ticket.destination_station_id)
    telling.open.discard(Flag.WEIGHT_GAP)
    if abs(journey.out_kg - share_kg) > policies.transit_tolerance(journey.out_kg):
        telling.open.add(Flag.WEIGHT_GAP)


def _take_off_the_gap(telling: Telling, ticket: Ticket) -> None:
    """What the load seemed to have lost or gained, before its weighing was shared."""
    for stream, leg in telling.wanted.items():
        ends = {end.kind for end in (leg.source, leg.target) if isinstance(end, AccountKey)}
        if ticket.account in (leg.source, leg.target) and ends & {AccountKind.LOST, AccountKind.GAINED}:
            telling.cut[stream] = leg.kg


def _arrival(wanted: Mapping[Stream, Leg], lot: AccountKey) -> Iterator[tuple[Stream, Leg]]:
    return ((stream, leg) for stream, leg in wanted.items() if leg.target == lot)


def _flags(outcome: Outcome, line: Line, said: Said, *, is_new: bool, is_corrected: bool) -> tuple[Flag, ...]:
    if is_new or not (said.flags or said.movement_ids):  # of what only told another record again nothing was said
        return outcome.flags
    old = [Flag(flag) for flag in said.flags]
    was_load = line.record.direction is Direction.OUT and NO_LOAD.isdisjoint(old) and said.movement_ids
    is_load = line.record.direction is Direction.OUT and NO_LOAD.isdisjoint(outcome.flags)
    kept = _OF_THE_RECORD | _OF_THE_DAY if was_load and is_load else _OF_THE_RECORD
    if is_corrected:
        kept -= {Flag.OVERWEIGHT, Flag.ORIGIN_UNPROVEN}
    found = [flag for flag in outcome.flags if flag not in kept]
    return (*(flag for flag in old if flag in kept), *found)


def _want(telling: Telling, line: Line, outcome: Outcome, ticket: Ticket | None) -> None:
    """Add the legs of an outcome to the streams; what came back is taken off those that filled the load, last first."""
    wanted = telling.wanted
    if outcome.off_arrival_kg and ticket is not None:
        _take_off_the_arrival(telling, ticket, outcome.off_arrival_kg)
    left_kg = int(outcome.give_back_kg)
    if left_kg and ticket is not None:
        for stream, leg in reversed(list(wanted.items())):
            if leg.target == ticket.account and stream[0] not in telling.deeds and left_kg:
                taken = min(left_kg, leg.kg - telling.cut[stream])
                telling.cut[stream] += taken
                left_kg -= taken
    if outcome.recovers:
        for stream in telling.written_off:  # it has turned up (E39)
            wanted.pop(stream, None)
    for leg in outcome.legs:
        stream = (line.told.id, leg.source, leg.target)
        known = wanted.get(stream)
        wanted[stream] = replace(leg, kg=Kilograms(leg.kg + known.kg)) if known else leg


def _keep(wanted: dict[Stream, Leg], line: Line, flows: Iterable[Flow]) -> None:
    """What an officer has settled stays settled; other weights change it where it is (W06)."""
    for flow in flows:
        wanted[line.told.id, flow.source, flow.target] = Leg(flow.source, flow.target, Kilograms(line.record.net_kg))
