"""What an act changes of what stands, and posts with it: voids, returns, claw-backs, replacements, movements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from service.domain import books
from service.domain.books import Book, Row
from service.domain.ledger import Leg, Movement, NothingToVoid, NotReplaceable, Part, TooMuchTakenBack
from service.domain.overdraws import Cause
from service.domain.units import Kilograms


@dataclass(frozen=True, slots=True)
class Void:
    """All that still stands of these movements is struck; refused when nothing does."""

    movements: Sequence[UUID]
    occurred_at: datetime
    fact: bytes


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The last kilograms of a movement that still lie in stock at its target return; refused when fewer do (W10)."""

    movement: UUID
    kg: Kilograms
    occurred_at: datetime
    fact: bytes


@dataclass(frozen=True, slots=True)
class ClawBack:
    """Kilograms of a movement are taken back: the last that still lie in stock, then the last that were passed on (R25)."""

    movement: UUID
    kg: Kilograms
    occurred_at: datetime
    fact: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """A movement is struck, and another put into its places, first places first (W09)."""

    replaced: UUID
    movement: Movement


Change = Void | GiveBack | ClawBack | Replace | Movement


def struck_by(change: Change) -> Sequence[UUID]:
    """The movements of which a change takes something back."""
    match change:
        case Void(movements):
            return movements
        case GiveBack(movement) | ClawBack(movement) | Replace(movement):
            return [movement]
        case Movement():
            return []


def posted_by(change: Change) -> Movement | None:
    """The movement that a change posts."""
    match change:
        case Replace(_, movement) | (Movement() as movement):
            return movement
        case _:
            return None


class Act:
    """The rows of one act as its changes are made, with what each of them puts a debt down to.

    A change sees what those before it have left: the books, and what is live of the movements.
    """

    def __init__(self, number: int, found: Mapping[int, Book], parts: Iterable[Part]) -> None:
        self.rows: list[Row] = []
        self.causes: list[Cause | None] = []
        self._number = number
        self._books = found
        self._live: dict[UUID, list[Part]] = defaultdict(list)
        for part in parts:
            self._live[part.movement].append(part)

    def make(self, change: Change) -> None:
        """Make the next change; raises NothingToVoid, TooMuchTakenBack, NotReplaceable, ConversionIsWhole."""
        found = self._books
        live = [part for movement in struck_by(change) for part in self._live[movement]]
        match change:
            case Void(movements, occurred_at, fact):
                if not live:
                    raise NothingToVoid(movements=sorted(movements))
                self._cut(live, occurred_at, fact, Cause.VOID)
            case GiveBack(_, kg, occurred_at, fact):
                self._cut(_last(books.in_stock(found, live), kg), occurred_at, fact, Cause.VOID)
            case ClawBack(_, kg, occurred_at, fact):
                chosen = _last([*books.in_stock(found, live), *books.passed_on(found, live)], kg)
                self._cut(chosen, occurred_at, fact, Cause.CLAW_BACK)
            case Replace(replaced, movement):
                if {part.target for part in live} != {movement.target}:
                    raise NotReplaceable(movement=replaced)
                self._cut(live, movement.occurred_at, movement.fact, Cause.CORRECTION)
                self._write(books.replacement(found, live, movement, act=self._number), Cause.CORRECTION)
            case Movement():
                self._write(books.post(found, [(self._number, change)]), None)

    def _cut(self, parts: list[Part], occurred_at: datetime, fact: bytes, cause: Cause) -> None:
        self._write(books.cut(self._books, parts, act=self._number, occurred_at=occurred_at, fact=fact), cause)
        for movement, struck in groupby(parts, key=lambda part: part.movement):
            self._live[movement] = books.without(self._live[movement], struck)

    def _write(self, rows: list[Row], cause: Cause | None) -> None:
        self.rows += rows
        self.causes += [cause] * len(rows)
        for row in rows:
            if isinstance(row, Leg):
                self._live[row.movement].append(books.part_of(row))


def _last(parts: Sequence[Part], kg: Kilograms) -> list[Part]:
    possible_kg = sum(part.target_kg for part in parts)
    if possible_kg < kg:
        raise TooMuchTakenBack(possible_kg=possible_kg, asked_kg=kg)
    return books.last(parts, kg)
