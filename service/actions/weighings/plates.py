"""What is known of each plate: its tares, and when its loads were on the road; the same in whatever order it is told."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations, takewhile
from math import asin, cos, radians, sin, sqrt
from statistics import median_low
from uuid import UUID

from service.actions.weighings.watching import OF_THE_SOURCE, Watch
from service.domain.alerts import Alert, Flag
from service.domain.policies import Policies
from service.domain.tickets import Journey, Ticket, TicketState
from service.domain.values import dataclass
from service.domain.weighings import Circumstances, Line, Station, tare_drifts
from service.store.weighings import Road, Tare, until

_TARES_KNOWN = 3
"""From so many fresh tares on, a plate has a usual one."""
_TARES_ASKED = 5
_FAR = timedelta(hours=6)
"""Whoever was elsewhere longer ago can have driven from anywhere in the province."""
_EARTH_KM = 6_371.0


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    at: datetime
    station_id: UUID
    record_id: UUID


class Plates:
    """The plates of a batch."""

    def __init__(self, policies: Policies, *, has_places: bool = False) -> None:
        self._policies = policies
        self.before = _FAR if has_places else timedelta()
        self._missed_after = timedelta(hours=policies.never_received_hours)
        self._tares: dict[str, list[tuple[_Place, Tare]]] = defaultdict(list)
        self._roads: dict[str, dict[UUID, Road]] = defaultdict(dict)
        self._known: set[str] = set()

    def knows(self, plate: str) -> bool:
        """Whether it was told what was known of a plate."""
        return plate in self._known

    def know(self, plates: Iterable[str], tares: Iterable[Tare], roads: Iterable[Road]) -> None:
        """Of plates, the tares before and after the earliest new record of each; the loads that were on the road from then on."""
        self._known.update(plates)
        for tare in tares:
            self._tares[tare.plate].append((_Place(tare.occurred_at, tare.station_id, tare.record_id), tare))
        for known in self._tares.values():
            known.sort(key=lambda one: one[0])
        for road in roads:
            self._roads[road.plate][road.ticket_id] = road

    def note(self, line: Line, seen: Circumstances, watch: Watch) -> None:
        """Know where a plate was, and its tare, from now on: for this record, and for later ones that were told before."""
        record, station = line.record, seen.station
        place = _Place(line.occurred_at, line.told.station_id, record.id)
        tare = Tare(
            record.plate,
            line.told.id,
            station.id,
            record.id,
            line.occurred_at,
            record.tare_kg,
            record.gross_kg,
            record.tare_source == "fresh",
            station.jurisdiction,
            station.enterprise_id,
            station.where,
        )
        known = self._tares[record.plate]
        if not known:  # nothing to hold it against, and nothing that it could explain
            known.append((place, tare))
            return
        start = bisect_left(known, place, key=lambda one: one[0])
        later = known[start:]
        before = [self._flags(where, one) for where, one in later]
        known.insert(start, (place, tare))
        for (where, one), had in zip(later, before, strict=True):
            has = self._flags(where, one)
            watch.open(_alert(flag, one) for flag in has - had)
            for flag in had - has:
                watch.settle((flag, "weighing", str(one.weighing_id)))
        seen.usual_tare_kg = self._usual(record.plate, place)
        flags = self._flags(place, tare)
        watch.open(_alert(flag, tare) for flag in flags)
        seen.tare_is_stale, seen.is_too_fast = Flag.TARE_STALE in flags, Flag.TOO_FAST in flags

    def _flags(self, place: _Place, tare: Tare) -> set[Flag]:
        """What looks wrong about a record, by what its plate did before it."""
        flags = set()
        if tare_drifts(tare.tare_kg, self._usual(tare.plate, place), self._policies):
            flags.add(Flag.TARE_DRIFT)
        before = self._tares[tare.plate][: bisect_left(self._tares[tare.plate], place, key=lambda one: one[0])]
        fresh_at = next((one.occurred_at for _, one in reversed(before) if one.is_fresh), None)
        longest = timedelta(days=self._policies.stored_tare_days)
        if not tare.is_fresh and fresh_at is not None and tare.occurred_at - fresh_at > longest:
            flags.add(Flag.TARE_STALE)
        lately = takewhile(lambda known: tare.occurred_at - known[1].occurred_at <= _FAR, reversed(before))
        if any(self._is_too_fast(one, tare) for _, one in lately):
            flags.add(Flag.TOO_FAST)
        return flags

    def _is_too_fast(self, first: Tare, second: Tare) -> bool:
        took = second.occurred_at - first.occurred_at
        if first.station_id == second.station_id or first.where is None or second.where is None:
            return False
        return _km(first.where, second.where) > self._policies.fastest_kmh * took / timedelta(hours=1)

    def _usual(self, plate: str, place: _Place) -> int | None:
        """The middle one of the plate's last fresh tares before a record, once there are enough (W05)."""
        known = self._tares[plate]
        start = bisect_left(known, place, key=lambda one: one[0])
        fresh = [tare.tare_kg for _, tare in reversed(known[:start]) if tare.is_fresh][:_TARES_ASKED]
        return median_low(fresh) if len(fresh) >= _TARES_KNOWN else None

    def is_another_open(self, ticket: Ticket, at: datetime) -> bool:
        """Whether another load of the ticket's plate is on the road at a moment (W05)."""
        roads = self._roads[ticket.plate]
        return bool(roads) and any(
            road.out_at is not None
            and (road.out_at, road.ticket_id) < (at, ticket.id)
            and road.is_on_the_road(at, self._missed_after)
            for road in roads.values()
            if road.ticket_id != ticket.id
        )

    def note_journey(
        self, ticket: Ticket, was: Journey, journey: Journey, station: Station | None, watch: Watch
    ) -> None:
        """Know from now on when a ticket's load was on the road, and whether its paper is open (W05)."""
        known = self._roads[ticket.plate].get(ticket.id)
        jurisdiction = known.jurisdiction if known else station.jurisdiction if station else None
        self.note_road(
            known or road_of(ticket, was, jurisdiction),  # unknown, it had ended before what was asked
            road_of(ticket, journey, jurisdiction),
            watch,
        )

    def note_road(self, was: Road | None, now: Road | None, watch: Watch) -> None:
        """Put one road in place of another, or of none; what other tickets were flagged for may be explained by it."""
        either = was or now
        if either is None:
            return
        roads = self._roads[either.plate]
        roads.pop(either.ticket_id, None)
        if was is not None:
            roads[was.ticket_id] = was
        had = _together(roads, self._missed_after)
        roads.pop(either.ticket_id, None)
        if now is not None:
            roads[now.ticket_id] = now
        has = _together(roads, self._missed_after)
        for ticket_id in (has.on_the_road - had.on_the_road) | (has.open - had.open):
            watch.open([two_open_tickets(roads[ticket_id])])
        if now is not None and now.ticket_id in has.flagged & had.flagged:
            watch.reword(two_open_tickets(now))
        for ticket_id in (had.flagged | had.beside) - has.flagged:
            watch.settle((Flag.TWO_OPEN_TICKETS, "ticket", str(ticket_id)))


def road_of(ticket: Ticket, journey: Journey, jurisdiction: str | None) -> Road | None:
    """The part of a ticket's journey with which other tickets of its plate are compared; None where there is none."""
    window = (ticket.valid_from, ticket.valid_until) if journey.is_open else None
    # A part of another's load has left by no scale of its own: only its paper counts.
    out_at = journey.out_at if ticket.parent_id is None else None
    if out_at is None and window is None:
        return None
    ended_at = journey.in_at or journey.back_at
    if ended_at is None and not journey.is_open:
        ended_at = journey.ended_at
    return Road(
        ticket.plate,
        ticket.id,
        ticket.number,
        ticket.seller_id,
        ticket.buyer_id,
        jurisdiction,
        out_at,
        ended_at,
        journey.state is TicketState.LOST,
        window,
    )


@dataclass(frozen=True, slots=True)
class _Together:
    """Which of a plate's tickets overlap with another one, and how."""

    on_the_road: frozenset[UUID] = frozenset()  # whose load left while another was on the road
    open: frozenset[UUID] = frozenset()  # whose paper is open beside one that was issued before
    beside: frozenset[UUID] = frozenset()  # whose paper is open beside any other

    @property
    def flagged(self) -> frozenset[UUID]:
        """Those of which it is said."""
        return self.on_the_road | self.open


_ALONE = _Together()


def _together(roads: Mapping[UUID, Road], missed_after: timedelta) -> _Together:
    if len(roads) < 2:
        return _ALONE
    left = set()
    last_end = datetime.min.replace(tzinfo=UTC)
    journeys = [(road.out_at, road.ticket_id, road) for road in roads.values() if road.out_at is not None]
    for out_at, ticket_id, road in sorted(journeys, key=lambda one: one[:2]):
        if out_at < last_end and not road.is_lost:
            left.add(ticket_id)
        last_end = max(last_end, until(out_at, road.ended_at, missed_after))
    pairs = [(one.ticket_id, other.ticket_id) for one, other in combinations(roads.values(), 2) if one.is_beside(other)]
    return _Together(
        frozenset(left),
        frozenset(max(pair) for pair in pairs),
        frozenset(ticket_id for pair in pairs for ticket_id in pair),
    )


def _km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """As the crow flies."""
    (north, east), (to_north, to_east) = (tuple(map(radians, where)) for where in (one, other))
    half = sin((to_north - north) / 2) ** 2 + cos(north) * cos(to_north) * sin((to_east - east) / 2) ** 2
    return 2 * _EARTH_KM * asin(sqrt(half))


def _alert(flag: Flag, tare: Tare) -> Alert:
    facts = {
        "weighing": tare.weighing_id,
        "station": tare.station_id,
        "plate": tare.plate,
        "kg": tare.gross_kg - tare.tare_kg,
    }
    return Alert(
        flag, "weighing", str(tare.weighing_id), tare.jurisdiction, (tare.enterprise_id,), tare.occurred_at, facts
    )


def two_open_tickets(road: Road) -> Alert:
    """The alert of a ticket that is one of two of its plate."""
    occurred_at = road.out_at or (road.window and road.window[0])
    assert occurred_at is not None, "it has left, or is open"
    return Alert(
        Flag.TWO_OPEN_TICKETS,
        "ticket",
        str(road.ticket_id),
        road.jurisdiction or OF_THE_SOURCE,
        (road.seller_id, road.buyer_id),
        occurred_at,
        {"ticket": road.number, "plate": road.plate},
    )
