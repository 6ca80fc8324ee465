"""Places in the books: where the kilograms of a movement leave and arrive, and what a cut takes back.

Where two running totals say everything, `lay` does the same sums on the ends alone; the rows must be the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from service.domain.ledger import ConversionIsWhole, Hole, HoleKind, Leg, Movement, Part, Side
from service.domain.places import Places, Span
from service.domain.units import Kilograms

Row = Leg | Hole
Laid = tuple[int, int, Kilograms, Kilograms]
NOTHING = Kilograms(0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines that a movement writes in a row, `start` kilograms after its first."""

    start: int
    lo: int
    kg: int
    behind: bool
    jumped_from: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The pieces of a movement on one side; `marked` are those of its kilograms that are short, or that pay a debt."""

    pieces: list[Piece]
    marked: Places


@dataclass(slots=True)
class Book:
    """An account's lines: the ends of its two columns, what lies in stock and what is owed.

    A boundary is never short and never uses a place again, so it has neither stock nor debt.
    """

    account: int
    is_boundary: bool
    ins: int
    outs: int
    stock: Places
    debt: Places

    @property
    def top(self) -> int:
        """The first line that neither column has reached."""
        return max(self.ins, self.outs)

    @property
    def is_plain(self) -> bool:
        """Whether two running totals say everything: no place was left free behind an end."""
        return self.is_boundary or (
            self.stock == Places([(self.outs, self.top)]) and self.debt == Places([(self.ins, self.top)])
        )

    def give(self, kg: int) -> Written:
        """Write kilograms out of the oldest stock, then on new lines, which are marked: nothing is behind them."""
        spans, short_kg = _use(self.stock, kg)
        if short_kg:
            lo = self.outs if self.is_boundary else self.top
            spans.append((lo, lo + short_kg))
            if not self.is_boundary:
                self.debt.add(lo, lo + short_kg)
        pieces, self.outs = _pieces(spans, self.outs)
        return Written(pieces, Places() if self.is_boundary else Places([(kg - short_kg, kg)]))

    def take(self, kg: int) -> Written:
        """Write kilograms into the oldest debt, which is marked, then on new lines."""
        spans, new_kg = _use(self.debt, kg)
        if new_kg:
            lo = self.ins if self.is_boundary else self.top
            spans.append((lo, lo + new_kg))
            if not self.is_boundary:
                self.stock.add(lo, lo + new_kg)
        pieces, self.ins = _pieces(spans, self.ins)
        return Written(pieces, Places([(0, kg - new_kg)]))

    def fill(self, struck: Iterable[Span], kg: int) -> Written:
        """Write kilograms into struck places of the in column, first places first; what is more comes as an inflow."""
        pieces: list[Piece] = []
        marked = Places()
        start = 0
        for lo, end in struck:
            hi = min(end, lo + kg - start)
            if lo >= hi:
                break
            pieces.append(Piece(start, lo, hi - lo, behind=True))
            for owed_lo, owed_hi in self.debt.within(lo, hi):
                marked.add(start + owed_lo - lo, start + owed_hi - lo)
            self._meet(lo, hi)
            start += hi - lo
        if start < kg:
            more = self.take(kg - start)
            pieces += [replace(piece, start=start + piece.start) for piece in more.pieces]
            for lo, hi in more.marked:
                marked.add(start + lo, start + hi)
        return Written(pieces, marked)

    def strike_out(self, lo: int, hi: int) -> int:
        """Strike kilograms that went out: those that had come in are stock again; gives how many were owed until now."""
        return 0 if self.is_boundary else self._meet(lo, hi)

    def strike_in(self, lo: int, hi: int) -> int:
        """Strike kilograms that came in: those in stock are gone, those that went on are owed from now on; gives how many."""
        if self.is_boundary:
            return 0
        passed_on = self.stock.outside(lo, hi)
        self.stock.remove(lo, hi)
        for span in passed_on:
            self.debt.add(*span)
        return _kg(passed_on)

    def _meet(self, lo: int, hi: int) -> int:
        """Debt in these places ends, the others become stock."""
        ended = _kg(self.debt.within(lo, hi))
        for span in self.debt.outside(lo, hi):
            self.stock.add(*span)
        self.debt.remove(lo, hi)
        return ended


@dataclass(slots=True)
class Ends:
    """Where the columns of a plain book end, which is all that it takes to go on."""

    mark: bytes
    is_boundary: bool
    ins: int
    outs: int


def lay(ends: Mapping[int, Ends], movements: Iterable[Movement]) -> list[Laid]:
    """For each movement between plain books: its first line out of the source and into the target, its over and its cover."""
    laid = []
    for movement in movements:
        source, target = ends[movement.source], ends[movement.target]
        source_lo, target_lo = source.outs, target.ins
        kg, target_kg = movement.kg, movement.target_kg
        source.outs = gone = source_lo + kg
        target.ins = target_lo + target_kg
        over_kg = cover_kg = NOTHING
        if gone > source.ins and not source.is_boundary:
            over_kg = Kilograms(min(kg, gone - source.ins))
        if target.outs > target_lo and not target.is_boundary:
            cover_kg = Kilograms(min(target_kg, target.outs - target_lo))
        laid.append((source_lo, target_lo, over_kg, cover_kg))
    return laid


def post(books: Mapping[int, Book], movements: Iterable[tuple[int, Movement]]) -> list[Row]:
    """The rows of movements, each with its act's number, in order."""
    return [
        row
        for act, movement in movements
        for row in _rows(
            act, movement, books[movement.source].give(movement.kg), books[movement.target].take(movement.target_kg)
        )
    ]


def replacement(books: Mapping[int, Book], struck: Sequence[Part], movement: Movement, *, act: int) -> list[Row]:
    """The rows of a movement into the places that were struck in the same act."""
    gone = books[movement.source].give(movement.kg)
    come = books[movement.target].fill([_places(part) for part in struck], movement.target_kg)
    return _rows(act, movement, gone, come)


def cut(books: Mapping[int, Book], parts: Iterable[Part], *, act: int, occurred_at: datetime, fact: bytes) -> list[Row]:
    """Strike parts of legs on both sides; nothing else moves."""
    rows: list[Row] = []
    for part in parts:
        for account, side, lo, kg in (
            (part.source, Side.OUT, part.source_lo, part.source_kg),
            (part.target, Side.IN, part.target_lo, part.target_kg),
        ):
            strike = books[account].strike_out if side is Side.OUT else books[account].strike_in
            debt_kg = Kilograms(strike(lo, lo + kg))
            rows.append(Hole(act, part.movement, account, side, lo, lo + kg, HoleKind.CUT, debt_kg, occurred_at, fact))
    return rows


def in_stock(books: Mapping[int, Book], parts: Sequence[Part]) -> list[Part]:
    """What still lies in stock at the target, last kilograms first."""
    return [
        _slice(part, *span)
        for part in reversed(parts)
        for span in reversed(books[part.target].stock.within(*_places(part)))
    ]


def passed_on(books: Mapping[int, Book], parts: Sequence[Part]) -> list[Part]:
    """What went on from the target, last kilograms first."""
    return [
        _slice(part, *span)
        for part in reversed(parts)
        for span in reversed(books[part.target].stock.outside(*_places(part)))
    ]


def last(parts: Iterable[Part], kg: int) -> list[Part]:
    """So many kilograms of parts that are given last first, each from its end."""
    chosen = []
    for part in parts:
        if not kg:
            break
        hi = part.target_lo + part.target_kg
        chosen.append(_slice(part, max(part.target_lo, hi - kg), hi))
        kg -= chosen[-1].target_kg
    return chosen


def without(parts: Iterable[Part], struck: Iterable[Part]) -> list[Part]:
    """What is live of the parts of a movement once some of it is struck."""
    gone = Places(map(_places, struck))
    return [_slice(part, *span) for part in parts for span in gone.outside(*_places(part))]


def part_of(leg: Leg) -> Part:
    """All of a leg that was written just now."""
    return Part(leg.movement, leg.source, leg.source_lo, leg.source_kg, leg.target, leg.target_lo, leg.target_kg)


def _use(waiting: Places, kg: int) -> tuple[list[Span], int]:
    spans = []
    while kg and waiting:
        lo, hi = waiting.first
        hi = min(hi, lo + kg)
        waiting.remove(lo, hi)
        spans.append((lo, hi))
        kg -= hi - lo
    return spans, kg


def _pieces(spans: Iterable[Span], end: int) -> tuple[list[Piece], int]:
    """Spans in order as pieces of a column that reached `end`, and where it ends then."""
    pieces: list[Piece] = []
    start = 0
    for lo, hi in spans:
        if lo < end:
            pieces.append(Piece(start, lo, min(hi, end) - lo, behind=True))
        ahead = max(lo, end)
        if ahead < hi:
            if pieces and not pieces[-1].behind and ahead == end:
                pieces[-1] = replace(pieces[-1], kg=pieces[-1].kg + hi - ahead)
            else:
                piece_start = start + ahead - lo
                pieces.append(Piece(piece_start, ahead, hi - ahead, False, end if ahead > end else None))
            end = hi
        start += hi - lo
    return pieces, end


def _rows(act: int, movement: Movement, gone: Written, come: Written) -> list[Row]:
    """Legs where neither side's piece ends, and before a leg the holes that its ends jump over."""
    if movement.kg != movement.target_kg and len(gone.pieces) + len(come.pieces) > 2:
        raise ConversionIsWhole(movement=movement.id)
    rows: list[Row] = []
    starts = sorted({piece.start for written in (gone, come) for piece in written.pieces})
    sources, targets = iter(gone.pieces), iter(come.pieces)
    source, target = next(sources), next(targets)
    for start, end in pairwise([*starts, movement.kg]):
        if start == source.start + source.kg:
            source = next(sources)
        if start == target.start + target.kg:
            target = next(targets)
        for account, side, piece in (
            (movement.source, Side.OUT, source),
            (movement.target, Side.IN, target),
        ):
            if start == piece.start and piece.jumped_from is not None:
                rows.append(_jump(act, movement, account, side, piece.jumped_from, piece.lo))
        rows.append(
            Leg(
                act,
                movement.id,
                movement.source,
                source.lo + start - source.start,
                Kilograms(end - start),
                movement.target,
                target.lo + start - target.start,
                movement.target_kg if movement.kg != movement.target_kg else Kilograms(end - start),
                Kilograms(_kg(gone.marked.within(start, end))),
                Kilograms(_kg(come.marked.within(start, end))),
                source.behind,
                target.behind,
                movement.occurred_at,
                movement.fact,
            )
        )
    return rows


def _jump(act: int, movement: Movement, account: int, side: Side, lo: int, hi: int) -> Hole:
    return Hole(act, movement.id, account, side, lo, hi, HoleKind.JUMP, NOTHING, movement.occurred_at, movement.fact)


def _places(part: Part) -> Span:
    return part.target_lo, part.target_lo + part.target_kg


def _slice(part: Part, lo: int, hi: int) -> Part:
    if (lo, hi) == _places(part):
        return part
    if part.source_kg != part.target_kg:
        raise ConversionIsWhole(movement=part.movement)
    return replace(
        part, source_lo=part.source_lo + lo - part.target_lo, source_kg=hi - lo, target_lo=lo, target_kg=hi - lo
    )


def _kg(spans: Iterable[Span]) -> int:
    return sum(hi - lo for lo, hi in spans)
