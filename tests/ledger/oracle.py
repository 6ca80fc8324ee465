"""The ledger once more, kilogram by kilogram: every account is a book with one line for each, and nothing is clever.

It knows the rule alone: out of the oldest line in stock, else on a new line; into the oldest line in debt, else on a
new line; a cut strikes both ends. It shares nothing with the code that it judges.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple, TypeVar

Line = tuple[str, int]
"""An account and the number of a line in its book."""


Link = tuple[int, Line]
"""A movement, and the line at its other end."""

Drawn = tuple[int, str, str, int, int | None]
"""A movement: its number, source, target, the kilograms that leave, and those that a conversion makes of them."""


C = TypeVar("C")

CAUSES = {"lot": "slip", "quota": "opening"}
"""What an episode is put down to, by the first kind of account that its kilograms reach; else to a load."""


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
    opened_by: int
    debt_kg: int
    peak_kg: int
    closed_act: int | None = None
    covered_by: int | None = None


@dataclass
class Owing:
    """A kilogram of debt more or less, the movement that did it, and what it is put down to."""

    account: str
    is_more: bool
    movement: int
    cause: str


class Oracle:
    """All books, and for each kilogram that ever moved the line that it left and the line that it reached."""

    def __init__(self, boundaries: set[str], quotas: set[str]) -> None:
        self.books: dict[str, Book] = defaultdict(lambda: Book(is_boundary=False))
        for name in boundaries:
            self.books[name] = Book(is_boundary=True)
        self.quotas = quotas
        self.left: dict[Kilogram, Line] = {}
        self.reached: dict[Kilogram, Line] = {}
        self.made: dict[int, tuple[int, int]] = {}
        self.act = 0
        self.episodes: list[Episode] = []
        self.owing: list[Owing] = []

    # Acts

    def together(self, changes: Sequence[Callable[[], C]]) -> list[C] | None:
        """Changes as one act: all of them, or none when one is refused."""
        before = deepcopy(self.__dict__) if len(changes) > 1 else self.__dict__
        answers = []
        for change in changes:
            answers.append(change())
            if answers[-1] is None or answers[-1] is False:
                self.__dict__ = before
                return None
        self._end_act()
        return answers

    # Changes

    def move(self, movements: list[Drawn]) -> list[Answer]:
        return [self._move(drawn, [], CAUSES.get(drawn[2].split()[0], "load")) for drawn in movements]

    def void(self, movements: list[int]) -> bool:
        standing = [kilogram for movement in movements for kilogram in self.standing(movement)]
        self._strike(standing, "void")
        return bool(standing)

    def give_back(self, movement: int, kg: int) -> bool:
        lying, gone = self._by_rest(movement)
        if len(lying) < kg or (movement in self.made and (gone or kg < len(lying))):
            return False
        self._strike(lying[-kg:], "void")
        return True

    def claw_back(self, movement: int, kg: int) -> bool:
        lying, gone = self._by_rest(movement)
        if len(lying) + len(gone) < kg:
            return False
        if movement in self.made and ((lying and gone) or kg < len(lying) + len(gone)):
            return False
        self._strike([*gone, *lying][-kg:], "claw-back")
        return True

    def replace(self, old: int, new: Drawn) -> Answer | None:
        standing = self.standing(old)
        _, source, target, kg, made = new
        if not standing or source == target:
            return None
        if made is not None and made < kg and made > len(standing):
            return None  # a conversion is one row: more product than before is a lot of its own
        free = [self.reached[kilogram][1] for kilogram in standing]
        self._strike(standing, "correction")
        return self._move(new, free, "correction")

    # What can be asked

    def standing(self, movement: int) -> list[Kilogram]:
        """The kilograms of a movement that no cut has struck."""
        return sorted(kilogram for kilogram in self.reached if kilogram.movement == movement)

    def debts(self) -> dict[str, int]:
        return {name: len(book.debt()) for name, book in self.books.items()}

    def links(self) -> dict[Line, Link]:
        """From each line that kilograms left by, the movement and the line that they reached."""
        return {line: (kg.movement, self.reached[self._becomes(kg)]) for kg, line in self.left.items()}

    # One kilogram at a time

    def _becomes(self, ore: Kilogram) -> Kilogram:
        """The product kilogram that an ore kilogram ends in: the first whose share of the run ends no earlier."""
        if ore.movement not in self.made:
            return ore
        ore_kg, product_kg = self.made[ore.movement]
        end = Fraction(ore.number + 1, ore_kg)
        return Kilogram(
            ore.movement, next(number for number in range(product_kg) if Fraction(number + 1, product_kg) >= end)
        )

    def _move(self, drawn: Drawn, free: list[int], cause: str) -> Answer:
        movement, source, target, kg, made = drawn
        arriving = kg if made is None else made
        if arriving < kg:
            self.made[movement] = (kg, arriving)
        answer = Answer()
        giver, taker = self.books[source], self.books[target]
        for number in range(kg):
            stock = giver.stock()
            line = stock[0] if stock else giver.new_line("out")
            if not stock and not giver.is_boundary:
                answer.over_kg += 1
                self.owing.append(Owing(source, True, movement, cause))
            giver.went[line] = Kilogram(movement, number)
            self.left[Kilogram(movement, number)] = (source, line)
        for number in range(arriving):
            if free:
                line = free.pop(0)
            else:
                debt = taker.debt()
                line = debt[0] if debt else taker.new_line("in")
            if line in taker.went and not taker.is_boundary:
                answer.cover_kg += 1
                self.owing.append(Owing(target, False, movement, cause))
            taker.came[line] = Kilogram(movement, number)
            self.reached[Kilogram(movement, number)] = (target, line)
        return answer

    def _strike(self, kilograms: list[Kilogram], cause: str) -> None:
        """How they went, then how they came, movement by movement; of a conversion all that went."""
        for movement, of_movement in groupby(kilograms, key=lambda kilogram: kilogram.movement):
            arrived = list(of_movement)
            ore = sorted(kilogram for kilogram in self.left if kilogram.movement == movement)
            for kilogram in ore if movement in self.made else arrived:
                source, line = self.left.pop(kilogram)
                del self.books[source].went[line]
                if line not in self.books[source].came:
                    self.owing.append(Owing(source, False, movement, cause))
            for kilogram in arrived:
                target, line = self.reached.pop(kilogram)
                del self.books[target].came[line]
                if line in self.books[target].went:
                    self.owing.append(Owing(target, True, movement, cause))

    def _by_rest(self, movement: int) -> tuple[list[Kilogram], list[Kilogram]]:
        lying, gone = [], []
        for kilogram in self.standing(movement):
            name, line = self.reached[kilogram]
            (gone if line in self.books[name].went else lying).append(kilogram)
        return lying, gone

    def _end_act(self) -> None:
        self.act += 1
        for name in sorted(self.quotas):
            debt_kg = len(self.books[name].debt())
            owing = [each for each in self.owing if each.account == name]
            found = [episode for episode in self.episodes if episode.account == name and episode.closed_act is None]
            if found:
                found[0].debt_kg, found[0].peak_kg = debt_kg, max(debt_kg, found[0].peak_kg)
                if not debt_kg:
                    found[0].closed_act = self.act
                    found[0].covered_by = [each.movement for each in owing if not each.is_more][-1]
            elif debt_kg:
                first = next(each for each in owing if each.is_more)
                self.episodes.append(Episode(name, first.cause, self.act, first.movement, debt_kg, debt_kg))
        self.owing.clear()


class Walks:
    """Where every kilogram came from and where it rests, by the links that stood after an act."""

    def __init__(self, links: Mapping[Line, Link], boundaries: set[str], quotas: set[str], made: set[int]) -> None:
        self.links, self.boundaries, self.quotas, self.made = links, boundaries, quotas, made
        self.came: dict[Line, list[Link]] = defaultdict(list)
        for line, (movement, reached) in links.items():
            self.came[reached].append((movement, line))

    def origins(self, start: Line) -> list[tuple[bool, str, Line, int | None]]:
        """Of each kilogram of ore behind a line: whether product was made of it, how the walk ended, where, and by which
        movement."""
        found = []
        waiting = [(start, False)]
        while waiting:
            at, is_ore = waiting.pop()
            words = self.came.get(at)
            if words is None:
                found.append((is_ore, "debt", at, None))
                continue
            for movement, source in words:
                if source[0] in self.boundaries:
                    found.append((is_ore, source[0], source, movement))
                elif source[0] == "pool" and at[0] in self.quotas:
                    found.append((is_ore, "tranche", at, movement))
                elif source == start and not is_ore:
                    found.append((is_ore, "circle", source, movement))
                else:
                    waiting.append((source, is_ore or movement in self.made))
        return found

    def rest(self, start: Line) -> tuple[str, Line, int | None, tuple[str, ...]]:
        """Where a kilogram lies now, itself or the product that it is in, and through which runs it went."""
        at, runs = start, list[str]()
        while at in self.links:
            movement, reached = self.links[at]
            if reached == start:
                return "circle", reached, movement, ()
            if at[0].startswith("run") and reached[0].startswith("product"):
                runs.append(at[0])
            at = reached
        return "rest", at, None, tuple(runs)
