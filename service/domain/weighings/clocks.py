"""What a station's device said of the time, number by number: whether its clock was set back between two (W04, E13)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

from service.domain.policies import Policies
from service.domain.units import shanghai_day

_number = attrgetter("sequence")


@dataclass(frozen=True, slots=True, order=True)
class Tick:
    """A number of a station's book, with what the device's own clock said; of one that came twice the earlier leads."""

    sequence: int
    weighed_at: datetime
    record_id: UUID
    weighing_id: UUID
    plate: str
    kg: int


class Ticks:
    """Those of a station's ticks that lie beside the ones that come."""

    def __init__(self) -> None:
        self._known: list[Tick] = []

    def know(self, ticks: Iterable[Tick]) -> None:
        """Have these among them."""
        self._known = sorted({*self._known, *ticks})

    def before(self, tick: Tick) -> Tick | None:
        """The one under the number before; where that came twice, the earlier."""
        place = bisect_left(self._known, tick.sequence, key=_number)
        if not place:
            return None
        return self._known[bisect_left(self._known, self._known[place - 1].sequence, key=_number)]

    def after(self, tick: Tick) -> list[Tick]:
        """Those under the number after."""
        place = bisect_right(self._known, tick.sequence, key=_number)
        if place == len(self._known):
            return []
        return self._known[place : bisect_right(self._known, self._known[place].sequence, key=_number)]

    def went_back(self, tick: Tick, policies: Policies) -> Tick | None:
        """The one before, where the clock said more by then than policy `clock_skew_seconds` forgives."""
        before = self.before(tick)
        if before is None or before.weighed_at <= tick.weighed_at:
            return None
        forgiven = timedelta(seconds=policies.on(shanghai_day(tick.weighed_at)).clock_skew_seconds)
        return before if before.weighed_at - tick.weighed_at > forgiven else None
