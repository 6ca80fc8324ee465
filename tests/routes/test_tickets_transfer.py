"""Loads that do not go straight to their buyer, on other trucks and through traders: W11, W12, E6, E32, E35, E36, E39."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests import cast, yard

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("verified")]
By = Callable[[cast.Person], httpx.AsyncClient]
BEGAN_AGO = timedelta(hours=2)
WHY = {"reason": "车辆故障，途中换车"}
_counted: dict[cast.Person, int] = {}


async def contract(app: FastAPI, now: datetime, **changed: Any) -> UUID:
    async with app.state.database.transaction() as connection:
        return await yard.contract(connection, at=now, **{"mine_id": cast.PAIZHAI_MINE, **changed})


@pytest.fixture
async def out(by: By, contract_id: UUID, now: datetime) -> dict[str, Any]:
    """A ticket whose load of 31 t has been weighed out."""
    return await sent_out(by, contract_id, now)


async def sent_out(by: By, contract_id: UUID, now: datetime, kg: int = 31_000, **changed: Any) -> dict[str, Any]:
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now, **changed))
    assert answer.status_code == 201, answer.text
    ticket: dict[str, Any] = answer.json()
    found = await weigh(by, ticket, "out", kg, now)
    assert found["flags"] == [], found
    return ticket


async def do(by: By, person: cast.Person, ticket: dict[str, Any], deed: str, **body: Any) -> httpx.Response:
    return await by(person).post(f"/v1/tickets/{ticket['id']}/{deed}", json={**WHY, **body})


async def weigh(
    by: By, paper: dict[str, Any], direction: str, kg: int, at: datetime, person: cast.Person | None = None
) -> dict[str, Any]:
    usual = cast.PLANT_TWO_DEVICE if direction == "in" else cast.BRIDGE_7_DEVICE
    # Each station counts its own records.
    sequence = _counted[person or usual] = _counted.get(person or usual, 0) + 1
    body = yard.record(paper, direction, kg, at, sequence=sequence)
    answer = await by(person or usual).post("/v1/weighings", json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["results"][0]
    assert result["status"] == "accepted", result
    return result


async def look(by: By, ticket: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await by(cast.PROVINCE).get(f"/v1/tickets/{ticket['id']}")).json()
    return found


async def counted(by: By, contract_id: UUID) -> tuple[int, int]:
    found = (await by(cast.PROVINCE).get(f"/v1/contracts/{contract_id}")).json()
    return found["shipped_kg"], found["received_kg"]


async def out_kg(by: By, now: datetime) -> int:
    answer = await by(cast.PROVINCE).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})
    kg: int = answer.json()["out_kg"]
    return kg


async def lots(by: By, holder: UUID) -> list[tuple[int, int]]:
    items = (await by(cast.PROVINCE).get("/v1/lots", params={"holder": str(holder)})).json()["items"]
    return [(item["in_kg"], item["out_kg"]) for item in items]


async def origin(by: By, ticket: dict[str, Any]) -> tuple[int, int]:
    found = (await by(cast.PROVINCE).get(f"/v1/provenance/tickets/{ticket['id']}")).json()
    return found["kg"], found["proven_kg"]


# To other trucks (W11, E35)


async def test_e35_a_load_goes_on_by_other_trucks_and_the_rest_is_closed(
    by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    trucks = [{"plate": "辽C54321", "planned_kg": 15_000}, {"plate": "辽C54322", "planned_kg": 15_900}]
    answer = await do(by, cast.PAIZHAI_CLERK, out, "children", trucks=trucks)
    assert answer.status_code == 201, answer.text
    children = answer.json()["items"]
    assert [(one["state"], one["out_kg"], one["parent_number"]) for one in children] == [
        ("out", 15_000, out["number"]),
        ("out", 15_900, out["number"]),
    ]
    parent = await look(by, out)
    assert (parent["state"], parent["split_kg"]) == ("out", 30_900)
    for child, kg in zip(children, (14_990, 15_900), strict=True):
        assert (await weigh(by, child, "in", kg, now + timedelta(hours=1)))["flags"] == []
        assert await origin(by, child) == (child["out_kg"], child["out_kg"])
    answer = await do(by, cast.PAIZHAI_CLERK, out, "close")
    assert (answer.status_code, answer.json()["state"], answer.json()["closed_kg"]) == (200, "delivered", 100)
    assert await counted(by, contract_id) == (31_000, 30_890)
    assert await out_kg(by, now) == 31_000
    listed = (await by(cast.PAIZHAI_CLERK).get("/v1/tickets", params={"parent_id": out["id"]})).json()["items"]
    assert {one["id"] for one in listed} == {child["id"] for child in children}
    acts = (await by(cast.PLANT_CLERK).get(f"/v1/tickets/{out['id']}/acts")).json()["items"]
    assert [(act["kind"], act["kg"]) for act in acts] == [("split", 30_900), ("closed", 100)]


async def test_w11_children_never_carry_more_than_the_parent_weighed(by: By, out: dict[str, Any]) -> None:
    """Sixteen at once: 31 t bear seven of 4 t, whoever comes first."""

    async def ask(number: int) -> int:
        trucks = [{"plate": f"辽C543{number:02}", "planned_kg": 4_000}]
        answer = await do(by, cast.PAIZHAI_CLERK, out, "children", trucks=trucks)
        assert answer.status_code == 201 or answer.json()["code"] == "children-exceed-parent"
        return answer.status_code

    answers = await asyncio.gather(*(ask(number) for number in range(16)))
    assert sorted(answers) == [201] * 7 + [409] * 9
    assert (await look(by, out))["split_kg"] == 28_000
    answer = await do(by, cast.PAIZHAI_CLERK, out, "children", trucks=[{"plate": "辽C54321", "planned_kg": 3_001}])
    assert answer.json()["left_kg"] == 3_000
    answer = await do(by, cast.PAIZHAI_CLERK, out, "children", trucks=[{"plate": "辽C54321", "planned_kg": 3_000}])
    assert answer.status_code == 201
    assert (await look(by, out))["state"] == "delivered"


async def test_w11_what_is_left_may_also_arrive_with_the_parent(
    by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    trucks = [{"plate": "辽C54321", "planned_kg": 10_000}]
    (child,) = (await do(by, cast.PAIZHAI_CLERK, out, "children", trucks=trucks)).json()["items"]
    # A yard's scale on the way checks the child; the mine's own scale sees a second load under a used ticket.
    assert (await weigh(by, child, "out", 10_050, now, person=cast.PLANT_TWO_DEVICE))["flags"] == ["wrong-station"]
    assert "ticket-reused" in (await weigh(by, child, "out", 10_050, now + timedelta(minutes=9)))["flags"]
    assert (await weigh(by, out, "in", 21_000, now + timedelta(hours=1)))["flags"] == []
    assert (await weigh(by, child, "in", 9_000, now + timedelta(hours=1)))["flags"] == ["weight-gap"]
    assert [(await look(by, one))["state"] for one in (out, child)] == ["delivered", "delivered"]
    assert await counted(by, contract_id) == (31_000, 30_000)


async def test_e32_a_child_comes_back_to_the_mine(
    by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    trucks = [{"plate": "辽C54321", "planned_kg": 31_000}]
    (child,) = (await do(by, cast.PAIZHAI_CLERK, out, "children", trucks=trucks)).json()["items"]
    assert (await weigh(by, child, "back", 30_950, now + timedelta(hours=1)))["flags"] == []
    assert (await look(by, child))["state"] == "returned"
    assert await counted(by, contract_id) == (0, 0)
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})).json()
    assert quota["available_kg"] == 100_000 - 50


async def test_w11_what_cannot_be_transferred_or_closed(by: By, contract_id: UUID, now: datetime) -> None:
    trucks = [{"plate": "辽C54321", "planned_kg": 10_000}]
    asked = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now))
    issued = asked.json()
    for deed, body in (("children", {"trucks": trucks}), ("close", {})):
        answer = await do(by, cast.PAIZHAI_CLERK, issued, deed, **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "not-on-the-road")
    await weigh(by, issued, "out", 31_000, now)
    answer = await do(by, cast.PAIZHAI_CLERK, issued, "close")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing-was-transferred")
    assert (await do(by, cast.PAIZHAI_CLERK, issued, "children", trucks=trucks)).status_code == 201
    answer = await do(by, cast.PAIZHAI_CLERK, issued, "close")
    assert (answer.status_code, answer.json()["code"]) == (409, "write-off-needs-an-office")
    assert (await do(by, cast.LI, issued, "close")).json()["closed_kg"] == 21_000
    assert (await do(by, cast.PAIZHAI_CLERK, issued, "children", trucks=trucks)).json()["code"] == "ticket-has-ended"
    nowhere = [{**trucks[0], "destination_station_id": str(uuid4())}]
    second = await sent_out(by, contract_id, now + timedelta(minutes=30), plate="辽C77777")
    assert (await do(by, cast.PAIZHAI_CLERK, second, "children", trucks=nowhere)).status_code == 404
    for person, status in ((cast.PLANT_CLERK, 403), (cast.STRANGER_CLERK, 404)):
        assert (await do(by, person, second, "children", trucks=trucks)).status_code == status
        assert (await do(by, person, second, "close")).status_code == status


# Several mines in one truck (E36)


async def test_e36_one_weighing_is_shared_by_the_tickets_of_one_truck(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """One ticket per source; the combined weighing is apportioned by what the sources' scales saw, and flagged."""
    second_contract = await contract(app, now)
    first = await sent_out(by, contract_id, now, 15_000, planned_kg=15_000)
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(second_contract, now))
    second = answer.json()
    await weigh(by, second, "out", 16_000, now + timedelta(minutes=20))
    assert (await weigh(by, first, "in", 30_957, now + timedelta(hours=1)))["flags"] == ["weight-gap"]
    answer = await do(by, cast.PLANT_CLERK, first, "apportion", tickets=[second["id"]])
    assert answer.status_code == 200, answer.text
    assert {one["id"]: (one["state"], one["in_kg"]) for one in answer.json()["items"]} == {
        first["id"]: ("delivered", 14_979),
        second["id"]: ("delivered", 15_978),
    }
    assert await counted(by, contract_id) == (15_000, 14_979)
    assert await counted(by, second_contract) == (16_000, 15_978)
    assert await origin(by, first) == (15_000, 15_000)
    assert await origin(by, second) == (16_000, 16_000)
    alerts = (await by(cast.LI).get("/v1/alerts", params={"state": "open"})).json()["items"]
    assert {alert["code"] for alert in alerts if alert["subject_id"] == first["id"]} == {"load-apportioned"}

    # What is then refused comes out of the ticket's own lot.
    assert (await do(by, cast.PLANT_CLERK, second, "refuse-part", refused_kg=978)).status_code == 200
    assert await counted(by, second_contract) == (16_000, 15_000)


async def test_e36_only_loads_of_one_truck_share_a_weighing(
    app: FastAPI, by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    other = await sent_out(by, contract_id, now + timedelta(minutes=9), plate="辽C77777")
    same = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now))
    assert (await do(by, cast.PLANT_CLERK, out, "apportion", tickets=[same.json()["id"]])).json()[
        "code"
    ] == "not-received"
    await weigh(by, out, "in", 31_000, now + timedelta(hours=1))
    for tickets, person, code in (
        ([other["id"]], cast.PLANT_CLERK, "not-one-truck"),
        ([out["id"]], cast.PLANT_CLERK, "not-one-truck"),
        ([same.json()["id"]], cast.PLANT_CLERK, "not-on-the-road"),
        ([str(uuid4())], cast.PLANT_CLERK, "not-found"),
        ([same.json()["id"]], cast.PAIZHAI_CLERK, "not-allowed"),
    ):
        answer = await do(by, person, out, "apportion", tickets=tickets)
        assert answer.json()["code"] == code


# A trader that never touches the ore (W12)


async def test_w12_one_truck_goes_from_the_mine_to_the_plant_under_both_contracts(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    bought = await contract(app, now, buyer_id=cast.TRADER.id)
    sold = await contract(app, now, seller_id=cast.TRADER.id, mine_id=None, kg=20_000)
    wish = yard.ticket_in(bought, now, onward_contract_id=str(sold))
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)
    assert answer.status_code == 201, answer.text
    ticket = answer.json()
    assert (ticket["buyer"], ticket["onward_buyer"]) == (cast.TRADER.name, cast.PLANT_TWO.name)
    for person in (cast.TRADER_CLERK, cast.PLANT_CLERK):
        assert (await by(person).get(f"/v1/tickets/{ticket['id']}")).status_code == 200
    assert (await weigh(by, ticket, "out", 31_000, now))["flags"] == ["contract-overshipped"]
    assert (await weigh(by, ticket, "in", 30_900, now + timedelta(hours=1)))["flags"] == []
    assert [await counted(by, one) for one in (bought, sold)] == [(31_000, 30_900)] * 2
    # Neither the trader's stock nor its debts are touched.
    assert await lots(by, cast.TRADER.id) == []
    assert await lots(by, cast.PLANT_TWO.id) == [(30_900, 0)]
    found = (await by(cast.PROVINCE).get(f"/v1/provenance/contracts/{sold}")).json()
    assert (found["kg"], found["proven_kg"]) == (30_900, 30_900)
    assert {one["mine_id"] for one in found["origins"]} == {str(cast.PAIZHAI_MINE)}

    # What the plant refuses goes back through the trader's name.
    assert (await do(by, cast.TRADER_CLERK, ticket, "refuse-part", refused_kg=900)).status_code == 403
    assert (await do(by, cast.PLANT_CLERK, ticket, "refuse-part", refused_kg=900)).status_code == 200
    await weigh(by, ticket, "back", 900, now + timedelta(minutes=90))
    assert [await counted(by, one) for one in (bought, sold)] == [(30_100, 30_000)] * 2
    going = {"contract_id": str(contract_id), "destination_station_id": str(cast.PLANT_TWO_GATE)}
    assert (await do(by, cast.PAIZHAI_CLERK, ticket, "redirect", **going)).json()["code"] == "ticket-has-ended"


async def test_w12_a_load_is_passed_on_under_a_contract_that_follows(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    bought = await contract(app, now, buyer_id=cast.TRADER.id)
    for onward, status, code in (
        (contract_id, 409, "onward-contract-does-not-follow"),
        (await contract(app, now, seller_id=cast.STRANGER.id, mine_id=None), 409, "onward-contract-does-not-follow"),
        (uuid4(), 404, "not-found"),
    ):
        wish = yard.ticket_in(bought, now, onward_contract_id=str(onward))
        answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    wish = yard.ticket_in(None, now, slip_id=str(uuid4()), onward_contract_id=str(bought))
    assert (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)).status_code == 422


# Lost and found (E39)


async def test_e39_what_was_written_off_and_turns_up_is_delivered(
    by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    assert (await do(by, cast.LI, out, "lose")).json()["state"] == "lost"
    assert (await weigh(by, out, "in", 30_990, now + timedelta(hours=1)))["flags"] == []
    assert (await look(by, out))["state"] == "delivered"
    assert await lots(by, cast.PLANT_TWO.id) == [(30_990, 0)]
    assert await origin(by, out) == (31_000, 31_000)


async def test_e6_a_contract_with_shipments_is_closed_not_cancelled(
    by: By, contract_id: UUID, out: dict[str, Any], now: datetime
) -> None:
    """Terminated to what was shipped: its remainder is free again, and what is on the road still arrives (E21)."""
    assert (await by(cast.PAIZHAI_CLERK).post(f"/v1/contracts/{contract_id}/close", json=WHY)).status_code == 200
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now))
    assert answer.json()["code"] == "contract-is-closed"
    assert (await weigh(by, out, "in", 31_000, now + timedelta(hours=1)))["flags"] == []
    assert await counted(by, contract_id) == (31_000, 31_000)
