"""The yardsticks of posting: ledgers that keep balances, one call per transfer, at as many connections as they like best."""

import asyncio
import math
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import NamedTemporaryFile

import asyncpg

from service.embedded.postgres import find_binaries

CONNECTIONS = (1, 4, 8, 16, 32, 64)
ACCOUNTS = 128
NET_KG = 31_000
TEXTBOOK_SCRIPT = f"""\\set source {{source}}
\\set target random({ACCOUNTS + 1}, {2 * ACCOUNTS})
SELECT textbook_transfer(:source, :target, {NET_KG});
"""

Way = tuple[bool, int]
"""Whether pgbench asks, and over how many connections."""


@dataclass(slots=True)
class Ledger:
    """A ledger to compare with: its call for one transfer, by tasks of ours or by pgbench, whichever makes the most of it."""

    url: str
    call: str
    sources: Sequence[object]
    targets: Sequence[object]
    script: str | None = None  # the same for pgbench, which chooses among numbers; {source} is its choice of a source
    best: dict[bool, Way] = field(default_factory=dict)  # for hot transfers, and for others

    async def find_best(self, seconds: float, *, hot: bool = False) -> None:
        """Measure each way at each number of connections, and keep to the best one from now on."""
        programs = (False, True) if self.script and _pgbench() else (False,)
        rates = {way: await self._rate(way, seconds, hot) for way in product(programs, CONNECTIONS)}
        self.best[hot] = max(rates, key=lambda way: rates[way])

    async def rate(self, seconds: float, *, hot: bool = False) -> float:
        """Transfers a second; hot ones all come out of one account."""
        return await self._rate(self.best[hot], seconds, hot)

    async def _rate(self, way: Way, seconds: float, hot: bool) -> float:
        by_pgbench, connections = way
        if by_pgbench:
            return await asyncio.to_thread(self._ask_pgbench, connections, seconds, hot)
        done = 0
        async with _connected(self.url, connections) as lines:
            calls = [await line.prepare(self.call) for line in lines]
            began = time.perf_counter()

            async def caller(call: asyncpg.prepared_stmt.PreparedStatement) -> None:
                nonlocal done
                while time.perf_counter() - began < seconds:
                    source = self.sources[0] if hot else random.choice(self.sources)
                    await call.fetchval(source, random.choice(self.targets), NET_KG)
                    done += 1

            await asyncio.gather(*(caller(call) for call in calls))
            return done / (time.perf_counter() - began)

    def _ask_pgbench(self, connections: int, seconds: float, hot: bool) -> float:
        assert self.script is not None, "pgbench has something to ask"
        with NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(self.script.format(source="1" if hot else f"random(1, {ACCOUNTS})"))
            file.flush()
            threads = min(connections, os.cpu_count() or 1)
            said = subprocess.run(
                [
                    *(_pgbench() or "pgbench", "--no-vacuum", "--protocol=prepared", "--file", file.name),
                    *("--client", str(connections), "--jobs", str(threads), "--time", str(max(1, math.ceil(seconds)))),
                    self.url,
                ],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        assert found, said
        return float(found[1])


def _pgbench() -> str | None:
    """The compiled client that comes with PostgreSQL, where it does."""
    found = find_binaries() / "pgbench"
    return str(found) if found.exists() else shutil.which("pgbench")


@asynccontextmanager
async def textbook(owner_url: str) -> AsyncIterator[Ledger]:
    """The textbook ledger, in tables of its own."""
    async with _connected(owner_url, 1) as [connection]:
        await connection.execute(Path(__file__).with_name("textbook.sql").read_text(encoding="utf-8"))
    sources, targets = range(1, ACCOUNTS + 1), range(ACCOUNTS + 1, 2 * ACCOUNTS + 1)
    yield Ledger(owner_url, "SELECT textbook_transfer($1, $2, $3)", sources, targets, TEXTBOOK_SCRIPT)


@asynccontextmanager
async def pgledger(owner_url: str) -> AsyncIterator[Ledger | None]:
    """pgledger, when PGLEDGER_SQL names its file."""
    file = os.environ.get("PGLEDGER_SQL")
    if not file:
        yield None
        return
    async with _connected(owner_url, 1) as [connection]:
        await connection.execute(Path(file).read_text(encoding="utf-8"))
        rows = await connection.fetch(
            "SELECT id FROM generate_series(1, $1) AS n, pgledger_create_account('account ' || n, 'KG')", 2 * ACCOUNTS
        )
    ids = [row["id"] for row in rows]
    yield Ledger(owner_url, "SELECT id FROM pgledger_create_transfer($1, $2, $3)", ids[:ACCOUNTS], ids[ACCOUNTS:])


@asynccontextmanager
async def _connected(url: str, count: int) -> AsyncIterator[list[asyncpg.Connection]]:
    connections = [await asyncpg.connect(url) for _ in range(count)]
    try:
        yield connections
    finally:
        await asyncio.gather(*(each.close() for each in connections))
