"""Filing many at once: tried first, row by row, only the faulty rows back, and nothing twice (§10)."""

import csv
from collections.abc import Callable, Sequence
from io import BytesIO, StringIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import httpx
import pytest
from fastapi import FastAPI
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from service.cache import Cache
from service.domain.sheets import MOST_ROWS, WHAT_TO_DO
from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK, STRANGER_CLERK, TRADER_CLERK
from tests.routes.filing import ON_DAY_1, contract, from_stock, issue, refused, slip, trader_lot

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]

HEAD = [
    "合同编号",
    "卖方信用代码",
    "买方信用代码",
    "签订日期",
    "数量（吨）",
    "品级",
    "有效期至",
    "采矿许可证号",
    "单价（元/吨）",
]
LICENCE = "C2100002011016120104001"


def line(number: str, **changes: Any) -> list[Any]:
    row = dict(
        zip(
            HEAD,
            [
                number,
                cast.PAIZHAI.credit_code,
                cast.PLANT_TWO.credit_code,
                "2026-03-02",
                31.2,
                "一级",
                "2026-12-31",
                LICENCE,
                450,
            ],
            strict=True,
        )
    )
    return list((row | changes).values())


def as_csv(*rows: Sequence[Any], head: Sequence[str] = HEAD) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([head, *rows])
    return text.getvalue().encode()


def as_xlsx(*rows: Sequence[Any], head: Sequence[str] = HEAD) -> bytes:
    made = BytesIO()
    book = Workbook(made, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate([head, *rows]):
        sheet.write_row(number, 0, row)
    book.close()
    return made.getvalue()


def in_csv(answer: httpx.Response) -> list[list[str]]:
    return list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))


CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 1_000_000)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_a_sheet_of_contracts_is_tried_filed_and_sent_again(by: By, form: str) -> None:
    clerk = by(PAIZHAI_CLERK)
    content = (as_csv if form == "csv" else as_xlsx)(line("HT-1"), line("HT-2", **{"数量（吨）": 100}))
    tried = (await clerk.post("/v1/bulk/contracts", params={"dry_run": True}, content=content, headers=CSV)).json()
    assert (await clerk.get("/v1/contracts")).json()["items"] == []
    filed = (await clerk.post("/v1/bulk/contracts", files={"file": (f"合同.{form}", content)})).json()
    again = (await clerk.post("/v1/bulk/contracts", content=content, headers=CSV)).json()
    listed = (await clerk.get("/v1/contracts")).json()["items"]

    assert [(one["row"], one["status"], one["id"]) for one in tried["results"]] == [
        (2, "done", None),
        (3, "done", None),
    ]
    assert (filed["rows"], filed["done"], filed["refused"], filed["faulty"]) == (2, 2, 0, None)
    assert (again["unchanged"], again["done"]) == (2, 0)
    assert [one["id"] for one in again["results"]] == [one["id"] for one in filed["results"]]
    assert [(one["number"], one["kg"], one["mine_id"]) for one in listed] == [
        ("HT-2", 100_000, str(cast.PAIZHAI_MINE)),
        ("HT-1", 31_200, str(cast.PAIZHAI_MINE)),
    ]
    assert listed[0]["filings"][0]["terms"]["price_fen_per_t"] == 45_000


async def test_only_the_faulty_rows_come_back_with_what_to_do(
    app: FastAPI, by: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = by(PAIZHAI_CLERK)
    rows = [
        line("HT-1"),
        line("HT-2", 签订日期="2026-03-04"),
        line("HT-3", 买方信用代码="91210381MA00000016"),
        line("HT-4", 买方信用代码="91210382MA0000001A"),
        line("HT-5", 采矿许可证号="C9"),
        line("HT-6", **{"数量（吨）": 0}),
        line("HT-7", **{"数量（吨）": 100_000_001}),
        line("HT-8", 买方信用代码=cast.PAIZHAI.credit_code),
        line("HT-1", 品级="二级"),
        line("=HYPERLINK(1)", 有效期至="2026-03-01"),
    ]
    answer = (await clerk.post("/v1/bulk/contracts", content=as_csv(*rows), headers=CSV)).json()
    codes = {
        one["row"]: (one["problem"] or {}).get("code") or one["errors"][0]["code"]
        for one in answer["results"]
        if one["status"] == "refused"
    }

    assert (answer["done"], answer["refused"]) == (1, 9)
    assert codes == {
        3: "day-in-future",
        4: "credit-code-check-digit",
        5: "credit-code-check-digit",
        6: "unknown-mine",
        7: "mass-out-of-range",
        8: "mass-out-of-range",
        9: "seller-is-buyer",
        10: "number-twice",
        11: "ends-before-signing",
    }
    faulty = in_csv(await clerk.get(answer["faulty"]["csv"]))
    assert faulty[0] == [*HEAD, WHAT_TO_DO]
    assert [row[0] for row in faulty[1:]] == [*(f"HT-{number}" for number in range(2, 9)), "HT-1", "'=HYPERLINK(1)"]
    assert "校验码" in faulty[2][-1]
    assert "check digit" in faulty[2][-1]
    book = CalamineWorkbook.from_filelike(BytesIO((await clerk.get(answer["faulty"]["xlsx"])).content))
    assert len(book.get_sheet_by_index(0).to_python()) == 10
    assert refused(await by(PLANT_CLERK).get(answer["faulty"]["csv"]), 404, "no-such-faulty-rows")
    async with Cache.connect("unix:///nowhere/valkey.sock") as nowhere:
        with monkeypatch.context() as away:
            away.setattr(app.state.cache, "commands", nowhere.commands)
            assert refused(await clerk.get(answer["faulty"]["csv"]), 503, "busy")

    mended = [[*row[:3], "2026-03-02", *row[4:]] if row[0] == "HT-2" else row for row in faulty[1:] if row[0] != "HT-1"]
    second = (await clerk.post("/v1/bulk/contracts", content=as_csv(*mended, head=faulty[0]), headers=CSV)).json()
    assert [one["row"] for one in second["results"] if one["status"] == "done"] == [2]


async def test_codes_that_excel_has_spoilt_are_refused_by_their_column(by: By) -> None:
    rows = [line("HT-1", 卖方信用代码=912103810000000002), line(20260001)]
    spoilt = (await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", files={"file": ("a.xlsx", as_xlsx(*rows))})).json()
    text = as_csv(line("HT-3", 买方信用代码="9.12104E+17"))
    shown = (await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", content=text, headers=CSV)).json()

    assert [(one["column"], one["code"]) for one in spoilt["results"][0]["errors"]] == [
        ("卖方信用代码", "code-became-a-number")
    ]
    assert spoilt["results"][1]["status"] == "done", "a short number loses nothing"
    assert [one["code"] for one in shown["results"][0]["errors"]] == ["code-became-a-number"]


async def test_json_rows_have_the_fields_of_the_api(by: By) -> None:
    rows = [contract(), contract(number="HT-2", kg=0), contract(number="HT-3", state="filed")]
    answer = (await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", json={"rows": rows})).json()

    assert [(one["row"], one["status"]) for one in answer["results"]] == [(1, "done"), (2, "refused"), (3, "refused")]
    assert [one["errors"][0]["column"] for one in answer["results"][1:]] == ["kg", "state"]
    assert len(in_csv(await by(PAIZHAI_CLERK).get(answer["faulty"]["csv"]))) == 3


async def test_rows_that_are_filed_together_are_judged_each_on_its_own(by: By) -> None:
    """§10, R22c: one that is refused holds up no other; what was filed before is unchanged, or a new version."""
    clerk = by(PAIZHAI_CLERK)
    for known in (contract(number="HT-1"), contract(number="HT-2", kg=1_000)):
        assert (await clerk.post("/v1/contracts", json=known)).status_code == 201
    nobody = str(uuid4())
    rows = [
        contract(number="HT-1"),
        contract(number="HT-2"),
        contract(number="HT-3", buyer_id=nobody),
        contract(number="HT-4"),
        contract(number="HT-5", seller_id=nobody),
        contract(number="HT-4"),
        contract(number="HT-6", mine_id=nobody),
        contract(number="HT-7", framework_id=nobody),
    ]
    answer = (await clerk.post("/v1/bulk/contracts", json={"rows": rows})).json()

    told = [(one["status"], one["problem"] and one["problem"]["code"]) for one in answer["results"]]
    assert told == [
        ("unchanged", None),
        ("done", None),
        ("refused", "unknown-enterprise"),
        ("done", None),
        ("refused", "not-found"),
        ("unchanged", None),
        ("refused", "unknown-mine"),
        ("refused", "unknown-framework"),
    ]
    again = (await clerk.get(f"/v1/contracts/{answer['results'][1]['id']}")).json()
    assert [(side["version"], side["terms"]["kg"]) for side in again["filings"] if side["terms"]] == [
        (2, contract()["kg"])
    ]
    assert len((await clerk.get("/v1/contracts")).json()["items"]) == 3


async def test_r23_a_traders_sheet_names_lots(app: FastAPI, by: By) -> None:
    lot = await trader_lot(app, by, "HT-9", 50_000)
    head = [*HEAD[:7], "来源批次"]
    row = [*line("MY-1", 卖方信用代码=cast.TRADER.credit_code)[:7], f"{lot}:31.2"]
    stolen = [*line("MY-2", 卖方信用代码=cast.TRADER.credit_code)[:7], "不是批次"]
    answer = (
        await by(TRADER_CLERK).post("/v1/bulk/contracts", content=as_csv(row, stolen, head=head), headers=CSV)
    ).json()

    assert [one["status"] for one in answer["results"]] == ["done", "refused"]
    assert (await by(TRADER_CLERK).get(f"/v1/lots/{lot}")).json()["pledged_kg"] == 31_200


async def test_r24_slips_are_counted_once_however_often_they_are_sent(by: By) -> None:
    head = ["交接单编号", "采矿许可证号", "交接日期", "数量（吨）", "品级", "凭运单"]
    rows = [[f"JJ-{number}", LICENCE, "2026-03-02", "5", "一级", "否"] for number in range(5)]
    rows += [["JJ-9", LICENCE, "2026-03-02", "5", "一级", "是"], ["JJ-10", "", "2026-03-02", "5", "一级", ""]]
    quota = f"/v1/mines/{cast.PAIZHAI_MINE}/quota?year=2026"
    clerk = by(PAIZHAI_CLERK)
    await clerk.post("/v1/bulk/slips", params={"dry_run": True}, content=as_csv(*rows, head=head), headers=CSV)
    assert (await clerk.get(quota)).json()["out_kg"] == 0
    for status in ("done", "unchanged"):
        answer = (await clerk.post("/v1/bulk/slips", content=as_csv(*rows, head=head), headers=CSV)).json()
        assert [one["status"] for one in answer["results"]] == [status] * 6 + ["refused"]
        assert answer["results"][-1]["problem"]["code"] == "source-not-named"
        assert (await clerk.get(quota)).json()["out_kg"] == 25_000


async def test_tickets_of_a_sheet_are_issued_once(by: By) -> None:
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        await by(clerk).post("/v1/contracts", json=contract())
    head = ["合同编号", "车牌号", "计划数量（吨）", "品级", "出矿计量站", "收货计量站", "生效时间", "失效时间"]
    row = ["HT-1", "辽C12345", 31, "一级", "七号磅", "二厂门磅", "2026-03-03 08:00", "2026-03-04 08:00"]
    rows = [row, row, ["HT-2", *row[1:]], [*row[:4], "远山门磅", *row[5:]], ["HT-1", "不是车牌", *row[2:]]]
    clerk = by(PAIZHAI_CLERK)
    tried = (
        await clerk.post("/v1/bulk/tickets", params={"dry_run": True}, content=as_csv(*rows, head=head), headers=CSV)
    ).json()
    assert (await clerk.get("/v1/tickets")).json()["items"] == []
    first = (await clerk.post("/v1/bulk/tickets", content=as_csv(*rows, head=head), headers=CSV)).json()
    again = (await clerk.post("/v1/bulk/tickets", content=as_xlsx(*rows, head=head), headers=CSV)).json()

    assert (tried["done"], first["done"], again["unchanged"]) == (2, 2, 2)
    assert [one["id"] for one in again["results"]] == [one["id"] for one in first["results"]]
    assert len((await clerk.get("/v1/tickets")).json()["items"]) == 2, "two rows that say the same are two trucks"
    codes = [one["errors"][0]["code"] for one in first["results"] if one["status"] == "refused"]
    assert codes == ["unknown-paper", "station-unclear", "plate-malformed"] or codes[:2] == [
        "unknown-paper",
        "station-unclear",
    ]


NOT_SHEETS = [
    (b"", "sheet-empty"),
    (as_csv(), "sheet-empty"),
    (b"PK\x03\x04 no book", "sheet-not-readable"),
    (b"\xff\xfe\x00\x01", "sheet-not-readable"),
    (b"a,b\n1,2\n", "sheet-head-unknown"),
    (as_csv(*([line("HT-1")] * (MOST_ROWS + 1))), "too-many-rows"),
]


def far_apart(row: int, column: int) -> bytes:
    """A book with a cell far from the others."""
    made = BytesIO()
    with Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEAD)
        sheet.write_row(1, 0, line("HT-1"))
        sheet.write(row, column, "x")
    return made.getvalue()


def with_numbers(*written: str) -> bytes:
    """A book in whose cells of tonnes such numbers stand, as no program writes them."""
    made = BytesIO()
    with (
        ZipFile(
            BytesIO(as_xlsx(*(line(f"HT-{place}", **{"数量（吨）": 7_654_321}) for place in range(len(written)))))
        ) as book,
        ZipFile(made, "w") as forged,
    ):
        for name in book.namelist():
            content = book.read(name)
            for number in written:
                content = content.replace(b"<v>7654321</v>", f"<v>{number}</v>".encode(), 1)
            forged.writestr(name, content)
    return made.getvalue()


async def test_a_book_that_would_fill_the_memory_ends_its_reader_alone(by: By) -> None:
    """As the library reads it, a book of two cells at the corners of a sheet is half a terabyte."""
    for content, code in (
        (far_apart(1_048_575, 16_383), "sheet-not-readable"),
        (far_apart(2 * MOST_ROWS, 0), "too-many-rows"),
    ):
        answer = await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", content=content, headers=CSV)
        assert refused(answer, 422, code), code


async def test_nothing_behind_empty_lines_is_lost(by: By) -> None:
    empty = b"\n" * (2 * MOST_ROWS)
    kept = await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", content=as_csv(line("HT-1")) + empty, headers=CSV)
    far = as_csv(line("HT-2")) + empty + as_csv(head=line("HT-3"))
    lost = await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", content=far, headers=CSV)

    assert (kept.json()["done"], refused(lost, 422, "too-many-rows")) == (1, True)


async def test_numbers_beyond_all_measure_are_told_by_their_cell(by: By) -> None:
    texts = [line("HT-1", **{"数量（吨）": "1e999999"}), line("HT-2", **{"数量（吨）": "9" * 30})]
    for content in (as_csv(*texts), with_numbers("1e999", "NaN")):
        answer = await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", content=content, headers=CSV)
        assert answer.status_code == 200, answer.text
        told = [(one["status"], one["errors"][0]["column"]) for one in answer.json()["results"]]
        assert told == [("refused", "数量（吨）")] * 2


async def test_rows_have_as_many_names_as_a_sheet_has_columns(by: By) -> None:
    """Each row comes back with a cell under each: a thousand rows with a thousand names of their own would fill the memory."""
    rows = [{f"{row}-{column}": 1 for column in range(33)} for row in range(2)]
    assert refused(await by(PAIZHAI_CLERK).post("/v1/bulk/slips", json={"rows": rows}), 422, "sheet-not-readable")


async def test_what_is_no_sheet_is_refused_as_a_whole(by: By) -> None:
    for content, code in NOT_SHEETS:
        answer = await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", content=content, headers=CSV)
        assert refused(answer, 422, code), code
    answer = await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", json={"rows": 1})
    assert refused(answer, 422, "sheet-not-readable")
    assert (await by(PAIZHAI_CLERK).get("/v1/contracts")).json()["items"] == []


async def test_a_sheet_of_an_older_excel_is_read(by: By) -> None:
    content = as_csv(line("合同-1")).decode().encode("gb18030")
    answer = (await by(PAIZHAI_CLERK).post("/v1/bulk/contracts", content=content, headers=CSV)).json()

    assert answer["done"] == 1


async def test_templates_have_heads_that_are_read(by: By) -> None:
    for kind in ("contracts", "slips", "tickets"):
        for form in ("csv", "xlsx"):
            answer = await by(PAIZHAI_CLERK).get("/v1/bulk/template", params={"kind": kind, "format": form})
            assert answer.status_code == 200
            sent = await by(PAIZHAI_CLERK).post(f"/v1/bulk/{kind}", content=answer.content, headers=CSV)
            assert refused(sent, 422, "sheet-empty")


async def test_whose_it_is(by: By) -> None:
    rows = {"rows": [contract()]}
    assert refused(await by(LI).post("/v1/bulk/contracts", json=rows), 403, "not-allowed")
    strange = (await by(STRANGER_CLERK).post("/v1/bulk/contracts", json=rows)).json()
    other = (await by(STRANGER_CLERK).post("/v1/bulk/slips", json={"rows": [slip()]})).json()
    assert [one["results"][0]["problem"]["code"] for one in (strange, other)] == ["not-found", "not-found"]
    own = {"rows": [from_stock(buyer_id=str(cast.STRANGER.id))]}
    assert (await by(STRANGER_CLERK).post("/v1/bulk/contracts", json=own)).json()["done"] == 1
