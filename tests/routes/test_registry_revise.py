"""Editing an entry of the registry: nobody overwrites what they have not read, and nothing is forgotten."""

import asyncio

from tests.cast import ANSHAN, DASHIQIAO, LI, PAIZHAI_CLERK, PAIZHAI_MINE, PLANT_CLERK, STRANGER_CLERK
from tests.routes.by import By
from tests.routes.quota import allot, allotment, base, fill_pools
from tests.routes.registry_entries import ENTERPRISES, MINES, PROJECTS, SLICES, STATIONS, STOCKS


async def test_an_edit_makes_a_version_and_keeps_the_one_before(by: By) -> None:
    for slice_ in SLICES:
        entry = (await by(LI).post(slice_.path, json=slice_.body)).json()
        path = f"{slice_.path}/{entry['id']}"

        answer = await by(ANSHAN).patch(path, json=slice_.patch, headers={"If-Match": '"1"'})

        assert answer.status_code == 200, answer.text
        assert answer.headers["ETag"] == '"2"'
        expected = {
            name: {**entry[name], **value} if isinstance(value, dict) else value for name, value in slice_.patch.items()
        }
        assert answer.json() == {**entry, **expected, "version": 2}
        history = (await by(LI).get(f"{path}/history")).json()["items"]
        assert [item["version"] for item in history] == [1, 2]
        assert [item["person_id"] for item in history] == [str(LI.id), str(ANSHAN.id)]


async def test_an_edit_needs_the_version_that_was_read(by: By) -> None:
    entry = (await by(LI).post("/v1/mines", json=MINES.body)).json()
    path = f"/v1/mines/{entry['id']}"

    untold = await by(LI).patch(path, json={"safety_ok": False})
    assert (untold.status_code, untold.json()["code"]) == (428, "version-required")
    answers = [
        await by(LI).patch(path, json={"safety_ok": False}, headers={"If-Match": tag}) for tag in ('"2"', "*", "abc")
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(412, "version-outdated")] * 3


async def test_of_two_who_read_the_same_one_edits(by: By) -> None:
    entry = (await by(LI).post("/v1/mines", json=MINES.body)).json()

    answers = await asyncio.gather(
        *(
            by(LI).patch(f"/v1/mines/{entry['id']}", json={"name": f"矿{n}"}, headers={"If-Match": '"1"'})
            for n in range(8)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]


async def test_an_edit_that_changes_nothing_makes_no_version(by: By) -> None:
    entry = (await by(LI).post("/v1/enterprises", json=ENTERPRISES.body)).json()

    answer = await by(LI).patch(
        f"/v1/enterprises/{entry['id']}", json={"name": entry["name"]}, headers={"If-Match": '"1"'}
    )

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')


async def test_an_edited_entry_is_checked_as_a_whole(by: By) -> None:
    entry = (await by(LI).post("/v1/mines", json=MINES.body)).json()
    malformed: list[tuple[dict[str, object], str]] = [
        ({"name": None}, "/name"),
        ({"version": 7}, "/version"),
        ({"licence": {"valid_until": "2019-01-01"}}, "/licence"),
        ({"licence": None}, "/licence"),
    ]
    for patch, pointer in malformed:
        answer = await by(LI).patch(f"/v1/mines/{entry['id']}", json=patch, headers={"If-Match": '"1"'})

        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_station_moves_from_a_mine_to_a_yard(by: By) -> None:
    entry = (await by(LI).post("/v1/stations", json=STATIONS.body)).json()
    firm = (await by(LI).post("/v1/enterprises", json=ENTERPRISES.body)).json()

    answer = await by(LI).patch(
        f"/v1/stations/{entry['id']}",
        json={"mine_id": None, "enterprise_id": firm["id"]},
        headers={"If-Match": '"1"'},
    )

    assert (answer.json()["mine_id"], answer.json()["enterprise_id"]) == (None, firm["id"])


async def test_nobody_moves_an_entry_out_of_their_area(by: By) -> None:
    entry = (await by(LI).post("/v1/enterprises", json=ENTERPRISES.body)).json()

    answer = await by(LI).patch(
        f"/v1/enterprises/{entry['id']}", json={"jurisdiction": "210882"}, headers={"If-Match": '"1"'}
    )

    assert answer.status_code == 403


async def test_a_mine_with_quota_stays_in_its_county(by: By) -> None:
    await fill_pools(by)
    moved = {"jurisdiction": "210323"}
    path, tag = f"/v1/mines/{PAIZHAI_MINE}", {"If-Match": '"1"'}
    await allot(by(ANSHAN), base(1))

    refusal = await by(ANSHAN).patch(path, json=moved, headers=tag)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "mine-has-quota")
    other = (await by(LI).post("/v1/mines", json=MINES.body)).json()
    assert (await by(ANSHAN).patch(f"/v1/mines/{other['id']}", json=moved, headers=tag)).status_code == 200


async def test_a_project_and_a_declared_stock_with_quota_stay_in_their_county(by: By) -> None:
    """R06: also a stock stays that lies where its firm does, whose seat cannot be moved either."""
    await fill_pools(by)
    project = (await by(LI).post("/v1/projects", json=PROJECTS.body)).json()
    stock = (await by(LI).post("/v1/stocks", json=STOCKS.body)).json()
    firm = (await by(LI).get(f"/v1/enterprises/{stock['enterprise_id']}")).json()
    other = (await by(LI).post("/v1/enterprises", json=ENTERPRISES.body)).json()
    moves = [
        (f"/v1/projects/{project['id']}", {"jurisdiction": "210323"}, project),
        (f"/v1/stocks/{stock['id']}", {"enterprise_id": other["id"]}, stock),
        (f"/v1/enterprises/{firm['id']}", {"jurisdiction": "210323"}, firm),
    ]
    for holder in ({"project_id": project["id"]}, {"stock_id": stock["id"]}):
        await allot(by(ANSHAN), allotment("approved", "210381", holder, 1))

    for path, moved, entry in moves:
        answer = await by(ANSHAN).patch(path, json=moved, headers={"If-Match": f'"{entry["version"]}"'})
        assert (answer.status_code, answer.json()["code"]) == (409, "holder-has-quota"), path


async def test_strangers_find_nothing_to_edit(by: By) -> None:
    for slice_ in SLICES:
        entry = (await by(LI).post(slice_.path, json=slice_.body)).json()
        path = f"{slice_.path}/{entry['id']}"

        assert (await by(DASHIQIAO).patch(path, json=slice_.patch, headers={"If-Match": '"1"'})).status_code == 404
        assert (await by(DASHIQIAO).get(f"{path}/history")).status_code == 404
        assert (await by(STRANGER_CLERK).get(path)).status_code == 404
        assert (await by(STRANGER_CLERK).get(f"{path}/history")).status_code == 404


async def test_a_firm_reads_its_own_entry_and_does_not_edit_it(by: By) -> None:
    entry = (await by(LI).post("/v1/mines", json=MINES.body)).json()
    path = f"/v1/mines/{entry['id']}"

    assert (await by(PAIZHAI_CLERK).get(path)).status_code == 200
    assert (await by(PAIZHAI_CLERK).patch(path, json={"name": "甲"}, headers={"If-Match": '"1"'})).status_code == 403
    assert (await by(PLANT_CLERK).get(path)).status_code == 404
