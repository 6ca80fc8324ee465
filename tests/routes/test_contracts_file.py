"""Filing a contract: each side its own, on its own clock."""

import asyncio
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.actions.contracts import flag_overdue
from service.domain.units import Kilograms
from tests import cast, yard
from tests.cast import AUDITOR, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, STRANGER_CLERK, TRADER_CLERK, YINGKOU
from tests.routes.filing import (
    LAST_SECOND,
    ON_DAY_1,
    SIGNED,
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

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 1_000_000)


async def test_e23_the_first_side_makes_it_incomplete_and_the_other_files_it(by: By) -> None:
    first = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    second = await by(PLANT_CLERK).post("/v1/contracts", json=contract())

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert (first.json()["state"], second.json()["state"]) == ("incomplete", "filed")
    filed = second.json()
    assert filed["due_on"] == "2026-03-17"
    assert [(side["party"], side["days_late"], side["version"]) for side in filed["filings"]] == [
        ("seller", 0, 1),
        ("buyer", 0, 1),
    ]
    assert filed["filings"][0]["filed_at"] == "2026-03-03T01:00:00Z"
    assert filed["filings"][0]["terms"]["price_fen_per_t"] == 45_000
    assert (filed["shipped_kg"], filed["received_kg"]) == (0, 0)
    assert (filed["proof_state"], filed["flags"], filed["differences"]) == ("none", [], [])
    missing = first.json()["filings"][1]
    assert (missing["party"], missing["filed_at"], missing["terms"]) == ("buyer", None, None)


async def test_the_buyer_may_be_first(by: By) -> None:
    first = await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    second = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["state"] == "filed"


async def test_the_sellers_only_mine_need_not_be_named(by: By) -> None:
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(mine_id=None))
    answer = await by(PLANT_CLERK).post("/v1/contracts", json=contract())

    assert (answer.json()["state"], answer.json()["mine_id"]) == ("filed", str(cast.PAIZHAI_MINE))


@pytest.mark.parametrize("terms", [contract(), contract(mine_id=None)])
async def test_the_same_terms_again_are_nothing_new(by: By, terms: dict[str, Any]) -> None:
    first = await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms)
    again = await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms)
    await by(PLANT_CLERK).post("/v1/contracts", json=terms)
    after = await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms)

    assert (again.status_code, again.json()) == (200, first.json())
    assert (after.status_code, after.json()["state"]) == (200, "filed")
    assert [side["version"] for side in after.json()["filings"]] == [1, 1]


async def test_both_sides_at_once_make_one_contract(by: By) -> None:
    sides = [by(PAIZHAI_CLERK), by(PLANT_CLERK)] * 8
    answers = await asyncio.gather(*(side.post("/v1/contracts", json=contract()) for side in sides))
    listed = await by(LI).get("/v1/contracts")

    assert sorted(answer.status_code for answer in answers) == [*[200] * 15, 201]
    assert [found["state"] for found in listed.json()["items"]] == ["filed"]
    assert [side["version"] for side in listed.json()["items"][0]["filings"]] == [1, 1]


async def test_a_receipt_is_the_hash_that_is_kept(app: FastAPI, by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    kept = await app.state.database.pool.fetchval("SELECT encode(fact, 'hex') FROM filing")

    assert filed["filings"][0]["receipt"] == kept
    assert len(kept) == 64


async def test_an_idempotency_key_gives_the_same_answer_again(by: By) -> None:
    key = {"Idempotency-Key": "side-1"}
    first = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(), headers=key)
    await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    again = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(), headers=key)
    other = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(kg=1), headers=key)

    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert refused(other, 422, "idempotency-key-reused")


async def test_r22_the_last_second_of_day_15_is_in_time_and_the_next_is_late(app: FastAPI, by: By) -> None:
    at(app, LAST_SECOND)
    seller = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    at(app, TOO_LATE)
    buyer = await by(PLANT_CLERK).post("/v1/contracts", json=contract())

    assert seller.json()["flags"] == []
    assert [side["days_late"] for side in buyer.json()["filings"]] == [0, 1]
    assert (buyer.json()["state"], buyer.json()["flags"]) == ("filed", ["filing-late"])
    late = await alerts(by, code="filing-late")
    assert [(alert["subject_id"], alert["facts"]["days_late"]) for alert in late] == [
        (seller.json()["id"], {"buyer": 1})
    ]


async def test_r22c_e23_e24_other_terms_are_a_mismatch_until_one_side_files_anew(app: FastAPI, by: By) -> None:
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    mismatch = await by(PLANT_CLERK).post("/v1/contracts", json=contract(kg=90_000, grade="二级"))
    opened = await alerts(by, code="filing-mismatch", state="open")
    at(app, TOO_LATE)
    cured = await by(PLANT_CLERK).post("/v1/contracts", json=contract())

    assert mismatch.json()["state"] == "mismatch"
    assert mismatch.json()["differences"] == ["kg", "grade"]
    assert [side["terms"]["kg"] for side in mismatch.json()["filings"]] == [100_000, 90_000]
    assert [alert["facts"]["differences"] for alert in opened] == [["kg", "grade"]]
    assert cured.json()["state"] == "filed"
    assert [(side["version"], side["days_late"]) for side in cured.json()["filings"]] == [(1, 0), (2, 0)]
    assert await alerts(by, code="filing-mismatch", state="open") == []


async def test_r22c_after_both_filed_alike_other_terms_are_refused(by: By) -> None:
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    await by(PLANT_CLERK).post("/v1/contracts", json=contract())

    assert refused(await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(kg=1)), 409, "contract-already-filed")


async def test_r22d_a_mine_without_a_tranche_on_the_day_is_flagged(by: By) -> None:
    answer = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(signed_on="2025-12-31"))

    assert "seller-without-quota" in answer.json()["flags"]
    assert len(await alerts(by, code="seller-without-quota", state="open")) == 1


async def test_o01_a_mine_that_promises_more_than_it_can_get_is_flagged_until_it_promises_less(by: By) -> None:
    scale = 2_110_000_000
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(kg=scale))
    assert await alerts(by, code="quota-overcommitted") == []
    more = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number="HT-2", kg=1))).json()
    assert [alert["subject_id"] for alert in await alerts(by, code="quota-overcommitted", state="open")] == [
        str(cast.PAIZHAI_MINE)
    ]
    await by(PAIZHAI_CLERK).post(f"/v1/contracts/{more['id']}/close")
    assert await alerts(by, code="quota-overcommitted", state="open") == []


async def test_o01_of_two_who_promise_at_once_the_later_sees_the_other(app: FastAPI, by: By) -> None:
    """As two processes do: neither sees what the other has not committed yet."""
    promised, now = Kilograms(2_110_000_000 // 2 + 1), app.state.clock.now()

    async def promise() -> None:
        async with app.state.database.transaction() as connection:
            await yard.contract(connection, at=now, kg=promised, mine_id=cast.PAIZHAI_MINE)

    async with app.state.database.transaction() as connection:
        await yard.contract(connection, at=now, kg=promised, mine_id=cast.PAIZHAI_MINE)
        other = asyncio.create_task(promise())
        await asyncio.sleep(0.3)
    await other

    assert [alert["subject_id"] for alert in await alerts(by, code="quota-overcommitted", state="open")] == [
        str(cast.PAIZHAI_MINE)
    ]


async def test_r26_on_day_16_an_incomplete_contract_is_overdue_until_it_is_filed(app: FastAPI, by: By) -> None:
    filed = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())
    path = f"/v1/contracts/{filed.json()['id']}"
    async with app.state.database.transaction() as connection:
        assert await flag_overdue(connection, at=at(app, LAST_SECOND)) == 0
    assert (await by(LI).get(path)).json()["flags"] == []
    now = at(app, TOO_LATE)
    assert (await by(LI).get(path)).json()["flags"] == ["filing-overdue"], "seen before the sweeper comes by"
    async with app.state.database.transaction() as connection:
        assert await flag_overdue(connection, at=now) == 1
        assert await flag_overdue(connection, at=now) == 0

    overdue = await alerts(by, code="filing-overdue", state="open")
    assert [(alert["subject_id"], alert["occurred_at"]) for alert in overdue] == [
        (filed.json()["id"], "2026-03-17T16:00:00Z")
    ]
    assert (await by(LI).get(path)).json()["filings"][1]["days_late"] == 1
    cured = await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    assert (cured.json()["state"], cured.json()["flags"]) == ("filed", ["filing-late"])
    assert await alerts(by, code="filing-overdue", state="open") == []


async def test_r23_a_trader_owes_a_proof(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 100_000)
    await by(TRADER_CLERK).post("/v1/contracts", json=from_stock())
    unproven = await by(PLANT_CLERK).post("/v1/contracts", json=from_stock())
    proven = await by(PLANT_CLERK).post("/v1/contracts", json=from_stock((lot, 100_000)))

    assert (unproven.json()["state"], unproven.json()["proof_state"]) == ("incomplete", "missing")
    assert unproven.json()["flags"] == ["origin-unproven"]
    assert (proven.json()["state"], proven.json()["proof_state"], proven.json()["flags"]) == ("filed", "complete", [])
    assert proven.json()["proof"] == [{"lot_id": str(lot), "kg": 100_000, "excess_kg": 0, "undrawn_kg": 100_000}]
    assert [alert["state"] for alert in await alerts(by, code="origin-unproven")] == ["settled"]


async def test_r23_e42_the_later_pledge_bears_the_excess(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 31_140)
    await by(TRADER_CLERK).post("/v1/contracts", json=from_stock((lot, 20_000), number="MY-1", kg=20_000))
    later = from_stock((lot, 20_000), number="MY-2", kg=20_000, buyer_id=str(cast.STRANGER.id))
    answer = await by(TRADER_CLERK).post("/v1/contracts", json=later)
    listed = (await by(TRADER_CLERK).get("/v1/lots")).json()["items"]

    assert answer.status_code == 201
    assert answer.json()["flags"] == ["origin-overpledged"]
    assert answer.json()["proof"][0]["excess_kg"] == 8_860
    assert [(found["in_kg"], found["pledged_kg"], found["available_kg"]) for found in listed] == [(31_140, 31_140, 0)]
    opened = await alerts(by, code="origin-overpledged", state="open")
    assert [alert["facts"]["excess_kg"] for alert in opened] == [8_860]


async def test_r23_of_many_pledges_at_once_only_the_excess_has_no_origin(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)
    wishes = [from_stock((lot, 8_000), number=f"MY-{number}", kg=8_000) for number in range(8)]
    answers = await asyncio.gather(*(by(TRADER_CLERK).post("/v1/contracts", json=wish) for wish in wishes))

    assert {answer.status_code for answer in answers} == {201}
    excesses = sorted(answer.json()["proof"][0]["excess_kg"] for answer in answers)
    assert excesses == [0, 0, 0, 0, 0, 0, 6_000, 8_000]


async def test_r23_a_new_version_of_the_proof_releases_the_one_before(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)
    await by(TRADER_CLERK).post("/v1/contracts", json=from_stock((lot, 50_000), kg=50_000))
    await by(TRADER_CLERK).post("/v1/contracts", json=from_stock((lot, 30_000), kg=30_000))

    assert [found["available_kg"] for found in (await by(TRADER_CLERK).get("/v1/lots")).json()["items"]] == [20_000]


IMPOSSIBLE = [
    (contract(buyer_id=str(cast.PAIZHAI.id)), 409, "seller-is-buyer"),
    (contract(signed_on="2026-03-04"), 409, "day-in-future"),
    (contract(valid_until="2026-03-01"), 409, "ends-before-signing"),
    (contract(proof=[{"lot_id": str(uuid4()), "kg": 1}]), 409, "mine-with-proof"),
    (contract(buyer_id=str(uuid4())), 404, "unknown-enterprise"),
    (contract(mine_id=str(cast.STRANGER_MINE)), 404, "unknown-mine"),
    (contract(mine_id=None, proof=[{"lot_id": str(uuid4()), "kg": 1}]), 404, "unknown-lot"),
]


async def test_what_no_contract_can_say_is_refused_and_nothing_is_stored(by: By) -> None:
    for terms, status, code in IMPOSSIBLE:
        assert refused(await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms), status, code)
    assert (await by(PROVINCE).get("/v1/contracts")).json()["items"] == []


async def test_a_proof_names_only_the_sellers_own_lots(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)
    stolen = from_stock((lot, 1_000), number="ST-1", seller_id=str(cast.STRANGER.id))

    assert refused(await by(STRANGER_CLERK).post("/v1/contracts", json=stolen), 404, "unknown-lot")


async def test_one_of_several_mines_is_not_guessed(app: FastAPI, by: By) -> None:
    await app.state.database.pool.execute(
        "INSERT INTO mine SELECT gen_random_uuid(), enterprise_id, name || '二', jurisdiction, method, 'C2', licence_scale_kg,"
        " licence_valid_from, licence_valid_until, consolidated, environment_ok, safety_ok, operating, version, created_at"
        " FROM mine WHERE id = $1",
        cast.PAIZHAI_MINE,
    )

    assert refused(await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(mine_id=None)), 409, "mine-not-named")
    assert (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).status_code == 201


MALFORMED = [
    ({"kg": 0}, "/kg"),
    ({"kg": 100_000_000_001}, "/kg"),
    ({"kg": 1.0}, "/kg"),
    ({"kg": "1"}, "/kg"),
    ({"grade": "\u202e一级"}, "/grade"),
    ({"grade": " "}, "/grade"),
    ({"number": "HT\u200b1"}, "/number"),
    ({"seller_id": "1'; DROP TABLE contract; --"}, "/seller_id"),
    ({"signed_on": "2026-02-30"}, "/signed_on"),
    ({"price_fen_per_t": -1}, "/price_fen_per_t"),
    ({"proof": [{"lot_id": str(cast.PAIZHAI.id), "kg": 1}] * 2}, "/proof"),
    ({"state": "filed"}, "/state"),
]


async def test_a_malformed_body_says_where(by: By) -> None:
    for change, pointer in MALFORMED:
        answer = await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(**change))
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await by(PROVINCE).get("/v1/contracts")).json()["items"] == []


async def test_nobody_files_for_others(by: By) -> None:
    assert refused(await by(STRANGER_CLERK).post("/v1/contracts", json=contract()), 404, "not-found")
    assert refused(await by(LI).post("/v1/contracts", json=contract()), 403, "not-allowed")
    assert (await by(PROVINCE).get("/v1/contracts")).json()["items"] == []


async def test_a_stranger_neither_sees_a_contract_nor_takes_its_buyers_place(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    path = f"/v1/contracts/{filed['id']}"
    assert refused(await by(STRANGER_CLERK).get(path), 404, "not-found")

    claim = contract(buyer_id=str(cast.STRANGER.id), kg=1, price_fen_per_t=None)
    claimed = (await by(STRANGER_CLERK).post("/v1/contracts", json=claim)).json()
    assert (claimed["state"], claimed["kg"]) == ("mismatch", 1)
    assert [side["terms"] and side["terms"]["kg"] for side in claimed["filings"]] == [None, 1]
    assert (await by(STRANGER_CLERK).get(path)).json() == claimed
    assert (await by(LI).get(path)).json()["differences"] == ["buyer_id", "kg"]

    assert (await by(PLANT_CLERK).post("/v1/contracts", json=contract())).json()["state"] == "filed"
    assert refused(await by(STRANGER_CLERK).post(f"{path}/close"), 404, "not-found")
    assert refused(
        await by(STRANGER_CLERK).post("/v1/contracts", json={**claim, "kg": 2}), 409, "contract-already-filed"
    )


async def test_the_price_is_seen_by_the_parties_and_the_province(by: By) -> None:
    path = f"/v1/contracts/{(await by(PAIZHAI_CLERK).post('/v1/contracts', json=contract())).json()['id']}"
    seen = {
        person.username: (await by(person).get(path)).json()["filings"][0]["terms"]["price_fen_per_t"]
        for person in (PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, AUDITOR, LI)
    }

    assert seen == {
        "paizhai": 45_000,
        "plant-two": 45_000,
        "province": 45_000,
        "auditor": 45_000,
        "officer-li": None,
    }
    assert refused(await by(YINGKOU).get(path), 404, "not-found")


async def test_a_list_is_scoped_filtered_and_paged(by: By) -> None:
    for number in ("HT-1", "HT-2", "HT-3"):
        await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number=number))
    await by(PLANT_CLERK).post("/v1/contracts", json=contract(number="HT-2"))

    async def numbers(person: cast.Person, **query: Any) -> list[str]:
        page = (await by(person).get("/v1/contracts", params=query)).json()
        return [found["number"] for found in page["items"]]

    assert await numbers(LI) == ["HT-3", "HT-2", "HT-1"]
    assert await numbers(PLANT_CLERK, state="filed") == ["HT-2"]
    assert await numbers(LI, number="HT-1", party=str(cast.PLANT_TWO.id)) == ["HT-1"]
    assert await numbers(LI, party=str(cast.STRANGER.id)) == []
    assert await numbers(STRANGER_CLERK) == []
    first = (await by(LI).get("/v1/contracts", params={"limit": 2})).json()
    assert await numbers(LI, limit=2, after=first["next"]) == ["HT-1"]
    assert first["items"][0]["signed_on"] == SIGNED


async def test_a_plant_with_ore_begins_a_contract_as_its_buyer(app: FastAPI, by: By) -> None:
    """What a plant has received it does not sell; a trader does."""
    filed = await by(PLANT_CLERK).post("/v1/contracts", json=contract())
    await receive(app, filed.json()["id"], cast.PLANT_TWO.id, 1_000)
    await trader_lot(app, by, "HT-MY", 1_000)
    for person, side in ((PLANT_CLERK, "buyer"), (TRADER_CLERK, "seller")):
        shown = (await by(person).get("/contracts/new", headers={"Accept": "text/html"})).text
        filled = [name for name in ("seller", "buyer") if re.search(rf'name="{name}" type="text" value="9', shown)]
        assert filled == [side]
