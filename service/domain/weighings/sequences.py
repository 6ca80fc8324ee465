"""The numbers that a station's records carry, and their gaps."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter


class Sequences:
    """The sequence numbers that a station's records have carried, as ranges [from, until)."""

    def __init__(
        self, ranges: Sequence[tuple[int, int]] = (), repeated: int = 0, last_at: datetime | None = None
    ) -> None:
        self.ranges = list(ranges)
        self.repeated = repeated  # how often a number came that had come before
        self.last_at = last_at  # what the device's clock said with the last number; where that came twice, the earlier

    @property
    def last(self) -> int | None:
        """The last of the numbers."""
        return self.ranges[-1][1] - 1 if self.ranges else None

    @property
    def has_gap(self) -> bool:
        """Whether a number between the first and the last was never seen."""
        return len(self.ranges) > 1

    @property
    def is_whole(self) -> bool:
        """Whether each number came, and each once."""
        return not self.has_gap and not self.repeated

    def tick(self, sequence: int, weighed_at: datetime) -> None:
        """Note what the device's clock said with a number that is to be taken."""
        last = self.last
        if last is None or sequence > last or self.last_at is None:
            self.last_at = weighed_at
        elif sequence == last:
            self.last_at = min(self.last_at, weighed_at)

    def take(self, sequence: int) -> bool:
        """Note a number; True when it breaks the order: it came before, or one beside it has not come (W04)."""
        ranges = self.ranges
        place = bisect_right(ranges, sequence, key=itemgetter(0))
        before = ranges[place - 1] if place else None
        after = ranges[place] if place < len(ranges) else None
        if before is not None and sequence < before[1]:
            self.repeated += 1
            return True
        follows = before is not None and before[1] == sequence
        precedes = after is not None and after[0] == sequence + 1
        lo = before[0] if before is not None and follows else sequence
        hi = after[1] if after is not None and precedes else sequence + 1
        ranges[place - follows : place + precedes] = [(lo, hi)]
        return not follows if before is not None else after is not None and not precedes
