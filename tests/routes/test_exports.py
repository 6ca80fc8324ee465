"""Any list as a table: as filtered, as far as one may see, to its end, and harmless."""

import asyncio
import csv
import sys
from collections.abc import Callable
from io import BytesIO, StringIO
from urllib.parse import parse_qsl

import httpx
import orjson
import pytest
from fastapi import FastAPI
from python_calamine import CalamineWorkbook
from starlette.types import Message, Receive, Scope, Send

from service.routes import exports
from tests import cast
from tests.cast import AUDITOR, BRIDGE_7_DEVICE, LI, PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, STRANGER_CLERK
from tests.routes.filing import ON_DAY_1, contract, issue, refused, slip

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))


@pytest.fixture(autouse=True)
async def papers(app: FastAPI, by: By) -> None:
    """Four contracts, one of them filed by both sides, and a slip."""
    await issue(app, 1_000_000)
    for number in ("HT-1", "HT-2", "HT-3", '=HYPERLINK("x")'):
        await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract(number=number))
    await by(PLANT_CLERK).post("/v1/contracts", json=contract(number="HT-1"))
    await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())


@pytest.mark.parametrize("address", ["/v1/contracts.csv?state=filed", "/v1/contracts?state=filed&format=csv"])
async def test_a_list_as_filtered(by: By, address: str) -> None:
    answer = await by(LI).get(address)
    rows = rows_of(answer)

    assert answer.headers["content-disposition"] == 'attachment; filename="contracts.csv"'
    assert [(row["编号 number"], row["数量（千克） kg"], row["状态 state"]) for row in rows] == [
        ("HT-1", "100000", "filed")
    ]
    assert rows[0]["seller.filed_at"] == "2026-03-03T01:00:00Z"


async def test_excel_reads_numbers_as_numbers_and_runs_nothing(by: By) -> None:
    answer = await by(LI).get("/v1/contracts.xlsx")
    table = CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    number, kg = table[0].index("编号 number"), table[0].index("数量（千克） kg")

    assert [row[number] for row in table[1:]] == ['=HYPERLINK("x")', "HT-3", "HT-2", "HT-1"]
    assert {row[kg] for row in table[1:]} == {100_000}
    assert b"<f>" not in answer.content
    assert next(row["编号 number"] for row in rows_of(await by(LI).get("/v1/contracts.csv"))) == '\'=HYPERLINK("x")'


async def test_all_pages_are_read(by: By, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", 1)
    assert len(rows_of(await by(LI).get("/v1/contracts.csv", params={"limit": 2, "after": "x"}))) == 4
    monkeypatch.setattr(exports, "MOST_EXPORTED", 3)
    assert refused(await by(LI).get("/v1/contracts.csv"), 409, "export-too-large")


async def test_nobody_exports_what_they_may_not_read(by: By, client: httpx.AsyncClient) -> None:
    assert rows_of(await by(STRANGER_CLERK).get("/v1/contracts.csv")) == []
    assert refused(await client.get("/v1/contracts.csv"), 401, "not-signed-in")
    assert refused(await by(BRIDGE_7_DEVICE).get("/v1/contracts.csv"), 404, "not-found")
    assert refused(await by(LI).get("/v1/nothing.csv"), 404, "not-found")
    assert (await by(LI).get("/v1/contracts.csv", params={"state": "no-state"})).status_code == 422
    prices = {
        person.username: rows_of(await by(person).get("/v1/contracts.csv"))[0]["seller.terms.price_fen_per_t"]
        for person in (PROVINCE, LI)
    }
    assert prices == {"province": "45000", "officer-li": ""}


LISTS = (
    "contracts",
    "slips",
    "tickets",
    "lots",
    "weighings",
    "alerts",
    "allotments",
    "enterprises",
    "mines",
    "stations",
    "projects",
)


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_is_exported(by: By, name: str) -> None:
    for form in ("csv", "xlsx"):
        answer = await by(AUDITOR).get(f"/v1/{name}.{form}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == exports.MEDIA_TYPES[form]


async def test_others_have_their_turn_while_a_long_list_is_exported() -> None:
    """Counted in steps of the loop's thread between two of its turns: a clock would say how busy the machine is."""
    row = {"id": "1", "plate": "辽C12345", "seller": {"name": "排寨"}, "flags": ["a"]}
    pages = [[row] * 499 + [{**row, "number": str(page)}] for page in range(4)]

    async def a_list(scope: Scope, receive: Receive, send: Send) -> None:
        page = int(dict(parse_qsl(scope["query_string"].decode())).get("after", 0))
        said = {"items": pages[page], "next": str(page + 1) if page + 1 < len(pages) else None}
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": orjson.dumps(said)})

    said: list[Message] = []

    async def hear(message: Message) -> None:
        said.append(message)

    steps = longest = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    async def turn() -> None:
        nonlocal steps, longest
        while True:
            longest, steps = max(longest, steps), 0
            await asyncio.sleep(0)

    scope = {"type": "http", "method": "GET", "path": "/v1/contracts.csv", "query_string": b"", "state": {}}
    turning = asyncio.create_task(turn())
    sys.setprofile(count)
    try:
        await exports.Exports(a_list)(scope, a_list, hear)  # type: ignore[arg-type]
        await asyncio.sleep(0)
    finally:
        sys.setprofile(None)
        turning.cancel()

    table = list(csv.reader(StringIO(said[1]["body"].decode("utf-8-sig"))))
    assert table[0] == ["标识 id", "车牌号 plate", "seller.name", "预警 flags", "编号 number"]
    assert [len(table), table[1], table[500]] == [
        2001,
        ["1", "辽C12345", "排寨", "a", ""],
        ["1", "辽C12345", "排寨", "a", "0"],
    ]
    assert longest < 2_000, "less than one step for each row"
