"""Weighing stations: at a mine, or in the yard of a trader or plant; a seller finds those of its buyer."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import ColumnElement
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from service.actions import registry as deeds
from service.db import SessionDep
from service.domain.policies import BridgeClass
from service.routes.entries import (
    After,
    EntryOut,
    HistoryOut,
    Limit,
    Now,
    Patch,
    ReaderActor,
    Version,
    WriterActor,
    created,
    patched,
    tag,
)
from service.routes.fields import Body, JurisdictionCode, LoadKilograms, Name, UuidText, refused
from service.routes.idempotency import OnceDep
from service.store import registry
from service.store.tables import EnterpriseRow, MineRow, StationRow

router = APIRouter(prefix="/v1/stations", tags=["registry"])


class StationIn(Body):
    """A station as an office registers it."""

    name: Name
    jurisdiction: JurisdictionCode
    mine_id: UuidText | None = None
    enterprise_id: UuidText | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    bridge_class: BridgeClass | None = None
    gross_limit_kg: LoadKilograms | None = None

    @model_validator(mode="after")
    def serves_one_place(self) -> Self:
        """A station stands at a mine or in an enterprise's yard."""
        if (self.mine_id is None) == (self.enterprise_id is None):
            raise refused(
                "one-place-required",
                "mine_id 与 enterprise_id 须且只须填写一项",
                "give either mine_id or enterprise_id",
            )
        if (self.latitude is None) != (self.longitude is None):
            raise refused("place-is-half", "经度与纬度须同时填写", "give both latitude and longitude, or neither")
        return self


class StationOut(EntryOut):
    """A station as clients see it."""

    name: str
    jurisdiction: str
    mine_id: UUID | None
    enterprise_id: UUID | None
    latitude: float | None
    longitude: float | None
    bridge_class: BridgeClass | None
    gross_limit_kg: int | None


class StationsOut(BaseModel):
    """A page of stations, in the order of their registration."""

    items: list[StationOut]
    next: UUID | None


@router.post("", status_code=201, response_model=StationOut)
async def register_station(
    body: StationIn, session: SessionDep, actor: WriterActor, once: OnceDep, at: Now
) -> Response:
    """Register a station in the office's area."""

    async def deed() -> StationOut:
        await _check_place(session, body)
        entry = StationRow(id=uuid7(), created_at=at, **body.model_dump())
        return StationOut.model_validate(await deeds.register_station(session, entry, at=at, actor=actor))

    return await created(once, session, actor, deed)


@router.get("")
async def list_stations(
    session: SessionDep,
    actor: ReaderActor,
    mine_id: UUID | None = None,
    enterprise_id: UUID | None = None,
    after: After = None,
    limit: Limit = 50,
) -> StationsOut:
    """The stations that the actor may know of; with a mine or firm those of that mine or firm, whoever asks."""
    conditions: list[ColumnElement[bool]] = []
    if mine_id is not None:
        conditions.append(col(StationRow.mine_id) == mine_id)
    if enterprise_id is not None:
        conditions.append(registry.of_enterprise(StationRow, enterprise_id))
    conditions = conditions or [registry.seen_by(StationRow, actor)]
    rows = await registry.page(session, StationRow, *conditions, after=after, limit=limit)
    items = [StationOut.model_validate(row) for row in rows]
    return StationsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{station_id}")
async def show_station(station_id: UUID, session: SessionDep, actor: ReaderActor, response: Response) -> StationOut:
    """One station."""
    entry = await registry.find(session, StationRow, station_id, actor=actor)
    tag(response, entry)
    return StationOut.model_validate(entry)


@router.patch("/{station_id}")
async def revise_station(
    station_id: UUID,
    patch: Patch,
    session: SessionDep,
    actor: WriterActor,
    version: Version,
    at: Now,
    response: Response,
) -> StationOut:
    """Edit a station; If-Match names the version that was read."""
    entry = await registry.find(session, StationRow, station_id, actor=actor, lock=True)
    body = patched(StationIn, StationOut.model_validate(entry), patch)
    await _check_place(session, body)
    entry = await deeds.revise_station(session, entry, body.model_dump(), version=version, at=at, actor=actor)
    tag(response, entry)
    return StationOut.model_validate(entry)


@router.get("/{station_id}/history")
async def show_history(station_id: UUID, session: SessionDep, actor: ReaderActor) -> HistoryOut:
    """All that was ever registered of a station."""
    entry = await registry.find(session, StationRow, station_id, actor=actor)
    return HistoryOut.of(await registry.history(session, entry.slice, entry.id))


async def _check_place(session: AsyncSession, body: StationIn) -> None:
    if body.mine_id is not None:
        await registry.named(session, MineRow, body.mine_id)
    if body.enterprise_id is not None:
        await registry.named(session, EnterpriseRow, body.enterprise_id)
