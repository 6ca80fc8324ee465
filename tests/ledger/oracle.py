"""The ledger once more, kilogram by kilogram: every account is a book with one line for each, and nothing is clever.

It knows the rule alone: out of the oldest line in stock, else on a new line; into the oldest line in debt, else on a
new line; a cut strikes both ends. It shares nothing with the code that it judges.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

Line = tuple[str, int]
"""An account and the number of a line in its book."""


class Kilogram(NamedTuple):
    """The how-manieth kilogram of a movement."""

    movement: int
    number: int


@dataclass
class Book:
    """Left column: which kilogram came on a line. Right column: which went from it."""

    is_boundary: bool
    came: dict[int, Kilogram] = field(default_factory=dict)
    went: dict[int, Kilogram] = field(default_factory=dict)
    lines_in: int = 0
    lines_out: int = 0

    def stock(self) -> list[int]:
        return [] if self.is_boundary else sorted(set(self.came) - set(self.went))

    def debt(self) -> list[int]:
        return [] if self.is_boundary else sorted(set(self.went) - set(self.came))

    def new_line(self, column: str) -> int:
        if self.is_boundary and column == "out":
            self.lines_out += 1
            return self.lines_out - 1
        self.lines_in += 1
        return self.lines_in - 1


@dataclass
class Answer:
    """What a movement meets: kilograms with none behind them, and kilograms that pay a debt."""

    over_kg: int = 0
    cover_kg: int = 0


@dataclass
class Episode:
    account: str
    cause: str
    opened_act: int
    debt_kg: int
    peak_kg: int
    closed_act: int | None = None


class Oracle:
    """All books, and for each kilogram that ever moved the line that it left and the line that it reached."""

    def __init__(self, boundaries: set[str], quotas: set[str]) -> None:
        self.books: dict[str, Book] = defaultdict(lambda: Book(is_boundary=False))
        for name in boundaries:
            self.books[name] = Book(is_boundary=True)
        self.quotas = quotas
        self.left: dict[Kilogram, Line] = {}
        self.reached: dict[Kilogram, Line] = {}
        self.act = 0
        self.episodes: list[Episode] = []

    # Acts

    def move(self, movements: list[tuple[int, str, str, int]]) -> list[Answer]:
        """One act: movement, source, target, kilograms each."""
        answers = [
            self._move([Kilogram(movement, number) for number in range(kg)], source, target, [])
            for movement, source, target, kg in movements
        ]
        causes = [
            (source, "slip" if target.startswith("lot") else "load")
            for (_, source, target, _), answer in zip(movements, answers, strict=True)
            if answer.over_kg
        ]
        self._end_act(dict(reversed(causes)))
        return answers

    def void(self, movements: list[int]) -> bool:
        standing = [kilogram for movement in movements for kilogram in self.standing(movement)]
        self._strike(standing)
        if standing:
            self._end_act(defaultdict(lambda: "void"))
        return bool(standing)

    def give_back(self, movement: int, kg: int) -> bool:
        lying, _ = self._by_rest(movement)
        if len(lying) < kg:
            return False
        self._strike(lying[-kg:])
        self._end_act({})
        return True

    def claw_back(self, movement: int, kg: int) -> bool:
        lying, gone = self._by_rest(movement)
        if len(lying) + len(gone) < kg:
            return False
        self._strike([*gone, *lying][-kg:])
        self._end_act(defaultdict(lambda: "claw-back"))
        return True

    def replace(self, old: int, movement: int, source: str, kg: int) -> Answer | None:
        standing = self.standing(old)
        if not standing or self.reached[standing[0]][0] == source:
            return None
        target = self.reached[standing[0]][0]
        free = [self.reached[kilogram][1] for kilogram in standing]
        self._strike(standing)
        answer = self._move([Kilogram(movement, number) for number in range(kg)], source, target, free)
        self._end_act(defaultdict(lambda: "correction"))
        return answer

    # What can be asked

    def standing(self, movement: int) -> list[Kilogram]:
        """The kilograms of a movement that no cut has struck."""
        return sorted(kilogram for kilogram in self.reached if kilogram.movement == movement)

    def debts(self) -> dict[str, int]:
        return {name: len(book.debt()) for name, book in self.books.items()}

    def picture(self) -> tuple[dict[Line, Kilogram], dict[Line, Kilogram]]:
        """Both columns of all books."""
        came = {(name, line): kg for name, book in self.books.items() for line, kg in book.came.items()}
        went = {(name, line): kg for name, book in self.books.items() for line, kg in book.went.items()}
        return came, went

    # One kilogram at a time

    def _move(self, kilograms: list[Kilogram], source: str, target: str, free: list[int]) -> Answer:
        answer = Answer()
        giver, taker = self.books[source], self.books[target]
        for kilogram in kilograms:
            stock = giver.stock()
            line = stock[0] if stock else giver.new_line("out")
            answer.over_kg += not stock and not giver.is_boundary
            giver.went[line] = kilogram
            self.left[kilogram] = (source, line)

            if free:
                line = free.pop(0)
                answer.cover_kg += line in taker.went
            else:
                debt = taker.debt()
                line = debt[0] if debt else taker.new_line("in")
                answer.cover_kg += bool(debt)
            taker.came[line] = kilogram
            self.reached[kilogram] = (target, line)
        return answer

    def _strike(self, kilograms: list[Kilogram]) -> None:
        for kilogram in kilograms:
            source, line = self.left.pop(kilogram)
            del self.books[source].went[line]
            target, line = self.reached.pop(kilogram)
            del self.books[target].came[line]

    def _by_rest(self, movement: int) -> tuple[list[Kilogram], list[Kilogram]]:
        lying, gone = [], []
        for kilogram in self.standing(movement):
            name, line = self.reached[kilogram]
            (gone if line in self.books[name].went else lying).append(kilogram)
        return lying, gone

    def _end_act(self, causes: dict[str, str]) -> None:
        self.act += 1
        for name in sorted(self.quotas):
            debt_kg = len(self.books[name].debt())
            found = [episode for episode in self.episodes if episode.account == name and episode.closed_act is None]
            if found:
                found[0].debt_kg, found[0].peak_kg = debt_kg, max(debt_kg, found[0].peak_kg)
                if not debt_kg:
                    found[0].closed_act = self.act
            elif debt_kg:
                self.episodes.append(Episode(name, causes[name], self.act, debt_kg, debt_kg))
