"""What a browser is shown when something is wrong: never a page of JSON, never nothing."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests import cast


def reader_at(app: FastAPI, address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(address, 4711)),
        base_url="http://meisu.test",
        headers={"Accept": "text/html"},
    )


@pytest.fixture
async def reader(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with reader_at(app, "203.0.113.9") as client:
        yield client


async def test_who_has_not_signed_in_is_asked_to_and_comes_back(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/contracts?state=filed")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fcontracts%3Fstate%3Dfiled"


async def test_a_fault_of_ours_is_a_page_with_the_number_of_the_request(
    app: FastAPI, reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(app.state, "keys")
    answer = await reader.get("/T/1")
    assert answer.status_code == 500
    assert "服务内部出错" in answer.text
    assert answer.headers["x-request-id"] in answer.text


async def test_a_database_that_is_away_is_a_page_that_says_when_to_come_again(
    app: FastAPI, reader: httpx.AsyncClient
) -> None:
    class Away:
        def __getattr__(self, name: str) -> None:
            raise ConnectionRefusedError

    app.state.database.pool, pool = Away(), app.state.database.pool
    try:
        answer = await reader.get("/T/1")
    finally:
        app.state.database.pool = pool
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "数据没有丢失" in answer.text


async def test_codes_are_checked_at_a_pace_that_no_checkpoint_reaches(app: FastAPI) -> None:
    async with reader_at(app, "203.0.113.10") as hasty:
        answers = [await hasty.get("/T/1") for _ in range(125)]
    assert answers[0].status_code == 404
    assert answers[-1].status_code == 429
    assert "过于频繁" in answers[-1].text


async def test_a_firm_is_not_offered_ways_that_are_not_open_to_it(app: FastAPI, reader: httpx.AsyncClient, by) -> None:
    station = by(cast.BRIDGE_7_DEVICE)
    answer = await station.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
    assert answer.url.path == "/tickets"
    assert 'href="/tickets"' in answer.text
    assert 'href="/contracts"' not in answer.text
    assert 'href="/station">打开过磅页面</a>' in answer.text


@pytest.mark.parametrize("path", ["/?year=1", "/tickets?after=x", "/mines/not-an-id", "/alerts?state=other"])
async def test_an_address_that_makes_no_sense_is_a_page_too(path: str, by) -> None:
    answer = await by(cast.LI).get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
