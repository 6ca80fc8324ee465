"""The oracles see it when a rule of posting, taking back, walking or repeating is broken."""

from pathlib import Path

import pytest

from service.db import Connection
from tests.ledger.mutants import (
    MUTANTS,
    MUTANTS_OF_REPEATS,
    MUTANTS_OF_TRADE,
    Mutant,
    catch,
    catch_of_repeats,
    catch_of_trade,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.broken)
async def test_a_broken_rule_is_caught(connection: Connection, mutant: Mutant) -> None:
    assert await catch(connection, mutant) is not None


@pytest.mark.parametrize("mutant", MUTANTS_OF_REPEATS, ids=lambda mutant: mutant.broken)
async def test_e7_a_broken_rule_of_repeats_is_caught(connection: Connection, tmp_path: Path, mutant: Mutant) -> None:
    assert await catch_of_repeats(connection, tmp_path, mutant) is not None


@pytest.mark.parametrize("mutant", MUTANTS_OF_TRADE, ids=lambda mutant: mutant.broken)
async def test_a_broken_rule_of_trade_is_caught_by_the_older_oracle(connection: Connection, mutant: Mutant) -> None:
    assert await catch_of_trade(connection, mutant) is not None
