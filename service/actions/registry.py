"""Entering who there is, and editing it: each version is kept."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

from service.db import SessionDoor
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotAllowed, VersionOutdated
from service.domain.registry import HolderHasQuota, MineHasQuota, check_declaration
from service.domain.units import shanghai_day
from service.store import audits, registry
from service.store import policies as rules
from service.store.tables import EnterpriseRow, Entry, MineRow, ProjectRow, RevisionRow, StationRow, StockRow

Row = TypeVar("Row", bound=Entry)

_LIES_BY = MappingProxyType[type[Entry], str](
    {
        EnterpriseRow: "jurisdiction",
        MineRow: "jurisdiction",
        ProjectRow: "jurisdiction",
        StockRow: "enterprise_id",
    }
)
"""The fact that says under whose pools an entry's quota counts; a declared stock lies where its firm does."""


async def register(session: AsyncSession, entry: Row, *, place: str, at: datetime, actor: Actor) -> Row:
    """Enter an enterprise, mine, station, line, project or stock that lies in a place of the office's area (R04)."""
    if not actor.covers(place):
        raise NotAllowed

    await registry.write(session, entry, _revision(entry, at=at, actor=actor))
    await _note(session, "register", entry, at=at, actor=actor)
    return entry


async def register_station(session: AsyncSession, station: StationRow, *, at: datetime, actor: Actor) -> StationRow:
    """Enter a station in a place of the office's area; what its scale is and its road bears counts within a second (E18)."""
    entry = await register(session, station, place=station.jurisdiction, at=at, actor=actor)
    if entry.bridge_class is not None or entry.gross_limit_kg is not None:
        await rules.turn(SessionDoor(session))
    return entry


async def revise_station(
    session: AsyncSession, station: StationRow, changes: Mapping[str, Any], *, version: int, at: datetime, actor: Actor
) -> StationRow:
    """Edit a station as `revise` does; another class of its scale or limit of its road counts within a second (E18)."""
    before = station.bridge_class, station.gross_limit_kg
    entry = await revise(session, station, changes, version=version, place=changes["jurisdiction"], at=at, actor=actor)
    if (entry.bridge_class, entry.gross_limit_kg) != before:
        await rules.turn(SessionDoor(session))
    return entry


async def register_stock(
    session: AsyncSession, stock: StockRow, *, place: str, at: datetime, policies: Policies, actor: Actor
) -> StockRow:
    """Enter a declared stock, once for each firm and grade, until the cut-off (R01b, E30)."""
    if not actor.covers(place):
        raise NotAllowed
    others = await registry.other_stocks(session, stock.enterprise_id, stock.id)
    check_declaration(
        stock.grade,
        stock.kg,
        None,
        stock.surveyed_on,
        [other.grade for other in others],
        today=shanghai_day(at),
        until=policies.stock_declared_until,
    )
    return await register(session, stock, place=place, at=at, actor=actor)


async def revise_stock(
    session: AsyncSession,
    stock: StockRow,
    changes: Mapping[str, Any],
    *,
    version: int,
    place: str,
    at: datetime,
    policies: Policies,
    actor: Actor,
) -> StockRow:
    """Edit a declared stock; after the cut-off it can only become less (R01b, E30)."""
    others = await registry.other_stocks(session, changes["enterprise_id"], stock.id)
    check_declaration(
        changes["grade"],
        changes["kg"],
        stock.kg if changes["enterprise_id"] == stock.enterprise_id else None,
        changes["surveyed_on"],
        [other.grade for other in others],
        today=shanghai_day(at),
        until=policies.stock_declared_until,
    )
    return await revise(session, stock, changes, version=version, place=place, at=at, actor=actor)


async def revise(
    session: AsyncSession,
    entry: Row,
    changes: Mapping[str, Any],
    *,
    version: int,
    place: str,
    at: datetime,
    actor: Actor,
) -> Row:
    """Edit an entry that was locked for it; raises VersionOutdated when somebody else did so in the meantime.

    What was allotted quota stays where the pools above it are: raises MineHasQuota, HolderHasQuota (R06). An edit that
    changes nothing makes no new version.
    """
    if not actor.covers(place):
        raise NotAllowed
    if entry.version != version:
        raise VersionOutdated(version=entry.version)

    changed = {name: value for name, value in changes.items() if getattr(entry, name) != value}
    if not changed:
        return entry
    if _LIES_BY.get(type(entry)) in changed and await registry.has_quota(session, entry):
        raise MineHasQuota if isinstance(entry, MineRow) else HolderHasQuota
    entry.sqlmodel_update({**changed, "version": version + 1})
    await registry.write(session, entry, _revision(entry, at=at, actor=actor))
    await _note(session, "revise", entry, at=at, actor=actor, changed=sorted(changed))
    return entry


def _revision(entry: Entry, *, at: datetime, actor: Actor) -> RevisionRow:
    says = entry.model_dump(mode="json", exclude={"id", "version", "created_at"})
    return RevisionRow(
        slice=entry.slice,
        entry_id=entry.id,
        version=entry.version,
        entry=says,
        person_id=actor.person_id,
        recorded_at=at,
    )


async def _note(session: AsyncSession, verb: str, entry: Entry, *, at: datetime, actor: Actor, **facts: Any) -> None:
    await audits.note(
        SessionDoor(session),
        f"{entry.slice}.{verb}",
        entry.id,
        {"version": entry.version, **facts},
        at=at,
        actor=actor,
    )
