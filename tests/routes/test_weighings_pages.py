"""One record of a scale on its page: an alert leads to it, and there it is put right."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from tests import cast, yard
from tests.routes.by import By
from tests.routes.test_weighings_correct import issue, quota, weighed

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("verified")]
HTML = {"Accept": "text/html"}


async def see(by: By, path: str, person: cast.Person = cast.LI) -> str:
    answer = await by(person).get(path, headers=HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


async def press(by: By, path: str, deed: str, said: dict[str, Any], person: cast.Person = cast.LI) -> httpx.Response:
    [once] = set(re.findall(r'name="once" value="([^"]+)"', await see(by, path, person)))
    return await by(person).post(f"{path}/{deed}", data={**said, "once": once}, headers=HTML)


async def test_w06_an_alert_leads_to_the_record_and_the_record_to_its_settlement(
    by: By, contract_id: UUID, now: datetime
) -> None:
    """What left without a lawful paper is charged to the quota two clicks from the overview, and once."""
    id_ = await weighed(by, yard.record(None, "out", 31_200, now))
    assert f'href="/weighings/{id_}"' in await see(by, "/alerts?code=no-ticket")
    path = f"/weighings/{id_}"
    shown = await see(by, path)
    assert "31.20 吨 无合法单据出矿" in shown
    assert "无运单出矿" in shown

    told = await press(by, path, "settle", {"settlement": "quota", "note": "已查明，见县局第 9 号笔录"})
    assert (told.status_code, told.headers["location"]) == (303, path)
    says = await quota(by, now)
    assert (says["suspense_kg"], says["out_kg"]) == (0, 31_200)
    settled = await see(by, path)
    assert "见县局第 9 号笔录" in settled
    assert "无合法单据出矿 " not in settled
    assert f"{path}/settle" not in settled
    assert "/weighings/" not in await see(by, "/alerts?code=no-ticket")


async def test_w09_what_is_refused_is_said_above_what_was_typed(by: By, contract_id: UUID, now: datetime) -> None:
    ticket = await issue(by, contract_id, now)
    id_ = await weighed(by, yard.record(ticket, "out", 31_200, now))
    path = f"/weighings/{id_}"
    assert f'href="{path}"' in await see(by, f"/tickets/{ticket['id']}")
    on = (now + timedelta(hours=8)).date()
    assert f'href="{path}"' in await see(by, f"/stations/{cast.BRIDGE_7}?on={on}")

    said = {"gross": "46.2", "tare": "15", "reason": "读错一位"}
    refused = await press(by, path, "correct", said)
    assert refused.status_code == 409
    assert "无须更正" in refused.text
    assert 'value="读错一位"' in refused.text
    bridge = cast.BRIDGE_7_DEVICE
    assert (await press(by, path, "correct", {**said, "gross": "45.001"}, bridge)).status_code == 303
    assert (await quota(by, now))["out_kg"] == 30_001
    assert (await press(by, path, "void", {"reason": "误录"})).status_code == 303
    assert (await quota(by, now))["out_kg"] == 0
    shown = await see(by, path)
    assert "已作废</span>" in shown
    assert '<form class="deed"' not in shown


async def test_o04_a_load_beyond_the_quota_is_named_as_it_stands(app: FastAPI, by: By, now: datetime) -> None:
    """W09: once, when it was corrected; not at all, when its record is void."""
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=now)
    ticket = await issue(by, contract_id, now)
    id_ = await weighed(by, yard.record(ticket, "out", 31_200, now))

    async def named() -> list[str]:
        _, _, loads = (await see(by, f"/mines/{cast.PAIZHAI_MINE}?year={now.year}")).partition('id="beyond"')
        return re.findall(r'class="num"[^>]*>([\d.]+)</td><td class="num bad"', loads.partition("</section>")[0])

    assert await named() == ["31.20"]
    said = {"gross": "45.001", "tare": "15", "reason": "读错一位"}
    assert (await press(by, f"/weighings/{id_}", "correct", said)).status_code == 303
    assert await named() == ["30.001"]
    assert (await press(by, f"/weighings/{id_}", "void", {"reason": "误录"})).status_code == 303
    assert await named() == []


async def test_a_record_is_shown_to_its_parties_who_can_do_nothing_to_it(
    by: By, contract_id: UUID, now: datetime
) -> None:
    ticket = await issue(by, contract_id, now)
    path = f"/weighings/{await weighed(by, yard.record(ticket, 'out', 31_200, now))}"
    for party, sees in ((cast.PAIZHAI_CLERK, True), (cast.PLANT_CLERK, False)):
        shown = await see(by, path, party)
        assert '<form class="deed"' not in shown
        assert (f'href="/stations/{cast.BRIDGE_7}' in shown) == sees, "the sheet of its station is not every party's"
    assert (await by(cast.STRANGER_CLERK).get(path, headers=HTML)).status_code == 404
    assert (await by(cast.DASHIQIAO).post(f"{path}/void", data={"reason": "误录"}, headers=HTML)).status_code == 404
    assert (await by(cast.PAIZHAI_CLERK).post(f"{path}/void", data={"reason": "误录"}, headers=HTML)).status_code == 403
