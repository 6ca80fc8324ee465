"""How many histories: three hundred in every run, ten thousand with --soak."""

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
