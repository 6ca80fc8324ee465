"""The oracle sees it when a rule of posting, taking back or walking is broken."""

import pytest

from service.db import Connection
from tests.ledger.mutants import MUTANTS, Mutant, catch

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.broken)
async def test_a_broken_rule_is_caught(connection: Connection, mutant: Mutant) -> None:
    assert await catch(connection, mutant) is not None
