"""Whose ore is it? The kilograms that leave a yard are those that came first, by either walk."""

import pytest

from service.db import Connection
from service.domain.ledger import AccountKind
from service.domain.provenance import Ending
from service.store import ledger, provenance
from service.store.accounts import open_accounts
from tests.ledger.books import KEY, MORNING, account, movement

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("is_cut", [False, True], ids=["in one batch", "one by one"])
async def test_a_100_b_50_a_100_then_120_out_is_a_100_and_b_20(connection: Connection, is_cut: bool) -> None:
    pool, a, b = account(AccountKind.POOL), account(AccountKind.QUOTA, 1), account(AccountKind.QUOTA, 2)
    yard, plant = account(AccountKind.LOT, 1), account(AccountKind.LOT, 2)
    at = await open_accounts(connection, [account(AccountKind.ISSUE), pool, a, b, yard, plant])
    told = [
        (account(AccountKind.ISSUE), pool, 250),
        (pool, a, 200),
        (pool, b, 50),
        (a, yard, 100),
        (b, yard, 50),
        (a, yard, 100),
        (yard, plant, 120),
    ]
    movements = [movement(number, at[source], at[target], kg) for number, (source, target, kg) in enumerate(told, 1)]
    for batch in [[each] for each in movements] if is_cut else [movements]:
        await ledger.append(connection, batch, at=MORNING, sign=KEY)

    came = await provenance.trace_back(connection, at[plant], 0, 120)
    assert [(each.place.account, each.kg, each.ending) for each in came] == [
        (at[a], 100, Ending.TRANCHE),
        (at[b], 20, Ending.TRANCHE),
    ]
    left = (await provenance.in_stock(connection, [at[yard]]))[at[yard]]
    (of_it,) = (await provenance.lineage(connection, [left])).parts
    assert [(share.account, share.kg) for share in of_it] == [(at[a], 100), (at[b], 30)]
    of_a, of_b = [
        {share.account: share.kg for share in await provenance.holders(connection, [at[mine]])} for mine in (a, b)
    ]
    assert of_a == {at[plant]: 100, at[yard]: 100}
    assert of_b == {at[plant]: 20, at[yard]: 30}
