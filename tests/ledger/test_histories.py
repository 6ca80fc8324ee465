"""The ledger against its oracle on random histories: laws of places, debts, walks, episodes, leaves, batch cuts and repeats."""

from pathlib import Path

import asyncpg
import pytest
from hypothesis import event, given, settings

from service.db import Connection, prepare_connection
from service.embedded import Endpoints
from tests.ledger.conftest import Play
from tests.ledger.deeds import History, histories
from tests.ledger.laws import check
from tests.ledger.repeats import Book, books
from tests.ledger.retold import Yard, check_told, lay_out

pytestmark = pytest.mark.anyio


@given(history=histories())
@settings(settings.get_profile("ledger"))
async def test_the_ledger_is_its_oracle_however_it_is_cut_into_batches(grounds: Play, history: History) -> None:
    async def held_to_the_laws(connection: Connection) -> None:
        rows = await check(connection, history)
        event(f"holes: {len(rows.holes) // 10 * 10} or more")

    await grounds(held_to_the_laws)


@pytest.fixture
async def yard(endpoints: Endpoints, tmp_path: Path) -> Yard:
    """What the histories of records begin with, in the database of the grounds."""
    owner = await asyncpg.connect(endpoints.owner_database_url)
    try:
        await prepare_connection(owner)
        return await lay_out(owner, tmp_path)
    finally:
        await owner.close()


@given(book=books())
@settings(settings.get_profile("repeats"))
async def test_e7_w04_the_book_is_its_oracle_however_records_are_repeated_and_cut_into_batches(
    grounds: Play, yard: Yard, book: Book
) -> None:
    async def held_to_the_laws(connection: Connection) -> None:
        await check_told(connection, yard, book)

    await grounds(held_to_the_laws)
