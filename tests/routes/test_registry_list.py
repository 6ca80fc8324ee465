"""Reading the registry: everybody sees their own, and finds the partner of a contract."""

from typing import Any

import httpx

from tests.cast import (
    ANSHAN,
    AUDITOR,
    BRIDGE_7,
    BRIDGE_7_DEVICE,
    DASHIQIAO,
    LI,
    PAIZHAI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO,
    PLANT_TWO_GATE,
    PROVINCE,
    STRANGER,
    STRANGER_CLERK,
    TRADER,
)
from tests.routes.by import By
from tests.routes.registry_entries import LINES, PROJECTS, STOCKS


async def names(client: httpx.AsyncClient, path: str) -> set[str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return {item["name"] for item in answer.json()["items"]}


async def test_an_office_lists_its_area(by: By) -> None:
    haicheng = {PAIZHAI.name, PLANT_TWO.name, TRADER.name}

    assert await names(by(LI), "/v1/enterprises") == haicheng
    assert await names(by(ANSHAN), "/v1/enterprises") == haicheng
    assert await names(by(DASHIQIAO), "/v1/enterprises") == {STRANGER.name}
    assert await names(by(PROVINCE), "/v1/enterprises") == haicheng | {STRANGER.name}
    assert await names(by(AUDITOR), "/v1/enterprises") == haicheng | {STRANGER.name}


async def test_a_firm_lists_itself(by: By) -> None:
    assert await names(by(PAIZHAI_CLERK), "/v1/enterprises") == {PAIZHAI.name}
    assert await names(by(PAIZHAI_CLERK), "/v1/mines") == {"排寨矿"}
    assert await names(by(PAIZHAI_CLERK), "/v1/stations") == {"七号磅"}
    assert await names(by(PLANT_CLERK), "/v1/mines") == set()


async def test_a_firm_finds_its_partner_by_the_credit_code(by: By) -> None:
    path = f"/v1/enterprises?credit_code={PAIZHAI.credit_code}"

    (found,) = (await by(STRANGER_CLERK).get(path)).json()["items"]

    assert found["id"] == str(PAIZHAI.id)
    assert (await by(STRANGER_CLERK).get(f"/v1/enterprises/{PAIZHAI.id}")).status_code == 404


async def test_a_buyer_finds_the_mines_of_its_seller_by_name_only(by: By) -> None:
    (brief,) = (await by(PLANT_CLERK).get(f"/v1/mines?enterprise_id={PAIZHAI.id}")).json()["items"]
    (whole,) = (await by(PAIZHAI_CLERK).get(f"/v1/mines?enterprise_id={PAIZHAI.id}")).json()["items"]

    assert brief == {
        "id": str(PAIZHAI_MINE),
        "enterprise_id": str(PAIZHAI.id),
        "name": "排寨矿",
        "jurisdiction": "210381",
    }
    assert whole["licence"]["scale_kg"] == 2_110_000_000


async def test_a_seller_finds_the_stations_of_its_buyer(by: By) -> None:
    def ids(answer: httpx.Response) -> list[Any]:
        return [item["id"] for item in answer.json()["items"]]

    assert ids(await by(PAIZHAI_CLERK).get(f"/v1/stations?enterprise_id={PLANT_TWO.id}")) == [str(PLANT_TWO_GATE)]
    assert ids(await by(PLANT_CLERK).get(f"/v1/stations?mine_id={PAIZHAI_MINE}")) == [str(BRIDGE_7)]
    assert ids(await by(PLANT_CLERK).get(f"/v1/stations?enterprise_id={PAIZHAI.id}")) == [str(BRIDGE_7)]


async def test_a_station_sees_what_names_it(by: By) -> None:
    assert await names(by(BRIDGE_7_DEVICE), "/v1/stations") == {"七号磅"}
    assert await names(by(BRIDGE_7_DEVICE), "/v1/mines") == {"排寨矿"}
    assert await names(by(BRIDGE_7_DEVICE), "/v1/enterprises") == {PAIZHAI.name}
    assert await names(by(BRIDGE_7_DEVICE), "/v1/lines") == set()
    assert (await by(BRIDGE_7_DEVICE).get(f"/v1/stations/{PLANT_TWO_GATE}")).status_code == 404


async def test_lines_projects_and_stocks_are_their_firms_and_offices(by: By) -> None:
    for slice_, owner, other in [
        (LINES, PLANT_CLERK, PAIZHAI_CLERK),
        (STOCKS, PLANT_CLERK, PAIZHAI_CLERK),
        (PROJECTS, PAIZHAI_CLERK, PLANT_CLERK),
    ]:
        entry = (await by(LI).post(slice_.path, json=slice_.body)).json()
        for person, count in [(owner, 1), (other, 0), (ANSHAN, 1), (DASHIQIAO, 0)]:
            items = (await by(person).get(slice_.path)).json()["items"]
            assert [item["id"] for item in items] == [entry["id"]] * count, (slice_.name, person.username)


async def test_a_list_comes_in_pages(by: By) -> None:
    first = (await by(PROVINCE).get("/v1/enterprises?limit=3")).json()
    second = (await by(PROVINCE).get(f"/v1/enterprises?limit=3&after={first['next']}")).json()

    assert (len(first["items"]), len(second["items"]), second["next"]) == (3, 1, None)
    assert (await by(PROVINCE).get("/v1/enterprises?limit=501")).status_code == 422


async def test_all_of_liaoning_is_on_the_map(by: By, client: httpx.AsyncClient) -> None:
    items = (await by(PAIZHAI_CLERK).get("/v1/jurisdictions")).json()["items"]

    levels = [item["level"] for item in items]
    assert [levels.count(level) for level in ("province", "city", "county")] == [1, 14, 100]
    by_code = {item["code"]: item for item in items}
    assert by_code["210381"] == {
        "code": "210381",
        "name": "海城市",
        "name_en": "Haicheng",
        "level": "county",
        "parent": "210300",
    }
    assert all(item["parent"] is None or item["parent"] in by_code for item in items)
    assert (await client.get("/v1/jurisdictions")).status_code == 401
