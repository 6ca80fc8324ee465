"""The posting sentences."""

from dataclasses import replace
from uuid import UUID

import pytest

from service.db import Connection
from service.domain.changes import GiveBack, Void
from service.domain.ledger import AccountKind, ConversionIsWhole, NothingToVoid
from service.domain.units import Kilograms
from service.store import ledger
from service.store.accounts import find_accounts, open_accounts
from tests.ledger.books import KEY, MORNING, account, movement

pytestmark = pytest.mark.anyio

ISSUE = account(AccountKind.ISSUE)
PAIZHAI = account(AccountKind.QUOTA, 1)
LOAD_1, LOAD_2 = account(AccountKind.LOAD, 1), account(AccountKind.LOAD, 2)


async def test_an_account_is_opened_once(connection: Connection) -> None:
    first = await open_accounts(connection, [PAIZHAI, LOAD_1])
    second = await open_accounts(connection, [LOAD_1, LOAD_2, PAIZHAI])

    assert {key: second[key] for key in first} == first
    assert await find_accounts(connection, [PAIZHAI, LOAD_1, LOAD_2]) == second


async def test_a_load_beyond_the_quota_is_over_and_opens_an_overdraw(connection: Connection) -> None:
    a = await open_accounts(connection, [ISSUE, PAIZHAI, LOAD_1, LOAD_2])
    posted = await ledger.append(
        connection,
        [
            movement(1, a[ISSUE], a[PAIZHAI], 100),
            movement(2, a[PAIZHAI], a[LOAD_1], 70),
            movement(3, a[PAIZHAI], a[LOAD_2], 50),
        ],
        at=MORNING,
        sign=KEY,
    )

    assert posted.over_kg == {UUID(int=1): 0, UUID(int=2): 0, UUID(int=3): 20}
    assert [(episode.cause, episode.opened_seq, episode.debt_kg) for episode in posted.opened] == [("load", 3, 20)]
    later = await ledger.append(connection, [movement(4, a[ISSUE], a[PAIZHAI], 30)], at=MORNING, sign=KEY)
    assert later.cover_kg == {UUID(int=4): 20}
    assert [episode.covered_by for episode in later.closed] == [UUID(int=4)]
    assert (await ledger.balances(connection, [a[PAIZHAI]]))[a[PAIZHAI]] == ledger.Balance(130, 120, 10, 0)
    assert (await ledger.balances(connection, [a[PAIZHAI]], as_of=3))[a[PAIZHAI]] == ledger.Balance(100, 120, 0, 20)


async def test_a_void_restores_the_books(connection: Connection) -> None:
    a = await open_accounts(connection, [ISSUE, PAIZHAI, LOAD_1, LOAD_2])
    await ledger.append(connection, [movement(1, a[ISSUE], a[PAIZHAI], 100)], at=MORNING, sign=KEY)
    before = await ledger.balances(connection, a.values())
    await ledger.append(connection, [movement(2, a[PAIZHAI], a[LOAD_1], 120)], at=MORNING, sign=KEY)
    void = Void([UUID(int=2)], MORNING, bytes(32))
    posted = await ledger.revise(connection, [void], at=MORNING, sign=KEY)

    assert await ledger.balances(connection, a.values()) == before
    assert len(posted.closed) == 1
    with pytest.raises(NothingToVoid):
        await ledger.revise(connection, [void], at=MORNING, sign=KEY)


async def test_a_run_becomes_one_product_and_only_as_a_whole(connection: Connection) -> None:
    lot, run, product = account(AccountKind.LOT, 1), account(AccountKind.RUN, 1), account(AccountKind.PRODUCT, 1)
    a = await open_accounts(connection, [ISSUE, lot, run, product])
    feeds = [movement(1, a[ISSUE], a[lot], 12), movement(2, a[lot], a[run], 3), movement(3, a[lot], a[run], 7)]
    made = replace(movement(4, a[run], a[product], 10), made_kg=Kilograms(4))
    await ledger.append(connection, [*feeds, made], at=MORNING, sign=KEY)
    after = await ledger.balances(connection, a.values())

    assert after[a[run]] == ledger.Balance(10, 10, 0, 0)
    assert after[a[product]] == ledger.Balance(4, 0, 4, 0)
    with pytest.raises(ConversionIsWhole):
        await ledger.revise(connection, [GiveBack(made.id, Kilograms(2), MORNING, bytes(32))], at=MORNING, sign=KEY)
    await ledger.revise(connection, [Void([made.id], MORNING, bytes(32))], at=MORNING, sign=KEY)
    assert (await ledger.balances(connection, a.values()))[a[run]] == ledger.Balance(10, 0, 10, 0)
    again = replace(movement(5, a[run], a[product], 10), made_kg=Kilograms(5))
    await ledger.append(connection, [again], at=MORNING, sign=KEY)
    assert (await ledger.balances(connection, a.values()))[a[product]] == ledger.Balance(5, 0, 5, 0)
    leg = await connection.fetchrow("SELECT * FROM leg WHERE movement = $1", again.id)
    assert (leg["source_lo"], leg["source_kg"], leg["target_lo"], leg["target_kg"]) == (0, 10, 4, 5)
