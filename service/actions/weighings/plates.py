"""What is known of each plate: its tares, and when its loads were on the road; the same in whatever order it is told."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median_low
from uuid import UUID

from service.actions.weighings.watching import Watch
from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.domain.policies import Policies
from service.domain.tickets import OPEN_STATES, Journey, Ticket
from service.domain.weighings import Line, Station
from service.store import weighings
from service.store.weighings import Road, Tare

_TARES_KNOWN = 3
"""From so many fresh tares on, a plate has a usual one."""
_TARES_ASKED = 5


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    at: datetime
    station_id: UUID
    record_id: UUID


class Plates:
    """The plates of a batch."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._tares: dict[str, list[tuple[_Place, Tare]]] = defaultdict(list)
        self._roads: dict[str, dict[UUID, Road]] = defaultdict(dict)

    async def read(self, connection: Connection, since: Mapping[str, datetime], of_tickets: Collection[str]) -> None:
        """The tares before and after the earliest new record of each plate; the loads that were on the road from then on."""
        tares, roads = await weighings.find_plates(connection, since, of_tickets)
        for tare in tares:
            self._tares[tare.plate].append((_Place(tare.occurred_at, tare.station_id, tare.record_id), tare))
        for known in self._tares.values():
            known.sort(key=lambda one: one[0])
        for road in roads:
            self._roads[road.plate][road.ticket_id] = road

    def usual_tare(self, line: Line) -> int | None:
        """The middle one of the plate's last fresh tares before a record, once there are enough (W05)."""
        return self._usual(line.record.plate, _place(line))

    def note_tare(self, line: Line, station: Station, watch: Watch) -> None:
        """Know a record's tare from now on; what later records were held against may be another one now."""
        record, place = line.record, _place(line)
        known = self._tares[record.plate]
        start = bisect_left(known, place, key=lambda one: one[0])
        later = known[start:]
        before = {one.weighing_id: self._drifts(where, one) for where, one in later}
        tare = Tare(
            record.plate, line.told.id, line.told.station_id, record.id, line.occurred_at, record.tare_kg, record.gross_kg,
            record.tare_source == "fresh", station.jurisdiction, station.enterprise_id,
        )  # fmt: skip
        insort(known, (place, tare), key=lambda one: one[0])
        for where, one in later:
            drifts = self._drifts(where, one)
            if drifts and not before[one.weighing_id]:
                watch.open([_tare_alert(one)])
            elif before[one.weighing_id] and not drifts:
                watch.settle((Flag.TARE_DRIFT, "weighing", str(one.weighing_id)))

    def _usual(self, plate: str, place: _Place) -> int | None:
        known = self._tares[plate]
        start = bisect_left(known, place, key=lambda one: one[0])
        fresh = [tare.tare_kg for _, tare in reversed(known[:start]) if tare.is_fresh][:_TARES_ASKED]
        return median_low(fresh) if len(fresh) >= _TARES_KNOWN else None

    def _drifts(self, place: _Place, tare: Tare) -> bool:
        usual = self._usual(tare.plate, place)
        return usual is not None and abs(tare.tare_kg - usual) > usual * self._policies.tare_drift_share

    def is_another_open(self, ticket: Ticket, at: datetime) -> bool:
        """Whether another load of the ticket's plate is on the road at a moment (W05)."""
        return any(
            (road.out_at, road.ticket_id) < (at, ticket.id) and road.is_on_the_road(at)
            for road in self._roads[ticket.plate].values()
            if road.ticket_id != ticket.id
        )

    def note_journey(self, ticket: Ticket, journey: Journey, station: Station | None, watch: Watch) -> None:
        """Know when a ticket's load was on the road from now on; what another was flagged for may be explained by it."""
        roads = self._roads[ticket.plate]
        before = _together(roads)
        known = roads.pop(ticket.id, None)
        jurisdiction = known.jurisdiction if known else station.jurisdiction if station else None
        if journey.out_at is not None:
            ended_at = journey.in_at or journey.back_at
            if ended_at is None and journey.state not in OPEN_STATES:
                ended_at = journey.ended_at
            roads[ticket.id] = Road(
                ticket.plate,
                ticket.id,
                ticket.number,
                ticket.seller_id,
                ticket.buyer_id,
                jurisdiction,
                journey.out_at,
                ended_at,
            )
        if len(roads) < 2 and not before:
            return
        after = _together(roads)
        for ticket_id in after - before:
            watch.open(_road_alert(roads[ticket_id]))
        for ticket_id in before - after:
            watch.settle((Flag.TWO_OPEN_TICKETS, "ticket", str(ticket_id)))


def _together(roads: Mapping[UUID, Road]) -> set[UUID]:
    """The tickets whose load left while another of the plate was on the road."""
    if len(roads) < 2:
        return set()
    return {
        road.ticket_id
        for road in roads.values()
        if any(
            (other.out_at, other.ticket_id) < (road.out_at, road.ticket_id) and other.is_on_the_road(road.out_at)
            for other in roads.values()
            if other is not road
        )
    }


def _place(line: Line) -> _Place:
    return _Place(line.occurred_at, line.told.station_id, line.told.record_id)


def _tare_alert(tare: Tare) -> Alert:
    facts = {
        "weighing": tare.weighing_id,
        "station": tare.station_id,
        "plate": tare.plate,
        "kg": tare.gross_kg - tare.tare_kg,
    }
    return Alert(
        Flag.TARE_DRIFT,
        "weighing",
        str(tare.weighing_id),
        tare.jurisdiction,
        (tare.enterprise_id,),
        tare.occurred_at,
        facts,
    )


def _road_alert(road: Road) -> list[Alert]:
    if road.jurisdiction is None:
        return []
    facts = {"ticket": road.number, "plate": road.plate}
    parties = (road.seller_id, road.buyer_id)
    return [Alert(Flag.TWO_OPEN_TICKETS, "ticket", str(road.ticket_id), road.jurisdiction, parties, road.out_at, facts)]
