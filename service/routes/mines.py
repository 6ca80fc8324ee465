"""Mines with their licences; a firm that files a contract finds the mines of its partner."""

from datetime import date
from typing import Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, model_validator
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from service.actions import registry as deeds
from service.db import SessionDep
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
from service.routes.fields import Body, Day, Flag, JurisdictionCode, KilogramsIn, LicenceNo, Name, UuidText, refused
from service.routes.idempotency import OnceDep
from service.store import registry
from service.store.tables import EnterpriseRow, MineRow

router = APIRouter(prefix="/v1/mines", tags=["registry"])


Method = Literal["open", "underground"]
Operating = Literal["lawful", "suspended"]


class LicenceIn(Body):
    """A mining licence: its scale is what it allows to be mined in a year."""

    number: LicenceNo
    scale_kg: KilogramsIn
    valid_from: Day
    valid_until: Day

    @model_validator(mode="after")
    def lasts(self) -> Self:
        """A licence does not end before it begins."""
        if self.valid_until < self.valid_from:
            raise refused("ends-before-it-begins", "有效期止不得早于有效期起", "ends before it begins")
        return self


class MineIn(Body):
    """A mine as an office registers it."""

    enterprise_id: UuidText
    name: Name
    jurisdiction: JurisdictionCode
    method: Method
    licence: LicenceIn
    consolidated: Flag
    environment_ok: Flag
    safety_ok: Flag
    operating: Operating = "lawful"

    @property
    def columns(self) -> dict[str, Any]:
        """The mine as its row has it."""
        licence = {f"licence_{name}": value for name, value in self.licence.model_dump().items()}
        return {**self.model_dump(include=set(MineIn.model_fields) - {"licence"}), **licence}


class LicenceOut(BaseModel):
    """A mining licence as clients see it."""

    number: str
    scale_kg: int
    valid_from: date
    valid_until: date


class MineOut(EntryOut):
    """A mine as clients see it."""

    enterprise_id: UUID
    name: str
    jurisdiction: str
    method: Method
    licence: LicenceOut
    consolidated: bool
    environment_ok: bool
    safety_ok: bool
    operating: Operating

    @classmethod
    def of(cls, row: MineRow) -> Self:
        """A mine's row as clients see it."""
        licence = {name: getattr(row, f"licence_{name}") for name in LicenceOut.model_fields}
        return cls.model_validate({**row.model_dump(include=set(cls.model_fields)), "licence": licence})


class MineBriefOut(BaseModel):
    """What a partner may know of a mine."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    enterprise_id: UUID
    name: str
    jurisdiction: str


class MinesOut(BaseModel):
    """A page of mines, in the order of their registration."""

    items: list[MineOut | MineBriefOut]
    next: UUID | None


@router.post("", status_code=201, response_model=MineOut)
async def register_mine(body: MineIn, session: SessionDep, actor: WriterActor, once: OnceDep, at: Now) -> Response:
    """Register a mine in the office's area."""

    async def deed() -> MineOut:
        place = await _place(session, body)
        entry = MineRow(id=uuid7(), created_at=at, **body.columns)
        return MineOut.of(await deeds.register(session, entry, place=place, at=at, actor=actor))

    return await created(once, session, actor, deed)


@router.get("")
async def list_mines(
    session: SessionDep,
    actor: ReaderActor,
    enterprise_id: UUID | None = None,
    after: After = None,
    limit: Limit = 50,
) -> MinesOut:
    """The mines that the actor may know of; with a firm those of that firm, of strangers only their names and places."""
    seen = registry.seen_by(MineRow, actor)
    condition = seen if enterprise_id is None else col(MineRow.enterprise_id) == enterprise_id
    rows = await registry.page(session, MineRow, condition, after=after, limit=limit)
    ids = {row.id for row in rows}
    known = ids if enterprise_id is None else await registry.known(session, MineRow, ids, seen)
    items = [MineOut.of(row) if row.id in known else MineBriefOut.model_validate(row) for row in rows]
    return MinesOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{mine_id}")
async def show_mine(mine_id: UUID, session: SessionDep, actor: ReaderActor, response: Response) -> MineOut:
    """One mine."""
    entry = await registry.find(session, MineRow, mine_id, actor=actor)
    tag(response, entry)
    return MineOut.of(entry)


@router.patch("/{mine_id}")
async def revise_mine(
    mine_id: UUID,
    patch: Patch,
    session: SessionDep,
    actor: WriterActor,
    version: Version,
    at: Now,
    response: Response,
) -> MineOut:
    """Edit a mine; If-Match names the version that was read."""
    entry = await registry.find(session, MineRow, mine_id, actor=actor, lock=True)
    body = patched(MineIn, MineOut.of(entry), patch)
    await _place(session, body)
    entry = await deeds.revise(
        session, entry, body.columns, version=version, place=body.jurisdiction, at=at, actor=actor
    )
    tag(response, entry)
    return MineOut.of(entry)


@router.get("/{mine_id}/history")
async def show_history(mine_id: UUID, session: SessionDep, actor: ReaderActor) -> HistoryOut:
    """All that was ever registered of a mine."""
    entry = await registry.find(session, MineRow, mine_id, actor=actor)
    return HistoryOut.of(await registry.history(session, entry.slice, entry.id))


async def _place(session: AsyncSession, body: MineIn) -> str:
    await registry.named(session, EnterpriseRow, body.enterprise_id)
    return body.jurisdiction
