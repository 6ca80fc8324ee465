"""Loads that their buyer does not take, wholly or in part, and those that go to another one: W10, E33, E34."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.domain.permissions import Role
from service.domain.proofs import Named
from service.domain.units import Kilograms
from tests import cast, yard
from tests.routes.test_tickets_transfer import contract, counted, do, look, lots, origin, out_kg, sent_out, weigh

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("verified")]
By = Callable[[cast.Person], httpx.AsyncClient]
BEGAN_AGO = timedelta(hours=2)
WHY = {"reason": "车辆故障，途中换车"}


@pytest.fixture
async def out(by: By, contract_id: UUID, now: datetime) -> dict[str, Any]:
    """A ticket whose load of 31 t has been weighed out."""
    return await sent_out(by, contract_id, now)


# To another buyer (W10, E34)


async def test_e34_a_load_on_the_road_goes_to_another_buyer_under_that_buyers_contract(
    app: FastAPI, by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    other = await contract(app, now, buyer_id=cast.STRANGER.id, kg=20_000)
    going = {"contract_id": str(other), "destination_station_id": str(cast.STRANGER_GATE)}
    answer = await do(by, cast.PAIZHAI_CLERK, out, "redirect", **going)
    assert answer.status_code == 200, answer.text
    diverted = answer.json()
    assert (diverted["number"], diverted["buyer"], diverted["reissue"]) == (out["number"], cast.STRANGER.name, 1)
    assert (await counted(by, contract_id), await counted(by, other)) == ((0, 0), (31_000, 0))
    alerts = (await by(cast.LI).get("/v1/alerts", params={"code": "contract-overshipped"})).json()["items"]
    assert [alert["facts"]["over_kg"] for alert in alerts] == [11_000]

    # The driver's paper still says the old buyer; it stays good.
    named = {**out, "number": out["code"]}
    found = await weigh(by, named, "in", 31_000, now + timedelta(hours=1), person=cast.STRANGER_DEVICE)
    assert found["flags"] == []
    assert await lots(by, cast.STRANGER.id) == [(31_000, 0)]
    assert await origin(by, out) == (31_000, 31_000)
    (act,) = (await by(cast.STRANGER_CLERK).get(f"/v1/tickets/{out['id']}/acts")).json()["items"]
    assert (act["kind"], act["facts"]["from_contract"], act["facts"]["to_contract"]) == (
        "redirected",
        str(contract_id),
        str(other),
    )


async def test_e34_a_redirection_needs_the_other_buyers_contract(
    app: FastAPI, by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    same_buyer = await contract(app, now)
    earmarked = await contract(app, now, buyer_id=cast.STRANGER.id, earmark="镁化工")
    closed = await contract(app, now, buyer_id=cast.STRANGER.id)
    anothers = await contract(app, now, seller_id=cast.TRADER.id, buyer_id=cast.STRANGER.id, mine_id=None)
    assert (await by(cast.PAIZHAI_CLERK).post(f"/v1/contracts/{closed}/close", json=WHY)).status_code == 200
    for to, status, code in (
        (same_buyer, 409, "redirect-needs-the-buyers-contract"),
        (earmarked, 409, "redirect-needs-the-buyers-contract"),
        (closed, 409, "contract-is-closed"),
        (anothers, 404, "not-found"),
        (uuid4(), 404, "not-found"),
    ):
        going = {"contract_id": str(to), "destination_station_id": str(cast.STRANGER_GATE)}
        answer = await do(by, cast.PAIZHAI_CLERK, out, "redirect", **going)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    for person, status in ((cast.PLANT_CLERK, 403), (cast.TRADER_CLERK, 404)):
        assert (await do(by, person, out, "redirect", **going)).status_code == status


async def test_w10_what_goes_by_a_slip_is_not_redirected(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    slip = {"number": "JJ-9", "enterprise_id": str(cast.PAIZHAI.id), "mine_id": str(cast.PAIZHAI_MINE)}
    body = {**slip, "handed_on": now.date().isoformat(), "kg": 50_000, "grade": "LM46", "by_tickets": True}
    slip_id = (await by(cast.PAIZHAI_CLERK).post("/v1/slips", json=body)).json()["id"]
    wish = yard.ticket_in(None, now, slip_id=slip_id, destination_station_id=str(cast.BRIDGE_7))
    ticket = (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)).json()
    going = {"contract_id": str(contract_id), "destination_station_id": str(cast.PLANT_TWO_GATE)}
    answer = await do(by, cast.PAIZHAI_CLERK, ticket, "redirect", **going)
    assert (answer.status_code, answer.json()["code"]) == (409, "not-redirectable")


async def test_e34_a_load_out_of_stock_is_borne_by_the_lots_of_the_other_buyers_proof(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """W10, R23: the first proof's lot has its kilograms again, the other's gives them; beyond a proof there is no origin."""
    body = {"name": "贸易场磅", "jurisdiction": "210381", "enterprise_id": str(cast.TRADER.id)}
    station_id = (await by(cast.LI).post("/v1/stations", json=body)).json()["id"]
    scale = cast.Person(uuid4(), "trader-scale", "贸易场磅", Role.STATION, station_id=UUID(station_id))

    async def lot_of(grade: str, plate: str) -> UUID:
        purchase = await contract(app, now, buyer_id=cast.TRADER.id, grade=grade)
        to_yard = {"destination_station_id": station_id, "grade": grade, "plate": plate}
        ticket = await sent_out(by, purchase, now, 30_000, **to_yard)
        await weigh(by, ticket, "in", 30_000, now, scale)
        held = (await by(cast.TRADER_CLERK).get("/v1/lots")).json()["items"]
        return next(UUID(lot["id"]) for lot in held if lot["grade"] == grade)

    first, second = await lot_of("LM46", "辽C30001"), await lot_of("LM45", "辽C30002")
    sold = {"seller_id": cast.TRADER.id, "mine_id": None}
    to_plant = await contract(app, now, **sold, proof=(Named(first, Kilograms(30_000)),))
    to_stranger = await contract(app, now, **sold, buyer_id=cast.STRANGER.id, proof=(Named(second, Kilograms(30_000)),))

    async def leave(plate: str) -> dict[str, Any]:
        wish = yard.ticket_in(to_plant, now, source_station_id=station_id, plate=plate)
        ticket: dict[str, Any] = (await by(cast.TRADER_CLERK).post("/v1/tickets", json=wish)).json()
        assert (await weigh(by, ticket, "out", 20_000, now + timedelta(minutes=30), scale))["flags"] == []
        return ticket

    async def gone() -> dict[str, int]:
        items = (await by(cast.TRADER_CLERK).get("/v1/lots")).json()["items"]
        return {lot["id"]: lot["out_kg"] for lot in items}

    load = await leave("辽C30003")
    assert await gone() == {str(first): 20_000, str(second): 0}
    going = {"contract_id": str(to_stranger), "destination_station_id": str(cast.STRANGER_GATE)}
    answer = await do(by, cast.TRADER_CLERK, load, "redirect", **going)
    assert (answer.status_code, answer.json()["contract_id"]) == (200, str(to_stranger)), answer.text
    assert await gone() == {str(first): 0, str(second): 20_000}
    assert (await counted(by, to_plant), await counted(by, to_stranger)) == ((0, 0), (20_000, 0))
    assert await origin(by, load) == (20_000, 20_000)

    # The next load has the first lot to itself; redirected, too, it goes beyond the other proof.
    other = await leave("辽C30004")
    assert (await do(by, cast.TRADER_CLERK, other, "redirect", **going)).status_code == 200
    assert await gone() == {str(first): 0, str(second): 30_000}
    assert await origin(by, other) == (20_000, 10_000)
    (weighing,) = (await by(cast.LI).get("/v1/weighings", params={"ticket": other["id"]})).json()["items"]
    assert (weighing["flags"], weighing["version"]) == (["origin-unproven"], 2)

    arrived = await weigh(by, load, "in", 19_990, now + timedelta(hours=1), cast.STRANGER_DEVICE)
    assert arrived["flags"] == []
    returned = await weigh(by, other, "back", 20_000, now + timedelta(hours=1), scale)
    assert returned["flags"] == []
    assert await gone() == {str(first): 0, str(second): 20_000}
    refused = await do(by, cast.STRANGER_CLERK, load, "refuse-part", refused_kg=5_000)
    assert refused.status_code == 200
    back = {"contract_id": str(to_plant), "destination_station_id": str(cast.PLANT_TWO_GATE)}
    answer = await do(by, cast.TRADER_CLERK, load, "redirect", **back)
    assert (answer.status_code, answer.json()["code"]) == (409, "not-redirectable")


# Partly refused (W10, E33)


async def test_e33_accepted_and_refused_are_what_was_received(
    by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    """The refused part runs back under the same ticket; the quota is credited when the mine has weighed it in."""
    await weigh(by, out, "in", 31_000, now + timedelta(hours=1))
    answer = await do(by, cast.PLANT_CLERK, out, "refuse-part", refused_kg=11_000)
    assert (answer.status_code, answer.json()["state"], answer.json()["refused_kg"]) == (200, "out", 11_000)
    assert (await counted(by, contract_id), await out_kg(by, now)) == ((31_000, 20_000), 31_000)
    assert await lots(by, cast.PLANT_TWO.id) == [(20_000, 0)]

    assert (await weigh(by, out, "back", 10_990, now + timedelta(hours=2)))["flags"] == []
    ended = await look(by, out)
    assert (ended["state"], ended["back_kg"]) == ("delivered", 10_990)
    assert (await counted(by, contract_id), await out_kg(by, now)) == ((20_000, 20_000), 31_000 - 10_990)
    assert await origin(by, out) == (20_010, 20_010)


async def test_e33_a_load_that_is_refused_whole_ends_as_returned(
    by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    await weigh(by, out, "in", 30_950, now + timedelta(hours=1))
    assert (await do(by, cast.PLANT_CLERK, out, "refuse-part", refused_kg=30_950)).status_code == 200
    await weigh(by, out, "back", 30_950, now + timedelta(hours=2))
    assert (await look(by, out))["state"] == "returned"
    assert (await counted(by, contract_id), await out_kg(by, now)) == ((0, 0), 50)


async def test_e33_the_refused_part_goes_to_another_buyer_on_the_same_chain(
    app: FastAPI, by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    await weigh(by, out, "in", 31_000, now + timedelta(minutes=30))
    await do(by, cast.PLANT_CLERK, out, "refuse-part", refused_kg=11_000)
    other = await contract(app, now, buyer_id=cast.STRANGER.id)
    going = {"contract_id": str(other), "destination_station_id": str(cast.STRANGER_GATE)}
    answer = await do(by, cast.PAIZHAI_CLERK, out, "redirect", **going)
    child = answer.json()
    assert (answer.status_code, child["parent_number"], child["out_kg"]) == (200, out["number"], 11_000)
    assert (await look(by, out))["state"] == "delivered"
    await weigh(by, child, "in", 11_000, now + timedelta(hours=1), person=cast.STRANGER_DEVICE)
    assert (await counted(by, contract_id), await counted(by, other)) == ((20_000, 20_000), (11_000, 11_000))
    assert await origin(by, child) == (11_000, 11_000)
    assert await lots(by, cast.STRANGER.id) == [(11_000, 0)]
    # The first paper brings nothing back: its load has gone on by the other.
    assert (await weigh(by, out, "back", 11_000, now + timedelta(hours=2)))["flags"] == ["ticket-reused"]
    assert (await counted(by, contract_id), await out_kg(by, now)) == ((20_000, 20_000), 31_000)


async def test_e33_what_can_be_refused(by: By, out: dict[str, Any], now: datetime) -> None:
    answer = await do(by, cast.PLANT_CLERK, out, "refuse-part", refused_kg=1_000)
    assert (answer.status_code, answer.json()["code"]) == (409, "not-received")
    await weigh(by, out, "in", 31_000, now + timedelta(hours=1))
    answer = await do(by, cast.PLANT_CLERK, out, "refuse-part", refused_kg=31_001)
    assert (answer.status_code, answer.json()["code"]) == (409, "refused-more-than-received")
    assert answer.json()["received_kg"] == 31_000
    for person, status in ((cast.PAIZHAI_CLERK, 403), (cast.STRANGER_CLERK, 404)):
        assert (await do(by, person, out, "refuse-part", refused_kg=1_000)).status_code == status
    assert (await do(by, cast.PLANT_CLERK, out, "refuse-part", refused_kg=1_000)).status_code == 200
    answer = await do(by, cast.PLANT_CLERK, out, "refuse-part", refused_kg=1_000)
    assert (answer.status_code, answer.json()["code"]) == (409, "not-received")
