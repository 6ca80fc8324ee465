"""What every request passes: its name, its limit, its JSON, and the headers of its answer."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from service.db import Database
from service.embedded import Endpoints
from service.gate import Gate
from service.settings import Settings
from tests import yard
from tests.cast import BRIDGE_7_DEVICE, LI, Person

By = Callable[[Person], httpx.AsyncClient]
PERSON = (
    b'{"username": "new-one", "password": "a-long-password-1", "name": "x", "role": "county", "jurisdiction": "210381"'
)


async def post(by: By, body: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    return await by(LI).post("/v1/people", content=body, headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"disabled": NaN}', "number-not-finite"),
        (b'{"disabled": -Infinity}', "number-not-finite"),
        (b'{"disabled": 1e999}', "number-not-finite"),
        (PERSON + b', "role": "province"}', "name-given-twice"),
        (b'{"name": "\xff"}', "not-utf-8"),
        (b'{"name": "\\ud800"}', "not-json"),
        (b"[" * 100_000, "too-deep"),
        (b"[" * 65 + b"]" * 65, "too-deep"),
        (b'{"name": ' * 300 + b"1" + b"}" * 300, "too-deep"),
        (b"[" * 64 + b"]" * 64, "model-attributes-type"),
        (b"9" * 5_000, "not-json"),
        (b"{", "not-json"),
        (b"", "missing"),
        (b"null", "model-attributes-type"),
        (b"[]", "model-attributes-type"),
        (b'"text"', "model-attributes-type"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_body_that_two_readers_could_understand_differently_is_refused(
    standing: By, body: bytes, code: str
) -> None:
    answer = await post(standing, body)

    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "malformed-body"
    assert problem["errors"][0]["code"] == code
    assert problem["errors"][0]["pointer"] == ""


async def test_a_body_of_another_kind_is_refused(standing: By) -> None:
    answer = await post(standing, PERSON + b"}", **{"Content-Type": "text/plain"})

    assert answer.status_code == 422


async def test_a_kind_of_body_is_the_same_in_capitals(standing: By) -> None:
    """RFC 9110: media types have no case; also where the body is read by hand."""
    for path, sender in (("/v1/people", LI), ("/v1/weighings", BRIDGE_7_DEVICE)):
        answer = await standing(sender).post(path, content=b"{}", headers={"Content-Type": "Application/JSON"})
        assert "missing" in {fault["code"] for fault in answer.json()["errors"]}, path


@pytest.mark.parametrize("path", ["/v1/contracts?number=%00", "/v1/weighings?plate=%00", "/v1/policies/%00"])
async def test_an_address_holds_no_nul(standing: By, path: str) -> None:
    answer = await standing(LI).get(path)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "nul-in-address")


async def test_what_is_read_may_be_asked_for_its_head_alone(standing: By) -> None:
    """RFC 9110: a watch that asks whether a page is there is told; the server leaves the body out."""
    for path, status in (("/healthz", 200), ("/v1/me", 200), ("/v1/nowhere", 404), ("/sign-in", 303)):
        got, head = [await standing(LI).request(method, path) for method in ("GET", "HEAD")]
        assert (head.status_code, head.headers.get("content-type")) == (status, got.headers.get("content-type")), path


async def test_a_stream_is_asked_for_its_head_and_ends_there(standing: By) -> None:
    async with asyncio.timeout(5):
        head = await standing(LI).head("/v1/alerts/stream")

    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


async def test_a_method_that_an_address_does_not_take_is_told_in_both_languages(standing: By) -> None:
    answer = await standing(LI).delete("/v1/contracts")
    problem = answer.json()

    assert (answer.status_code, problem["type"]) == (405, "/problems/method-not-allowed")
    assert (problem["title"][:3], answer.headers["allow"]) == ("该地址", "GET, HEAD, POST")
    page = await standing(LI).put("/sign-in", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(standing: By, settings: Settings) -> None:
    answer = await post(standing, b" " * (settings.body_limit_bytes + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert answer.json()["limit_bytes"] == settings.body_limit_bytes


async def test_a_body_that_comes_in_chunks_is_refused_at_the_limit(standing: By, settings: Settings) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10 * settings.body_limit_bytes:
            sent += 65_536
            yield b" " * 65_536

    answer = await post(standing, chunks())

    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert sent <= settings.body_limit_bytes + 65_536


async def test_a_request_has_a_name_of_its_own_or_the_one_that_it_brings(client: httpx.AsyncClient) -> None:
    assert UUID((await client.get("/healthz")).headers["X-Request-ID"]).version == 7
    given = await client.get("/v1/me", headers={"X-Request-ID": "weighbridge-7:42"})
    assert given.headers["X-Request-ID"] == given.json()["request_id"] == "weighbridge-7:42"
    for strange in ("a b", "x" * 65, "<script>", ""):
        answer = await client.get("/healthz", headers={"X-Request-ID": strange})
        assert UUID(answer.headers["X-Request-ID"])


async def test_every_answer_carries_safe_headers(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/v1/me", "/nowhere", "/problems/busy"):
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Strict-Transport-Security" not in headers


async def test_a_request_is_one_line_in_the_log_and_names_the_person(by: By, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "meisu.requests"):
        await by(LI).get("/v1/people?limit=3", headers={"X-Request-ID": "line-1"})

    [line] = [json.loads(record.message) for record in caplog.records if record.name == "meisu.requests"]
    assert line["event"].startswith("GET /v1/people answered 200 in ")
    assert (line["http.path"], line["http.status"], line["request_id"]) == ("/v1/people", 200, "line-1")
    assert line["person_id"] == str(LI.id)
    assert line["duration_ms"] > 0


async def test_what_goes_wrong_on_our_side_is_a_problem_with_the_requests_name(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async def fail() -> None:
        raise RuntimeError("secret words")

    app.add_api_route("/fails", fail)

    answer = await client.get("/fails", headers={"X-Request-ID": "boom"})

    assert answer.status_code == 500
    assert (answer.json()["code"], answer.json()["request_id"]) == ("unexpected", "boom")
    assert "secret words" not in answer.text


async def test_a_database_that_cannot_take_more_asks_to_come_again(
    app: FastAPI, by: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.db.SECONDS_TO_WAIT", 0.1)
    database: Database = app.state.database
    held = [await database.pool.acquire() for _ in range(database.pool.get_max_size())]
    try:
        answer = await by(LI).get("/v1/me")
    finally:
        for connection in held:
            await database.pool.release(connection)

    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await by(LI).get("/v1/me")).status_code == 200


async def test_a_scale_that_finds_the_queue_full_is_told_when_to_come_again(
    app: FastAPI, by: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = yard.record(None, "out", 31_000, app.state.clock.now())
    with monkeypatch.context() as crowded:
        crowded.setattr(app.state.weighings, "_most_waiting", 0)
        answer = await by(BRIDGE_7_DEVICE).post("/v1/weighings", json=record)

    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    again = await by(BRIDGE_7_DEVICE).post("/v1/weighings", json=record)
    assert [result["status"] for result in again.json()["results"]] == ["accepted"], "nothing of it was kept"


async def test_a_database_that_was_away_is_used_again(app: FastAPI, by: By, stage_endpoints: Endpoints) -> None:
    assert (await by(LI).get("/v1/me")).status_code == 200
    database: Database = app.state.database
    async with database.pool.acquire() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    answers = [(await by(LI).get("/v1/me")).status_code for _ in range(4)]

    assert set(answers) <= {200, 503}
    assert answers[-1] == 200


async def test_one_who_hangs_up_is_no_fault_of_ours(
    app: FastAPI, token_for: Callable[[Person], str], caplog: pytest.LogCaptureFixture
) -> None:
    headers = [
        (b"authorization", f"Bearer {token_for(BRIDGE_7_DEVICE)}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", b"100"),
    ]
    path = "/v1/weighings"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return next(parts)

    async def send(message: object) -> None:
        sent.append(message)

    with caplog.at_level(logging.INFO):
        await app({**scope, "app": app}, receive, send)  # type: ignore[arg-type]

    assert sent == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_what_the_end_of_the_service_cuts_off_is_asked_for_again() -> None:
    begun = asyncio.Event()

    async def endless(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    gate = Gate(endless, body_limit_bytes=1, upload_limit_bytes=1, secure=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://meisu.test") as client:
        asked = asyncio.create_task(client.post("/v1/weighings"))
        await begun.wait()
        asked.cancel()
        answer = await asked
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"


async def test_what_the_end_of_the_service_breaks_off_is_told_in_a_line() -> None:
    """What has begun cannot be answered otherwise; the server closes the connection, so that nobody takes it for whole."""

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    async def receive() -> Message:
        raise NotImplementedError

    sent = asyncio.Queue[Message]()
    gate = Gate(endless, body_limit_bytes=1, upload_limit_bytes=1, secure=False)
    scope = {"type": "http", "method": "GET", "path": "/v1/log/entries", "query_string": b"", "headers": []}
    asked = asyncio.create_task(gate(scope, receive, sent.put))
    await sent.get()
    asked.cancel()
    with capture_logs() as logs:
        await asked
    assert [line["event"] for line in logs] == ["GET /v1/log/entries is broken off: the service ends"]
    assert sent.empty(), "nothing is said of an end"
