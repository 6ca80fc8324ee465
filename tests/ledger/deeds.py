"""Random histories of the ledger: drawn, told to the oracle, then posted, and the rows read kilogram by kilogram."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from service.db import Connection
from service.domain.ledger import AccountKey, AccountKind, Movement, NothingToVoid, NotReplaceable, TooMuchTakenBack
from service.store import ledger
from service.store.accounts import open_accounts
from tests.ledger.books import KEY, MORNING, account, movement
from tests.ledger.oracle import Answer, Episode, Line, Oracle

CAST: dict[str, AccountKey] = {
    "issue": account(AccountKind.ISSUE),
    "suspense": account(AccountKind.SUSPENSE),
    "quota 1": account(AccountKind.QUOTA, 1),
    "quota 2": account(AccountKind.QUOTA, 2),
    "lot 1": account(AccountKind.LOT, 1),
    "lot 2": account(AccountKind.LOT, 2),
    "load 1": account(AccountKind.LOAD, 1),
}
BOUNDARIES = {"issue", "suspense"}
QUOTAS = {"quota 1", "quota 2"}
ORDINARY = [name for name in CAST if name not in BOUNDARIES]


@dataclass(frozen=True)
class Move:
    """One act: movement, source, target, kilograms each."""

    movements: list[tuple[int, str, str, int]]


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
    movement: int
    source: str
    target: str
    kg: int


Deed = Move | Void | GiveBack | ClawBack | Replace

kilograms = st.integers(1, 16)
moves = st.lists(
    st.tuples(st.sampled_from(list(CAST)), st.sampled_from(ORDINARY), kilograms).filter(
        lambda move: move[0] != move[1]
    ),
    min_size=1,
    max_size=3,
)
some = st.integers(0, 40)


@dataclass(frozen=True)
class History:
    """Deeds in order, after which of them a batch ends, and whether every batch takes the general way."""

    deeds: list[Deed]
    cuts: list[bool]
    all_loose: bool


@st.composite
def histories(draw: st.DrawFn, size: int = 20) -> History:
    """What is taken back was moved before, though it may not stand any more."""
    acts: list[list[int]] = []
    targets: dict[int, str] = {}
    deeds: list[Deed] = []
    for _ in range(draw(st.integers(1, size))):
        kind = draw(st.sampled_from("mmmmmvvrcp")) if targets else "m"
        if kind == "m":
            drawn = [(len(targets) + number, *move) for number, move in enumerate(draw(moves), 1)]
            acts.append([number for number, *_ in drawn])
            targets |= {number: target for number, _, target, _ in drawn}
            deeds.append(Move(drawn))
            continue
        number = 1 + draw(some) % len(targets)
        kg = draw(kilograms)
        if kind == "v":
            deeds.append(Void([number] if draw(st.booleans()) else acts[draw(some) % len(acts)]))
        elif kind == "r":
            deeds.append(GiveBack(number, kg))
        elif kind == "c":
            deeds.append(ClawBack(number, kg))
        else:
            source = draw(st.sampled_from(list(CAST)))
            deeds.append(Replace(number, len(targets) + 1, source, targets[number], kg))
            targets[len(targets) + 1] = targets[number]
    cuts = draw(st.lists(st.booleans(), min_size=len(deeds), max_size=len(deeds)))
    return History(deeds, cuts, all_loose=draw(st.booleans()))


@dataclass
class Told:
    """What the oracle says of a history: an answer for each deed, and after each act all that stands."""

    answers: list[Any] = field(default_factory=list)
    links: list[dict[Line, tuple[int, Line]]] = field(default_factory=list)
    stocks: list[dict[str, tuple[int, int]]] = field(default_factory=list)
    totals: list[dict[str, tuple[int, int]]] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)


def tell(deeds: Sequence[Deed]) -> Told:
    """Tell a history to the oracle."""
    oracle, told = Oracle(BOUNDARIES, QUOTAS), Told()
    for deed in deeds:
        before = oracle.act
        told.answers.append(_tell(oracle, deed))
        if oracle.act > before:
            told.links.append({left: (kg.movement, oracle.reached[kg]) for kg, left in oracle.left.items()})
            told.stocks.append(
                {name: (len(oracle.books[name].stock()), len(oracle.books[name].debt())) for name in CAST}
            )
            told.totals.append({name: (len(oracle.books[name].came), len(oracle.books[name].went)) for name in CAST})
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
        case Replace(old, number, source, _, kg):
            return oracle.replace(old, number, source, kg) if source != deed.target else None


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
    movements: list[Movement] = [
        movement(number, accounts[source], accounts[target], kg, act=act.movements[0][0])
        for act in acts
        for number, source, target, kg in act.movements
    ]
    posted = await ledger.append(connection, movements, at=MORNING, sign=KEY)
    return [
        [Answer(posted.over_kg[UUID(int=number)], posted.cover_kg[UUID(int=number)]) for number, *_ in act.movements]
        for act in acts
    ]


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
            case Replace(old, number, source, target, kg):
                if source == target:
                    return None
                new = movement(number, accounts[source], accounts[target], kg)
                posted = await ledger.replace_movement(connection, UUID(int=old), new, **words)
                return Answer(posted.over_kg[new.id], posted.cover_kg[new.id])
    except NotReplaceable:
        return None
    except (NothingToVoid, TooMuchTakenBack):
        return False
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

    out: dict[Line, tuple[int, Line] | None] = field(default_factory=dict)
    come: dict[Line, tuple[int, Line] | None] = field(default_factory=dict)
    ends: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    debts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def links(self) -> dict[Line, tuple[int, Line]]:
        return {line: link for line, link in self.out.items() if link}


def paint(rows: Rows, names: dict[int, str]) -> Iterator[Painted]:
    """The picture after each act; asserts what must hold of each row as it comes."""
    painted = Painted()
    ordered = sorted([*rows.legs, *rows.holes], key=lambda row: row["seq"])
    assert [row["seq"] for row in ordered] == list(range(1, len(ordered) + 1)), "no gap in seq"
    for number, (act, of_act) in enumerate(groupby(ordered, key=lambda row: row["act"]), 1):
        assert act == number, "no gap in act"
        for row in of_act:
            if "source" in row:
                _paint_leg(painted, row, names)
            else:
                _paint_hole(painted, row, names)
        yield painted


def _paint_leg(painted: Painted, row: dict[str, Any], names: dict[int, str]) -> None:
    source, target, kg = names[row["source"]], names[row["target"]], row["source_kg"]
    for name, side, lo, behind in (
        (source, "out", row["source_lo"], row["source_behind"]),
        (target, "in", row["target_lo"], row["target_behind"]),
    ):
        end = painted.ends[name, side]
        assert lo + kg <= end if behind else lo == end, "a leg stands behind the end, or exactly at it"
        painted.ends[name, side] = max(end, lo + kg)
    for number in range(kg):
        left, reached = (source, row["source_lo"] + number), (target, row["target_lo"] + number)
        assert not painted.out.get(left), "a kilogram leaves once"
        assert not painted.come.get(reached), "a kilogram comes once"
        painted.out[left], painted.come[reached] = (row["movement"].int, reached), (row["movement"].int, left)
    painted.debts[source] += row["over_kg"]
    painted.debts[target] -= row["cover_kg"]


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
