"""Policy values through the API: decided by the province, in force from their day, everywhere at once."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from tests.cast import (
    ANSHAN,
    AUDITOR,
    BRIDGE_7,
    BRIDGE_7_DEVICE,
    LI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO_GATE,
    PROVINCE,
)
from tests.conftest import clients_of
from tests.routes.by import By
from tests.routes.filing import alerts, at, contract, slip
from tests.routes.quota import allot, base, fill_pools


@pytest.fixture
def begins_at() -> str:
    return "2026-03-01T09:00:00+08:00"


def decision(value: Any, valid_from: str = "2026-03-01", **more: Any) -> dict[str, Any]:
    """What the province decides."""
    return {"value": value, "valid_from": valid_from, "document_no": "辽镁政〔2026〕9号", "reason": "试行", **more}


@pytest.fixture(autouse=True)
def in_a_hurry(app: FastAPI) -> None:
    """Let nobody wait for processes that are not there."""
    app.state.rulebook.lease = 0.02


async def decide(by: By, name: str, value: Any, *when: str, **more: Any) -> httpx.Response:
    return await by(PROVINCE).post(f"/v1/policies/{name}", json=decision(value, *when, **more))


async def test_everybody_reads_them_and_the_province_decides(by: By) -> None:
    answer = await decide(by, "filing_days", 20)

    assert answer.status_code == 201, answer.text
    assert (answer.json()["value"], answer.json()["default"], answer.json()["rule"]) == (20, 15, "R22")
    for person in (ANSHAN, LI, AUDITOR, PAIZHAI_CLERK, BRIDGE_7_DEVICE):
        shown = (await by(person).get("/v1/policies")).json()
        found = {item["name"]: item["value"] for item in shown["items"]}
        assert (found["filing_days"], found["slip_days"], found["base_share"]) == (20, 15, "0.1")
        assert (await by(person).post("/v1/policies/filing_days", json=decision(30))).status_code == 403
    before = (await by(LI).get("/v1/policies?on=2026-02-28")).json()
    assert next(item["value"] for item in before["items"] if item["name"] == "filing_days") == 15


async def test_e53_figures_of_a_past_day_stand_beside_the_policies_of_that_day(app: FastAPI, by: By) -> None:
    await decide(by, "carry_years", True, "2026-03-05")
    at(app, "2026-03-06T09:00:00+08:00")
    await app.state.rulebook.look()
    for path, name in (("/v1/quotas", "carry_years"), (f"/v1/mines/{PAIZHAI_MINE}/quota", "carry_years")):
        told = []
        for as_of in (None, "2026-03-04T12:00:00+08:00"):
            asked = {"year": 2026} | ({"as_of": as_of} if as_of else {})
            told.append((await by(LI).get(path, params=asked)).json()["policies"][name])
        assert told == [True, False], path


async def test_the_history_says_who_decided_what_and_why(by: By) -> None:
    await decide(by, "filing_days", 20)
    await decide(by, "filing_days", 30, "2026-03-05")

    shown = (await by(LI).get("/v1/policies/filing_days")).json()
    assert [one["value"] for one in shown["decisions"]] == [30, 20]
    (last, _) = shown["decisions"]
    assert (last["document_no"], last["reason"], last["person"], last["scope"]) == (
        "辽镁政〔2026〕9号",
        "试行",
        "王处长",
        None,
    )


async def test_what_is_no_policy_or_no_value_is_refused(by: By) -> None:
    for name, body, status, code in [
        ("filing_hours", decision(1), 404, "policy-unknown"),
        ("filing_days", decision("20"), 422, "policy-value-malformed"),
        ("filing_days", decision(20, scope="210381"), 422, "scope-not-allowed"),
        ("overdraw", decision("block", scope="III"), 422, "scope-not-allowed"),
        ("transit_tolerance", decision({"share": "0.01", "kg": 100}, scope="210381"), 422, "scope-not-allowed"),
        ("overdraw", decision(None), 422, "scope-not-allowed"),
        ("filing_days", {"value": 1}, 422, "malformed-body"),
    ]:
        answer = await by(PROVINCE).post(f"/v1/policies/{name}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), name
    assert (await by(LI).get("/v1/policies/filing_hours")).json()["code"] == "policy-unknown"


async def test_the_same_key_decides_once(by: By) -> None:
    path, headers = "/v1/policies/filing_days", {"Idempotency-Key": "k"}
    answers = [await by(PROVINCE).post(path, json=decision(20), headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert len((await by(LI).get(path)).json()["decisions"]) == 1


async def test_r22_the_days_in_force_on_the_day_of_signing_stand_beside_the_deadline(by: By, app: FastAPI) -> None:
    at(app, "2026-03-20T09:00:00+08:00")
    await decide(by, "filing_days", 20, "2026-03-03")

    old = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(signed_on="2026-03-02"))).json()
    new = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="HT-2", signed_on="2026-03-03"))).json()

    assert (old["due_on"], old["policies"]["filing_days"]) == ("2026-03-17", 15)
    assert (new["due_on"], new["policies"]["filing_days"]) == ("2026-03-23", 20)
    assert [side["days_late"] for side in old["filings"]] == [3, 3]
    assert [side["days_late"] for side in new["filings"]] == [0, 0]


async def test_e56_a_decision_moves_open_deadlines_and_what_was_late_is_not(by: By, app: FastAPI) -> None:
    """R22c: what was filed late under the old value is judged by the new one; the move is kept with its document."""
    at(app, "2026-03-20T09:00:00+08:00")
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    assert {"filing-late", "filing-overdue"} <= set(filed["flags"])
    assert {alert["code"] for alert in await alerts(by, state="open")} >= {"filing-late", "filing-overdue"}

    await decide(by, "filing_days", 30)

    shown = (await by(PAIZHAI_CLERK).get(f"/v1/contracts/{filed['id']}")).json()
    assert (shown["due_on"], shown["filings"][0]["days_late"]) == ("2026-04-01", 0)
    assert shown["flags"] == ["seller-without-quota"]
    assert not {"filing-late", "filing-overdue"} & {alert["code"] for alert in await alerts(by, state="open")}
    (item,) = (await by(PLANT_CLERK).get("/v1/deadlines")).json()["items"]
    (move,) = item["moves"]
    assert (move["was_due_on"], move["due_on"], move["cause"]) == ("2026-03-17", "2026-04-01", "policy")
    assert move["document_no"] == "辽镁政〔2026〕9号"


async def test_r10_a_share_is_that_of_the_day_on_which_it_is_decided(by: By, app: FastAPI) -> None:
    at(app, "2026-03-01T09:00:00+08:00")
    await fill_pools(by)
    await decide(by, "base_share", "0.05", "2026-03-02")
    await allot(by(ANSHAN), base(200_000_000))

    at(app, "2026-03-02T09:00:00+08:00")
    refused = await by(ANSHAN).post("/v1/allotments", json={**base(200_000_000, quarter=2), "issue": True})
    assert (refused.json()["code"], refused.json()["most_kg"]) == ("tranche-exceeds-share", 105_500_000)


async def test_r24_slips_have_days_of_their_own(by: By, app: FastAPI) -> None:
    at(app, "2026-03-20T09:00:00+08:00")
    await decide(by, "slip_days", 20)
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).json()

    assert (filed["due_on"], filed["days_late"], filed["flags"][:1]) == ("2026-03-22", 0, ["quota-overdrawn"])
    assert filed["policies"]["slip_days"] == 20


async def test_o01_contracts_may_be_held_against_what_was_issued(by: By, app: FastAPI) -> None:
    """Policy overcommit_base."""
    at(app, "2026-03-03T09:00:00+08:00")
    await fill_pools(by)
    await allot(by(ANSHAN), base(50_000))
    await decide(by, "overcommit_base", "issued")

    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(kg=60_000))

    (found,) = await alerts(by, state="open", code="quota-overcommitted")
    assert found["facts"]["over_kg"] == 10_000


@pytest.fixture
async def second(app: FastAPI, tmp_path: Any, stage_endpoints: Any) -> AsyncIterator[FastAPI]:
    """Another process of the same service, as far as policies go."""
    other = create_app(Settings(data=tmp_path), stage_endpoints)
    async with other.router.lifespan_context(other):
        yield other


async def test_what_was_confirmed_counts_in_every_process(by: By, app: FastAPI, second: FastAPI) -> None:
    """A process goes by what it saw for a lease at most; the confirmation waits for so long."""
    for book in (app.state.rulebook, second.state.rulebook):
        book.lease = 0.3
    async with clients_of(second) as other:
        for days in (20, 21, 22):
            await decide(by, "filing_days", days)
            shown = (await other(LI).get("/v1/policies/filing_days")).json()
            assert shown["value"] == days


async def test_o03_a_pool_may_refuse_or_hold_new_tickets_while_others_only_flag(by: By, app: FastAPI) -> None:
    """O03, R06: policy overdraw, per pool; a county's own value goes before its city's."""
    at(app, "2026-03-03T09:00:00+08:00")
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    wish = {
        "contract_id": filed["id"],
        "plate": "辽C12345",
        "planned_kg": 30_000,
        "grade": "一级",
        "source_station_id": str(BRIDGE_7),
        "destination_station_id": str(PLANT_TWO_GATE),
        "valid_from": "2026-03-03T09:00:00+08:00",
        "valid_until": "2026-03-04T09:00:00+08:00",
    }

    async def issue() -> tuple[int, str]:
        answer = await by(PAIZHAI_CLERK).post("/v1/tickets", json=wish)
        return answer.status_code, answer.json().get("code") if answer.status_code != 201 else answer.json()["state"]

    await decide(by, "overdraw", "block", scope="210800")
    assert await issue() == (201, "issued")
    await decide(by, "overdraw", "block", scope="210300")
    assert await issue() == (409, "quota-is-used-up")
    await decide(by, "overdraw", "hold", scope="210381")
    assert await issue() == (201, "held")
    await decide(by, "overdraw", None, scope="210381")
    assert await issue() == (409, "quota-is-used-up")
