"""Where ore came from and where it is: what each reader is told, and that the parts add up."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from service.domain.proofs import Named
from service.domain.units import Kilograms, shanghai_day
from service.keys import Purpose
from tests import yard
from tests.cast import (
    ANSHAN,
    BRIDGE_7_DEVICE,
    DASHIQIAO,
    LI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO,
    PLANT_TWO_DEVICE,
    STRANGER,
    STRANGER_CLERK,
    STRANGER_DEVICE,
    STRANGER_GATE,
    Person,
)
from tests.routes.by import By

pytestmark = pytest.mark.anyio
DOCUMENT = "海镁办〔2026〕1号"


async def grant(app: FastAPI, kg: int, at: datetime, document_no: str = DOCUMENT) -> UUID:
    async with app.state.database.transaction() as connection:
        sign = app.state.keys.current(Purpose.LEDGER)
        tranche_id, _ = await yard.grant(connection, kg, at=at, sign=sign, document_no=document_no)
    return tranche_id


async def deliver(app: FastAPI, by: By, out_kg: int, in_kg: int | None, at: datetime) -> dict[str, Any]:
    """A load of Paizhai Mine's to Plant Two; gives its ticket."""
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=at)
    answer = await by(PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, at))
    ticket: dict[str, Any] = answer.json()
    await by(BRIDGE_7_DEVICE).post("/v1/weighings", json=yard.record(ticket, "out", out_kg, at))
    if in_kg is not None:
        await by(PLANT_TWO_DEVICE).post("/v1/weighings", json=yard.record(ticket, "in", in_kg, at))
    return ticket


async def asked(by: By, who: Person, path: str) -> dict[str, Any]:
    answer = await by(who).get(f"/v1/provenance/{path}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    named = sum(origin["kg"] for origin in told.get("origins", []))
    assert told["kg"] == named + told.get("unproven_kg", 0) or "holders" in told
    return told


async def test_a_lot_comes_from_the_tranche_and_its_documents(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    tranche_id = await grant(app, 100_000, at)
    ticket = await deliver(app, by, 31_200, 31_140, at)
    [lot] = (await by(PLANT_CLERK).get("/v1/lots")).json()["items"]

    told = await asked(by, PLANT_CLERK, f"lots/{lot['id']}")

    assert (told["kg"], told["proven_kg"], told["unproven_kg"]) == (31_140, 31_140, 0)
    [origin] = told["origins"]
    assert (origin["mine_id"], origin["tranche_id"]) == (str(PAIZHAI_MINE), str(tranche_id))
    assert (origin["document_no"], origin["kg"]) == (DOCUMENT, 31_140)
    kinds = [(step["source_kind"], step["target_kind"]) for step in told["steps"]]
    assert kinds == [
        ("issue", "pool"),
        ("pool", "pool"),
        ("pool", "pool"),
        ("pool", "quota"),
        ("quota", "load"),
        ("load", "lot"),
    ]
    assert {step["document"] for step in told["steps"][-2:]} == {ticket["number"]}
    assert (await asked(by, LI, f"contracts/{ticket['contract_id']}"))["kg"] == 31_140


async def test_pages_of_a_mine_and_of_walks_lead_to_the_lots_and_loads_that_their_readers_may_open(
    app: FastAPI, by: By
) -> None:
    at = app.state.clock.now()
    await grant(app, 100_000, at)
    ticket = await deliver(app, by, 31_200, None, at)
    mine, load_page = f"/mines/{PAIZHAI_MINE}?year={at.year}", f"/tickets/{ticket['id']}"

    async def leads(person: Person, path: str) -> set[str]:
        shown = await by(person).get(path, headers={"Accept": "text/html"})
        assert shown.status_code == 200
        return set(re.findall(r'href="(/(?:lots|tickets)/[0-9a-f-]{36})"', shown.text.partition("</h1>")[2]))

    assert [await leads(person, mine) for person in (LI, PAIZHAI_CLERK)] == [{load_page}] * 2
    await by(PLANT_TWO_DEVICE).post("/v1/weighings", json=yard.record(ticket, "in", 31_200, at))
    [lot] = (await by(PLANT_CLERK).get("/v1/lots")).json()["items"]
    lot_page = f"/lots/{lot['id']}"

    assert [await leads(person, mine) for person in (LI, PAIZHAI_CLERK)] == [{lot_page}, set()]
    assert await leads(PLANT_CLERK, lot_page) == {lot_page, load_page}
    assert await leads(PAIZHAI_CLERK, f"{load_page}/provenance") == {load_page}


async def test_pages_lead_an_office_to_no_mine_or_lot_of_another_county(app: FastAPI, by: By) -> None:
    """Paizhai's ore, bought in Dashiqiao and pledged from there to Haicheng."""
    at = app.state.clock.now()
    await grant(app, 100_000, at)
    async with app.state.database.transaction() as connection:
        bought = await yard.contract(connection, at=at, mine_id=PAIZHAI_MINE, buyer_id=STRANGER.id)
    asked_for = yard.ticket_in(bought, at, destination_station_id=str(STRANGER_GATE))
    ticket = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=asked_for)).json()
    for scale, direction in ((BRIDGE_7_DEVICE, "out"), (STRANGER_DEVICE, "in")):
        await by(scale).post("/v1/weighings", json=yard.record(ticket, direction, 31_000, at))
    [lot] = (await by(STRANGER_CLERK).get("/v1/lots")).json()["items"]
    async with app.state.database.transaction() as connection:
        proof = (Named(UUID(lot["id"]), Kilograms(9_000)),)
        sold = await yard.contract(connection, at=at, seller_id=STRANGER.id, proof=proof, kg=Kilograms(9_000))
    pages = (f"/tickets/{ticket['id']}", f"/tickets/{ticket['id']}/provenance", f"/contracts/{sold}")

    for person, led in ((LI, [True, True, False]), (DASHIQIAO, [False, False, True])):
        shown = [(await by(person).get(page, headers={"Accept": "text/html"})).text for page in pages]
        leads = [f"/mines/{PAIZHAI_MINE}", f"/mines/{PAIZHAI_MINE}", f"/lots/{lot['id']}"]
        assert [f'href="{lead}' in page for lead, page in zip(leads, shown, strict=True)] == led


async def test_r21_ore_is_traced_between_firms_and_inside_them(app: FastAPI, by: By) -> None:
    """R21: from the plant's product through its run, its lot and the load to the mine's tranche, and from the mine forwards."""
    at = app.state.clock.now()
    tranche_id = await grant(app, 100_000, at)
    await deliver(app, by, 31_200, 31_200, at)
    [lot] = (await by(PLANT_CLERK).get("/v1/lots")).json()["items"]
    line = {"enterprise_id": str(PLANT_TWO.id), "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    line_id = (await by(LI).post("/v1/lines", json={**line, "status": "running", "ore_per_product": 2})).json()["id"]
    run = {
        "number": "JG-1", "line_id": line_id, "ran_on": str(shanghai_day(at)), "inputs": [{"lot_id": lot["id"], "kg": 20_000}],
        "outputs": [{"kind": "product", "name": "轻烧粉", "kg": 10_000}],
    }  # fmt: skip
    filed = await by(PLANT_CLERK).post("/v1/runs", json=run)
    assert filed.status_code == 201, filed.text

    back = (await by(LI).get(f"/v1/provenance/products/{filed.json()['outputs'][0]['lot_id']}")).json()
    assert [(one["mine_id"], one["tranche_id"], one["kg"]) for one in back["origins"]] == [
        (str(PAIZHAI_MINE), str(tranche_id), 20_000)
    ]
    forth = (await by(LI).get(f"/v1/provenance/mines/{PAIZHAI_MINE}?year={at.year}")).json()
    passed = {
        "run_id": filed.json()["id"],
        "document": "JG-1",
        "holder_id": str(PLANT_TWO.id),
        "holder": PLANT_TWO.name,
    }
    assert [(one["kind"], one["kg"], one["product_kg"], one["holder_id"]) for one in forth["holders"]] == [
        ("product", 20_000, 10_000, str(PLANT_TWO.id)),
        ("lot", 11_200, None, str(PLANT_TWO.id)),
    ]
    assert [[dict(run, account=0) for run in one["through"]] for one in forth["holders"]] == [
        [{**passed, "account": 0}],
        [],
    ]
    of_the_mine = await asked(by, PAIZHAI_CLERK, f"mines/{PAIZHAI_MINE}?year={at.year}")
    assert [(one["kg"], one["product_kg"]) for one in of_the_mine["holders"]] == [(20_000, 10_000), (11_200, None)]
    unnamed = {"run_id": None, "document": None, "holder_id": None, "holder": None, "account": 0}
    assert [dict(run, account=0) for run in of_the_mine["holders"][0]["through"]] == [unnamed]


async def test_a_ticket_tells_what_was_lost_on_the_way(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    await grant(app, 100_000, at)
    ticket = await deliver(app, by, 31_200, 31_140, at)

    told = await asked(by, PLANT_CLERK, f"tickets/{ticket['id']}")

    assert (told["kg"], told["proven_kg"]) == (31_200, 31_200)
    assert [step["kg"] for step in told["steps"] if step["target_kind"] == "lost"] == [60]
    holders = await asked(by, PAIZHAI_CLERK, f"mines/{PAIZHAI_MINE}?year={at.year}")
    assert holders["kg"] == 31_200
    assert {(holder["kind"], holder["kg"]) for holder in holders["holders"]} == {("lot", 31_140), ("lost", 60)}


async def test_what_lies_beyond_the_quota_has_no_origin_until_a_tranche_covers_it(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    await grant(app, 30_000, at)
    ticket = await deliver(app, by, 31_200, None, at)
    before = await asked(by, LI, f"tickets/{ticket['id']}")
    assert (before["proven_kg"], before["unproven_kg"]) == (30_000, 1_200)
    assert [(part["reason"], part["kg"]) for part in before["unproven"]] == [("debt", 1_200)]
    then = app.state.clock.now()

    await grant(app, 5_000, then + timedelta(seconds=5), document_no="海镁办〔2026〕9号")

    after = await asked(by, LI, f"tickets/{ticket['id']}")
    assert (after["proven_kg"], after["unproven_kg"]) == (31_200, 0)
    assert {(origin["document_no"], origin["kg"]) for origin in after["origins"]} == {
        (DOCUMENT, 30_000),
        ("海镁办〔2026〕9号", 1_200),
    }
    answer = await by(LI).get(f"/v1/provenance/tickets/{ticket['id']}", params={"as_of": then.isoformat()})
    assert answer.json() == before, "what was known then is never changed"


async def test_an_answer_is_bounded_and_says_what_it_leaves_out(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    await grant(app, 20_000, at)
    await grant(app, 40_000, at)
    ticket = await deliver(app, by, 31_200, 31_200, at)

    told = (await by(LI).get(f"/v1/provenance/tickets/{ticket['id']}?limit=1")).json()

    assert (told["kg"], told["proven_kg"]) == (31_200, 31_200)
    assert [origin["kg"] for origin in told["origins"]] == [20_000]
    assert told["rest"] == {"parts": 1, "kg": 11_200}
    assert told["steps_left_out"] > 0


async def test_strangers_know_of_nothing(app: FastAPI, by: By) -> None:
    at = app.state.clock.now()
    await grant(app, 100_000, at)
    ticket = await deliver(app, by, 31_200, 31_140, at)
    [lot] = (await by(PLANT_CLERK).get("/v1/lots")).json()["items"]
    paths = [
        f"tickets/{ticket['id']}",
        f"lots/{lot['id']}",
        f"contracts/{ticket['contract_id']}",
        f"mines/{PAIZHAI_MINE}?year={at.year}",
        f"lots/{uuid4()}",
    ]

    for who in (STRANGER_CLERK, DASHIQIAO):
        assert [(await by(who).get(f"/v1/provenance/{path}")).status_code for path in paths] == [404] * 5
    # The seller is no holder of the buyer's lot; the buyer has no business with what else the mine let out.
    assert (await by(PAIZHAI_CLERK).get(f"/v1/provenance/{paths[1]}")).status_code == 404
    assert (await by(PLANT_CLERK).get(f"/v1/provenance/{paths[3]}")).status_code == 404
    assert (await by(ANSHAN).get(f"/v1/provenance/{paths[1]}")).status_code == 200
