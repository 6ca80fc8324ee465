"""Rows of the large book: walks, the room that a leg takes, and the auditor."""

import asyncio
import multiprocessing
import random
import resource
import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median

import asyncpg

from service.bench.grounds import Grounds
from service.bench.rows import Row, alternate, at_least, at_most, percentile
from service.bench.trade import Trade
from service.db import Database
from service.domain.provenance import Ending
from service.keys import Purpose
from service.store.provenance import trace_all_back, trace_back
from service.verify.database import verify
from service.verify.readers import readers_for

IN_ONE_STATEMENT = 20_000
WALKED_IN = 6_000  # for a million legs
LOG_TABLES = ("leg", "hole", "checkpoint", "node")


async def measure(grounds: Grounds) -> list[Row]:
    """A book of a million legs, audited and walked; then of five million, walked again."""
    small, large, largest = (
        grounds.size(200_000, 20_000),
        grounds.size(1_000_000, 100_000),
        grounds.size(5_000_000, 300_000),
    )
    trade = Trade(grounds.keys.current(Purpose.LEDGER))
    owner = await asyncpg.connect(grounds.endpoints.owner_database_url)
    async with Database.connect(grounds.endpoints.database_url, 4) as database:
        async with database.transaction() as connection:
            await trade.open(connection)
        writer = await asyncpg.connect(grounds.endpoints.database_url)
        await trade.fill(owner, writer, small)
        _, memory_before = await asyncio.to_thread(_audit, grounds)
        await trade.fill(owner, writer, large)
        rows = [await _room(owner, trade), *await _audits(grounds, owner, trade, memory_before)]
        await _walk_in(database, trade)
        walk, look_up = await alternate(
            grounds.rounds, lambda: _walks(database, trade), lambda: _look_ups(database, trade)
        )
        bulk = median([await _bulk(database, trade) for _ in range(grounds.rounds)])
        await trade.fill(owner, writer, largest)
        await writer.close()
        # The smaller book was read by the auditor before it was walked, so that the cache had it: so is this one.
        await asyncio.to_thread(_audit, grounds)
        await _walk_in(database, trade)
        further = median([await _walks(database, trade) for _ in range(grounds.rounds)])
    await owner.close()
    sizes = f"{large:,}", f"{largest:,}"
    return [
        *rows,
        at_most(
            f"walk of one delivery, 3 tiers, {sizes[0]} legs, p99 / look-up by primary key", walk, "ms", look_up, 15
        ),
        at_most(f"walk of one delivery, 3 tiers, {sizes[0]} legs, p99 / 5 ms", walk, "ms", 5),
        at_most(f"walk of one delivery, p99, {sizes[1]} legs / {sizes[0]} legs", further, "ms", walk, 1.3),
        at_most(f"{IN_ONE_STATEMENT:,} deliveries to their mines in one statement / 5 s", bulk, "s", 5),
    ]


async def _walk_in(database: Database, trade: Trade) -> None:
    """Walk untimed, as often as the book is large: a connection's first touch of each page of the cache costs more than the
    walk itself, once, and a larger book has more pages."""
    often = max(WALKED_IN, WALKED_IN * trade.legs // 1_000_000)
    async with database.transaction(readonly=True) as connection:
        for place in random.choices(trade.delivered, k=often):
            await trace_back(connection, place.account, place.lo, place.hi)


async def _walks(database: Database, trade: Trade) -> float:
    """The 99th percentile of a walk, in milliseconds; the parts add up in every one."""
    asked = random.sample(trade.delivered, min(2_000, len(trade.delivered)))
    times = []
    async with database.transaction(readonly=True) as connection:
        await trace_back(connection, asked[0].account, asked[0].lo, asked[0].hi)
        for place in asked:
            began = time.perf_counter()
            found = await trace_back(connection, place.account, place.lo, place.hi)
            times.append(time.perf_counter() - began)
            assert sum(part.place.kg for part in found) == place.kg, "the parts add up"
            assert {part.ending for part in found} == {Ending.TRANCHE}, "all of it comes from mines"
    return 1e3 * percentile(times, 0.99)


async def _look_ups(database: Database, trade: Trade) -> float:
    """The median of a look-up by primary key, in milliseconds."""
    times = []
    async with database.transaction(readonly=True) as connection:
        call = await connection.prepare("SELECT * FROM leg WHERE seq = $1")
        for _ in range(2_000):
            seq = random.randint(1, trade.legs)
            began = time.perf_counter()
            await call.fetchrow(seq)
            times.append(time.perf_counter() - began)
    return 1e3 * median(times)


async def _bulk(database: Database, trade: Trade) -> float:
    asked = [random.choice(trade.delivered) for _ in range(IN_ONE_STATEMENT)]
    async with database.transaction(readonly=True) as connection:
        began = time.perf_counter()
        traces = await trace_all_back(connection, asked)
        took = time.perf_counter() - began
    assert sum(part.place.kg for trace in traces for part in trace.fragments) == sum(place.kg for place in asked)
    return took


async def _room(owner: asyncpg.Connection, trade: Trade) -> Row:
    taken = await owner.fetchval(
        "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest($1::text[]) AS name", LOG_TABLES
    )
    return at_most("leg and log tables with their indexes / 500 bytes per leg", float(taken) / trade.legs, "B/leg", 500)


async def _audits(grounds: Grounds, owner: asyncpg.Connection, trade: Trade, memory_before: float) -> list[Row]:
    memory = []

    async def audit() -> float:
        seconds, used = await asyncio.to_thread(_audit, grounds)
        memory.append(used)
        return trade.legs / seconds

    async def copy_out() -> float:
        copied = 0

        async def swallow(data: bytes) -> None:
            nonlocal copied
            copied += len(data)

        began = time.perf_counter()
        await owner.copy_from_query("SELECT * FROM leg", output=swallow, format="binary")
        assert copied
        return trade.legs / (time.perf_counter() - began)

    measures: list[Callable[[], Awaitable[float]]] = [audit, copy_out]
    value, reference = await alternate(grounds.rounds, *measures)
    return [
        at_least(f"verify of {trade.legs:,} legs / COPY OUT", value, "legs/s", reference, 0.25),
        at_most("verify, peak of memory / the same at a fifth of the legs", median(memory), "MB", memory_before, 1.5),
    ]


def _audit(grounds: Grounds) -> tuple[float, float]:
    """Verify the book in a process of its own; the seconds that it took, and the peak of its memory with its
    readers', in megabytes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        keys = grounds.keys.public_keys(Purpose.LEDGER)
        return pool.apply(_verify, (grounds.endpoints.database_url, dict(keys)))


def _verify(url: str, public_keys: Mapping[int, bytes]) -> tuple[float, float]:
    async def attached() -> float:
        connection = await asyncpg.connect(url)
        try:
            began = time.perf_counter()
            findings = await verify(connection, public_keys, lambda _: None)
            assert not findings, findings[:3]
            return time.perf_counter() - began
        finally:
            await connection.close()

    seconds = asyncio.run(attached())
    itself, reader = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return seconds, (itself + readers_for(2**10) * reader) / 1024
