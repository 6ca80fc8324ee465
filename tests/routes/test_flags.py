"""Every flag there is: somebody raises it, an office settles it with a note, and its next episode is another alert (§9)."""

import ast
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from service.domain.alerts import Alert, Flag
from service.store.alerts import open_alerts, settle_alerts
from tests import yard
from tests.cast import ANSHAN, BRIDGE_7_DEVICE, LI, PAIZHAI, PAIZHAI_CLERK, PLANT_CLERK
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, at, contract, slip
from tests.routes.quota import allot, base, fill_pools
from tests.sweeping import lead, swept

SERVICE = Path(__file__).parents[2] / "service"


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


def raised() -> set[str]:
    """The flags that some code of the service names, beside the list of them and their words."""
    named = set()
    for path in SERVICE.rglob("*.py"):
        if path != SERVICE / "domain/alerts.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Flag":
                    named.add(node.attr)
    return named


def test_every_flag_is_raised_by_something() -> None:
    assert {flag.name for flag in Flag} - raised() == set()


async def open_now(by: By, code: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await by(LI).get(f"/v1/alerts?state=open&code={code}&limit=500")).json()["items"]
    return items


async def test_an_office_settles_each_and_its_next_episode_is_another(app: FastAPI, by: By) -> None:
    now = at(app, ON_DAY_1)
    subject_id = str(uuid4())
    told = [Alert(flag, "contract", subject_id, "210381", (PAIZHAI.id,), now, {"why": flag}) for flag in Flag]

    async def tell() -> dict[str, dict[str, Any]]:
        async with app.state.database.transaction() as other:
            await open_alerts(other, told, at=now)
        items = (await by(PAIZHAI_CLERK).get("/v1/alerts?state=open&limit=500")).json()["items"]
        return {item["code"]: item for item in items}

    async with app.state.database.transaction() as connection:
        # Meanwhile nobody sweeps: what is told here is owed by nobody, and would settle itself.
        await lead(connection)
        first = await tell()
        assert first.keys() == set(Flag)
        assert all(item["facts"] and item["subject_id"] and item["occurred_at"] for item in first.values())
        for code, item in first.items():
            path = f"/v1/alerts/{item['id']}/settle"
            assert (await by(LI).post(path, json={"note": f"已核查 {code}"})).status_code == 204, code
        refused = await by(PAIZHAI_CLERK).post(path, json={"note": "自行处置"})
        assert refused.status_code == 403

        second = await tell()
        assert second.keys() == first.keys()
        assert {item["id"] for item in second.values()}.isdisjoint(item["id"] for item in first.values())
        async with app.state.database.transaction() as other:
            await settle_alerts(other, [alert.subject for alert in told], at=now)
        kept = (await by(LI).get("/v1/alerts?state=settled&limit=500")).json()["items"]
        assert sorted(item["note"] or "" for item in kept) == sorted(
            [""] * len(Flag) + [f"已核查 {flag}" for flag in Flag]
        )


async def test_the_sweeper_does_not_tell_again_what_an_office_has_settled(app: FastAPI, by: By) -> None:
    """R06, R22, W07: settled with a note is settled, for as long as nothing else happens."""
    now = at(app, ON_DAY_1)
    await fill_pools(by, 100_000)
    await allot(by(ANSHAN), base(100_000))
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=120_000))
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        filed = (await by(clerk).post("/v1/contracts", json=contract())).json()
    change = {"kg": 150_000, "agreed_on": "2026-03-03", "reason": "增供"}
    await by(PAIZHAI_CLERK).post(f"/v1/contracts/{filed['id']}/amendments", json=change)
    wish = yard.ticket_in(filed["id"], now, grade="一级")
    ticket = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=wish)).json()
    await by(BRIDGE_7_DEVICE).post("/v1/weighings", json=yard.record(ticket, "out", 31_000, now))
    await by(BRIDGE_7_DEVICE).post("/v1/heartbeats", json={"sent_at": now.isoformat(), "unsent": 0, "app_version": "1"})

    await swept(app, at(app, "2026-03-19T00:00:00+08:00"))
    codes = ("pool-overdrawn", "filing-overdue", "never-received", "station-silent")
    for code in codes:
        (alert,) = await open_now(by, code)
        assert (await by(LI).post(f"/v1/alerts/{alert['id']}/settle", json={"note": "已核查"})).status_code == 204
    await swept(app, at(app, "2026-03-19T00:05:00+08:00"))
    assert [await open_now(by, code) for code in codes] == [[], [], [], []]

    # Something else happens: the station is heard of and falls silent anew, the pool is filled and broken again.
    at(app, "2026-03-19T09:00:00+08:00")
    beat = {"sent_at": "2026-03-19T09:00:00+08:00", "unsent": 0, "app_version": "1"}
    await by(BRIDGE_7_DEVICE).post("/v1/heartbeats", json=beat)
    await fill_pools(by, 100_000)
    await allot(by(ANSHAN), base(100_000))
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(number="JJ-2", kg=120_000, handed_on="2026-03-19"))
    await swept(app, at(app, "2026-03-19T12:00:00+08:00"))
    assert [len(await open_now(by, code)) for code in ("pool-overdrawn", "station-silent")] == [1, 1]
