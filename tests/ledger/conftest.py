"""How many histories, of some sorts a fifth as many; where they are played; and what was in them."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from service.db import STEADY, Connection, prepare_connection
from service.embedded import Endpoints

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
SWEPT_AFTER = 25

Play = Callable[[Callable[[Connection], Awaitable[None]]], Awaitable[None]]


def pytest_configure(config: pytest.Config) -> None:
    """Two hundred in every run, ten thousand with --soak."""
    settings.register_profile(
        "ledger",
        max_examples=10_000 if config.getoption("--soak") else 200,
        suppress_health_check=QUIET,
    )
    settings.register_profile(
        "fifth", settings.get_profile("ledger"), max_examples=2_000 if config.getoption("--soak") else 40
    )


@pytest.fixture
async def grounds(endpoints: Endpoints) -> AsyncIterator[Play]:
    """A database of the test's own, where one history after the other is played as batches are, and rolled back.

    What is rolled back still lies in the tables, and every reader passes over it: it is swept away now and then, or the
    ten-thousandth history would take a hundred times as long as the first.
    """
    connection, owner = (
        await asyncpg.connect(endpoints.database_url, server_settings=STEADY),
        await asyncpg.connect(endpoints.owner_database_url),
    )
    await prepare_connection(connection)
    played = 0

    async def play(history: Callable[[Connection], Awaitable[None]]) -> None:
        nonlocal played
        played += 1
        if played % SWEPT_AFTER == 0:
            await owner.execute("VACUUM head, leg, hole, loose, checkpoint, node, overdraw")
        await history(connection)

    try:
        yield play
    finally:
        await connection.close()
        await owner.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.ledger.laws import SEEN

    if SEEN:
        terminalreporter.write_sep("-", "histories of the ledger")
        terminalreporter.write_line(", ".join(f"{seen:,} {what}" for what, seen in SEEN.items()))
