"""The registry as people see it: the lists, an entry with its history, registering and revising on a form."""

import re

import httpx
import pytest
from fastapi import FastAPI

from tests import cast
from tests.cast import ANSHAN, AUDITOR, BRIDGE_7_DEVICE, DASHIQIAO, LI, PAIZHAI_CLERK, PLANT_CLERK
from tests.routes.by import By
from tests.routes.filing import at
from tests.routes.registry_entries import SLICES

HTML = {"Accept": "text/html"}
FORMS: dict[str, dict[str, str]] = {
    "enterprises": {
        "credit_code": "91210381MA0000009X", "name": "海城新镁有限公司", "kinds-carrier": "1", "jurisdiction": "210381",
    },
    "mines": {
        "enterprise_id": cast.PAIZHAI.credit_code, "name": "北山矿", "jurisdiction": "210381", "method": "open",
        "licence_number": "C2103002020016120104009", "licence_scale_kg": "2110000", "licence_valid_from": "2020-01-01",
        "licence_valid_until": "2035-12-31", "operating": "lawful", "consolidated": "1", "safety_ok": "1",
    },
    "stations": {"name": "八号磅", "jurisdiction": "210381", "mine_id": str(cast.PAIZHAI_MINE), "gross_limit_kg": "49"},
    "lines": {
        "enterprise_id": cast.PLANT_TWO.credit_code, "name": "一号竖窑", "kind": "dead_burnt", "kiln": "shaft",
        "status": "running", "ore_per_product": "2.25",
    },
    "projects": {
        "name": "东坡生态修复", "jurisdiction": "210381", "operator_id": cast.PAIZHAI.credit_code, "approved_kg": "50000",
        "valid_from": "2026-01-01", "valid_until": "2026-12-31", "document_no": "海修复〔2026〕1号",
        "exit_station_id": str(cast.BRIDGE_7),
    },
    "stocks": {
        "enterprise_id": cast.PLANT_TWO.credit_code, "grade": "LM47", "kg": "12000", "surveyed_on": "2025-12-31",
        "document_no": "海存量〔2026〕3号",
    },
}  # fmt: skip


@pytest.fixture
def begins_at() -> str:
    return "2026-03-02T09:00:00+08:00"


async def page(by: By, path: str, person: cast.Person = LI, status: int = 200) -> str:
    answer = await by(person).get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


async def registered(by: By, kind: str, **more: str) -> httpx.Response:
    return await by(LI).post(f"/registry/{kind}/new", data={**FORMS[kind], "once": "one", **more}, headers=HTML)


def typed(form: str) -> dict[str, str]:
    """What stands in a form, as a browser would send it."""
    found = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]*type="(?:text|date)" value="([^"]*)"', form))
    found |= dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    found |= dict.fromkeys(re.findall(r'type="checkbox" name="([^"]+)" value="1" checked', form), "1")
    for name, options in re.findall(r'<select id="f-[^"]+" name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found[name] = next(iter(re.findall(r'value="([^"]*)" selected', options)), "")
    return found


async def test_r04_each_kind_is_registered_once_read_and_revised_on_its_pages(by: By, app: FastAPI) -> None:
    at(app, "2026-03-02T09:00:00+08:00")
    assert FORMS.keys() == {slice_.name for slice_ in SLICES}
    for kind, said in FORMS.items():
        answer = await registered(by, kind)
        assert answer.status_code == 303, answer.text
        path = answer.headers["location"]
        assert (await registered(by, kind)).headers["location"] == path  # the same form, sent twice
        name = "document_no" if kind == "stocks" else "name"
        assert path in await page(by, f"/registry/{kind}?sought={said[name]}")
        assert "八号磅" not in await page(by, f"/registry/{kind}?sought=没有此名")

        form = typed(await page(by, f"{path}/revise"))
        assert {name: form.get(name) for name in said} == said
        revised = await by(ANSHAN).post(f"{path}/revise", data={**form, name: "新名称"}, headers=HTML)
        assert revised.status_code == 303, revised.text
        shown = await page(by, path)
        assert "新名称" in shown
        assert f"{said[name]}</bdi> → <strong><bdi>新名称" in shown
        assert ANSHAN.name in shown
        assert (await by(DASHIQIAO).get(path, headers=HTML)).status_code == 404
        assert (await by(DASHIQIAO).get(f"{path}/revise", headers=HTML)).status_code == 404
        assert len((await by(LI).get(f"/v1{path.removeprefix('/registry')}/history")).json()["items"]) == 2


async def test_nothing_that_was_typed_is_lost_and_each_fault_stands_beside_its_field(by: By, app: FastAPI) -> None:
    at(app, "2026-03-02T09:00:00+08:00")
    cases: list[tuple[str, dict[str, str], int, str, str]] = [
        ("enterprises", {"credit_code": cast.PAIZHAI.credit_code}, 409, "credit_code", "已登记"),
        ("enterprises", {"credit_code": "91210381MA00000099"}, 422, "credit_code", "校验码不符"),
        ("enterprises", {"kinds-carrier": ""}, 422, "kinds", "请至少选择一类"),
        ("mines", {"licence_number": "C2100002011016120104001"}, 409, "licence_number", "采矿许可证号已登记"),
        ("mines", {"licence_scale_kg": "1.0001"}, 422, "licence_scale_kg", "小数"),
        ("mines", {"enterprise_id": "91210381MA0000009X"}, 422, "enterprise_id", "名录中没有该企业"),
        ("lines", {"enterprise_id": cast.STRANGER.credit_code}, 422, "enterprise_id", "不在本辖区"),
        ("lines", {"ore_per_product": "二"}, 422, "ore_per_product", "须为数字"),
        ("stocks", {"surveyed_on": "2026-03-03"}, 409, "surveyed_on", "测量日期晚于今天"),
    ]
    for kind, wrong, status, field, told in cases:
        answer = await registered(by, kind, **wrong)
        assert answer.status_code == status, (field, answer.text)
        beside = re.search(rf'id="d-{field}" class="bad">([^<]*)', answer.text)
        assert beside, (field, answer.text)
        assert told in beside[1]
        sent = {name: value for name, value in {**FORMS[kind], **wrong}.items() if value}
        kept = typed(answer.text)
        assert {name: kept.get(name) for name in sent} == sent, field


async def test_of_two_who_revise_the_second_sees_what_the_first_has_entered(by: By, app: FastAPI) -> None:
    at(app, "2026-03-02T09:00:00+08:00")
    path = (await registered(by, "lines")).headers["location"]
    mine, theirs = [typed(await page(by, f"{path}/revise")) for _ in range(2)]
    assert (await by(ANSHAN).post(f"{path}/revise", data={**theirs, "status": "stopped"})).status_code == 303

    late = await by(LI).post(f"{path}/revise", data={**mine, "name": "二号竖窑"}, headers=HTML)
    assert late.status_code == 412
    assert "其间他人已变更该条目" in late.text
    assert "运行状态: <strong>停用</strong>" in late.text
    again = typed(late.text)
    assert (again["name"], again["status"], again["version"]) == ("二号竖窑", "running", "2")
    assert (await by(LI).post(f"{path}/revise", data=again, headers=HTML)).status_code == 303
    assert (await by(LI).post(f"{path}/revise", data=again, headers=HTML)).status_code == 303  # sent twice
    assert (await by(LI).get(f"/v1{path.removeprefix('/registry')}")).json()["version"] == 3


async def test_everybody_sees_what_is_theirs_in_the_registry(by: By) -> None:
    firm, own = f"/registry/enterprises/{cast.PAIZHAI.id}", await page(by, "/registry", PAIZHAI_CLERK)
    assert cast.PAIZHAI.name in own
    assert cast.PLANT_TWO.name not in own
    assert "/registry/enterprises/new" not in own
    shown = await page(by, firm, PAIZHAI_CLERK)
    assert f"/registry/mines/{cast.PAIZHAI_MINE}" in shown
    assert "/revise" not in shown
    assert "/revise" not in await page(by, firm, AUDITOR)
    for path in (f"/contracts?party={cast.PAIZHAI.id}", f"/lots?holder={cast.PAIZHAI.id}"):
        assert path in shown
        await page(by, path, PAIZHAI_CLERK)
    assert "七号磅" in await page(by, "/registry/stations", BRIDGE_7_DEVICE)
    for path, person, status in [
        (firm, PLANT_CLERK, 404),
        (firm, DASHIQIAO, 404),
        ("/registry/rockets", LI, 404),
        ("/registry/enterprises/new", PAIZHAI_CLERK, 403),
        ("/registry/enterprises/new", AUDITOR, 403),
        (f"{firm}/revise", PAIZHAI_CLERK, 403),
    ]:
        await page(by, path, person, status)
    assert cast.PAIZHAI.name in await page(by, "/registry/enterprises?does=mine")
    assert cast.PAIZHAI.name not in await page(by, "/registry/enterprises?does=carrier")


async def test_a_station_s_mine_in_another_county_stays_when_the_station_is_revised(by: By) -> None:
    body = {"name": "界磅", "jurisdiction": "210381", "mine_id": str(cast.STRANGER_MINE)}
    path = f"/registry/stations/{(await by(LI).post('/v1/stations', json=body)).json()['id']}"
    form = typed(await page(by, f"{path}/revise"))
    assert (await by(LI).post(f"{path}/revise", data={**form, "name": "界磅二"}, headers=HTML)).status_code == 303
    kept = (await by(LI).get(f"/v1{path.removeprefix('/registry')}")).json()
    assert (kept["name"], kept["mine_id"]) == ("界磅二", str(cast.STRANGER_MINE))
