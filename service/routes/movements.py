"""Movements: the book of one account, line by line."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from service.auth import may
from service.db import ReaderDep, Record
from service.domain.ledger import AccountKind
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf
from service.store import documents, movements, provenance

router = APIRouter(prefix="/v1/movements", tags=["movements"])

LARGEST = 2**63 - 1


class PlaceOut(BaseModel):
    """One end of a movement; a firm that the reader has no business with has no name here."""

    account: int
    kind: AccountKind
    lo: int
    holder_id: UUID | None
    holder: str | None
    document: str | None


class MovementOut(BaseModel):
    """Kilograms that went from one account to another, and of them those that were taken back since."""

    seq: int
    act: int
    movement_id: UUID
    source: PlaceOut
    target: PlaceOut
    kg: int
    over_kg: int
    cover_kg: int
    taken_back_kg: int
    document: str | None
    occurred_at: datetime
    recorded_at: datetime


class MovementsOut(BaseModel):
    """A page of an account's movements, newest first."""

    items: list[MovementOut]
    next: int | None


@router.get("", dependencies=OF_THE_PAST)
async def list_movements(
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("movements.read"))],
    account: Annotated[int, Query(ge=1, le=LARGEST)],
    after: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> MovementsOut:
    """What came into an account and went out of it, newest first."""
    if not await documents.knows_account(connection, account, as_of, actor=actor):
        raise NotFound
    size = None if as_of is None else await provenance.size_at(connection, as_of)
    legs = await movements.movements_of(connection, account, after=after, limit=limit, as_of=size)
    ends = {leg[end] for leg in legs for end in ("source", "target")}
    words = await documents.describe_accounts(connection, ends, as_of)
    tranches = await documents.describe_tranches(connection, {leg["movement"] for leg in legs})
    items = [_of(leg, words, tranches, actor=actor) for leg in legs]
    return MovementsOut(items=items, next=items[-1].seq if len(items) == limit else None)


def _of(leg: Record, words: dict[int, Record], tranches: dict[UUID, Record], *, actor: Actor) -> MovementOut:
    source, target = (_place(words[leg[end]], leg[f"{end}_lo"], actor=actor) for end in ("source", "target"))
    # A tranche is known by its document, a load by its ticket, anything else by the paper of the lot it reached or left.
    papers = [tranches[leg["movement"]]["document_no"]] if leg["movement"] in tranches else []
    papers += [place.document for place in (source, target) if place.kind is AccountKind.LOAD]
    papers += [target.document, source.document]
    return MovementOut(
        seq=leg["seq"],
        act=leg["act"],
        movement_id=leg["movement"],
        source=source,
        target=target,
        kg=leg["target_kg"],
        over_kg=leg["over_kg"],
        cover_kg=leg["cover_kg"],
        taken_back_kg=leg["taken_back_kg"],
        document=next((paper for paper in papers if paper), None),
        occurred_at=leg["occurred_at"],
        recorded_at=leg["recorded_at"],
    )


def _place(words: Record, lo: int, *, actor: Actor) -> PlaceOut:
    is_public = words["kind"] in (AccountKind.ISSUE, AccountKind.POOL, AccountKind.QUOTA)
    is_known = actor.enterprise_id is None or is_public or actor.enterprise_id in words["parties"]
    named: dict[str, Any] = {name: words[name] if is_known else None for name in ("holder_id", "holder", "document")}
    return PlaceOut(account=words["account"], kind=words["kind"], lo=lo, **named)
