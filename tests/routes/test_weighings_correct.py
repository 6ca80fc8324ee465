"""Corrections of what a scale said (W09, E1, E3), and what was refused, as the auditor reads it (W05)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.actions.weighings import correct_weighing, void_weighing
from service.keys import Purpose
from service.verify.database import verify
from tests import cast, yard
from tests.cast import Person

pytestmark = pytest.mark.anyio
By = Callable[[Person], httpx.AsyncClient]


async def weighed(by: By, record: dict[str, Any], who: Person = cast.BRIDGE_7_DEVICE) -> str:
    """The weighing's own id."""
    answer = await by(who).post("/v1/weighings", json=record)
    assert answer.status_code == 200, answer.text
    items = (await by(who).get("/v1/weighings")).json()["items"]
    return next(str(item["id"]) for item in items if item["record_id"] == record["id"])


async def issue(by: By, contract_id: UUID, now: datetime, **changed: Any) -> dict[str, Any]:
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now, **changed))
    ticket: dict[str, Any] = answer.json()
    return ticket


async def quota(by: By, now: datetime) -> dict[str, Any]:
    answer = await by(cast.PAIZHAI_CLERK).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})
    says: dict[str, Any] = answer.json()
    return says


async def correct(by: By, weighing_id: str, gross_kg: int, who: Person = cast.LI) -> httpx.Response:
    body = {"gross_kg": gross_kg, "tare_kg": 15_000, "reason": "读错一位"}
    return await by(who).post(f"/v1/weighings/{weighing_id}/correct", json=body)


async def test_w09_who_waits_for_another_correction_sees_it(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """E49: what is voided while a correction of it waits is void, and what is corrected meanwhile is corrected again."""
    ticket = await issue(by, contract_id, now)
    voided, corrected = [
        [
            await weighed(by, yard.record(paper, "out", kg, now - timedelta(minutes=kg % 50), plate=plate))
            for paper, kg, plate in ((ticket, net_kg, ticket["plate"]), (None, net_kg + 1, f"辽C6{net_kg}"[:7]))
        ]
        for net_kg in (31_020, 32_040)
    ]
    person = cast.PROVINCE.actor
    how = {"at": now, "sign": app.state.keys.current(Purpose.LEDGER), "actor": person}
    async with app.state.database.transaction() as connection:
        for id_ in voided:
            await void_weighing(connection, UUID(id_), "误录", **how)
        for id_ in corrected:
            await correct_weighing(connection, UUID(id_), 46_000, 15_000, "读错一位", **how)
        waiting = [asyncio.create_task(correct(by, id_, 45_000)) for id_ in (*voided, *corrected)]
        await asyncio.sleep(0.3)
    answers = [await task for task in waiting]

    said = [(answer.status_code, answer.json().get("code") or answer.json()["version"]) for answer in answers]
    assert said == [(409, "weighing-is-void")] * 2 + [(200, 3)] * 2
    assert await findings(app) == []


async def findings(app: FastAPI) -> list[Any]:
    keys = app.state.keys.public_keys(Purpose.LEDGER)
    async with app.state.database.pool.acquire() as connection:
        driver: asyncpg.Connection = connection
        return await verify(driver, keys, say=lambda _: None)


async def test_w09_e1_a_correction_is_a_next_version_with_its_reason(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    ticket = await issue(by, contract_id, now)
    id_ = await weighed(by, yard.record(ticket, "out", 31_200, now))
    await weighed(by, yard.record(ticket, "in", 31_140, now), cast.PLANT_TWO_DEVICE)
    answer = await correct(by, id_, 45_000)
    assert answer.status_code == 200, answer.text
    says = answer.json()
    assert (says["net_kg"], says["version"], says["status"]) == (30_000, 2, "accepted")
    [version] = says["versions"]
    assert (version["reason"], version["person_id"], version["net_kg"]) == ("读错一位", str(cast.LI.id), 30_000)
    shown = (await by(cast.PLANT_CLERK).get(f"/v1/tickets/{ticket['id']}")).json()
    assert (shown["state"], shown["out_kg"], shown["in_kg"]) == ("delivered", 30_000, 31_140)
    contract = (await by(cast.PLANT_CLERK).get(f"/v1/contracts/{contract_id}")).json()
    assert (contract["shipped_kg"], contract["received_kg"]) == (30_000, 31_140)
    assert (await quota(by, now))["out_kg"] == 30_000
    gaps = (await by(cast.LI).get("/v1/alerts?code=weight-gap&state=open")).json()["items"]
    assert [gap["subject_id"] for gap in gaps] == [ticket["id"]]
    # Right again: the gap that the correction showed has closed.
    assert (await correct(by, id_, 46_200, cast.BRIDGE_7_DEVICE)).status_code == 200
    assert (await by(cast.LI).get("/v1/alerts?code=weight-gap&state=open")).json()["items"] == []
    assert (await quota(by, now))["out_kg"] == 31_200
    assert await findings(app) == []


async def test_w09_e3_a_correction_may_turn_a_past_balance_negative(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    ids = [
        await weighed(
            by,
            yard.record(
                await issue(by, contract_id, now, plate=f"辽C1234{n}"), "out", 30_000, now.replace(microsecond=0)
            ),
        )
        for n in range(3)
    ]
    assert (await quota(by, now))["overdrawn_kg"] == 0
    assert (await correct(by, ids[0], 60_000)).status_code == 200
    says = await quota(by, now)
    assert (says["out_kg"], says["overdrawn_kg"]) == (105_000, 5_000)
    [episode] = says["overdraws"]
    assert datetime.fromisoformat(episode["occurred_at"]) < datetime.fromisoformat(episode["discovered_at"])
    says = (await by(cast.LI).get(f"/v1/weighings/{ids[0]}")).json()
    assert says["flags"][-1] == says["versions"][0]["flags"][-1] == "quota-overdrawn"
    assert await findings(app) == []


async def test_w09_what_was_taken_back_was_never_weighed(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    ticket = await issue(by, contract_id, now)
    record = yard.record(ticket, "out", 31_200, now)
    id_ = await weighed(by, record)
    answer = await by(cast.LI).post(f"/v1/weighings/{id_}/void", json={"reason": "司机未出厂"})
    assert (answer.status_code, answer.json()["status"], answer.json()["movement_ids"]) == (200, "void", [])
    shown = (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{ticket['id']}")).json()
    assert (shown["state"], shown["out_kg"]) == ("issued", None)
    assert (await quota(by, now))["out_kg"] == 0
    again = (await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=record)).json()["results"]
    assert [one["status"] for one in again] == ["duplicate"]
    voided = await correct(by, id_, 45_000)
    assert (voided.status_code, voided.json()["code"]) == (409, "weighing-is-void")
    await weighed(by, yard.record(ticket, "out", 31_000, now))
    assert (await quota(by, now))["out_kg"] == 31_000
    assert await findings(app) == []


@pytest.mark.parametrize("is_corrected", [False, True])
@pytest.mark.parametrize("paper_of_the_second", ["its ticket", "another ticket"])
async def test_w09_e7_a_second_scan_stands_when_the_first_is_taken_back(
    app: FastAPI, by: By, contract_id: UUID, now: datetime, paper_of_the_second: str, is_corrected: bool
) -> None:
    """One truck was there, whichever of its two records is the mistake; as if the one that is void had never come (W04)."""
    ticket = await issue(by, contract_id, now)
    other = ticket if paper_of_the_second == "its ticket" else await issue(by, contract_id, now)
    first = await weighed(by, yard.record(ticket, "out", 31_200, now - timedelta(minutes=2)))
    again = yard.record(other, "out", 31_210, now - timedelta(seconds=90), plate=ticket["plate"], grade="LM41")
    second = await weighed(by, again)
    assert (await quota(by, now))["out_kg"] == 31_200
    if is_corrected:
        assert (await correct(by, first, 40_000)).status_code == 200
    answer = await by(cast.LI).post(f"/v1/weighings/{first}/void", json={"reason": "误录"})
    assert answer.status_code == 200, answer.text

    says = (await by(cast.LI).get(f"/v1/weighings/{second}")).json()
    assert (says["status"], says["duplicate_of"], says["flags"]) == ("accepted", None, ["grade-mismatch"])
    assert (await quota(by, now))["out_kg"] == 31_210
    states = [
        (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{paper['id']}")).json()["state"] for paper in (ticket, other)
    ]
    assert states == (["out"] * 2 if other is ticket else ["issued", "out"])
    third = await by(cast.BRIDGE_7_DEVICE).post(
        "/v1/weighings", json=yard.record(other, "out", 31_210, now - timedelta(seconds=80))
    )
    assert third.json()["results"][0]["duplicate_of"] == again["id"]
    assert (await quota(by, now))["out_kg"] == 31_210
    assert (await by(cast.LI).post(f"/v1/weighings/{second}/void", json={"reason": "误录"})).status_code == 200
    assert (await quota(by, now))["out_kg"] == 31_210
    assert await findings(app) == []


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("is_first", [False, True])
async def test_w06_e7_a_truck_whose_paper_is_scanned_later_has_one_load_under_it(
    app: FastAPI, by: By, contract_id: UUID, now: datetime, is_first: bool, at_once: bool
) -> None:
    """Weighed without a paper and, within the minute, with it: its kilograms are the ticket's, whichever record came first."""
    ticket = await issue(by, contract_id, now)
    bare = yard.record(None, "out", 31_200, now - timedelta(seconds=50), plate=ticket["plate"])
    named = yard.record(ticket, "out", 31_200, now - timedelta(seconds=20))
    records = [named, bare] if is_first else [bare, named]
    for batch in [records] if at_once else [[record] for record in records]:
        answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json={"records": batch})
        assert answer.status_code == 200, answer.text
    items = (await by(cast.LI).get("/v1/weighings")).json()["items"]
    said = {item["record_id"]: (item["status"], item["duplicate_of"], item["flags"]) for item in items}
    assert said == {named["id"]: ("accepted", None, []), bare["id"]: ("duplicate", named["id"], [])}
    shown = (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{ticket['id']}")).json()
    says = await quota(by, now)
    assert (shown["state"], says["out_kg"], says["suspense_kg"]) == ("out", 31_200, 0)
    assert (await by(cast.LI).get("/v1/alerts?code=no-ticket&state=open")).json()["items"] == []
    assert await findings(app) == []


async def test_w09_no_version_is_older_than_the_one_before_it(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """E13: who has to wait for another process, or has another's clock, has looked at it before that one wrote."""
    ticket = await issue(by, contract_id, now)
    id_ = await weighed(by, yard.record(ticket, "out", 31_200, now))
    told_at = (await by(cast.LI).get(f"/v1/weighings/{id_}")).json()["recorded_at"]
    for gross_kg, seconds in ((45_000, 1), (46_000, 2)):
        app.state.clock.stop_at(now - timedelta(seconds=seconds))
        says = (await correct(by, id_, gross_kg)).json()
    assert [version["recorded_at"] for version in says["versions"]] == [told_at, told_at]
    app.state.clock.stop_at(now)
    assert await findings(app) == []


async def test_w09_a_stray_load_is_corrected_in_suspense(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    id_ = await weighed(by, yard.record(None, "out", 31_200, now))
    assert (await correct(by, id_, 45_000)).status_code == 200
    assert (await quota(by, now))["suspense_kg"] == 30_000
    assert await findings(app) == []


async def test_what_cannot_be_corrected_says_why(by: By, contract_id: UUID, now: datetime) -> None:
    ticket = await issue(by, contract_id, now)
    record = yard.record(ticket, "out", 31_200, now)
    id_ = await weighed(by, record)
    twice = await weighed(by, {**record, "id": str(uuid4()), "sequence": record["sequence"] + 1})
    refused = await weighed(by, yard.record(None, "out", -5, now))
    for weighing_id, gross_kg, code in (
        (id_, 46_200, "nothing-to-correct"),
        (id_, 15_000, "impossible-weight"),
        (twice, 46_000, "not-correctable"),
        (refused, 46_000, "not-correctable"),
    ):
        answer = await correct(by, weighing_id, gross_kg)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    for stranger in (cast.DASHIQIAO, cast.PLANT_TWO_DEVICE):
        assert (await correct(by, id_, 46_000, stranger)).status_code == 404
    assert (await correct(by, id_, 46_000, cast.PAIZHAI_CLERK)).status_code == 403


async def test_w05_what_was_refused_is_kept_for_the_auditor(by: By, contract_id: UUID, now: datetime) -> None:
    record = yard.record(await issue(by, contract_id, now), "out", 31_200, now)
    await weighed(by, record)
    await weighed(by, yard.record(None, "out", -5, now))
    reused = {**record, "gross_kg": 40_000}
    for _ in range(2):
        await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=reused)
    items = (await by(cast.AUDITOR).get("/v1/weighings?status=refused")).json()["items"]
    assert [item["problem"]["code"] for item in items] == ["id-reused", "impossible-weight"]
    assert '"gross_kg":40000' in items[0]["sent"]
    assert {item["person_id"] for item in items} == {str(cast.BRIDGE_7_DEVICE.id)}
    assert (await by(cast.DASHIQIAO).get("/v1/weighings?status=refused")).json()["items"] == []
    one = await by(cast.LI).get(f"/v1/weighings/{items[0]['id']}")
    assert one.json()["status"] == "refused"


async def test_w09_what_people_did_follows_a_correction_and_is_not_left_without_a_ground(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """E1, E39: a load that was written off is corrected, and so is what was written off; the record itself stands."""
    ticket = await issue(by, contract_id, now)
    id_ = await weighed(by, yard.record(ticket, "out", 31_200, now))
    lost = await by(cast.LI).post(f"/v1/tickets/{ticket['id']}/lose", json={"reason": "翻车"})
    assert lost.status_code == 200, lost.text
    assert (await correct(by, id_, 46_000)).status_code == 200
    assert (await quota(by, now))["out_kg"] == 31_000
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "lost"
    answer = await by(cast.LI).post(f"/v1/weighings/{id_}/void", json={"reason": "误录"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket-is-in-hand")
    # Another scale saw it leave, too: the wrong record is not needed any more.
    await weighed(by, yard.record(ticket, "out", 30_500, now), cast.PLANT_TWO_DEVICE)
    assert (await by(cast.LI).post(f"/v1/weighings/{id_}/void", json={"reason": "误录"})).status_code == 200
    assert (await quota(by, now))["out_kg"] == 30_500
    assert await findings(app) == []


@pytest.mark.parametrize(("settlement", "out_kg"), [("quota", 61_200), ("written-off", 30_000)])
async def test_w06_what_left_without_a_paper_is_charged_or_written_off(
    app: FastAPI, by: By, contract_id: UUID, now: datetime, settlement: str, out_kg: int
) -> None:
    ticket = await issue(by, contract_id, now)
    await weighed(by, yard.record(ticket, "out", 30_000, now - timedelta(minutes=50)))
    id_ = await weighed(by, yard.record(ticket, "out", 31_200, now))
    assert (await quota(by, now))["suspense_kg"] == 31_200
    path, body = f"/v1/weighings/{id_}/settle", {"settlement": settlement, "note": "已查明，见县局第 9 号笔录"}
    assert (await by(cast.DASHIQIAO).post(path, json=body)).status_code == 404
    answer = await by(cast.LI).post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["versions"][-1]["reason"] == body["note"]
    again = await by(cast.LI).post(path, json=body)
    assert (again.status_code, again.json()["code"]) == (409, "nothing-in-suspense")
    # An earlier weighing of the ticket comes late: what an officer has settled stays settled.
    await weighed(by, yard.record(ticket, "out", 30_000, now - timedelta(minutes=55), plate="辽C54321"))
    says = await quota(by, now)
    assert (says["suspense_kg"], says["out_kg"]) == (30_000, out_kg)
    assert await findings(app) == []


async def test_w06_what_left_a_yard_has_no_quota_to_be_charged_to(by: By, contract_id: UUID, now: datetime) -> None:
    id_ = await weighed(by, yard.record(None, "out", 31_200, now), cast.PLANT_TWO_DEVICE)
    body = {"settlement": "quota", "note": "查"}
    answer = await by(cast.LI).post(f"/v1/weighings/{id_}/settle", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "not-of-a-mine")
    settled = await by(cast.LI).post(f"/v1/weighings/{id_}/settle", json={**body, "settlement": "written-off"})
    assert settled.status_code == 200, settled.text
