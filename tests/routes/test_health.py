"""Signs of life, counts, and the pages behind problems."""

import httpx

from service import problems


async def test_the_process_and_its_parts_are_up(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"process": "up"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": "up", "head": "up", "valkey": "up"})


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
    assert 'meisu_database_connections{state="idle"}' in counts


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
