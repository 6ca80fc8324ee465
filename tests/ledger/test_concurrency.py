"""Many connections at once, committed for real."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import pytest

from service.db import Database
from service.domain.changes import Void
from service.domain.ledger import AccountKind, Movement
from service.store import ledger
from service.store.accounts import open_accounts
from tests.ledger.books import KEY, MORNING, account, movement
from tests.ledger.rows import paint, read

pytestmark = pytest.mark.anyio

CALLERS, BATCHES, LOADS, KG = 16, 12, 5, 31
QUOTA_KG = 20_000
ISSUE, PAIZHAI = account(AccountKind.ISSUE), account(AccountKind.QUOTA, 1)
TRADERS = [account(AccountKind.LOT, number) for number in range(CALLERS)]


@pytest.mark.parametrize("processes", [0, 1, 2])
async def test_a_hot_quota_is_charged_exactly_whoever_comes_first(committed: Database, processes: int) -> None:
    """With processes that remember the ends of accounts, each by itself, and with callers that remember nothing."""
    memories = [None, *(ledger.Memory() for _ in range(processes))]
    async with committed.transaction() as connection:
        a = await open_accounts(connection, [ISSUE, PAIZHAI, *TRADERS])
        await ledger.append(connection, [movement(1, a[ISSUE], a[PAIZHAI], QUOTA_KG)], at=MORNING, sign=KEY)

    async def sell(caller: int) -> list[ledger.Posted]:
        posted = []
        for batch in range(BATCHES):
            loads = _loads(1000 * caller + 10 * batch + 2, a[PAIZHAI], a[TRADERS[caller]])
            async with committed.steady_transaction() as connection:
                memory = memories[caller % len(memories)]
                posted.append(await ledger.append(connection, loads, at=MORNING, sign=KEY, memory=memory))
            if batch % 4 == 3:  # and one of four batches is taken back, while the others go on
                async with committed.transaction() as connection:
                    void = Void([load.id for load in loads], MORNING, bytes(32))
                    await ledger.revise(connection, [void], at=MORNING, sign=KEY)
        return posted

    answers = await asyncio.gather(*map(sell, range(1, CALLERS)), sell(0))

    sold_kg = CALLERS * BATCHES * LOADS * KG * 3 // 4
    async with committed.transaction(readonly=True) as connection:
        balances = await ledger.balances(connection, a.values())
        rows = await read(connection)
        head = await connection.fetchrow("SELECT seq, act FROM head")
    *_, last = paint(rows, {number: str(number) for number in a.values()})
    mine = balances[a[PAIZHAI]]
    assert (mine.in_kg, mine.out_kg) == (QUOTA_KG, sold_kg)
    # What a late void gives back lies beside the debts of others: stock does not pay them.
    assert mine.stock_kg - mine.debt_kg == QUOTA_KG - sold_kg
    assert sum(balances[a[trader]].stock_kg for trader in TRADERS) == sold_kg
    assert len(last.links) == QUOTA_KG + sold_kg
    assert head is not None
    assert head["seq"] == len(rows.legs) + len(rows.holes)
    over_kg = sum(sum(posted.over_kg.values()) for posted_by_one in answers for posted in posted_by_one)
    assert over_kg >= max(0, sold_kg - QUOTA_KG)
    assert [row["closed_at"] is None for row in rows.overdraws][-1:] == [sold_kg > QUOTA_KG]


def _loads(first: int, source: int, target: int) -> Iterable[Movement]:
    return [movement(first + number, source, target, KG, act=first + number) for number in range(LOADS)]


async def test_the_kilograms_that_leave_are_those_that_came_first(committed: Database) -> None:
    a_mine, b_mine = account(AccountKind.QUOTA, 1), account(AccountKind.QUOTA, 2)
    yard, plant = account(AccountKind.LOT, 1), account(AccountKind.LOT, 2)
    async with committed.transaction() as connection:
        a = await open_accounts(connection, [ISSUE, a_mine, b_mine, yard, plant])
        chain = [
            (a[ISSUE], a[a_mine], 200),
            (a[ISSUE], a[b_mine], 50),
            (a[a_mine], a[yard], 100),
            (a[b_mine], a[yard], 50),
            (a[a_mine], a[yard], 100),
            (a[yard], a[plant], 120),
        ]
        await ledger.append(
            connection, [movement(number, *move) for number, move in enumerate(chain, 1)], at=MORNING, sign=KEY
        )
        rows = await read(connection)

    names = {number: key.kind.value + str(key.owner_id.int) for key, number in a.items() if key.owner_id}
    *_, last = paint(rows, names)
    came_to_yard = dict(sorted((line, link) for (name, line), link in last.come.items() if name == "lot1"))
    left = [line for (name, line), link in last.out.items() if name == "lot1" and link and link[1][0] == "lot2"]
    origins = [source for line in sorted(left) for _, (source, _) in came_to_yard[line] or ()]
    assert origins == ["quota1"] * 100 + ["quota2"] * 20


async def test_an_act_of_movements_to_and_fro_is_voided_as_a_whole(committed: Database) -> None:
    mine, trader, plant = account(AccountKind.QUOTA, 1), account(AccountKind.LOT, 1), account(AccountKind.LOT, 2)
    async with committed.transaction() as connection:
        a = await open_accounts(connection, [ISSUE, mine, trader, plant])
        await ledger.append(connection, [movement(1, a[ISSUE], a[mine], 50)], at=MORNING, sign=KEY)
        before = await ledger.balances(connection, a.values())
        act = [
            movement(2, a[mine], a[trader], 40, act=2),
            movement(3, a[trader], a[plant], 40, act=2),
            movement(4, a[mine], a[trader], 20, act=2),
        ]
        posted = await ledger.append(connection, act, at=MORNING, sign=KEY)
        void = Void([UUID(int=number) for number in (2, 3, 4)], MORNING, bytes(32))
        await ledger.revise(connection, [void], at=MORNING, sign=KEY)

        assert posted.act == 2
        assert await ledger.balances(connection, a.values()) == before
