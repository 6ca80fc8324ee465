"""What all lots of a jurisdiction are made of, in one answer: how much lies there, and which tranches it came from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from service.db import Connection, Record, WalkerDep
from service.domain.permissions import area_of
from service.domain.provenance import Ending, Lineage, Share, bounded, together
from service.domain.refusals import NotFound
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf
from service.routes.provenance import MOST_NAMED, Limit, OriginOut, ReadsProvenance, RestOut, UnprovenOut, unproven_of
from service.store import documents, lots, provenance

router = APIRouter(prefix="/v1/provenance", tags=["provenance"])

MOST_WALKED = 20_000
MOST_OF_A_LOT = 20


class LyingLotOut(BaseModel):
    """What lies in one lot; Σ origins + rest + unproven = ore_kg, which for a product is more than its kg."""

    lot_id: UUID
    holder_id: UUID
    holder: str
    document: str | None
    grade: str
    year: int
    kg: int
    ore_kg: int
    proven_kg: int
    unproven_kg: int
    origins: list[OriginOut]
    rest: RestOut | None


class CompositionOut(BaseModel):
    """Σ origins + rest's proven + unproven = ore_kg; `lots_rest` sums up lots that are in the figures without being named,
    `not_walked` those that are in `kg` alone, since there are too many lots."""

    jurisdiction: str
    lots_count: int
    kg: int
    ore_kg: int
    proven_kg: int
    unproven_kg: int
    origins: list[OriginOut]
    unproven: list[UnprovenOut]
    rest: RestOut | None
    lots: list[LyingLotOut]
    lots_rest: RestOut | None
    not_walked: RestOut | None


@router.get("/jurisdictions/{code}", dependencies=OF_THE_PAST)
async def jurisdiction_composition(
    code: str,
    connection: WalkerDep,
    actor: ReadsProvenance,
    as_of: AsOf = None,
    limit: Limit = MOST_NAMED,
    walked: Annotated[
        int, Query(ge=1, le=MOST_WALKED, description="how many lots are walked, the largest first")
    ] = MOST_WALKED,
) -> CompositionOut:
    """Where all came from that lies in the lots of an area's holders, largest lot first; for offices of the area."""
    if actor.area is None or not (actor.reads_all or actor.covers(code)):
        raise NotFound
    found = await lots.lots_in(connection, code, area_of(code))
    if found is None:
        raise NotFound
    size = None if as_of is None else await provenance.size_at(connection, as_of)
    stock = await provenance.in_stock(connection, [lot["account"] for lot in found], size)
    lying = {lot["account"]: sum(part.kg for part in stock[lot["account"]]) for lot in found}
    largest = sorted(
        (lot for lot in found if lying[lot["account"]]), key=lambda lot: (-lying[lot["account"]], lot["account"])
    )
    named, left = largest[:walked], largest[walked:]
    shown = [stock[lot["account"]] for lot in named[:limit]]
    hidden = [part for lot in named[limit:] for part in stock[lot["account"]]]
    lineage = await provenance.lineage(connection, [*shown, hidden], size)
    return await _answer(connection, code, named, left, lying, lineage, limit, as_of)


async def _answer(
    connection: Connection,
    code: str,
    named: Sequence[Record],
    left: Sequence[Record],
    lying: Mapping[int, int],
    lineage: Lineage,
    limit: int,
    as_of: datetime | None,
) -> CompositionOut:
    shown, hidden = named[:limit], named[limit:]
    whole = together(lineage.parts)
    told, rest = bounded(whole, limit)
    tranches = await documents.describe_tranches(connection, _movements([told, *lineage.parts[: len(shown)]]))
    words = await documents.describe_accounts(connection, {share.account for share in told}, as_of)
    ore_kg, proven_kg = _kg(whole), _proven_kg(whole)
    return CompositionOut(
        jurisdiction=code,
        lots_count=len(named) + len(left),
        kg=sum(lying.values()),
        ore_kg=ore_kg,
        proven_kg=proven_kg,
        unproven_kg=ore_kg - proven_kg,
        origins=_origins(told, tranches),
        unproven=unproven_of(told, words),
        rest=rest and RestOut(parts=rest.shares, kg=rest.kg),
        lots=[
            _lot(lot, lying[lot["account"]], part, tranches) for lot, part in zip(shown, lineage.parts, strict=False)
        ],
        lots_rest=_rest(hidden, lying),
        not_walked=_rest(left, lying),
    )


def _lot(lot: Record, kg: int, found: Sequence[Share], tranches: Mapping[UUID, Record]) -> LyingLotOut:
    ore_kg, proven_kg = _kg(found), _proven_kg(found)
    told, rest = bounded(found, MOST_OF_A_LOT)
    return LyingLotOut(
        lot_id=lot["id"],
        **{name: lot[name] for name in ("holder_id", "holder", "document", "grade", "year")},
        kg=kg,
        ore_kg=ore_kg,
        proven_kg=proven_kg,
        unproven_kg=ore_kg - proven_kg,
        origins=_origins(told, tranches),
        rest=rest and RestOut(parts=rest.shares, kg=rest.kg),
    )


def _origins(found: Sequence[Share], tranches: Mapping[UUID, Record]) -> list[OriginOut]:
    return [
        OriginOut(**dict(tranches[share.movement]), kg=share.kg)
        for share in found
        if share.ending is Ending.TRANCHE and share.movement
    ]


def _movements(found: Sequence[Sequence[Share]]) -> set[UUID]:
    return {share.movement for each in found for share in each if share.ending is Ending.TRANCHE and share.movement}


def _kg(found: Sequence[Share]) -> int:
    return sum(share.kg for share in found)


def _proven_kg(found: Sequence[Share]) -> int:
    return sum(share.kg for share in found if share.ending is Ending.TRANCHE)


def _rest(left: Sequence[Record], lying: Mapping[int, int]) -> RestOut | None:
    return RestOut(parts=len(left), kg=sum(lying[lot["account"]] for lot in left)) if left else None
