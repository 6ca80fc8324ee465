"""The ledger and its oracle against an older oracle that thinks in heaps and promises, on random histories of trade."""

import pytest
from hypothesis import given, settings

from service.db import Connection
from tests.ledger.conftest import Play
from tests.ledger.deeds import History
from tests.ledger.queues import CIRCLE, Queues
from tests.ledger.trades import check_books, check_trade, trades

pytestmark = pytest.mark.anyio


@given(history=trades())
@settings(settings.get_profile("fifth"))
async def test_the_ledger_is_its_older_oracle(grounds: Play, history: History) -> None:
    async def held_to_the_queues(connection: Connection) -> None:
        await check_trade(connection, history)

    await grounds(held_to_the_queues)


@given(history=trades(size=12))
@settings(settings.get_profile("ledger"))
def test_both_oracles_say_the_same(history: History) -> None:
    check_books(history)


def test_the_oldest_promise_is_redeemed_first_wherever_it_lies() -> None:
    queues = Queues(springs={"issue"}, pools={"pool"}, quotas={"quota"})

    assert queues.move(1, "quota", "lot 1", 2) == (2, 0)
    assert queues.move(2, "lot 1", "lot 2", 1) == (0, 0)
    assert queues.move(3, "issue", "pool", 1) == (0, 0)
    assert queues.move(4, "pool", "quota", 1) == (0, 1)

    [sold_on], [kept] = queues.heaps["lot 2"], queues.heaps["lot 1"]
    assert (sold_on.origin(), sold_on.origin(to_the_province=True)) == (("tranche", 4), ("issue", 3))
    assert kept.origin() == ("debt", "quota")


def test_promises_that_redeem_each_other_have_no_origin() -> None:
    queues = Queues(springs=(), pools=(), quotas=())

    answers = [
        queues.move(1, "lot 1", "lot 2", 1),
        queues.move(2, "lot 2", "lot 3", 1),
        queues.move(3, "lot 3", "lot 1", 1),
    ]

    assert answers == [(1, 0), (0, 0), (0, 1)]
    assert [kilogram.origin() for carried in queues.carried.values() for kilogram in carried] == [CIRCLE] * 3
    assert not any(queues.heaps.values())
