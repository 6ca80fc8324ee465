"""Investigations: contracts and lots that an authority holds until a day."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel

from service.actions import investigations as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain.investigations import Held, Investigation
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes.entries import After, Limit, Now
from service.routes.fields import Body, Day, DocumentNo, Name, Reason, UuidText
from service.routes.idempotency import OnceDep
from service.store import investigations

router = APIRouter(prefix="/v1/investigations", tags=["investigations"])


class InvestigationIn(Body):
    """What is held, by which authority and document, why, and until which day."""

    subject_kind: Held
    subject_id: UuidText
    authority: Name
    reason: Reason
    document_no: DocumentNo
    ends_on: Day


class ReleaseIn(Body):
    """What was found."""

    note: Reason


class InvestigationOut(BaseModel):
    """An investigation; once it has ended `released_at` says when, and `ended_by_itself` whether its day had passed."""

    id: UUID
    subject_kind: Held
    subject_id: UUID
    authority: str
    reason: str
    document_no: str
    ends_on: date
    opened_at: datetime
    released_at: datetime | None
    ended_by_itself: bool
    note: str | None


class InvestigationsOut(BaseModel):
    """A page of investigations, newest first."""

    items: list[InvestigationOut]
    next: UUID | None


@router.post("", status_code=201, response_model=InvestigationOut)
async def open_investigation(
    body: InvestigationIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("investigations.open"))],
    once: OnceDep,
    at: Now,
) -> Response:
    """Hold a contract or a lot; its parties are told, and after its last day it is free by itself (E57)."""

    async def deed() -> InvestigationOut:
        said = body.model_dump()
        wanted = Investigation(said.pop("subject_kind"), **said)
        return await _one(
            connection, await deeds.open_investigation(connection, wanted, at=at, actor=actor), actor=actor
        )

    return await once(connection, actor, deed)


@router.get("")
async def list_investigations(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("investigations.read"))],
    after: After = None,
    limit: Limit = 50,
) -> InvestigationsOut:
    """The investigations of the office's area, or of the firm's own papers, newest first."""
    rows = await investigations.list_investigations(connection, after=after, limit=limit, actor=actor)
    items = [InvestigationOut.model_validate(dict(row)) for row in rows]
    return InvestigationsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.post("/{investigation_id}/release", response_model=InvestigationOut)
async def release_investigation(
    investigation_id: UUID,
    body: ReleaseIn,
    connection: ConnectionDep,
    actor: Annotated[Actor, Depends(may("investigations.release"))],
    once: OnceDep,
    at: Now,
) -> Response:
    """Let a paper go before its day."""

    async def deed() -> InvestigationOut:
        await deeds.release_investigation(connection, investigation_id, body.note, at=at, actor=actor)
        return await _one(connection, investigation_id, actor=actor)

    return await once(connection, actor, deed, status=200)


async def _one(connection: Connection, investigation_id: UUID, *, actor: Actor) -> InvestigationOut:
    rows = await investigations.list_investigations(connection, investigation_id=investigation_id, actor=actor)
    if not rows:
        raise NotFound
    return InvestigationOut.model_validate(dict(rows[0]))
