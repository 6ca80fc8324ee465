"""Lines of a book: sets of whole kilograms' addresses, kept as sorted spans."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Span = tuple[int, int]
"""From the first line up to, not including, the last."""


def _lo(span: Span) -> int:
    return span[0]


def _hi(span: Span) -> int:
    return span[1]


class Places:
    """A set of lines: sorted spans that neither overlap nor touch."""

    __slots__ = ("_spans",)

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for lo, hi in spans:
            self.add(lo, hi)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Places) and self._spans == other._spans

    def __repr__(self) -> str:
        return f"Places({self._spans})"

    __hash__ = None  # type: ignore[assignment]

    @property
    def kg(self) -> int:
        """How many lines there are."""
        return sum(hi - lo for lo, hi in self._spans)

    @property
    def first(self) -> Span:
        """The lowest span."""
        return self._spans[0]

    def add(self, lo: int, hi: int) -> None:
        """Put lines in."""
        if lo >= hi:
            return
        start, stop = bisect_left(self._spans, lo, key=_hi), bisect_right(self._spans, hi, key=_lo)
        if start < stop:
            lo, hi = min(lo, self._spans[start][0]), max(hi, self._spans[stop - 1][1])
        self._spans[start:stop] = [(lo, hi)]

    def remove(self, lo: int, hi: int) -> None:
        """Take lines out."""
        start, stop = bisect_right(self._spans, lo, key=_hi), bisect_left(self._spans, hi, key=_lo)
        rest = [(a, b) for old in self._spans[start:stop] for a, b in ((old[0], lo), (hi, old[1])) if a < b]
        self._spans[start:stop] = rest

    def within(self, lo: int, hi: int) -> list[Span]:
        """Those of the lines that lie in a span."""
        start, stop = bisect_right(self._spans, lo, key=_hi), bisect_left(self._spans, hi, key=_lo)
        return [(max(lo, a), min(hi, b)) for a, b in self._spans[start:stop]]

    def outside(self, lo: int, hi: int) -> list[Span]:
        """The lines of a span that are not in the set."""
        edges = [lo, *(edge for span in self.within(lo, hi) for edge in span), hi]
        return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
