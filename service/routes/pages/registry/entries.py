"""The lists of the registry's kinds, and one entry with its facts, what belongs to it, and what each version changed."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import ColumnElement
from sqlmodel.ext.asyncio.session import AsyncSession

from service.db import Connection, ReaderDep, SessionDep
from service.domain.permissions import Actor, reach
from service.domain.refusals import NotFound
from service.routes.enterprises import EnterpriseKind
from service.routes.entries import ReaderActor
from service.routes.pages.investigations import subjects_of
from service.routes.pages.languages import language_of
from service.routes.pages.pages import show
from service.routes.pages.registry.kinds import KINDS, Kind
from service.routes.pages.registry.reading import changes_of, names_for, said_by
from service.store import investigations, registry
from service.store import pages as reads
from service.store.tables import EnterpriseRow, Entry, MineRow

router = APIRouter()

PAGE = 50
BELONGINGS_SHOWN = 100
INVESTIGATIONS_SHOWN = 20
Sought = Annotated[str, Query(max_length=100)]


def kind_of(slug: str) -> Kind:
    """The kind of entry that an address names; raises NotFound."""
    if slug not in KINDS:
        raise NotFound
    return KINDS[slug]


@router.get("/registry")
async def list_enterprises(
    request: Request,
    session: SessionDep,
    connection: ReaderDep,
    actor: ReaderActor,
    sought: Sought = "",
    does: str = "",
    after: UUID | None = None,
) -> Response:
    """The enterprises, with the way to all other kinds."""
    return await _list(request, session, connection, actor, KINDS["enterprises"], sought, does, after)


@router.get("/registry/{kind}")
async def list_entries(
    kind: str,
    request: Request,
    session: SessionDep,
    connection: ReaderDep,
    actor: ReaderActor,
    sought: Sought = "",
    does: str = "",
    after: UUID | None = None,
) -> Response:
    """The entries of one kind that the reader may know of, in the order of their registration."""
    return await _list(request, session, connection, actor, kind_of(kind), sought, does, after)


@router.get("/registry/{kind}/{entry_id}")
async def show_entry(
    kind: str, entry_id: UUID, request: Request, session: SessionDep, connection: ReaderDep, actor: ReaderActor
) -> Response:
    """One entry: what it says, what belongs to it, and what each version has changed."""
    of = kind_of(kind)
    entry = await registry.find(session, of.row, entry_id, actor=actor)
    revisions = await registry.history(session, of.slug, entry_id)
    said = said_by(of, entry)
    names = await names_for(
        session,
        connection,
        [said, *(revision.entry for revision in revisions)],
        language=language_of(request),
        actor=actor,
    )
    # Firms read what was registered of them, not which officer did it.
    tells_who = actor.is_office or actor.reads_all
    people = await reads.names_of(connection, {one.person_id for one in revisions}) if tells_who else {}
    is_firm = isinstance(entry, EnterpriseRow)
    may_look_into = is_firm and reach(actor, "investigations.read") is not None
    held = (
        await investigations.list_investigations(
            connection, enterprise_id=entry_id, limit=INVESTIGATIONS_SHOWN, actor=actor
        )
        if may_look_into
        else []
    )
    return await show(
        request,
        connection,
        actor,
        "entry.html",
        kind=of,
        entry=entry,
        title=getattr(entry, of.title),
        facts=names.facts(of, said, [column.field for column in of.columns]),
        changes=changes_of(of, revisions, names, people),
        belongings=await _belongings(session, entry, actor),
        may_look_into=may_look_into,
        held=held,
        subjects=await subjects_of(connection, held),
        may_release=reach(actor, "investigations.release") is not None,
        may_write=reach(actor, "registry.write") is not None,
    )


async def _list(
    request: Request,
    session: AsyncSession,
    connection: Connection,
    actor: Actor,
    kind: Kind,
    sought: str,
    does: str,
    after: UUID | None,
) -> Response:
    conditions: list[ColumnElement[bool]] = [registry.seen_by(kind.row, actor)]
    if words := sought.strip():
        conditions.append(registry.called(kind.row, words))
    chosen = does if kind.row is EnterpriseRow and does in set(EnterpriseKind) else ""
    if chosen:
        conditions.append(registry.does(chosen))
    rows = await registry.page(session, kind.row, *conditions, after=after, limit=PAGE)
    said = [said_by(kind, row) for row in rows]
    names = await names_for(session, connection, said, language=language_of(request), actor=actor)
    return await show(
        request,
        connection,
        actor,
        "registry.html",
        kind=kind,
        kinds=KINDS.values(),
        listed=[kind.column(field) for field in kind.listed],
        rows=[
            (row.id, getattr(row, kind.title), names.facts(kind, each, kind.listed))
            for row, each in zip(rows, said, strict=True)
        ],
        following=rows[-1].id if len(rows) == PAGE else None,
        sought=sought,
        does=chosen,
        uses=[one.value for one in EnterpriseKind] if kind.row is EnterpriseRow else [],
        may_write=reach(actor, "registry.write") is not None,
    )


async def _belongings(
    session: AsyncSession, entry: Entry, actor: Actor
) -> Sequence[tuple[Kind, Sequence[tuple[UUID, str]]]]:
    """What belongs to a firm, kind by kind, and the stations of a mine, as far as the reader may know of it."""
    found = []
    for kind in KINDS.values():
        if isinstance(entry, EnterpriseRow) and kind.row is not EnterpriseRow:
            condition = registry.of_enterprise(kind.row, entry.id)
        elif isinstance(entry, MineRow) and kind.slug == "stations":
            condition = registry.at_mine(entry.id)
        else:
            continue
        rows = await registry.page(
            session, kind.row, condition, registry.seen_by(kind.row, actor), after=None, limit=BELONGINGS_SHOWN
        )
        found.append((kind, [(row.id, getattr(row, kind.title)) for row in rows]))
    return found
