"""Restoration and hazard-removal projects that yield ore (R01c)."""

from datetime import date
from typing import Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, model_validator
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from service.actions.registry import register, revise
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
from service.routes.fields import Body, Day, DocumentNo, JurisdictionCode, KilogramsIn, Name, UuidText, refused
from service.routes.idempotency import OnceDep
from service.store import registry
from service.store.tables import EnterpriseRow, ProjectRow, StationRow

router = APIRouter(prefix="/v1/projects", tags=["registry"])


class ProjectIn(Body):
    """A project as an office registers it; `exit_station_id` is the one weighing station through which its ore leaves."""

    name: Name
    jurisdiction: JurisdictionCode
    operator_id: UuidText
    approved_kg: KilogramsIn
    valid_from: Day
    valid_until: Day
    document_no: DocumentNo
    exit_station_id: UuidText | None = None

    @model_validator(mode="after")
    def lasts(self) -> Self:
        """A project does not end before it begins."""
        if self.valid_until < self.valid_from:
            raise refused("ends-before-it-begins", "有效期止不得早于有效期起", "ends before it begins")
        return self


class ProjectOut(EntryOut):
    """A project as clients see it."""

    name: str
    jurisdiction: str
    operator_id: UUID
    approved_kg: int
    valid_from: date
    valid_until: date
    document_no: str
    exit_station_id: UUID | None


class ProjectsOut(BaseModel):
    """A page of projects, in the order of their registration."""

    items: list[ProjectOut]
    next: UUID | None


@router.post("", status_code=201, response_model=ProjectOut)
async def register_project(
    body: ProjectIn, session: SessionDep, actor: WriterActor, once: OnceDep, at: Now
) -> Response:
    """Register a project in the office's area."""

    async def deed() -> ProjectOut:
        place = await _place(session, body)
        entry = ProjectRow(id=uuid7(), created_at=at, **body.model_dump())
        return ProjectOut.model_validate(await register(session, entry, place=place, at=at, actor=actor))

    return await created(once, session, actor, deed)


@router.get("")
async def list_projects(
    session: SessionDep,
    actor: ReaderActor,
    after: After = None,
    limit: Limit = 50,
) -> ProjectsOut:
    """The projects that the actor may know of."""
    condition = registry.seen_by(ProjectRow, actor)
    rows = await registry.page(session, ProjectRow, condition, after=after, limit=limit)
    items = [ProjectOut.model_validate(row) for row in rows]
    return ProjectsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{project_id}")
async def show_project(project_id: UUID, session: SessionDep, actor: ReaderActor, response: Response) -> ProjectOut:
    """One project."""
    entry = await registry.find(session, ProjectRow, project_id, actor=actor)
    tag(response, entry)
    return ProjectOut.model_validate(entry)


@router.patch("/{project_id}")
async def revise_project(
    project_id: UUID,
    patch: Patch,
    session: SessionDep,
    actor: WriterActor,
    version: Version,
    at: Now,
    response: Response,
) -> ProjectOut:
    """Edit a project; If-Match names the version that was read."""
    entry = await registry.find(session, ProjectRow, project_id, actor=actor, lock=True)
    body = patched(ProjectIn, ProjectOut.model_validate(entry), patch)
    place = await _place(session, body)
    entry = await revise(session, entry, body.model_dump(), version=version, place=place, at=at, actor=actor)
    tag(response, entry)
    return ProjectOut.model_validate(entry)


@router.get("/{project_id}/history")
async def show_history(project_id: UUID, session: SessionDep, actor: ReaderActor) -> HistoryOut:
    """All that was ever registered of a project."""
    entry = await registry.find(session, ProjectRow, project_id, actor=actor)
    return HistoryOut.of(await registry.history(session, entry.slice, entry.id))


async def _place(session: AsyncSession, body: ProjectIn) -> str:
    await registry.named(session, EnterpriseRow, body.operator_id)
    if body.exit_station_id:
        await registry.named(session, StationRow, body.exit_station_id)
    return body.jurisdiction
