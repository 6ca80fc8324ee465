"""The sample province's year 2026 from its first application to the closing of its books, through the API on a moved clock.

By itself: `make year`.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI

from service.actions.people import add_first_person
from service.app import create_app
from service.auth import passwords
from service.demo.cast import ANSHAN, HAICHENG, LIAONING, THIRSTY_MINE, XIUYAN
from service.embedded import Endpoints
from service.keys import Purpose
from service.routes.pages.rendering import number_of_tonnes
from service.settings import Settings
from service.verify.database import verify
from tests.cast import Person, Role
from tests.year import (
    COUNTIES,
    EARMARK,
    LOAD_KG,
    LOADS,
    NEXT,
    QUARTERS,
    YEAR,
    Json,
    Part,
    Province,
    Quarter,
    asking,
    together,
)

SPECIAL_KG = 100_000
THIRSTY_KG = 60_000  # what the thirsty mine is issued for its first quarter: less may be issued (R10)
FIRST_MOMENT = "2025-11-10T09:00:00+08:00"


@pytest.fixture
async def app(endpoints: Endpoints, tmp_path: Path, anyio_backend: str) -> AsyncIterator[FastAPI]:
    """The service over an empty registry, its clock stopped more than a month before the year."""
    app = create_app(Settings(data=tmp_path, clock=f"{FIRST_MOMENT},0"), endpoints)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def province(app: FastAPI) -> AsyncIterator[Province]:
    async with app.state.database.transaction() as connection:
        await add_first_person(connection, passwords.HASHER.hash("-"), at=app.state.clock.now())
        office_id = await connection.fetchval("SELECT id FROM person WHERE username = 'province'")
    async with asking(app) as client:
        yield Province(app, client, Person(office_id, "province", "省级管理员", Role.PROVINCE, LIAONING))


async def test_a_year_of_the_sample_province(province: Province, app: FastAPI, endpoints: Endpoints) -> None:
    """R01, R08–R19, R22–R26, E14, E28, O02: what stands in the public tables is what the mines hold, and the audit is clean."""
    await province.found()
    await province.move("2025-12-01")
    await province.fill_pools(YEAR)
    for quarter in QUARTERS:
        await allot(province, quarter)
        if quarter.number > 1:
            await report(province, quarter.number - 1)
        await trade(province, quarter)
    await report_the_year(province)
    await new_years_eve(province)
    await report(province, 4)
    await end(province)

    await the_figures_are_those_of_our_own_book(province)
    await the_public_tables_say_what_the_tranches_say(province)
    await every_alert_of_the_year_is_explained(province)
    connection = await asyncpg.connect(endpoints.owner_database_url)
    try:
        assert await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), say=lambda _: None) == []
    finally:
        await connection.close()


def asks_for_merit(mine: Part, province: Province) -> bool:
    return province.mines.index(mine) % 4 == 1


def asks_for_a_reward(mine: Part, province: Province) -> bool:
    return province.mines.index(mine) % 6 == 2


def is_thirsty(mine: Part) -> bool:
    return (mine.firm.mine or "").startswith(THIRSTY_MINE)


async def allot(province: Province, q: Quarter) -> None:
    """Application, sheet, proposal, approval, county's issue, publication (R08–R14, R18)."""
    await province.move(q.asked)
    wanted: list[tuple[Part, str, int]] = []
    for mine in province.mines:
        tenth = mine.firm.scale_kg // 10
        wanted.append((mine, "base", THIRSTY_KG if is_thirsty(mine) and q.number == 1 else tenth))
        if q.number % 2 and asks_for_a_reward(mine, province):
            wanted.append((mine, "reward", tenth))
    asked = await together(province.apply(q, mine, kind, kg) for mine, kind, kg in wanted)
    proposals = await together(
        province.propose(q, mine, kind, kg, application_id=application)
        for (mine, kind, kg), application in zip(wanted, asked, strict=True)
    )
    papers = [(mine, made) for (mine, _, _), made in zip(wanted, proposals, strict=True)]

    # One sheet of June comes late: until then its mine gets no merit tranche.
    late = [mine for mine in province.mines if asks_for_merit(mine, province)][:1] if q.number == 3 else []
    await province.move(q.scored)
    sheets = await together(
        province.score(mine, q.before, 80 + place % 5) for place, mine in enumerate(province.mines) if mine not in late
    )
    assert {sheet["days_late"] for sheet in sheets} == {0}
    await province.move(q.decided)
    merits = await together(suggest(province, q, mine) for mine in province.mines if asks_for_merit(mine, province))
    papers += merits
    await together(province.approve(made) for _, made in papers)
    await province.move(q.issued)
    for mine, made in papers:
        if mine in late and made["kind"] == "merit":
            county = province.offices[mine.firm.jurisdiction]
            step = {"step": "issue", "on": str(province.today)}
            refused = await province.ask("POST", f"/v1/allotments/{made['id']}/steps", county, step)
            assert (refused.status_code, refused.json()["code"]) == (409, "sheet-missing")
            assert (await province.score(mine, q.before, 80))["days_late"] == 6
    await together(province.issue(made, mine) for mine, made in papers)


async def suggest(province: Province, quarter: Quarter, mine: Part) -> tuple[Part, Json]:
    """The merit tranche that last quarter's score suggests, or the most that may be issued with a reason (R11)."""
    merit = await province.get(f"/v1/mines/{mine.mine_id}/merit?year={quarter.year}&quarter={quarter.number}")
    tenth = mine.firm.scale_kg // 10
    kg, reason = (merit["suggested_kg"], None) if merit["suggested_kg"] is not None else (tenth * 8 // 10, "市场需求")
    return mine, await province.propose(quarter, mine, "merit", kg, reason=reason)


async def trade(province: Province, quarter: Quarter) -> None:
    """Contracts of both sides, in time and late; loads, a trader's proof, slips (R22–R24)."""
    q = quarter.number
    mines, plants, trader = province.mines, province.plants, province.traders[0]
    await province.move(quarter.signed)
    signed_on = province.today
    buyers = {mine: trader if place < 2 else plants[(place + q) % len(plants)] for place, mine in enumerate(mines)}
    papers = await together(
        province.sign(mine, buyer, f"{q}-{place:02d}") for place, (mine, buyer) in enumerate(buyers.items())
    )
    await together(
        province.deliver(paper, mine, buyer) for paper, (mine, buyer) in zip(papers, buyers.items(), strict=True)
    )
    thirsty = next(mine for mine in mines if is_thirsty(mine))
    over = await province.get(f"/v1/mines/{thirsty.mine_id}/quota?year={YEAR}")
    assert over["overdrawn_kg"] == (LOADS * LOAD_KG - THIRSTY_KG if q == 1 else 0)

    # The trader sells on what it received, lot by lot, to a plant.
    lots = (await province.get(f"/v1/lots?holder={trader.id}&limit=500", trader.clerk))["items"]
    proof = [{"lot_id": lot["id"], "kg": lot["available_kg"]} for lot in lots if lot["available_kg"]]
    sold = sum(line["kg"] for line in proof)
    assert sold == 2 * LOADS * LOAD_KG
    resale = await province.sign(trader, plants[q], f"MY-{q}", kg=sold, proof=proof)
    await province.confirm(resale, plants[q])
    await province.deliver(resale, trader, plants[q], 2 * LOADS)
    origin = await province.get(f"/v1/provenance/contracts/{resale['id']}")
    assert (origin["proven_kg"], origin["unproven_kg"]) == (sold, 0)
    assert {one["mine_id"] for one in origin["origins"]} == {mine.mine_id for mine in mines[:2]}

    # The last second of day 15 is in time, the next is late; the last buyer never files in the last quarter.
    in_time, late = (
        list(zip(papers, buyers.values(), strict=True))[:-2],
        list(zip(papers, buyers.values(), strict=True))[-2:],
    )
    await province.move(f"{signed_on + timedelta(days=15)} 23:59:59")
    filed = await together(province.confirm(paper, buyer) for paper, buyer in in_time)
    assert {(one["state"], *one["flags"]) for one in filed} == {("filed",)}
    slips = [mine for mine in mines if "processor" in mine.firm.kinds]
    handed = await together(province.hand_over(mine, f"JJ-{q}", signed_on, 12_345) for mine in slips)
    assert [one["flags"] for one in handed] == [[]] * len(slips)
    await province.move(f"{signed_on + timedelta(days=16)} 00:00:00")
    assert len(await province.alerts("filing-overdue")) == len(late)
    filed = await together(province.confirm(paper, buyer) for paper, buyer in late[: 1 if q == 4 else 2])
    assert {(one["state"], *one["flags"]) for one in filed} == {("filed", "filing-late")}


async def report_the_year(province: Province) -> None:
    """The counties' reports of the year, on the last second and on the first that is late (R15)."""
    for county, moment, late in ((HAICHENG, "2026-11-20 23:59:59", 0), (XIUYAN, "2026-11-21 00:00:00", 1)):
        await province.move(moment)
        body = {"duty": "year-report", "jurisdiction": county, "year": YEAR, "document_no": f"年报{county}"}
        figures = {"expected_kg": 10_000_000, "proposed_kg": 11_000_000}
        made = await province.do("/v1/submissions", province.offices[county], {**body, **figures})
        assert (made["due_on"], made["days_late"]) == ("2026-11-20", late)


async def report(province: Province, q: int) -> None:
    """Production forms, and the counties' statistics on the last second and on the first that is late (R19)."""
    first = date(YEAR + q // 4, q % 4 * 3 + 1, 1)
    await province.move(f"{first + timedelta(days=1)} 09:00:00")
    forms = await together(fill_form(province, mine, q) for mine in province.mines if mine.firm.jurisdiction == XIUYAN)
    for mine, form in zip([one for one in province.mines if one.firm.jurisdiction == XIUYAN], forms, strict=True):
        assert form["known"]["used_kg"] == province.out_kg[mine.mine_id or "", YEAR, None]

    if q < 4:  # by default what a quarter leaves goes on to the next (R16)
        body = {"year": YEAR, "quarter": q, "document_no": f"辽镁结〔2026〕{q}号"}
        closed = await province.do("/v1/closings", province.office, body)
        assert (closed["lapsed_kg"], closed["withdrawn_kg"]) == (0, 0)
    due_on = {1: date(2026, 4, 7), 2: date(2026, 7, 6), 3: date(2026, 10, 8), 4: date(2027, 1, 5)}[q]
    moments = ((HAICHENG, f"{due_on} 23:59:59", 0), (XIUYAN, f"{due_on + timedelta(days=1)} 00:00:00", 1))
    for county, moment, late in moments:
        await province.move(moment)
        known = await province.get(f"/v1/reports/counties/{county}/quarter?year={YEAR}&quarter={q}")
        said = {"duty": "quarter-statistics", "jurisdiction": county, "year": YEAR, "quarter": q}
        body = {**said, "document_no": f"统{q}{county}", "as_of": known["as_of"]}
        made = await province.do("/v1/submissions", province.offices[county], body)
        assert (made["due_on"], made["days_late"]) == (str(due_on), late)
        assert [
            one["subject_id"] for one in await province.alerts("report-late") if f":{YEAR}:{q}" in one["subject_id"]
        ] == []


async def fill_form(province: Province, mine: Part, quarter: int) -> Json:
    form = await province.do("/v1/forms", mine.clerk, {"mine_id": mine.mine_id, "year": YEAR, "quarter": quarter})
    said = {"mined_kg": 200_000, "opening_stock_kg": 0, "closing_stock_kg": 10_000}
    await province.do(f"/v1/forms/{form['id']}", mine.clerk, said, method="PATCH")
    return await province.do(f"/v1/forms/{form['id']}/sign", mine.clerk)


async def new_years_eve(province: Province) -> None:
    """Special quota that is used, misused and left over (R25); a load that leaves at 23:59 and arrives next year (E14)."""
    mine, other = province.mines[0], province.mines[2]
    permitted, stranger = province.plants[:2]
    city = province.offices[ANSHAN]
    await province.move("2026-12-01")
    use = {"earmark": EARMARK, "enterprise_id": permitted.id, "document_no": "鞍镁专1号"}
    await province.do("/v1/earmarks", city, use)
    special = {
        "year": YEAR, "quarter": None, "kind": "special", "from": HAICHENG, "to": {"mine_id": mine.mine_id},
        "kg": SPECIAL_KG, "document_no": "鞍镁专2号", "issued_on": "2026-12-01", "earmark": EARMARK, "reason": "镁建材",
    }  # fmt: skip
    made = await province.do("/v1/allotments", city, {**special, "issue": True})
    await province.step(made["id"], "publish", city)
    province.note(mine, made)
    for buyer, loads in ((permitted, 1), (stranger, 1)):
        paper = await province.sign(mine, buyer, f"ZX-{buyer.id[-4:]}", earmark=EARMARK)
        await province.confirm(paper, buyer)
        await province.deliver(paper, mine, buyer, loads)
    held = await province.sign(mine, permitted, "ZX-9", earmark=EARMARK)
    late = await province.sign(other, permitted, "KN-1")
    for paper in (held, late):
        await province.confirm(paper, permitted)

    await province.move(NEXT.scored)
    await together(province.score(one, NEXT.before, 75) for one in province.mines)
    await province.move("2026-12-31 22:30:00")
    await province.order(held, mine, permitted, 1)
    (ticket,) = await province.order(late, other, permitted, 1)
    await province.move("2027-01-01 01:00:00")
    (out,) = await province.weigh([ticket], other, "out", "2026-12-31 23:59:59")
    (come,) = await province.weigh([ticket], permitted, "in", "2027-01-01 00:40:00")
    assert (out["flags"], come["flags"]) == ([], [])
    lots = (await province.get(f"/v1/lots?holder={permitted.id}&limit=500", permitted.clerk))["items"]
    assert [lot["year"] for lot in lots if lot["document"]["number"] == "KN-1"] == [YEAR]


async def end(province: Province) -> None:
    """The year closes with an open earmark; the next one begins from nothing, less what was misused (R16, R25, E28)."""
    mine = province.mines[0]
    assert mine.mine_id is not None
    before = (await province.get(f"/v1/mines/{mine.mine_id}/quota?year={YEAR}"))["accounts"]
    special = next(account for account in before if account["earmark"] == EARMARK)
    assert (special["issued_kg"], special["out_kg"]) == (SPECIAL_KG, 2 * LOAD_KG)
    await province.move("2027-01-11")
    closed = await province.do("/v1/closings", province.office, {"year": YEAR, "document_no": "辽镁结〔2026〕1号"})
    taken_kg = SPECIAL_KG - LOAD_KG  # what was not spent, and what a firm without a permission got
    unspent_kg = sum(
        kg - province.out_kg[key] for key, kg in province.issued_kg.items() if key[1] == YEAR and key[2] is None
    )
    assert (closed["withdrawn_kg"], closed["lapsed_kg"], closed["carried_kg"]) == (taken_kg, unspent_kg, 0)
    province.issued_kg[mine.mine_id, YEAR, EARMARK] -= taken_kg
    after = await province.get(f"/v1/mines/{mine.mine_id}/quota?year={YEAR}")
    assert [(one["cause"], one["peak_kg"]) for one in after["overdraws"]] == [("claw-back", LOAD_KG)]

    cut = {"mine_id": mine.mine_id, "year": YEAR + 1, "share": "0.1", "reason": "专项指标未按用途使用"}
    await province.do("/v1/cuts", province.offices[ANSHAN], {**cut, "document_no": "鞍镁减1号"})
    fresh = await province.get(f"/v1/mines/{mine.mine_id}/quota?year={YEAR + 1}")
    assert (fresh["issued_kg"], fresh["out_kg"]) == (0, 0)
    await province.fill_pools(YEAR + 1)
    proposal = await province.propose(NEXT, mine, "base", mine.firm.scale_kg // 10)
    await province.approve(proposal)
    await province.issue(proposal, mine)
    assert [one["facts"]["due_on"] for one in await province.alerts("proposal-late")] == ["2026-12-31"]


async def the_figures_are_those_of_our_own_book(province: Province) -> None:
    """Issued and spent of each mine and of the tree above it are what was written down beside the service."""
    for mine in province.mines:
        assert mine.mine_id is not None
        quota = await province.get(f"/v1/mines/{mine.mine_id}/quota?year={YEAR}")
        mine_keys = [key for key in province.issued_kg if key[:2] == (mine.mine_id, YEAR)]
        assert quota["issued_kg"] == sum(province.issued_kg[key] for key in mine_keys)
        assert quota["out_kg"] == sum(province.out_kg[key] for key in mine_keys)
        assert quota["suspense_kg"] == 0
    tree = (await province.get(f"/v1/quotas?year={YEAR}"))["province"]
    for county in tree["children"][0]["children"]:
        below = [mine.mine_id or "" for mine in province.mines if mine.firm.jurisdiction == county["code"]]
        of_county = [key for key in province.issued_kg if key[0] in below and key[1] == YEAR]
        assert county["out_kg"] == sum(province.out_kg[key] for key in of_county)
        assert county["allotted_kg"] == sum(province.issued_kg[key] for key in of_county)


async def the_public_tables_say_what_the_tranches_say(province: Province) -> None:
    """`/v1/quotas/published` and the page `/published` are the tranches of all mines, one by one, and the pools'."""
    for year in (YEAR, YEAR + 1):
        rows = await province.published(year)
        page = (await province.http.get(f"/published?year={year}")).text
        for mine in province.mines:
            quota = await province.get(f"/v1/mines/{mine.mine_id}/quota?year={year}")
            told = sorted(
                (row["kind"], row["quarter"] or 0, row["kg"], row["document_no"], row["issued_on"])
                for row in rows
                if row["holder_kind"] == "mine" and row["holder"] == mine.firm.mine
            )
            held = sorted(
                (one["kind"], one["quarter"] or 0, one["kg"], one["document_no"], one["issued_on"])
                for one in quota["tranches"]
                if one["kg"] > 0
            )
            noted = sorted(
                (kind, quarter or 0, kg, document_no, issued_on)
                for noted_year, kind, quarter, kg, document_no, issued_on in province.tranches[mine.mine_id or ""]
                if noted_year == year
            )
            assert told == held == noted
            assert all(number_of_tonnes(kg) in page for _, _, kg, _, _ in told)
        pools = {row["jurisdiction"]: row["kg"] for row in rows if row["holder_kind"] == "jurisdiction"}
        scales = {
            code: sum(m.firm.scale_kg for m in province.mines if m.firm.jurisdiction == code) for code in COUNTIES
        }
        assert pools == {ANSHAN: sum(scales.values()), **scales}


async def every_alert_of_the_year_is_explained(province: Province) -> None:
    """Nothing is flagged but what the story has done wrong, and what was put right is settled."""
    items = (await province.get("/v1/alerts?limit=500"))["items"]
    assert (await province.get(f"/v1/alerts?limit=500&after={items[-1]['id']}"))["items"] == []
    told = Counter((one["code"], one["state"]) for one in items)
    for only_settled in (
        "deadline-near",
        "sequence-gap",
    ):  # what was due in time was done, what came out of turn has come
        assert told.pop((only_settled, "open"), 0) == 0
        told.pop((only_settled, "settled"), 0)
    assert told == {
        ("filing-late", "open"): 7,  # two buyers of each quarter, one of the last: for the offices to look at
        ("filing-overdue", "settled"): 7,
        ("filing-overdue", "open"): 1,  # the buyer that never filed
        ("report-late", "settled"): 6,  # a sheet of June, Xiuyan's statistics and its year's report
        ("quota-overdrawn", "settled"): 1,  # the thirsty mine, until its next tranche
        ("quota-overdrawn", "open"): 1,  # special quota that was clawed back
        ("earmark-misused", "open"): 1,
        ("proposal-late", "open"): 1,
        ("never-weighed", "open"): 1,  # the ticket that waited over New Year
    }
