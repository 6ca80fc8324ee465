"""Rows of HTTP: single records, a thousand a request, and how long a weighbridge waits for its answer."""

import asyncio
import itertools
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from uuid import uuid4

import asyncpg
import orjson

from service.auth.tokens import Audience, Tokens
from service.bench import clients, province
from service.bench.clients import CLIENT_CORE, NOTHING, ONE_ROW, SERVICE_CORE, Request
from service.bench.grounds import Grounds
from service.bench.posting import BATCH, Engine, Weighbridges
from service.bench.province import Province, Scale, body_of
from service.bench.rows import Row, alternate, at_least, at_most, percentile
from service.db import Database
from service.keys import Purpose

WEIGHINGS = "/v1/weighings"
MOST_EXPECTED = 4_000  # records a second: so many are made ready
BOOKS_AT_ONCE = 4
REPLAYED = 2  # books, one after the other, each of a scale of its own


async def measure(grounds: Grounds) -> list[Row]:
    """The service on one core, asked from the other."""
    if clients.wrk() is None or (os.cpu_count() or 1) < 2:
        print("wrk, taskset or a second core is missing: no rows of HTTP", file=sys.stderr)
        return []
    os.sched_setaffinity(0, {CLIENT_CORE})
    try:
        async with (
            Database.connect(grounds.endpoints.database_url, 4) as database,
            _service(grounds) as port,
        ):
            station = Stations(grounds, database, port)
            await station.open()
            rows, peak = await station.singles()
            return [*rows, *await station.books(), *await station.waits(peak)]
    finally:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


@asynccontextmanager
async def _service(grounds: Grounds) -> AsyncIterator[int]:
    environment = {
        **os.environ,
        "DATABASE_URL": grounds.endpoints.database_url,
        "REDIS_URL": grounds.endpoints.redis_url,
        "MEISU_DATA": str(grounds.settings.data),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "service.bench.mounted", str(SERVICE_CORE)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        while not said.isdigit():
            line = process.stdout.readline()
            assert line, "the service did not start"
            said = line.strip()
        yield int(said)
    finally:
        process.terminate()
        process.wait()


class Stations:
    """Scales that tell the service what they weigh."""

    def __init__(self, grounds: Grounds, database: Database, port: int) -> None:
        self.grounds = grounds
        self.database = database
        self.port = port
        self.tokens = Tokens(grounds.keys)
        self.many: Province
        self.few: Province
        self.back: Province

    async def open(self) -> None:
        """A province of many scales for single records, one of few for books, and one of those that were offline."""
        owner = await asyncpg.connect(self.grounds.endpoints.owner_database_url)
        async with self.database.transaction() as connection:
            sign = self.grounds.keys.current(Purpose.LEDGER)
            self.many = await province.found(owner, connection, mines=province.SCALES, sign=sign)
            self.few = await province.found(owner, connection, mines=BOOKS_AT_ONCE, scales=BOOKS_AT_ONCE, sign=sign)
            self.back = await province.found(owner, connection, mines=REPLAYED, scales=REPLAYED, sign=sign)
        await owner.execute("CREATE TABLE bench_row (body bytea NOT NULL); GRANT INSERT ON bench_row TO PUBLIC")
        await owner.close()

    async def singles(self) -> tuple[list[Row], float]:
        """Single records at 64 connections, and the route that stores nothing."""
        seconds = 2.0 if self.grounds.quick else 8.0
        count = int(MOST_EXPECTED * seconds)

        async def weigh() -> float:
            requests = await self._singles(count)
            found = await asyncio.to_thread(clients.rate, self._url(WEIGHINGS), requests, seconds)
            assert await self._forget_weighed() >= int(found * seconds * 0.99), "every answer was a record of its own"
            return found

        async def ask() -> float:
            requests = await self._singles(count)
            return await asyncio.to_thread(clients.rate, self._url(NOTHING), requests, seconds, may_repeat=True)

        value, reference = await alternate(self.grounds.rounds, weigh, ask)
        name = "POST /v1/weighings, single records, 64 connections / a route that stores nothing"
        return [at_least(name, value, "answers/s", reference, 0.6)], value

    async def books(self) -> list[Row]:
        """A thousand records a request, beside the engine's own figure at a thousand."""
        engine = Engine(self.grounds, self.database)
        await engine.open()
        bridges = Weighbridges(self.grounds, self.database)
        rounds = self.grounds.size(4, 1)

        async def weigh() -> float:
            requests = await self._books(self.few, BATCH, rounds)
            async with clients.lines(self.port, BOOKS_AT_ONCE) as lines:
                began = time.perf_counter()
                with clients.with_room():
                    for at in range(0, len(requests), BOOKS_AT_ONCE):
                        batch = zip(lines, requests[at : at + BOOKS_AT_ONCE], strict=True)
                        answers = await asyncio.gather(*(line.ask(request) for line, request in batch))
                        assert all(answer.count(b"accepted") == BATCH for answer in answers), "every record is kept"
                return BATCH * len(requests) / (time.perf_counter() - began)

        value, ledger, whole = await alternate(
            self.grounds.rounds,
            weigh,
            lambda: engine.batch_rate(20),
            lambda: bridges.batch_rate(self.few, BOOKS_AT_ONCE),
        )
        name = "POST /v1/weighings, 1 000 records a request"
        return [
            at_least(f"{name} / the whole weighing in batches of 1 000", value, "legs/s", whole, 0.5),
            at_least(f"{name} / the ledger alone in batches of 1 000", value, "legs/s", ledger, 0.5),
        ]

    async def waits(self, peak: float) -> list[Row]:
        """How long a weighbridge waits at half of the peak rate, alone and beside a replay."""
        per_second = peak / 2
        count = int(per_second * (2 if self.grounds.quick else 8))
        nothing: list[float] = []
        one_row: list[float] = []
        weighed: list[float] = []
        for _ in range(self.grounds.rounds):
            for path, found in ((NOTHING, nothing), (ONE_ROW, one_row), (WEIGHINGS, weighed)):
                requests = [request.over(path) for request in await self._singles(count)]
                times = [wait for _, wait in await clients.latencies(self.port, requests, per_second)]
                found.append(percentile(times, 0.5 if path == NOTHING else 0.99))
            await self._forget_weighed()
        records = self.grounds.size(5_000, 1_500)
        beside = [await self._wait_beside_replay(per_second, records) for _ in range(self.grounds.rounds)]
        value, least, reference = (1e3 * median(found) for found in (weighed, one_row, nothing))
        p99, slowest = zip(*beside, strict=True)
        stores_nothing = "p99 / p50 of the route that stores nothing"
        during = f"answer during a replay of {REPLAYED * records:,} records"
        return [
            at_most(f"answer at half of peak, {stores_nothing}", value, "ms", reference, 10),
            at_most(
                f"the least durable answer, one row, at half of peak, {stores_nothing}", least, "ms", reference, 10
            ),
            at_most("answer at half of peak, p99 / 50 ms", value, "ms", 50),
            at_most(f"{during}, p99 / 250 ms", 1e3 * median(p99), "ms", 250),
            at_most(f"{during}, the slowest / 1 s", 1e3 * median(slowest), "ms", 1_000),
        ]

    async def _wait_beside_replay(self, per_second: float, records: int) -> tuple[float, float]:
        """The 99th percentile of the answers that were asked for while a replay of so many records a request went on, and
        the slowest of them."""
        requests = [
            request.over(WEIGHINGS)
            for request in await self._singles(int(per_second * (3 if self.grounds.quick else 8)))
        ]
        replay = await self._books(self.back, records)
        async with clients.lines(self.port, 1) as [line]:

            async def send() -> tuple[float, float]:
                began = time.perf_counter()
                for request in replay:
                    assert (await line.ask(request)).count(b"accepted") == records, "every record is kept"
                return began, time.perf_counter()

            sending = asyncio.create_task(send())
            waits = await clients.latencies(self.port, requests, per_second)
            began, ended = await sending
        await self._forget_weighed()
        meanwhile = [wait for meant, wait in waits if began <= meant <= ended]
        return percentile(meanwhile, 0.99), max(meanwhile)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def _singles(self, count: int) -> list[Request]:
        """Requests of one record each, of loads that stay ready until they are weighed."""
        async with self.database.transaction() as connection:
            await self.many.plan(connection, count)
        tokens = self._tokens_of(self.many)
        return [
            Request(tokens[scale], orjson.dumps(body_of(record)))
            for scale, record in itertools.islice(self.many.ready, count)
        ]

    async def _forget_weighed(self) -> int:
        """Keep of the loads that are ready only those that no scale has told of yet; how many had been told."""
        await asyncio.sleep(0.5)  # what a client that is gone had asked for is still weighed
        async with self.database.transaction() as connection:
            told = await connection.fetch(
                "SELECT record_id FROM weighing WHERE station_id = ANY($1)",
                [scale.station_id for scale in self.many.scales],
            )
        known = {row["record_id"] for row in told}
        before = len(self.many.ready)
        self.many.ready = deque(load for load in self.many.ready if load[1].id not in known)
        return before - len(self.many.ready)

    async def _books(self, of: Province, records: int, rounds: int = 1) -> list[bytes]:
        """Requests of many records each, a round of scales after the other."""
        scales = len(of.scales)
        async with self.database.transaction() as connection:
            await of.plan(connection, scales * records * rounds)
        tokens = self._tokens_of(of)
        requests = []
        for _ in range(rounds):
            loads = of.take(scales * records)
            for place in range(scales):
                bodies = [body_of(record) for _, record in loads[place::scales]]
                request = Request(tokens[loads[place][0]], orjson.dumps({"records": bodies}))
                requests.append(request.over(WEIGHINGS))
        return requests

    def _tokens_of(self, of: Province) -> dict[Scale, str]:
        at = datetime.now(UTC)
        return {scale: self.tokens.mint(scale.actor, uuid4(), 1, Audience.API, at=at) for scale in of.scales}
