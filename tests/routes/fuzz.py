"""Whatever the API's own description allows to be sent is answered, never with a fault of ours; `make fuzz` runs it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error

from service.embedded import Endpoints
from tests import cast
from tests.conftest import copy_database
from tests.pages.site import Site, served

EXAMPLES = 25
SENDERS = (cast.PROVINCE, cast.LI, cast.PAIZHAI_CLERK, cast.PLANT_CLERK, cast.BRIDGE_7_DEVICE)
KNOWN = {
    "enterprise_id": cast.PAIZHAI.id,
    "mine_id": cast.PAIZHAI_MINE,
    "station_id": cast.BRIDGE_7,
    "person_id": cast.PLANT_CLERK.id,
}

schema = schemathesis.openapi.from_path(Path(__file__).parents[1] / "house" / "openapi.json")


@pytest.fixture(scope="session")
async def fuzzed(servers: Endpoints, stage: str) -> Endpoints:
    """A database for what is sent here, good or bad."""
    return await copy_database(servers, "fuzzed", stage)


@pytest.fixture(scope="session")
def fuzzed_site(fuzzed: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service, served to whoever sends anything."""
    with served(fuzzed, tmp_path_factory.mktemp("fuzz"), "2026-08-31T09:00:00+08:00") as site:
        yield site


@schema.parametrize()
@settings(max_examples=EXAMPLES, database=None)
def test_what_is_sent_is_answered(case: schemathesis.Case, fuzzed_site: Site, anyio_backend: str) -> None:
    for name in KNOWN.keys() & case.path_parameters.keys():
        case.path_parameters[name] = str(KNOWN[name])
    sender = SENDERS[len(str(case.body)) % len(SENDERS)]
    answer = case.call(base_url=fuzzed_site.url, headers={"Authorization": f"Bearer {fuzzed_site.token(sender)}"})
    case.validate_response(answer, checks=[not_a_server_error])
