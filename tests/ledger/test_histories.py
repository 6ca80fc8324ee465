"""The ledger against its oracle on random histories: laws of places, debts, walks, episodes, leaves, batch cuts and repeats."""

import random
from pathlib import Path

import asyncpg
import pytest
from hypothesis import event, given, settings

from service.db import Connection, prepare_connection
from service.embedded import Endpoints
from tests.ledger.conftest import Play
from tests.ledger.deeds import SOURCES, TARGETS, Deed, History, Move, Void, histories
from tests.ledger.laws import check
from tests.ledger.repeats import Book, books
from tests.ledger.retold import Yard, check_told, lay_out
from tests.ledger.rows import cast, play, read

pytestmark = pytest.mark.anyio


@given(history=histories())
@settings(settings.get_profile("ledger"))
async def test_the_ledger_is_its_oracle_however_it_is_cut_into_batches(grounds: Play, history: History) -> None:
    async def held_to_the_laws(connection: Connection) -> None:
        rows = await check(connection, history)
        event(f"holes: {len(rows.holes) // 10 * 10} or more")

    await grounds(held_to_the_laws)


@pytest.mark.parametrize(("count", "with_holes"), [(1000, False), (150, True)])
async def test_one_batch_of_a_thousand_and_a_thousand_batches_of_one_are_the_same_rows(
    connection: Connection, count: int, with_holes: bool
) -> None:
    """The small ones by one who remembers, as the service posts them."""
    rnd = random.Random(count)
    ways = [(source, target) for source in SOURCES for target in TARGETS if source != target]
    numbers = iter(range(1, 2 * count))
    first: list[Deed] = [Move([(next(numbers), *way, rnd.randint(1, 99), None) for way in ways])]
    if with_holes:
        first += [Void([number]) for number in rnd.sample(range(1, len(ways)), 30)]
    moves: list[Deed] = []
    left = count
    while left:
        act = min(left, rnd.choice([1, 1, 1, 2, 3]))
        moves.append(Move([(next(numbers), *rnd.choice(ways), rnd.randint(1, 40), None) for _ in range(act)]))
        left -= act
    accounts = await cast(connection)
    found = []
    for is_cut in (True, False):
        transaction = connection.transaction()
        await transaction.start()
        deeds = [*first, *moves]
        await play(connection, accounts, deeds, [is_cut] * len(deeds), ["one"] * len(deeds))
        found.append(await read(connection))
        await transaction.rollback()

    assert found[0] == found[1]
    assert bool(found[0].holes) == with_holes


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
@settings(settings.get_profile("fifth"))
async def test_e7_w04_the_book_is_its_oracle_however_records_are_repeated_and_cut_into_batches(
    grounds: Play, yard: Yard, book: Book
) -> None:
    async def held_to_the_laws(connection: Connection) -> None:
        await check_told(connection, yard, book)

    await grounds(held_to_the_laws)
