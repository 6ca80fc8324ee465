"""The two columns of every account as the auditor rebuilds them: their ends, and what was struck."""

from array import array
from bisect import bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise

Span = tuple[int, int]


class Spans:
    """Disjoint spans in order; touching ones may stand side by side."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def overlap(self, lo: int, hi: int) -> int:
        """How many places of [lo, hi) are in the spans."""
        total = 0
        for at in range(max(0, bisect_right(self.spans, (lo, lo)) - 1), len(self.spans)):
            first, last = self.spans[at]
            if first >= hi:
                break
            total += max(0, min(hi, last) - max(lo, first))
        return total

    def add(self, lo: int, hi: int) -> None:
        """Put places in that are not in the spans."""
        insort(self.spans, (lo, hi))

    def remove(self, lo: int, hi: int) -> None:
        """Take places out."""
        kept: list[Span] = []
        for first, last in self.spans:
            if first < min(last, lo):
                kept.append((first, min(last, lo)))
            if max(first, hi) < last:
                kept.append((max(first, hi), last))
        self.spans = kept


@dataclass(slots=True)
class Struck:
    """What is struck and not written again in the two columns of one account."""

    ins: Spans = field(default_factory=Spans)
    outs: Spans = field(default_factory=Spans)


class Columns:
    """The ends of all columns by account id, and the struck places of the few accounts that have any."""

    def __init__(self, accounts: int) -> None:
        self.ins = array("q", bytes(8 * (accounts + 1)))
        self.outs = array("q", bytes(8 * (accounts + 1)))
        self.struck: dict[int, Struck] = {}

    def has_come(self, account: int, lo: int, hi: int) -> int:
        """How many of these places came in and still stand."""
        below = max(0, min(hi, self.ins[account]) - lo)
        struck = self.struck.get(account)
        return below - struck.ins.overlap(lo, lo + below) if struck else below

    def has_gone(self, account: int, lo: int, hi: int) -> int:
        """How many of these places went out and still stand."""
        below = max(0, min(hi, self.outs[account]) - lo)
        struck = self.struck.get(account)
        return below - struck.outs.overlap(lo, lo + below) if struck else below

    def totals(self, account: int) -> tuple[int, int]:
        """How many kilograms came and how many went, of what still stands; none of an account that there is not."""
        if not 0 <= account < len(self.ins):
            return 0, 0
        struck = self.struck.get(account)
        if struck is None:
            return self.ins[account], self.outs[account]
        come, gone = (sum(hi - lo for lo, hi in side.spans) for side in (struck.ins, struck.outs))
        return self.ins[account] - come, self.outs[account] - gone

    def stock_and_debt(self, account: int) -> tuple[list[Span], list[Span]]:
        """What came and did not go, and what went and did not come, neighbours joined."""
        ins, outs = self.ins[account], self.outs[account]
        struck = self.struck.get(account) or Struck()
        edges = {0, ins, outs}
        for spans in (struck.ins.spans, struck.outs.spans):
            edges.update(place for span in spans for place in span)
        stock: list[Span] = []
        debt: list[Span] = []
        places = sorted(edges)
        for lo, hi in pairwise(places):
            come, gone = self.has_come(account, lo, hi) > 0, self.has_gone(account, lo, hi) > 0
            if come != gone:
                found = stock if come else debt
                if found and found[-1][1] == lo:
                    found[-1] = (found[-1][0], hi)
                else:
                    found.append((lo, hi))
        return stock, debt

    def needs_places(self, account: int) -> bool:
        """Whether the ends alone no longer say where the next kilogram goes out and comes in."""
        if account not in self.struck:
            return False
        ins, outs = self.ins[account], self.outs[account]
        stock, debt = self.stock_and_debt(account)
        return stock != ([(outs, ins)] if outs < ins else []) or debt != ([(ins, outs)] if ins < outs else [])
