"""What the tests of tickets share: a ticket, what people do to it, what scales say and are told."""

from datetime import datetime
from typing import Any

import httpx

from tests import cast, yard
from tests.routes.by import By

WHY = {"reason": "车辆故障，改日再运"}


async def issue(by: By, wish: dict[str, Any]) -> dict[str, Any]:
    """A ticket that Paizhai Mine's clerk asks for."""
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def do(by: By, person: cast.Person, ticket: dict[str, Any], deed: str, **body: Any) -> httpx.Response:
    """Do something to a ticket, with a reason."""
    return await by(person).post(f"/v1/tickets/{ticket['id']}/{deed}", json={**WHY, **body})


async def weigh(by: By, paper: dict[str, Any], direction: str, kg: int, at: datetime, **changed: Any) -> dict[str, Any]:
    """What a scale is told about its record: the source's for `out` and `back`, the destination's for `in`."""
    person = cast.PLANT_TWO_DEVICE if direction == "in" else cast.BRIDGE_7_DEVICE
    answer = await by(person).post("/v1/weighings", json=yard.record(paper, direction, kg, at, **changed))
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["results"][0]
    return result


async def keys(by: By, since: int = 0) -> dict[str, Any]:
    """What a station that goes offline is given."""
    answer = await by(cast.BRIDGE_7_DEVICE).get("/v1/tickets/keys", params={"since": since})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def check(by: By, text: str) -> list[str]:
    """What speaks against a journey, as a station is told."""
    answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/tickets/check", json={"code": text})
    reasons: list[str] = answer.json()["reasons"]
    return reasons


async def held_kg(by: By, year: int) -> int:
    """What open tickets hold of Paizhai Mine's quota."""
    answer = await by(cast.PAIZHAI_CLERK).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": year})
    held: int = answer.json()["held_kg"]
    return held
