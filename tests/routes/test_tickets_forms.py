"""The forms by which tickets are issued and changed, sent twice: by a double press, or by loading the answer again (W01, W11)."""

import asyncio
import re
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from tests import cast, yard
from tests.conftest import clients_of
from tests.routes.by import By
from tests.routes.ticketing import WHY, weigh

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("verified")]
HTML = {"Accept": "text/html"}
WAITING = """
SELECT count(*)
FROM pg_sleep(0.01)
INNER JOIN pg_stat_activity ON datname = current_database() AND wait_event_type = 'Lock'
"""


async def opened(by: By, path: str) -> str:
    """What makes a form on a page one that is sent once."""
    shown = await by(cast.PAIZHAI_CLERK).get(path, headers=HTML)
    [once] = set(re.findall(r'name="once" value="([^"]+)"', shown.text))
    return str(once)


async def press(by: By, path: str, said: dict[str, Any]) -> httpx.Response:
    return await by(cast.PAIZHAI_CLERK).post(path, data=said, headers=HTML)


async def tickets(by: By) -> list[str]:
    """The ids of the firm's tickets."""
    return [one["id"] for one in (await by(cast.PAIZHAI_CLERK).get("/v1/tickets")).json()["items"]]


async def form(by: By, contract_id: UUID, now: datetime, plates: str) -> dict[str, Any]:
    """The form for tickets as somebody fills it in."""
    wish = yard.ticket_in(contract_id, now)
    stations = {name: wish[name] for name in ("source_station_id", "destination_station_id")}
    day = {"valid_from": f"{now:%Y-%m-%dT%H:%M}", "valid_until": f"{now:%Y-%m-%d}T23:59"}
    said = {"contract_id": str(contract_id), "grade": wish["grade"], "plates": plates, "planned_kg": "31"}
    return {**said, **stations, **day, "once": await opened(by, "/tickets/new")}


@pytest.fixture
def now(app: FastAPI) -> datetime:
    """At nine, so that the day's end is later."""
    app.state.clock.now = lambda: datetime.fromisoformat("2026-03-02T09:00:00+08:00")
    at: datetime = app.state.clock.now()
    return at


async def test_w01_the_form_for_tickets_pressed_twice_issues_once(by: By, contract_id: UUID, now: datetime) -> None:
    one = await form(by, contract_id, now, "辽C60001")
    pressed = await asyncio.gather(press(by, "/tickets/new", one), press(by, "/tickets/new", one))
    later = await press(by, "/tickets/new", one)
    assert {answer.status_code for answer in (*pressed, later)} == {303}
    assert {answer.headers["location"] for answer in (*pressed, later)} == {f"/tickets/{await only(by)}"}

    several = {**one, "plates": "辽C60002\n辽C60003\n辽C60004"}
    shown = [await press(by, "/tickets/new", several) for _ in range(2)]
    labels = [re.findall(r"/tickets/sheets\?ids=([^\"]+)", answer.text) for answer in shown]
    assert labels[0] == labels[1]
    assert len(await tickets(by)) == 4, "with something else typed it is another request"

    again = await press(by, "/tickets/new", {**one, "once": await opened(by, "/tickets/new")})
    assert again.status_code == 303
    assert len(await tickets(by)) == 5, "and so is a form that is opened anew"
    assert (await press(by, "/tickets/new", {**one, "once": "\0"})).status_code == 303, (
        "whatever a program sends as a key"
    )


async def only(by: By) -> str:
    [found] = await tickets(by)
    return found


async def test_w01_what_was_refused_is_asked_anew(by: By, app: FastAPI, contract_id: UUID, now: datetime) -> None:
    said = await form(by, contract_id, now, "辽C60001\n辽C60002")
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE contract SET state = 'closed' WHERE id = $1", contract_id)
    refused = await press(by, "/tickets/new", said)
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE contract SET state = 'filed' WHERE id = $1", contract_id)
    await press(by, "/tickets/new", said)
    assert refused.status_code == 409
    assert refused.text.count("该合同已关闭") == 1, "what is wrong with all is said once"
    assert "辽C60001\n辽C60002</textarea>" in refused.text
    assert len(await tickets(by)) == 2


async def test_w11_a_load_is_parted_once_by_one_form(by: By, ticket: dict[str, Any], now: datetime) -> None:
    await weigh(by, ticket, "out", 31_000, now)
    path = f"/tickets/{ticket['id']}"
    said = {**WHY, "plate": "辽C60002", "tonnes": "10", "once": await opened(by, path)}
    answers = [await press(by, f"{path}/children", said) for _ in range(2)]
    [child] = set(await tickets(by)) - {ticket["id"]}
    assert [answer.headers["location"] for answer in answers] == [f"/tickets/{child}"] * 2


async def test_w11_a_form_takes_what_the_api_takes(by: By, ticket: dict[str, Any]) -> None:
    for form, said in (
        ("children", {"plate": "辽C60002", "tonnes": "0.0001"}),
        ("refuse-part", {"tonnes": "0.0001"}),
        ("extend", {"valid_until": "9999-12-31T23:00"}),
        ("reissue", {"cause": "stolen"}),
    ):
        answer = await press(by, f"/tickets/{ticket['id']}/{form}", {**WHY, **said})
        assert answer.status_code == 422, form
    assert await only(by) == ticket["id"]


async def test_w01_what_is_wrong_with_all_tickets_is_said_once_and_a_plate_by_its_line(
    by: By, contract_id: UUID, now: datetime
) -> None:
    said = await form(by, contract_id, now, "辽C60001\n拖拉机\n辽C60002")
    typed = {**said, "planned_kg": "三十", "valid_until": "", "grade": "LM46" * 20}
    shown = await press(by, "/tickets/new", typed)
    assert shown.status_code == 422
    assert (
        shown.text.count("吨数须为数字")
        == shown.text.count("缺少此项")
        == shown.text.count('<small class="bad">拖拉机：')
        == 1
    )
    assert '<small class="bad">辽C6000' not in shown.text
    assert 'value="三十"' in shown.text
    for field in ("contract_id", "source_station_id", "destination_station_id"):
        assert f'<option value="{said[field]}" selected>' in shown.text

    for wrong in (
        {"planned_kg": "inf"},
        {"plates": " \n"},
        {"valid_until": said["valid_from"]},
        {"grade": "LM46" * 20},
    ):
        shown = await press(by, "/tickets/new", {**said, "plates": "辽C60001\n辽C60002", **wrong})
        assert (shown.status_code, shown.text.count("aria-invalid") <= 1) == (422, True), wrong
    assert await tickets(by) == []


async def test_a_deed_that_is_refused_stands_open_with_what_was_typed(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    """W01, W11: on the ticket's page, with the reason above, and the other forms as empty as they were."""

    async def refused(deed: str, label: str, status: int, why: str, **said: str) -> None:
        path = f"/tickets/{ticket['id']}/{deed}"
        once = await opened(by, f"/tickets/{ticket['id']}")
        shown = await press(by, path, {"reason": "车辆故障", **said, "once": once})
        assert shown.status_code == status, shown.text
        assert why in shown.text
        assert re.findall(r'<details class="settle" open><summary>(.*)</summary>', shown.text) == [label]
        own = shown.text.partition(f'action="{path}"')[2].partition("</form>")[0]
        for value in {"reason": "车辆故障", **said}.values():
            assert re.search(f'value="{value}"( required)?( checked)?>', own), value
        assert once not in shown.text, "what is sent next is another request"

    await refused("extend", "延期", 409, "须晚于原有效期止 2026-", valid_until="2026-03-01T08:00")
    await refused("extend", "延期", 422, "<strong>有效期止</strong>", valid_until="明天")
    await refused("reissue", "补打", 422, "<strong>原因</strong>", cause="damaged", reason="")
    await weigh(by, ticket, "out", 31_000, now)
    await refused("children", "换车", 422, "<strong>车牌</strong>", plate="拖拉机", tonnes="10")
    await refused("children", "换车", 409, 'role="alert"', plate="辽C60002", tonnes="99")


async def test_w01_who_presses_at_two_processes_is_told_to_look_again(
    by: By, app: FastAPI, second_app: FastAPI, contract_id: UUID, now: datetime
) -> None:
    """While the first is not committed the second must not issue; a moment later it shows the first's answer."""
    said = await form(by, contract_id, now, "辽C60001")
    async with clients_of(second_app) as theirs, app.state.database.pool.acquire() as looker:
        async with app.state.database.transaction() as connection:
            await connection.execute("SELECT 1 FROM contract WHERE id = $1 FOR UPDATE", contract_id)
            first = asyncio.create_task(press(by, "/tickets/new", said))
            while not await looker.fetchval(WAITING):
                pass
            second = await press(theirs, "/tickets/new", said)
        shown, later = await first, await press(theirs, "/tickets/new", said)
    assert (second.status_code, second.headers["retry-after"]) == (409, "1")
    assert "请稍后刷新本页" in second.text
    assert shown.headers["location"] == later.headers["location"] == f"/tickets/{await only(by)}"
