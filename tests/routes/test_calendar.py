"""Working days and outages through the API, and the deadlines that they move."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.cast import ANSHAN, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE
from tests.routes.by import By
from tests.routes.filing import LAST_SECOND, TOO_LATE, alerts, at, contract, slip
from tests.routes.quota import approve, base, fill_pools, step

OUTAGE = {
    "starts_at": "2026-03-16T20:00:00+08:00",
    "ends_at": "2026-03-18T08:00:00+08:00",
    "reason": "机房断电",
    "document_no": "辽镁政〔2026〕12号",
}


@pytest.fixture
def begins_at() -> str:
    return "2026-03-17T23:59:59+08:00"


@pytest.fixture(autouse=True)
def in_a_hurry(app: FastAPI) -> None:
    """Let nobody wait for processes that are not there."""
    app.state.rulebook.lease = 0.02


async def deadlines(by: By, person: Any, duty: str) -> list[dict[str, Any]]:
    items = (await by(person).get("/v1/deadlines")).json()["items"]
    return [item for item in items if item["duty"] == duty]


async def enter(by: By, days: dict[str, bool], document_no: str = "国办发明电〔2026〕7号") -> httpx.Response:
    told = [{"day": day, "is_worked": is_worked} for day, is_worked in days.items()]
    return await by(PROVINCE).post("/v1/calendar", json={"days": told, "document_no": document_no})


async def test_a_year_without_a_notice_is_provisional_until_it_is_entered(by: By) -> None:
    """R19, E56."""
    known = (await by(LI).get("/v1/calendar?year=2026")).json()
    assert {item["day"]: item["is_worked"] for item in known["items"]}["2026-10-10"] is True
    expected = (await by(PAIZHAI_CLERK).get("/v1/calendar?year=2027")).json()
    assert expected["is_provisional"]

    answer = await enter(by, {"2027-10-09": True, "2027-10-08": False})
    assert answer.status_code == 201, answer.text
    told = {item["day"]: item for item in answer.json()["items"]}
    assert told["2027-10-09"] == {"day": "2027-10-09", "is_worked": True, "is_provisional": False}
    assert told["2027-10-01"]["is_provisional"]


async def test_a_notice_may_come_as_a_table(by: By) -> None:
    table = "日期,是否上班\n2027/10/08,休\n2027-10-09,班\n\n".encode("utf-8-sig")
    path, headers = "/v1/calendar?document_no=7", {"Content-Type": "text/csv"}

    answer = await by(PROVINCE).post(path, content=table, headers=headers)
    assert answer.status_code == 201, answer.text
    told = {item["day"]: item["is_worked"] for item in answer.json()["items"]}
    assert (told["2027-10-08"], told["2027-10-09"]) == (False, True)
    wrong = await by(PROVINCE).post(path, content="2027-10-08,也许\n2027-13-01,1", headers=headers)
    assert wrong.status_code == 422
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/days/0/is_worked", "/days/1/day"]
    assert (await enter(by, {})).status_code == 422


async def test_the_province_alone_enters_days_and_outages(by: By) -> None:
    for path, body in [("/v1/calendar", {}), ("/v1/outages", OUTAGE)]:
        for person in (ANSHAN, LI, PAIZHAI_CLERK):
            assert (await by(person).post(path, json=body)).status_code == 403, path
    for outage in ({**OUTAGE, "ends_at": OUTAGE["starts_at"]}, {**OUTAGE, "ends_at": "2026-12-01T00:00:00+08:00"}):
        assert (await by(PROVINCE).post("/v1/outages", json=outage)).status_code == 422


async def test_e56_a_late_notice_moves_the_countys_deadline_and_says_what_it_was(by: By, app: FastAPI) -> None:
    """R14: working days are counted anew; the move names the notice."""
    at(app, "2027-04-01T09:00:00+08:00")
    await fill_pools(by)
    approval = await approve(by, base(10))
    (before,) = await deadlines(by, LI, "county-issue")
    assert (before["is_provisional"], before["rule"], before["policies"]) == (True, "R14", {"publication_days": 10})

    april = {f"2027-04-{day:02}": day not in (3, 4, 5, 6, 10, 11, 17, 18) for day in range(1, 25)}
    await enter(by, april)

    (after,) = await deadlines(by, LI, "county-issue")
    assert (after["subject_id"], after["is_provisional"]) == (approval, False)
    assert (after["moves"][-1]["was_due_on"], after["moves"][-1]["due_on"]) == (before["due_on"], after["due_on"])
    assert (after["moves"][-1]["cause"], after["moves"][-1]["document_no"]) == ("calendar", "国办发明电〔2026〕7号")
    await step(by(LI), approval, "issue", "2027-04-02")
    assert [item["subject_id"] for item in await deadlines(by, LI, "publication")] == [approval]


async def test_r22_both_sides_have_a_clock_each(by: By, app: FastAPI) -> None:
    """R22, R26: signing + 15 days 23:59:59 is in time, a second later is late, each side on its own."""
    at(app, LAST_SECOND)
    sold = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    (item,) = await deadlines(by, PLANT_CLERK, "contract-filing")
    assert (item["days_left"], item["parties"]) == (0, [contract()["buyer_id"]])

    at(app, TOO_LATE)
    (item,) = await deadlines(by, LI, "contract-filing")
    assert (item["days_left"], item["subject_id"]) == (-1, sold["id"])
    both = (await by(PLANT_CLERK).post("/v1/contracts", json=contract())).json()
    assert {side["party"]: side["days_late"] for side in both["filings"]} == {"seller": 0, "buyer": 1}
    assert await deadlines(by, LI, "contract-filing") == []


async def test_e54_what_was_filed_late_by_an_outage_is_not_late(by: By, app: FastAPI) -> None:
    """R27, U3: the outage is shown with the deadline, flags and alerts are taken back, the move is kept."""
    at(app, TOO_LATE)
    late = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    slipped = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).json()
    assert (late["filings"][0]["days_late"], slipped["days_late"]) == (1, 1)

    answer = await by(PROVINCE).post("/v1/outages", json=OUTAGE)
    assert answer.status_code == 201, answer.text

    shown = (await by(PAIZHAI_CLERK).get(f"/v1/contracts/{late['id']}")).json()
    assert (shown["due_on"], shown["filings"][0]["days_late"]) == ("2026-03-19", 0)
    assert not {"filing-late", "filing-overdue"} & set(shown["flags"])
    told = (await by(PAIZHAI_CLERK).get(f"/v1/slips/{slipped['id']}")).json()
    assert (told["due_on"], told["days_late"], told["flags"]) == ("2026-03-19", 0, ["quota-overdrawn"])
    assert not {"filing-late", "filing-overdue"} & {alert["code"] for alert in await alerts(by, state="open")}
    (item,) = await deadlines(by, PLANT_CLERK, "contract-filing")
    assert [outage["reason"] for outage in item["outages"]] == ["机房断电"]
    assert [(move["cause"], move["was_due_on"]) for move in item["moves"]] == [("outage", "2026-03-17")]
    assert (await by(LI).get("/v1/outages")).json()["items"][0]["id"] == answer.json()["id"]
