"""Random histories of the ledger: drawn, told to the oracle, then posted, and the rows read kilogram by kilogram."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from service.db import Connection
from service.domain.ledger import (
    AccountKey,
    AccountKind,
    ConversionIsWhole,
    Movement,
    NothingToVoid,
    NotReplaceable,
    TooMuchTakenBack,
)
from service.domain.units import Kilograms
from service.store import ledger
from service.store.accounts import open_accounts
from tests.ledger.books import KEY, MORNING, account, movement
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


Deed = Move | Void | GiveBack | ClawBack | Replace

kilograms = st.integers(1, 16)
some = st.integers(0, 40)
pairs = st.tuples(st.sampled_from(SOURCES), st.sampled_from(TARGETS)).filter(lambda pair: pair[0] != pair[1])


@dataclass(frozen=True)
class History:
    """Deeds in order, after which of them a batch ends, whether every batch takes the general way, and after how many of a
    hundred parts of its acts it is looked back on."""

    deeds: list[Deed]
    cuts: list[bool]
    all_loose: bool
    looked_at: int

    @property
    def made(self) -> set[int]:
        """The conversions."""
        drawn = [deed.new for deed in self.deeds if isinstance(deed, Replace)]
        drawn += [each for deed in self.deeds if isinstance(deed, Move) for each in deed.movements]
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

    def feed(self, run: str) -> list[tuple[str, str, int, int | None]]:
        return [
            (self.draw(st.sampled_from(OF_ORE)), run, self.draw(kilograms), None)
            for _ in range(self.draw(st.integers(1, 3)))
        ]

    def convert(self) -> None:
        """A run eats ore of one to three accounts and makes one or two products of it; the rest is lost (P02)."""
        run = self.fresh("run")
        if run is None:
            return
        fed = self.feed(run)
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


@st.composite
def histories(draw: st.DrawFn, size: int = 30) -> History:
    """Acts of every sort."""
    pen = _Pen(draw)
    for _ in range(draw(st.integers(1, size))):
        kind = draw(st.sampled_from("mmmmmmvvrcpptkk")) if pen.drawn else "m"
        match kind:
            case "m":
                pen.move()
            case "t":
                pen.pass_through()
            case "k":
                pen.convert()
            case "v":
                pen.void()
            case "r":
                pen.deeds.append(GiveBack(pen.any(), draw(kilograms)))
            case "c":
                pen.deeds.append(ClawBack(pen.any(), draw(kilograms)))
            case _:
                pen.replace()
    cuts = draw(st.lists(st.booleans(), min_size=len(pen.deeds), max_size=len(pen.deeds)))
    return History(pen.deeds, cuts, draw(st.booleans()), draw(st.integers(0, 99)))


@dataclass
class Told:
    """What the oracle says of a history: an answer for each deed, and after each act all that stands."""

    answers: list[Any] = field(default_factory=list)
    links: list[dict[Line, Link]] = field(default_factory=list)
    places: list[dict[str, tuple[list[int], list[int]]]] = field(default_factory=list)
    totals: list[dict[str, tuple[int, int]]] = field(default_factory=list)
    tops: list[dict[str, int]] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)


def tell(deeds: Sequence[Deed]) -> Told:
    """Tell a history to the oracle, which holds itself to the law that a void at once undoes all."""
    oracle, told = Oracle(BOUNDARIES, QUOTAS), Told()
    for before, deed in zip([None, *deeds], deeds, strict=False):
        act = oracle.act
        told.answers.append(_tell(oracle, deed))
        if oracle.act == act:
            continue
        told.links.append(oracle.links())
        told.places.append({name: (oracle.books[name].stock(), oracle.books[name].debt()) for name in CAST})
        told.totals.append({name: (len(oracle.books[name].came), len(oracle.books[name].went)) for name in CAST})
        told.tops.append({name: oracle.books[name].lines_in for name in CAST})
        match before, deed:
            case Move(posted), Void(voided) if voided == [number for number, *_ in posted] and len(told.places) > 2:
                assert told.places[-1] == told.places[-3], "a void at once undoes all"
    told.episodes = oracle.episodes
    return told


def _tell(oracle: Oracle, deed: Deed) -> list[Answer] | Answer | bool | None:
    match deed:
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


@dataclass
class Rows:
    """All that the ledger keeps, apart from what depends on where one batch ends."""

    legs: list[dict[str, Any]]
    holes: list[dict[str, Any]]
    overdraws: list[dict[str, Any]]
    loose: set[int]


async def cast(connection: Connection) -> dict[str, int]:
    """The accounts of every history."""
    opened = await open_accounts(connection, list(CAST.values()))
    return {name: opened[key] for name, key in CAST.items()}


def batches(deeds: Sequence[Deed], cuts: Sequence[bool]) -> Iterator[list[Deed]]:
    """Moves in a row as batches that end where the cuts say; every other deed by itself."""
    batch: list[Deed] = []
    for deed, is_cut in zip(deeds, cuts, strict=True):
        if not isinstance(deed, Move):
            if batch:
                yield batch
            yield [deed]
            batch = []
            continue
        batch.append(deed)
        if is_cut:
            yield batch
            batch = []
    if batch:
        yield batch


async def play(
    connection: Connection, accounts: dict[str, int], deeds: Sequence[Deed], cuts: Sequence[bool], *, all_loose: bool
) -> list[Any]:
    """Post a history; the answers, in the oracle's words. With `all_loose` no batch takes the plain sentence."""
    answers: list[Any] = []
    for batch in batches(deeds, cuts):
        if all_loose:
            loose = [accounts[name] for name in ORDINARY]
            await connection.execute("INSERT INTO loose SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING", loose)
        if isinstance(batch[0], Move):
            answers += await _move(connection, accounts, [deed for deed in batch if isinstance(deed, Move)])
        else:
            answers.append(await _take_back(connection, accounts, batch[0]))
    return answers


async def _move(connection: Connection, accounts: dict[str, int], acts: list[Move]) -> list[list[Answer]]:
    movements = [_movement(accounts, drawn, act.movements[0][0]) for act in acts for drawn in act.movements]
    posted = await ledger.append(connection, movements, at=MORNING, sign=KEY)
    return [
        [Answer(posted.over_kg[UUID(int=number)], posted.cover_kg[UUID(int=number)]) for number, *_ in act.movements]
        for act in acts
    ]


def _movement(accounts: dict[str, int], drawn: Drawn, act: int) -> Movement:
    number, source, target, kg, made = drawn
    plain = movement(number, accounts[source], accounts[target], kg, act=act)
    return plain if made is None else replace(plain, made_kg=Kilograms(made))


async def _take_back(connection: Connection, accounts: dict[str, int], deed: Deed) -> Answer | bool | None:
    words: dict[str, Any] = {"at": MORNING, "sign": KEY}
    why: dict[str, Any] = words | {"occurred_at": MORNING, "fact": bytes(32)}
    try:
        match deed:
            case Void(movements):
                await ledger.void(connection, [UUID(int=number) for number in movements], **why)
            case GiveBack(number, kg):
                await ledger.give_back(connection, UUID(int=number), kg, **why)
            case ClawBack(number, kg):
                await ledger.claw_back(connection, UUID(int=number), kg, **why)
            case Replace(old, (number, source, target, *_) as drawn):
                if source == target:
                    return None
                new = _movement(accounts, drawn, number)
                posted = await ledger.replace_movement(connection, UUID(int=old), new, **words)
                return Answer(posted.over_kg[new.id], posted.cover_kg[new.id])
    except (NothingToVoid, TooMuchTakenBack, NotReplaceable, ConversionIsWhole):
        return None if isinstance(deed, Replace) else False
    return True


async def read(connection: Connection) -> Rows:
    """Every row."""
    legs = await connection.fetch("SELECT * FROM leg ORDER BY seq")
    holes = await connection.fetch("SELECT * FROM hole ORDER BY seq")
    overdraws = await connection.fetch("SELECT * FROM overdraw ORDER BY account, opened_act")
    loose = await connection.fetch("SELECT account FROM loose")
    return Rows(
        [dict(row) for row in legs],
        [dict(row) for row in holes],
        [{name: value for name, value in row.items() if name != "id"} for row in overdraws],
        {row["account"] for row in loose},
    )


@dataclass
class Painted:
    """The rows read kilogram by kilogram: the last word on each place of each column."""

    out: dict[Line, Link | None] = field(default_factory=dict)
    come: dict[Line, list[Link] | None] = field(default_factory=dict)
    ends: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    debts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    covered: bool = False

    @property
    def links(self) -> dict[Line, Link]:
        return {line: link for line, link in self.out.items() if link}


def paint(rows: Rows, names: dict[int, str]) -> Iterator[Painted]:
    """The picture after each act, and whether one of its legs paid a debt; asserts what must hold of each row as it comes."""
    painted = Painted()
    ordered = sorted([*rows.legs, *rows.holes], key=lambda row: row["seq"])
    assert [row["seq"] for row in ordered] == list(range(1, len(ordered) + 1)), "no gap in seq"
    for number, (act, of_act) in enumerate(groupby(ordered, key=lambda row: row["act"]), 1):
        assert act == number, "no gap in act"
        painted.covered = False
        for row in of_act:
            if "source" in row:
                _paint_leg(painted, row, names)
            else:
                _paint_hole(painted, row, names)
        yield painted


def _paint_leg(painted: Painted, row: dict[str, Any], names: dict[int, str]) -> None:
    source, target = names[row["source"]], names[row["target"]]
    ore_kg, product_kg, movement = row["source_kg"], row["target_kg"], row["movement"].int
    for name, side, lo, kg, behind in (
        (source, "out", row["source_lo"], ore_kg, row["source_behind"]),
        (target, "in", row["target_lo"], product_kg, row["target_behind"]),
    ):
        end = painted.ends[name, side]
        assert lo + kg <= end if behind else lo == end, "a leg stands behind the end, or exactly at it"
        painted.ends[name, side] = max(end, lo + kg)
    for number in range(product_kg):
        reached = (target, row["target_lo"] + number)
        assert not painted.come.get(reached), "a kilogram comes once"
        painted.come[reached] = []
    for number in range(ore_kg):
        left = (source, row["source_lo"] + number)
        made = ((number + 1) * product_kg + ore_kg - 1) // ore_kg - 1
        reached = (target, row["target_lo"] + made)
        assert not painted.out.get(left), "a kilogram leaves once"
        painted.out[left] = (movement, reached)
        painted.come[reached] = [*(painted.come[reached] or []), (movement, left)]
    painted.debts[source] += row["over_kg"]
    painted.debts[target] -= row["cover_kg"]
    painted.covered |= row["cover_kg"] > 0


def _paint_hole(painted: Painted, row: dict[str, Any], names: dict[int, str]) -> None:
    name, side = names[row["account"]], row["side"]
    column = painted.come if side == "in" else painted.out
    for number in range(row["lo"], row["hi"]):
        assert bool(column.get((name, number))) == (row["kind"] == "cut"), (
            "a cut strikes what stands, a jump what never did"
        )
        column[name, number] = None
    if row["kind"] == "jump":
        assert row["lo"] == painted.ends[name, side], "a jump starts at the end"
        painted.ends[name, side] = row["hi"]
    painted.debts[name] += row["debt_kg"] if side == "in" else -row["debt_kg"]
