"""/v1/plates: owners of vehicles are told of tickets in their names (U25 cloned plates, E58 personal data)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests import cast, yard

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
ASKED = {"plate": "辽c·12345", "evidence": "210300123456"}


async def ask(by: By, person: cast.Person = cast.TRADER_CLERK, **changed: Any) -> dict[str, Any]:
    answer = await by(person).post("/v1/plates", json={**ASKED, **changed})
    assert answer.status_code == 201, answer.text
    plate: dict[str, Any] = answer.json()
    return plate


async def confirmed(by: By, person: cast.Person = cast.TRADER_CLERK) -> dict[str, Any]:
    plate = await ask(by, person)
    answer = await by(cast.LI).post(f"/v1/plates/{plate['id']}/confirm")
    assert (answer.status_code, answer.json()["state"]) == (200, "confirmed")
    return plate


def feed_of(plate: dict[str, Any]) -> str:
    return str(httpx.URL(plate["feed"]).path)


async def issue(by: By, contract_id: UUID, now: datetime) -> dict[str, Any]:
    ticket: dict[str, Any] = (
        await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now))
    ).json()
    return ticket


async def test_u25_an_owner_is_told_of_tickets_in_its_vehicles_name(
    client: httpx.AsyncClient, by: By, contract_id: UUID, now: datetime
) -> None:
    plate = await confirmed(by)
    assert (plate["plate"], plate["state"]) == ("辽C12345", "asked")
    ticket = await issue(by, contract_id, now)
    told = (await by(cast.TRADER_CLERK).get(f"/v1/plates/{plate['id']}/tickets")).json()["items"]
    assert [(one["number"], one["state"], one["source_station"]) for one in told] == [
        (ticket["number"], "issued", "七号磅")
    ]
    feed = await client.get(feed_of(plate))
    assert (feed.status_code, feed.headers["content-type"]) == (200, "application/feed+json")
    (item,) = feed.json()["items"]
    assert ticket["number"] in item["title"]
    assert cast.PAIZHAI.name in item["content_text"]

    # Weighed out: a new entry for a reader of feeds.
    await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=yard.record(ticket, "out", 31_000, now))
    (again,) = (await client.get(feed_of(plate))).json()["items"]
    assert again["id"] != item["id"]


async def test_e58_nothing_of_persons_papers_or_prices_is_told(
    client: httpx.AsyncClient, by: By, contract_id: UUID, now: datetime
) -> None:
    plate = await confirmed(by)
    ticket = await issue(by, contract_id, now)
    told = (await by(cast.TRADER_CLERK).get(f"/v1/plates/{plate['id']}/tickets")).text
    feed = (await client.get(feed_of(plate))).text
    for secret in (ticket["id"], ticket["code"], str(contract_id), cast.PLANT_TWO.name, "排寨文员", "person"):
        assert secret not in told + feed
    # Nor does the code on paper: it holds ids and marks.
    public = (await client.get("/T/" + ticket["code"].rsplit("/", 1)[1])).text
    for person in cast.PEOPLE:
        if person.station_id is not None:
            continue  # a station's device is called as its station is
        assert person.name not in public
        assert person.username not in public.replace("https://", "")


async def test_nothing_is_told_before_the_county_has_seen_the_vehicle_licence(
    client: httpx.AsyncClient, by: By, contract_id: UUID, now: datetime
) -> None:
    plate = await ask(by)
    await issue(by, contract_id, now)
    answer = await by(cast.TRADER_CLERK).get(f"/v1/plates/{plate['id']}/tickets")
    assert (answer.status_code, answer.json()["code"]) == (409, "plate-not-confirmed")
    disown = {"number": "2234567890121", "reason": "车在修理厂"}
    answer = await by(cast.TRADER_CLERK).post(f"/v1/plates/{plate['id']}/disown", json=disown)
    assert answer.json()["code"] == "plate-not-confirmed"
    assert (await client.get(feed_of(plate))).status_code == 404
    assert (await client.get("/v1/plates/feed/guessed")).status_code == 404
    assert plate["feed"] not in (await by(cast.TRADER_CLERK).get("/v1/plates")).text


async def test_a_plate_has_one_owner_at_a_time(client: httpx.AsyncClient, by: By) -> None:
    first = await confirmed(by)
    again = await by(cast.TRADER_CLERK).post("/v1/plates", json=ASKED)
    assert (again.status_code, again.json()["code"]) == (409, "plate-asked-already")
    assert again.json()["plate_id"] == first["id"]
    second = await ask(by, cast.PLANT_CLERK)
    answer = await by(cast.LI).post(f"/v1/plates/{second['id']}/confirm")
    assert (answer.status_code, answer.json()["code"]) == (409, "plate-has-another-owner")

    assert (await by(cast.TRADER_CLERK).post(f"/v1/plates/{first['id']}/end")).json()["state"] == "ended"
    assert (await client.get(feed_of(first))).status_code == 404
    assert (await by(cast.LI).post(f"/v1/plates/{second['id']}/confirm")).status_code == 200
    answer = await by(cast.LI).post(f"/v1/plates/{first['id']}/confirm")
    assert (answer.status_code, answer.json()["code"]) == (409, "plate-watch-has-ended")


async def test_u25_an_owner_disowns_a_ticket_and_the_county_is_told(by: By, contract_id: UUID, now: datetime) -> None:
    plate = await confirmed(by)
    ticket = await issue(by, contract_id, now)
    disown = {"number": ticket["number"], "reason": "该车当日在大石桥修理"}
    answer = await by(cast.TRADER_CLERK).post(f"/v1/plates/{plate['id']}/disown", json=disown)
    assert answer.status_code == 204
    (alert,) = (await by(cast.LI).get("/v1/alerts", params={"code": "plate-disowned"})).json()["items"]
    assert (alert["subject_id"], alert["facts"]["plate"]) == (ticket["id"], "辽C12345")
    answer = await by(cast.TRADER_CLERK).post(
        f"/v1/plates/{plate['id']}/disown", json={**disown, "number": "4176060783705"}
    )
    assert answer.status_code == 404


async def test_whose_plates_they_are(by: By) -> None:
    plate = await ask(by)
    for person, status in (
        (cast.TRADER_CLERK, 200),
        (cast.LI, 200),
        (cast.AUDITOR, 200),
        (cast.PLANT_CLERK, 404),
        (cast.DASHIQIAO, 404),
    ):
        assert (await by(person).get(f"/v1/plates/{plate['id']}")).status_code == status, person
    assert (await by(cast.TRADER_CLERK).post(f"/v1/plates/{plate['id']}/confirm")).status_code == 403
    assert (await by(cast.DASHIQIAO).post(f"/v1/plates/{plate['id']}/confirm")).status_code == 404
    assert (await by(cast.STRANGER_CLERK).post(f"/v1/plates/{plate['id']}/end")).status_code == 404
    assert (await by(cast.LI).post("/v1/plates", json=ASKED)).status_code == 403
    assert (await by(cast.LI).post(f"/v1/plates/{uuid4()}/end")).status_code == 404


async def test_a_feed_is_not_read_without_end(client: httpx.AsyncClient, by: By, monkeypatch: Any) -> None:
    from limits import RateLimitItemPerMinute
    from limits.aio.storage import MemoryStorage
    from limits.aio.strategies import MovingWindowRateLimiter

    from service.routes import plates

    monkeypatch.setattr(plates, "MOST_READINGS", RateLimitItemPerMinute(3))
    monkeypatch.setattr(plates, "_readings", MovingWindowRateLimiter(MemoryStorage()))
    plate = await confirmed(by)
    answers = [(await client.get(feed_of(plate))).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]
