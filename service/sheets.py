"""Tables as files: what people send as CSV or Excel, and what they get."""

import asyncio
import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO, StringIO, TextIOWrapper
from math import isfinite

from xlsxwriter import Workbook

from service.domain.sheets import MOST_COLUMNS, MOST_ROWS, Cell, SheetNotReadable, TooManyRows, harmless
from service.domain.units import SHANGHAI
from service.threads import PIECE, give_way
from service.workbooks import BookNotReadable, Written, read_book

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
MEDIA_TYPES = {"csv": CSV, "xlsx": XLSX}
MOST_LINES = 2 * MOST_ROWS  # with empty ones between the rows
WIDEST = 60


async def read_sheet(content: bytes) -> list[list[Cell]]:
    """The rows of a CSV text or of an Excel book's first sheet, the head first; raises SheetNotReadable and TooManyRows."""
    rows = await asyncio.to_thread(_read_xlsx if content.startswith(b"PK") else _read_csv, content)
    while rows and not any(_is_said(cell) for cell in rows[-1]):
        rows.pop()
    if len(rows) > MOST_ROWS + 1:
        raise TooManyRows(most=MOST_ROWS)
    return rows


def _is_said(cell: Cell) -> bool:
    return cell is not None and str(cell).strip() != ""


def _read_xlsx(content: bytes) -> list[list[Cell]]:
    try:
        found = read_book(content, MOST_LINES + 1)
    except BookNotReadable as error:
        raise SheetNotReadable from error
    if len(found) > MOST_LINES:
        raise TooManyRows(most=MOST_ROWS)
    return [[_cell(cell) for cell in row[:MOST_COLUMNS]] for row in found]


def _cell(cell: Written) -> Cell:
    if isinstance(cell, time | timedelta) or (isinstance(cell, float) and not isfinite(cell)):
        return str(cell)
    return None if cell == "" else cell


def _read_csv(content: bytes) -> list[list[Cell]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise SheetNotReadable
    if "\0" in text:
        raise SheetNotReadable
    head = text.split("\n", maxsplit=1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        rows: list[list[Cell]] = []
        for line in csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True):
            row: list[Cell] = [_unguarded(cell) or None for cell in line[:MOST_COLUMNS]]
            if len(rows) < MOST_LINES:
                rows.append(row)
            elif any(map(_is_said, row)):
                raise TooManyRows(most=MOST_ROWS)
    except csv.Error as error:
        raise SheetNotReadable from error
    return rows


def _unguarded(cell: str) -> str:
    """A cell that we have made harmless comes back as it was."""
    return cell[1:] if cell[:1] == "'" and harmless(cell[1:]) == cell else cell


async def write_sheet(
    form: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], *, title: str = "镁溯 Meisu"
) -> bytes:
    """A table as CSV or Excel: texts stay texts, and none of them is run as a formula.

    The rows are asked for in the thread that writes them, with a rest after each piece.
    """
    write = _write_xlsx if form == "xlsx" else _write_csv
    return await asyncio.to_thread(write, head, _unhurried(rows), title)


def _unhurried(rows: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    for line, row in enumerate(rows):
        if line % PIECE == 0:
            give_way()
        yield row


def _write_csv(head: Sequence[str], rows: Iterable[Sequence[Cell]], _: str) -> bytes:
    made = BytesIO()
    # With the mark, Excel reads UTF-8. Written row by row: to encode millions of them is one step, in which nobody else moves.
    text = TextIOWrapper(made, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([harmless(name) for name in head])
    for row in rows:
        writer.writerow([harmless(cell) if isinstance(cell, str) else _shown(cell) for cell in row])
    text.flush()
    return made.getvalue()


def _shown(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.astimezone(SHANGHAI).isoformat() if cell.tzinfo else cell.isoformat()
    return cell.isoformat() if isinstance(cell, date) else cell


def _write_xlsx(head: Sequence[str], rows: Iterable[Sequence[Cell]], title: str) -> bytes:
    made = BytesIO()
    book = Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title})
    sheet = book.add_worksheet()
    bold, text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
    widths = [_width(name) for name in head]
    for place, name in enumerate(head):
        sheet.write_string(0, place, name, bold)
    for line, row in enumerate(rows, 1):
        for place, cell in enumerate(row):
            if cell is None:
                continue
            if isinstance(cell, int | float) and not isinstance(cell, bool):
                sheet.write_number(line, place, cell)
            else:
                sheet.write_string(line, place, str(_shown(cell)), text)
            if place < len(widths):
                widths[place] = max(widths[place], _width(cell))
    for place, width in enumerate(widths):
        # Whole columns are text, so that what is typed below a template's head stays what it is.
        sheet.set_column(place, place, min(width, WIDEST) + 2, text)
    sheet.freeze_panes(1, 0)
    book.close()
    return made.getvalue()


def _width(cell: Cell) -> int:
    shown = str(_shown(cell))
    return sum(2 if ord(character) > 0x2E7F else 1 for character in shown[:WIDEST])
