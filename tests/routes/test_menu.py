"""The menu leads everybody to all that is theirs, and nowhere else."""

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from service.routes.pages.menu import MENU, menu_of
from tests import cast
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, at

ONE_OF_EACH = (
    cast.PROVINCE,
    cast.AUDITOR,
    cast.ANSHAN,
    cast.LI,
    cast.PAIZHAI_CLERK,
    cast.PLANT_CLERK,
    cast.BRIDGE_7_DEVICE,
)
# Where one begins, what another page fetches, and what is no page.
ELSEWHERE = {"/sign-in", "/alerts/beside", "/healthz", "/readyz", "/metrics", "/openapi.json"}


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.mark.parametrize("person", ONE_OF_EACH, ids=lambda person: person.username)
async def test_each_page_of_a_menu_opens_for_whose_it_is(by: By, app: FastAPI, person: cast.Person) -> None:
    at(app, ON_DAY_1)
    kinds = next((firm.kinds for firm in cast.ENTERPRISES if firm.id == person.enterprise_id), None)
    for section in menu_of(person.actor, kinds):
        for place in section.places:
            answer = await by(person).get(place.href, headers={"Accept": "text/html"})
            assert answer.status_code == 200, place.href
            assert f'href="{section.href}" aria-current' in answer.text


def test_every_page_is_in_the_menu_or_under_one_that_is(app: FastAPI) -> None:
    paths = {route.path or "" for route in iter_route_contexts(app.routes) if "GET" in (route.methods or ())}
    pages = {path for path in paths if "{" not in path and not path.startswith(("/v1/", "/station", "/.well-known"))}

    assert {path for path in pages - ELSEWHERE if not any(section.holds(path) for section in MENU)} == set()


def test_a_firm_s_menu_has_what_its_kind_has_use_for() -> None:
    def hrefs(kinds: list[str]) -> set[str]:
        return {place.href for section in menu_of(cast.PLANT_CLERK.actor, kinds) for place in section.places}

    assert "/runs" in hrefs(["processor"])
    assert "/forms" not in hrefs(["processor", "trader"])
    assert {"/forms", "/runs", "/ledgers"} <= hrefs(["mine", "processor"])
