"""Where ore came from, down to the tranche and the province's document; and where a mine's ore is now."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, computed_field

from service.auth import may
from service.db import Connection, Record, WalkerDep
from service.domain.ledger import AccountKind
from service.domain.permissions import Actor
from service.domain.provenance import Ending, Flow, Lineage, Rest, Share, bounded, flows
from service.domain.refusals import NotFound
from service.domain.units import Kilograms
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf
from service.store import contracts, documents, provenance, runs
from service.threads import in_thread

router = APIRouter(prefix="/v1/provenance", tags=["provenance"])

ReadsProvenance = Annotated[Actor, Depends(may("provenance.read"))]
Limit = Annotated[int, Query(ge=1, le=5_000, description="how many origins and steps are named; the rest is summed")]
MOST_NAMED = 500
LEGACY = "LEGACY"


class OriginOut(BaseModel):
    """Kilograms of one tranche of a mine, a project or a declared stock (`mine_id` is null for the latter two)."""

    mine_id: UUID | None
    mine: str
    licence: str | None
    year: int
    quarter: int | None
    tranche_id: UUID
    document_no: str
    kg: int
    source: str = "mine"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def tag(self) -> str | None:
        """LEGACY stays on every kilogram of declared stock, whatever it is mixed with and made into (R01b, E30)."""
        return LEGACY if self.source == "stock" else None


class UnprovenOut(BaseModel):
    """Kilograms whose walk ends without an origin, and where."""

    reason: Ending
    holder: str | None
    document: str | None
    kg: int


class StepOut(BaseModel):
    """What one movement carried between two accounts; a firm that the reader has no business with has no name here."""

    source: str | None
    source_kind: AccountKind
    source_account: int
    target: str | None
    target_kind: AccountKind
    target_account: int
    kg: int
    document: str | None
    occurred_at: datetime


class RestOut(BaseModel):
    """What a bounded answer does not name one by one."""

    parts: int
    kg: int


class ProvenanceOut(BaseModel):
    """Σ origins + unproven = kg, to the kilogram; what `rest` sums up is in these figures."""

    kg: int
    proven_kg: int
    unproven_kg: int
    origins: list[OriginOut]
    unproven: list[UnprovenOut]
    rest: RestOut | None
    steps: list[StepOut]
    steps_left_out: int


class ProductProvenanceOut(ProvenanceOut):
    """A product's own mass, and that of the ore that it was made of: Σ origins + unproven = ore_kg."""

    ore_kg: int


class PassedOut(BaseModel):
    """A run that made product of the ore; one of a firm that the reader has no business with has no name here."""

    account: int
    run_id: UUID | None
    document: str | None
    holder_id: UUID | None
    holder: str | None


class HolderOut(BaseModel):
    """Kilograms of the mine's ore that rest in one account, whoever holds it, as ore or in product made of it.

    `kg` is always of ore. `through` has the runs that it went through, the first one first, and `product_kg` says how many
    kilograms of their product, in this account, have some of it in them; both are empty where it is ore still. An account
    with product of several runs is named once for each way through them. A kilogram of product at the edge may have a
    neighbour's ore in it, too: `product_kg` of two answers, or of two ways, may both count it. Ore is never counted twice.
    """

    holder_id: UUID | None
    holder: str | None
    account: int
    kind: AccountKind
    document: str | None
    kg: int
    product_kg: int | None
    through: list[PassedOut]


class HoldersOut(BaseModel):
    """Where a mine's ore of one year is now; Σ holders = kg = what the mine has let out, all of it in kilograms of ore."""

    kg: int
    holders: list[HolderOut]
    rest: RestOut | None


@router.get("/tickets/{ticket_id}", dependencies=OF_THE_PAST)
async def ticket_provenance(
    ticket_id: UUID, connection: WalkerDep, actor: ReadsProvenance, as_of: AsOf = None, limit: Limit = MOST_NAMED
) -> ProvenanceOut:
    """Where a load came from, and what became of it: the net of the source scale, and what was lost on the way."""
    account = await documents.ticket_account(connection, ticket_id, as_of, actor=actor)
    if account is None:
        raise NotFound
    size = await _size(connection, as_of)
    gone = (await provenance.let_out(connection, [account], size))[account]
    onward = flows(await provenance.steps_forward(connection, gone, size, most=1))
    found = await _walk(connection, [account], size, limit, {flow.movement for flow in onward})
    return await answer_of(connection, found.and_on(onward), limit, as_of, actor=actor)


@router.get("/lots/{lot_id}", dependencies=OF_THE_PAST)
async def lot_provenance(
    lot_id: UUID, connection: WalkerDep, actor: ReadsProvenance, as_of: AsOf = None, limit: Limit = MOST_NAMED
) -> ProvenanceOut:
    """Where all that a lot received came from."""
    account = await documents.lot_account(connection, lot_id, as_of, actor=actor)
    if account is None:
        raise NotFound
    found = await _walk(connection, [account], await _size(connection, as_of), limit)
    return await answer_of(connection, found, limit, as_of, actor=actor)


@router.get("/products/{product_id}", dependencies=OF_THE_PAST)
async def product_provenance(
    product_id: UUID, connection: WalkerDep, actor: ReadsProvenance, as_of: AsOf = None, limit: Limit = MOST_NAMED
) -> ProductProvenanceOut:
    """Where the ore of a product came from; products are lots that a run made."""
    account = await runs.product_account(connection, product_id, as_of, actor=actor)
    if account is None:
        raise NotFound
    size = await _size(connection, as_of)
    made = (await provenance.received(connection, [account], size))[account]
    answer = await answer_of(connection, await _walk(connection, [account], size, limit), limit, as_of, actor=actor)
    return ProductProvenanceOut(**{**dict(answer), "kg": sum(interval.kg for interval in made), "ore_kg": answer.kg})


@router.get("/contracts/{contract_id}", dependencies=OF_THE_PAST)
async def contract_provenance(
    contract_id: UUID, connection: WalkerDep, actor: ReadsProvenance, as_of: AsOf = None, limit: Limit = MOST_NAMED
) -> ProvenanceOut:
    """Where all that was received under a contract came from."""
    contract = await contracts.find_contract(connection, contract_id, as_of, actor=actor)
    if contract is None or actor.enterprise_id not in (None, contract.seller_id, contract.buyer_id):
        raise NotFound
    accounts = await documents.contract_accounts(connection, contract_id)
    found = await _walk(connection, accounts, await _size(connection, as_of), limit)
    return await answer_of(connection, found, limit, as_of, actor=actor)


@router.get("/mines/{mine_id}", dependencies=OF_THE_PAST)
async def mine_holders(
    mine_id: UUID,
    connection: WalkerDep,
    actor: ReadsProvenance,
    year: Annotated[int, Query(ge=2000, le=2100)],
    as_of: AsOf = None,
    limit: Limit = MOST_NAMED,
) -> HoldersOut:
    """Who holds a mine's ore of a year now: on the road, in lots, in product wherever it was sold to, consumed or lost."""
    accounts = await documents.mine_accounts(connection, mine_id, year, as_of, actor=actor)
    if accounts is None:
        raise NotFound
    found = await provenance.holders(connection, accounts, await _size(connection, as_of))
    named, rest = bounded(found, limit)
    passed = {run for share in named for run in share.runs}
    words = await documents.describe_accounts(connection, {share.account for share in named} | passed, as_of)
    runs_passed = {run: _passed(run, words[run], actor) for run in passed}
    return HoldersOut(
        kg=sum(share.kg for share in found),
        holders=[
            HolderOut(
                **_named(words[share.account], actor),
                account=share.account,
                kind=words[share.account]["kind"],
                kg=share.kg,
                product_kg=share.product_kg,
                through=[runs_passed[run] for run in share.runs],
            )
            for share in named
        ],
        rest=rest and RestOut(parts=rest.shares, kg=rest.kg),
    )


async def _size(connection: Connection, as_of: datetime | None) -> int | None:
    return None if as_of is None else await provenance.size_at(connection, as_of)


async def _walk(
    connection: Connection, accounts: Collection[int], size: int | None, limit: int, of: Collection[UUID] = ()
) -> Lineage:
    """What accounts received, walked back to the tranches, with the steps up to the province's act."""
    come = [
        interval for found in (await provenance.received(connection, accounts, size)).values() for interval in found
    ]
    return await provenance.lineage(connection, [come], size, most=limit, of=of)


async def answer_of(
    connection: Connection, lineage: Lineage, limit: int, as_of: datetime | None, *, actor: Actor
) -> ProvenanceOut:
    """What a walk has found, in words, as far as the reader might know them then."""
    [found] = lineage.parts
    named, rest = bounded(found, limit)
    shown = lineage.flows[:limit]
    tranches = await documents.describe_tranches(
        connection,
        {share.movement for share in named if share.ending is Ending.TRANCHE and share.movement}
        | {flow.movement for flow in shown},
    )
    words = await documents.describe_accounts(
        connection,
        {share.account for share in named} | {account for flow in shown for account in (flow.source, flow.target)},
        as_of,
    )
    told = partial(_told, lineage, named, rest, shown, words, tranches, actor)
    return told() if len(shown) <= MOST_NAMED else await in_thread(told)


def _told(
    lineage: Lineage,
    named: Sequence[Share],
    rest: Rest | None,
    shown: Sequence[Flow],
    words: dict[int, Record],
    tranches: dict[UUID, Record],
    actor: Actor,
) -> ProvenanceOut:
    [found] = lineage.parts
    names = {account: _named(row, actor) for account, row in words.items()}
    return ProvenanceOut(
        kg=sum(share.kg for share in found),
        proven_kg=sum(share.kg for share in found if share.ending is Ending.TRANCHE),
        unproven_kg=sum(share.kg for share in found if share.ending is not Ending.TRANCHE),
        origins=[
            OriginOut(**dict(tranches[share.movement]), kg=share.kg)
            for share in named
            if share.ending is Ending.TRANCHE and share.movement
        ],
        unproven=unproven_of(named, names),
        rest=rest and RestOut(parts=rest.shares, kg=rest.kg),
        steps=[_step(flow, words, names, tranches) for flow in shown],
        steps_left_out=lineage.flows_count - len(shown),
    )


def _step(
    flow: Flow, words: dict[int, Record], names: dict[int, dict[str, Any]], tranches: dict[UUID, Record]
) -> StepOut:
    source, target = names[flow.source], names[flow.target]
    kinds = {account: words[account]["kind"] for account in (flow.source, flow.target)}
    papers = [tranches[flow.movement]["document_no"]] if flow.movement in tranches else []
    papers += [names[account]["document"] for account, kind in kinds.items() if kind == "load"]
    papers += [target["document"], source["document"]]
    return StepOut(
        source=source["holder"],
        source_kind=kinds[flow.source],
        source_account=flow.source,
        target=target["holder"],
        target_kind=kinds[flow.target],
        target_account=flow.target,
        kg=Kilograms(flow.target_kg),
        document=next((paper for paper in papers if paper), None),
        occurred_at=flow.occurred_at,
    )


def _named(words: Record, actor: Actor) -> dict[str, Any]:
    """Holder and document of an account; an enterprise sees mines and offices, and the firms it has business with."""
    is_public = words["kind"] in (AccountKind.ISSUE, AccountKind.POOL, AccountKind.QUOTA)
    if actor.enterprise_id is None or is_public or actor.enterprise_id in words["parties"]:
        return {name: words[name] for name in ("holder_id", "holder", "document")}
    return {"holder_id": None, "holder": None, "document": None}


def _passed(account: int, words: Record, actor: Actor) -> PassedOut:
    named = _named(words, actor)
    return PassedOut(account=account, run_id=words["run_id"] if named["holder_id"] else None, **named)


def unproven_of(found: Sequence[Share], names: Mapping[int, Mapping[str, Any] | Record]) -> list[UnprovenOut]:
    """What ends without an origin, each reason and place once; `names` say where."""
    kg: dict[tuple[Ending, str | None, str | None], int] = {}
    for share in found:
        if share.ending is not Ending.TRANCHE:
            where = names[share.account]
            key = (share.ending, where["holder"], where["document"])
            kg[key] = kg.get(key, 0) + share.kg
    return [UnprovenOut(reason=key[0], holder=key[1], document=key[2], kg=kg[key]) for key in kg]
