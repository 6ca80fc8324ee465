"""Devices' clocks that were set back between two records of a station (W04, E13), whichever of the two came first."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from service.actions.weighings.sent import Sent
from service.actions.weighings.watching import Watch
from service.domain.alerts import Alert, Flag
from service.domain.policies import Policies
from service.domain.weighings import Line, Sequences, Station, Tick, Ticks


class Clocks:
    """The clocks of a batch's stations. Records whose numbers and times both increase need no comparison with others."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._ticks: dict[UUID, Ticks] = defaultdict(Ticks)
        self._looked_at: set[UUID] = set()

    def asks(self, sent: Iterable[Sent], books: Mapping[UUID, Sequences]) -> set[tuple[UUID, int]]:
        """The sequence numbers, by station, whose neighbours have to be read before these records are judged."""
        last = {station_id: (book.last, book.last_at) for station_id, book in books.items()}
        numbers = defaultdict(list)
        for one in sent:
            station_id, record = one.station_id, one.record
            number, at = last[station_id]
            if number is not None and (record.sequence <= number or (at is not None and record.weighed_at < at)):
                self._looked_at.add(station_id)
            else:
                last[station_id] = (record.sequence, record.weighed_at)
            numbers[station_id].append(record.sequence)
        return {
            (station_id, min(number, known))
            for station_id in self._looked_at
            if (known := books[station_id].last) is not None
            for number in numbers[station_id]
        }

    def know(self, ticks: Mapping[UUID, Iterable[Tick]]) -> None:
        """Take in what was recorded under the numbers that were asked for, and beside them."""
        for station_id, found in ticks.items():
            self._ticks[station_id].know(found)

    def note(self, line: Line, station: Station, watch: Watch) -> bool:
        """Whether the clock was set back before a record; also updates the alert of the one after it."""
        if station.id not in self._looked_at:
            return False
        record, ticks = line.record, self._ticks[station.id]
        tick = Tick(record.sequence, record.weighed_at, record.id, line.told.id, record.plate, record.net_kg)
        later = ticks.after(tick)
        had = [ticks.went_back(one, self._policies) for one in later]
        ticks.know([tick])
        for one, before in zip(later, had, strict=True):
            now = ticks.went_back(one, self._policies)
            if now is not None and now != before:
                watch.restate(_alert(station, one, now))
            elif now is None and before is not None:
                watch.settle((Flag.CLOCK_JUMPED_BACK, "weighing", str(one.weighing_id)))
        before = ticks.went_back(tick, self._policies)
        if before is not None:
            watch.open([_alert(station, tick, before)])
        return before is not None


def _alert(station: Station, tick: Tick, before: Tick) -> Alert:
    facts = {
        "weighing": tick.weighing_id,
        "station": station.id,
        "plate": tick.plate,
        "kg": tick.kg,
        "sequence": tick.sequence,
        "weighed_at": tick.weighed_at,
        "weighing_before": before.weighing_id,
        "sequence_before": before.sequence,
        "weighed_at_before": before.weighed_at,
    }
    parties = (station.enterprise_id,)
    return Alert(
        Flag.CLOCK_JUMPED_BACK, "weighing", str(tick.weighing_id), station.jurisdiction, parties, tick.weighed_at, facts
    )
