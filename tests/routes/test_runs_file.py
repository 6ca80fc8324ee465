"""A plant files what its lines made of its lots."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.embedded import Endpoints
from service.keys import Purpose
from service.verify import Finding
from service.verify.database import verify
from tests import cast, yard
from tests.cast import ANSHAN, LI, PLANT_CLERK, STRANGER_CLERK, TRADER_CLERK, YINGKOU
from tests.routes.filing import ON_DAY_1, alerts, contract, from_stock, receive, refused
from tests.routes.quota import allot, base, fill_pools

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
Audit = Callable[[], Awaitable[list[Finding]]]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI, by: By) -> None:
    await fill_pools(by)
    await allot(by(ANSHAN), base(60_000))


@pytest.fixture
async def lot(app: FastAPI, by: By) -> UUID:
    """21 t of Paizhai Mine's ore that lie at Plant Two."""
    terms = contract(kg=21_000)
    await by(cast.PAIZHAI_CLERK).post("/v1/contracts", json=terms)
    filed = await by(PLANT_CLERK).post("/v1/contracts", json=terms)
    return await receive(app, filed.json()["id"], cast.PLANT_TWO.id, 21_000)


async def kiln(by: By, **changes: Any) -> str:
    body = {
        "enterprise_id": str(cast.PLANT_TWO.id),
        "name": "一号窑",
        "kind": "light_burnt",
        "kiln": "shaft",
        "status": "running",
        "ore_per_product": 2.1,
        **changes,
    }
    made: str = (await by(LI).post("/v1/lines", json=body)).json()["id"]
    return made


def run(line_id: str, *lots: tuple[UUID, int], **changes: Any) -> dict[str, Any]:
    return {
        "number": "JG-1",
        "line_id": line_id,
        "ran_on": "2026-03-02",
        "inputs": [{"lot_id": str(lot), "kg": kg} for lot, kg in lots],
        "outputs": [{"kind": "product", "name": "轻烧粉", "kg": 10_000}],
        **changes,
    }


@pytest.fixture
def audit(app: FastAPI, stage_endpoints: Endpoints) -> Audit:
    """What the auditor finds, but that these tests' lots have come without tickets."""

    async def find() -> list[Finding]:
        connection = await asyncpg.connect(stage_endpoints.database_url)
        found = await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), say=lambda _: None)
        await connection.close()
        return [finding for finding in found if finding.check != "contract"]

    return find


async def test_p02_a_product_carries_its_ores_origin_on(audit: Audit, by: By, lot: UUID) -> None:
    line = await kiln(by)
    filed = await by(PLANT_CLERK).post("/v1/runs", json=run(line, (lot, 21_000)))
    made = filed.json()
    [product] = made["outputs"]
    found = (await by(PLANT_CLERK).get(f"/v1/provenance/products/{product['lot_id']}")).json()

    assert (filed.status_code, made["flags"]) == (201, [])
    assert (made["in_kg"], made["lost_kg"], made["burnt_off_kg"], made["actual_ore_per_product"]) == (
        21_000,
        0,
        11_000,
        2.1,
    )
    assert (found["kg"], found["ore_kg"], found["proven_kg"], found["unproven_kg"]) == (10_000, 21_000, 21_000, 0)
    assert [(origin["mine"], origin["kg"]) for origin in found["origins"]] == [("排寨矿", 21_000)]
    rest = {item["grade"]: item["available_kg"] for item in (await by(PLANT_CLERK).get("/v1/lots")).json()["items"]}
    assert rest == {"一级": 0, "轻烧粉": 10_000}
    holders = await by(LI).get(f"/v1/provenance/mines/{cast.PAIZHAI_MINE}", params={"year": 2026})
    assert holders.json()["kg"] == sum(holder["kg"] for holder in holders.json()["holders"])
    assert await audit() == []


async def test_p02_a_product_trades_on_as_a_lot(by: By, lot: UUID) -> None:
    made = (await by(PLANT_CLERK).post("/v1/runs", json=run(await kiln(by), (lot, 21_000)))).json()
    product = UUID(made["outputs"][0]["lot_id"])
    terms = from_stock(
        (product, 10_000), seller_id=str(cast.PLANT_TWO.id), buyer_id=str(cast.TRADER.id), kg=10_000, grade="轻烧粉"
    )
    await by(PLANT_CLERK).post("/v1/contracts", json=terms)
    sold = (await by(TRADER_CLERK).post("/v1/contracts", json=terms)).json()

    assert (sold["state"], sold["proof_state"]) == ("filed", "complete")
    again = run(
        await kiln(by, name="二号窑"),
        (product, 1),
        number="JG-2",
        outputs=[{"kind": "product", "name": "重烧", "kg": 1}],
    )
    assert refused(await by(PLANT_CLERK).post("/v1/runs", json=again), 409, "lot-has-less")


async def test_p02_a_mines_ore_is_followed_into_product_and_to_whoever_bought_it(
    app: FastAPI, by: By, lot: UUID
) -> None:
    async def whereabouts(**when: str) -> list[tuple[str, str, int, int | None, list[str]]]:
        """Where the mine's ore is, as the county is told."""
        answer = await by(LI).get(f"/v1/provenance/mines/{cast.PAIZHAI_MINE}", params={"year": "2026", **when})
        told = answer.json()
        assert told["kg"] == sum(part["kg"] for part in told["holders"]) == 21_000
        return [
            (part["kind"], part["holder"], part["kg"], part["product_kg"], [run["document"] for run in part["through"]])
            for part in told["holders"]
        ]

    outputs = [{"kind": "product", "name": "轻烧粉", "kg": 7_001}, {"kind": "by_product", "name": "粉尘", "kg": 1_000}]
    body = run(await kiln(by), (lot, 20_000), lost_kg=500, outputs=outputs)
    made = (await by(PLANT_CLERK).post("/v1/runs", json=body)).json()
    powder_ore_kg, dust_ore_kg = (output["ore_kg"] for output in made["outputs"])
    plant, in_1st, dust = cast.PLANT_TWO.name, ["JG-1"], ("product", cast.PLANT_TWO.name, dust_ore_kg, 1_000, ["JG-1"])
    in_the_plant = [
        ("product", plant, powder_ore_kg, 7_001, in_1st),
        dust,
        ("lot", plant, 1_000, None, []),
        ("lost", plant, 500, None, []),
    ]
    assert (powder_ore_kg + dust_ore_kg, await whereabouts()) == (19_500, in_the_plant)
    then = app.state.clock.now()

    at = then + timedelta(hours=1)
    app.state.clock.stop_at(at)
    powder = UUID(made["outputs"][0]["lot_id"])
    kiln_2 = await kiln(by, name="二号窑", kind="dead_burnt", ore_per_product=1.2)
    burnt = [{"kind": "product", "name": "重烧镁砂", "kg": 2_500}]
    again = run(kiln_2, (powder, 3_000), number="JG-2", outputs=burnt)
    assert (await by(PLANT_CLERK).post("/v1/runs", json=again)).status_code == 201
    firms = {"seller_id": str(cast.PLANT_TWO.id), "buyer_id": str(cast.STRANGER.id)}
    terms = from_stock((powder, 4_001), **firms, kg=4_001, grade="轻烧粉")
    await by(PLANT_CLERK).post("/v1/contracts", json=terms)
    sold = (await by(STRANGER_CLERK).post("/v1/contracts", json=terms)).json()
    gates = {"source_station_id": str(cast.PLANT_TWO_GATE), "destination_station_id": str(cast.STRANGER_GATE)}
    wish = yard.ticket_in(UUID(sold["id"]), at, **gates, grade="轻烧粉", planned_kg=4_001)
    ticket = (await by(PLANT_CLERK).post("/v1/tickets", json=wish)).json()
    await by(cast.PLANT_TWO_DEVICE).post("/v1/weighings", json=yard.record(ticket, "out", 4_001, at))
    await by(cast.STRANGER_DEVICE).post("/v1/weighings", json=yard.record(ticket, "in", 4_000, at))

    burnt_ore_kg, gone_ore_kg = 3_000 * powder_ore_kg // 7_001, 7_000 * powder_ore_kg // 7_001
    assert await whereabouts() == [
        ("lot", cast.STRANGER.name, gone_ore_kg - burnt_ore_kg, 4_000, in_1st),
        ("product", plant, burnt_ore_kg, 2_500, ["JG-1", "JG-2"]),
        dust,
        ("lot", plant, 1_000, None, []),
        ("lost", plant, 500, None, []),
        ("lost", plant, powder_ore_kg - gone_ore_kg, 1, in_1st),
    ]
    assert await whereabouts(as_of=then.isoformat()) == in_the_plant

    await by(PLANT_CLERK).post(f"/v1/runs/{made['id']}/void", json={"reason": "称量有误"})
    assert await whereabouts() == [("lot", plant, 21_000, None, [])]


async def test_e45_flotation_is_products_tailings_and_loss(audit: Audit, by: By, lot: UUID) -> None:
    line = await kiln(by, kind="flotation", kiln=None, ore_per_product=1.5)
    outputs = [{"kind": "product", "name": "精矿", "kg": 14_000}, {"kind": "tailings", "name": "尾矿", "kg": 6_500}]
    made = (await by(PLANT_CLERK).post("/v1/runs", json=run(line, (lot, 21_000), outputs=outputs))).json()

    assert (made["lost_kg"], made["burnt_off_kg"], made["flags"]) == (500, 0, [])
    assert await audit() == []


async def test_p02_what_a_kiln_makes_beyond_its_ore_has_no_origin(audit: Audit, by: By, lot: UUID) -> None:
    outputs = [{"kind": "product", "name": "轻烧粉", "kg": 1_500}]
    made = (await by(PLANT_CLERK).post("/v1/runs", json=run(await kiln(by), (lot, 1_000), outputs=outputs))).json()
    found = (await by(LI).get(f"/v1/provenance/products/{made['outputs'][0]['lot_id']}")).json()

    assert made["outputs"][0]["gained_kg"] == 500
    assert made["flags"] == ["yield-out-of-band"]
    assert (found["kg"], found["proven_kg"], found["unproven_kg"]) == (1_500, 1_000, 500)
    assert await audit() == []


async def test_p01_ore_to_a_stopped_line_is_flagged(by: By, lot: UUID) -> None:
    made = await by(PLANT_CLERK).post("/v1/runs", json=run(await kiln(by, status="stopped"), (lot, 21_000)))

    assert made.json()["flags"] == ["stopped-plant"]
    told = await alerts(by, code="stopped-plant", state="open")
    assert [(alert["subject_kind"], alert["facts"]["number"]) for alert in told] == [("run", "JG-1")]


async def test_p02_the_line_stands_in_the_run_as_it_was(by: By, lot: UUID) -> None:
    """E44: a run is held against the factor that its line had when it was filed."""
    line = await kiln(by)
    before = (
        await by(PLANT_CLERK).post(
            "/v1/runs", json=run(line, (lot, 2_100), outputs=[{"kind": "product", "name": "轻烧粉", "kg": 1_000}])
        )
    ).json()
    await by(LI).patch(f"/v1/lines/{line}", json={"ore_per_product": 4}, headers={"If-Match": '"1"'})
    after = run(line, (lot, 2_100), number="JG-2", outputs=[{"kind": "product", "name": "轻烧粉", "kg": 1_000}])
    later = (await by(PLANT_CLERK).post("/v1/runs", json=after)).json()
    kept = (await by(PLANT_CLERK).get(f"/v1/runs/{before['id']}")).json()

    assert (kept["line_version"], kept["ore_per_product"], kept["flags"]) == (1, 2.1, [])
    assert (later["line_version"], later["ore_per_product"], later["flags"]) == (2, 4, ["yield-out-of-band"])


async def test_the_same_run_again_is_posted_once(by: By, lot: UUID) -> None:
    body = run(await kiln(by), (lot, 2_100), outputs=[{"kind": "product", "name": "轻烧粉", "kg": 1_000}])
    first = await by(PLANT_CLERK).post("/v1/runs", json=body)
    again = await by(PLANT_CLERK).post("/v1/runs", json=body)

    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    other = {**body, "lost_kg": 100}
    assert refused(await by(PLANT_CLERK).post("/v1/runs", json=other), 409, "run-number-taken")


async def test_w09_a_voided_run_gives_its_lots_back(audit: Audit, by: By, lot: UUID) -> None:
    made = (await by(PLANT_CLERK).post("/v1/runs", json=run(await kiln(by), (lot, 21_000)))).json()
    voided = await by(PLANT_CLERK).post(f"/v1/runs/{made['id']}/void", json={"reason": "称量有误"})
    rest = {item["grade"]: item["available_kg"] for item in (await by(PLANT_CLERK).get("/v1/lots")).json()["items"]}

    assert (voided.status_code, voided.json()["void_reason"]) == (200, "称量有误")
    assert rest == {"一级": 21_000, "轻烧粉": 0}
    assert refused(
        await by(PLANT_CLERK).post(f"/v1/runs/{made['id']}/void", json={"reason": "再次"}), 409, "run-voided"
    )
    assert await audit() == []


async def test_what_cannot_be_is_refused(by: By, lot: UUID) -> None:
    line = await kiln(by)
    for body, status, code in (
        (run(line, (lot, 21_001)), 409, "lot-has-less"),
        (run(line, (lot, 11_000), (lot, 11_000)), 409, "lot-has-less"),
        (run(line, (UUID(int=7), 1)), 404, "unknown-input"),
        (run(str(UUID(int=7)), (lot, 1)), 404, "unknown-run-line"),
        (run(line, (lot, 21_000), ran_on="2026-03-04"), 409, "run-in-future"),
        (run(line, (lot, 21_000), lost_kg=21_000), 409, "ore-does-not-add-up"),
        (run(line, (lot, 0)), 422, "malformed"),
    ):
        answer = await by(PLANT_CLERK).post("/v1/runs", json=body)
        assert answer.status_code == status, answer.text
        assert status == 422 or answer.json()["code"] == code
    assert refused(await by(TRADER_CLERK).post("/v1/runs", json=run(line, (lot, 1))), 404, "unknown-run-line")
    assert (await by(PLANT_CLERK).get("/v1/runs")).json()["items"] == []


async def test_a_run_is_its_firms_and_its_offices(by: By, lot: UUID) -> None:
    made = (await by(PLANT_CLERK).post("/v1/runs", json=run(await kiln(by), (lot, 21_000)))).json()

    for person in (PLANT_CLERK, LI, ANSHAN):
        assert (await by(person).get(f"/v1/runs/{made['id']}")).json() == made
    for person in (STRANGER_CLERK, YINGKOU, TRADER_CLERK):
        assert refused(await by(person).get(f"/v1/runs/{made['id']}"), 404, "not-found")
        product = made["outputs"][0]["lot_id"]
        assert refused(await by(person).get(f"/v1/provenance/products/{product}"), 404, "not-found")
    assert refused(
        await by(STRANGER_CLERK).post(f"/v1/runs/{made['id']}/void", json={"reason": "我要"}), 404, "not-found"
    )
