"""A running service for agents, and agents in processes of their own."""

from collections.abc import Iterator

import pytest

from service.embedded import Endpoints
from tests.conftest import copy_database
from tests.pages.station.house import House, open_trade


@pytest.fixture(scope="session")
async def agent_endpoints(servers: Endpoints, stage: str) -> Endpoints:
    """The cast's database, for these stations alone."""
    return await copy_database(servers, "agent", stage)


@pytest.fixture(scope="session")
def house(agent_endpoints: Endpoints, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> Iterator[House]:
    """The service, running; it names its backend so that tests without `async` may use it."""
    house = House(agent_endpoints, tmp_path_factory.mktemp("house"))
    house.start()
    try:
        yield house
    finally:
        house.close()


@pytest.fixture(scope="session")
def contract(house: House) -> str:
    """A contract under which tickets can be issued."""
    return open_trade(house)
