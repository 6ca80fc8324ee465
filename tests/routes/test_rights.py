"""Applications, scores, ceilings, causes and approvals of what is allotted."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from tests.cast import (
    ANSHAN,
    DASHIQIAO,
    LI,
    PAIZHAI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PROVINCE,
    STRANGER_CLERK,
)
from tests.routes.by import By
from tests.routes.filing import at, slip
from tests.routes.quota import MINE, SCALE, TENTH, allot, allotment, approve, base, fill_pools
from tests.routes.ruling import rule

pytestmark = pytest.mark.usefixtures("verified")


@pytest.fixture
def begins_at() -> str:
    return "2026-01-10T09:00:00+08:00"


async def quota_of(by: By, mine: str = str(PAIZHAI_MINE), year: int = 2026) -> dict[str, Any]:
    found: dict[str, Any] = (await by(LI).get(f"/v1/mines/{mine}/quota?year={year}")).json()
    return found


async def try_to(by: By, body: dict[str, Any], person: Any = ANSHAN) -> tuple[int, str]:
    answer = await by(person).post("/v1/allotments", json={**body, "issue": True})
    return answer.status_code, answer.json().get("code", "")


async def scored(by: By, quarter: int, score: int, *, is_vetoed: bool = False) -> dict[str, Any]:
    """The sheet of a quarter, filled in up to a score and signed."""
    asked = {"mine_id": str(PAIZHAI_MINE), "year": 2026, "quarter": quarter}
    drawn = (await by(LI).post("/v1/assessments", json=asked)).json()
    items = [{"side": "veto", "number": 1, "points": 1, "note": "越界开采"}] if is_vetoed else []
    for one in drawn["lines"]:
        if one["side"] == "plus":
            points = min(score, one["most"])
            score -= points
            items.append({"side": "plus", "number": one["number"], "points": points, "note": None})
    filled = await by(LI).patch(f"/v1/assessments/{drawn['id']}", json={"items": items})
    assert filled.status_code == 200, filled.text
    answer = await by(LI).post(f"/v1/assessments/{drawn['id']}/sign", json={"document_no": f"海测{quarter}"})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_r13_the_years_tranches_reach_the_scale_and_not_a_kilogram_more(by: By, app: FastAPI) -> None:
    """R10, R11, R12, R13: 4 × 10 + 4 × 10 + 2 × 10 % passes; 1 kg more only for a stated cause."""
    at(app, "2026-01-10T09:00:00+08:00")
    await fill_pools(by, SCALE + 10)
    for quarter in (1, 2, 3, 4):
        await allot(by(ANSHAN), base(quarter=quarter))
        await allot(by(ANSHAN), allotment("merit", "210381", MINE, TENTH, quarter=quarter))
    for quarter in (1, 3):
        await allot(by(ANSHAN), allotment("reward", "210381", MINE, TENTH, quarter=quarter, reason="市场需求"))
    assert (await quota_of(by))["issued_kg"] == SCALE

    more = allotment("special", "210381", MINE, 1, earmark="镁建材")
    assert await try_to(by, more) == (409, "tranches-exceed-scale")
    assert await try_to(by, {**more, "reason": "新增镁建材"}) == (201, "")
    assert await try_to(by, allotment("adjustment", "210381", MINE, 1, reason="企业重组", cause="restructuring")) == (
        201,
        "",
    )
    assert await try_to(by, {**base(1), "cause": "layout"}) == (422, "malformed-body")


async def test_r06_32_counties_at_once_issue_exactly_what_the_city_gave(by: By, app: FastAPI) -> None:
    """R06, R14, E49: concurrent issues of one pool; the sum is exact, the others are refused."""
    at(app, "2026-01-10T09:00:00+08:00")
    await fill_pools(by, 1_000)
    approval = await approve(by, base(50_000))
    body = base(100, approved_by=approval)

    answers = await asyncio.gather(*(try_to(by, body, LI) for _ in range(32)))

    assert sorted(answers) == [(201, "")] * 10 + [(409, "allotment-exceeds-pool")] * 22
    assert (await quota_of(by))["issued_kg"] == 1_000


async def test_r14_32_issues_under_one_approval_reach_exactly_what_was_approved(by: By, app: FastAPI) -> None:
    """R14: the county issues less or in several acts, never more than the city approved for this mine."""
    at(app, "2026-01-10T09:00:00+08:00")
    await fill_pools(by, 900_000)
    approval = await approve(by, base(700))

    answers = await asyncio.gather(*(try_to(by, base(100, approved_by=approval), LI) for _ in range(32)))

    assert sorted(answers) == [(201, "")] * 7 + [(409, "exceeds-approval")] * 25
    assert (await quota_of(by))["issued_kg"] == 700


async def test_r08_a_firm_applies_and_the_county_proposes_with_a_reason(by: By, app: FastAPI) -> None:
    """R08, R09, R12: the application shows what was proposed on it."""
    at(app, "2026-03-10T09:00:00+08:00")
    await fill_pools(by)
    body = {
        "mine_id": str(PAIZHAI_MINE),
        "year": 2026,
        "quarter": 2,
        "kind": "reward",
        "kg": 5_000,
        "reason": "订单增加",
    }
    assert (await by(STRANGER_CLERK).post("/v1/applications", json=body)).status_code == 404
    assert (await by(LI).post("/v1/applications", json=body)).status_code == 403
    filed = await by(PAIZHAI_CLERK).post("/v1/applications", json=body)
    assert filed.status_code == 201, filed.text

    proposal = allotment(
        "reward", "210381", MINE, 4_000, quarter=2, reason="产业链贡献度", application_id=filed.json()["id"]
    )
    drafted = (await by(LI).post("/v1/allotments", json=proposal)).json()
    (seen,) = (await by(PAIZHAI_CLERK).get("/v1/applications?year=2026")).json()["items"]
    assert [(one["id"], one["kg"], one["state"]) for one in seen["proposals"]] == [(drafted["id"], 4_000, "draft")]
    assert (await by(DASHIQIAO).get("/v1/applications")).json()["items"] == []

    await by(PAIZHAI_CLERK).post("/v1/applications", json=body)
    page = (await by(LI).get("/v1/applications?limit=1")).json()
    rest = (await by(LI).get("/v1/applications", params={"limit": 1, "after": page["next"]})).json()
    assert [one["id"] for one in page["items"] + rest["items"]][1:] == [seen["id"]]


async def test_r18_a_late_sheet_stops_merit_tranches_until_it_comes(by: By, app: FastAPI) -> None:
    """R11, R18, policies sheet_gate and merit_table: due 21 March 23:59:59."""
    at(app, "2026-03-21T23:59:59+08:00")
    await fill_pools(by)
    merit = allotment("merit", "210381", MINE, 1_000, quarter=2)
    assert await try_to(by, merit) == (201, "")
    at(app, "2026-03-22T00:00:00+08:00")
    assert await try_to(by, merit) == (409, "sheet-missing")
    assert await try_to(by, base(10, quarter=2)) == (201, "")
    await rule(app, sheet_gate="all")
    assert await try_to(by, base(10, quarter=2)) == (409, "sheet-missing")
    await rule(app, sheet_gate="off")
    assert await try_to(by, merit) == (201, "")
    await rule(app, sheet_gate="all")

    late = await scored(by, 1, 80)
    assert (late["days_late"], late["due_on"], late["score"]) == (1, "2026-03-21", 80)
    assert await try_to(by, base(10, quarter=2)) == (201, "")
    suggested = (await by(PAIZHAI_CLERK).get(f"/v1/mines/{PAIZHAI_MINE}/merit?year=2026&quarter=2")).json()
    assert suggested["suggested_kg"] == 168_800_000  # 8 % of the scale, in whole tonnes
    assert suggested["policies"]["merit_table"] == [[0, "0"], [100, "0.1"]]


async def test_r11_more_than_the_score_suggests_needs_a_reason_and_is_noted(by: By, app: FastAPI) -> None:
    """R11: up to 10 %, floored to whole tonnes."""
    at(app, "2026-03-20T09:00:00+08:00")
    await fill_pools(by)
    await scored(by, 1, 50)
    merit = allotment("merit", "210381", MINE, 105_500_000, quarter=2)
    issued = await allot(by(ANSHAN), merit)
    assert issued["suggested_kg"] == 105_500_000
    answer = await by(ANSHAN).post("/v1/allotments", json={**merit, "kg": 1, "issue": True})
    assert (answer.json()["code"], answer.json()["rule"], answer.json()["possible_kg"]) == ("reason-missing", "R11", 0)
    assert await try_to(by, {**merit, "kg": TENTH - 105_500_000, "reason": "市场需求"}) == (201, "")
    assert await try_to(by, {**merit, "kg": 1, "reason": "市场需求"}) == (409, "tranche-exceeds-share")


async def test_a_veto_stops_tranches_for_three_years(by: By, app: FastAPI) -> None:
    """R11, R18, policy veto_years."""
    at(app, "2026-03-20T09:00:00+08:00")
    await fill_pools(by)
    await scored(by, 1, 0, is_vetoed=True)
    answer = await by(ANSHAN).post("/v1/allotments", json={**base(10, quarter=2), "issue": True})
    assert (answer.json()["code"], answer.json()["faults"]) == ("mine-not-eligible", ["vetoed"])
    await rule(app, veto_years=0)
    at(app, "2026-04-01T09:00:00+08:00")
    assert await try_to(by, {**base(10, quarter=2), "issued_on": "2026-04-01"}) == (201, "")


async def mine_of(by: By, name: str) -> str:
    licence = {"number": f"C{name}", "scale_kg": 1_000_000, "valid_from": "2020-01-01", "valid_until": "2035-12-31"}
    body = {
        "enterprise_id": str(PAIZHAI.id), "name": name, "jurisdiction": "210381", "method": "open", "licence": licence,
        "consolidated": True, "environment_ok": True, "safety_ok": True,
    }  # fmt: skip
    answer = await by(LI).post("/v1/mines", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("cause", ["integration", "restructuring", "layout", "order", "other"])
async def test_r05_quota_goes_up_and_down_for_a_stated_cause(by: By, app: FastAPI, cause: str) -> None:
    """R05: beyond the year's ceiling, too; with a document number and, downwards, a reason."""
    at(app, "2026-02-01T09:00:00+08:00")
    await fill_pools(by)
    await allot(by(ANSHAN), base(1_000))
    change = {**allotment("adjustment", "210381", MINE, 500, reason="影响正常开采"), "cause": cause}
    assert await try_to(by, change) == (201, "")
    assert await try_to(by, {**change, "kg": -700}) == (201, "")
    assert (await quota_of(by))["issued_kg"] == 800
    assert await try_to(by, {**change, "kg": -1, "reason": None}) == (409, "reason-missing")
    assert await try_to(by, {**change, "kg": -801}) == (409, "more-than-allotted")
    without = {name: said for name, said in change.items() if name != "document_no"}
    assert await try_to(by, without) == (422, "malformed-body")


async def test_r01_digging_alone_consumes_nothing(by: By, app: FastAPI) -> None:
    """R01: only what leaves for a buyer or goes into the firm's own plant is supplied."""
    at(app, "2026-04-02T09:00:00+08:00")
    await fill_pools(by)
    await allot(by(ANSHAN), base(10_000))
    form = (
        await by(PAIZHAI_CLERK).post("/v1/forms", json={"mine_id": str(PAIZHAI_MINE), "year": 2026, "quarter": 1})
    ).json()
    path = f"/v1/forms/{form['id']}"
    await by(PAIZHAI_CLERK).patch(
        path, json={"mined_kg": 9_000_000, "opening_stock_kg": 0, "closing_stock_kg": 9_000_000}
    )
    assert (await by(PAIZHAI_CLERK).post(f"{path}/sign")).status_code == 200
    assert (await quota_of(by))["out_kg"] == 0

    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=4_000, handed_on="2026-04-02"))
    assert (await quota_of(by))["out_kg"] == 4_000


async def test_e27_a_share_is_taken_of_the_scale_on_the_day_of_issue(by: By, app: FastAPI) -> None:
    """R10, E27."""
    at(app, "2026-02-01T09:00:00+08:00")
    await fill_pools(by)
    mine = await mine_of(by, "扩矿")
    tranche = allotment("base", "210381", {"mine_id": mine}, 100_000, quarter=1)
    await allot(by(ANSHAN), tranche)
    assert await try_to(by, {**tranche, "kg": 1}) == (409, "tranche-exceeds-share")
    patch = {"licence": {"scale_kg": 1_500_000}}
    assert (await by(LI).patch(f"/v1/mines/{mine}", json=patch, headers={"If-Match": '"1"'})).status_code == 200
    assert await try_to(by, {**tranche, "kg": 50_001}) == (409, "tranche-exceeds-share")
    assert await try_to(by, {**tranche, "kg": 50_000}) == (201, "")


async def test_e50_a_later_tranche_closes_the_episode_and_leaves_it_in_history(by: By, app: FastAPI) -> None:
    """R14, O02, O04, E50."""
    at(app, "2026-03-03T09:00:00+08:00")
    await fill_pools(by)
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(kg=60))
    (episode,) = (await quota_of(by))["overdraws"]
    assert episode["closed_at"] is None
    at(app, "2026-03-04T09:00:00+08:00")
    cover = await allot(by(ANSHAN), base(100))
    (episode,) = (await quota_of(by))["overdraws"]
    assert (episode["covered_by"], episode["peak_kg"]) == (cover["id"], 60)
    assert episode["closed_at"].startswith("2026-03-04T01:00:00")


async def test_r03_policy_says_whose_pool_projects_draw_on(by: By, app: FastAPI) -> None:
    """R03, R06, policy non_mine_pool: what comes from the city's pool breaks no cap of the county's."""
    at(app, "2026-02-01T09:00:00+08:00")
    await fill_pools(by, 100)
    body = {
        "name": "复绿工程", "jurisdiction": "210381", "operator_id": str(PAIZHAI.id), "approved_kg": 1_000,
        "valid_from": "2026-01-01", "valid_until": "2026-12-31", "document_no": "海修1",
    }  # fmt: skip
    answer = await by(LI).post("/v1/projects", json=body)
    project = {"project_id": answer.json()["id"]}
    approved = allotment("approved", "210381", project, 7)
    assert await try_to(by, {**approved, "kg": 101}) == (409, "allotment-exceeds-pool")
    assert await try_to(by, approved) == (201, "")
    await rule(app, non_mine_pool="city")
    assert await try_to(by, approved) == (409, "allotment-skips-a-level")
    await allot(by(PROVINCE), allotment("total", None, {"jurisdiction": "210300"}, 50))
    assert await try_to(by, {**approved, "from": "210300", "kg": 13}) == (201, "")
    await allot(by(ANSHAN), base(90))

    async def hand_over(number: str, kg: int, **source: str | None) -> dict[str, Any]:
        """A slip; gives the county as the tree has it then."""
        paper = slip(number=number, kg=kg, handed_on="2026-02-01", **source)
        assert (await by(PAIZHAI_CLERK).post("/v1/slips", json=paper)).status_code == 201
        return await county()

    async def county() -> dict[str, Any]:
        tree = (await by(LI).get("/v1/quotas", params={"year": 2026})).json()["province"]
        found: dict[str, Any] = tree["children"][0]["children"][0]
        return found

    await hand_over("JJ-1", 93)  # the mine owes 3, which its county has
    used = await hand_over("JJ-2", 20, mine_id=None, **project)
    assert (used["issued_kg"], used["allotted_kg"], used["out_kg"]) == (113, 110, 113)
    assert (used["overdrawn_kg"], used["overdraws"]) == (0, [])
    assert [one["over_kg"] for one in (await hand_over("JJ-3", 1))["overdraws"]] == [1]
    back = allotment("adjustment", "210300", project, -5, reason="核减")
    assert await try_to(by, back) == (201, "")
    found = await county()
    assert (found["overdrawn_kg"], [one["over_kg"] for one in found["overdraws"]]) == (6, [6])
