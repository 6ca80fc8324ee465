"""Walks of the ledger: backwards to the tranches, forwards to where kilograms rest, as of any act."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from service.db import Connection, Record
from service.domain.provenance import (
    Ending,
    Flow,
    Fragment,
    Interval,
    Lineage,
    PartsDoNotAddUpError,
    Passage,
    Share,
    Step,
    TooFarToWalk,
    Trace,
    in_order,
    merge,
    shares,
)
from service.domain.units import Kilograms
from service.store.sentences import sentences

SQL = sentences("provenance")
NOW = 2**63 - 1  # as of: every seq
ENDLESS = 2**31 - 1  # steps
# Trade is far shorter. What has not ended by then goes in a circle, or further than anybody has thought of.
MOST_LEVELS = 200
MOST_PLACES = 500  # of runs, walked on in one sentence
SECONDS_TO_WALK = 20.0  # in one sentence; a broken book would be walked for ever
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
    walked = await _walk(connection, "trace_forward", asked, as_of, False, ENDLESS)
    return [_forward(interval, walked[ordinal]) for ordinal, interval in enumerate(asked, 1)]


async def lineage(
    connection: Connection,
    asked: Sequence[Sequence[Interval]],
    as_of: int | None = None,
    *,
    most: int = 0,
    of: Collection[UUID] = (),
) -> Lineage:
    """What kilograms came from, summed up by the database for each part of what is asked, which has each of them once.

    With up to so many flows, from the province's act on, and all that these movements carried. Raises TooFarToWalk.
    """
    with _in_time():
        found = await _lineage(connection, asked, as_of, MOST_LEVELS, most, of)
        if found is not None:
            return found
        straight, circular = await _parted(connection, "come_round", asked, as_of, most > 0, MOST_LEVELS, _parts(asked))
        apart = await _lineage(connection, circular, as_of, None, ENDLESS if most else 0, ())
        movements = {*of, *(flow.movement for flow in apart.flows)} if apart else of
        found = await _lineage(connection, straight, as_of, ENDLESS, most, movements)
    if apart is None or found is None:
        raise PartsDoNotAddUpError(f"not every kilogram of {asked[0][:9]} … was found once")
    return found.joined(apart)


async def _lineage(
    connection: Connection,
    asked: Sequence[Sequence[Interval]],
    as_of: int | None,
    levels: int | None,
    most: int,
    of: Collection[UUID],
) -> Lineage | None:
    """What walks of so many levels came to, or, without, each kilogram's own; None where not all of them ended."""
    flat = [interval for part in asked for interval in part]
    sentence, how = ("lineage_apart", True) if levels is None else ("lineage", levels)
    # One flow says for all by how much conversions make the ore more.
    rows = await _rows_of(connection, sentence, flat, as_of, most > 0, how, _parts(asked), max(most, 1), list(of))
    carried = [row for row in rows if row["flows"]]
    made_kg = carried[0]["made_kg"] if carried else 0
    if sum(row["kg"] for row in rows if row["ending"]) != _kg(flat) + made_kg:
        return None
    ends: list[list[Share]] = [[] for _ in asked]
    for row in rows:
        if row["ending"]:
            ending = Ending(row["ending"])
            ends[row["part"]].append(Share(row["account"], ending, row["beyond"], row["movement"], (), row["kg"]))
    flows = [_flow(row) for row in carried] if most else []
    return Lineage([in_order(part) for part in ends], flows, carried[0]["flows"] if flows else 0)


async def steps_forward(
    connection: Connection, asked: Sequence[Interval], as_of: int | None = None, *, most: int = ENDLESS
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


async def holders(connection: Connection, accounts: Collection[int], as_of: int | None = None) -> list[Share]:
    """Where all that was let out of accounts (a mine's quotas) rests; the shares add up to what they have let out.

    Raises TooFarToWalk.
    """
    gone = [interval for out in (await let_out(connection, accounts, as_of)).values() for interval in out]
    with _in_time():
        rows = await _rows_of(connection, "whereabouts", gone, as_of, MOST_LEVELS)
        circular: list[Interval] = []
        if sum(row["kg"] for row in rows) != _kg(gone):
            [straight], [circular] = await _parted(connection, "go_round", [gone], as_of, MOST_LEVELS)
            rows = await _rows_of(connection, "whereabouts", straight, as_of, ENDLESS)
        if sum(row["kg"] for row in rows) + _kg(circular) != _kg(gone):
            raise PartsDoNotAddUpError(f"not every kilogram of {gone[:9]} … was found once")
        rest = [row for row in rows if row["lo"] is None]
        shared = [Share(row["account"], Ending.REST, None, None, (), row["kg"]) for row in rest]
        shared += shares(
            each for trace in await trace_all_forward(connection, circular, as_of) for each in trace.fragments
        )
        for batch in _by_run([row for row in rows if row["lo"] is not None]):
            shared += await _product_of(connection, batch, as_of)
    return in_order(shared)


async def size_at(connection: Connection, at: datetime) -> int:
    """The last seq of the acts that were recorded by a time: the `as_of` of what was known then."""
    return await connection.fetchval(SQL["size_at"], at) or 0


async def moment(connection: Connection, at: datetime | None) -> Moment | None:
    """What was known at a time; None is now."""
    return None if at is None else Moment(at, await size_at(connection, at))


async def _walk(
    connection: Connection, sentence: str, asked: Sequence[Interval], as_of: int | None, *how: object
) -> Walked:
    walked: Walked = defaultdict(list)
    for row in await _rows_of(connection, sentence, asked, as_of, *how):
        walked[row["ordinal"]].append(row)
    return walked


async def _rows_of(
    connection: Connection,
    sentence: str,
    asked: Sequence[Interval],
    as_of: int | None,
    *how: object,
) -> Sequence[Record]:
    """In `Database.walking`, and where batches run, planned once per connection; elsewhere anew, in thrice the time of walking."""
    if not asked:
        return []
    accounts = [interval.account for interval in asked]
    los = [interval.lo for interval in asked]
    his = [interval.hi for interval in asked]
    return await connection.fetch(SQL[sentence], accounts, los, his, _seq(as_of), *how, timeout=SECONDS_TO_WALK)


async def _parted(
    connection: Connection, sentence: str, asked: Sequence[Sequence[Interval]], as_of: int | None, *how: object
) -> tuple[list[list[Interval]], list[list[Interval]]]:
    """What is asked about, without the kilograms of circles, and those; they arrive at their own places again."""
    flat = [interval for part in asked for interval in part]
    again = [Interval(*row) for row in await _rows_of(connection, sentence, flat, as_of, *how)]
    trace = trace_all_back if sentence == "come_round" else trace_all_forward
    circles: dict[int, list[Interval]] = defaultdict(list)
    for walked in await trace(connection, again, as_of):
        for fragment in walked.fragments:
            if fragment.ending is Ending.CIRCLE:
                circles[walked.asked.account].append(fragment.place)
    straight = [[left for each in part for left in each.without(circles[each.account])] for part in asked]
    circular = [[met for each in part for met in each.within(circles[each.account])] for part in asked]
    return straight, circular


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise TooFarToWalk(seconds=SECONDS_TO_WALK) from error


def _parts(asked: Sequence[Sequence[Interval]]) -> list[int]:
    return [number for number, part in enumerate(asked) for _ in part]


def _kg(asked: Sequence[Interval]) -> int:
    return sum(interval.kg for interval in asked)


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


def _flow(row: Record) -> Flow:
    return Flow(
        row["seq"], row["beyond"], row["account"], row["source_kg"], row["kg"], row["movement"], row["occurred_at"]
    )


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


def _by_run(made: Sequence[Record]) -> Iterator[list[Record]]:
    """Places of runs in batches; all of a run are in one."""
    batch: list[Record] = []
    for _, places in groupby(sorted(made, key=itemgetter("account", "lo")), key=itemgetter("account")):
        batch += places
        if len(batch) >= MOST_PLACES:
            yield batch
            batch = []
    if batch:
        yield batch


async def _product_of(connection: Connection, made: Sequence[Record], as_of: int | None) -> list[Share]:
    """Where the product is that runs made of their places, in kilograms of those."""
    asked = [Interval(row["account"], row["lo"], row["hi"]) for row in made]
    traces = await trace_all_forward(connection, asked, as_of)
    return shares(each for trace in traces for each in trace.fragments)
