"""Rows of the large book: walks, the room that a leg takes, and the auditor."""

import asyncio
import multiprocessing
import random
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
WALKS = 2_000
WALKED_IN = 6_000  # for a million legs
LOG_TABLES = ("leg", "hole", "checkpoint", "node")


async def measure(grounds: Grounds, beside: Grounds) -> list[Row]:
    """A book of a million legs, audited and walked, in turn with one of five million on a server beside it."""
    small, large, largest = (
        grounds.size(200_000, 70_000),
        grounds.size(1_000_000, 100_000),
        grounds.size(5_000_000, 200_000),
    )
    async with _book(grounds) as book, _book(beside) as further:
        await book.fill(small)
        _, memory_of_small = await book.audit()
        await book.fill(large)
        rows = [await book.room(), *await book.audits(small, memory_of_small)]
        await further.fill(largest)
        await further.audit()  # the auditor has read both before they are walked, so that the cache has them
        for each in (book, further):
            await each.walk_in()
        walk, walk_further, look_up = await alternate(grounds.short_rounds, book.walks, further.walks, book.look_ups)
        bulk = median([await book.walk_all() for _ in range(grounds.rounds)])
    sizes = f"{large:,}", f"{largest:,}"
    return [
        *rows,
        at_most(
            f"walk of one delivery, 3 tiers, {sizes[0]} legs, p99 / look-up by primary key", walk, "ms", look_up, 15
        ),
        at_most(f"walk of one delivery, 3 tiers, {sizes[0]} legs, p99 / 5 ms", walk, "ms", 5),
        at_most(f"walk of one delivery, p99, {sizes[1]} legs / {sizes[0]} legs", walk_further, "ms", walk, 1.3),
        at_most(f"{IN_ONE_STATEMENT:,} deliveries to their mines in one statement / 5 s", bulk, "s", 5),
    ]


@dataclass(frozen=True, slots=True)
class Book:
    """A book on a server of its own, and who asks it: as its owner, and as the service."""

    grounds: Grounds
    trade: Trade
    owner: asyncpg.Connection
    database: Database

    async def fill(self, legs: int) -> None:
        """Trade until it has so many legs."""
        writer = await asyncpg.connect(self.grounds.endpoints.database_url)
        await self.trade.fill(self.owner, writer, legs)
        await writer.close()

    async def walk_in(self) -> None:
        """Walk untimed, as often as the book is large: a connection's first touch of each page of the cache costs more
        than the walk itself, once, and a larger book has more pages."""
        often = max(WALKS, WALKED_IN * self.trade.legs // 1_000_000)
        async with self.database.walking() as connection:
            for place in random.choices(self.trade.delivered, k=often):
                await trace_back(connection, place.account, place.lo, place.hi)

    async def walks(self) -> float:
        """The 99th percentile of a walk, in milliseconds; the parts add up in every one."""
        asked = random.sample(self.trade.delivered, min(WALKS, len(self.trade.delivered)))
        times = []
        async with self.database.walking() as connection:
            await trace_back(connection, asked[0].account, asked[0].lo, asked[0].hi)
            for place in asked:
                began = time.perf_counter()
                found = await trace_back(connection, place.account, place.lo, place.hi)
                times.append(time.perf_counter() - began)
                assert sum(part.place.kg for part in found) == place.kg, "the parts add up"
                assert {part.ending for part in found} == {Ending.TRANCHE}, "all of it comes from mines"
        return 1e3 * percentile(times, 0.99)

    async def look_ups(self) -> float:
        """The median of a look-up by primary key, in milliseconds."""
        times = []
        async with self.database.walking() as connection:
            call = await connection.prepare("SELECT * FROM leg WHERE seq = $1")
            for _ in range(2_000):
                seq = random.randint(1, self.trade.legs)
                began = time.perf_counter()
                await call.fetchrow(seq)
                times.append(time.perf_counter() - began)
        return 1e3 * median(times)

    async def walk_all(self) -> float:
        """How many seconds it takes to walk many deliveries in one statement."""
        asked = [random.choice(self.trade.delivered) for _ in range(IN_ONE_STATEMENT)]
        async with self.database.walking() as connection:
            began = time.perf_counter()
            traces = await trace_all_back(connection, asked)
            took = time.perf_counter() - began
        assert sum(part.place.kg for trace in traces for part in trace.fragments) == sum(place.kg for place in asked)
        return took

    async def room(self) -> Row:
        """What the log's tables take."""
        taken = await self.owner.fetchval(
            "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest($1::text[]) AS name", LOG_TABLES
        )
        return at_most(
            "leg and log tables with their indexes / 500 bytes per leg", float(taken) / self.trade.legs, "B/leg", 500
        )

    async def audits(self, small: int, memory_of_small: float) -> list[Row]:
        """What the auditor takes beside a COPY of the legs, and beside what it took of the first of them."""
        memory = []

        async def audit() -> float:
            seconds, used = await self.audit()
            memory.append(used)
            return self.trade.legs / seconds

        async def copy_out() -> float:
            copied = 0

            async def swallow(data: bytes) -> None:
                nonlocal copied
                copied += len(data)

            began = time.perf_counter()
            await self.owner.copy_from_query("SELECT * FROM leg", output=swallow, format="binary")
            assert copied
            return self.trade.legs / (time.perf_counter() - began)

        measures: list[Callable[[], Awaitable[float]]] = [audit, copy_out]
        value, reference = await alternate(self.grounds.rounds, *measures)
        return [
            at_least(f"verify of {self.trade.legs:,} legs / COPY OUT", value, "legs/s", reference, 0.25),
            at_most(f"verify, peak of memory / the same of {small:,} legs", median(memory), "MB", memory_of_small, 1.5),
        ]

    async def audit(self) -> tuple[float, float]:
        """Verify the book in a process of its own; the seconds that it took, and the peak of its memory with its
        readers', in megabytes."""
        return await asyncio.to_thread(_audit, self.grounds)


@asynccontextmanager
async def _book(grounds: Grounds) -> AsyncIterator[Book]:
    """A book in which nobody has traded yet."""
    trade = Trade(grounds.keys.current(Purpose.LEDGER))
    owner = await asyncpg.connect(grounds.endpoints.owner_database_url)
    try:
        async with Database.connect(grounds.endpoints.database_url, 4) as database:
            async with database.transaction() as connection:
                await trade.open(connection)
            yield Book(grounds, trade, owner, database)
    finally:
        await owner.close()


def _audit(grounds: Grounds) -> tuple[float, float]:
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
