"""Rows of the engine: single callers with all that a weighing takes, one hot account, and batches of a thousand."""

import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle

import asyncpg

from service.actions.weighings import Sent, Weighed, weigh_all
from service.batcher import Batcher
from service.bench import ledgers, province
from service.bench.grounds import Grounds
from service.bench.ledgers import Ledger
from service.bench.province import NET_KG, Province, Scale
from service.bench.rows import Row, alternate, at_least
from service.db import Database
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms
from service.domain.weighings import Record
from service.ids import new_id
from service.keys import Purpose
from service.routes.weighings import AT_ONCE
from service.store.accounts import open_accounts
from service.store.ledger import Memory, Posted, append

CALLERS = 64
BATCH = 1_000
LOTS = 128
MOST_EXPECTED = 8_000  # loads a second: so many are made ready


async def measure(grounds: Grounds) -> list[Row]:
    """Legs a second beside a textbook ledger, pgledger, and COPY."""
    endpoints = grounds.endpoints
    async with (
        Database.connect(endpoints.database_url, 4) as database,
        ledgers.textbook(endpoints.owner_database_url) as textbook,
        ledgers.pgledger(endpoints.owner_database_url) as pgledger,
    ):
        return [*await _callers(grounds, database, textbook, pgledger), *await _batches(grounds, database)]


async def _callers(grounds: Grounds, database: Database, textbook: Ledger, pgledger: Ledger | None) -> list[Row]:
    seconds = 1.0 if grounds.quick else 2.0
    owner = await asyncpg.connect(grounds.endpoints.owner_database_url)
    async with database.transaction() as connection:
        sign = grounds.keys.current(Purpose.LEDGER)
        spread = await province.found(owner, connection, mines=province.SCALES, sign=sign)
        hot = await province.found(owner, connection, mines=1, sign=sign)
    await owner.close()
    weigh = Weighbridges(grounds, database)
    engine = Engine(grounds, database)
    await engine.open()
    for is_hot in (False, True):
        await textbook.find_best(seconds / 2, hot=is_hot)
    measures: list[Callable[[], Awaitable[float]]] = [
        lambda: weigh.rate(spread, seconds),
        lambda: weigh.rate(hot, seconds),
        lambda: engine.rate(seconds),
        lambda: engine.rate(seconds, hot=True),
        lambda: textbook.rate(seconds),
        lambda: textbook.rate(seconds, hot=True),
    ]
    if pgledger:
        await pgledger.find_best(seconds / 2)
        measures.append(lambda: pgledger.rate(seconds))
    rates = await alternate(grounds.short_rounds, *measures)
    full, full_hot, plain, plain_hot, book, book_hot = rates[:6]
    rows = [
        at_least("64 callers, full path, spread / textbook ledger", full, "legs/s", book, 2.5),
        at_least("64 callers, full path, one hot account / textbook ledger, hot", full_hot, "legs/s", book_hot, 8),
        at_least("64 callers, full path, one hot account / our own spread", full_hot, "legs/s", full, 0.9),
        at_least("64 callers, the ledger alone, spread / textbook ledger", plain, "legs/s", book, 2.5),
        at_least(
            "64 callers, the ledger alone, one hot account / textbook ledger, hot", plain_hot, "legs/s", book_hot, 8
        ),
        at_least("64 callers, the ledger alone, one hot account / our own spread", plain_hot, "legs/s", plain, 0.9),
    ]
    if pgledger:
        rows.append(at_least("64 callers, full path, spread / pgledger", full, "legs/s", rates[6], 6))
        rows.append(at_least("64 callers, the ledger alone, spread / pgledger", plain, "legs/s", rates[6], 6))
    else:
        print("PGLEDGER_SQL names no file: no row of pgledger", file=sys.stderr)
    return rows


@dataclass(slots=True)
class Weighbridges:
    """The full path: rules, duplicates, the records themselves, and their legs."""

    grounds: Grounds
    database: Database
    memory: Memory = field(default_factory=Memory)

    async def _run(self, batch: list[Sent], goes_on: Callable[[], bool] = lambda: False) -> Sequence[Weighed]:
        async with self.database.steady_transaction(goes_on=goes_on) as connection:
            sign = self.grounds.keys.current(Purpose.LEDGER)
            return await weigh_all(connection, batch, at=datetime.now(UTC), sign=sign, memory=self.memory)

    async def rate(self, province: Province, seconds: float) -> float:
        """Loads a second that 64 callers have weighed, each one after the other."""
        async with self.database.transaction() as connection:
            await province.plan(connection, int(MOST_EXPECTED * seconds))

        async def run(batch: list[Sent]) -> Sequence[Weighed]:
            return await self._run(batch, batcher.goes_on_with_few)

        batcher = Batcher[Sent, Weighed]("bench", run, at_once=AT_ONCE, rest=self.database.rest)
        async with batcher.running():
            return await _rate(seconds, lambda: _submit(batcher, province))

    async def batch_rate(self, province: Province, batches: int) -> float:
        """Loads a second when they come by the thousand."""
        async with self.database.transaction() as connection:
            await province.plan(connection, BATCH * batches)
        made = [[_sent(*load) for load in province.take(BATCH)] for _ in range(batches)]
        began = time.perf_counter()
        for batch in made:
            assert all(len(weighed.movement_ids) == 1 for weighed in await self._run(batch)), "each is one leg"
        return BATCH * batches / (time.perf_counter() - began)


async def _submit(batcher: Batcher[Sent, Weighed], province: Province) -> None:
    [load] = province.take(1)
    [weighed] = await batcher.submit([_sent(*load)])
    assert (len(weighed.movement_ids), *weighed.flags) == (1,), weighed


def _sent(scale: Scale, record: Record) -> Sent:
    return Sent(scale.station_id, scale.person_id, timedelta(), record)


async def _rate(seconds: float, call: Callable[[], Awaitable[None]]) -> float:
    done = 0
    began = time.perf_counter()

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await call()
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - began)


@dataclass(slots=True)
class Engine:
    """The ledger alone."""

    grounds: Grounds
    database: Database
    quotas: Sequence[int] = ()
    lots: Sequence[int] = ()
    memory: Memory = field(default_factory=Memory)
    # What comes with a record in the service, made before as the accounts are.
    facts: Iterator[bytes] = field(default_factory=lambda: cycle([os.urandom(32) for _ in range(1_000)]))

    async def open(self) -> None:
        """Accounts to post between."""
        async with self.database.transaction() as connection:
            sign = self.grounds.keys.current(Purpose.LEDGER)
            self.quotas = await province.grant(connection, [new_id() for _ in range(LOTS)], 2000, sign=sign)
            keys = [AccountKey(AccountKind.LOT, owner_id=new_id(), year=2000) for _ in range(LOTS)]
            self.lots = list((await open_accounts(connection, keys)).values())

    def movements(self, count: int, *, hot: bool = False) -> list[Movement]:
        at = datetime.now(UTC)
        return [
            Movement(
                id_ := new_id(),
                id_,
                self.quotas[0] if hot else random.choice(self.quotas),
                random.choice(self.lots),
                Kilograms(NET_KG),
                at,
                next(self.facts),
            )
            for _ in range(count)
        ]

    async def post(self, movements: Sequence[Movement], goes_on: Callable[[], bool] = lambda: False) -> Posted:
        async with self.database.steady_transaction(goes_on=goes_on) as connection:
            sign = self.grounds.keys.current(Purpose.LEDGER)
            return await append(connection, movements, at=datetime.now(UTC), sign=sign, memory=self.memory)

    async def rate(self, seconds: float, *, hot: bool = False) -> float:
        async def run(batch: list[Movement]) -> list[None]:
            await self.post(batch, batcher.goes_on_with_few)
            return [None] * len(batch)

        async def call() -> None:
            await batcher.submit(self.movements(1, hot=hot))

        batcher = Batcher[Movement, None]("bench", run, at_once=AT_ONCE, rest=self.database.rest)
        async with batcher.running():
            return await _rate(seconds, call)

    async def batch_rate(self, batches: int) -> float:
        made = [self.movements(BATCH) for _ in range(batches)]
        began = time.perf_counter()
        for batch in made:
            await self.post(batch)
        return BATCH * batches / (time.perf_counter() - began)


async def _batches(grounds: Grounds, database: Database) -> list[Row]:
    engine = Engine(grounds, database)
    await engine.open()
    owner = await asyncpg.connect(grounds.endpoints.owner_database_url)
    await owner.execute("CREATE TABLE copied_leg (LIKE leg INCLUDING ALL)")
    last = 0
    batches = 10 if grounds.quick else 20

    async def copy() -> float:
        nonlocal last
        rows = await owner.fetch("SELECT * FROM leg WHERE seq > $1 ORDER BY seq LIMIT $2", last, BATCH * batches)
        last = rows[-1]["seq"]
        records = [tuple(row) for row in rows]
        began = time.perf_counter()
        for at in range(0, len(records), BATCH):
            async with owner.transaction():
                await owner.copy_records_to_table("copied_leg", records=records[at : at + BATCH])
        return len(records) / (time.perf_counter() - began)

    value, reference = await alternate(grounds.rounds, lambda: engine.batch_rate(batches), copy)
    await owner.close()
    return [at_least("batches of 1 000 / COPY of the same rows", value, "legs/s", reference, 0.45)]
