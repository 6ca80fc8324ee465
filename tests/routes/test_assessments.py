"""Scoring sheets: what is filled from the book, what departments enter, what is signed, and what hangs on it (R18, §5)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from service.keys import Purpose
from tests import cast, yard
from tests.cast import ANSHAN, BRIDGE_7_DEVICE, DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, STRANGER_CLERK
from tests.routes import ticketing
from tests.routes.by import By
from tests.routes.filing import at, contract, issue, refused
from tests.routes.quota import MINE as TO_MINE
from tests.routes.quota import TENTH, allot, allotment, fill_pools
from tests.routes.ruling import rule
from tests.sweeping import swept

MINE = str(cast.PAIZHAI_MINE)
Q1 = {"mine_id": MINE, "year": 2026, "quarter": 1}


@pytest.fixture
def begins_at() -> str:
    return "2026-02-01T09:00:00+08:00"


async def draw(by: By, status: int = 201, **asked: Any) -> dict[str, Any]:
    answer = await by(LI).post("/v1/assessments", json={**Q1, **asked})
    assert answer.status_code == status, answer.text
    sheet: dict[str, Any] = answer.json()
    return sheet


async def enter(by: By, sheet: dict[str, Any], *items: tuple[str, int, int, str | None]) -> Any:
    named = [dict(zip(("side", "number", "points", "note"), item, strict=True)) for item in items]
    return await by(LI).patch(f"/v1/assessments/{sheet['id']}", json={"items": named})


async def sign(by: By, sheet: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = await by(LI).post(f"/v1/assessments/{sheet['id']}/sign", json={"document_no": "海镁评〔2026〕1号"})
    assert answer.status_code == status, answer.text
    signed: dict[str, Any] = answer.json()
    return signed


def line(sheet: dict[str, Any], side: str, number: int) -> dict[str, Any]:
    return next(one for one in sheet["lines"] if (one["side"], one["number"]) == (side, number))


async def weigh_without_ticket(by: By, moment: str, net_kg: int = 20_000) -> None:
    record = {
        "id": str(uuid4()),
        "sequence": 1,
        "ticket": None,
        "direction": "out",
        "plate": "辽C12345",
        "gross_kg": 15_000 + net_kg,
        "tare_kg": 15_000,
        "weighed_at": moment,
        "tare_source": "fresh",
    }
    answer = await by(BRIDGE_7_DEVICE).post("/v1/weighings", json={"sent_at": None, "records": [record]})
    assert answer.json()["results"][0]["flags"] == ["no-ticket"], answer.text


async def test_s5_the_sheet_has_the_items_and_maxima_of_the_notice(by: By, app: FastAPI) -> None:
    """§5: 12 plus items of 100, 15 minus items of 103, seven vetoes; the head's figures are the ledger's."""
    at(app, "2026-03-10T09:00:00+08:00")
    await issue(app, 50_000)

    sheet = await draw(by)

    most = {side: [one["most"] for one in sheet["lines"] if one["side"] == side] for side in ("plus", "minus", "veto")}
    assert most["plus"] == [5, 5, 5, 5, 5, 10, 15, 25, 7, 8, 5, 5]
    assert most["minus"] == [2, 8, 8, 8, 20, 8, 3, 8, 8, 8, 2, 2, 3, 5, 10]
    assert len(most["veto"]) == 7
    assert line(sheet, "veto", 1)["text"].startswith("越界开采")
    assert (sheet["header"]["issued_kg"], sheet["header"]["used_kg"]) == (50_000, 0)
    assert (sheet["state"], sheet["score"], sheet["due_on"]) == ("draft", 0, "2026-03-21")
    assert sheet["policies"]["score_formula"] == "net"


async def test_s5_minus_items_are_filled_with_a_link_to_each_fact(by: By, app: FastAPI) -> None:
    """§5, E48, R26, E22: no ticket, a contract that the seller has not filed, a camera that was tampered with."""
    at(app, "2026-02-01T09:00:00+08:00")
    filed = await by(PLANT_CLERK).post("/v1/contracts", json=contract(signed_on="2026-01-31"))
    await weigh_without_ticket(by, "2026-02-01T09:00:00+08:00")
    events = [{"camera": "东", "kind": kind, "at": f"2026-02-01T0{hour}:00:00+08:00"} for hour, kind in
              ((1, "tampered"), (2, "down"))]  # fmt: skip
    assert (await by(BRIDGE_7_DEVICE).post("/v1/cameras", json={"events": events})).status_code == 204
    await swept(app, at(app, "2026-02-20T09:00:00+08:00"))

    sheet = await draw(by)

    assert {number: line(sheet, "minus", number)["points"] for number in (2, 3, 4, 5, 6, 14)} == {
        2: 0, 3: 2, 4: 2, 5: 0, 6: 2, 14: 0,
    }  # fmt: skip
    (late,) = line(sheet, "minus", 3)["evidence"]
    assert (late["kind"], late["facts"]["subject_id"]) == ("alert", filed.json()["id"])
    known = {alert["id"] for alert in (await by(LI).get("/v1/alerts")).json()["items"]}
    assert late["id"] in known
    assert line(sheet, "minus", 4)["evidence"][0]["id"] in known
    assert [(one["kind"], one["counts"]) for one in line(sheet, "minus", 6)["evidence"]] == [
        ("camera", True), ("camera", False),
    ]  # fmt: skip


async def weigh(by: By, station: cast.Person, direction: str, ticket: str, moment: str, **more: Any) -> list[str]:
    record = {
        "id": str(uuid4()), "sequence": 1, "ticket": ticket, "direction": direction, "plate": "辽C12345",
        "gross_kg": 45_000, "tare_kg": 15_000, "weighed_at": moment, "tare_source": "fresh", **more,
    }  # fmt: skip
    answer = await by(station).post("/v1/weighings", json={"sent_at": None, "records": [record]})
    assert answer.json()["results"][0]["status"] == "accepted", answer.text
    flags: list[str] = answer.json()["results"][0]["flags"]
    return flags


async def test_s5_a_bypass_that_puts_itself_right_counts_no_more_and_another_grade_does(by: By, app: FastAPI) -> None:
    """§5 minus 2 and 5, E46, E47, W04, W07: the destination told before its source; the load is of another grade."""
    at(app, "2026-03-03T12:00:00+08:00")
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    wish = {
        "contract_id": filed["id"], "plate": "辽C12345", "planned_kg": 30_000, "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7), "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": "2026-03-03T08:00:00+08:00", "valid_until": "2026-03-04T08:00:00+08:00",
    }  # fmt: skip
    ticket = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=wish)).json()
    arrived = await weigh(by, cast.PLANT_TWO_DEVICE, "in", ticket["number"], "2026-03-03T11:00:00+08:00")
    assert "station-bypass" in arrived
    bypassed = await draw(by)
    assert line(bypassed, "minus", 5)["points"] == 20
    assert line(bypassed, "minus", 5)["evidence"][0]["facts"]["subject_id"] == ticket["id"]

    left = await weigh(by, BRIDGE_7_DEVICE, "out", ticket["number"], "2026-03-03T09:00:00+08:00", grade="二级")
    assert "grade-mismatch" in left
    sheet = await draw(by, status=200)
    assert (line(sheet, "minus", 5)["points"], line(sheet, "minus", 2)["points"]) == (0, 2)


async def test_e48_a_silence_in_which_loads_were_weighed_is_listed_and_takes_no_points(by: By, app: FastAPI) -> None:
    """E48, §5 minus 6: to be looked at by the department."""
    at(app, "2026-03-03T12:00:00+08:00")
    beat = {"sent_at": "2026-03-03T12:00:00+08:00", "unsent": 0, "app_version": "1"}
    await by(BRIDGE_7_DEVICE).post("/v1/heartbeats", json=beat)
    at(app, "2026-03-03T15:00:00+08:00")
    await weigh_without_ticket(by, "2026-03-03T13:00:00+08:00")
    await by(BRIDGE_7_DEVICE).post("/v1/heartbeats", json={**beat, "sent_at": "2026-03-03T15:00:00+08:00"})

    found = line(await draw(by), "minus", 6)
    (silence,) = found["evidence"]
    assert (silence["kind"], silence["counts"], silence["facts"]["loads"], found["points"]) == ("silence", False, 1, 0)


async def test_s5_a_contract_that_the_seller_filed_in_time_is_not_held_against_its_mine(by: By, app: FastAPI) -> None:
    """R26: the buyer's lateness is the buyer's."""
    at(app, "2026-02-01T09:00:00+08:00")
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(signed_on="2026-01-31"))
    await swept(app, at(app, "2026-02-20T09:00:00+08:00"))

    assert line(await draw(by), "minus", 3)["points"] == 0


async def test_s5_score_is_plus_less_minus_and_a_veto_makes_it_nothing(by: By, app: FastAPI) -> None:
    """§5, policies score_formula and veto_years: a vetoed mine gets no quota for three years."""
    at(app, "2026-03-10T09:00:00+08:00")
    sheet = await draw(by)
    entered = await enter(by, sheet, ("plus", 8, 25, None), ("plus", 7, 15, None), ("minus", 15, 10, None))
    assert (entered.json()["plus"], entered.json()["minus"], entered.json()["score"]) == (40, 10, 30)
    assert "plus-7" not in entered.json()["unfilled"]
    assert "plus-1" in entered.json()["unfilled"]
    # 3 % of 2.11 Mt
    assert entered.json()["merit"] == {"year": 2026, "quarter": 2, "suggested_kg": 63_300_000}
    await enter(by, sheet, ("plus", 8, 0, None))
    assert (await by(LI).get(f"/v1/assessments/{sheet['id']}")).json()["score"] == 5

    assert refused(await enter(by, sheet, ("veto", 1, 1, None)), 409, "note-missing")
    vetoed = await enter(by, sheet, ("veto", 1, 1, "越界开采，已立案"))
    assert (vetoed.json()["score"], vetoed.json()["is_vetoed"]) == (0, True)
    await sign(by, sheet)
    await fill_pools(by)
    asked = {**allotment("base", "210381", TO_MINE, 10, quarter=2), "issue": True}
    answer = await by(ANSHAN).post("/v1/allotments", json=asked)
    assert refused(answer, 409, "mine-not-eligible")
    assert answer.json()["faults"] == ["vetoed"]
    at(app, "2029-04-01T09:00:00+08:00")
    later = {**asked, "issued_on": "2029-04-01"}
    assert (await by(ANSHAN).post("/v1/allotments", json=later)).status_code == 201


@pytest.mark.parametrize(
    ("item", "status", "code"),
    [
        (("plus", 1, 6, None), 409, "points-exceed-maximum"),
        (("minus", 16, 1, None), 422, "item-unknown"),
        (("minus", 5, 20, None), 409, "note-missing"),
    ],
)
async def test_s5_points_that_an_item_cannot_have_are_refused(
    item: tuple[str, int, int, str | None], status: int, code: str, by: By, app: FastAPI
) -> None:
    """§5: what the service found is changed with a reason only."""
    at(app, "2026-03-10T09:00:00+08:00")
    assert refused(await enter(by, await draw(by), item), status, code)


async def test_r18_late_sheets_stop_the_merit_tranche_until_they_arrive(by: By, app: FastAPI) -> None:
    """R18, R11: in time until 21 March 23:59:59; then no merit, and by policy no tranche at all, until it is signed."""
    at(app, "2026-03-21T23:59:59+08:00")
    await fill_pools(by)
    merit = allotment("merit", "210381", TO_MINE, 10_000, quarter=2)
    await allot(by(ANSHAN), merit)
    at(app, "2026-03-22T00:00:00+08:00")

    late = await by(ANSHAN).post("/v1/allotments", json={**merit, "issue": True})
    assert refused(late, 409, "sheet-missing")
    assert (late.json()["year"], late.json()["quarter"]) == (2026, 1)
    base = allotment("base", "210381", TO_MINE, TENTH, quarter=2)
    await rule(app, sheet_gate="all")
    assert refused(await by(ANSHAN).post("/v1/allotments", json={**base, "issue": True}), 409, "sheet-missing")
    await rule(app, sheet_gate="merit")
    await allot(by(ANSHAN), base)
    await rule(app, sheet_gate="off")
    await allot(by(ANSHAN), merit)
    await rule(app, sheet_gate="merit")

    sheet = await draw(by)
    await enter(by, sheet, ("plus", 1, 5, None))
    signed = await sign(by, sheet)
    assert (signed["state"], signed["days_late"], signed["score"]) == ("signed", 1, 5)
    await allot(by(ANSHAN), merit)
    # 0.5 % of the scale is suggested; more needs a reason.
    more = {**merit, "kg": 20_000_000, "issue": True}
    without = await by(ANSHAN).post("/v1/allotments", json=more)
    assert refused(without, 409, "reason-missing")
    assert without.json()["suggested_kg"] == 10_550_000
    assert (await by(ANSHAN).post("/v1/allotments", json={**more, "reason": "市场需求"})).status_code == 201


async def test_r18_a_mine_owes_no_sheet_for_quarters_before_its_registration(by: By, app: FastAPI) -> None:
    """R18."""
    at(app, "2026-07-02T09:00:00+08:00")
    async with app.state.database.transaction() as connection:
        owner = "UPDATE mine SET created_at = '2026-07-01T00:00:00+08:00' WHERE id = $1"
        await connection.execute(owner, cast.PAIZHAI_MINE)
    await fill_pools(by)
    await allot(by(ANSHAN), allotment("merit", "210381", TO_MINE, 10_000, quarter=3))


async def test_e2_what_is_known_later_is_listed_and_counts_in_the_next_sheet(by: By, app: FastAPI) -> None:
    """E2, R18: a signed sheet stays as it is; the cut-off parts the facts."""
    at(app, "2026-03-10T09:00:00+08:00")
    await issue(app, 100_000)
    sheet = await draw(by)
    signed = await sign(by, sheet)
    at(app, "2026-03-12T09:00:00+08:00")
    await weigh_without_ticket(by, "2026-03-09T09:00:00+08:00")

    again = (await by(LI).get(f"/v1/assessments/{sheet['id']}")).json()
    assert again["lines"] == signed["lines"]
    assert again["score"] == signed["score"]
    assert [one["item"] for one in again["delta"]["later"]] == [4]
    for answer in (
        await by(LI).post("/v1/assessments", json=Q1),
        await enter(by, sheet, ("plus", 1, 5, None)),
        await by(LI).post(f"/v1/assessments/{sheet['id']}/sign", json={"document_no": "2"}),
    ):
        assert refused(answer, 409, "sheet-is-signed")

    at(app, "2026-04-02T09:00:00+08:00")
    following = await draw(by, quarter=2)
    assert following["since"] == signed["cut_off"]
    assert line(following, "minus", 4)["points"] == 2


async def test_e2_a_correction_after_the_sheet_stands_beside_it(by: By, app: FastAPI) -> None:
    """E2, W09: the sheet's figures stay, by how much they have changed is told, and the next sheet has the new ones."""
    now = at(app, "2026-03-10T09:00:00+08:00")
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        paper = yard.ticket_in(await yard.contract(connection, at=now), now)
    await ticketing.weigh(by, await ticketing.issue(by, paper), "out", 31_200, now)
    signed = await sign(by, await draw(by))
    assert (signed["header"]["used_kg"], signed["delta"]["used_kg"]) == (31_200, 0)

    at(app, "2026-04-12T09:00:00+08:00")
    (load,) = (await by(LI).get("/v1/weighings")).json()["items"]
    says = {"gross_kg": 45_000, "tare_kg": 15_000, "reason": "读错一位"}
    assert (await by(LI).post(f"/v1/weighings/{load['id']}/correct", json=says)).status_code == 200
    again = (await by(LI).get(f"/v1/assessments/{signed['id']}")).json()
    assert (again["header"], again["delta"]["used_kg"]) == (signed["header"], -1_200)
    assert (await draw(by, quarter=2))["header"]["used_kg"] == 30_000


async def test_e2_a_load_that_comes_back_after_the_sheet_had_been_used_by_then(by: By, app: FastAPI) -> None:
    """E2, W10: one that came back before the cut-off and was told after it had not."""
    now = at(app, "2026-03-10T09:00:00+08:00")
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        contract_id = await yard.contract(connection, at=now)
    tickets = []
    for number, kg in enumerate((20_000, 31_200)):
        paper = yard.ticket_in(contract_id, now, plate=f"辽C1234{number}")
        tickets.append(await ticketing.issue(by, paper))
        await ticketing.weigh(by, tickets[-1], "out", kg, now + timedelta(hours=number))
    now = at(app, "2026-03-10T12:00:00+08:00")
    signed = await sign(by, await draw(by))

    at(app, "2026-03-11T09:00:00+08:00")
    for ticket, kg, back_at, known in (
        (tickets[0], 20_000, now + timedelta(hours=3), 0),
        (tickets[1], 31_200, now - timedelta(hours=1), -31_200),
    ):
        await ticketing.weigh(by, ticket, "back", kg, back_at)
        again = (await by(LI).get(f"/v1/assessments/{signed['id']}")).json()
        assert (again["header"]["used_kg"], again["delta"]["used_kg"]) == (51_200, known)


async def test_r18_a_late_draft_ends_with_its_quarter(by: By, app: FastAPI) -> None:
    """R18: what became known after the quarter is the next sheet's; a quarter to come has no sheet yet."""
    at(app, "2026-04-02T09:00:00+08:00")
    await weigh_without_ticket(by, "2026-04-02T09:00:00+08:00")
    sheet = await draw(by)
    assert sheet["cut_off"] == "2026-04-01T00:00:00+08:00" or sheet["cut_off"] == "2026-03-31T16:00:00Z"
    assert line(sheet, "minus", 4)["points"] == 0
    assert (await draw(by, status=200))["id"] == sheet["id"]
    answer = await by(LI).post("/v1/assessments", json={**Q1, "quarter": 3})
    assert refused(answer, 409, "quarter-not-begun")


async def test_s5_only_reverberatory_kilns_cost_five_points(by: By, app: FastAPI) -> None:
    """§5 minus 14: until one buyer is something else."""
    at(app, "2026-03-03T09:00:00+08:00")
    await issue(app, 10)
    line_of = {"enterprise_id": str(cast.PLANT_TWO.id), "name": "反射窑", "kind": "light_burnt", "status": "running"}
    kiln = {**line_of, "kiln": "reverberatory", "ore_per_product": 2.1}
    assert (await by(LI).post("/v1/lines", json=kiln)).status_code == 201
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    async with app.state.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO ticket (id, number, code, contract_id, seller_id, buyer_id, mine_id, plate, planned_kg, grade,"
            " source_station_id, destination_station_id, valid_from, valid_until, issued_at, issued_by, account, state,"
            " out_kg, out_at) SELECT gen_random_uuid(), '1', '0', $1, seller_id, buyer_id, mine_id, '辽C1', 9, '一级', $2, $3,"
            " now(), now() + interval '1 day', now(), $4, (SELECT min(id) FROM account), 'out', 9, '2026-03-03T08:00:00+08:00'"
            " FROM contract WHERE id = $1",
            filed["id"], cast.BRIDGE_7, cast.PLANT_TWO_GATE, cast.LI.id,
        )  # fmt: skip

    found = line(await draw(by), "minus", 14)
    assert (found["points"], found["evidence"][0]["id"]) == (5, filed["id"])
    await by(LI).post("/v1/lines", json={**kiln, "name": "竖窑", "kind": "dead_burnt", "kiln": "shaft"})
    assert line(await draw(by, status=200), "minus", 14)["points"] == 0


async def test_s5_the_province_words_the_vetoes(by: By, app: FastAPI) -> None:
    """§5: seven slots; a signed sheet keeps its words."""
    at(app, "2026-03-10T09:00:00+08:00")
    body = {"text": "拒不接受监督检查的", "document_no": "辽镁办〔2026〕9号"}
    assert (await by(LI).put("/v1/assessments/vetoes/2", json=body)).status_code == 403
    assert refused(await by(PROVINCE).put("/v1/assessments/vetoes/8", json=body), 422, "item-unknown")
    signed = await sign(by, await draw(by))
    written = (await by(PROVINCE).put("/v1/assessments/vetoes/2", json=body)).json()

    assert [one["text"] for one in written["items"]][1] == body["text"]
    assert line((await by(LI).get(f"/v1/assessments/{signed['id']}")).json(), "veto", 2)["text"] == ""
    at(app, "2026-04-10T09:00:00+08:00")
    assert line(await draw(by, quarter=2), "veto", 2)["text"] == body["text"]


async def test_whose_a_sheet_is(by: By, app: FastAPI) -> None:
    """A firm sees its mine's sheet once it is signed; strangers never."""
    at(app, "2026-03-10T09:00:00+08:00")
    sheet = await draw(by)
    path = f"/v1/assessments/{sheet['id']}"
    assert (await by(PAIZHAI_CLERK).get(path)).status_code == 404
    assert (await by(PAIZHAI_CLERK).post("/v1/assessments", json=Q1)).status_code == 403
    assert (await by(DASHIQIAO).post("/v1/assessments", json=Q1)).status_code == 404
    await sign(by, sheet)
    assert (await by(PAIZHAI_CLERK).get(path)).status_code == 200
    listed = (await by(PAIZHAI_CLERK).get("/v1/assessments", params=f"mine_id={MINE}&year=2026&quarter=1")).json()[
        "items"
    ]
    assert [one["id"] for one in listed] == [sheet["id"]]
    for person in (DASHIQIAO, STRANGER_CLERK):
        assert (await by(person).get(path)).status_code == 404
        assert (await by(person).get("/v1/assessments")).json()["items"] == []
