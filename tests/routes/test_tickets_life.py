"""What becomes of tickets after they are issued, beside what scales tell: W01, W07, O03, E4, E5, E37–E39."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from tests import cast, yard
from tests.routes.by import By
from tests.routes.ruling import rule
from tests.routes.ticketing import WHY, check, do, held_kg, issue, keys, weigh
from tests.sweeping import swept

pytestmark = pytest.mark.anyio


# What time alone brings about (W07, E39)


async def test_e39_what_is_never_weighed_holds_nothing_and_what_never_arrives_is_missed(
    app: FastAPI, by: By, now: datetime
) -> None:
    """W07, W01: a day after its window a hold is released; after 72 hours a load is an alert, until it arrives after all."""
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=now, mine_id=cast.PAIZHAI_MINE)
    unused, astray = [await issue(by, yard.ticket_in(contract_id, now, plate=f"辽C4000{turn}")) for turn in (1, 2)]
    assert (await weigh(by, astray, "out", 31_000, now))["status"] == "accepted"

    async def held_kg() -> int:
        found = await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})
        kg: int = found.json()["held_kg"]
        return kg

    async def alerts(code: str) -> list[str]:
        items = (await by(cast.LI).get("/v1/alerts", params={"code": code, "state": "open"})).json()["items"]
        return [item["subject_id"] for item in items]

    assert await held_kg() == 31_000
    for hours, state, never_weighed, never_received in (
        (47, "issued", [], []),
        (49, "expired", [unused["id"]], []),
        (73, "expired", [unused["id"]], [astray["id"]]),
    ):
        await swept(app, now + timedelta(hours=hours))
        found = (await by(cast.LI).get(f"/v1/tickets/{unused['id']}")).json()
        assert found["state"] == state, hours
        assert (await alerts("never-weighed"), await alerts("never-received")) == (never_weighed, never_received)
    assert await held_kg() == 0
    assert (await by(cast.LI).get(f"/v1/tickets/{astray['id']}")).json()["state"] == "out", "it is not released"
    # Its scale's first scan comes after the second one: the alert says what is known now.
    await weigh(by, astray, "out", 31_010, now - timedelta(seconds=30))
    await swept(app, now + timedelta(hours=74))
    [told] = (await by(cast.LI).get("/v1/alerts", params={"code": "never-received", "state": "open"})).json()["items"]
    assert told["facts"]["kg"] == 31_010
    app.state.clock.stop_at(now + timedelta(hours=80))
    await weigh(by, astray, "in", 31_000, now + timedelta(hours=79))
    assert await alerts("never-received") == []
    assert (await do(by, cast.PLANT_CLERK, astray, "refuse-part", refused_kg=1_000)).is_success
    for hours, never_received in (
        (150, []),
        (152, [astray["id"]]),
    ):  # on the road again since the buyer's scale told of it
        await swept(app, now + timedelta(hours=hours))
        assert await alerts("never-received") == never_received


# Extensions (E38)


async def test_e38_only_a_ticket_that_can_be_extended_is_said_to_need_it(app: FastAPI, by: By, now: datetime) -> None:
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=now, mine_id=cast.PAIZHAI_MINE)
    delivered, unused = [await issue(by, yard.ticket_in(contract_id, now, plate=f"辽C4000{turn}")) for turn in (1, 2)]
    for direction in ("out", "in"):
        assert (await weigh(by, delivered, direction, 31_000, now))["status"] == "accepted"

    async def said(ticket: dict[str, Any]) -> str:
        page = (await by(cast.STRANGER_CLERK).get("/t/" + ticket["code"].rsplit("/", 1)[1])).text
        return page.partition('class="verdict bad"')[2].partition("</div>")[0]

    app.state.clock.stop_at(now + timedelta(hours=25))
    assert "请联系卖方办理延期" in await said(unused)
    assert "运单已使用" in await said(delivered)
    assert "延期" not in await said(delivered)
    await swept(app, now + timedelta(hours=49))
    assert "运单过期未用，已终结" in await said(unused)
    assert "延期" not in await said(unused)


async def test_e38_a_ticket_is_extended_before_or_after_its_end_and_the_paper_stays_good(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime
) -> None:
    first = now + timedelta(hours=30)
    longer = (await do(by, cast.PAIZHAI_CLERK, ticket, "extend", valid_until=first.isoformat())).json()
    assert datetime.fromisoformat(longer["valid_until"]) == first
    assert await check(by, ticket["code"]) == await check(by, longer["code"]) == []
    assert (await keys(by))["revocations"]["items"] == []

    later = now + timedelta(hours=40)
    app.state.clock.stop_at(later)
    assert await check(by, ticket["code"]) == ["ticket-expired"]
    for until in (first, later, now):
        answer = await do(by, cast.PAIZHAI_CLERK, ticket, "extend", valid_until=until.isoformat())
        assert (answer.status_code, answer.json()["code"]) == (409, "extension-too-short")
    too_late = (later + timedelta(hours=241)).isoformat()
    answer = await do(by, cast.LI, ticket, "extend", valid_until=too_late)
    assert (answer.status_code, answer.json()["code"], answer.json()["most_hours"]) == (409, "validity-too-long", 240)
    second = (later + timedelta(hours=8)).isoformat()
    answer = await do(by, cast.LI, ticket, "extend", valid_until=second)
    assert (answer.status_code, answer.json()["reissue"]) == (200, 2)
    assert await check(by, ticket["code"]) == []


async def test_e38_an_arrival_after_expiry_is_accepted_and_flagged(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    until = (now + timedelta(minutes=5)).isoformat()
    paper = await issue(by, yard.ticket_in(contract_id, now, valid_until=until))
    assert (await weigh(by, paper, "out", 31_000, now))["flags"] == []
    app.state.clock.stop_at(now + timedelta(hours=1))
    found = await weigh(by, paper, "in", 31_000, now + timedelta(hours=1))
    assert (found["status"], found["flags"]) == ("accepted", ["ticket-expired"])


async def test_whose_ticket_may_be_changed(by: By, ticket: dict[str, Any], now: datetime) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "extend": {"valid_until": (now + timedelta(days=9)).isoformat()},
        "reissue": {"cause": "lost"},
        "lose": {},
        "cancel": {},
    }
    for deed, body in bodies.items():
        assert (await do(by, cast.PLANT_CLERK, ticket, deed, **body)).status_code == 403, deed
        assert (await do(by, cast.STRANGER_CLERK, ticket, deed, **body)).status_code == 404, deed
        assert (await do(by, cast.DASHIQIAO, ticket, deed, **body)).status_code == 404, deed
        assert (await do(by, cast.BRIDGE_7_DEVICE, ticket, deed, **body)).status_code == 403, deed
    for deed in ("release", "refuse"):
        assert (await do(by, cast.PAIZHAI_CLERK, ticket, deed)).status_code == 403
        answer = await do(by, cast.LI, ticket, deed)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket-is-not-held")


# Lost tickets and lost loads (W01, E37, E39)


async def test_w01_a_ticket_that_is_lost_before_its_journey_holds_nothing(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    assert await held_kg(by, now.year) == 31_000
    answer = await do(by, cast.PAIZHAI_CLERK, ticket, "lose")
    assert (answer.status_code, answer.json()["state"]) == (200, "lost")
    assert await held_kg(by, now.year) == 0
    assert await check(by, ticket["code"]) == ["ticket-lost"]
    again = await do(by, cast.PAIZHAI_CLERK, ticket, "lose")
    assert (again.status_code, again.json()["ended_at"]) == (200, answer.json()["ended_at"])
    found = await weigh(by, ticket, "out", 31_000, now + timedelta(minutes=1))
    assert found["flags"] == ["no-ticket"]


async def test_e39_a_load_that_is_lost_on_the_road_is_written_off_by_an_office(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    await weigh(by, ticket, "out", 31_000, now)
    answer = await do(by, cast.PAIZHAI_CLERK, ticket, "lose")
    assert (answer.status_code, answer.json()["code"]) == (409, "write-off-needs-an-office")
    answer = await do(by, cast.LI, ticket, "lose", reason="车辆侧翻，货物落水，交警证明在案")
    assert (answer.status_code, answer.json()["state"], answer.json()["out_kg"]) == (200, "lost", 31_000)
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})).json()
    assert quota["out_kg"] == 31_000
    whereabouts = (await by(cast.LI).get(f"/v1/provenance/mines/{cast.PAIZHAI_MINE}", params={"year": now.year})).json()
    assert [one["kg"] for one in whereabouts["holders"]] == [31_000]


# Tickets that wait for an officer (O03)


async def test_o03_under_policy_hold_what_the_quota_has_not_left_waits_for_an_officer(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    await rule(app, overdraw="hold")
    wishes = [yard.ticket_in(contract_id, now, plate=f"辽C1234{n}", planned_kg=40_000) for n in range(4)]
    results = (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wishes)).json()["results"]
    papers = [result["ticket"] for result in results]
    assert [paper["state"] for paper in papers] == ["issued", "issued", "held", "held"]
    assert [paper["code"] is None for paper in papers] == [False, False, True, True]
    waiting = papers[2]
    assert waiting["flags"] == ["ticket-held"]
    assert await held_kg(by, now.year) == 80_000
    alerts = (await by(cast.LI).get("/v1/alerts", params={"code": "ticket-held"})).json()["items"]
    assert {alert["subject_id"] for alert in alerts} == {paper["id"] for paper in papers[2:]}

    # It is no paper yet: it has no code, and a load under its number has none.
    assert await check(by, waiting["number"]) == ["ticket-held"]
    for deed, body in (("reissue", {"cause": "lost"}), ("extend", {"valid_until": "2099-01-01T00:00:00Z"})):
        answer = await do(by, cast.PAIZHAI_CLERK, waiting, deed, **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket-is-held")
    assert (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{waiting['id']}/qr.svg")).status_code == 409
    assert (await weigh(by, waiting, "out", 31_000, now))["flags"] == ["no-ticket"]

    answer = await do(by, cast.LI, waiting, "release")
    assert (answer.status_code, answer.json()["state"]) == (200, "issued")
    assert await check(by, answer.json()["code"]) == []
    assert await held_kg(by, now.year) == 120_000
    answer = await do(by, cast.LI, papers[3], "refuse")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert (await by(cast.LI).get("/v1/alerts", params={"code": "ticket-held", "state": "open"})).json()["items"] == []
    assert (await do(by, cast.LI, papers[3], "release")).json()["code"] == "ticket-is-not-held"


async def test_o03_a_ticket_that_waits_is_cancelled_by_its_seller_or_runs_out(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    await rule(app, overdraw="hold")
    wishes = [yard.ticket_in(contract_id, now, plate=f"辽C1234{n}", planned_kg=90_000) for n in range(3)]
    papers = [
        result["ticket"] for result in (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wishes)).json()["results"]
    ]
    assert (await do(by, cast.PAIZHAI_CLERK, papers[1], "cancel")).json()["state"] == "cancelled"
    app.state.clock.stop_at(now + timedelta(hours=25))
    answer = await do(by, cast.LI, papers[2], "release")
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket-has-ended")


# The same deed sent again


async def test_a_deed_sent_again_is_done_once(by: By, ticket: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    address = f"/v1/tickets/{ticket['id']}/reissue"
    answers = [
        await by(cast.PAIZHAI_CLERK).post(address, json={**WHY, "cause": "lost"}, headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["reissue"] == 1
