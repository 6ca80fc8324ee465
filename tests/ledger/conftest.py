"""How many histories: three hundred in every run, ten thousand with --soak; and what was in them."""

import pytest
from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile(
        "ledger",
        max_examples=10_000 if config.getoption("--soak") else 300,
        deadline=None,
        suppress_health_check=QUIET,
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.ledger.laws import SEEN

    if SEEN:
        terminalreporter.write_sep("-", "histories of the ledger")
        terminalreporter.write_line(", ".join(f"{seen:,} {what}" for what, seen in SEEN.items()))
