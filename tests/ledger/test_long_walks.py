"""Walks that are summed up by the database: they come to what each kilogram's own walk comes to, however far that is."""

import random
from dataclasses import replace
from itertools import count, pairwise

import pytest

from service.db import Connection
from service.domain.ledger import AccountKind
from service.domain.provenance import Ending, Interval, Share, Step, flows, shares
from service.domain.units import Kilograms
from service.store import ledger, provenance
from service.store.accounts import open_accounts
from service.store.provenance import SQL
from tests.ledger.acts import CAST, GUANMENSHAN, LOTS, PAIZHAI, history
from tests.ledger.books import KEY, MORNING, account, movement

pytestmark = pytest.mark.anyio

ROUNDS = 10_200  # further than walks once went


async def steps_back(connection: Connection, asked: list[Interval], as_of: int | None) -> list[Step]:
    """Every step of every kilogram's own walk to the province's act."""
    places = [[getattr(each, name) for each in asked] for name in ("account", "lo", "hi")]
    rows = await connection.fetch(SQL["trace_back"], *places, as_of or provenance.NOW, True, True)
    return [
        Step(
            row["seq"],
            row["depth"],
            Interval(row["source"], row["source_lo"], row["source_hi"]),
            Interval(row["target"], row["target_lo"], row["target_hi"]),
            row["movement"],
            row["occurred_at"],
        )
        for row in rows
        if row["seq"] is not None
    ]


async def make_product(connection: Connection, rnd: random.Random, lots: list[int]) -> None:
    """Two runs of what came of the lots, and one of half of both products, with losses."""
    kinds = (AccountKind.RUN, AccountKind.PRODUCT)
    keys = [[account(kind, number) for kind in kinds] for number in range(3)]
    at = await open_accounts(connection, [*keys[0], *keys[1], *keys[2], account(AccountKind.LOST, 9)])
    plants = [[at[key] for key in pair] for pair in keys]
    numbers = count(10**6)
    for run, product in plants:
        taken = plants[2][0] == run
        sources = [made for _, made in plants[:2]] if taken else rnd.sample(lots, 2)
        stock = await provenance.in_stock(connection, sources)
        lying = {each: sum(part.kg for part in stock[each]) for each in sources}
        fed = [(each, run, max(kg // 2, 1) if taken else kg, None) for each, kg in lying.items() if kg]
        if kg := sum(each[2] for each in fed):
            fed += [(run, product, kg, rnd.randint(1, kg))]
        batch = [
            replace(movement(next(numbers), source, target, kg), made_kg=made and Kilograms(made))
            for source, target, kg, made in fed
        ]
        if batch:
            await ledger.append(connection, batch, at=MORNING, sign=KEY)


@pytest.mark.parametrize("seed", range(4))
async def test_sums_are_those_of_each_kilograms_own_walk(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """After acts of every sort: through runs and circles, with what was taken back."""
    monkeypatch.setattr(provenance, "MOST_LEVELS", 6 if seed % 2 else 200)
    rnd = random.Random(seed)
    by_key = await open_accounts(connection, CAST)
    size = (await history(connection, rnd, list(by_key.values()), 45))[-1]
    await make_product(connection, rnd, [by_key[lot] for lot in LOTS])
    ids = [row["id"] for row in await connection.fetch("SELECT id FROM account WHERE kind <> 'issue'")]

    for as_of in (None, size):
        for find in (provenance.received, provenance.in_stock):
            parts = list((await find(connection, ids, as_of)).values())
            asked = [place for part in parts for place in part]
            walked = dict(zip(asked, await provenance.trace_all_back(connection, asked, as_of), strict=True))
            fragments = [[each for place in part for each in walked[place].fragments] for part in parts]
            steps = flows(await steps_back(connection, asked, as_of))
            found = await provenance.lineage(connection, parts, as_of, most=10_000)
            assert found.parts == [shares(each) for each in fragments]
            assert (list(found.flows), found.flows_count) == (steps, len(steps))
            some = await provenance.lineage(connection, parts, as_of, most=2, of=[steps[-1].movement])
            last = [flow for flow in steps[2:] if flow.movement == steps[-1].movement]
            assert (list(some.flows)[:2], some.flows_count) == (steps[:2], len(steps))
            assert set(last) <= set(some.flows)
        quotas = [by_key[PAIZHAI], by_key[GUANMENSHAN]]
        gone = [place for out in (await provenance.let_out(connection, quotas, as_of)).values() for place in out]
        ahead = await provenance.trace_all_forward(connection, gone, as_of)
        rests = shares(each for trace in ahead for each in trace.fragments)
        assert await provenance.holders(connection, quotas, as_of) == rests


async def test_circles_are_told_beside_what_was_put_together(connection: Connection) -> None:
    """A owes B, B sells to A: seven kilograms came from themselves, and four from a mine, both through the same lots."""
    keys = [account(AccountKind.POOL), account(AccountKind.QUOTA, 1), *LOTS[:3]]
    at = await open_accounts(connection, keys)
    pool, quota, a, b, c = (at[key] for key in keys)
    told = [(a, b, 7), (b, a, 7), (pool, quota, 4), (quota, a, 4), (a, b, 4), (b, c, 4)]
    batch = [movement(number, *each) for number, each in enumerate(told, 1)]
    await ledger.append(connection, batch, at=MORNING, sign=KEY)
    come = await provenance.received(connection, [a])

    found = await provenance.lineage(connection, list(come.values()), most=9)

    assert [(share.ending, share.account, share.kg) for share in found.parts[0]] == [
        (Ending.TRANCHE, quota, 4),
        (Ending.CIRCLE, a, 7),
    ]
    assert [(flow.movement.int, flow.target_kg) for flow in found.flows] == [(1, 7), (2, 7), (3, 4), (4, 4)]
    assert [(share.account, share.kg) for share in await provenance.holders(connection, [quota])] == [(c, 4)]


async def test_a_load_that_was_sold_ten_thousand_times_has_its_origin(connection: Connection) -> None:
    pool, quota = account(AccountKind.POOL), account(AccountKind.QUOTA, 1)
    keys = [account(AccountKind.ISSUE), pool, quota, account(AccountKind.LOT, 1), account(AccountKind.LOT, 2)]
    at = await open_accounts(connection, keys)
    way = [*(at[key] for key in keys), *[at[keys[3]], at[keys[4]]] * (ROUNDS // 2)]
    told = [movement(number, *ends, 30) for number, ends in enumerate(pairwise(way), 1)]
    await ledger.append(connection, told, at=MORNING, sign=KEY)
    last = Interval(way[-1], 30 * (ROUNDS // 2), 30 * (ROUNDS // 2) + 30)

    found = await provenance.lineage(connection, [[last]], most=4)

    origin = Share(at[quota], Ending.TRANCHE, at[pool], told[1].id, (), told[1].kg)
    assert found.parts == [[origin]]
    assert ([flow.movement for flow in found.flows], found.flows_count) == ([each.id for each in told[:4]], len(told))
    assert [(share.account, share.kg) for share in await provenance.holders(connection, [at[quota]])] == [(way[-1], 30)]


async def test_a_stock_that_was_mixed_sixty_times_is_walked_by_its_legs(connection: Connection) -> None:
    """Each firm cuts it anew: walked by itself, each crumb would take all the steps of its own."""
    mines = [account(AccountKind.QUOTA, number) for number in range(2)]
    keys = [account(AccountKind.ISSUE), account(AccountKind.POOL), *mines]
    yards = [account(AccountKind.LOT, number) for number in range(61)]
    at = await open_accounts(connection, [*keys, *yards])
    told = [(keys[0], keys[1], 12_000), (keys[1], mines[0], 6_000), (keys[1], mines[1], 6_000)]
    told += [(mines[number % 2], yards[0], 100) for number in range(120)]
    for tier, (source, target) in enumerate(pairwise(yards)):
        kilograms = [100 + tier] * (12_000 // (100 + tier))
        told += [(source, target, kg) for kg in (*kilograms, 12_000 - sum(kilograms)) if kg]
    batch = [movement(number, at[source], at[target], kg) for number, (source, target, kg) in enumerate(told, 1)]
    await ledger.append(connection, batch, at=MORNING, sign=KEY)
    stock = await provenance.in_stock(connection, [at[yards[-1]]])
    before = await legs_read(connection)

    found = await provenance.lineage(connection, list(stock.values()), most=10)

    assert [(share.account, share.kg) for share in found.parts[0]] == [(at[mine], 6_000) for mine in mines]
    assert (found.flows_count, len(found.flows)) == (len(told), 10)
    assert await legs_read(connection) - before < 4 * len(told)


async def legs_read(connection: Connection) -> int:
    """How many legs the transaction has looked at."""
    read: int = await connection.fetchval(
        "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'leg'"
    )
    return read
