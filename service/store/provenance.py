"""Walks of the ledger: backwards to the tranches, forwards to where kilograms rest, as of any act."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db import Connection, Record
from service.domain.ledger import AccountKey, AccountKind
from service.domain.provenance import Ending, Fragment, Interval, Passage, Step, Trace, merge
from service.domain.units import Kilograms
from service.store.sentences import sentences

SQL = sentences("provenance")
NOW = 2**63 - 1  # as of: every seq
DEEPEST = 10_000  # no trade is so long: what keeps a broken book from walking for ever
Walked = dict[int, list[Record]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in the past, and the last seq of what was recorded by then."""

    at: datetime
    size: int


async def trace_back(
    connection: Connection, account: int, lo: int, hi: int, as_of: int | None = None, *, to_the_province: bool = False
) -> list[Fragment]:
    """Where the places [lo, hi) of an account came from: the tranches of mines, or with the province's act on top."""
    asked = [Interval(account, lo, hi)]
    return list((await trace_all_back(connection, asked, as_of, to_the_province=to_the_province))[0].fragments)


async def trace_forward(
    connection: Connection, account: int, lo: int, hi: int, as_of: int | None = None
) -> list[Fragment]:
    """Where the kilograms that were in the places [lo, hi) of an account rest, as they are or in product made of them."""
    return list((await trace_all_forward(connection, [Interval(account, lo, hi)], as_of))[0].fragments)


async def trace_all_back(
    connection: Connection, asked: Sequence[Interval], as_of: int | None = None, *, to_the_province: bool = False
) -> list[Trace]:
    """`trace_back` of many intervals in one sentence, in their order."""
    walked = await _walk(connection, "trace_back", asked, as_of, to_the_province, False)
    return [
        _back(interval, walked[ordinal], to_the_province=to_the_province) for ordinal, interval in enumerate(asked, 1)
    ]


async def trace_all_forward(connection: Connection, asked: Sequence[Interval], as_of: int | None = None) -> list[Trace]:
    """`trace_forward` of many intervals in one sentence, in their order."""
    walked = await _walk(connection, "trace_forward", asked, as_of, False, DEEPEST)
    return [_forward(interval, walked[ordinal]) for ordinal, interval in enumerate(asked, 1)]


async def lineage(
    connection: Connection, asked: Sequence[Interval], as_of: int | None = None
) -> tuple[list[Trace], list[Step]]:
    """As `trace_all_back`, with every step between and on up to the province's act, in one walk: for pictures, and for the
    documents on the way."""
    walked = await _walk(connection, "trace_back", asked, as_of, True, True)
    traces = [_back(interval, walked[ordinal]) for ordinal, interval in enumerate(asked, 1)]
    return traces, [_step(row) for rows in walked.values() for row in rows if row["seq"] is not None]


async def steps_forward(
    connection: Connection, asked: Sequence[Interval], as_of: int | None = None, *, most: int = DEEPEST
) -> list[Step]:
    """Every step of `trace_all_forward`, or the first so many of each kilogram."""
    walked = await _walk(connection, "trace_forward", asked, as_of, True, most)
    return [_step(row) for rows in walked.values() for row in rows if row["seq"] is not None]


async def received(
    connection: Connection, accounts: Collection[int], as_of: int | None = None
) -> dict[int, list[Interval]]:
    """What came into accounts and was not taken back, wherever it went since."""
    return {account: come for account, (come, _, _) in (await _places(connection, accounts, as_of)).items()}


async def let_out(
    connection: Connection, accounts: Collection[int], as_of: int | None = None
) -> dict[int, list[Interval]]:
    """What went out of accounts and was not given back, with or without kilograms behind it."""
    return {account: gone for account, (_, gone, _) in (await _places(connection, accounts, as_of)).items()}


async def in_stock(
    connection: Connection, accounts: Collection[int], as_of: int | None = None
) -> dict[int, list[Interval]]:
    """What lies in accounts."""
    return {account: stock for account, (_, _, stock) in (await _places(connection, accounts, as_of)).items()}


async def deliveries(
    connection: Connection, movements: Collection[UUID], as_of: int | None = None
) -> dict[UUID, list[Interval]]:
    """Where the kilograms of movements came to stand in their targets, less what was taken back since."""
    rows = await connection.fetch(SQL["deliveries"], list(movements), _seq(as_of))
    found: dict[UUID, list[Interval]] = {movement: [] for movement in movements}
    for row in rows:
        found[row["movement"]].append(Interval(row["target"], row["lo"], row["hi"]))
    return found


async def compositions(
    connection: Connection, accounts: Collection[int], as_of: int | None = None
) -> dict[int, list[Fragment]]:
    """Where the stock of accounts came from: all lots of a county in one sentence."""
    stock = await in_stock(connection, accounts, as_of)
    return await _by_account(connection, stock, as_of)


async def origins(
    connection: Connection, accounts: Collection[int], as_of: int | None = None
) -> dict[int, list[Fragment]]:
    """Where all that accounts received came from, wherever it went since."""
    return await _by_account(connection, await received(connection, accounts, as_of), as_of)


async def holders(connection: Connection, accounts: Collection[int], as_of: int | None = None) -> list[Fragment]:
    """Where all that was let out of accounts (a mine's quotas) rests; the parts add up to what they have let out."""
    gone = [interval for out in (await let_out(connection, accounts, as_of)).values() for interval in out]
    return [fragment for trace in await trace_all_forward(connection, gone, as_of) for fragment in trace.fragments]


async def find_accounts(connection: Connection, ids: Collection[int]) -> dict[int, AccountKey]:
    """What accounts stand for."""
    rows = await connection.fetch(SQL["accounts"], list(ids))
    return {
        row["id"]: AccountKey(
            AccountKind(row["kind"]),
            row["jurisdiction"],
            row["owner_id"],
            row["document_id"],
            row["grade"],
            row["year"],
            row["earmark"],
        )
        for row in rows
    }


async def size_at(connection: Connection, at: datetime) -> int:
    """The last seq of the acts that were recorded by a time: the `as_of` of what was known then."""
    return await connection.fetchval(SQL["size_at"], at) or 0


async def moment(connection: Connection, at: datetime | None) -> Moment | None:
    """What was known at a time; None is now."""
    return None if at is None else Moment(at, await size_at(connection, at))


async def _walk(
    connection: Connection, sentence: str, asked: Sequence[Interval], as_of: int | None, *how: int
) -> Walked:
    walked: Walked = defaultdict(list)
    if not asked:
        return walked
    accounts = [interval.account for interval in asked]
    los = [interval.lo for interval in asked]
    his = [interval.hi for interval in asked]
    settings = (await connection.fetch(SQL["steady"]))[0]["settings"]
    rows = await connection.fetch(SQL[sentence], accounts, los, his, _seq(as_of), *how)
    await connection.execute(SQL["as_before"], settings)
    for row in rows:
        walked[row["ordinal"]].append(row)
    return walked


def _seq(as_of: int | None) -> int:
    return NOW if as_of is None else as_of


def _back(asked: Interval, rows: Sequence[Record], *, to_the_province: bool = False) -> Trace:
    """What a walk ended in; one that went up to the province's act also knows the tranches that it passed."""
    ore_kg = asked.kg
    fragments = []
    for row in rows:
        if row["seq"] is not None:
            ore_kg = Kilograms(ore_kg + row["source_hi"] - row["source_lo"] - row["target_hi"] + row["target_lo"])
        found = row["ending"] if to_the_province or not row["is_tranche"] else Ending.TRANCHE
        if found is None or (row["is_above"] and not to_the_province):
            continue
        ending = Ending(found)
        place = _target(row) if ending in (Ending.TRANCHE, Ending.DEBT) else _source(row)
        fragments.append(
            Fragment(row["start"], place.kg, place, ending, row["source"], row["movement"], row["occurred_at"])
        )
    return Trace(asked, ore_kg, merge(fragments))


def _forward(asked: Interval, rows: Sequence[Record]) -> Trace:
    ends = [_rest(row) for row in rows if row["ending"] is not None]
    return Trace(asked, asked.kg, merge(sorted(ends, key=lambda fragment: fragment.start or 0)))


def _rest(row: Record) -> Fragment:
    if Ending(row["ending"]) is Ending.CIRCLE:
        place = _target(row)
        return Fragment(
            row["start"], place.kg, place, Ending.CIRCLE, row["target"], row["movement"], row["occurred_at"]
        )
    return Fragment.at_rest(_source(row), row["start"], [Passage(*passed) for passed in row["runs"]])


def _source(row: Record) -> Interval:
    return Interval(row["source"], row["source_lo"], row["source_hi"])


def _target(row: Record) -> Interval:
    return Interval(row["target"], row["target_lo"], row["target_hi"])


def _step(row: Record) -> Step:
    return Step(row["seq"], row["depth"], _source(row), _target(row), row["movement"], row["occurred_at"])


async def _places(
    connection: Connection, accounts: Collection[int], as_of: int | None
) -> dict[int, tuple[list[Interval], list[Interval], list[Interval]]]:
    rows = await connection.fetch(SQL["places"], list(accounts), _seq(as_of))

    def intervals(account: int, ranges: Sequence[Any]) -> list[Interval]:
        return [Interval(account, part.lower, part.upper) for part in ranges]

    return {
        row["account"]: (
            intervals(row["account"], row["come"]),
            intervals(row["account"], row["gone"]),
            intervals(row["account"], row["stock"]),
        )
        for row in rows
    }


async def _by_account(
    connection: Connection, places: Mapping[int, Sequence[Interval]], as_of: int | None
) -> dict[int, list[Fragment]]:
    traces = await trace_all_back(connection, [part for parts in places.values() for part in parts], as_of)
    found: dict[int, list[Fragment]] = {account: [] for account in places}
    for trace in traces:
        found[trace.asked.account].extend(trace.fragments)
    return found
