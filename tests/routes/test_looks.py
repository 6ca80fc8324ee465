"""Pages that look back: what they told at a moment they tell of it later, whoever may see it, and nothing can be done there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from service.domain.units import SHANGHAI, Kilograms
from service.keys import Purpose
from tests import cast, yard
from tests.routes.filing import slip
from tests.routes.test_as_of import WHY, Day

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
HTML = {"Accept": "text/html"}
MINE = f"/mines/{cast.PAIZHAI_MINE}"
NOT_THERE = "当时没有此记录，或您当时无权查看"
# Pages that tell of a moment, by how their addresses begin; others are as of now, and are led to without one.
LOOK_BACK = (
    "/mines/",
    "/lots",
    "/tickets/",
    "/contracts/",
    "/slips/",
    "/runs/",
    "/ledgers/",
    "/weighings/",
    "/compositions",
    "/?",
    "?",
)


@pytest.fixture
def begins_at() -> str:
    """A morning: what is projected changes at midnight."""
    return "2026-06-03T07:00:00+08:00"


class Seen(HTMLParser):
    """What stands on a page: the figures in its tables and lists, its links, fields and forms."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.band = self.text = ""
        self.links: list[str] = []
        self.fields: dict[str, str | None] = {}
        self.posts: list[str | None] = []
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Into an element."""
        said = dict(attrs)
        if tag in ("main", "aside", "thead", "td", "th", "dd"):
            self._inside.append(tag)
        if tag in ("td", "th", "dd") and "thead" not in self._inside:
            self.cells.append("")
        if tag == "a" and self._inside:
            self.links.append(str(said["href"]))
        if tag == "form" and "main" in self._inside and said["method"] == "post":
            self.posts.append(said["action"])
        if tag == "input" and self._inside:
            self.fields[str(said["name"])] = said.get("value")

    def handle_endtag(self, tag: str) -> None:
        """Out of it."""
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Words."""
        self.text += data if "main" in self._inside else ""
        self.band += data if "aside" in self._inside else ""
        if self._inside and self._inside[-1] in ("td", "th", "dd") and "thead" not in self._inside:
            self.cells[-1] += data.strip()


def written(at: datetime) -> str:
    """A moment as the field has it."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M")


def then(path: str, moment: str) -> str:
    """The address of a page of that moment."""
    return f"{path}{'&' if '?' in path else '?'}as_of={moment}"


async def see(by: By, path: str, person: cast.Person = cast.LI, status: int = 200) -> Seen:
    """A page as somebody sees it."""
    answer = await by(person).get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return Seen(answer.text)


class Pages(Day):
    """A day of which not the API's answers are kept but what stands on the pages."""

    async def ask(self, as_of: datetime | None) -> dict[str, Any]:
        """The figures on each page, and 404 where there is none."""
        told: dict[str, Any] = {}
        for path in self.papers:
            address = then(path, written(as_of)) if as_of else path
            answer = await self.by(cast.PROVINCE).get(address, headers=HTML)
            assert answer.status_code in (200, 404), answer.text
            told[path] = Seen(answer.text).cells if answer.status_code == 200 else 404
        return told

    async def looks_back(self) -> None:
        """Each page tells what it told; of what nobody had written then there is none."""
        for moment, told in self.told:
            for path, figures in (await self.ask(moment + timedelta(minutes=5))).items():
                assert figures == told.get(path, 404), f"{moment}: {path}"


async def test_e53_pages_tell_what_they_told_then(app: FastAPI, by: By) -> None:
    """Loads beyond the quota, corrected, redirected and made into product; slips; each page at each of its moments."""
    day = Pages(app, by)
    app.state.clock.stop_at(day.now)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 50_000, at=day.now, sign=app.state.keys.current(Purpose.LEDGER))
        ours, theirs = [
            await yard.contract(
                connection, at=day.now, mine_id=cast.PAIZHAI_MINE, buyer_id=firm.id, kg=Kilograms(400_000)
            )
            for firm in (cast.PLANT_TWO, cast.STRANGER)
        ]
    day.papers += ["/", MINE, f"/ledgers/{cast.PAIZHAI_MINE}/output", "/lots", "/compositions?place=210381"]
    day.papers += [f"/contracts/{ours}", f"/contracts/{theirs}", f"/contracts/{ours}/provenance"]
    load = await day.issue(ours)
    day.papers += [f"/tickets/{load['id']}", f"/tickets/{load['id']}/provenance"]
    out = await day.weigh(load, "out", 61_000)
    day.papers.append(f"/weighings/{out}")
    await day.goes_on()
    said = {"gross_kg": 75_500, "tare_kg": 15_000, "reason": "读错一位"}
    await day.post(cast.LI, f"/v1/weighings/{out}/correct", said)
    await day.weigh(load, "in", 60_400)
    lot = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"][0]["id"]
    day.papers.append(f"/lots/{lot}")
    split = await day.issue(ours)
    await day.weigh(split, "out", 20_000)
    trucks = [{"plate": "辽C80001", "planned_kg": 12_000}]
    child = (await day.post(cast.PAIZHAI_CLERK, f"/v1/tickets/{split['id']}/children", {**WHY, "trucks": trucks}))[
        "items"
    ][0]
    day.papers += [f"/tickets/{split['id']}"]
    going = {"contract_id": str(theirs), "destination_station_id": str(cast.STRANGER_GATE)}
    diverted = await day.issue(ours)
    await day.weigh(diverted, "out", 22_000)
    day.papers.append(f"/tickets/{diverted['id']}")
    await day.goes_on()
    await day.weigh(child, "in", 11_980)
    await day.post(cast.PAIZHAI_CLERK, f"/v1/tickets/{diverted['id']}/redirect", {**WHY, **going})
    kiln = {"enterprise_id": str(cast.PLANT_TWO.id), "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    line = await day.post(cast.LI, "/v1/lines", {**kiln, "status": "running", "ore_per_product": 2.1})
    made = {"outputs": [{"kind": "product", "name": "轻烧", "kg": 4_900}], "inputs": [{"lot_id": lot, "kg": 10_500}]}
    body = {"number": "JG-1", "line_id": line["id"], "ran_on": str(day.now.date()), **made}
    day.papers.append(f"/runs/{(await day.post(cast.PLANT_CLERK, '/v1/runs', body))['id']}")
    await day.goes_on()
    await day.post(cast.PLANT_CLERK, f"/v1{day.papers[-1]}/void", WHY)
    body = slip(handed_on=str(day.now.date()), grade="LM46")
    day.papers.append(f"/slips/{(await day.post(cast.PAIZHAI_CLERK, '/v1/slips', body))['id']}")
    await day.goes_on()

    await day.looks_back()
    weighed = [told[f"/tickets/{load['id']}"] for _, told in day.told[:2]]
    assert [("61.00" in cells, "60.50" in cells) for cells in weighed] == [(True, False), (False, True)]
    assert "11.00" in weighed[0], "beyond the quota"


async def test_e53_a_page_of_then_keeps_its_moment_and_lets_nothing_be_done(app: FastAPI, by: By) -> None:
    """The band says when, and what is as of now; what leads on, the field and the sheets keep the moment."""
    day = Day(app, by)
    app.state.clock.stop_at(day.now)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 50_000, at=day.now, sign=app.state.keys.current(Purpose.LEDGER))
        ours = await yard.contract(connection, at=day.now, mine_id=cast.PAIZHAI_MINE)
    load = await day.issue(ours)
    await day.weigh(load, "out", 61_000)
    await day.weigh(load, "in", 61_000)
    lot = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"][0]["id"]
    waiting = await day.issue(ours)
    at = written(day.now)
    app.state.clock.stop_at(day.now + timedelta(hours=3))

    clerk, paper = cast.PAIZHAI_CLERK, f"/contracts/{ours}"
    for person, path in (
        (cast.LI, f"{MINE}?year=2026"),
        (cast.LI, "/?year=2026"),
        (clerk, f"/ledgers/{cast.PAIZHAI_MINE}/reserves?year=2026"),
        (clerk, "/?year=2026"),
        (cast.LI, "/compositions?place=210381"),
        (cast.LI, f"/lots/{lot}"),
        (cast.PLANT_CLERK, f"/lots?holder={cast.PLANT_TWO.id}"),
        (clerk, paper),
        (cast.LI, f"{paper}/provenance"),
        (clerk, f"/tickets/{waiting['id']}"),
        (cast.LI, f"/tickets/{load['id']}/provenance"),
    ):
        seen = await see(by, then(path, at), person)
        assert f"您看到的是 {at.replace('T', ' ')} 时的记录" in seen.band, path
        assert "现在所知" in seen.band, path
        assert not seen.posts, path
        assert not [link for link in seen.links if link.endswith(("/file", "/amend", "/sheet")) or "new?" in link]
        kept = {name: value for name, value in seen.fields.items() if name not in ("as_of", "place")}
        assert kept == {name: value for name, (value,) in parse_qs(urlsplit(path).query).items() if name != "place"}
        assert seen.fields["as_of"] == at
        assert seen.links[0] == path, "back to now"
        on = [link for link in seen.links[1:] if link.startswith(LOOK_BACK)]
        assert on or "provenance" not in path
        assert not [link for link in on if f"as_of={at}" not in link], path
        now = await see(by, path, person)
        assert (now.band, "截至：现在（2026-06-03 10:00）" in now.text) == ("", True)
        assert not [link for link in now.links if "as_of=2026" in link]

    book = next(link for link in (await see(by, then(MINE, at))).links if "/output?" in link and "/v1/" in link)
    sheet = await by(cast.LI).get(book.replace("xlsx", "csv"))
    assert sheet.status_code == 200, sheet.text
    assert f"as_of,{parse_qs(urlsplit(book).query)['as_of'][0]}" in sheet.text
    assert (await see(by, paper, clerk)).posts, "and now there is something to do"


async def test_e53_a_page_says_why_it_does_not_look_back(app: FastAPI, by: By, client: httpx.AsyncClient) -> None:
    """Times to come and what is no time, in words beside the field; what was not there, or is not the reader's, is 404."""
    now: datetime = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        ours = f"/contracts/{await yard.contract(connection, at=now)}"
    day_before, minute_after = written(now - timedelta(days=1)), written(now + timedelta(minutes=1))
    app.state.clock.stop_at(now + timedelta(minutes=5))

    for typed, words in (
        ("2026-06-03T09:00", "该时刻尚未到来；请选择已经过去的时刻。"),
        ("昨天", "时间须写作 2026-03-02 08:00"),
        ("2026-02-30T08:00", "时间须写作 2026-03-02 08:00"),
    ):
        seen = await see(by, then(f"{ours}?lang=zh", typed), status=422)
        assert words in seen.text
        assert (seen.fields["as_of"], seen.fields["lang"], seen.band) == (typed, "zh", "")
        assert ("errors" in seen.text, "100,000" in seen.text) == (False, False), (
            "words for people, and nothing of the paper"
        )

    gone = await see(by, then(ours, day_before), status=404)
    assert NOT_THERE in gone.text
    assert gone.links[0] == ours, "back to now"
    for person, path, is_back in (
        (cast.STRANGER_CLERK, ours, False),
        (cast.STRANGER_CLERK, then(ours, minute_after), True),
        (cast.STRANGER_CLERK, then("/contracts/019b0000-0000-7000-8000-000000000000", minute_after), True),
        (cast.DASHIQIAO, then(MINE, minute_after), True),
    ):
        text = (await see(by, path, person, status=404)).text
        assert (NOT_THERE in text) == is_back
        assert "HT-" not in text
    answer = await client.get(then(ours, day_before), headers=HTML)
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.headers["location"]).query)["next"] == [then(ours, day_before)], (
        "and signs in first"
    )
