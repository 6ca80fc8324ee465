"""The registry's entries: who sees which, and the versions that they had."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, cast, column, exists, table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped
from sqlmodel import and_, col, false, or_, select, true
from sqlmodel.ext.asyncio.session import AsyncSession

from service.domain.permissions import Actor
from service.domain.refusals import NotFound, Refusal
from service.domain.registry import CreditCodeRegistered, JurisdictionUnknown, LicenceRegistered
from service.store.tables import (
    EnterpriseRow,
    Entry,
    JurisdictionRow,
    LineRow,
    MineRow,
    ProjectRow,
    RevisionRow,
    StationRow,
    StockRow,
)

Row = TypeVar("Row", bound=Entry)

REFUSALS = MappingProxyType[str, type[Refusal]](
    {
        "a_credit_code_is_registered_once": CreditCodeRegistered,
        "a_licence_is_registered_once": LicenceRegistered,
        "an_enterprise_lies_in_a_jurisdiction": JurisdictionUnknown,
        "a_mine_lies_in_a_jurisdiction": JurisdictionUnknown,
        "a_station_lies_in_a_jurisdiction": JurisdictionUnknown,
        "a_project_lies_in_a_jurisdiction": JurisdictionUnknown,
    }
)


_ALLOTMENT = table("allotment", *(column(name, Uuid()) for name in ("mine_id", "project_id", "stock_id")))
_ACCOUNT = table("account", column("kind"), column("owner_id", Uuid()))
_LIES_IN = MappingProxyType[type[Entry], Mapped[Any]](
    {
        EnterpriseRow: col(EnterpriseRow.jurisdiction),
        MineRow: col(MineRow.jurisdiction),
        StationRow: col(StationRow.jurisdiction),
        ProjectRow: col(ProjectRow.jurisdiction),
    }
)
_BELONGS_TO = MappingProxyType[type[Entry], Mapped[Any]](
    {
        EnterpriseRow: col(EnterpriseRow.id),
        MineRow: col(MineRow.enterprise_id),
        StationRow: col(StationRow.enterprise_id),
        LineRow: col(LineRow.enterprise_id),
        ProjectRow: col(ProjectRow.operator_id),
        StockRow: col(StockRow.enterprise_id),
    }
)
_CALLED = MappingProxyType[type[Entry], tuple[Mapped[Any], ...]](
    {
        EnterpriseRow: (col(EnterpriseRow.name), col(EnterpriseRow.credit_code)),
        MineRow: (col(MineRow.name), col(MineRow.licence_number)),
        StationRow: (col(StationRow.name),),
        LineRow: (col(LineRow.name),),
        ProjectRow: (col(ProjectRow.name), col(ProjectRow.document_no)),
        StockRow: (col(StockRow.grade), col(StockRow.document_no)),
    }
)


def in_area(kind: type[Entry], area: str) -> ColumnElement[bool]:
    """Which entries lie in the area whose codes begin with these digits; what has no place of its own lies with its firm."""
    if kind in _LIES_IN:
        return _LIES_IN[kind].startswith(area)
    firms = select(EnterpriseRow.id).where(col(EnterpriseRow.jurisdiction).startswith(area))
    return _BELONGS_TO[kind].in_(firms)


def of_enterprise(kind: type[Entry], enterprise_id: UUID) -> ColumnElement[bool]:
    """Which entries are an enterprise's own: a station also when it stands at one of its mines."""
    own = _BELONGS_TO[kind] == enterprise_id
    if kind is not StationRow:
        return own
    mines = select(MineRow.id).where(MineRow.enterprise_id == enterprise_id)
    return or_(own, col(StationRow.mine_id).in_(mines))


def at_mine(mine_id: UUID) -> ColumnElement[bool]:
    """Which stations stand at a mine."""
    return col(StationRow.mine_id) == mine_id


def of_station(kind: type[Entry], station_id: UUID) -> ColumnElement[bool]:
    """Which entries name a station: itself, its mine, its enterprise."""
    station = select(StationRow).where(StationRow.id == station_id).subquery()
    if kind is StationRow:
        return col(StationRow.id) == station_id
    if kind is MineRow:
        return col(MineRow.id).in_(select(station.c.mine_id))
    if kind is EnterpriseRow:
        owners = select(MineRow.enterprise_id).where(col(MineRow.id).in_(select(station.c.mine_id)))
        return or_(col(EnterpriseRow.id).in_(select(station.c.enterprise_id)), col(EnterpriseRow.id).in_(owners))
    return false()


def seen_by(kind: type[Entry], actor: Actor) -> ColumnElement[bool]:
    """Which entries an actor may know of."""
    if actor.reads_all:
        return true()
    if actor.area is not None:
        return in_area(kind, actor.area)
    if actor.enterprise_id is not None:
        return of_enterprise(kind, actor.enterprise_id)
    if actor.station_id is not None:
        return of_station(kind, actor.station_id)
    return false()


def called(kind: type[Entry], sought: str) -> ColumnElement[bool]:
    """Which entries have some words in their names or numbers, or belong to a firm that has."""
    own = or_(*(name.icontains(sought, autoescape=True) for name in _CALLED[kind]))
    if kind is EnterpriseRow:
        return own
    firms = [name.icontains(sought, autoescape=True) for name in _CALLED[EnterpriseRow]]
    return or_(own, _BELONGS_TO[kind].in_(select(EnterpriseRow.id).where(or_(*firms))))


def does(enterprise_kind: str) -> ColumnElement[bool]:
    """Which enterprises do one thing with ore."""
    return col(EnterpriseRow.kinds).contains([enterprise_kind])


async def find(session: AsyncSession, kind: type[Row], entry_id: UUID, *, actor: Actor, lock: bool = False) -> Row:
    """An entry that the actor may know of; locked until the transaction ends when it is about to be edited."""
    sought = select(kind).where(kind.id == entry_id, seen_by(kind, actor))
    entry = (await session.exec(sought.with_for_update() if lock else sought)).one_or_none()
    if entry is None:
        raise NotFound
    return entry


async def named(session: AsyncSession, kind: type[Row], entry_id: UUID) -> Row:
    """The entry that another one names, whoever may know of it; raises NotFound."""
    entry = await session.get(kind, entry_id)
    if entry is None:
        raise NotFound(named=kind.slice, id=entry_id)
    return entry


async def page(
    session: AsyncSession, kind: type[Row], *conditions: ColumnElement[bool], after: UUID | None, limit: int
) -> Sequence[Row]:
    """Entries in the order of their registration, after one of them."""
    sought = select(kind).where(*conditions).order_by(col(kind.id)).limit(limit)
    return (await session.exec(sought if after is None else sought.where(col(kind.id) > after))).all()


async def known(
    session: AsyncSession, kind: type[Row], ids: Collection[UUID], condition: ColumnElement[bool]
) -> set[UUID]:
    """Those of some entries, by id, that a condition lets through."""
    return set((await session.exec(select(kind.id).where(col(kind.id).in_(ids), condition))).all())


async def write(session: AsyncSession, entry: Entry, revision: RevisionRow) -> None:
    """Write an entry and what it says now; a constraint that stands against it becomes the refusal that it is named for."""
    session.add(entry)
    session.add(revision)
    try:
        await session.flush()
    except IntegrityError as error:
        refusal = REFUSALS.get(getattr(error.orig.__cause__, "constraint_name", "")) if error.orig else None
        if refusal is None:
            raise
        raise refusal from error


async def history(session: AsyncSession, slice_name: str, entry_id: UUID) -> Sequence[RevisionRow]:
    """All that an entry has ever said, oldest first."""
    sought = select(RevisionRow).where(RevisionRow.slice == slice_name, RevisionRow.entry_id == entry_id)
    return (await session.exec(sought.order_by(col(RevisionRow.version)))).all()


async def has_quota(session: AsyncSession, entry: Entry) -> bool:
    """Whether anything was ever allotted to an entry, or to what a firm has declared, or left without being allotted."""
    held = (
        select(StockRow.id).where(StockRow.enterprise_id == entry.id)
        if isinstance(entry, EnterpriseRow)
        else [entry.id]
    )
    allotted = or_(*(column.in_(held) for column in _ALLOTMENT.c))
    drawn = and_(cast(_ACCOUNT.c.kind, Text) == "quota", _ACCOUNT.c.owner_id.in_(held))
    return bool(await session.scalar(select(or_(exists().where(allotted), exists().where(drawn)))))


async def other_stocks(session: AsyncSession, enterprise_id: UUID, stock_id: UUID) -> Sequence[StockRow]:
    """The stocks that a firm has declared beside this one; the firm is held, so that it declares no other meanwhile."""
    await session.exec(select(EnterpriseRow.id).where(EnterpriseRow.id == enterprise_id).with_for_update())
    return (
        await session.exec(select(StockRow).where(StockRow.enterprise_id == enterprise_id, StockRow.id != stock_id))
    ).all()


async def jurisdictions(session: AsyncSession) -> Sequence[JurisdictionRow]:
    """All jurisdictions, by their codes."""
    return (await session.exec(select(JurisdictionRow).order_by(col(JurisdictionRow.code)))).all()
