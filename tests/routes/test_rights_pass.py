"""Rights that pass on and periods that close: mergers and splits, special quota, quarters and years (E26, E28, R16, R25)."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from tests import yard
from tests.cast import (
    ANSHAN,
    BRIDGE_7_DEVICE,
    LI,
    PAIZHAI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO,
    PROVINCE,
)
from tests.routes.by import By
from tests.routes.filing import at, contract, slip
from tests.routes.quota import MINE, SCALE, allot, allotment, base, fill_pools
from tests.routes.ruling import rule
from tests.routes.test_rights import mine_of, quota_of, scored, try_to
from tests.sweeping import swept

pytestmark = pytest.mark.usefixtures("verified")


@pytest.fixture
def begins_at() -> str:
    return "2026-02-01T09:00:00+08:00"


async def trades_only(by: By) -> None:
    """Paizhai Mine's firm is a trader from now on."""
    path = f"/v1/enterprises/{PAIZHAI.id}"
    version = {"If-Match": (await by(LI).get(path)).headers["etag"]}
    assert (await by(LI).patch(path, json={"kinds": ["trader"]}, headers=version)).status_code == 200


async def test_e26_four_mines_become_one_to_the_kilogram(by: By, app: FastAPI) -> None:
    """R05, E26: what was not spent moves by legs; the old mines keep what they were issued and let out."""
    at(app, "2026-02-01T09:00:00+08:00")
    await fill_pools(by)
    old = [await mine_of(by, f"抚矿{number}") for number in (1, 2, 3, 4)]
    new = await mine_of(by, "抚矿")
    for number, mine in enumerate(old):
        await allot(by(ANSHAN), allotment("base", "210381", {"mine_id": mine}, 10_001 + number, quarter=1))
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(mine_id=old[0], kg=4_000, handed_on="2026-02-01"))
    body = {
        "predecessors": old, "successors": [{"mine_id": new}], "on": "2026-02-01", "reason": "资源开发整合",
        "document_no": "鞍镁整〔2026〕1号",
    }  # fmt: skip
    assert (await by(LI).post("/v1/successions", json=body)).status_code == 403
    answer = await by(ANSHAN).post("/v1/successions", json=body)
    assert answer.status_code == 201, answer.text

    assert [one["moved_kg"] for one in answer.json()["items"]] == [6_001, 10_002, 10_003, 10_004]
    assert (await quota_of(by, new))["issued_kg"] == 36_010
    first = await quota_of(by, old[0])
    assert (first["issued_kg"], first["out_kg"], first["available_kg"]) == (4_000, 4_000, 0)
    assert [tranche["kg"] for tranche in first["tranches"]] == [10_001, -6_001]
    refused = await by(ANSHAN).post(
        "/v1/allotments", json={**allotment("base", "210381", {"mine_id": old[0]}, 1, quarter=2), "issue": True}
    )
    assert refused.json()["faults"] == ["succeeded"]
    again = await by(ANSHAN).post("/v1/successions", json={**body, "predecessors": old[:1]})
    assert again.json()["code"] == "succeeded-already"
    itself = await by(ANSHAN).post("/v1/successions", json={**body, "predecessors": [new]})
    assert itself.json()["code"] == "successor-is-predecessor"
    assert len((await by(PAIZHAI_CLERK).get(f"/v1/successions?mine_id={new}")).json()["items"]) == 4
    assert (await by(PLANT_CLERK).get("/v1/successions")).json()["items"] == []


async def test_e26_a_right_is_split_by_parts_and_none_passes_on_that_owes(by: By, app: FastAPI) -> None:
    """E26, E52: what a division leaves goes to the largest part."""
    at(app, "2026-02-01T09:00:00+08:00")
    await fill_pools(by)
    new = [await mine_of(by, "东矿"), await mine_of(by, "西矿")]
    await allot(by(ANSHAN), base(1_000))
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=1_001, handed_on="2026-02-01"))
    body = {
        "predecessors": [str(PAIZHAI_MINE)],
        "successors": [{"mine_id": new[0], "parts": 1}, {"mine_id": new[1], "parts": 2}],
        "on": "2026-02-01", "reason": "分立", "document_no": "鞍镁整〔2026〕2号",
    }  # fmt: skip
    owing = await by(ANSHAN).post("/v1/successions", json=body)
    assert (owing.json()["code"], owing.json()["overdrawn_kg"]) == ("predecessor-owes", 1)
    await allot(by(ANSHAN), base(1_001))

    answer = await by(ANSHAN).post("/v1/successions", json=body)
    assert [one["moved_kg"] for one in answer.json()["items"]] == [333, 667]


async def test_r25_what_special_quota_leaves_or_misuses_is_withdrawn_at_the_years_end(by: By, app: FastAPI) -> None:
    """R25, E51: the episode's cause is the claw-back; the next year's ceiling is cut by a share with a reason."""
    at(app, "2026-03-03T09:00:00+08:00")
    await fill_pools(by)
    special = allotment("special", "210381", MINE, 10_000, earmark="镁建材", reason="新增镁建材")
    await allot(by(ANSHAN), special)
    await allot(by(ANSHAN), base(500))
    use = {"earmark": "镁建材", "enterprise_id": str(PLANT_TWO.id), "document_no": "鞍镁专〔2026〕1号"}
    assert (await by(LI).post("/v1/earmarks", json=use)).status_code == 403
    assert (await by(ANSHAN).post("/v1/earmarks", json=use | {"enterprise_id": str(PAIZHAI_MINE)})).json()["code"] == (
        "unknown-enterprise"
    )
    assert (await by(ANSHAN).post("/v1/earmarks", json=use)).status_code == 201
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=3_000, earmark="镁建材"))
    await swept(app, at(app, "2026-03-03T10:00:00+08:00"))
    (alert,) = (await by(LI).get("/v1/alerts?state=open&code=earmark-misused")).json()["items"]
    assert (alert["facts"]["kg"], alert["facts"]["earmark"]) == (3_000, "镁建材")

    closing = {"year": 2026, "document_no": "辽镁结〔2026〕1号"}
    at(app, "2026-12-28T09:00:00+08:00")
    (due,) = [one for one in (await by(PAIZHAI_CLERK).get("/v1/deadlines")).json()["items"] if one["rule"] == "R25"]
    assert (due["due_on"], due["days_left"], due["facts"]["unspent_kg"], due["facts"]["misused_kg"]) == (
        "2026-12-31",
        3,
        7_000,
        3_000,
    )
    early = await by(PROVINCE).post("/v1/closings", json=closing)
    assert (early.json()["code"], early.json()["ends_on"]) == ("period-not-over", "2026-12-31")
    at(app, "2027-01-04T09:00:00+08:00")
    assert (await by(ANSHAN).post("/v1/closings", json=closing)).status_code == 403
    closed = await by(PROVINCE).post("/v1/closings", json=closing)
    assert closed.status_code == 201, closed.text
    assert (closed.json()["withdrawn_kg"], closed.json()["lapsed_kg"]) == (10_000, 500)
    assert closed.json()["policies"] == {"carry_quarters": True, "carry_years": False, "carry_overdraw": False}
    assert "R25" not in {one["rule"] for one in (await by(LI).get("/v1/deadlines")).json()["items"]}
    assert (await by(PROVINCE).post("/v1/closings", json=closing)).json()["code"] == "period-closed-already"
    quota = await quota_of(by)
    accounts = {account["earmark"]: account for account in quota["accounts"]}
    assert (accounts["镁建材"]["issued_kg"], accounts["镁建材"]["overdrawn_kg"]) == (0, 3_000)
    assert quota["available_kg"] == 500 - 3_000
    assert [episode["cause"] for episode in quota["overdraws"]] == ["claw-back"]

    cut = {"mine_id": str(PAIZHAI_MINE), "year": 2027, "share": "0.95", "reason": "未按用途使用", "document_no": "鞍1"}
    assert (await by(ANSHAN).post("/v1/cuts", json=cut)).status_code == 201
    assert (await by(ANSHAN).post("/v1/cuts", json=cut)).json()["code"] == "cut-already"
    for source, to in [(None, "210000"), ("210000", "210300"), ("210300", "210381")]:
        total = allotment("total", source, {"jurisdiction": to}, SCALE, year=2027, issued_on="2027-01-04")
        await allot(by(PROVINCE), total)
    tranche = base(105_500_001, year=2027, issued_on="2027-01-04")
    assert await try_to(by, tranche) == (409, "tranches-exceed-scale")
    assert await try_to(by, {**tranche, "kg": 105_500_000}) == (201, "")


async def test_r16_a_quarter_closes_by_policy_and_a_year_may_be_carried_on(by: By, app: FastAPI) -> None:
    """R16, E28, policies carry_quarters and carry_years."""
    at(app, "2026-02-01T09:00:00+08:00")
    await fill_pools(by)
    await allot(by(ANSHAN), base(1_000))
    at(app, "2026-04-01T09:00:00+08:00")
    await rule(app, carry_quarters=False, carry_years=True)
    closed = await by(PROVINCE).post("/v1/closings", json={"year": 2026, "quarter": 1, "document_no": "辽结1"})
    assert (closed.status_code, closed.json()["lapsed_kg"]) == (201, 1_000)
    assert (await quota_of(by))["available_kg"] == 0
    await allot(by(ANSHAN), {**base(700, quarter=2), "issued_on": "2026-04-01"})

    at(app, "2027-01-01T00:00:00+08:00")
    closed = await by(PROVINCE).post("/v1/closings", json={"year": 2026, "document_no": "辽结2"})
    assert (closed.status_code, closed.json()["carried_kg"]) == (201, 700)
    assert (await quota_of(by, year=2027))["available_kg"] == 700
    assert len((await by(ANSHAN).get("/v1/closings")).json()["items"]) == 2


@pytest.mark.parametrize("ends", ["traded", "vetoed"])
async def test_e28_a_mine_that_may_have_no_quota_keeps_no_years_end_from_the_others(
    by: By, app: FastAPI, ends: str
) -> None:
    """R02, R16, policy carry_years: what is left of a mine whose firm mines no more, or that a veto stops, lapses."""
    at(app, "2026-12-01T09:00:00+08:00")
    await fill_pools(by)
    await allot(by(ANSHAN), base(700))
    other = await mine_of(by, "抚矿")
    await allot(by(ANSHAN), allotment("base", "210381", {"mine_id": other}, 300, quarter=4))
    if ends == "traded":
        await trades_only(by)
    else:
        await scored(by, 4, 0, is_vetoed=True)
    await rule(app, carry_years=True)

    at(app, "2027-01-04T09:00:00+08:00")
    closed = await by(PROVINCE).post("/v1/closings", json={"year": 2026, "document_no": "辽结2"})

    left = (300, 700) if ends == "vetoed" else (0, 1_000)  # both mines are the one firm's
    assert (closed.status_code, closed.json()["carried_kg"], closed.json()["lapsed_kg"]) == (201, *left), closed.text


async def test_r05_quota_is_taken_back_from_a_firm_that_mines_no_more(by: By, app: FastAPI) -> None:
    """R02, R05, R25, E51: only what is given asks what the holder is."""
    await fill_pools(by)
    await allot(by(ANSHAN), base(700))
    await trades_only(by)
    back = allotment("adjustment", "210381", MINE, -700, reason="企业转产")

    assert await try_to(by, {**back, "kg": 700}) == (409, "holder-not-a-mine")
    assert await try_to(by, {**back, "from": "210300"}) == (409, "more-than-allotted")
    assert await try_to(by, back) == (201, "")
    assert (await quota_of(by))["available_kg"] == 0


@pytest.mark.parametrize("carries", [False, True])
async def test_e28_what_a_year_owes_stays_owed_or_is_the_next_ones_opening_debit(
    by: By, app: FastAPI, carries: bool
) -> None:
    """E28, O02, policy carry_overdraw: the loads beyond get their origin from next year's first tranche, or never."""
    at(app, "2026-12-01T09:00:00+08:00")
    await fill_pools(by)
    await allot(by(ANSHAN), base(1_000))
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=1_400, handed_on="2026-12-01"))).json()
    await rule(app, carry_overdraw=carries)
    at(app, "2027-01-04T09:00:00+08:00")
    closed = await by(PROVINCE).post("/v1/closings", json={"year": 2026, "document_no": "辽结3"})
    assert (closed.status_code, closed.json()["charged_kg"]) == (201, 400 if carries else 0)

    old, new = await quota_of(by), await quota_of(by, year=2027)
    assert (old["issued_kg"] - old["out_kg"], old["overdrawn_kg"]) == ((0, 0) if carries else (-400, 400))
    assert (new["available_kg"], new["overdrawn_kg"]) == ((-400, 400) if carries else (0, 0))
    assert [(one["cause"], one["peak_kg"]) for one in new["overdraws"]] == [("opening", 400)] * carries
    for source, to in [(None, "210000"), ("210000", "210300"), ("210300", "210381")]:
        await allot(
            by(PROVINCE), allotment("total", source, {"jurisdiction": to}, 10_000, year=2027, issued_on="2027-01-04")
        )
    await allot(by(ANSHAN), base(900, year=2027, issued_on="2027-01-04"))
    new = await quota_of(by, year=2027)
    assert (new["available_kg"], new["overdrawn_kg"]) == (500 if carries else 900, 0)
    (lot,) = (await by(PAIZHAI_CLERK).get("/v1/lots")).json()["items"]
    assert lot["document"]["id"] == filed["id"]
    origins = (await by(LI).get(f"/v1/provenance/lots/{lot['id']}")).json()
    assert [(one["year"], one["kg"]) for one in origins["origins"]] == [(2026, 1_000), (2027, 400)][: 1 + carries]


async def test_e28_an_opening_debit_breaks_the_next_years_cap_in_its_own_transaction(by: By, app: FastAPI) -> None:
    """R06, O02: the next year's quota has what is charged to it; another of that year owes, and only their sum is too much."""
    at(app, "2026-12-01T09:00:00+08:00")
    await rule(app, carry_overdraw=True)
    other = {"mine_id": await mine_of(by, "邻矿")}
    await fill_pools(by)
    await allot(by(ANSHAN), base(1_000))
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=1_401, handed_on="2026-12-01"))
    at(app, "2027-01-04T09:00:00+08:00")
    for source, to in [(None, "210000"), ("210000", "210300"), ("210300", "210381")]:
        total = allotment("total", source, {"jurisdiction": to}, 1_000, year=2027, issued_on="2027-01-04")
        await allot(by(PROVINCE), total)
    for mine in (MINE, other):
        tranche = allotment("base", "210381", mine, 500, quarter=1, year=2027, issued_on="2027-01-04")
        await allot(by(ANSHAN), tranche)
    beyond = slip(number="JJ-2", kg=600, handed_on="2027-01-04", **other)
    assert (await by(PAIZHAI_CLERK).post("/v1/slips", json=beyond)).status_code == 201

    async def broken() -> list[tuple[int, int]]:
        found = (await by(LI).get("/v1/alerts?state=open&code=pool-overdrawn")).json()["items"]
        return [(alert["facts"]["year"], alert["facts"]["over_kg"]) for alert in found]

    before = await broken()
    await by(PROVINCE).post("/v1/closings", json={"year": 2026, "document_no": "辽结4"})

    assert (before, await broken()) == ([], [(2027, 1)])


async def test_e28_a_late_load_of_a_year_that_was_charged_breaks_its_cap_in_its_own_transaction(
    by: By, app: FastAPI
) -> None:
    """R06, O02: nobody owes any more, but what was charged to the next year has gone out of the closed one all the same."""
    now = at(app, "2026-12-31T09:00:00+08:00")
    await rule(app, carry_overdraw=True)
    other = {"mine_id": await mine_of(by, "邻矿")}
    await fill_pools(by, 110_000)
    await allot(by(ANSHAN), base(80_000))
    await allot(by(ANSHAN), allotment("base", "210381", other, 30_000, quarter=4))
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=80_000, handed_on="2026-12-31", **other))
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=now, mine_id=PAIZHAI_MINE)
    ticket = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now))).json()
    at(app, "2027-01-04T09:00:00+08:00")
    await by(PROVINCE).post("/v1/closings", json={"year": 2026, "document_no": "辽结5"})
    for source, to in [(None, "210000"), ("210000", "210300"), ("210300", "210381")]:
        total = allotment("total", source, {"jurisdiction": to}, 60_000, year=2027, issued_on="2027-01-04")
        await allot(by(PROVINCE), total)
    tranche = allotment("base", "210381", other, 60_000, quarter=1, year=2027, issued_on="2027-01-04")
    await allot(by(ANSHAN), tranche)

    async def broken() -> list[int]:
        county = (await by(LI).get("/v1/quotas?year=2026")).json()["province"]["children"][0]["children"][0]
        return [episode["over_kg"] for episode in county["overdraws"]]

    before = await broken()
    late = slip(number="JJ-2", kg=40_000, handed_on="2026-12-31")
    assert (await by(PAIZHAI_CLERK).post("/v1/slips", json=late)).status_code == 201
    by_slip = await broken()
    record = yard.record(ticket, "out", 30_000, now + timedelta(hours=1))
    [weighed] = (await by(BRIDGE_7_DEVICE).post("/v1/weighings", json=record)).json()["results"]

    assert (weighed["status"], "over-quota" in weighed["flags"]) == ("accepted", False)
    assert (before, by_slip, await broken()) == ([], [10_000], [40_000])


@pytest.mark.parametrize("parts", [(1,), (1, 2)])
async def test_e26_a_right_passes_on_while_its_loads_are_weighed(by: By, app: FastAPI, parts: tuple[int, ...]) -> None:
    """E26, R06: merger and split against 24 loads at once: every kilogram is issued once, and what tickets held still leaves."""
    now = at(app, "2026-02-01T09:00:00+08:00")
    await fill_pools(by)
    new = [await mine_of(by, f"承继矿{number}") for number in range(len(parts))]
    await allot(by(ANSHAN), base(2_000_000))
    terms = contract(kg=2_000_000, signed_on="2026-02-01")
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        filed = (await by(clerk).post("/v1/contracts", json=terms)).json()
    wishes = [yard.ticket_in(filed["id"], now, plate=f"辽C2{number:04d}", grade=terms["grade"]) for number in range(24)]
    results = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=wishes)).json()["results"]
    body = {
        "predecessors": [str(PAIZHAI_MINE)],
        "successors": [{"mine_id": mine, "parts": part} for mine, part in zip(new, parts, strict=True)],
        "on": "2026-02-01", "reason": "资源开发整合", "document_no": "鞍镁整〔2026〕3号",
    }  # fmt: skip

    async def pass_on() -> httpx.Response:
        await asyncio.sleep(0.05)  # in the middle of it
        return await by(ANSHAN).post("/v1/successions", json=body)

    records = [yard.record(result["ticket"], "out", 30_000 + place, now) for place, result in enumerate(results)]
    passed, *weighed = await asyncio.gather(
        pass_on(), *(by(BRIDGE_7_DEVICE).post("/v1/weighings", json=record) for record in records)
    )

    assert passed.status_code == 201, passed.text
    assert {answer.json()["results"][0]["status"] for answer in weighed} == {"accepted"}
    old = await quota_of(by)
    moved_kg = sum(one["moved_kg"] for one in passed.json()["items"])
    assert (old["out_kg"], old["overdrawn_kg"]) == (sum(30_000 + place for place in range(24)), 0)
    assert old["issued_kg"] + moved_kg == 2_000_000
    assert 2_000_000 - 24 * 31_000 <= moved_kg <= 2_000_000 - old["out_kg"]
    assert sum([(await quota_of(by, mine))["issued_kg"] for mine in new]) == moved_kg
