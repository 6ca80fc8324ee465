"""Deeds posted to the real book, batch by batch, and its rows read and painted line by line."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, groupby, islice
from typing import Any
from uuid import UUID

from service.db import Connection
from service.domain import changes
from service.domain.changes import posted_by
from service.domain.ledger import (
    ConversionIsWhole,
    Movement,
    NothingToVoid,
    NotReplaceable,
    TooMuchTakenBack,
)
from service.domain.units import Kilograms
from service.store import ledger
from service.store.accounts import open_accounts
from service.store.ledger import Head, Memory
from tests.ledger.books import KEY, MORNING, movement
from tests.ledger.deeds import CAST, ORDINARY, Change, ClawBack, Deed, GiveBack, Move, Replace, Together, Void
from tests.ledger.oracle import Answer, Drawn, Line, Link

SEEN: Counter[str] = Counter()
"""How much of everything the histories of this run had."""


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


class Forgetful(Memory):
    """Of more than three accounts it forgets all."""

    def go_on(self, head: Head) -> None:
        if len(self.ends) > 3:
            self.forget()
        super().go_on(head)


def batches(deeds: Sequence[Deed], cuts: Sequence[bool], minds: Sequence[str]) -> Iterator[tuple[list[Deed], str]]:
    """Moves in a row as batches that end where the cuts say, each with who posts it; every other deed by itself."""
    batch: list[Deed] = []
    who = "none"
    for deed, is_cut, mind in zip(deeds, cuts, minds, strict=True):
        if not isinstance(deed, Move):
            if batch:
                yield batch, who
            yield [deed], mind
            batch = []
            continue
        who = who if batch else mind
        batch.append(deed)
        if is_cut:
            yield batch, who
            batch = []
    if batch:
        yield batch, who


async def play(
    connection: Connection,
    accounts: dict[str, int],
    deeds: Sequence[Deed],
    cuts: Sequence[bool],
    minds: Sequence[str] | None = None,
    *,
    all_loose: bool = False,
) -> list[Any]:
    """Post a history; the answers, in the oracle's words. With `all_loose` no batch takes the plain sentence."""
    answers: list[Any] = []
    memories = {"one": Memory(), "other": Memory(), "forgetful": Forgetful()}
    for batch, mind in batches(deeds, cuts, minds or ["none"] * len(deeds)):
        if all_loose:
            loose = [accounts[name] for name in ORDINARY]
            await connection.execute("INSERT INTO loose SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING", loose)
        if isinstance(batch[0], Move):
            moves = [deed for deed in batch if isinstance(deed, Move)]
            answers += await _move(connection, accounts, moves, memories.get(mind))
        else:
            answers.append(await _revise(connection, accounts, batch[0]))
    return answers


async def _move(
    connection: Connection, accounts: dict[str, int], acts: list[Move], memory: Memory | None
) -> list[list[Answer]]:
    movements = [_movement(accounts, drawn, act.movements[0][0]) for act in acts for drawn in act.movements]
    was_alone = memory is not None and memory.is_alone
    posted = await ledger.append(connection, movements, at=MORNING, sign=KEY, memory=memory)
    SEEN["batches of one who remembered"] += memory is not None and was_alone and memory.is_alone
    answers = iter([_answer(posted, movement) for movement in movements])
    return [list(islice(answers, len(act.movements))) for act in acts]


def _movement(accounts: dict[str, int], drawn: Drawn, act: int) -> Movement:
    number, source, target, kg, made = drawn
    plain = movement(number, accounts[source], accounts[target], kg, act=act)
    return replace(plain, made_kg=made and Kilograms(made), occurred_at=MORNING + timedelta(minutes=number))


async def _revise(connection: Connection, accounts: dict[str, int], deed: Deed) -> list[Any] | Any:
    drawn = deed.changes if isinstance(deed, Together) else [deed]
    refused = None if isinstance(deed, Replace | Together) else False
    if any(isinstance(change, Replace) and change.new[1] == change.new[2] for change in drawn):
        return refused
    made = [list(_changes(accounts, change)) for change in drawn]
    try:
        posted = await ledger.revise(connection, [*chain.from_iterable(made)], at=MORNING, sign=KEY)
    except (NothingToVoid, TooMuchTakenBack, NotReplaceable, ConversionIsWhole):
        return refused
    answers: list[Any] = []
    for change, of_change in zip(drawn, made, strict=True):
        found = [_answer(posted, movement) for each in of_change if (movement := posted_by(each))]
        answers.append(found if isinstance(change, Move) else found[0] if found else True)
    return answers if isinstance(deed, Together) else answers[0]


def _changes(accounts: dict[str, int], change: Change) -> Iterator[changes.Change]:
    match change:
        case Move(movements):
            yield from (_movement(accounts, drawn, movements[0][0]) for drawn in movements)
        case Void(movements):
            yield changes.Void([UUID(int=number) for number in movements], *_why(movements[0]))
        case GiveBack(number, kg):
            yield changes.GiveBack(UUID(int=number), Kilograms(kg), *_why(number))
        case ClawBack(number, kg):
            yield changes.ClawBack(UUID(int=number), Kilograms(kg), *_why(number))
        case Replace(old, new):
            yield changes.Replace(UUID(int=old), _movement(accounts, new, new[0]))


def _why(number: int) -> tuple[datetime, bytes]:
    return MORNING - timedelta(minutes=number), bytes(32)


def _answer(posted: ledger.Posted, movement: Movement) -> Answer:
    return Answer(posted.over_kg[movement.id], posted.cover_kg[movement.id])


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
