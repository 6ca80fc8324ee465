"""Reports: a mine's ledgers, its production form, the county's quarter, and the city's samples (R15, R17, R19, R20)."""

import csv
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from python_calamine import CalamineWorkbook

from tests import cast
from tests.cast import ANSHAN, AUDITOR, BRIDGE_7_DEVICE, DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_CLERK, STRANGER_CLERK
from tests.routes.by import By
from tests.routes.filing import at, contract, issue, refused, slip

MINE = str(cast.PAIZHAI_MINE)
LEDGERS = f"/v1/reports/mines/{MINE}"
Q1 = {"mine_id": MINE, "year": 2026, "quarter": 1}
COUNTY = "/v1/reports/counties/210381/quarter?year=2026&quarter=1"


@pytest.fixture
def begins_at() -> str:
    return "2026-03-03T09:00:00+08:00"


async def ticketed_load(by: By, net_kg: int) -> str:
    """A load of Paizhai Mine's ore, weighed out under a ticket to Plant Two."""
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    wish = {
        "contract_id": filed["id"],
        "plate": "辽C12345",
        "planned_kg": net_kg,
        "grade": "一级",
        "source_station_id": str(cast.BRIDGE_7),
        "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": "2026-03-03T08:00:00+08:00",
        "valid_until": "2026-03-04T08:00:00+08:00",
    }
    ticket = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=wish)).json()
    record = {
        "id": str(uuid4()), "sequence": 1, "ticket": ticket["number"], "direction": "out", "plate": "辽C12345",
        "gross_kg": 15_000 + net_kg, "tare_kg": 15_000, "weighed_at": "2026-03-03T09:00:00+08:00", "tare_source": "fresh",
    }  # fmt: skip
    answer = await by(BRIDGE_7_DEVICE).post("/v1/weighings", json={"sent_at": None, "records": [record]})
    assert answer.json()["results"][0]["status"] == "accepted", answer.text
    number: str = ticket["number"]
    return number


async def traded(by: By, app: FastAPI) -> str:
    """A load of 30 t sold and a slip of 5 t; gives the ticket's number."""
    at(app, "2026-03-03T09:00:00+08:00")
    await issue(app, 100_000)
    number = await ticketed_load(by, 30_000)
    assert (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).status_code == 201
    return number


async def read(by: By, path: str, person: cast.Person = PAIZHAI_CLERK) -> dict[str, Any]:
    answer = await by(person).get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_r20_output_and_sales_are_the_ledger_s(by: By, app: FastAPI) -> None:
    """R20: each load and slip; a sale names its buyer, and its price to the parties only."""
    number = await traded(by, app)

    output = await read(by, f"{LEDGERS}/output?year=2026")
    assert output["totals"] == {"sale_kg": 30_000, "own_use_kg": 5_000, "unpapered_kg": 0}
    assert output["months"] == {"2026-03": 35_000}
    sales = await read(by, f"{LEDGERS}/sales?year=2026")
    (sale,) = sales["items"]
    assert (sale["document"], sale["contract"], sale["buyer"], sale["kg"], sale["price_fen_per_t"]) == (
        number, "HT-1", cast.PLANT_TWO.name, 30_000, 45_000,
    )  # fmt: skip
    assert (await read(by, f"{LEDGERS}/sales?year=2026", LI))["items"][0]["price_fen_per_t"] is None
    assert output["policies"]["carry_years"] is False


async def test_e53_the_same_snapshot_gives_the_same_figures(by: By, app: FastAPI) -> None:
    """E53, R20: whatever came later."""
    await traded(by, app)
    paths = [f"{LEDGERS}/{name}?year=2026" for name in ("output", "sales", "reserves")]
    before = [await read(by, path) for path in paths] + [await read(by, COUNTY, LI)]
    at(app, "2026-03-20T09:00:00+08:00")
    assert (
        await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(number="JJ-2", handed_on="2026-03-19"))
    ).status_code == 201
    survey = {"kind": "surveyed", "kg": 10**9, "counted_on": "2026-01-01", "document_no": "储量核实报告"}
    assert (await by(PAIZHAI_CLERK).post(f"{LEDGERS}/reserves", json=survey)).status_code == 201
    [load] = (await by(LI).get("/v1/weighings")).json()["items"]
    weights = {"gross_kg": 44_000, "tare_kg": 15_000, "reason": "读错一位"}
    assert (await by(LI).post(f"/v1/weighings/{load['id']}/correct", json=weights)).is_success

    again = [await read(by, f"{path}&as_of={then['as_of']}") for path, then in zip(paths, before, strict=False)]
    again.append(await read(by, f"{COUNTY}&as_of={before[3]['as_of']}", LI))
    assert again == before
    assert (await read(by, paths[0]))["totals"] == {"sale_kg": 29_000, "own_use_kg": 10_000, "unpapered_kg": 0}
    for wrong in ("x", "999999-1", f"0-{10**17}"):
        assert refused(await by(PAIZHAI_CLERK).get(f"{paths[0]}&as_of={wrong}"), 422, "snapshot-unknown")


async def test_r19_what_is_handed_over_on_a_quarter_s_first_day_is_that_quarter_s(by: By, app: FastAPI) -> None:
    """Told late or not: a mine's ledger goes by the days on which its ore went."""
    await traded(by, app)
    at(app, "2026-04-02T09:00:00+08:00")
    for number, day in (("JJ-3", "2026-04-01"), ("JJ-4", "2026-03-31"), ("JJ-5", "2026-03-20")):
        filed = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(number=number, handed_on=day))
        assert filed.status_code == 201, filed.text

    quarters = [COUNTY, COUNTY.replace("quarter=1", "quarter=2")]
    shown = [next(one for one in (await read(by, path, LI))["items"] if one["mine_id"] == MINE) for path in quarters]
    assert [one["own_use_kg"] for one in shown] == [15_000, 5_000]
    items = (await read(by, f"{LEDGERS}/output?year=2026"))["items"]
    assert [item["document"] for item in items][-3:] == ["JJ-5", "JJ-4", "JJ-3"]


async def test_e53_a_snapshot_names_whom_a_load_went_to_and_whose_the_mine_was_then(by: By, app: FastAPI) -> None:
    """E34, R20: though the load was redirected since, and the mine has another scale and owner."""
    load = await traded(by, app)
    others = [
        (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number=number, buyer_id=str(buyer.id)))).json()
        for number, buyer in (("HT-2", cast.STRANGER), ("HT-3", cast.PLANT_TWO))
    ]
    mine = f"/v1/mines/{MINE}"

    async def revise(**changed: Any) -> None:
        version = {"If-Match": (await by(LI).get(mine)).headers["etag"]}
        assert (await by(LI).patch(mine, json=changed, headers=version)).is_success

    for name in ("排寨菱镁矿", "排寨矿"):  # what the registry says is known from its first entry on
        await revise(name=name)
    paths = [f"{LEDGERS}/sales?year=2026", COUNTY]
    before = [await read(by, path, LI) for path in paths]
    (ticket,) = (await by(PAIZHAI_CLERK).get("/v1/tickets")).json()["items"]
    for hour, other in enumerate(others, 10):
        at(app, f"2026-03-03T{hour}:00:00+08:00")
        going = {"contract_id": other["id"], "destination_station_id": str(cast.PLANT_TWO_GATE), "reason": "厂方停窑"}
        assert (await by(PAIZHAI_CLERK).post(f"/v1/tickets/{ticket['id']}/redirect", json=going)).is_success
    await revise(licence={"scale_kg": 3_000_000_000}, enterprise_id=str(cast.STRANGER.id))

    assert [
        await read(by, f"{path}&as_of={then['as_of']}", LI) for path, then in zip(paths, before, strict=True)
    ] == before
    assert [(one["document"], one["buyer"]) for one in before[0]["items"]] == [(load, cast.PLANT_TWO.name)]
    (now,) = (await read(by, paths[0], LI))["items"]
    assert (now["contract"], now["buyer"]) == ("HT-3", cast.PLANT_TWO.name)


async def test_r20_reserves_are_what_was_surveyed_less_what_left(by: By, app: FastAPI) -> None:
    """R20."""
    await traded(by, app)
    survey = {"kind": "surveyed", "kg": 1_000_000, "counted_on": "2026-01-01", "document_no": "储量核实报告"}
    for person, status in ((LI, 403), (STRANGER_CLERK, 404), (PAIZHAI_CLERK, 201)):
        assert (await by(person).post(f"{LEDGERS}/reserves", json=survey)).status_code == status

    ledger = await read(by, f"{LEDGERS}/reserves")
    assert [(one["kind"], one["change_kg"], one["left_kg"]) for one in ledger["items"]][-1][2] == 965_000
    assert ledger["items"][0]["kind"] == "surveyed"


async def test_r20_ledgers_are_exported_as_tables(by: By, app: FastAPI) -> None:
    """R20: Excel and CSV carry the snapshot with them."""
    await traded(by, app)
    sheet = await by(PAIZHAI_CLERK).get(f"{LEDGERS}/sales?year=2026&format=xlsx")
    rows = CalamineWorkbook.from_filelike(BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
    assert rows[0][0] == "时间 occurred_at"
    assert rows[1][rows[0].index("净发出（千克） kg")] == 30_000
    table = await by(PAIZHAI_CLERK).get(f"{LEDGERS}/output?year=2026&format=csv")
    lines = list(csv.reader(StringIO(table.content.decode("utf-8-sig"))))
    assert len([line for line in lines if line and line[0].startswith("2026-")]) == 2
    assert any(line[:1] == ["as_of"] for line in lines)
    assert (await by(LI).get(f"{COUNTY}&format=xlsx")).status_code == 200


async def test_r19_a_mine_fills_its_form_in_and_the_county_counts_it(by: By, app: FastAPI) -> None:
    """R19: the ledger's figures are there already; a signed form stays."""
    await traded(by, app)
    at(app, "2026-04-02T09:00:00+08:00")
    assert (await by(LI).post("/v1/forms", json=Q1)).status_code == 403
    assert (await by(STRANGER_CLERK).post("/v1/forms", json=Q1)).status_code == 404
    assert refused(await by(PAIZHAI_CLERK).post("/v1/forms", json={**Q1, "quarter": 3}), 409, "quarter-not-begun")
    form = (await by(PAIZHAI_CLERK).post("/v1/forms", json=Q1)).json()
    assert form["known"] == {
        "issued_kg": 100_000, "used_kg": 35_000, "sale_kg": 30_000, "own_use_kg": 5_000, "unpapered_kg": 0,
    }  # fmt: skip
    path = f"/v1/forms/{form['id']}"
    missing = await by(PAIZHAI_CLERK).post(f"{path}/sign")
    assert refused(missing, 409, "form-incomplete")
    assert missing.json()["missing"] == ["mined_kg", "opening_stock_kg", "closing_stock_kg"]
    said = {"mined_kg": 40_000, "opening_stock_kg": 0, "closing_stock_kg": 5_000}
    assert (await by(PAIZHAI_CLERK).patch(path, json=said)).json()["said"]["mined_kg"] == 40_000
    assert (await read(by, COUNTY, LI))["items"][0]["mined_kg"] is None
    assert (await by(PAIZHAI_CLERK).post(f"{path}/sign")).json()["signed_by"] == PAIZHAI_CLERK.name
    for answer in (
        await by(PAIZHAI_CLERK).patch(path, json=said),
        await by(PAIZHAI_CLERK).post(f"{path}/sign"),
        await by(PAIZHAI_CLERK).post("/v1/forms", json=Q1),
    ):
        assert refused(answer, 409, "form-is-signed")

    counted = await read(by, COUNTY, LI)
    (mine,) = counted["items"]
    assert (mine["mined_kg"], mine["sale_kg"], mine["issued_kg"], mine["left_kg"]) == (40_000, 30_000, 100_000, 65_000)
    assert counted["totals"]["used_kg"] == 35_000
    for person, status in ((ANSHAN, 200), (AUDITOR, 200), (DASHIQIAO, 404), (PLANT_CLERK, 404)):
        assert (await by(person).get(COUNTY)).status_code == status


async def test_r17_the_city_looks_into_a_mine_s_quarter(by: By, app: FastAPI) -> None:
    """R17: its loads are listed, the finding is recorded once."""
    await traded(by, app)
    asked = {**Q1, "reason": "随机抽取"}
    assert (await by(LI).post("/v1/samples", json=asked)).status_code == 403
    sample = (await by(ANSHAN).post("/v1/samples", json=asked)).json()
    assert (sorted(one["kg"] for one in sample["loads"]), sample["assessment_id"]) == ([5_000, 30_000], None)
    finding = {"is_in_order": False, "finding": "一车无监控录像", "document_no": "鞍镁检〔2026〕1号"}
    path = f"/v1/samples/{UUID(sample['id'])}"
    assert (await by(ANSHAN).post(f"{path}/finding", json=finding)).json()["finding"] == "一车无监控录像"
    assert refused(await by(ANSHAN).post(f"{path}/finding", json=finding), 409, "sample-is-closed")
    assert [one["id"] for one in (await read(by, "/v1/samples", LI))["items"]] == [sample["id"]]
    assert (await by(DASHIQIAO).get(path)).status_code == 404


async def test_r15_a_county_reports_its_year_with_what_it_expects_and_proposes(by: By, app: FastAPI) -> None:
    """R15: in time until 20 November; what it expects by the year's end and proposes for the next is kept with it."""
    at(app, "2026-11-20T23:59:59+08:00")
    bare = {"duty": "year-report", "jurisdiction": "210381", "year": 2026, "document_no": "海镁报〔2026〕8号"}
    assert refused(await by(LI).post("/v1/submissions", json=bare), 422, "figures-missing")
    figures = {"expected_kg": 880_000_000, "proposed_kg": 900_000_000, "proposal": "按证载规模安排"}
    sent = await by(LI).post("/v1/submissions", json={**bare, **figures})
    assert (sent.status_code, sent.json()["days_late"], sent.json()["figures"]) == (201, 0, figures)
    at(app, "2026-11-21T00:00:00+08:00")
    assert (await by(LI).post("/v1/submissions", json={**bare, **figures})).json()["days_late"] == 1


async def test_r20_what_an_officer_charges_to_the_quota_left_the_mine_once(by: By, app: FastAPI) -> None:
    """R20, W06: a load without a paper stays one load, whether it waits in suspense or is charged."""
    at(app, "2026-03-03T12:00:00+08:00")
    await issue(app, 100_000)
    record = {
        "id": str(uuid4()), "sequence": 1, "ticket": None, "direction": "out", "plate": "辽C12345",
        "gross_kg": 35_000, "tare_kg": 15_000, "weighed_at": "2026-03-03T09:00:00+08:00", "tare_source": "fresh",
    }  # fmt: skip
    await by(BRIDGE_7_DEVICE).post("/v1/weighings", json={"sent_at": None, "records": [record]})
    before = await read(by, f"{LEDGERS}/output?year=2026")
    (weighed,) = (await by(LI).get("/v1/weighings")).json()["items"]
    settled = await by(LI).post(f"/v1/weighings/{weighed['id']}/settle", json={"settlement": "quota", "note": "已查明"})
    assert settled.status_code == 200, settled.text

    after = await read(by, f"{LEDGERS}/output?year=2026")
    assert before["totals"] == {"sale_kg": 0, "own_use_kg": 0, "unpapered_kg": 20_000}
    assert after["totals"] == before["totals"]
    assert (await read(by, COUNTY, LI))["items"][0]["used_kg"] == 20_000
    sheet = (await by(LI).post("/v1/assessments", json=Q1)).json()
    assert [one["points"] for one in sheet["lines"] if (one["side"], one["number"]) == ("minus", 4)] == [2]
    assert sheet["header"]["used_kg"] == 20_000
