"""Allotting quota: what is issued lies in the ledger, and each rule that it may break is named."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.cast import ANSHAN, DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_TWO, PROVINCE, STRANGER_MINE, TRADER, YINGKOU
from tests.routes.by import By
from tests.routes.quota import MINE, SCALE, TENTH, allot, allotment, approve, base, fill_pools
from tests.routes.registry_entries import PROJECTS, STOCKS


async def refusal(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/v1/allotments", json={"issue": True, **body})
    assert answer.status_code == 409, answer.text
    problem: dict[str, Any] = answer.json()
    return problem


async def test_a_tranche_comes_down_from_the_province(by: By) -> None:
    await fill_pools(by)

    issued = await allot(by(ANSHAN), base())

    assert issued["state"] == "issued"
    assert issued["from"] == "210381"
    assert issued["to"]["mine_id"] == MINE["mine_id"]
    quota = (await by(PAIZHAI_CLERK).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert (quota["issued_kg"], quota["available_kg"]) == (TENTH, TENTH)
    (tranche,) = quota["tranches"]
    assert (tranche["id"], tranche["kind"], tranche["quarter"]) == (issued["id"], "base", 1)
    assert (tranche["kg"], tranche["spent_kg"], tranche["document_no"]) == (TENTH, 0, issued["document_no"])


async def test_the_province_may_issue_to_a_city_in_one_act(by: By) -> None:
    await allot(by(PROVINCE), allotment("total", None, {"jurisdiction": "210300"}, 100))
    await allot(by(ANSHAN), allotment("total", "210300", {"jurisdiction": "210381"}, 100))

    province = (await by(PROVINCE).get("/v1/quotas?year=2026")).json()["province"]
    assert (province["issued_kg"], province["allotted_kg"]) == (100, 100)


async def test_the_same_key_issues_once(by: By) -> None:
    await fill_pools(by)
    bodies = {**base(), "issue": True}

    answers = [await by(ANSHAN).post("/v1/allotments", json=bodies, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert quota["issued_kg"] == TENTH


async def test_r02_quota_goes_to_mines_only(by: By) -> None:
    """R02: a trader, a declared stock or an office holds no tranche."""
    await fill_pools(by)
    stock = (await by(LI).post("/v1/stocks", json=STOCKS.body)).json()

    for to in ({"mine_id": str(TRADER.id)}, {"stock_id": stock["id"]}, {"jurisdiction": "210381"}):
        assert (await refusal(by(ANSHAN), {**base(), "to": to}))["code"] == "holder-not-a-mine"
    of_a_trader = {**base(), "from": "210882", "to": {"mine_id": str(STRANGER_MINE)}}
    assert (await refusal(by(PROVINCE), of_a_trader))["code"] == "holder-not-a-mine"


async def test_r02_r07_a_mine_must_be_eligible(by: By) -> None:
    """R02, R07: each of the five conditions by itself, on the very day of issue."""
    await fill_pools(by)
    version = 1
    for fault, patch in [
        ("not-consolidated", {"consolidated": False}),
        ("environment-papers-missing", {"consolidated": True, "environment_ok": False}),
        ("safety-papers-missing", {"environment_ok": True, "safety_ok": False}),
        ("operation-suspended", {"safety_ok": True, "operating": "suspended"}),
        ("licence-not-valid", {"operating": "lawful", "licence": {"valid_until": "2026-01-04"}}),
    ]:
        answer = await by(LI).patch(f"/v1/mines/{MINE['mine_id']}", json=patch, headers={"If-Match": f'"{version}"'})
        version = answer.json()["version"]
        found = await refusal(by(ANSHAN), base())
        assert (found["code"], found["faults"]) == ("mine-not-eligible", [fault])


async def test_tranches_stay_within_the_scale_and_their_shares(by: By) -> None:
    await fill_pools(by, 3_000_000_000)
    await allot(by(ANSHAN), base(TENTH - 1))

    assert (await refusal(by(ANSHAN), base(SCALE)))["code"] == "tranches-exceed-scale"
    exceeds = await refusal(by(ANSHAN), base(2))
    assert (exceeds["code"], exceeds["rule"], exceeds["possible_kg"]) == ("tranche-exceeds-share", "R10", 1)
    await allot(by(ANSHAN), base(1))
    await allot(by(ANSHAN), base(TENTH, quarter=2))
    merit = allotment("merit", "210381", MINE, TENTH + 1, quarter=1)
    assert (await refusal(by(ANSHAN), merit))["rule"] == "R11"
    reward = allotment("reward", "210381", MINE, TENTH + 1, reason="市场需求")
    assert (await refusal(by(ANSHAN), reward))["rule"] == "R12"
    unreasoned = allotment("reward", "210381", MINE, TENTH)
    assert (await refusal(by(ANSHAN), unreasoned))["code"] == "reason-missing"


async def test_a_county_issues_what_the_city_approved_or_less(by: By) -> None:
    await fill_pools(by)
    assert (await refusal(by(LI), base()))["code"] == "exceeds-approval"
    approval = await approve(by, base(100_000))
    issues, issued = 'name="step" value="issue"', "已据此下达"

    async def shown() -> str:
        return (await by(LI).get("/allotments?year=2026&state=approved", headers={"Accept": "text/html"})).text

    assert (issues in await shown(), issued in await shown()) == (True, False)
    await allot(by(LI), base(60_000, approved_by=approval))
    assert (issues in await shown(), issued in await shown()) == (False, True), "what would be refused is not offered"
    beyond = await refusal(by(LI), base(40_001, approved_by=approval))
    assert (beyond["code"], beyond["possible_kg"]) == ("exceeds-approval", 40_000)
    assert (await refusal(by(LI), base(1, quarter=2, approved_by=approval)))["code"] == "exceeds-approval"
    await allot(by(LI), base(40_000, approved_by=approval))
    rest = await by(LI).post(f"/v1/allotments/{approval}/steps", json={"step": "issue", "on": "2026-01-07"})
    assert rest.json()["code"] == "exceeds-approval"


async def test_a_pool_is_never_overdrawn(by: By) -> None:
    await fill_pools(by, TENTH)

    await allot(by(ANSHAN), base(TENTH - 5))
    found = await refusal(by(ANSHAN), base(6, quarter=2))
    assert (found["code"], found["rule"], found["possible_kg"]) == ("allotment-exceeds-pool", "R06", 5)
    city = allotment("total", "210000", {"jurisdiction": "210300"}, 1)
    assert (await refusal(by(PROVINCE), city))["code"] == "allotment-exceeds-pool"
    skipped = allotment("total", "210000", {"jurisdiction": "210381"}, 1)
    assert (await refusal(by(PROVINCE), skipped))["code"] == "allotment-skips-a-level"
    nowhere = allotment("total", "210000", {"jurisdiction": "219900"}, 1)
    assert (await refusal(by(PROVINCE), nowhere))["code"] == "jurisdiction-unknown"


@pytest.fixture
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty-two share sixteen connections: on a busy machine the last of them would be told to come again."""
    monkeypatch.setattr("service.db.SECONDS_TO_WAIT", 60.0)


@pytest.mark.usefixtures("time_enough")
async def test_many_at_once_issue_exactly_what_the_pool_has(by: By) -> None:
    await fill_pools(by, 100)
    body = {**allotment("special", "210381", MINE, 7, earmark="镁建材", reason="新增镁建材"), "issue": True}

    answers = await asyncio.gather(*(by(ANSHAN).post("/v1/allotments", json=body) for _ in range(32)))

    assert sorted(answer.status_code for answer in answers) == [201] * 14 + [409] * 18
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"allotment-exceeds-pool"}
    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert quota["issued_kg"] == 98


@pytest.mark.usefixtures("time_enough")
async def test_many_at_once_issue_exactly_what_was_approved(by: By) -> None:
    await fill_pools(by)
    approval = await approve(by, base(100))
    body = {**base(7, approved_by=approval), "issue": True}

    answers = await asyncio.gather(*(by(LI).post("/v1/allotments", json=body) for _ in range(32)))

    assert sorted(answer.status_code for answer in answers) == [201] * 14 + [409] * 18
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"exceeds-approval"}


async def test_projects_and_stocks_get_approved_tonnes_from_the_county(by: By) -> None:
    await fill_pools(by)
    project = (await by(LI).post("/v1/projects", json=PROJECTS.body)).json()
    body = allotment("approved", "210381", {"project_id": project["id"]}, 30_000_000)

    await allot(by(ANSHAN), body)
    found = await refusal(by(ANSHAN), body)
    assert (found["code"], found["possible_kg"]) == ("approved-exceeds-declared", 20_000_000)


async def test_an_earmark_has_an_account_of_its_own(by: By) -> None:
    await fill_pools(by)
    await allot(by(ANSHAN), base(10))
    await allot(by(ANSHAN), allotment("special", "210381", MINE, 5, earmark="镁建材", reason="新增镁建材"))

    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    accounts = {account["earmark"]: account["issued_kg"] for account in quota["accounts"]}
    assert accounts == {None: 10, "镁建材": 5}
    assert quota["issued_kg"] == 15


async def test_an_adjustment_takes_back_from_the_newest_tranche(by: By) -> None:
    await fill_pools(by)
    first = await allot(by(ANSHAN), base(100))
    second = await allot(by(ANSHAN), base(50, quarter=2))

    assert (await refusal(by(ANSHAN), allotment("adjustment", "210381", MINE, -60)))["code"] == "reason-missing"
    too_much = allotment("adjustment", "210381", MINE, -151, reason="秩序整顿")
    assert (await refusal(by(ANSHAN), too_much))["code"] == "more-than-allotted"
    back = await allot(by(ANSHAN), {**too_much, "kg": -60})

    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert quota["issued_kg"] == 90
    shown = {tranche["id"]: (tranche["kg"], tranche["standing_kg"]) for tranche in quota["tranches"]}
    assert shown == {first["id"]: (100, 90), second["id"]: (50, 0), back["id"]: (-60, 0)}
    county = {"jurisdiction": "210381"}
    pool = allotment("adjustment", "210300", county, -900_000_000, reason="布局调整")
    assert (await refusal(by(ANSHAN), pool))["possible_kg"] == 900_000_000 - 90


async def test_malformed_allotments_are_refused_where_they_are_wrong(by: By) -> None:
    malformed: list[tuple[dict[str, Any], str]] = [
        ({"kg": 0}, "/kg"),
        ({"kg": 2.0}, "/kg"),
        ({"kg": -5}, ""),
        ({"quarter": 5}, "/quarter"),
        ({"quarter": None}, ""),
        ({"kind": "gift"}, "/kind"),
        ({"kind": "total"}, ""),
        ({"kind": "approved"}, ""),
        ({"kind": "special"}, ""),
        ({"earmark": "镁建材"}, ""),
        ({"to": {}}, "/to"),
        ({"to": {**MINE, "jurisdiction": "210381"}}, "/to"),
        ({"from": "海城"}, "/from"),
        ({"issued_on": "2026-02-30"}, "/issued_on"),
    ]
    for change, pointer in malformed:
        answer = await by(LI).post("/v1/allotments", json={**base(), **change})
        assert answer.status_code == 422, (change, answer.text)
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], change


async def test_an_office_allots_from_its_own_pool_and_what_lies_in_its_area(by: By) -> None:
    body = {**base(), "issue": True}
    county_total = {**allotment("total", "210300", {"jurisdiction": "210381"}, 1), "issue": True}
    own_act = {**allotment("total", None, {"jurisdiction": "210000"}, 1), "issue": True}

    for person, sent, status in [
        (DASHIQIAO, body, 404),
        (YINGKOU, body, 404),
        (LI, county_total, 403),
        (DASHIQIAO, county_total, 403),
        (ANSHAN, own_act, 403),
        (PAIZHAI_CLERK, body, 403),
        (LI, {**body, "to": {"mine_id": str(PLANT_TWO.id)}, "from": "210381"}, 409),
        (LI, {**body, "to": {"mine_id": "019b0000-0000-7000-8000-000000009999"}}, 404),
        (LI, {**body, "approved_by": "019b0000-0000-7000-8000-000000009999"}, 404),
    ]:
        answer = await by(person).post("/v1/allotments", json=sent)
        assert answer.status_code == status, (person.username, sent, answer.text)
