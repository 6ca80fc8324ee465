"""What was sent, row by row: as people wrote it, and as the API takes it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError

from service.db import Connection
from service.domain import filings
from service.domain.bulk import StationUnclear, UnknownPaper
from service.domain.codes.credit_codes import normalise_credit_code
from service.domain.codes.texts import Malformed
from service.domain.refusals import Refusal
from service.domain.sheets import (
    COLUMNS,
    MOST_COLUMNS,
    MOST_ROWS,
    BadCell,
    Cell,
    CellFault,
    Column,
    SheetEmpty,
    SheetNotReadable,
    TooManyRows,
    columns_under,
    lots_of,
    value_of,
)
from service.faults import fault
from service.routes.uploads import read_upload
from service.sheets import read_sheet
from service.store import bulk

Model = TypeVar("Model", bound=BaseModel)


@dataclass(slots=True)
class Entry:
    """One row: where it stands, what was written in it, what that says, and what is wrong with it."""

    row: int
    cells: Sequence[Cell]
    said: dict[str, Any]
    faults: list[CellFault] = field(default_factory=list)


@dataclass(slots=True)
class Sent:
    """All rows, with the head under which they come back."""

    head: list[str]
    entries: list[Entry]
    columns: Mapping[str, str]  # what people call each field


async def read_rows(request: Request, kind: str) -> Sent:
    """The rows of a request: JSON with the fields of the API, or a sheet; raises what its sender has to change."""
    if "json" in request.headers.get("content-type", ""):
        return _of_json(await request.body())
    content, _ = await read_upload(request)
    if not content:
        raise SheetEmpty
    table = await read_sheet(content)
    if len(table) < 2:
        raise SheetEmpty
    return await asyncio.to_thread(_of_sheet, table, kind)


def _of_json(body: bytes) -> Sent:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SheetNotReadable from error
    rows = said.get("rows") if isinstance(said, dict) else said
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SheetNotReadable
    if len(rows) > MOST_ROWS:
        raise TooManyRows(most=MOST_ROWS)
    if not rows:
        raise SheetEmpty
    head = list(dict.fromkeys(name for row in rows for name in row))
    if len(head) > MOST_COLUMNS:  # each row comes back with a cell under each name
        raise SheetNotReadable
    entries = [Entry(number, [_as_cell(row.get(name)) for name in head], row) for number, row in enumerate(rows, 1)]
    return Sent(head, entries, {name: name for name in head})


def _as_cell(value: object) -> Cell:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return orjson.dumps(value).decode()


def _of_sheet(table: Sequence[Sequence[Cell]], kind: str) -> Sent:
    columns = columns_under(table[0], kind)
    entries = []
    for number, cells in enumerate(table[1:], 2):
        entry = Entry(number, cells, {})
        for column, cell in zip(columns, cells, strict=False):
            if column is not None:
                _take(entry, column, cell)
        if entry.said or entry.faults:
            entries.append(entry)
    if not entries:
        raise SheetEmpty
    return Sent(
        ["" if cell is None else str(cell) for cell in table[0]],
        entries,
        {column.field: column.zh for column in COLUMNS[kind]},
    )


def _take(entry: Entry, column: Column, cell: Cell) -> None:
    value = value_of(cell, column.kind)
    if isinstance(value, BadCell):
        entry.faults.append(CellFault(column.zh, value.code, f"{value.zh} / {value.en}"))
    elif value is not None:
        entry.said[column.field] = value


def modelled(sent: Sent, model: type[Model]) -> list[tuple[Entry, Model]]:
    """The rows that the API would take; what is wrong with the others is noted with them."""
    good = []
    for entry in sent.entries:
        if entry.faults:
            continue
        try:
            good.append((entry, model.model_validate(entry.said)))
        except ValidationError as error:
            for item in error.errors(include_url=False, include_context=False, include_input=False):
                told = fault(item["loc"], item["type"], item["msg"])
                whole = "_".join(map(str, item["loc"]))  # a form has one field for each part of what is nested
                name = whole if whole in sent.columns else str(item["loc"][0]) if item["loc"] else ""
                entry.faults.append(CellFault(sent.columns.get(name, name), told["code"], told["detail"]))
    return good


class _Words:
    """Looks up what people wrote in place of ids, and notes with each row what was not found."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    def said(self, name: str) -> set[str]:
        """All that was written under a column."""
        return {entry.said[name] for entry in self._sent.entries if name in entry.said}

    def put(self, entry: Entry, name: str, into: str, found: object | None, missing: Refusal) -> None:
        """Put an id in the place of a word."""
        entry.said.pop(name)
        if found is None:
            self.note(entry, name, missing)
        else:
            entry.said[into] = str(found)

    def note(self, entry: Entry, name: str, refusal: Refusal) -> None:
        """Say that a word stands for nothing, and what to do."""
        column = self._sent.columns.get(name, name)
        entry.faults.append(CellFault(column, refusal.code, f"{refusal.title} / {refusal.title_en}"))


async def name_contracts(connection: Connection, sent: Sent) -> None:
    """Contracts of a sheet: firms by their credit codes, mines by licence, the rest by the seller's own papers."""
    words = _Words(sent)
    for entry in sent.entries:
        for name in ("seller", "buyer"):
            _normalise(sent, entry, name)
    firms = await bulk.firms_by_code(connection, words.said("seller") | words.said("buyer"))
    for entry in sent.entries:
        for name in ("seller", "buyer"):
            if name in entry.said:
                words.put(entry, name, f"{name}_id", firms.get(entry.said[name]), filings.UnknownEnterprise())
    sellers = {UUID(entry.said["seller_id"]) for entry in sent.entries if "seller_id" in entry.said}
    await _name_sources(connection, sent, words, sellers)
    frameworks = await bulk.contracts_by_number(connection, sellers, words.said("framework"))
    for entry in sent.entries:
        if "framework" in entry.said and "seller_id" in entry.said:
            row = frameworks.get((UUID(entry.said["seller_id"]), entry.said["framework"]))
            words.put(entry, "framework", "framework_id", row and row["id"], filings.UnknownFramework())
        if "proof" in entry.said:
            try:
                entry.said["proof"] = lots_of(entry.said["proof"])
            except Malformed as error:
                entry.faults.append(CellFault(sent.columns["proof"], error.code, f"{error.zh} / {error.en}"))


async def name_slips(connection: Connection, sent: Sent, firm: UUID) -> None:
    """Slips of a sheet are the sender's own; lines are named."""
    words = _Words(sent)
    await _name_sources(connection, sent, words, {firm})
    lines = await bulk.lines_by_name(connection, firm, words.said("line"))
    for entry in sent.entries:
        entry.said["enterprise_id"] = str(firm)
        if "line" in entry.said:
            words.put(entry, "line", "line_id", lines.get(entry.said["line"]), filings.UnknownLine())


async def name_tickets(connection: Connection, sent: Sent, firm: UUID) -> None:
    """Tickets of a sheet go by the sender's contracts and slips; stations are named among the two parties'."""
    words = _Words(sent)
    contracts = await bulk.contracts_by_number(connection, {firm}, words.said("contract"))
    slips = await bulk.slips_by_number(connection, firm, words.said("slip"))
    buyers = {row["buyer_id"] for row in contracts.values()} | {firm}
    named = words.said("source_station") | words.said("destination_station")
    stations = await bulk.stations_by_name(connection, buyers, named)
    for entry in sent.entries:
        buyer = firm
        if "contract" in entry.said:
            row = contracts.get((firm, entry.said["contract"]))
            buyer = row["buyer_id"] if row else firm
            words.put(entry, "contract", "contract_id", row and row["id"], UnknownPaper())
        if "slip" in entry.said:
            slip = slips.get(entry.said["slip"])
            words.put(entry, "slip", "slip_id", slip and slip["id"], UnknownPaper())
        for name, owner in (("source_station", firm), ("destination_station", buyer)):
            if name in entry.said:
                found = stations.get((owner, entry.said[name]), [])
                one = found[0] if len(found) == 1 else None
                words.put(entry, name, f"{name}_id", one, StationUnclear())


async def _name_sources(connection: Connection, sent: Sent, words: _Words, firms: set[UUID]) -> None:
    found = {
        "mine": await bulk.mines_by_licence(connection, words.said("mine")),
        "project": await bulk.projects_by_document(connection, firms, words.said("project")),
        "stock": await bulk.stocks_by_document(connection, firms, words.said("stock")),
    }
    missing = {"mine": filings.UnknownMine(), "project": filings.UnknownSource(), "stock": filings.UnknownSource()}
    for entry in sent.entries:
        for name, known in found.items():
            if name in entry.said:
                words.put(entry, name, f"{name}_id", known.get(entry.said[name]), missing[name])


def _normalise(sent: Sent, entry: Entry, name: str) -> None:
    if name not in entry.said:
        return
    try:
        entry.said[name] = normalise_credit_code(entry.said[name])
    except Malformed as error:
        entry.said.pop(name)
        entry.faults.append(CellFault(sent.columns[name], error.code, f"{error.zh} / {error.en}"))
