"""Random histories of the ledger: drawn, and told to the oracle."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st

from service.domain.ledger import (
    AccountKey,
    AccountKind,
)
from tests.ledger.books import account
from tests.ledger.oracle import Answer, Drawn, Episode, Line, Link, Oracle

CAST: dict[str, AccountKey] = {
    "issue": account(AccountKind.ISSUE),
    "suspense": account(AccountKind.SUSPENSE),
    "gained": account(AccountKind.GAINED),
    "pool": account(AccountKind.POOL),
    "quota 1": account(AccountKind.QUOTA, 1),
    "quota 2": account(AccountKind.QUOTA, 2),
    "lot 1": account(AccountKind.LOT, 1),
    "lot 2": account(AccountKind.LOT, 2),
    "load 1": account(AccountKind.LOAD, 1),
    "lost": account(AccountKind.LOST),
    "sold": account(AccountKind.PRODUCT),
    **{f"own {number}": account(AccountKind.LOAD, 10 + number) for number in range(1, 4)},
    **{f"run {number}": account(AccountKind.RUN, number) for number in range(1, 5)},
    **{f"product {number}": account(AccountKind.PRODUCT, number) for number in range(1, 5)},
}
BOUNDARIES = {"issue", "suspense", "gained"}
QUOTAS = {"quota 1", "quota 2"}
ORDINARY = [name for name in CAST if name not in BOUNDARIES]
SOURCES = ["issue", "suspense", "gained", "pool", "pool", "quota 1", "quota 2", "lot 1", "lot 2", "load 1"]
TARGETS = ["pool", "quota 1", "quota 1", "quota 2", "lot 1", "lot 2", "load 1", "lost"]
OF_ORE = ["lot 1", "lot 2", "load 1", "quota 1"]


@dataclass(frozen=True)
class Move:
    """One act."""

    movements: list[Drawn]


@dataclass(frozen=True)
class Void:
    movements: list[int]


@dataclass(frozen=True)
class GiveBack:
    movement: int
    kg: int


@dataclass(frozen=True)
class ClawBack:
    movement: int
    kg: int


@dataclass(frozen=True)
class Replace:
    old: int
    new: Drawn


Change = Move | Void | GiveBack | ClawBack | Replace


@dataclass(frozen=True)
class Together:
    """Changes that are one act."""

    changes: list[Change]


Deed = Change | Together

MINDS = ["one", "one", "one", "one", "one", "other", "forgetful", "none"]
"""Processes that remember the ends of accounts, one of them only a few, and one that remembers nothing."""

kilograms = st.integers(1, 16)
some = st.integers(0, 40)
pairs = st.tuples(st.sampled_from(SOURCES), st.sampled_from(TARGETS)).filter(lambda pair: pair[0] != pair[1])


@dataclass(frozen=True)
class History:
    """Deeds in order, after which of them a batch ends, who posts the batch that a deed begins, whether every batch takes the
    general way, and after how many of a hundred parts of its acts it is looked back on."""

    deeds: list[Deed]
    cuts: list[bool]
    minds: list[str]
    all_loose: bool
    looked_at: int

    @property
    def changes(self) -> list[Change]:
        """What is done, whatever is one act."""
        return [change for deed in self.deeds for change in (deed.changes if isinstance(deed, Together) else [deed])]

    @property
    def made(self) -> set[int]:
        """The conversions."""
        drawn = [change.new for change in self.changes if isinstance(change, Replace)]
        drawn += [each for change in self.changes if isinstance(change, Move) for each in change.movements]
        return {number for number, _, _, kg, made in drawn if made is not None and made < kg}


@dataclass
class _Pen:
    """Writes a history: what is taken back was moved before, though it may not stand any more."""

    draw: st.DrawFn
    deeds: list[Deed] = field(default_factory=list)
    acts: list[list[int]] = field(default_factory=list)
    drawn: dict[int, Drawn] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def number(self) -> int:
        return len(self.drawn) + 1

    def fresh(self, kind: str) -> str | None:
        """An account that nothing has touched, as long as the cast has one."""
        self.opened[kind] += 1
        name = f"{kind} {self.opened[kind]}"
        return name if name in CAST else None

    def known(self, kind: str) -> list[str]:
        return [name for number in range(self.opened[kind]) if (name := f"{kind} {number + 1}") in CAST]

    def act(self, *moves: tuple[str, str, int, int | None]) -> None:
        drawn = []
        for move in moves:
            drawn.append((self.number(), *move))
            self.drawn[self.number()] = drawn[-1]
        self.acts.append([number for number, *_ in drawn])
        self.deeds.append(Move(drawn))

    # Moves of every sort

    def move(self) -> None:
        wanted = [(*self.draw(pairs), self.draw(kilograms), None) for _ in range(self.draw(st.integers(1, 3)))]
        if self.draw(some) < 8:  # product is sold, and named kilograms leave the account that they have of their own
            sold = [(product, "sold", self.draw(kilograms), None) for product in self.known("product")[-1:]]
            named = [
                (own, self.draw(st.sampled_from(OF_ORE)), self.draw(kilograms), None) for own in self.known("own")[-1:]
            ]
            wanted += [*sold, *named]
        self.act(*wanted)

    def pass_through(self) -> None:
        """Kilograms that pass through an account of their own, at once or not yet all of them (W12)."""
        own, (source, target), kg = self.fresh("own"), self.draw(pairs), self.draw(kilograms)
        if own is None:
            return
        further = self.draw(st.sampled_from([kg, kg, kg - 1]))
        self.act((source, own, kg, None), *([(own, target, further, None)] if further else []))

    def feed(self, run: str, among: Sequence[str] = OF_ORE) -> list[tuple[str, str, int, int | None]]:
        return [
            (self.draw(st.sampled_from(among)), run, self.draw(kilograms), None)
            for _ in range(self.draw(st.integers(1, 3)))
        ]

    def convert(self) -> None:
        """A run eats ore, or what others made, of one to three accounts and makes one or two products of it; the rest is
        lost (P02)."""
        run = self.fresh("run")
        if run is None:
            return
        fed = self.feed(run, [*OF_ORE, *self.known("product")[-1:]])
        left = sum(kg for *_, kg, _ in fed)
        made: list[tuple[str, str, int, int | None]] = []
        for _ in range(self.draw(st.integers(1, 2))):
            product = self.fresh("product")
            if product is None or not left:
                continue
            kg = self.draw(st.integers(1, left))
            left -= kg
            made.append((run, product, kg, self.draw(st.integers(1, kg))))
            if self.draw(some) == 0:
                made.append(("gained", product, self.draw(kilograms), None))
        if left:
            made.append((run, "lost", left, None))
        if self.draw(st.booleans()):
            self.act(*fed, *made)
        else:
            self.act(*fed)
            self.act(*made)

    # What is taken back

    def any(self) -> int:
        return 1 + self.draw(some) % len(self.drawn)

    def void(self) -> None:
        whole = self.draw(st.booleans())
        last = self.draw(some) < 10  # at once: the books must be as before
        act = self.acts[-1] if last else self.acts[self.draw(some) % len(self.acts)]
        self.deeds.append(Void(act if whole or last else [self.any()]))

    def take_back_in_parts(self) -> None:
        """A tranche that is clawed back again and again: as it came, once it was spent, once what is owed was covered (R25)."""
        quota = self.draw(st.sampled_from(sorted(QUOTAS)))
        self.act((self.draw(st.sampled_from(["issue", "pool"])), quota, 4 + self.draw(kilograms), None))
        tranche = self.number() - 1
        for _ in range(self.draw(st.integers(2, 4))):
            match self.draw(st.sampled_from(["", "spent", "covered", "both"])):
                case "spent":
                    self.act((quota, "lot 1", self.draw(kilograms), None))
                case "covered":
                    self.act(("pool", quota, self.draw(kilograms), None))
                case "both":
                    self.act((quota, "lot 2", self.draw(kilograms), None), ("issue", quota, self.draw(kilograms), None))
            self.deeds.append(ClawBack(tranche, self.draw(st.integers(1, 6))))

    def replace(self) -> None:
        """By any source and any size; a conversion by another run into the same product."""
        old, number = self.any(), self.number()
        _, _, target, kg, made = self.drawn[old]
        if made is None:
            new: Drawn = (number, self.draw(st.sampled_from([*SOURCES, target])), target, self.draw(kilograms), None)
        else:
            run = self.fresh("run")
            if run is None:
                return
            fed = self.feed(run)
            self.act(*fed)
            kg, number = sum(kg for *_, kg, _ in fed), self.number()
            new = (number, run, target, kg, self.draw(st.integers(1, min(kg, made + 1))))
        self.drawn[number] = new
        self.deeds.append(Replace(old, new))

    def together(self) -> None:
        """What belongs together is struck, cut, replaced and posted as one act, some of it more than once."""
        start = len(self.deeds)
        for _ in range(self.draw(st.integers(2, 5))):
            self.write(self.draw(st.sampled_from("mvvvvrcp")))
        changes = [deed for deed in self.deeds[start:] if not isinstance(deed, Together)]
        self.deeds[start:] = [Together(changes)]

    def write(self, kind: str) -> None:
        """One more deed of a kind."""
        match kind:
            case "m":
                self.move()
            case "t":
                self.pass_through()
            case "k":
                self.convert()
            case "v":
                self.void()
            case "r":
                self.deeds.append(GiveBack(self.any(), self.draw(kilograms)))
            case "c":
                self.deeds.append(ClawBack(self.any(), self.draw(kilograms)))
            case "b":
                self.take_back_in_parts()
            case "o":
                self.together()
            case _:
                self.replace()


@st.composite
def histories(draw: st.DrawFn, size: int = 30) -> History:
    """Acts of every sort."""
    pen = _Pen(draw)
    for _ in range(draw(st.integers(1, size))):
        pen.write(draw(st.sampled_from("mmmmmmvvrcbppootkk")) if pen.drawn else "m")
    cuts = draw(st.lists(st.booleans(), min_size=len(pen.deeds), max_size=len(pen.deeds)))
    minds = draw(st.lists(st.sampled_from(MINDS), min_size=len(pen.deeds), max_size=len(pen.deeds)))
    return History(pen.deeds, cuts, minds, draw(st.booleans()), draw(st.integers(0, 99)))


@dataclass
class Told:
    """What the oracle says of a history: an answer for each deed, and after each act all that stands."""

    answers: list[Any] = field(default_factory=list)
    links: list[dict[Line, Link]] = field(default_factory=list)
    places: list[dict[str, tuple[list[int], list[int]]]] = field(default_factory=list)
    totals: list[dict[str, tuple[int, int]]] = field(default_factory=list)
    tops: list[dict[str, int]] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)


def tell(deeds: Sequence[Deed], names: Iterable[str] = CAST) -> Told:
    """Tell a history between named accounts to the oracle, which holds itself to the law that a void at once undoes all."""
    oracle, told = Oracle(BOUNDARIES, QUOTAS), Told()
    for before, deed in zip([None, *deeds], deeds, strict=False):
        act = oracle.act
        told.answers.append(_tell(oracle, deed))
        if oracle.act == act:
            continue
        told.links.append(oracle.links())
        told.places.append({name: (oracle.books[name].stock(), oracle.books[name].debt()) for name in names})
        told.totals.append({name: (len(oracle.books[name].came), len(oracle.books[name].went)) for name in names})
        told.tops.append({name: oracle.books[name].lines_in for name in names})
        match before, deed:
            case Move(posted), Void(voided) if voided == [number for number, *_ in posted] and len(told.places) > 2:
                assert told.places[-1] == told.places[-3], "a void at once undoes all"
    told.episodes = oracle.episodes
    return told


def _tell(oracle: Oracle, deed: Deed) -> list[Any] | Any:
    if isinstance(deed, Together):
        return oracle.together([partial(_change, oracle, change) for change in deed.changes])
    answers = oracle.together([partial(_change, oracle, deed)])
    return answers[0] if answers else None if isinstance(deed, Replace) else False


def _change(oracle: Oracle, change: Change) -> list[Answer] | Answer | bool | None:
    match change:
        case Move(movements):
            return oracle.move(movements)
        case Void(movements):
            return oracle.void(movements)
        case GiveBack(number, kg):
            return oracle.give_back(number, kg)
        case ClawBack(number, kg):
            return oracle.claw_back(number, kg)
        case Replace(old, new):
            return oracle.replace(old, new)
