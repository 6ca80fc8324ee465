"""Ore that no mine's tranche brings: restoration projects (R01c, E29) and declared stock (R01b, E30), on the same tickets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests import cast
from tests.cast import ANSHAN, LI, PAIZHAI_CLERK, PLANT_CLERK, PLANT_TWO_DEVICE, PROVINCE, TRADER_CLERK
from tests.routes.filing import ON_DAY_1, alerts, at, contract, from_stock, refused, slip
from tests.routes.quota import allot, allotment, fill_pools
from tests.routes.ruling import rule

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]

NOON = datetime(2026, 3, 3, 4, tzinfo=UTC)
STOCK = {
    "enterprise_id": str(cast.TRADER.id),
    "grade": "一级",
    "kg": 60_000,
    "surveyed_on": "2026-01-04",
    "document_no": "海存〔2026〕3号",
}
PROJECT = {
    "name": "东山生态修复",
    "jurisdiction": "210381",
    "operator_id": str(cast.TRADER.id),
    "approved_kg": 60_000,
    "valid_from": "2026-01-01",
    "valid_until": "2026-06-30",
    "document_no": "海修〔2026〕1号",
}
_sequence = count(1)


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI, by: By) -> None:
    await fill_pools(by)


@pytest.fixture
async def yard(by: By) -> cast.Person:
    """The scale in the trader's yard."""
    body = {"name": "贸易场磅", "jurisdiction": "210381", "enterprise_id": str(cast.TRADER.id)}
    station = (await by(LI).post("/v1/stations", json=body)).json()["id"]
    return cast.Person(uuid4(), "yard", "贸易场磅", cast.Role.STATION, station_id=station)


async def stock(by: By, approved_kg: int | None = 60_000, **changes: Any) -> str:
    declared = await by(LI).post("/v1/stocks", json={**STOCK, **changes})
    assert declared.status_code == 201, declared.text
    if approved_kg:
        await allot(by(ANSHAN), allotment("approved", "210381", {"stock_id": declared.json()["id"]}, approved_kg))
    return str(declared.json()["id"])


async def project(by: By, approved_kg: int = 60_000, **changes: Any) -> str:
    entered = await by(LI).post("/v1/projects", json={**PROJECT, **changes})
    assert entered.status_code == 201, entered.text
    await allot(by(ANSHAN), allotment("approved", "210381", {"project_id": entered.json()["id"]}, approved_kg))
    return str(entered.json()["id"])


async def sell(by: By, number: str, kg: int, **source: Any) -> str:
    """A contract between the trader and Plant Two that both sides file."""
    terms = from_stock(number=number, kg=kg, **source)
    await by(TRADER_CLERK).post("/v1/contracts", json=terms)
    filed = (await by(PLANT_CLERK).post("/v1/contracts", json=terms)).json()
    assert filed["state"] == "filed", filed
    return str(filed["id"])


def ticket(yard: cast.Person, **paper: Any) -> dict[str, Any]:
    return {
        "plate": "辽C12345",
        "planned_kg": 31_000,
        "grade": "一级",
        "source_station_id": str(yard.station_id),
        "destination_station_id": str(cast.PLANT_TWO_GATE),
        "valid_from": NOON.isoformat(),
        "valid_until": (NOON + timedelta(days=1)).isoformat(),
        **paper,
    }


async def carry(by: By, yard: cast.Person, kg: int, since: datetime = NOON, **paper: Any) -> list[str]:
    """A load out and in; gives what the source's scale flagged."""
    issued = await by(TRADER_CLERK).post("/v1/tickets", json=ticket(yard, **paper))
    assert issued.status_code == 201, issued.text
    flags = []
    for device, direction, hours in ((yard, "out", 1), (PLANT_TWO_DEVICE, "in", 2)):
        record = {
            "id": str(uuid4()),
            "sequence": next(_sequence),
            "ticket": issued.json()["number"],
            "direction": direction,
            "plate": "辽C12345",
            "gross_kg": 15_000 + kg,
            "tare_kg": 15_000,
            "weighed_at": (since + timedelta(hours=hours)).isoformat(),
        }
        answer = (await by(device).post("/v1/weighings", json={"records": [record]})).json()["results"][0]
        assert answer["status"] == "accepted", answer
        flags.append([flag for flag in answer["flags"] if flag != "sequence-gap"])
    return list(flags[0])


async def origins(by: By, contract_id: str) -> list[tuple[str, str | None, int]]:
    found = (await by(LI).get(f"/v1/provenance/contracts/{contract_id}")).json()
    assert sum(one["kg"] for one in found["origins"]) + found["unproven_kg"] == found["kg"]
    return [(one["source"], one["tag"], one["kg"]) for one in found["origins"]]


async def test_r01b_e30_declared_stock_is_sold_with_tickets_and_keeps_its_tag(
    app: FastAPI, by: By, yard: cast.Person
) -> None:
    declared = await stock(by)
    sold = await sell(by, "MY-1", 60_000, stock_id=declared)
    at(app, "2026-03-03T20:00:00+08:00")
    first = await carry(by, yard, 31_000, contract_id=sold)
    second = await carry(by, yard, 31_000, NOON + timedelta(hours=3), contract_id=sold)

    assert first == []
    assert second == ["contract-overshipped", "quota-overdrawn"]
    assert await origins(by, sold) == [("stock", "LEGACY", 60_000)]
    opened = await alerts(by, code="quota-overdrawn", state="open")
    assert [(one["subject_kind"], one["subject_id"]) for one in opened] == [("stock", declared)]


async def test_r01c_e29_a_projects_ore_goes_by_the_same_tickets_and_draws_on_the_county_pool(
    app: FastAPI, by: By, yard: cast.Person
) -> None:
    """R03."""
    approved = await project(by)
    sold = await sell(by, "MY-1", 31_000, project_id=approved)
    at(app, "2026-03-03T20:00:00+08:00")

    assert await carry(by, yard, 31_000, contract_id=sold) == []
    assert await origins(by, sold) == [("project", None, 31_000)]
    tree = (await by(LI).get("/v1/quotas", params={"year": 2026})).json()
    assert approved in str(tree)


async def test_e29_after_a_projects_period_its_rest_is_frozen(app: FastAPI, by: By, yard: cast.Person) -> None:
    approved = await project(by, valid_until="2026-03-02")
    sold = await sell(by, "MY-1", 31_000, project_id=approved)
    at(app, "2026-03-03T20:00:00+08:00")

    assert await carry(by, yard, 31_000, contract_id=sold) == ["quota-frozen"]


async def test_e29_a_projects_ore_leaves_through_its_exit(by: By, yard: cast.Person) -> None:
    approved = await project(by, exit_station_id=str(yard.station_id))
    sold = await sell(by, "MY-1", 31_000, project_id=approved)
    elsewhere = ticket(yard, contract_id=sold, source_station_id=str(cast.BRIDGE_7))

    assert refused(await by(TRADER_CLERK).post("/v1/tickets", json=elsewhere), 409, "not-the-projects-exit")
    assert (await by(TRADER_CLERK).post("/v1/tickets", json=ticket(yard, contract_id=sold))).status_code == 201


async def test_without_an_approved_tranche_the_sale_is_flagged(by: By) -> None:
    declared = await stock(by, approved_kg=None)
    terms = from_stock(number="MY-1", kg=31_000, stock_id=declared)
    answer = (await by(TRADER_CLERK).post("/v1/contracts", json=terms)).json()

    assert answer["flags"] == ["seller-without-quota"]
    assert answer["proof_state"] == "none"


async def test_e30_e41_the_tag_stays_when_legacy_ore_is_mixed_and_sold_on(
    app: FastAPI, by: By, yard: cast.Person
) -> None:
    declared, approved = await stock(by), await project(by)
    legacy = await sell(by, "MY-1", 31_000, stock_id=declared, buyer_id=str(cast.PLANT_TWO.id))
    fresh = await sell(by, "MY-2", 31_000, project_id=approved, buyer_id=str(cast.PLANT_TWO.id))
    at(app, "2026-03-03T23:00:00+08:00")
    await carry(by, yard, 31_000, contract_id=legacy)
    await carry(by, yard, 31_000, NOON + timedelta(hours=3), contract_id=fresh)
    lots = (await by(PLANT_CLERK).get("/v1/lots")).json()["items"]
    named = [{"lot_id": lot["id"], "kg": 31_000} for lot in sorted(lots, key=lambda lot: lot["document"]["number"])]
    onward = contract(number="EC-1", kg=62_000, seller_id=str(cast.PLANT_TWO.id), buyer_id=str(cast.TRADER.id))
    onward |= {"mine_id": None, "proof": named}
    for clerk in (PLANT_CLERK, TRADER_CLERK):
        answer = await by(clerk).post("/v1/contracts", json=onward)
    seen = (await by(TRADER_CLERK).get(f"/v1/contracts/{answer.json()['id']}/origins")).json()

    assert [(one["source"], one["tag"], one["kg"]) for one in seen["origins"]] == [
        ("stock", "LEGACY", 31_000),
        ("project", None, 31_000),
    ]


async def test_r24_own_use_of_declared_stock_is_a_slip(by: By) -> None:
    declared = await stock(by)
    paper = slip(enterprise_id=str(cast.TRADER.id), mine_id=None, stock_id=declared, kg=61_000)
    filed = await by(TRADER_CLERK).post("/v1/slips", json=paper)
    again = await by(TRADER_CLERK).post("/v1/slips", json=paper)

    assert (filed.status_code, filed.json()["over_kg"], filed.json()["flags"]) == (201, 1_000, ["quota-overdrawn"])
    assert (again.status_code, again.json()["id"]) == (200, filed.json()["id"])


async def test_r01_one_source_and_it_is_the_firms_own(by: By) -> None:
    declared, approved = await stock(by), await project(by)
    own = slip(enterprise_id=str(cast.TRADER.id), mine_id=None)
    for body, status, code in (
        (own, 409, "source-not-named"),
        ({**own, "stock_id": declared, "project_id": approved}, 409, "several-sources"),
        ({**own, "stock_id": str(uuid4())}, 404, "unknown-source"),
    ):
        assert refused(await by(TRADER_CLERK).post("/v1/slips", json=body), status, code)
    both = from_stock(stock_id=declared, project_id=approved)
    assert refused(await by(TRADER_CLERK).post("/v1/contracts", json=both), 409, "several-sources")
    stolen = contract(mine_id=None, stock_id=declared)
    assert refused(await by(PAIZHAI_CLERK).post("/v1/contracts", json=stolen), 404, "unknown-source")


async def test_e30_stock_is_declared_once_and_until_its_day(app: FastAPI, by: By) -> None:
    await rule(app, stock_declared_until="2026-03-03")
    declared = await stock(by)
    again = await by(LI).post("/v1/stocks", json={**STOCK, "grade": "LM46"})
    ahead = await by(LI).post("/v1/stocks", json={**STOCK, "grade": "二级", "surveyed_on": "2026-03-04"})
    at(app, "2026-03-04T00:00:00+08:00")
    late = await by(LI).post("/v1/stocks", json={**STOCK, "grade": "二级"})
    path, seen = f"/v1/stocks/{declared}", {"If-Match": '"1"'}
    more = await by(LI).patch(path, json={"kg": 60_001}, headers=seen)
    less = await by(LI).patch(path, json={"kg": 59_000}, headers=seen)

    assert refused(again, 409, "stock-declared-already")
    assert refused(ahead, 409, "surveyed-in-future")
    assert refused(late, 409, "stock-declaration-closed")
    assert refused(more, 409, "stock-declaration-closed")
    assert (less.status_code, less.json()["kg"]) == (200, 59_000)


async def test_r01b_what_is_approved_counts_over_all_years(by: By) -> None:
    """R03: approved tonnes, and never more than the declaration names."""
    declared = await stock(by, approved_kg=60_000)
    for source, target, person in (
        (None, "210000", PROVINCE),
        ("210000", "210300", PROVINCE),
        ("210300", "210381", ANSHAN),
    ):
        await allot(by(person), allotment("total", source, {"jurisdiction": target}, 100_000, year=2027))
    to = {"stock_id": declared}
    next_year = {**allotment("approved", "210381", to, 1_000, year=2027), "issue": True}
    refusal = await by(ANSHAN).post("/v1/allotments", json=next_year)
    await allot(by(ANSHAN), allotment("adjustment", "210381", to, -1_000, reason="年底未用"))
    again = await by(ANSHAN).post("/v1/allotments", json=next_year)
    beyond = await by(ANSHAN).post("/v1/allotments", json={**next_year, "kg": 1})

    assert refused(refusal, 409, "approved-exceeds-declared")
    assert again.status_code == 201, again.text
    assert refused(beyond, 409, "approved-exceeds-declared")


async def test_o01_a_project_or_stock_that_promises_more_than_it_can_get_is_flagged(by: By) -> None:
    declared, approved = await stock(by, approved_kg=None), await project(by, approved_kg=20_000)
    for number, source in (("MY-1", {"stock_id": declared}), ("MY-2", {"project_id": approved})):
        await sell(by, number, 60_000, **source)  # all that its document names, although not all is approved yet
        assert await alerts(by, code="quota-overcommitted", state="open") == []
        one_more = from_stock(number=f"{number}-2", kg=1, **source)
        filed = (await by(TRADER_CLERK).post("/v1/contracts", json=one_more)).json()
        (told,) = await alerts(by, code="quota-overcommitted", state="open")
        kind, subject_id = next(iter(source.items()))
        assert (told["subject_kind"], told["subject_id"]) == (kind.removesuffix("_id"), subject_id)
        assert told["facts"]["over_kg"] == 1
        await by(TRADER_CLERK).post(f"/v1/contracts/{filed['id']}/close")
        assert await alerts(by, code="quota-overcommitted", state="open") == []
