"""Cells: what is believed, and what a spreadsheet has spoilt."""

from datetime import date, datetime

import pytest

from service.domain.codes.texts import Malformed
from service.domain.sheets import (
    COLUMNS,
    WHAT_TO_DO,
    BadCell,
    Cell,
    CellKind,
    SheetHeadUnknown,
    columns_under,
    harmless,
    lots_of,
    value_of,
)
from service.domain.units import SHANGHAI

GOOD: list[tuple[CellKind, Cell, object]] = [
    (CellKind.CODE, " 91210381MA00000002 ", "91210381MA00000002"),
    (CellKind.TEXT, "HT-1", "HT-1"),
    (CellKind.TEXT, 2026001.0, "2026001"),
    (CellKind.TEXT, 123456789012345, "123456789012345"),
    (CellKind.DAY, date(2026, 3, 2), "2026-03-02"),
    (CellKind.DAY, datetime(2026, 3, 2, 0, 0, tzinfo=SHANGHAI), "2026-03-02"),
    (CellKind.DAY, "2026/3/2", "2026-03-02"),
    (CellKind.DAY, "2026年3月2日", "2026-03-02"),
    (CellKind.MOMENT, "2026-03-02 08:00", "2026-03-02T08:00:00+08:00"),
    (CellKind.MOMENT, datetime(2026, 3, 2, 8, 0, tzinfo=SHANGHAI), "2026-03-02T08:00:00+08:00"),
    (CellKind.MOMENT, "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z"),
    (CellKind.TONNES, 31.2, 31_200),
    (CellKind.TONNES, "1,234.567", 1_234_567),
    (CellKind.TONNES, 0.1 + 0.2, "too-many-decimals"),
    (CellKind.TONNES, "３１．２", 31_200),
    (CellKind.TONNES, -1, -1_000),
    (CellKind.YUAN, "450.55", 45_055),
    (CellKind.YES_NO, "是", True),
    (CellKind.YES_NO, "No", False),
    (CellKind.YES_NO, 1.0, True),
    (CellKind.TEXT, "  ", None),
    (CellKind.TONNES, None, None),
]
SPOILT: list[tuple[CellKind, Cell, str]] = [
    (CellKind.CODE, 9.121038100000001e17, "code-became-a-number"),
    (CellKind.CODE, "9.12104E+17", "code-became-a-number"),
    (CellKind.CODE, 912103810000000000, "code-became-a-number"),
    (CellKind.TEXT, 1.5, "digits-lost"),
    (CellKind.TEXT, 1234567890123456.0, "digits-lost"),
    (CellKind.TEXT, "1.23E+15", "digits-lost"),
    (CellKind.TEXT, True, "text-required"),
    (CellKind.DAY, 46083.0, "day-malformed"),
    (CellKind.DAY, "2.3.2026", "day-malformed"),
    (CellKind.MOMENT, "08:00", "moment-malformed"),
    (CellKind.MOMENT, "2026-02-30 08:00", "moment-malformed"),
    (CellKind.TONNES, "31.2吨", "number-required"),
    (CellKind.TONNES, "31.2345", "too-many-decimals"),
    (CellKind.TONNES, "Infinity", "number-required"),
    (CellKind.TONNES, True, "number-required"),
    (CellKind.YES_NO, "也许", "yes-or-no"),
]


@pytest.mark.parametrize(("kind", "cell", "value"), GOOD)
def test_what_a_cell_says(kind: CellKind, cell: Cell, value: object) -> None:
    said = value_of(cell, kind)

    assert (said.code if isinstance(said, BadCell) else said) == value


@pytest.mark.parametrize(("kind", "cell", "code"), SPOILT)
def test_e52_what_a_spreadsheet_has_spoilt_is_refused_and_not_guessed(kind: CellKind, cell: Cell, code: str) -> None:
    said = value_of(cell, kind)

    assert isinstance(said, BadCell)
    assert said.code == code
    assert said.zh
    assert said.en


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_are_found_by_any_of_their_names_and_only_once(kind: str) -> None:
    columns = COLUMNS[kind]
    for name in ("head", "zh", "en", "field"):
        assert columns_under([getattr(column, name) for column in columns], kind) == list(columns)
    with pytest.raises(SheetHeadUnknown) as twice:
        columns_under([columns[0].zh, columns[0].en, *(column.head for column in columns[1:])], kind)
    assert twice.value.facts["unknown"] == [columns[0].head]


def test_a_head_says_what_is_missing_and_what_is_not_known() -> None:
    with pytest.raises(SheetHeadUnknown) as refusal:
        columns_under(["合同编号", "备注", WHAT_TO_DO], "contracts")

    assert refusal.value.facts["unknown"] == ["备注"]
    assert "卖方信用代码 seller code" in refusal.value.facts["missing"]


def test_a_proof_in_one_cell() -> None:
    assert lots_of("a:31.2；b：0.001;") == [{"lot_id": "a", "kg": 31_200}, {"lot_id": "b", "kg": 1}]
    for text in ("31.2", "a:", ":1", "a:x"):
        with pytest.raises(Malformed):
            lots_of(text)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠A1"])
def test_what_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless("海城") == "海城"
