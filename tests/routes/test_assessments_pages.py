"""The scoring sheet as people see it: as the notice prints it, with a link behind each point that was filled in."""

from typing import Any

import pytest
from fastapi import FastAPI

from tests.cast import DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_CLERK
from tests.routes.by import By
from tests.routes.filing import at, contract
from tests.routes.test_assessments import Q1, draw, sign
from tests.sweeping import swept

HTML = {"Accept": "text/html"}


@pytest.fixture
def begins_at() -> str:
    return "2026-02-01T09:00:00+08:00"


async def page(by: By, path: str, person: Any = LI) -> str:
    answer = await by(person).get(path, headers=HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_s5_the_county_prints_the_sheet_with_its_facts(by: By, app: FastAPI) -> None:
    """§5, R18: Chinese first; the contract behind minus 3 is one click away."""
    at(app, "2026-02-01T09:00:00+08:00")
    filed = (await by(PLANT_CLERK).post("/v1/contracts", json=contract(signed_on="2026-01-31"))).json()
    await swept(app, at(app, "2026-02-20T09:00:00+08:00"))
    sheet = await draw(by)

    shown = await page(by, f"/assessments/{sheet['id']}")
    for words in (
        "菱镁矿年度产量控制指标监管测评表（试行）续表",
        "年初分配指标额",
        "已使用指标额",
        "一票否决项",
        "自然资源局",
    ):
        assert words in shown
    assert f'href="/contracts/{filed["id"]}"' in shown
    assert "重新读取系统数据" in shown
    assert "Scoring sheet" in await page(by, f"/assessments/{sheet['id']}?lang=en")
    assert "排寨矿" in await page(by, "/assessments")
    signed = await sign(by, sheet)
    assert signed["document_no"] in await page(by, f"/assessments/{sheet['id']}?lang=zh", PAIZHAI_CLERK)
    assert (await by(DASHIQIAO).get(f"/assessments/{sheet['id']}", headers=HTML)).status_code == 404


async def test_s5_a_sheet_is_drafted_filled_in_and_signed_on_its_page(by: By, app: FastAPI) -> None:
    """R18."""
    at(app, "2026-03-10T09:00:00+08:00")
    drawn = await by(LI).post("/assessments", data={key: str(value) for key, value in Q1.items()})
    assert drawn.status_code == 303, drawn.text
    path = drawn.headers["location"]
    entered = await by(LI).post(f"{path}/entries", data={"item": "plus-8", "points": "25"})
    assert entered.status_code == 303, entered.text
    assert (await by(LI).post(f"{path}/entries", data={"item": "plus-80", "points": "1"})).status_code == 422
    assert (await by(LI).post(f"{path}/sign", data={"document_no": "海镁评〔2026〕2号"})).status_code == 303

    sheet = (await by(LI).get(f"/v1{path}")).json()
    assert (sheet["score"], sheet["state"]) == (25, "signed")
    assert "签报" not in (await page(by, path)).split("<section", maxsplit=1)[0].replace("已签报", "")


async def test_what_is_refused_on_a_sheet_stands_there_with_what_was_typed(by: By) -> None:
    """§5: on the sheet, and on the departments' page, where nothing that is no number of points is passed over."""
    sheet = await draw(by)
    path = f"/assessments/{sheet['id']}"
    for deed, typed, why in (
        ("entries", {"item": "plus-8", "points": "五分", "note": "现场核查"}, "<strong>得分</strong>"),
        ("sign", {"document_no": "测" * 65}, "<strong>文号</strong>"),
        ("departments", {"points:plus-8": "五分", "note:plus-8": "现场核查"}, "须为整数"),
        ("departments", {"points:plus-8": "", "note:plus-8": "现场核查"}, "须为整数"),
    ):
        answer = await by(LI).post(f"{path}/{deed}", data=typed, headers=HTML)
        assert answer.status_code == 422, (deed, answer.text)
        assert 'role="alert"' in answer.text
        assert why in answer.text
        for said in typed.values():
            assert f'value="{said}"' in answer.text, said
    assert "plus-8" in (await by(LI).get(f"/v1{path}")).json()["unfilled"]


async def test_r20_a_mine_s_page_leads_to_its_three_ledgers(by: By, app: FastAPI) -> None:
    """R20."""
    at(app, "2026-03-10T09:00:00+08:00")
    shown = await page(by, f"/mines/{Q1['mine_id']}?year=2026", PAIZHAI_CLERK)
    for name in ("reserves?", "output?year=2026&amp;", "sales?year=2026&amp;"):
        assert f"/v1/reports/mines/{Q1['mine_id']}/{name}format=xlsx" in shown
        answer = await by(PAIZHAI_CLERK).get(
            f"/v1/reports/mines/{Q1['mine_id']}/{name.replace('&amp;', '&')}format=xlsx"
        )
        assert answer.content.startswith(b"PK")
