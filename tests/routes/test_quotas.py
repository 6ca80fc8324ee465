"""What quota there is: the tree, one mine, the public table; now and as it was known."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.domain.changes import Void
from service.embedded import Endpoints
from service.keys import Purpose
from service.store.ledger import revise
from service.verify import Finding
from service.verify.database import verify
from service.verify.database.entries import read_book
from service.verify.database.pools import excesses_are_what_went_beyond
from service.verify.findings import Findings
from tests import yard
from tests.cast import (
    ANSHAN,
    AUDITOR,
    BRIDGE_7_DEVICE,
    DASHIQIAO,
    LI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO_DEVICE,
    PROVINCE,
    STRANGER,
    STRANGER_CLERK,
    YINGKOU,
    Person,
)
from tests.routes.by import By
from tests.routes.filing import at, contract, slip
from tests.routes.quota import MINE, allot, allotment, base, fill_pools, step
from tests.routes.test_rights import mine_of

PATH = f"/v1/mines/{MINE['mine_id']}/quota?year=2026"


@pytest.fixture
def begins_at() -> str:
    return "2026-03-03T09:00:00+08:00"


def a_moment_later(app: FastAPI) -> datetime:
    """Let some time pass on the service's clock."""
    now: datetime = app.state.clock.now() + timedelta(seconds=1)
    app.state.clock.stop_at(now)
    return now


async def province(by: By, person: Person, query: str = "year=2026") -> dict[str, Any]:
    answer = await by(person).get(f"/v1/quotas?{query}")
    assert answer.status_code == 200, answer.text
    node: dict[str, Any] = answer.json()["province"]
    return node


async def file(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    filed: dict[str, Any] = answer.json()
    return filed


async def open_alerts(by: By, person: Person, code: str) -> list[dict[str, Any]]:
    answer = await by(person).get(f"/v1/alerts?state=open&code={code}")
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_tree_adds_up_from_the_mine_to_the_province(by: By) -> None:
    await fill_pools(by, 1000)
    await allot(by(ANSHAN), base(600))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=250))
    await file(by(PAIZHAI_CLERK), "/v1/contracts", contract(kg=300))

    top = await province(by, PROVINCE)

    (anshan,) = (child for child in top["children"] if child["code"] == "210300")
    (haicheng,) = anshan["children"]
    (mine,) = haicheng["holders"]
    assert (mine["kind"], mine["name"]) == ("mine", "排寨矿")
    figures = ("issued_kg", "out_kg", "held_kg", "contracted_kg", "available_kg", "overdrawn_kg")
    assert [mine[name] for name in figures] == [600, 250, 0, 300, 350, 0]
    for node, allotted_kg in [(top, 1000), (anshan, 1000), (haicheng, 600)]:
        assert [node[name] for name in figures] == [1000, 250, 0, 300, 750, 0], node["code"]
        assert node["allotted_kg"] == allotted_kg


async def test_everybody_sees_their_part_of_the_tree(by: By) -> None:
    await fill_pools(by, 1000)
    await allot(by(ANSHAN), base(600))

    def codes(node: dict[str, Any]) -> list[str]:
        return [node["code"], *(code for child in node["children"] for code in codes(child))]

    def holders(node: dict[str, Any]) -> list[str]:
        own = [holder["name"] for holder in node["holders"]]
        return own + [name for child in node["children"] for name in holders(child)]

    haicheng, dashiqiao = ["210000", "210300", "210381"], ["210000", "210800", "210882"]
    for person, seen, names in [
        (LI, haicheng, ["排寨矿"]),
        (ANSHAN, haicheng, ["排寨矿"]),
        (DASHIQIAO, dashiqiao, ["远山矿"]),
        (YINGKOU, dashiqiao, ["远山矿"]),
        (AUDITOR, [*haicheng, *dashiqiao[1:]], ["排寨矿", "远山矿"]),
        (PAIZHAI_CLERK, haicheng, ["排寨矿"]),
        (PLANT_CLERK, ["210000"], []),
    ]:
        top = await province(by, person)
        assert (codes(top), holders(top)) == (seen, names), person.username
    own = await province(by, PAIZHAI_CLERK)
    assert (own["issued_kg"], own["allotted_kg"]) == (600, None)


async def test_a_mine_shows_what_each_tranche_has_been_spent_for(by: By) -> None:
    await fill_pools(by, 1000)
    first, second = await allot(by(ANSHAN), base(100)), await allot(by(ANSHAN), base(100, quarter=2))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=130))

    quota = (await by(PAIZHAI_CLERK).get(PATH)).json()

    assert {tranche["id"]: tranche["spent_kg"] for tranche in quota["tranches"]} == {
        first["id"]: 100,
        second["id"]: 30,
    }
    assert (quota["out_kg"], quota["available_kg"], quota["suspense_kg"], quota["overdraws"]) == (130, 70, 0, [])


async def test_a_mines_quota_is_its_offices_and_its_own(by: By, app: FastAPI) -> None:
    at(app, "2026-03-03T09:00:00+08:00")
    for person, status in [
        (LI, 200),
        (ANSHAN, 200),
        (AUDITOR, 200),
        (PAIZHAI_CLERK, 200),
        (PLANT_CLERK, 404),
        (STRANGER_CLERK, 404),
        (DASHIQIAO, 404),
    ]:
        assert (await by(person).get(PATH)).status_code == status, person.username
    assert (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota")).json()["year"] == 2026
    assert (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=26")).status_code == 422


async def test_an_overdraw_is_covered_by_the_next_tranche_and_stays_in_the_book(by: By) -> None:
    await fill_pools(by, 1000)
    await allot(by(ANSHAN), base(100))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=130))

    quota = (await by(LI).get(PATH)).json()
    assert (quota["available_kg"], quota["overdrawn_kg"]) == (-30, 30)
    (alert,) = await open_alerts(by, LI, "quota-overdrawn")
    assert alert["subject_id"] == MINE["mine_id"]

    cover = await allot(by(ANSHAN), base(20, quarter=2))
    assert (await by(LI).get(PATH)).json()["overdrawn_kg"] == 10
    cover = await allot(by(ANSHAN), base(20, quarter=3))
    quota = (await by(LI).get(PATH)).json()
    (episode,) = quota["overdraws"]
    assert (episode["cause"], episode["peak_kg"], episode["covered_by"]) == ("slip", 30, cover["id"])
    assert [tranche["spent_kg"] for tranche in quota["tranches"]] == [100, 20, 10]
    assert await open_alerts(by, LI, "quota-overdrawn") == []


async def test_what_was_known_then_stays_what_it_was(by: By, app: FastAPI) -> None:
    moments = []

    def mark() -> None:
        moments.append(quote(a_moment_later(app).isoformat()))
        a_moment_later(app)

    mark()
    await fill_pools(by, 1000)
    first = await allot(by(ANSHAN), base(100))
    mark()
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=130))
    await file(by(PAIZHAI_CLERK), "/v1/contracts", contract(kg=500))
    mark()
    await allot(by(ANSHAN), base(50, quarter=2))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number="JJ-2", kg=60))
    await step(by(ANSHAN), first["id"], "withdraw")

    seen = [(await by(LI).get(f"{PATH}&as_of={moment}")).json() for moment in moments]

    figures = ("issued_kg", "out_kg", "contracted_kg", "overdrawn_kg")
    assert [[then[name] for name in figures] for then in seen] == [
        [0, 0, 0, 0],
        [100, 0, 0, 0],
        [100, 130, 500, 30],
    ]
    assert [[tranche["spent_kg"] for tranche in then["tranches"]] for then in seen] == [[], [0], [100]]
    assert [[(each["peak_kg"], each["closed_at"]) for each in then["overdraws"]] for then in seen] == [
        [],
        [],
        [(30, None)],
    ]
    tops = [await province(by, PROVINCE, f"year=2026&as_of={moment}") for moment in moments]
    assert [(top["issued_kg"], top["out_kg"]) for top in tops] == [(0, 0), (1000, 0), (1000, 130)]
    assert (await by(LI).get(f"{PATH}&as_of=yesterday")).status_code == 422


async def test_e53_what_was_known_stays_when_mines_come_and_change_hands(by: By, app: FastAPI) -> None:
    """O01: what its former owner had promised was promised; a mine that was registered later was not there."""
    await fill_pools(by, 1000)
    await allot(by(ANSHAN), base(100))
    await file(by(PAIZHAI_CLERK), "/v1/contracts", contract(kg=500))
    now = a_moment_later(app)
    path = f"/v1/mines/{PAIZHAI_MINE}"
    told = [(await by(LI).get(asked)).json() for asked in (PATH, "/v1/quotas?year=2026")]
    a_moment_later(app)
    await mine_of(by, "新矿")
    for name, value in (("name", "排寨菱镁矿"), ("name", "排寨矿"), ("enterprise_id", str(STRANGER.id))):
        version = {"If-Match": (await by(LI).get(path)).headers["etag"]}
        assert (await by(PROVINCE).patch(path, json={name: value}, headers=version)).is_success
        a_moment_later(app)

    then = quote(now.isoformat())
    seen = [(await by(LI).get(f"{asked}&as_of={then}")).json() for asked in (PATH, "/v1/quotas?year=2026")]
    assert told[0]["contracted_kg"] == 500
    assert [one | {"as_of": None} for one in seen] == told


async def test_a_mine_and_its_county_are_told_when_the_quota_will_be_used_up(by: By, app: FastAPI) -> None:
    at(app, "2026-08-20T12:00:00+08:00")
    await fill_pools(by, 10_000)
    await allot(by(ANSHAN), base(4000, issued_on="2026-07-02"))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number="JJ-0", kg=600, handed_on="2026-08-05"))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number="JJ-1", kg=1400, handed_on="2026-08-06"))
    at(app, "2026-09-02T12:00:00+08:00")
    await allot(by(ANSHAN), base(500, quarter=2, issued_on="2026-09-02"))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number="JJ-2", kg=1400, handed_on="2026-09-01"))

    quota = (await by(LI).get(PATH)).json()

    # 2800 kg in the 28 days to 2 September: 100 kg a day; 1100 kg are left, of them 600 of the first tranche.
    told = ("pace_kg_per_day", "exhausted_on")
    assert [quota[name] for name in told] == [100, "2026-09-13"]
    assert [account["exhausted_on"] for account in quota["accounts"]] == ["2026-09-13"]
    assert [tranche["exhausted_on"] for tranche in quota["tranches"]] == ["2026-09-08", "2026-09-13"]
    top = await province(by, PROVINCE)
    assert [top[name] for name in told] == [100, "2026-11-07"], "of 10 t, 3.4 t left below it"
    assert [top["children"][0]["children"][0]["holders"][0][name] for name in told] == [100, "2026-09-13"]
    # As of a day before, the later slip and tranche were not known, and the window ended then.
    then = (await by(LI).get(f"{PATH}&as_of={quote('2026-08-20T13:00:00+08:00')}")).json()
    assert [then[name] for name in told] == [2000 // 28, "2026-09-17"]
    past = (await by(LI).get(PATH.replace("2026", "2025"))).json()
    assert [past[name] for name in told] == [None, None]


async def test_what_was_taken_back_is_no_pace(by: By, app: FastAPI) -> None:
    now = at(app, "2026-09-02T12:00:00+08:00")
    sign = app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 1000, at=now, sign=sign)
    for number, kg in (("JJ-1", 280), ("JJ-2", 560)):
        filed = await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number=number, kg=kg, handed_on="2026-09-02"))
    async with app.state.database.transaction() as connection:
        await revise(connection, [Void([UUID(filed["movement_id"])], now, bytes(32))], at=now, sign=sign)

    quota = (await by(LI).get(PATH)).json()

    assert (quota["available_kg"], quota["pace_kg_per_day"], quota["exhausted_on"]) == (720, 10, "2026-11-13")


async def test_r25_what_is_taken_back_of_several_tranches_is_one_act(by: By, app: FastAPI) -> None:
    """R25, O02: ten kilograms of the newest tranche are left; all that is spent of both is owed at once."""
    await fill_pools(by)
    for quarter, kg in ((1, 100), (2, 50)):
        await allot(by(ANSHAN), base(kg, quarter=quarter))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=140))
    before = await ends_of_acts(app)
    await allot(by(ANSHAN), allotment("adjustment", "210381", MINE, -130, reason="秩序整顿"))

    assert await ends_of_acts(app) == [*before, before[-1] + 6]
    [episode] = (await by(LI).get(PATH)).json()["overdraws"]
    assert (episode["cause"], episode["peak_kg"]) == ("claw-back", 120)
    [alert] = await open_alerts(by, LI, "quota-overdrawn")
    assert alert["facts"]["debt_kg"] == 120


async def ends_of_acts(app: FastAPI) -> list[int]:
    """The sizes that the book may be asked as of."""
    async with app.state.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            "SELECT max(seq) AS size FROM (SELECT act, seq FROM leg UNION ALL SELECT act, seq FROM hole) AS entry"
            " GROUP BY act ORDER BY act"
        )
    return [row["size"] for row in rows]


async def test_consumption_beyond_a_pool_is_told_at_each_level_that_it_breaks(by: By) -> None:
    await fill_pools(by, 100)
    await allot(by(PROVINCE), allotment("total", None, {"jurisdiction": "210000"}, 1000))
    await allot(by(ANSHAN), base(100))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=130))

    found = await open_alerts(by, PROVINCE, "pool-overdrawn")

    assert {alert["subject_id"]: alert["facts"]["over_kg"] for alert in found} == {"210300": 30, "210381": 30}
    top = await province(by, PROVINCE)
    assert (top["overdrawn_kg"], top["children"][0]["overdrawn_kg"]) == (0, 30)
    assert [alert["subject_id"] for alert in await open_alerts(by, LI, "pool-overdrawn")] == ["210381"]
    await allot(by(PROVINCE), allotment("total", "210000", {"jurisdiction": "210300"}, 50))
    assert [alert["subject_id"] for alert in await open_alerts(by, PROVINCE, "pool-overdrawn")] == ["210381"]


async def test_a_pool_has_episodes_of_its_own(by: By, app: FastAPI) -> None:
    """R06, O02: opening load, peak, cause, cover and closing, at each level, now and as it was known."""
    await fill_pools(by, 100)
    await allot(by(PROVINCE), allotment("total", None, {"jurisdiction": "210000"}, 1000))
    await allot(by(ANSHAN), base(100))
    first = await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=90))
    breaking = await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number="JJ-2", kg=40))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number="JJ-3", kg=5))
    moment = quote(a_moment_later(app).isoformat())
    a_moment_later(app)
    total = allotment("total", "210000", {"jurisdiction": "210300"}, 50)
    cover = await allot(by(PROVINCE), total)

    top = await province(by, PROVINCE)

    assert first["movement_id"] != breaking["movement_id"]
    (anshan,) = (child for child in top["children"] if child["code"] == "210300")
    (haicheng,) = anshan["children"]
    [episode] = anshan["overdraws"]
    assert (episode["opened_by"], episode["cause"]) == (breaking["movement_id"], "slip")
    assert (episode["over_kg"], episode["peak_kg"], episode["covered_by"]) == (0, 35, cover["id"])
    assert episode["closed_at"] > episode["opened_at"]
    [still] = haicheng["overdraws"]
    assert (still["over_kg"], still["peak_kg"], still["closed_at"]) == (35, 35, None)
    assert top["overdraws"] == []
    then = (await province(by, PROVINCE, f"year=2026&as_of={moment}"))["children"][0]["overdraws"]
    assert [(each["peak_kg"], each["closed_at"]) for each in then] == [(35, None)]
    assert (await province(by, PAIZHAI_CLERK))["children"][0]["overdraws"] == []


async def unkept(app: FastAPI, endpoints: Endpoints) -> tuple[list[Finding], set[str]]:
    """What the auditor finds, and where, if nothing had been told of broken caps."""
    keys = app.state.keys.public_keys(Purpose.LEDGER)
    owner = await asyncpg.connect(endpoints.owner_database_url)
    try:
        as_it_is = await verify(owner, keys, lambda _: None)
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("DELETE FROM pool_excess")
        findings = Findings()
        await excesses_are_what_went_beyond(owner, await read_book(owner, keys, Findings()), findings)
        await transaction.rollback()
    finally:
        await owner.close()
    return as_it_is, {finding.message for finding in findings.all()}


async def test_a_cap_is_broken_by_a_slip_within_its_own_quota(by: By, app: FastAPI, stage_endpoints: Endpoints) -> None:
    """R06, O02: one quota of the county owes, another spends what is its own, and only their sum is too much."""
    await fill_pools(by, 100)
    await allot(by(ANSHAN), base(60))
    await allot(by(ANSHAN), allotment("special", "210381", MINE, 40, earmark="镁建材"))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=70))
    assert (await province(by, LI))["children"][0]["children"][0]["overdraws"] == []
    own = await file(by(PAIZHAI_CLERK), "/v1/slips", slip(number="JJ-2", kg=40, earmark="镁建材"))

    [episode] = (await province(by, LI))["children"][0]["children"][0]["overdraws"]
    assert (episode["opened_by"], episode["over_kg"], episode["cause"]) == (own["movement_id"], 10, "slip")
    assert {alert["subject_id"] for alert in await open_alerts(by, PROVINCE, "pool-overdrawn")} >= {"210381"}
    lost = "210381 is told to be 0 kg over in 2026, and was 10 kg over"
    as_it_is, found = await unkept(app, stage_endpoints)
    assert (as_it_is, lost in found) == ([], True), "while it is broken"
    a_moment_later(app)
    for source, to in ((None, "210000"), ("210000", "210300"), ("210300", "210381")):
        office = ANSHAN if source == "210300" else PROVINCE
        await allot(by(office), allotment("total", source, {"jurisdiction": to}, 10))
    as_it_is, found = await unkept(app, stage_endpoints)
    assert (as_it_is, lost in found) == ([], True), "and when it holds again"


async def test_a_cap_is_broken_by_a_load_within_its_own_quota_and_holds_when_it_comes_back(
    by: By, app: FastAPI
) -> None:
    """R06, O02: in the very transaction that weighs it."""
    now = at(app, "2026-03-03T09:00:00+08:00")
    await fill_pools(by, 100_000)
    await allot(by(ANSHAN), base(60_000))
    await allot(by(ANSHAN), allotment("special", "210381", MINE, 40_000, earmark="镁建材"))
    await file(by(PAIZHAI_CLERK), "/v1/slips", slip(kg=50_000, earmark="镁建材"))
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=now, mine_id=PAIZHAI_MINE)

    async def weigh(ticket: dict[str, Any], direction: str, minutes: int) -> str:
        record = yard.record(ticket, direction, 30_000, now + timedelta(minutes=minutes))
        [weighed] = (await by(BRIDGE_7_DEVICE).post("/v1/weighings", json=record)).json()["results"]
        return str(weighed["movement_ids"][0])

    async def episodes() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await province(by, LI))["children"][0]["children"][0]["overdraws"]
        return found

    for number in (1, 2):
        ticket = await file(
            by(PAIZHAI_CLERK), "/v1/tickets", yard.ticket_in(contract_id, now, plate=f"辽C4000{number}")
        )
        assert await episodes() == []
        movement_id = await weigh(ticket, "out", number)
    [broken] = await episodes()
    await weigh(ticket, "back", 3)
    [mended] = await episodes()

    assert (broken["opened_by"], broken["over_kg"], broken["cause"]) == (movement_id, 10_000, "load")
    assert (mended["over_kg"], mended["peak_kg"], mended["closed_at"] is None) == (0, 10_000, False)
    async with app.state.database.pool.acquire() as connection:
        assert await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), lambda _: None) == []


async def test_w10_what_came_back_by_the_road_was_not_issued_again(by: By, app: FastAPI) -> None:
    """A load that its buyer had in stock comes back as a movement of its own: it has not left, and is no tranche (R06, O01)."""
    now = at(app, "2026-03-03T09:00:00+08:00")
    await fill_pools(by, 70_000)
    await allot(by(ANSHAN), base(60_000))
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=now, mine_id=PAIZHAI_MINE)

    async def send(number: int, *directions: str) -> None:
        asked = yard.ticket_in(contract_id, now, plate=f"辽C4000{number}")
        ticket = await file(by(PAIZHAI_CLERK), "/v1/tickets", asked)
        for minutes, direction in enumerate(directions):
            scale = PLANT_TWO_DEVICE if direction == "in" else BRIDGE_7_DEVICE
            record = yard.record(ticket, direction, 30_000, now + timedelta(minutes=minutes))
            assert (await by(scale).post("/v1/weighings", json=record)).json()["results"][0]["status"] == "accepted"

    await send(0, "out", "in", "back")
    for number in (1, 2):
        await send(number, "out", "in")
    quota, top = (await by(LI).get(PATH)).json(), await province(by, PROVINCE)

    assert [quota[name] for name in ("issued_kg", "out_kg", "available_kg")] == [60_000, 60_000, 0]
    assert (quota["overdrawn_kg"], top["overdrawn_kg"], top["overdraws"]) == (0, 0, [])
    assert await open_alerts(by, LI, "pool-overdrawn") == []
    await send(3, "out", "in")
    top = await province(by, PROVINCE)
    assert (top["out_kg"], top["overdrawn_kg"], [one["peak_kg"] for one in top["overdraws"]]) == (
        90_000,
        20_000,
        [20_000],
    )
    async with app.state.database.pool.acquire() as connection:
        assert await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), lambda _: None) == []


async def test_a_mine_that_promises_more_than_it_can_get_is_told(by: By) -> None:
    await fill_pools(by, 1000)
    await allot(by(ANSHAN), base(100))
    filed = await file(by(PAIZHAI_CLERK), "/v1/contracts", contract(kg=2_110_000_000))
    assert await open_alerts(by, LI, "quota-overcommitted") == []

    await file(by(PAIZHAI_CLERK), "/v1/contracts", contract(number="HT-2", kg=1))

    (alert,) = await open_alerts(by, PAIZHAI_CLERK, "quota-overcommitted")
    assert (alert["subject_id"], alert["facts"]["over_kg"]) == (MINE["mine_id"], 1)
    await by(PAIZHAI_CLERK).post(f"/v1/contracts/{filed['id']}/close", json={})
    assert await open_alerts(by, LI, "quota-overcommitted") == []


async def test_everybody_reads_what_was_published(by: By, client: httpx.AsyncClient) -> None:
    await fill_pools(by, 1000)
    issued = await allot(by(ANSHAN), base(100))
    await allot(by(ANSHAN), base(50, quarter=2))
    await step(by(LI), issued["id"], "publish", on="2026-01-08")

    answer = await client.get("/v1/quotas/published?year=2026")

    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["items"]
    assert (row["holder_kind"], row["holder"], row["kg"], row["issuer"]) == ("mine", "排寨矿", 100, "210381")
    assert (row["issued_on"], row["published_on"]) == ("2026-01-05", "2026-01-08")
    assert (await client.get("/v1/quotas?year=2026")).status_code == 401
