"""The yardsticks of posting: ledgers that keep balances, one call per transfer, at as many connections as they like best."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

CONNECTIONS = (1, 4, 8, 16, 32, 64)
ACCOUNTS = 128
NET_KG = 31_000


@dataclass(slots=True)
class Ledger:
    """A ledger to compare with: its call for one transfer, and its connections, each with the call prepared."""

    calls: list[asyncpg.prepared_stmt.PreparedStatement]
    sources: list[object]
    targets: list[object]
    best: int = CONNECTIONS[-1]

    async def find_best(self, seconds: float) -> None:
        """Measure at each number of connections, and keep to the best one from now on."""
        rates = {}
        for connections in CONNECTIONS:
            self.best = connections
            rates[connections] = await self.rate(seconds)
        self.best = max(rates, key=lambda connections: rates[connections])

    async def rate(self, seconds: float, *, hot: bool = False) -> float:
        """Transfers a second; hot ones all come out of one account."""
        done = 0
        began = time.perf_counter()

        async def caller(call: asyncpg.prepared_stmt.PreparedStatement) -> None:
            nonlocal done
            while time.perf_counter() - began < seconds:
                source = self.sources[0] if hot else random.choice(self.sources)
                await call.fetchval(source, random.choice(self.targets), NET_KG)
                done += 1

        await asyncio.gather(*(caller(call) for call in self.calls[: self.best]))
        return done / (time.perf_counter() - began)


@asynccontextmanager
async def textbook(owner_url: str) -> AsyncIterator[Ledger]:
    """The textbook ledger, in tables of its own."""
    async with _connected(owner_url) as connections:
        await connections[0].execute(Path(__file__).with_name("textbook.sql").read_text(encoding="utf-8"))
        calls = [await each.prepare("SELECT textbook_transfer($1, $2, $3)") for each in connections]
        yield Ledger(calls, list(range(1, ACCOUNTS + 1)), list(range(ACCOUNTS + 1, 2 * ACCOUNTS + 1)))


@asynccontextmanager
async def pgledger(owner_url: str) -> AsyncIterator[Ledger | None]:
    """pgledger, when PGLEDGER_SQL names its file."""
    file = os.environ.get("PGLEDGER_SQL")
    if not file:
        yield None
        return
    async with _connected(owner_url) as connections:
        await connections[0].execute(Path(file).read_text(encoding="utf-8"))
        rows = await connections[0].fetch(
            "SELECT id FROM generate_series(1, $1) AS n, pgledger_create_account('account ' || n, 'KG')", 2 * ACCOUNTS
        )
        ids = [row["id"] for row in rows]
        calls = [await each.prepare("SELECT id FROM pgledger_create_transfer($1, $2, $3)") for each in connections]
        yield Ledger(calls, ids[:ACCOUNTS], ids[ACCOUNTS:])


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[list[asyncpg.Connection]]:
    connections = [await asyncpg.connect(url) for _ in range(CONNECTIONS[-1])]
    try:
        yield connections
    finally:
        await asyncio.gather(*(each.close() for each in connections))
