"""Sheets that people fill in (§10): what their columns are called, and what a cell must be before it is believed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from service.domain.codes.texts import Malformed, folded
from service.domain.refusals import MalformedBody, Refusal
from service.domain.units import SHANGHAI

MOST_ROWS: Final = 5_000
MOST_COLUMNS: Final = 64
MOST_EXACT = 10**15  # a spreadsheet keeps fifteen digits of a number, and shows noughts for the others
MOST_DIGITS = 18
WHAT_TO_DO: Final = "处理意见 / what to do"

Cell = str | int | float | bool | date | datetime | None


class SheetNotReadable(MalformedBody):
    """This is no sheet that can be read; send .xlsx, or .csv in UTF-8 or GB 18030, or JSON (GET /v1/bulk/template)."""

    title = "无法读取该表格；请发送 .xlsx、UTF-8 或 GB 18030 编码的 .csv，或 JSON（模板见 GET /v1/bulk/template）"


class SheetHeadUnknown(MalformedBody):
    """The sheet's head does not name the columns that are needed (`missing`), or names some that there are not (`unknown`)."""

    title = "表头缺少必填列（missing）或含有不认识的列（unknown）；请使用模板的表头"


class TooManyRows(MalformedBody):
    """A sheet has at most `most` rows; send it in parts."""

    title = "一次最多 most 行；请分批发送"


class ExportTooLarge(Refusal):
    """This list has more than `most` entries; filter it, or read it page by page."""

    title = "该列表超过 most 条；请加筛选条件，或分页读取"


class SheetEmpty(MalformedBody):
    """The sheet has no rows below its head; nothing was done."""

    title = "表头以下没有数据行；未作任何处理"


class CellKind(StrEnum):
    """What a column holds."""

    TEXT = "text"  # numbers of papers, names
    CODE = "code"  # credit codes and ids: never a number
    DAY = "day"
    MOMENT = "moment"
    TONNES = "tonnes"  # into whole kilograms
    YUAN = "yuan"  # into whole fen
    YES_NO = "yes-no"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the field that it fills, what people call it, and what it holds."""

    field: str
    zh: str
    en: str
    kind: CellKind = CellKind.TEXT
    is_required: bool = False
    example: str = ""

    @property
    def head(self) -> str:
        """What stands above it in a template."""
        return f"{self.zh} {self.en}"

    @property
    def names(self) -> tuple[str, ...]:
        """All by which it is found."""
        return (self.head, self.zh, self.en, self.field)


@dataclass(frozen=True, slots=True)
class CellFault:
    """What is wrong with one cell, in both languages, and what to do."""

    column: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class BadCell:
    """A cell that is not what its column holds."""

    code: str
    zh: str
    en: str


_SOURCES = (
    Column("mine", "采矿许可证号", "licence", CellKind.CODE, example="C2100002011016120104001"),
    Column("project", "项目文号", "project document"),
    Column("stock", "存量申报文号", "stock document"),
)
COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = MappingProxyType(
    {
        "contracts": (
            Column("number", "合同编号", "number", is_required=True, example="HT-2026-001"),
            Column("seller", "卖方信用代码", "seller code", CellKind.CODE, True, "91210381MA00000002"),
            Column("buyer", "买方信用代码", "buyer code", CellKind.CODE, True, "91210381MA00000015"),
            Column("signed_on", "签订日期", "signed on", CellKind.DAY, True, "2026-03-02"),
            Column("kg", "数量（吨）", "tonnes", CellKind.TONNES, True, "5000"),
            Column("grade", "品级", "grade", is_required=True, example="LM46"),
            Column("valid_until", "有效期至", "valid until", CellKind.DAY, True, "2026-12-31"),
            *_SOURCES,
            Column("proof", "来源批次", "proof", example="批次标识:吨; 批次标识:吨"),
            Column("earmark", "专项用途", "earmark"),
            Column("price_fen_per_t", "单价（元/吨）", "yuan per tonne", CellKind.YUAN, example="450"),
            Column("framework", "框架合同编号", "framework"),
            Column("is_framework", "本合同为框架合同", "is a framework", CellKind.YES_NO, example="否"),
        ),
        "slips": (
            Column("number", "交接单编号", "number", is_required=True, example="JJ-2026-001"),
            *_SOURCES,
            Column("handed_on", "交接日期", "handed on", CellKind.DAY, True, "2026-03-02"),
            Column("kg", "数量（吨）", "tonnes", CellKind.TONNES, True, "31.2"),
            Column("grade", "品级", "grade", is_required=True, example="LM46"),
            Column("line", "生产线", "line"),
            Column("earmark", "专项用途", "earmark"),
            Column("by_tickets", "凭运单", "by tickets", CellKind.YES_NO, example="否"),
        ),
        "tickets": (
            Column("contract", "合同编号", "contract", example="HT-2026-001"),
            Column("slip", "交接单编号", "slip"),
            Column("plate", "车牌号", "plate", is_required=True, example="辽C12345"),
            Column("planned_kg", "计划数量（吨）", "planned tonnes", CellKind.TONNES, True, "31"),
            Column("grade", "品级", "grade", is_required=True, example="LM46"),
            Column("source_station", "出矿计量站", "source station", is_required=True, example="七号磅"),
            Column("destination_station", "收货计量站", "destination station", is_required=True, example="二厂门磅"),
            Column("valid_from", "生效时间", "valid from", CellKind.MOMENT, True, "2026-03-03 08:00"),
            Column("valid_until", "失效时间", "valid until", CellKind.MOMENT, True, "2026-03-04 08:00"),
        ),
    }
)

_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_MOMENT = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[ T](\d{1,2}):(\d{2})(?::(\d{2}))?")
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[Ee]\+?\d+")
_YES = frozenset({"是", "yes", "y", "true", "1", "√"})
_NO = frozenset({"否", "no", "n", "false", "0", "×"})


def columns_under(head: Sequence[Cell], kind: str) -> list[Column | None]:
    """Which column stands where; None for the notes that a sheet came back with. Raises SheetHeadUnknown."""
    by_name = {_plain(name): column for column in COLUMNS[kind] for name in column.names}
    found: list[Column | None] = []
    unknown = []
    for cell in head:
        name = "" if cell is None else str(cell)
        column = by_name.get(_plain(name))
        found.append(column)
        if column is None and name.strip() and _plain(name) != _plain(WHAT_TO_DO):
            unknown.append(name)
    named = [column.field for column in found if column]
    unknown += [column.head for column in COLUMNS[kind] if named.count(column.field) > 1]
    missing = [column.head for column in COLUMNS[kind] if column.is_required and column.field not in named]
    if missing or unknown:
        raise SheetHeadUnknown(missing=missing, unknown=unknown)
    return found


def _plain(name: str) -> str:
    return folded(name).lower()


def value_of(cell: Cell, kind: CellKind) -> str | int | bool | BadCell | None:
    """A cell as the API takes it, or why it cannot be believed; an empty one is None."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    return _READERS[kind](cell)


def _code(cell: Cell) -> str | BadCell:
    if not isinstance(cell, str) or _SCIENTIFIC.fullmatch(cell.strip()):
        # Excel has cut a long number to fifteen digits, or shows it as 9.12E+17: what stands there is not the code.
        return BadCell(
            "code-became-a-number",
            "代码被表格软件当成了数字，末几位已丢失；请将该列设为“文本”格式后重新录入",
            "the spreadsheet took this code for a number and lost its last digits: make the column text and enter it anew",
        )
    return cell.strip()


def _text(cell: Cell) -> str | BadCell:
    if isinstance(cell, str):
        if _SCIENTIFIC.fullmatch(cell.strip()):
            return _lost_digits()
        return cell.strip()
    if isinstance(cell, bool | date):
        return BadCell("text-required", "须为文本；请将该列设为“文本”格式", "must be text: make the column text")
    if isinstance(cell, int | float) and cell == int(cell) and abs(cell) < MOST_EXACT:
        return str(int(cell))
    return _lost_digits()


def _lost_digits() -> BadCell:
    return BadCell(
        "digits-lost",
        "编号被表格软件当成了数字，可能已丢失末几位；请将该列设为“文本”格式后重新录入",
        "the spreadsheet took this number for a quantity and may have lost digits: make the column text and enter it anew",
    )


def _day(cell: Cell) -> str | BadCell:
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str) and (found := _DAY.fullmatch(folded(cell))):
        year, month, day = map(int, found.groups())
        return f"{year:04}-{month:02}-{day:02}"
    return BadCell("day-malformed", "日期须写作 2026-03-02", "a day is written 2026-03-02")


def _moment(cell: Cell) -> str | BadCell:
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=cell.tzinfo or SHANGHAI).isoformat()
    if isinstance(cell, str):
        if found := _MOMENT.fullmatch(cell.strip()):
            year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
            try:
                return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI).isoformat()
            except ValueError:
                pass
        elif re.search(r"([Zz]|[+-]\d{2}:\d{2})$", cell.strip()):
            return cell.strip()
    return BadCell(
        "moment-malformed",
        "时间须写作 2026-03-02 08:00（北京时间）",
        "a time is written 2026-03-02 08:00, Beijing time",
    )


def _scaled(cell: Cell, scale: int, zh: str, en: str, smallest: str) -> int | BadCell:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return BadCell("number-required", f"{zh}须为数字", f"{en} must be a number")
    try:
        # The shortest text of a float is what was typed; its binary tail is not.
        number = Decimal(folded(cell).replace(",", "")) if isinstance(cell, str) else Decimal(repr(cell))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        return BadCell("number-required", f"{zh}须为数字", f"{en} must be a number")
    if number.adjusted() >= MOST_DIGITS:
        return BadCell("number-out-of-range", f"{zh}过大；请核对零的个数", f"{en} is too large: count the noughts")
    scaled = number * scale
    if scaled != scaled.to_integral_value():
        places = len(str(scale)) - 1
        return BadCell(
            "too-many-decimals",
            f"{zh}最多 {places} 位小数",
            f"{en} has at most {places} decimals: the smallest part is a {smallest}",
        )
    return int(scaled)


def _yes_no(cell: Cell) -> bool | BadCell:
    if isinstance(cell, bool):
        return cell
    said = str(int(cell)) if isinstance(cell, int | float) else str(cell).strip().lower()
    if said in _YES:
        return True
    if said in _NO:
        return False
    return BadCell("yes-or-no", "请填“是”或“否”", "say yes or no")


_READERS: Final[Mapping[CellKind, Callable[[Cell], str | int | bool | BadCell]]] = MappingProxyType(
    {
        CellKind.TEXT: _text,
        CellKind.CODE: _code,
        CellKind.DAY: _day,
        CellKind.MOMENT: _moment,
        CellKind.TONNES: lambda cell: _scaled(cell, 1_000, "吨数", "tonnes", "kilogram"),
        CellKind.YUAN: lambda cell: _scaled(cell, 100, "单价", "a price", "fen"),
        CellKind.YES_NO: _yes_no,
    }
)


def lots_of(text: str) -> list[dict[str, str | int]]:
    """A proof as it is written in one cell: `lot:tonnes; lot:tonnes`; raises Malformed."""
    lots: list[dict[str, str | int]] = []
    for part in re.split(r"[;；\n]", text):
        if not part.strip():
            continue
        lot, _, amount = part.strip().replace("：", ":").rpartition(":")
        kg = value_of(amount, CellKind.TONNES)
        if not lot or not isinstance(kg, int):
            raise Malformed(
                "proof-malformed",
                "来源批次须写作“批次标识:吨数”，多个批次以分号分隔",
                "a proof is written lot:tonnes, several of them with semicolons between",
            )
        lots.append({"lot_id": lot.strip(), "kg": kg})
    return lots


def harmless(cell: str) -> str:
    """A text that a spreadsheet shows and does not run, however somebody named a firm or a paper.

    In Chinese, the wide signs are read like the narrow ones.
    """
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n") else cell
