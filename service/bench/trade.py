"""A large book of trade: mines, traders, traders' buyers and plants, filled with the engine's own coordinates."""

import os
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
from uuid_utils.compat import uuid7

from service.bench import province
from service.db import Connection
from service.domain.books import Ends
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.provenance import Interval
from service.domain.units import Kilograms
from service.store.accounts import open_accounts
from service.store.copying import copy_into, text_field, uuid_field
from service.store.ledger import Signer, lock_head
from service.store.ledger.posting import lay_batch, post

YEAR = 2026
MINES, HOLDERS, TIERS = 200, 60, 3
CHUNK = 20_000
LIGHTEST_KG, HEAVIEST_KG = 26_000, 34_000
_ACCOUNT = ("id", "kind", "owner_id", "document_id", "mark")


@dataclass(slots=True)
class Trade:
    """The book so far: where the columns of those who trade end, and some deliveries to the last tier."""

    sign: Signer
    holders: list[list[int]] = field(default_factory=list)
    ends: dict[int, Ends] = field(default_factory=dict)
    last_account: int = 0
    legs: int = 0
    delivered: list[Interval] = field(default_factory=list)

    async def open(self, connection: Connection) -> None:
        """Mines with quota, and three tiers that sell on what they bought."""
        quotas = await province.grant(connection, [uuid7() for _ in range(MINES)], YEAR, sign=self.sign)
        keys = [AccountKey(AccountKind.LOT, owner_id=uuid7(), year=YEAR) for _ in range(HOLDERS * TIERS)]
        lots = list((await open_accounts(connection, keys)).values())
        self.holders = [quotas, *(lots[HOLDERS * tier : HOLDERS * (tier + 1)] for tier in range(TIERS))]
        rows = await connection.fetch("SELECT id, mark FROM account")
        marks = {row["id"]: row["mark"] for row in rows}
        self.ends = {quota: Ends(marks[quota], False, 10**12, 0) for quota in quotas}
        self.ends |= {lot: Ends(marks[lot], False, 0, 0) for lot in lots}
        self.last_account = max(marks)
        self.legs = await connection.fetchval("SELECT seq FROM head")

    async def fill(self, owner: asyncpg.Connection, connection: asyncpg.Connection, legs: int) -> None:
        """Trade until the book has so many legs."""
        while self.legs < legs:
            async with owner.transaction():
                movements = await self._trade(owner)
            async with connection.transaction():
                await self._post(connection, movements)
        # As the server does in its own time to a book that grows: here it would fall into the measuring.
        await owner.execute("VACUUM (ANALYZE) leg, account")
        await owner.execute("SELECT setval(pg_get_serial_sequence('account', 'id'), $1)", self.last_account)

    async def _trade(self, owner: Connection) -> list[Movement]:
        """Loads, each with its account, from one tier to the next that sells no more than it has."""
        movements: list[Movement] = []
        accounts = []
        stock = {lot: self.ends[lot].ins - self.ends[lot].outs for tier in self.holders[1:] for lot in tier}
        at = datetime.now(UTC)
        while len(movements) < CHUNK:
            tier = random.randrange(TIERS)
            source, target = random.choice(self.holders[tier]), random.choice(self.holders[tier + 1])
            kg = Kilograms(random.randrange(LIGHTEST_KG, HEAVIEST_KG))
            if tier and stock[source] < kg:
                continue
            if tier:
                stock[source] -= kg
            stock[target] += kg
            self.last_account += 1
            key = AccountKey(AccountKind.LOAD, owner_id=uuid7(), document_id=uuid7())
            load, mark = self.last_account, key.mark
            accounts.append(
                b"\0\x05\0\0\0\x08" + load.to_bytes(8) + text_field(key.kind) + uuid_field(key.owner_id)
                + uuid_field(key.document_id) + b"\0\0\0\x10" + mark
            )  # fmt: skip
            self.ends[load] = Ends(mark, False, 0, 0)
            fact = os.urandom(32)
            movements.append(Movement(id_ := uuid7(), id_, source, load, kg, at, fact))
            movements.append(Movement(id_ := uuid7(), id_, load, target, kg, at, fact))
        await copy_into(owner, "account", _ACCOUNT, accounts)
        return movements

    async def _post(self, connection: Connection, movements: list[Movement]) -> None:
        head = await lock_head(connection, at=datetime.now(UTC))
        batch = lay_batch(head, movements, self.ends, sign=self.sign)
        assert await post(connection, batch) is not None, "the head is locked"
        self.legs = batch.after.seq
        last_tier = set(self.holders[-1])
        for movement, (_, target_lo, _, _) in zip(movements, batch.laid, strict=True):
            if movement.target in last_tier:
                self.delivered.append(Interval(movement.target, target_lo, target_lo + movement.kg))
        for movement in movements[1::2]:
            del self.ends[movement.source]  # a load that has arrived
