"""Signs of life, counts, and the pages behind problems."""

import asyncio
import os
import signal
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from service import problems
from service.db import Database
from service.embedded import Endpoints
from service.routes import health
from service.settings import Settings
from service.store import outbox
from service.store.health import find_head_seq


async def test_the_process_and_its_parts_are_up(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"process": "up"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": "up", "head": "up", "valkey": "up", "disk": "up"})


async def test_requests_are_counted_by_their_routes_and_not_by_their_paths(client: httpx.AsyncClient) -> None:
    await client.get("/problems/busy")
    await client.get("/nowhere/at/all")
    await client.request("BREW", "/nowhere")

    counts = (await client.get("/metrics")).text
    assert 'meisu_requests_total{method="GET",route="/problems/{code}",status="200"}' in counts
    assert 'meisu_requests_total{method="GET",route="nowhere",status="404"}' in counts
    assert 'method="other"' in counts
    assert "/nowhere/at/all" not in counts
    assert "meisu_ledger_rows 0.0" in counts
    for pool in ("requests", "batches", "patient batches", "sessions"):
        assert f'meisu_database_connections{{pool="{pool}",state="idle"}}' in counts


async def test_a_server_that_says_nothing_is_down_soon(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SECONDS_TO_ANSWER", 0.1)
    async with Database.connect(endpoints.database_url, 1) as database:
        async with database.transaction(readonly=True) as connection:
            mute = connection.get_server_pid()
        os.kill(mute, signal.SIGSTOP)
        try:
            answer = await asyncio.wait_for(health._answer_of(database, find_head_seq), 5)
        finally:
            os.kill(mute, signal.SIGCONT)
        assert isinstance(answer, TimeoutError)


async def test_the_age_of_what_waits_is_shown(app: FastAPI, client: httpx.AsyncClient) -> None:
    """As while Valkey is away or nobody can sign: those who would take it do not."""
    database: Database = app.state.database
    before = app.state.clock.now() - timedelta(seconds=90)
    async with database.transaction() as held:
        await held.execute(outbox.SQL["lead"].replace("pg_try_", "pg_"))
        await held.execute("SELECT FROM paper_head FOR UPDATE")
        async with database.transaction() as connection:
            await connection.execute(
                "INSERT INTO outbox (topic, message, recorded_at) VALUES ('alerts', '{}'::jsonb, $1)", before
            )
            await connection.execute(
                "INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at) "
                "VALUES ('slip', gen_random_uuid(), sha256(''), FALSE, $1)",
                before,
            )

        shown = figures((await client.get("/metrics")).text)

    assert 90 <= shown["meisu_outbox_oldest_seconds"] < 120
    assert 90 <= shown["meisu_papers_oldest_seconds"] < 120
    assert shown["meisu_disk_free_bytes"] > 0


async def test_what_the_service_does_by_itself_and_what_it_refuses_is_shown(client: httpx.AsyncClient) -> None:
    refused = 'meisu_refusals_total{code="not-signed-in"}'
    before = figures((await client.get("/metrics")).text)
    await client.get("/v1/me")

    shown = figures((await client.get("/metrics")).text)

    assert shown[refused] == before.get(refused, 0) + 1
    assert shown['meisu_batch_waiting{batcher="weighings"}'] == 0
    assert shown['meisu_chore_ended_timestamp_seconds{chore="seal"}'] > 0


async def test_a_key_that_lies_open_is_named_in_the_log_and_the_client_comes_again(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    folder = settings.data / "keys"
    path = folder / "tokens-1.json"
    path.chmod(0o640)
    os.utime(folder, (1, 1))
    with capture_logs() as logs:
        answer = await client.get("/.well-known/jwks.json")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    [told] = [log["event"] for log in logs if log["log_level"] == "error"]
    assert f"Run chmod go= {path}" in told

    path.chmod(0o600)
    assert (await client.get("/.well-known/jwks.json")).status_code == 200


def figures(said: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in said.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def test_every_problem_has_a_page_for_people_and_for_programs(client: httpx.AsyncClient) -> None:
    codes = problems.codes()
    assert {"busy", "not-found", "username-taken"} <= codes.keys()
    for code, kind in codes.items():
        found = (await client.get(f"/problems/{code}")).json()
        assert (found["title"], found["status"]) == (kind.title, problems.status_of(kind()))
        page = await client.get(f"/problems/{code}", headers={"Accept": "text/html,*/*"})
        assert page.headers["Content-Type"].startswith("text/html")
        assert kind.title in page.text

    assert (await client.get("/problems/%3Cscript%3E")).status_code == 404
