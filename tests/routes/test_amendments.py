"""Amending a contract that both sides have filed: one proposes, the other confirms, and the history stays."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.actions.contracts import flag_overdue
from service.domain.alerts import Alert, Flag
from service.store import alerts as kept
from tests import cast
from tests.cast import ANSHAN, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, STRANGER_CLERK, TRADER_CLERK, YINGKOU
from tests.routes.filing import (
    ON_DAY_1,
    TOO_LATE,
    alerts,
    at,
    contract,
    from_stock,
    issue,
    receive,
    refused,
    trader_lot,
)
from tests.routes.test_contracts_close import open_ticket

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 1_000_000)


@pytest.fixture
async def filed(by: By) -> str:
    """A contract that both sides filed."""
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    answer = await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    return f"/v1/contracts/{answer.json()['id']}"


def change(**terms: Any) -> dict[str, Any]:
    return {"agreed_on": "2026-03-03", "reason": "追加数量", **terms}


async def test_terms_change_when_the_other_side_confirms_and_not_before(by: By, filed: str) -> None:
    proposed = await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=150_000, grade="特级品"))
    waiting = (await by(LI).get(filed)).json()
    path = f"{filed}/amendments/{proposed.json()['id']}"
    confirmed = await by(PLANT_CLERK).post(f"{path}/confirm")
    after = (await by(LI).get(filed)).json()

    assert (proposed.status_code, proposed.json()["state"], proposed.json()["number"]) == (201, "proposed", 1)
    assert (proposed.json()["changes"], proposed.json()["due_on"]) == (["kg", "grade"], "2026-03-18")
    assert (waiting["kg"], waiting["state"], waiting["amending"]) == (100_000, "filed", proposed.json()["id"])
    assert (confirmed.status_code, confirmed.json()["state"], confirmed.json()["answer_days_late"]) == (
        200,
        "agreed",
        0,
    )
    assert (after["kg"], after["grade"], after["state"], after["amending"]) == (150_000, "特级品", "filed", None)
    assert [(side["version"], side["terms"]["kg"], side["days_late"]) for side in after["filings"]] == [
        (2, 150_000, 0),
        (2, 150_000, 0),
    ]
    versions = (await by(PLANT_CLERK).get(f"{filed}/versions")).json()["items"]
    assert sorted((one["party"], one["version"], one["terms"]["kg"]) for one in versions) == [
        ("buyer", 1, 100_000),
        ("buyer", 2, 150_000),
        ("seller", 1, 100_000),
        ("seller", 2, 150_000),
    ]


async def test_either_side_proposes_and_the_same_proposal_from_the_other_confirms(by: By, filed: str) -> None:
    first = await by(PLANT_CLERK).post(f"{filed}/amendments", json=change(valid_until="2027-01-31"))
    again = await by(PLANT_CLERK).post(f"{filed}/amendments", json=change(valid_until="2027-01-31"))
    second = await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(valid_until="2027-01-31"))

    assert first.json() == again.json()
    assert (second.json()["id"], second.json()["state"]) == (first.json()["id"], "agreed")
    assert (await by(LI).get(filed)).json()["valid_until"] == "2027-01-31"


async def test_e24_what_is_declined_or_withdrawn_changes_nothing_and_is_kept(by: By, filed: str) -> None:
    declined = (await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=1_000))).json()
    no = {"reason": "未达成一致"}
    answer = await by(PLANT_CLERK).post(f"{filed}/amendments/{declined['id']}/decline", json=no)
    withdrawn = (await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=2_000))).json()
    await by(PAIZHAI_CLERK).post(f"{filed}/amendments/{withdrawn['id']}/withdraw", json=no)
    late = await by(PLANT_CLERK).post(f"{filed}/amendments/{withdrawn['id']}/confirm")
    listed = (await by(LI).get(f"{filed}/amendments")).json()["items"]

    assert (answer.json()["state"], answer.json()["answer"]) == ("declined", "未达成一致")
    assert refused(late, 409, "amendment-answered")
    assert [(one["number"], one["state"]) for one in listed] == [(1, "declined"), (2, "withdrawn")]
    assert (await by(LI).get(filed)).json()["kg"] == 100_000


async def test_w08_e20_an_amendment_cures_an_over_shipment_and_the_history_stays(
    app: FastAPI, by: By, filed: str
) -> None:
    contract_id = filed.rsplit("/", maxsplit=1)[-1]
    await receive(app, contract_id, cast.PLANT_TWO.id, 120_000)
    async with app.state.database.transaction() as connection:
        now = app.state.clock.now()
        over = Alert(Flag.CONTRACT_OVERSHIPPED, "contract", contract_id, "210381", (), now, {"over_kg": 20_000})
        await kept.open_alerts(connection, [over], at=now)
    before = (await by(LI).get(filed)).json()
    less = await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=110_000))
    more = (await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=120_000))).json()
    await by(PLANT_CLERK).post(f"{filed}/amendments/{more['id']}/confirm")
    after = (await by(LI).get(filed)).json()

    assert before["flags"] == ["contract-overshipped"]
    assert refused(less, 409, "less-than-shipped")
    assert (after["kg"], after["shipped_kg"], after["flags"]) == (120_000, 120_000, [])
    assert [(one["state"], one["facts"]["over_kg"]) for one in await alerts(by, code="contract-overshipped")] == [
        ("settled", 20_000)
    ]


async def test_r22_an_amendment_has_a_clock_of_its_own_for_each_side(app: FastAPI, by: By, filed: str) -> None:
    at(app, "2026-03-18T23:59:59+08:00")
    proposed = (await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=150_000))).json()
    now = at(app, "2026-03-19T00:00:00+08:00")
    overdue = (await by(LI).get(f"{filed}/amendments")).json()["items"][0]
    async with app.state.database.transaction() as connection:
        await flag_overdue(connection, at=now)
    opened = await alerts(by, code="filing-overdue", state="open")
    confirmed = (await by(PLANT_CLERK).post(f"{filed}/amendments/{proposed['id']}/confirm")).json()

    assert (proposed["days_late"], overdue["is_overdue"]) == (0, True)
    assert [(one["subject_id"], one["facts"]["amendment"]) for one in opened] == [(proposed["contract_id"], 1)]
    assert confirmed["answer_days_late"] == 1
    assert await alerts(by, code="filing-overdue", state="open") == []
    assert [side["days_late"] for side in (await by(LI).get(filed)).json()["filings"]] == [0, 0]
    assert [one["facts"]["amendment_days_late"] for one in await alerts(by, code="filing-late")] == [1]


async def test_o01_another_mine_is_seen_again_and_so_is_the_one_before(app: FastAPI, by: By, filed: str) -> None:
    second = uuid4()
    await app.state.database.pool.execute(
        "INSERT INTO mine SELECT $2, enterprise_id, name || '二', jurisdiction, method, 'C2', licence_scale_kg,"
        " licence_valid_from, licence_valid_until, consolidated, environment_ok, safety_ok, operating, version, created_at"
        " FROM mine WHERE id = $1",
        cast.PAIZHAI_MINE,
        second,
    )
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="HT-2", kg=2_110_000_000))
    assert [one["subject_id"] for one in await alerts(by, code="quota-overcommitted", state="open")] == [
        str(cast.PAIZHAI_MINE)
    ]
    moved = change(mine_id=str(second), kg=2_120_000_000)
    amendment = (await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=moved)).json()
    await by(PLANT_CLERK).post(f"{filed}/amendments/{amendment['id']}/confirm")

    assert [one["subject_id"] for one in await alerts(by, code="quota-overcommitted", state="open")] == [str(second)]


async def test_tickets_that_are_out_keep_the_source_but_not_the_kilograms(app: FastAPI, by: By, filed: str) -> None:
    await open_ticket(app, filed.rsplit("/", maxsplit=1)[-1])
    for changes, status in ((change(earmark="镁建材"), 409), (change(kg=150_000), 200)):
        proposed = (await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=changes)).json()
        answer = await by(PLANT_CLERK).post(f"{filed}/amendments/{proposed['id']}/confirm")
        assert answer.status_code == status
        if status == 409:
            assert answer.json()["code"] == "tickets-still-open"
            await by(PAIZHAI_CLERK).post(f"{filed}/amendments/{proposed['id']}/withdraw", json={"reason": "改期"})


async def test_r23_another_proof_is_pledged_when_it_is_agreed(app: FastAPI, by: By) -> None:
    lot, other = await trader_lot(app, by, "HT-8", 50_000), await trader_lot(app, by, "HT-9", 50_000)
    sold = from_stock((lot, 50_000), kg=50_000)
    await by(TRADER_CLERK).post("/v1/contracts", json=sold)
    path = f"/v1/contracts/{(await by(PLANT_CLERK).post('/v1/contracts', json=sold)).json()['id']}"
    named = [{"lot_id": str(lot), "kg": 20_000}, {"lot_id": str(other), "kg": 30_000}]
    amendment = (await by(TRADER_CLERK).post(f"{path}/amendments", json=change(proof=named))).json()
    before = {one["id"]: one["pledged_kg"] for one in (await by(TRADER_CLERK).get("/v1/lots")).json()["items"]}
    await by(PLANT_CLERK).post(f"{path}/amendments/{amendment['id']}/confirm")
    after = {one["id"]: one["pledged_kg"] for one in (await by(TRADER_CLERK).get("/v1/lots")).json()["items"]}

    assert (before[str(lot)], before[str(other)]) == (50_000, 0)
    assert (after[str(lot)], after[str(other)]) == (20_000, 30_000)


REFUSED = [
    (change(), 409, "nothing-amended"),
    (change(kg=100_000), 409, "nothing-amended"),
    (change(kg=1, agreed_on="2026-03-04"), 409, "day-in-future"),
    (change(kg=1, agreed_on="2026-03-01"), 409, "agreed-before-signing"),
    (change(valid_until="2026-03-01"), 409, "ends-before-signing"),
    (change(mine_id=str(cast.STRANGER_MINE)), 404, "unknown-mine"),
    (change(stock_id=str(uuid4())), 404, "unknown-source"),
    (change(proof=[{"lot_id": str(uuid4()), "kg": 1}]), 404, "unknown-lot"),
    (change(kg=0), 422, "malformed-body"),
    (change(buyer_id=str(cast.TRADER.id)), 422, "malformed-body"),
]


async def test_what_an_amendment_cannot_be(by: By, filed: str) -> None:
    for body, status, code in REFUSED:
        assert refused(await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=body), status, code), body
    assert (await by(LI).get(f"{filed}/amendments")).json()["items"] == []


async def test_it_waits_its_turn_and_for_the_right_side(by: By, filed: str) -> None:
    first = (await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=1_000))).json()
    path = f"{filed}/amendments/{first['id']}"

    assert refused(await by(PLANT_CLERK).post(f"{filed}/amendments", json=change(kg=2_000)), 409, "amendment-open")
    assert refused(await by(PAIZHAI_CLERK).post(f"{path}/confirm"), 409, "own-amendment")
    assert refused(await by(PLANT_CLERK).post(f"{path}/withdraw", json={"reason": "x"}), 409, "own-amendment")
    nobodys = await by(PLANT_CLERK).post(f"{filed}/amendments/{uuid4()}/confirm")
    assert refused(nobodys, 404, "unknown-amendment")
    assert (await by(PLANT_CLERK).post(f"{path}/confirm")).json()["state"] == "agreed"
    assert (await by(PLANT_CLERK).post(f"{path}/confirm")).json()["state"] == "agreed"


async def test_only_a_filed_contract_is_amended(by: By, filed: str) -> None:
    half = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="HT-2"))).json()["id"]
    answer = await by(PAIZHAI_CLERK).post(f"/v1/contracts/{half}/amendments", json=change(kg=1))
    await by(PAIZHAI_CLERK).post(f"{filed}/close")

    assert refused(answer, 409, "not-yet-filed")
    assert refused(await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(kg=1)), 409, "contract-closed")


async def test_whose_it_is(by: By, filed: str) -> None:
    await by(PAIZHAI_CLERK).post(f"{filed}/amendments", json=change(price_fen_per_t=50_000))

    for person in (STRANGER_CLERK, TRADER_CLERK):
        assert refused(await by(person).post(f"{filed}/amendments", json=change(kg=1)), 404, "not-found")
        assert refused(await by(person).get(f"{filed}/amendments"), 404, "not-found")
    assert refused(await by(LI).post(f"{filed}/amendments", json=change(kg=1)), 403, "not-allowed")
    assert refused(await by(YINGKOU).get(f"{filed}/amendments"), 404, "not-found")
    prices = {
        person.username: (await by(person).get(f"{filed}/amendments")).json()["items"][0]["terms"]["price_fen_per_t"]
        for person in (PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, ANSHAN, LI)
    }
    assert prices == {"paizhai": 50_000, "plant-two": 50_000, "province": 50_000, "anshan": None, "officer-li": None}


async def test_u9_a_group_confirms_once(app: FastAPI, by: By) -> None:
    both = contract(for_both=True)
    assert refused(await by(PAIZHAI_CLERK).post("/v1/contracts", json=both), 409, "not-one-group")
    for firm in (cast.PAIZHAI, cast.PLANT_TWO):
        answer = await by(LI).patch(
            f"/v1/enterprises/{firm.id}", json={"group_code": cast.PAIZHAI.credit_code}, headers={"If-Match": '"1"'}
        )
        assert answer.json()["group_code"] == cast.PAIZHAI.credit_code
    filed = await by(PLANT_CLERK).post("/v1/contracts", json=both)
    again = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    path = f"/v1/contracts/{filed.json()['id']}"
    amended = await by(PAIZHAI_CLERK).post(f"{path}/amendments", json=change(kg=1_000, for_both=True))

    assert (filed.status_code, filed.json()["state"]) == (201, "filed")
    assert [side["version"] for side in filed.json()["filings"]] == [1, 1]
    assert (again.status_code, again.json()["state"]) == (200, "filed")
    assert amended.json()["state"] == "agreed"
    assert (await by(LI).get(path)).json()["kg"] == 1_000
    assert (
        await app.state.database.pool.fetchval(
            "SELECT count(*) FROM filing WHERE contract_id = $1", UUID(filed.json()["id"])
        )
        == 4
    )


async def test_a_late_group_is_late_on_both_sides(app: FastAPI, by: By) -> None:
    await app.state.database.pool.execute("UPDATE enterprise SET group_code = '91210381MA00000002'")
    at(app, TOO_LATE)
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(for_both=True))).json()

    assert [side["days_late"] for side in filed["filings"]] == [1, 1]
