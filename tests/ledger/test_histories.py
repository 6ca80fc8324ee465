"""The ledger against its oracle on random histories: laws of places, debts, walks, episodes, leaves and batch cuts."""

import pytest
from hypothesis import event, given, settings

from service.db import Connection
from tests.ledger.conftest import Play
from tests.ledger.deeds import History, histories
from tests.ledger.laws import check

pytestmark = pytest.mark.anyio


@given(history=histories())
@settings(settings.get_profile("ledger"))
async def test_the_ledger_is_its_oracle_however_it_is_cut_into_batches(grounds: Play, history: History) -> None:
    async def held_to_the_laws(connection: Connection) -> None:
        rows = await check(connection, history)
        event(f"holes: {len(rows.holes) // 10 * 10} or more")

    await grounds(held_to_the_laws)
