"""Enterprises: registered by the offices; whoever has signed in finds one by its credit code, to file a contract with it."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, Field
from sqlmodel import col
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
from service.routes.fields import Body, CreditCode, JurisdictionCode, Name
from service.routes.idempotency import OnceDep
from service.store import registry
from service.store.tables import EnterpriseRow

router = APIRouter(prefix="/v1/enterprises", tags=["registry"])


class EnterpriseKind(StrEnum):
    """What an enterprise does with ore."""

    MINE = "mine"
    DRESSER = "dresser"
    PROCESSOR = "processor"
    TRADER = "trader"
    CARRIER = "carrier"


Kinds = Annotated[
    list[EnterpriseKind], Field(min_length=1, max_length=5), AfterValidator(lambda kinds: sorted(set(kinds)))
]


class EnterpriseIn(Body):
    """An enterprise as an office registers it; `group_code` is the credit code of the head of its group."""

    credit_code: CreditCode
    name: Name
    kinds: Kinds
    jurisdiction: JurisdictionCode
    group_code: CreditCode | None = None


class EnterpriseOut(EntryOut):
    """An enterprise as clients see it."""

    credit_code: str
    name: str
    kinds: list[EnterpriseKind]
    jurisdiction: str
    group_code: str | None


class EnterprisesOut(BaseModel):
    """A page of enterprises, in the order of their registration."""

    items: list[EnterpriseOut]
    next: UUID | None


@router.post("", status_code=201, response_model=EnterpriseOut)
async def register_enterprise(
    body: EnterpriseIn, session: SessionDep, actor: WriterActor, once: OnceDep, at: Now
) -> Response:
    """Register an enterprise in the office's area."""

    async def deed() -> EnterpriseOut:
        entry = EnterpriseRow(id=uuid7(), created_at=at, **body.model_dump())
        return EnterpriseOut.model_validate(await register(session, entry, place=body.jurisdiction, at=at, actor=actor))

    return await created(once, session, actor, deed)


@router.get("")
async def list_enterprises(
    session: SessionDep,
    actor: ReaderActor,
    credit_code: CreditCode | None = None,
    after: After = None,
    limit: Limit = 50,
) -> EnterprisesOut:
    """The enterprises that the actor may know of; with a credit code the one that has it, wherever it lies."""
    condition = (
        registry.seen_by(EnterpriseRow, actor) if credit_code is None else col(EnterpriseRow.credit_code) == credit_code
    )
    rows = await registry.page(session, EnterpriseRow, condition, after=after, limit=limit)
    items = [EnterpriseOut.model_validate(row) for row in rows]
    return EnterprisesOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{enterprise_id}")
async def show_enterprise(
    enterprise_id: UUID, session: SessionDep, actor: ReaderActor, response: Response
) -> EnterpriseOut:
    """One enterprise."""
    entry = await registry.find(session, EnterpriseRow, enterprise_id, actor=actor)
    tag(response, entry)
    return EnterpriseOut.model_validate(entry)


@router.patch("/{enterprise_id}")
async def revise_enterprise(
    enterprise_id: UUID,
    patch: Patch,
    session: SessionDep,
    actor: WriterActor,
    version: Version,
    at: Now,
    response: Response,
) -> EnterpriseOut:
    """Edit an enterprise; If-Match names the version that was read."""
    entry = await registry.find(session, EnterpriseRow, enterprise_id, actor=actor, lock=True)
    body = patched(EnterpriseIn, EnterpriseOut.model_validate(entry), patch)
    entry = await revise(
        session, entry, body.model_dump(), version=version, place=body.jurisdiction, at=at, actor=actor
    )
    tag(response, entry)
    return EnterpriseOut.model_validate(entry)


@router.get("/{enterprise_id}/history")
async def show_history(enterprise_id: UUID, session: SessionDep, actor: ReaderActor) -> HistoryOut:
    """All that was ever registered of an enterprise."""
    entry = await registry.find(session, EnterpriseRow, enterprise_id, actor=actor)
    return HistoryOut.of(await registry.history(session, entry.slice, entry.id))
