"""When a record comes that stands before others in time: what is said of those is put right by the ledger's own acts (W04).

The end is what it would be if all had come in the order of their corrected times.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.weighings.posting import Move, Strike
from service.actions.weighings.watching import alert_of, subject_of
from service.domain.alerts import Flag
from service.domain.ledger import AccountKey
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.units import Kilograms
from service.domain.weighings import Circumstances, Direction, Leg, Line, Outcome, Said, Status, fact_of, weigh
from service.domain.weighings.legs import is_suspense
from service.store.weighings import Flow, Version

if TYPE_CHECKING:
    from service.actions.weighings.desk import Desk

Stream = tuple[UUID, int | AccountKey, int | AccountKey]
"""Whose kilograms go from where to where."""

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
"""What is said of a record whatever the others tell."""
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
"""What was true when a load's record came: it stays said of the record for as long as that is the ticket's load."""
_BY_THEMSELVES = frozenset(
    {
        Flag.TWO_OPEN_TICKETS,
        Flag.CONTRACT_OVERSHIPPED,
        Flag.TARE_DRIFT,
        Flag.TARE_STALE,
        Flag.TOO_FAST,
        Flag.SEQUENCE_GAP,
        Flag.CLOCK_SKEW,
        Flag.CLOCK_JUMPED_BACK,
        Flag.WEIGHING_LATE,
        Flag.READING_REPEATED,
    }
)
"""Settled by what they are about, not by what is said of one record."""
_NO_LOAD = frozenset({Flag.TICKET_REUSED, Flag.NO_TICKET, Flag.TICKET_REVOKED})
_NEVER_WEIGHED = frozenset({TicketState.CANCELLED, TicketState.EXPIRED, TicketState.HELD})


def can_be_retold(desk: "Desk", ticket_id: UUID | None) -> bool:
    """Whether the scales alone have said where the ticket stands; what offices and firms did stands as they found it."""
    if ticket_id is None:
        return False
    ticket, journey = desk.tickets[ticket_id], desk.journeys[ticket_id]
    by_hand = journey.split_kg or journey.closed_kg or journey.refused_kg or journey.state is TicketState.LOST
    return not by_hand and ticket.parent_id is None


def retell_event(
    desk: "Desk", line: Line, seen: Circumstances, changed: Iterable[Line], firsts: Mapping[UUID, Line | None]
) -> None:
    """A record that tells of an event before others did: it is the first now, and they tell it again (E7)."""
    stories = {}
    for other in changed:
        first = firsts[other.told.id]
        said = other.told.said
        if first is not None:
            _settle(desk, other, said.flags)
            _say(desk, other, replace(said, status=Status.DUPLICATE, duplicate_of=first.told.record_id), line)
            _leave(desk, other)
        else:
            _say(desk, other, replace(said, status=Status.ACCEPTED, duplicate_of=None), line)
            _join(desk, other)
        if other.ticket_id is not None:
            stories[other.ticket_id] = other
        else:
            _retell(desk, None, [other] if first is None else [], [other], line, seen)
    if line.told.status is Status.ACCEPTED:
        if line.ticket_id is None:
            _retell(desk, None, [line], [line], line, seen)
        else:
            stories.setdefault(line.ticket_id, line)
    gone: dict[UUID, list[Line]] = {}
    for other in changed:
        if other.ticket_id is not None and firsts[other.told.id] is not None:
            gone.setdefault(other.ticket_id, []).append(other)
    for ticket_id in stories:
        story = desk.stories[ticket_id]
        _retell(desk, desk.tickets[ticket_id], story, [*story, *gone.get(ticket_id, [])], line, seen)


def retell_story(desk: "Desk", ticket_id: UUID | None, line: Line, seen: Circumstances) -> None:
    """A ticket's records in the order of time, a new one among them."""
    assert ticket_id is not None, "a story is a ticket's"
    story = desk.stories[ticket_id]
    _retell(desk, desk.tickets[ticket_id], story, story, line, seen)


@dataclass(frozen=True, slots=True)
class Correction:
    """Why a known line says something else now: somebody has said so, not another record (W09)."""

    reason: str
    person_id: UUID
    occurred_at: datetime
    fact: bytes


def retell_corrected(desk: "Desk", line: Line, correction: Correction) -> None:
    """Put right what follows from a line whose weights were corrected, or that was taken back."""
    ticket = desk.tickets[line.ticket_id] if line.ticket_id else None
    if line.told.status is Status.VOID:
        _leave(desk, line)
    story = desk.stories[ticket.id] if ticket else [line] if line.told.status is Status.ACCEPTED else []
    involved = story if line in story else [*story, line]
    _retell(desk, ticket, story, involved, line, None, correction)


@dataclass(slots=True)
class _Telling:
    """A ticket's records told anew, in the order of time."""

    journey: Journey
    wanted: dict[Stream, Leg] = field(default_factory=dict)
    flags: dict[UUID, tuple[Flag, ...]] = field(default_factory=dict)
    open: set[Flag] = field(default_factory=set)  # what is said of the ticket in the end
    beyond: dict[UUID, int] = field(default_factory=dict)


def _retell(
    desk: "Desk",
    ticket: Ticket | None,
    story: list[Line],
    involved: list[Line],
    cause: Line,
    seen: Circumstances | None,
    correction: Correction | None = None,
) -> None:
    """Tell the records of a ticket anew; `involved` are also those that have left it."""
    was = desk.journeys[ticket.id] if ticket else Journey()
    telling = _Telling(_beginning(was))
    if ticket is not None:
        shipped_kg = 0 if was.state is TicketState.RETURNED else was.counted_kg
        desk.count(ticket, -shipped_kg, -((was.in_kg or 0) - (was.back_kg or 0) if was.in_kg is not None else 0))
    for line in story:
        _tell(desk, telling, line, ticket, cause, seen)
    if ticket is not None and telling.journey != was:
        desk.move(ticket, telling.journey)

    movements = _put_right(desk, involved, telling.wanted, cause, correction)
    for line in involved:
        said, now = line.told.said, telling.flags.get(line.told.id, ())
        is_new = line is cause and correction is None
        old = () if is_new else tuple(Flag(flag) for flag in said.flags)
        _open(desk, telling, line, ticket, old)
        _close(desk, telling, line, ticket, old)
        moved = tuple(movements[line.told.id])
        more = Said(said.status, said.duplicate_of, tuple(flag.value for flag in now), moved)
        _say(desk, line, more, cause, correction)


def _tell(
    desk: "Desk", telling: _Telling, line: Line, ticket: Ticket | None, cause: Line, seen: Circumstances | None
) -> None:
    asked = desk.circumstances_of(line, ticket)
    is_new = line is cause and seen is not None
    if is_new and seen is not None:
        asked = replace(seen, terms=asked.terms, onward_terms=asked.onward_terms)
    elif Flag.TICKET_REVOKED in line.told.flags:
        asked.revoked_at = line.occurred_at
    asked.journey = telling.journey
    outcome = weigh(line.record, asked, desk.policies)
    flags = telling.flags[line.told.id] = _flags(
        outcome, line, line.told.said, is_new=is_new, is_corrected=line is cause and not is_new
    )
    telling.beyond[line.told.id] = outcome.beyond_contract_kg
    telling.journey = outcome.journey or telling.journey
    is_settled = Flag.SUSPENSE_SETTLED in line.told.flags and all(is_suspense(leg.source) for leg in outcome.legs)
    if is_settled:
        _keep(telling.wanted, line, desk.flows.get(line.told.id, ()))
    else:
        _want(telling.wanted, line, outcome, ticket)
    if ticket is not None:
        desk.count(ticket, outcome.shipped_kg, outcome.received_kg)
        for flag in outcome.settled:
            desk.watch.settle((flag, "ticket", str(ticket.id)))
            telling.open.discard(flag)
    telling.open.update(flags)


def _open(desk: "Desk", telling: _Telling, line: Line, ticket: Ticket | None, old: Collection[Flag]) -> None:
    if line.told.status is not Status.ACCEPTED:
        return
    station = desk.stations[line.told.station_id]
    for flag in telling.flags.get(line.told.id, ()):
        alert = alert_of(flag, line, station, ticket, beyond_kg=telling.beyond.get(line.told.id))
        of_ticket = alert.subject_kind == "ticket" and flag is not Flag.TWO_OPEN_TICKETS
        if flag in telling.open if of_ticket else flag not in old:
            desk.watch.open([alert])


def _close(desk: "Desk", telling: _Telling, line: Line, ticket: Ticket | None, old: Collection[Flag]) -> None:
    now = telling.flags.get(line.told.id, ())
    for flag in {*old, *now} - _BY_THEMSELVES:
        subject = subject_of(flag, line.told.id, line.told.station_id, ticket)
        match subject[1]:
            case "ticket":
                if flag not in telling.open:
                    desk.watch.settle(subject)
            case "weighing":
                if flag not in now:
                    desk.watch.settle(subject)
            case _:
                if flag not in now:
                    desk.watch.doubt(subject)


def _beginning(journey: Journey) -> Journey:
    """Where a ticket stood before any scale had seen it."""
    unseen = journey.out_kg is None and journey.in_kg is None
    return journey if unseen and journey.state in _NEVER_WEIGHED else Journey()


def _flags(outcome: Outcome, line: Line, said: Said, *, is_new: bool, is_corrected: bool) -> tuple[Flag, ...]:
    if is_new:
        return outcome.flags
    old = [Flag(flag) for flag in said.flags]
    was_load = line.record.direction is Direction.OUT and _NO_LOAD.isdisjoint(old) and said.movement_ids
    is_load = line.record.direction is Direction.OUT and _NO_LOAD.isdisjoint(outcome.flags)
    kept = _OF_THE_RECORD | _OF_THE_DAY if was_load and is_load else _OF_THE_RECORD
    if is_corrected:
        kept -= {Flag.OVERWEIGHT, Flag.ORIGIN_UNPROVEN}
    found = [flag for flag in outcome.flags if flag not in kept]
    return (*(flag for flag in old if flag in kept), *found)


def _want(wanted: dict[Stream, Leg], line: Line, outcome: Outcome, ticket: Ticket | None) -> None:
    """Add the legs of an outcome to the streams; what came back is taken off those that filled the load, last first."""
    left_kg = int(outcome.give_back_kg)
    if left_kg and ticket is not None:
        for stream, leg in reversed(list(wanted.items())):
            if leg.target == ticket.account and left_kg:
                taken = min(left_kg, leg.kg)
                wanted[stream] = replace(leg, kg=Kilograms(leg.kg - taken))
                left_kg -= taken
    for leg in outcome.legs:
        stream = (line.told.id, leg.source, leg.target)
        known = wanted.get(stream)
        wanted[stream] = replace(leg, kg=Kilograms(leg.kg + known.kg)) if known else leg


def _keep(wanted: dict[Stream, Leg], line: Line, flows: Iterable[Flow]) -> None:
    """What an officer has settled stays settled; other weights change it where it is (W06)."""
    for flow in flows:
        wanted[line.told.id, flow.source, flow.target] = Leg(flow.source, flow.target, Kilograms(line.record.net_kg))


def _put_right(
    desk: "Desk", involved: list[Line], wanted: Mapping[Stream, Leg], cause: Line, correction: Correction | None
) -> dict[UUID, list[UUID]]:
    """Strike what should not flow, last first, then post what should; gives the movements that stand for each line.

    What a correction changes comes into the places of what it replaces; all else leaves them and comes anew.
    """
    if correction is not None:
        fact, occurred_at, act = correction.fact, correction.occurred_at, uuid7()
    else:
        fact = fact_of(cause.told.id, cause.told.station_id, cause.told.body_hash)
        occurred_at, act = cause.occurred_at, cause.told.id
    asked = {(stream[0], *_ids(desk, leg)): leg for stream, leg in wanted.items() if leg.kg}
    held: dict[Stream, list[Flow]] = {}
    for line in involved:
        for flow in desk.flows.get(line.told.id, ()):
            if flow.kg:
                held.setdefault((line.told.id, *_ids(desk, flow)), []).append(flow)
        desk.flows[line.told.id] = []
    in_place_of: dict[Stream, UUID] = {}
    for stream, flows in reversed(list(held.items())):
        leg = asked.get(stream)
        held_kg = sum(int(flow.kg) for flow in flows)
        taking = flows
        if leg is not None and correction is not None and stream[0] == cause.told.id and leg.kg != held_kg:
            in_place_of[stream] = flows[0].movement_id
            taking = flows[1:]
            surplus = sum(int(flow.kg) for flow in taking)
        else:
            surplus = held_kg - leg.kg if leg is not None and leg.kg <= held_kg else held_kg
            if surplus < held_kg:
                del asked[stream]
        desk.flows[stream[0]][:0] = _strike(desk, taking, surplus, occurred_at, fact)
    lines = {line.told.id: line for line in involved}
    for stream, leg in asked.items():
        line = lines[stream[0]]
        own = fact if line is cause else fact_of(line.told.id, line.told.station_id, line.told.body_hash)
        desk.post(line, Move(uuid7(), act, leg, line.occurred_at, own, in_place_of.get(stream)))
    return {id_: [flow.movement_id for flow in desk.flows[id_]] for id_ in lines}


def _strike(desk: "Desk", flows: list[Flow], kg: int, occurred_at: datetime, fact: bytes) -> list[Flow]:
    """Strike so many kilograms, the last first; what of the flows still stands."""
    standing: list[Flow] = []
    for flow in reversed(flows):
        taken = min(kg, flow.kg)
        kg -= taken
        if taken:
            part = None if taken == flow.kg else Kilograms(taken)
            desk.steps.append(Strike(flow.movement_id, part, occurred_at, fact))
        if flow.kg > taken:
            standing.insert(0, replace(flow, kg=Kilograms(flow.kg - taken)))
    return standing


def _ids(desk: "Desk", flow: Flow | Leg) -> tuple[int | AccountKey, int | AccountKey]:
    return _id(desk, flow.source), _id(desk, flow.target)


def _id(desk: "Desk", account: int | AccountKey) -> int | AccountKey:
    return desk.account_ids.get(account, account) if isinstance(account, AccountKey) else account


def _say(desk: "Desk", line: Line, said: Said, cause: Line, correction: Correction | None = None) -> None:
    """Say more of a line; of one that was known before, as its next version."""
    told = line.told
    is_corrected = correction is not None and line is cause
    if told.said == said and not is_corrected:
        return
    if line is not cause or is_corrected:
        if told.id in desk.fresh_ids and line.first is None:
            line.first = told.said
        told.version += 1
        person_id = correction.person_id if correction else cause.person_id
        because_of, reason = (None, correction.reason) if correction and is_corrected else (cause.told.id, None)
        desk.versions.append(Version(line, said, told.version, because_of, person_id, reason))
    told.say(said)


def _settle(desk: "Desk", line: Line, old: Iterable[str]) -> None:
    ticket = desk.tickets.get(line.ticket_id) if line.ticket_id else None
    if ticket is None:
        for flag in set(map(Flag, old)) - _BY_THEMSELVES:
            desk.watch.settle(subject_of(flag, line.told.id, line.told.station_id, None))


def _leave(desk: "Desk", line: Line) -> None:
    if line.ticket_id is not None:
        desk.stories[line.ticket_id] = [one for one in desk.stories[line.ticket_id] if one is not line]


def _join(desk: "Desk", line: Line) -> None:
    if line.ticket_id is not None:
        story = desk.stories[line.ticket_id]
        story.append(line)
        story.sort(key=lambda one: one.place)
