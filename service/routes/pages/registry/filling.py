"""Registering and revising entries on pages: the doors of the API, behind a form that says beside each field what is wrong."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from service.db import Connection, ReaderDep, SessionDep
from service.domain.codes.credit_codes import normalise_credit_code
from service.domain.codes.texts import Malformed
from service.domain.filings import UnknownEnterprise
from service.domain.permissions import Actor
from service.domain.refusals import Refusal, VersionOutdated
from service.domain.sheets import CellFault, CellKind
from service.routes.bulk.reading import Sent
from service.routes.entries import Now, WriterActor
from service.routes.pages.languages import language_of
from service.routes.pages.registry.entries import kind_of
from service.routes.pages.registry.kinds import AT_FIRST, BESIDE, CODED, FIRMS, NAMED, TICKED, Kind
from service.routes.pages.registry.reading import Fact, names_for, said_by
from service.routes.pages.returned import returned_to
from service.routes.pages.typed import FormOnceDep, entry_of, fields_of, in_tonnes, model_of, show_form
from service.store import pages as reads
from service.store import registry
from service.store.tables import EnterpriseRow, Entry, LineRow, StockRow

router = APIRouter()

CHOICES_SHOWN = 500
LIE_WITH_THEIR_FIRM = (LineRow, StockRow)


@router.get("/registry/{kind}/new")
async def begin_entry(
    kind: str,
    request: Request,
    session: SessionDep,
    connection: ReaderDep,
    actor: WriterActor,
    enterprise: UUID | None = None,
) -> Response:
    """An empty form; for what belongs to a firm, with the firm's code."""
    of = kind_of(kind)
    typed = {**AT_FIRST, "jurisdiction": actor.jurisdiction or "", "once": str(uuid7())}
    if enterprise is not None:
        firm = await registry.find(session, EnterpriseRow, enterprise, actor=actor)
        typed |= {**dict.fromkeys(FIRMS, firm.credit_code), "jurisdiction": firm.jurisdiction}
    return await _form(request, session, connection, actor, of, typed)


@router.post("/registry/{kind}/new")
async def register_entry(
    kind: str,
    request: Request,
    session: SessionDep,
    actor: WriterActor,
    at: Now,
    once: FormOnceDep,
) -> Response:
    """Register an entry; the same form sent twice registers one."""
    of = kind_of(kind)
    body = model_of(await _read(session, of, await fields_of(request), actor), of.body)
    told = (request,) if of.asks_policies else ()
    done = await of.register(body, *told, session, actor, once, at)
    return RedirectResponse(f"/registry/{of.slug}/{orjson.loads(done.body)['id']}", 303)


@router.get("/registry/{kind}/{entry_id}/revise")
async def begin_revision(
    kind: str, entry_id: UUID, request: Request, session: SessionDep, connection: ReaderDep, actor: WriterActor
) -> Response:
    """The form with what the entry says now; what somebody else has entered meanwhile stands beside what was typed."""
    of = kind_of(kind)
    entry = await registry.find(session, of.row, entry_id, actor=actor)
    written = await _written(session, of, entry)
    returned = returned_to(request)
    meanwhile: Mapping[str, Fact] = {}
    if returned.problem.get("code") == VersionOutdated().code:
        said = said_by(of, entry)
        names = await names_for(session, connection, [said], language=language_of(request), actor=actor)
        meanwhile = {field: names.fact(of, field, said[field]) for field in _differing(of, returned.typed, written)}
    typed = {**written, "version": str(entry.version)}
    return await _form(request, session, connection, actor, of, typed, entry=entry, meanwhile=meanwhile)


@router.post("/registry/{kind}/{entry_id}/revise")
async def revise_entry(
    kind: str,
    entry_id: UUID,
    request: Request,
    session: SessionDep,
    actor: WriterActor,
    at: Now,
) -> Response:
    """Revise an entry; what somebody else has entered meanwhile is not overwritten unseen."""
    of = kind_of(kind)
    entry = await registry.find(session, of.row, entry_id, actor=actor, lock=True)
    typed = await fields_of(request)
    body = model_of(await _read(session, of, typed, actor), of.body)
    read = typed.get("version", "")
    version = int(read) if read.isdecimal() and read.isascii() and len(read) < 10 else 0
    told = (request,) if of.asks_policies else ()
    is_sent_twice = version != entry.version and not _differing(of, typed, await _written(session, of, entry))
    if not is_sent_twice:
        await of.revise(entry_id, body.model_dump(mode="json"), *told, session, actor, version, at, Response())
    return RedirectResponse(f"/registry/{of.slug}/{entry_id}", 303)


async def _form(
    request: Request,
    session: AsyncSession,
    connection: Connection,
    actor: Actor,
    kind: Kind,
    typed: Mapping[str, str],
    *,
    entry: Entry | None = None,
    meanwhile: Mapping[str, Fact] = MappingProxyType({}),
) -> Response:
    fields = {column.field for column in kind.columns}
    spoken = "name" if language_of(request) == "zh" else "name_en"
    places = await reads.list_places(connection)
    firms: Sequence[EnterpriseRow] = []
    if fields & FIRMS:
        seen = registry.seen_by(EnterpriseRow, actor)
        firms = await registry.page(session, EnterpriseRow, seen, after=None, limit=CHOICES_SHOWN)
    named = {
        field: await _choices(session, connection, row, getattr(entry, field) if entry else None, actor)
        for field, row in NAMED.items()
        if field in fields - FIRMS
    }
    return await show_form(
        request,
        connection,
        actor,
        "entry_form.html",
        columns=kind.columns,
        typed=typed,
        beside=BESIDE,
        kind=kind,
        entry=entry,
        title=getattr(entry, kind.title) if entry else None,
        meanwhile=meanwhile,
        coded=CODED,
        places=[(place["code"], place[spoken]) for place in places if actor.covers(place["code"])],
        firms=[(firm.credit_code, firm.name) for firm in firms],
        named=named,
    )


async def _choices(
    session: AsyncSession, connection: Connection, row: type[Entry], stands: UUID | None, actor: Actor
) -> Sequence[tuple[str, str]]:
    """The mines or stations that may be chosen, by id; what stands there already stays, wherever it lies."""
    rows = await registry.page(session, row, registry.seen_by(row, actor), after=None, limit=CHOICES_SHOWN)
    names = await reads.names_of(connection, {*(one.id for one in rows), stands})
    return [(str(key), name) for key, name in sorted(names.items(), key=lambda each: each[1])]


async def _read(session: AsyncSession, kind: Kind, typed: Mapping[str, str], actor: Actor) -> Sent:
    """The form as the API takes it: ticks are yes or no, firms are named by their codes, a licence is a part of its own."""
    sent = entry_of(kind.columns, typed)
    entry = sent.entries[0]
    for column in kind.columns:
        field = column.field
        if column.kind is CellKind.YES_NO:
            entry.said[field] = typed.get(field) == TICKED
        elif field == "kinds":
            entry.said[field] = [one for one in CODED[field][1] if typed.get(f"kinds-{one}") == TICKED]
            if not entry.said[field]:
                entry.faults.append(CellFault(column.zh, "missing", "请至少选择一类 / choose at least one"))
        elif field in FIRMS and field in entry.said:
            firm = await _firm(session, entry.said.pop(field))
            if firm is None:
                entry.faults.append(_fault(column.zh, UnknownEnterprise()))
            elif kind.row in LIE_WITH_THEIR_FIRM and not actor.covers(firm.jurisdiction):
                told = "该企业不在本辖区 / this enterprise lies outside your area"
                entry.faults.append(CellFault(column.zh, "outside-your-area", told))
            else:
                entry.said[field] = str(firm.id)
    licence = {name: entry.said.pop(name) for name in list(entry.said) if name.startswith("licence_")}
    if licence:
        entry.said["licence"] = {name.removeprefix("licence_"): value for name, value in licence.items()}
    return sent


async def _firm(session: AsyncSession, code: str) -> EnterpriseRow | None:
    try:
        normal = normalise_credit_code(code)
    except Malformed:
        return None
    rows = await registry.page(session, EnterpriseRow, col(EnterpriseRow.credit_code) == normal, after=None, limit=1)
    return rows[0] if rows else None


async def _written(session: AsyncSession, kind: Kind, entry: Entry) -> dict[str, str]:
    """What an entry says, as one would type it."""
    typed: dict[str, str] = {}
    for field, value in said_by(kind, entry).items():
        if field == "kinds":
            typed |= {f"kinds-{one}": TICKED for one in value}
        elif field in FIRMS and value is not None:
            typed[field] = (await registry.named(session, EnterpriseRow, value)).credit_code
        elif kind.column(field).kind is CellKind.TONNES and value is not None:
            typed[field] = in_tonnes(value)
        elif isinstance(value, bool):
            typed[field] = TICKED if value else ""
        elif isinstance(value, Decimal):
            typed[field] = f"{value.normalize():f}"
        elif isinstance(value, date):
            typed[field] = value.isoformat()
        else:
            typed[field] = "" if value is None else str(value)
    return typed


def _differing(kind: Kind, typed: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The facts of which something else was typed than stands there now."""
    parts = {"kinds": [f"kinds-{one}" for one in CODED["kinds"][1]]}
    return [
        column.field
        for column in kind.columns
        if any(typed.get(part, "") != now.get(part, "") for part in parts.get(column.field, [column.field]))
    ]


def _fault(column: str, refusal: Refusal) -> CellFault:
    return CellFault(column, refusal.code, f"{refusal.title} / {refusal.title_en}")
