"""Filing a handover slip: own ore in the own plant."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, STRANGER_CLERK, YINGKOU
from tests.routes.filing import LAST_SECOND, ON_DAY_1, TOO_LATE, alerts, at, issue, refused, slip

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 8_000)


async def test_r24_it_draws_on_the_quota_at_once(by: By) -> None:
    filed = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())
    found = (await by(PAIZHAI_CLERK).get("/v1/lots")).json()["items"]

    assert filed.status_code == 201
    assert (filed.json()["due_on"], filed.json()["days_late"], filed.json()["flags"]) == ("2026-03-17", 0, [])
    assert [(lot["in_kg"], lot["out_kg"], lot["year"], lot["grade"]) for lot in found] == [(5_000, 0, 2026, "一级")]
    assert found[0]["document"] == {"kind": "slip", "id": filed.json()["id"], "number": "JJ-1"}


async def test_r24_the_same_slip_again_is_posted_once(by: By) -> None:
    first = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())
    again = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())

    assert (again.status_code, again.json()) == (200, first.json())
    assert refused(await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=1)), 409, "slip-already-filed")
    assert [lot["in_kg"] for lot in (await by(PAIZHAI_CLERK).get("/v1/lots")).json()["items"]] == [5_000]


async def test_r24_many_at_once_are_posted_exactly(by: By) -> None:
    slips = [slip(number=f"JJ-{number % 8}", kg=1_500) for number in range(16)]
    answers = await asyncio.gather(*(by(PAIZHAI_CLERK).post("/v1/slips", json=body) for body in slips))
    found = (await by(LI).get("/v1/slips")).json()["items"]

    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [201] * 8
    assert sum(item["kg"] for item in found) == 12_000
    assert sorted(item["over_kg"] for item in found) == [0, 0, 0, 0, 0, 1_000, 1_500, 1_500]


async def test_what_lies_beyond_the_quota_is_recorded_and_flagged(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=10_000))).json()

    assert (filed["over_kg"], filed["flags"]) == (2_000, ["quota-overdrawn"])
    assert (await by(LI).get(f"/v1/slips/{filed['id']}")).json() == filed
    opened = await alerts(by, code="quota-overdrawn", state="open")
    assert [alert["facts"]["debt_kg"] for alert in opened] == [2_000]


async def test_r25_an_earmark_draws_on_its_own_quota(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(earmark="镁建材"))).json()

    assert filed["over_kg"] == 5_000


async def test_by_tickets_it_posts_nothing_itself(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(by_tickets=True))).json()

    assert (filed["movement_id"], filed["flags"]) == (None, [])
    assert (await by(PAIZHAI_CLERK).get("/v1/lots")).json()["items"] == []


@pytest.mark.parametrize(("moment", "late"), [(LAST_SECOND, 0), (TOO_LATE, 1)])
async def test_r24_the_window_is_fifteen_days(app: FastAPI, by: By, moment: str, late: int) -> None:
    at(app, moment)
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).json()

    assert (filed["days_late"], filed["flags"]) == (late, ["filing-late"] if late else [])
    assert [alert["subject_id"] for alert in await alerts(by, code="filing-late")] == [filed["id"]] * late


async def test_r07_use_of_a_frozen_quota_is_recorded_and_flagged(app: FastAPI, by: By) -> None:
    await app.state.database.pool.execute("UPDATE mine SET consolidated = FALSE WHERE id = $1", cast.PAIZHAI_MINE)
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).json()

    assert filed["flags"] == ["quota-frozen"]
    assert [alert["subject_id"] for alert in await alerts(by, code="quota-frozen")] == [filed["id"]]


async def test_p01_ore_for_a_stopped_line_is_recorded_and_flagged(by: By) -> None:
    line = {"enterprise_id": str(cast.PAIZHAI.id), "name": "自用窑", "kind": "light_burnt", "kiln": "shaft"}
    made = await by(LI).post("/v1/lines", json={**line, "status": "stopped", "ore_per_product": 2.1})
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(line_id=made.json()["id"]))).json()

    assert filed["flags"] == ["stopped-plant"]
    (told,) = await alerts(by, code="stopped-plant", state="open")
    assert (told["subject_id"], told["facts"]["line_id"]) == (filed["id"], made.json()["id"])


IMPOSSIBLE = [
    (slip(handed_on="2026-03-04"), 409, "day-in-future"),
    (slip(mine_id=str(cast.STRANGER_MINE)), 404, "unknown-mine"),
    (slip(line_id=str(uuid4())), 404, "unknown-line"),
    (slip(enterprise_id=str(cast.STRANGER.id)), 404, "not-found"),
    (slip(kg=0), 422, "malformed-body"),
    (slip(by_tickets="yes"), 422, "malformed-body"),
]


async def test_what_no_slip_can_say_is_refused_and_nothing_is_stored(by: By) -> None:
    for body, status, code in IMPOSSIBLE:
        assert refused(await by(PAIZHAI_CLERK).post("/v1/slips", json=body), status, code)
    assert (await by(PROVINCE).get("/v1/slips")).json()["items"] == []


async def test_a_slip_is_the_firms_and_its_offices(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).json()
    path = f"/v1/slips/{filed['id']}"

    assert (await by(LI).get(path)).json() == filed
    for person in (STRANGER_CLERK, PLANT_CLERK, YINGKOU):
        assert refused(await by(person).get(path), 404, "not-found")
        assert (await by(person).get("/v1/slips")).json()["items"] == []
    assert refused(await by(LI).post("/v1/slips", json=slip()), 403, "not-allowed")


async def test_an_idempotency_key_gives_the_same_answer_again(by: By) -> None:
    key = {"Idempotency-Key": "slip-1"}
    first = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(), headers=key)
    again = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(), headers=key)

    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (201, first.json(), "true")
