"""From a draft to the published table, and back."""

import pytest
from fastapi import FastAPI

from tests.cast import ANSHAN, DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE
from tests.routes.by import By
from tests.routes.filing import at, slip
from tests.routes.quota import MINE, TENTH, allot, allotment, approve, base, fill_pools, step


@pytest.fixture
def begins_at() -> str:
    return "2026-03-31T23:59:59+08:00"


async def test_an_allotment_goes_from_the_countys_draft_to_the_published_table(by: By) -> None:
    await fill_pools(by)
    drafted = (await by(LI).post("/v1/allotments", json=base())).json()
    assert drafted["state"] == "draft"

    states = []
    for person, name in [(ANSHAN, "consult"), (ANSHAN, "approve"), (LI, "issue"), (LI, "publish")]:
        answer = await step(by(person), drafted["id"], name)
        assert answer.status_code == 200, answer.text
        states.append(answer.json()["state"])

    assert states == ["consulted", "approved", "issued", "published"]
    shown = (await by(PAIZHAI_CLERK).get(f"/v1/allotments/{drafted['id']}")).json()
    assert (shown["state"], shown["issued_on"]) == ("published", "2026-01-06")
    assert (await by(PLANT_CLERK).get(f"/v1/allotments/{drafted['id']}")).status_code == 404
    assert (await by(DASHIQIAO).get(f"/v1/allotments/{drafted['id']}")).status_code == 404


async def test_a_draft_moves_no_kilogram(by: By) -> None:
    await fill_pools(by)
    await approve(by, base())

    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert (quota["issued_kg"], quota["tranches"]) == (0, [])


async def test_steps_out_of_order_are_refused(by: By) -> None:
    await fill_pools(by)
    drafted = (await by(LI).post("/v1/allotments", json=base())).json()

    for name in ("approve", "publish"):
        answer = await step(by(ANSHAN), drafted["id"], name)
        assert (answer.status_code, answer.json()["code"]) == (409, "step-out-of-order")
    await step(by(ANSHAN), drafted["id"], "issue")
    assert (await step(by(ANSHAN), drafted["id"], "issue")).json()["code"] == "step-out-of-order"


async def test_a_step_is_its_offices(by: By) -> None:
    await fill_pools(by)
    drafted = (await by(LI).post("/v1/allotments", json=base())).json()

    for person, name, status in [
        (LI, "consult", 403),
        (LI, "approve", 403),
        (LI, "issue", 409),
        (DASHIQIAO, "consult", 404),
        (PAIZHAI_CLERK, "publish", 403),
        (ANSHAN, "burn", 422),
    ]:
        assert (await step(by(person), drafted["id"], name)).status_code == status, name
    total = await by(ANSHAN).post("/v1/allotments", json=allotment("total", "210300", {"jurisdiction": "210381"}, 1))
    assert (await step(by(LI), total.json()["id"], "issue")).status_code == 403


async def test_a_withdrawn_tranche_goes_back_to_its_pool(by: By) -> None:
    await fill_pools(by, TENTH)
    issued = await allot(by(ANSHAN), base())
    assert (await by(ANSHAN).post("/v1/allotments", json={**base(1, quarter=2), "issue": True})).status_code == 409

    answer = await step(by(ANSHAN), issued["id"], "withdraw")

    assert answer.json()["state"] == "withdrawn"
    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert (quota["issued_kg"], quota["tranches"]) == (0, [])
    await allot(by(ANSHAN), base(quarter=2))
    assert (await step(by(ANSHAN), issued["id"], "withdraw")).json()["code"] == "step-out-of-order"


async def test_a_total_that_was_passed_on_cannot_be_withdrawn(by: By) -> None:
    await fill_pools(by, TENTH)
    await allot(by(ANSHAN), base(1))
    totals = (await by(PROVINCE).get("/v1/allotments?year=2026")).json()["items"]
    county = next(item for item in totals if item["to"]["jurisdiction"] == "210381")

    answer = await step(by(ANSHAN), county["id"], "withdraw")

    assert (answer.json()["code"], answer.json()["possible_kg"]) == ("allotment-exceeds-pool", TENTH - 1)


async def test_what_was_taken_back_is_not_given_again_by_a_withdrawal(by: By) -> None:
    await fill_pools(by)
    await allot(by(ANSHAN), base(100))
    back = await allot(by(ANSHAN), allotment("adjustment", "210381", MINE, -40, reason="企业重组"))

    assert (await step(by(ANSHAN), back["id"], "withdraw")).json()["code"] == "not-to-be-undone"


async def test_a_tranche_withdrawn_after_it_was_spent_is_owed_until_the_next(by: By) -> None:
    await fill_pools(by)
    issued = await allot(by(ANSHAN), base(100))
    filed = await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=60))
    assert filed.status_code == 201, filed.text

    await step(by(ANSHAN), issued["id"], "withdraw")

    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert (quota["issued_kg"], quota["out_kg"], quota["overdrawn_kg"]) == (0, 60, 60)
    (episode,) = quota["overdraws"]
    assert (episode["cause"], episode["peak_kg"], episode["closed_at"]) == ("void", 60, None)
    codes = [alert["code"] for alert in (await by(LI).get("/v1/alerts?state=open")).json()["items"]]
    assert "quota-overdrawn" in codes
    cover = await allot(by(ANSHAN), base(100, quarter=2))
    quota = (await by(LI).get(f"/v1/mines/{MINE['mine_id']}/quota?year=2026")).json()
    assert (quota["overdrawn_kg"], quota["overdraws"][0]["covered_by"]) == (0, cover["id"])
    assert quota["tranches"][0]["spent_kg"] == 60
    codes = [alert["code"] for alert in (await by(LI).get("/v1/alerts?state=open")).json()["items"]]
    assert "quota-overdrawn" not in codes


async def test_the_same_key_takes_a_step_once(by: By) -> None:
    await fill_pools(by)
    drafted = (await by(LI).post("/v1/allotments", json=base())).json()
    path, body = f"/v1/allotments/{drafted['id']}/steps", {"step": "consult", "on": "2026-01-06"}

    answers = [await by(ANSHAN).post(path, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


async def test_a_county_that_issues_or_publishes_late_is_told(by: By, app: FastAPI) -> None:
    at(app, "2026-04-01T09:00:00+08:00")
    await fill_pools(by)
    in_time = await approve(by, base(10))
    late = await approve(by, base(10, quarter=2))

    async def told() -> list[str]:
        items = (await by(LI).get("/v1/alerts?state=open&code=allotment-late")).json()["items"]
        return sorted(item["subject_id"] for item in items)

    at(app, "2026-04-16T23:59:59+08:00")
    await step(by(LI), in_time, "issue")
    assert await told() == []
    at(app, "2026-04-17T00:00:00+08:00")
    own = await allot(by(LI), base(10, quarter=2, approved_by=late))
    assert await told() == [own["id"]]
    await step(by(LI), in_time, "publish")
    assert await told() == sorted([own["id"], in_time])


async def test_r09_a_tranche_is_proposed_before_its_quarter_begins(by: By, app: FastAPI) -> None:
    at(app, "2026-03-31T23:59:59+08:00")
    await by(LI).post("/v1/allotments", json=base(10, quarter=2))
    at(app, "2026-04-01T00:00:00+08:00")
    late = (await by(LI).post("/v1/allotments", json=base(10, quarter=2))).json()
    await by(ANSHAN).post("/v1/allotments", json=base(10, quarter=2))  # what the city drafts is no county's proposal
    await by(LI).post("/v1/allotments", json=base(10, quarter=1))  # the mine was registered within that quarter

    (told,) = (await by(ANSHAN).get("/v1/alerts?state=open&code=proposal-late")).json()["items"]
    assert (told["subject_id"], told["facts"]["due_on"]) == (late["id"], "2026-03-31")
    settled = await by(ANSHAN).post(f"/v1/alerts/{told['id']}/settle", json={"note": "已通报海城市镁办"})
    assert settled.status_code == 204


async def test_r09_a_county_says_why_it_proposes_a_reward_or_an_adjustment(by: By) -> None:
    """R09: reasons of R05 and R12; a base tranche needs none but the scale (R10)."""
    for kind in ("reward", "adjustment"):
        proposal = allotment(kind, "210381", MINE, 10, quarter=2)
        answer = await by(LI).post("/v1/allotments", json=proposal)
        assert (answer.status_code, answer.json()["code"], answer.json()["rule"]) == (409, "reason-missing", "R09")
        assert (await by(LI).post("/v1/allotments", json={**proposal, "reason": "市场需求"})).status_code == 201
    assert (await by(LI).post("/v1/allotments", json=base(10))).status_code == 201


async def test_a_list_shows_what_an_office_gives_and_gets_and_the_chain_above(by: By) -> None:
    await fill_pools(by)
    await allot(by(ANSHAN), base(10))

    async def kinds(person: object, query: str = "year=2026") -> list[str]:
        items = (await by(person).get(f"/v1/allotments?{query}")).json()["items"]  # type: ignore[arg-type]
        return [item["kind"] for item in items]

    assert await kinds(LI) == ["total", "total", "total", "base"]
    assert await kinds(DASHIQIAO) == ["total"]
    assert await kinds(PAIZHAI_CLERK) == ["base"]
    assert await kinds(PLANT_CLERK) == []
    assert await kinds(LI, f"mine_id={MINE['mine_id']}") == ["base"]
    assert await kinds(LI, "state=draft") == []
    assert await kinds(LI, "year=2027") == []
