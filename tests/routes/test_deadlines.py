"""Who is told what is due: before its day, and after it; and how it is settled."""

from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI

from service.domain.units import SHANGHAI
from tests.cast import ANSHAN, DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, TRADER_CLERK
from tests.routes.by import By
from tests.routes.filing import at, contract
from tests.routes.quota import approve, base, fill_pools, step
from tests.routes.ruling import rule
from tests.sweeping import swept


@pytest.fixture
def begins_at() -> str:
    return "2026-03-03T09:00:00+08:00"


async def open_alerts(by: By, code: str, person: Any = LI) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await by(person).get(f"/v1/alerts?state=open&code={code}")).json()["items"]
    return items


async def test_r22_who_has_not_filed_is_told_three_days_before_and_both_when_it_is_late(by: By, app: FastAPI) -> None:
    """R22, R26, E22: the reminder reaches the side that owes and its office, and ends with the filing or the day."""
    at(app, "2026-03-03T09:00:00+08:00")
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    await swept(app, at(app, "2026-03-13T23:59:59+08:00"))
    assert await open_alerts(by, "deadline-near") == []

    await swept(app, at(app, "2026-03-14T00:00:00+08:00"))
    (near,) = await open_alerts(by, "deadline-near")
    assert (near["subject_id"], near["facts"]["due_on"], near["facts"]["rule"]) == (filed["id"], "2026-03-17", "R22")
    assert len(await open_alerts(by, "deadline-near", PLANT_CLERK)) == 1
    assert await open_alerts(by, "deadline-near", PAIZHAI_CLERK) == []
    assert await open_alerts(by, "deadline-near", DASHIQIAO) == []

    await swept(app, at(app, "2026-03-17T23:59:59+08:00"))
    assert (await open_alerts(by, "deadline-near"), await open_alerts(by, "filing-overdue")) == ([near], [])
    await swept(app, at(app, "2026-03-18T00:00:00+08:00"))
    assert await open_alerts(by, "deadline-near") == []
    (late,) = await open_alerts(by, "filing-overdue", PAIZHAI_CLERK)
    assert late["facts"]["due_on"] == "2026-03-17"
    await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    assert await open_alerts(by, "filing-overdue") == []
    assert len(await open_alerts(by, "filing-late")) == 1


async def test_r22_an_amendment_is_due_recalled_and_put_off_like_a_filing(by: By, app: FastAPI) -> None:
    """R22, R27: the other side's answer has a deadline, a reminder and an end that an outage moves."""
    at(app, "2026-03-03T09:00:00+08:00")
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        filed = (await by(clerk).post("/v1/contracts", json=contract())).json()
    path = f"/v1/contracts/{filed['id']}/amendments"
    body = {"kg": 150_000, "agreed_on": "2026-03-03", "reason": "增供"}
    proposed = (await by(PAIZHAI_CLERK).post(path, json=body)).json()
    (item,) = (await by(PLANT_CLERK).get("/v1/deadlines")).json()["items"]
    assert (item["duty"], item["rule"], item["due_on"]) == ("contract-amendment", "R22", "2026-03-18")
    assert item["parties"] == [contract()["buyer_id"]]

    await swept(app, at(app, "2026-03-15T00:00:00+08:00"))
    (near,) = await open_alerts(by, "deadline-near", PLANT_CLERK)
    assert (near["subject_id"], near["facts"]["amendment"]) == (filed["id"], 1)
    await swept(app, at(app, "2026-03-19T00:00:00+08:00"))
    assert len(await open_alerts(by, "filing-overdue")) == 1
    outage = {"starts_at": "2026-03-10T00:00:00+08:00", "ends_at": "2026-03-11T12:00:00+08:00"}
    declared = await by(PROVINCE).post("/v1/outages", json={**outage, "reason": "机房断电", "document_no": "辽1"})
    assert declared.status_code == 201, declared.text
    (item,) = (await by(PLANT_CLERK).get("/v1/deadlines")).json()["items"]
    assert [(one["was_due_on"], one["due_on"], one["cause"]) for one in item["moves"]] == [
        ("2026-03-18", "2026-03-20", "outage")
    ]
    assert await open_alerts(by, "filing-overdue") == []

    at(app, "2026-03-20T23:59:59+08:00")
    answered = (await by(PLANT_CLERK).post(f"{path}/{proposed['id']}/confirm")).json()
    assert answered["answer_days_late"] == 0
    await swept(app, at(app, "2026-03-20T23:59:59+08:00"))
    assert (await by(PLANT_CLERK).get("/v1/deadlines")).json()["items"] == []
    assert await open_alerts(by, "deadline-near") == []


async def test_r22_by_policy_nobody_waits_for_a_trader(by: By, app: FastAPI) -> None:
    """R22, policy trader_files."""
    at(app, "2026-03-03T09:00:00+08:00")
    terms = contract(buyer_id=str((await by(TRADER_CLERK).get("/v1/me")).json()["enterprise_id"]))
    await rule(app, trader_files=False)
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms)).json()
    assert filed["state"] == "filed"
    other = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="HT-2"))).json()
    assert other["state"] == "incomplete"


async def test_r14_a_county_is_told_before_and_after_its_ten_working_days(by: By, app: FastAPI) -> None:
    """R14: from the city's approval to the county's issue, and to its publication."""
    at(app, "2026-04-01T09:00:00+08:00")
    await fill_pools(by)
    approval = await approve(by, base(10))
    await swept(app, at(app, "2026-04-13T09:00:00+08:00"))
    (near,) = await open_alerts(by, "deadline-near")
    assert (near["subject_id"], near["facts"]["duty"], near["facts"]["due_on"]) == (
        approval,
        "county-issue",
        "2026-04-16",
    )
    await step(by(LI), approval, "issue", "2026-04-13")
    await swept(app, at(app, "2026-04-17T00:00:00+08:00"))
    (late,) = await open_alerts(by, "allotment-late")
    assert (late["subject_id"], late["facts"]["duty"]) == (approval, "publication")
    await step(by(LI), approval, "publish", "2026-04-17")
    await swept(app, at(app, "2026-04-17T00:01:00+08:00"))
    assert [alert["id"] for alert in await open_alerts(by, "allotment-late")] == [late["id"]]
    settled = await by(ANSHAN).post(f"/v1/alerts/{late['id']}/settle", json={"note": "已催办"})
    assert settled.status_code == 204


async def test_r19_statistics_are_recalled_flagged_and_settled_by_the_report(by: By, app: FastAPI) -> None:
    """R19: 5 October rolls to the first working day; the report says how late it was."""
    at(app, "2026-07-01T09:00:00+08:00")
    await fill_pools(by)
    items = (await by(LI).get("/v1/deadlines")).json()["items"]
    due = {(item["duty"], item["facts"]["quarter"]): item["due_on"] for item in items}
    assert due["quarter-statistics", 1] == "2026-04-07"
    body = {"duty": "quarter-statistics", "jurisdiction": "210381", "year": 2026, "quarter": 3, "document_no": "海统3"}

    await swept(app, at(app, "2026-10-08T23:59:59+08:00"))
    subject = "210381:quarter-statistics:2026:3"
    assert subject in {alert["subject_id"] for alert in await open_alerts(by, "deadline-near")}
    await swept(app, at(app, "2026-10-09T00:00:00+08:00"))
    assert subject in {alert["subject_id"] for alert in await open_alerts(by, "report-late", ANSHAN)}

    assert (await by(PAIZHAI_CLERK).post("/v1/submissions", json=body)).status_code == 404
    assert (await by(DASHIQIAO).post("/v1/submissions", json=body)).status_code == 403
    answer = await by(LI).post("/v1/submissions", json=body)
    assert (answer.status_code, answer.json()["due_on"], answer.json()["days_late"]) == (201, "2026-10-08", 1)
    assert subject not in {alert["subject_id"] for alert in await open_alerts(by, "report-late")}
    await swept(app, at(app, "2026-10-09T00:01:00+08:00"))
    assert subject not in {alert["subject_id"] for alert in await open_alerts(by, "report-late")}
    assert (await by(ANSHAN).get("/v1/submissions?year=2026")).json()["items"] == [answer.json()]
    assert (await by(LI).post("/v1/submissions", json={**body, "quarter": None})).status_code == 422


async def test_r15_the_years_report_and_r18_the_sheets_have_their_days(by: By, app: FastAPI) -> None:
    """R15, R18: 20 November and ten days before the quarter ends; a sheet that was reported is owed no more."""
    at(app, "2026-11-18T09:00:00+08:00")
    await fill_pools(by)
    await swept(app, at(app, "2026-11-18T09:00:00+08:00"))
    near = {alert["subject_id"] for alert in await open_alerts(by, "deadline-near")}
    assert near == {"210381:year-report:2026:0"}
    late = {alert["subject_id"] for alert in await open_alerts(by, "report-late")}
    assert "210381:scoring-sheets:2026:3" in late
    sheets = [item for item in (await by(LI).get("/v1/deadlines")).json()["items"] if item["duty"] == "scoring-sheets"]
    assert {(item["facts"]["quarter"], item["due_on"]) for item in sheets} == {
        (1, "2026-03-21"), (2, "2026-06-20"), (3, "2026-09-20"), (4, "2026-12-21")
    }  # fmt: skip
    assert sheets[0]["facts"]["mines"] == ["排寨矿"]


async def test_2027_does_not_raise(by: By, app: FastAPI) -> None:
    """R19, E56: a sweep in a year whose holidays nobody knows."""
    at(app, "2027-10-02T09:00:00+08:00")
    answer = await by(PROVINCE).post(
        "/v1/allotments",
        json={
            "year": 2027, "kind": "total", "from": None, "to": {"jurisdiction": "210000"}, "kg": 1_000,
            "document_no": "辽1", "issued_on": "2027-01-05", "issue": True,
        },
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    await swept(app, at(app, datetime(2027, 10, 5, 9, tzinfo=SHANGHAI).isoformat()))
    assert (await by(LI).get("/v1/deadlines")).status_code == 200


async def test_a_firm_sees_its_own_deadlines_only(by: By, app: FastAPI) -> None:
    at(app, "2026-03-03T09:00:00+08:00")
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    assert len((await by(PLANT_CLERK).get("/v1/deadlines")).json()["items"]) == 1
    assert (await by(TRADER_CLERK).get("/v1/deadlines")).json()["items"] == []
    assert (await by(DASHIQIAO).get("/v1/deadlines")).json()["items"] == []
