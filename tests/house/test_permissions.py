"""Every door asks who, every permission is asked for somewhere, and nobody comes through a door that is not theirs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from service.auth import Door
from service.domain.permissions import PERMISSIONS, Reach, Role, knows_of, reach
from tests import cast
from tests.cast import Person

By = Callable[[Person], httpx.AsyncClient]

PUBLIC = {
    "GET /openapi.json",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /problems/{code}",
    "POST /v1/token",
    "POST /v1/token/revoke",
    "GET /.well-known/jwks.json",
    "GET /v1/quotas/published",
    "GET /published",
    "GET /sign-in",
    "POST /sign-in",
    "GET /T/{code:path}",
    "GET /t/{code:path}",
    "GET /station",
    "GET /station/worker.js",
    "GET /station/manifest.webmanifest",
    "GET /station/files/{asked}/{path:path}",
    "GET /v1/plates/feed/{secret}",
}
ONE_OF_EACH = (cast.PROVINCE, cast.AUDITOR, cast.ANSHAN, cast.LI, cast.PAIZHAI_CLERK, cast.BRIDGE_7_DEVICE)
STRANGERS = (cast.YINGKOU, cast.DASHIQIAO, cast.STRANGER_CLERK, cast.STRANGER_DEVICE)


@dataclass(frozen=True)
class Way:
    """One route as the house sees it."""

    method: str
    path: str
    parameters: frozenset[str]
    needed: frozenset[str]
    actions: frozenset[str]
    streams: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def to(self, ids: dict[str, object]) -> str:
        """The address with ids in their places; those that the cast does not name are of nobody."""
        return self.path.replace(":path", "").format_map({name: ids.get(name, uuid4()) for name in self.parameters})


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for child in dependant.dependencies:
        yield from _dependants(child)


def ways(app: FastAPI) -> list[Way]:
    """Every route of the application."""
    return [way for route in iter_route_contexts(app.routes) for way in _ways(route)]


def _ways(route: RouteContext) -> Iterator[Way]:
    dependant = getattr(route, "dependant", None)
    parts = list(_dependants(dependant)) if dependant else []
    queries = [field for part in parts for field in part.query_params]
    for method in sorted((route.methods or set()) - {"HEAD"}):
        yield Way(
            method=method,
            path=route.path or "",
            parameters=frozenset(field.alias for part in parts for field in part.path_params),
            needed=frozenset(field.alias for field in queries if field.field_info.is_required()),
            actions=frozenset(part.call.action for part in parts if isinstance(part.call, Door)),
            streams=bool(getattr(route, "is_sse_stream", False)),
        )


def test_every_route_is_public_by_name_or_asks_for_a_permission(app: FastAPI) -> None:
    open_doors = {str(way) for way in ways(app) if not way.actions}

    assert open_doors == PUBLIC
    assert {action for way in ways(app) for action in way.actions} <= PERMISSIONS.keys()


def test_nothing_that_a_route_depends_on_is_called_in_another_thread(app: FastAPI) -> None:
    """That costs more than most of them do, a class too; the threads are few, and wait for each other."""
    dependants = [found for route in iter_route_contexts(app.routes) if (found := getattr(route, "dependant", None))]
    calls = {part.call for dependant in dependants for part in _dependants(dependant)}

    def runs_in_the_loop(call: Any) -> bool:
        return any(iscoroutinefunction(each) or isasyncgenfunction(each) for each in (call, type(call).__call__))

    assert len(calls) > len(dependants)
    assert [call for call in calls if not runs_in_the_loop(call)] == []


def test_every_permission_is_asked_for_by_a_route(app: FastAPI) -> None:
    asked = {action for way in ways(app) for action in way.actions}
    # A permission to read may also only say whether one knows of a thing: 403, not 404.
    assert {action for action in PERMISSIONS.keys() - asked if not action.endswith(".read")} == set()


@pytest.mark.parametrize("action", sorted(PERMISSIONS))
def test_the_table_reaches_no_further_than_a_role_can(action: str) -> None:
    may = {
        Role.PROVINCE: {Reach.ALL, Reach.AREA, Reach.SELF},
        Role.CITY: {Reach.AREA, Reach.SELF},
        Role.COUNTY: {Reach.AREA, Reach.SELF},
        Role.AUDITOR: {Reach.ALL, Reach.SELF},
        Role.ENTERPRISE: {Reach.PARTY, Reach.SELF},
        Role.STATION: {Reach.NAMED, Reach.SELF},
    }
    for role, far in PERMISSIONS[action].items():
        assert far in may[role]
    reads = action.split(".")[1] in ("read", "check") or action.startswith("me.")
    assert Role.AUDITOR not in PERMISSIONS[action] or reads, "the auditor reads"


async def test_nobody_comes_in_without_signing_in(app: FastAPI, client: httpx.AsyncClient) -> None:
    for way in ways(app):
        if way.actions:
            answer = await client.request(way.method, way.to(cast.OF_PAIZHAI))
            assert answer.status_code == 401, way


async def test_no_role_comes_through_a_door_that_is_not_theirs(app: FastAPI, by: By) -> None:
    seen = 0
    for way in ways(app):
        for person in ONE_OF_EACH:
            refused = [action for action in way.actions if reach(person.actor, action) is None]
            if refused:
                answer = await by(person).request(way.method, way.to(cast.OF_PAIZHAI))
                known = all(knows_of(person.actor, action) for action in refused)
                assert answer.status_code == (403 if known else 404), f"{way} by {person.role}"
                seen += 1
    assert seen > 50


async def test_a_stranger_finds_nothing_of_a_firm_elsewhere(app: FastAPI, by: By) -> None:
    seen = 0
    for way in ways(app):
        for person in STRANGERS:
            if way.streams or not way.actions or any(reach(person.actor, action) is None for action in way.actions):
                continue
            if unnamed := way.needed - cast.ASKED.keys():
                pytest.fail(f"{way}: say in tests/cast.py what to ask for: {sorted(unnamed)}")
            asked = {name: str(cast.ASKED[name]) for name in way.needed}
            answer = await by(person).request(way.method, way.to(cast.OF_PAIZHAI), params=asked)
            where = f"{way} by {person.username}: {answer.status_code}"
            if way.method == "GET" and (way.parameters - cast.NOBODYS):
                assert answer.status_code in (403, 404), where
            assert answer.status_code < 500, where
            assert not [secret for secret in cast.SECRETS_OF_PAIZHAI if secret in answer.text], where
            seen += 1
    assert seen > 50


async def test_what_is_nobodys_is_not_found_by_anybody(app: FastAPI, by: By) -> None:
    for way in ways(app):
        if way.method == "GET" and not way.streams and way.actions and way.parameters - cast.NOBODYS:
            asked = {name: str(cast.ASKED[name]) for name in way.needed}
            for person in ONE_OF_EACH:
                answer = await by(person).request(way.method, way.to({}), params=asked)
                allowed = all(reach(person.actor, action) for action in way.actions)
                assert answer.status_code == 404 if allowed else answer.status_code in (403, 404), f"{way} by {person}"
