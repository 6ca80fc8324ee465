"""What stands behind a proof of lawful origin, for the buyer to see before it confirms (R23)."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from service.auth import may
from service.db import Connection, WalkerDep
from service.domain import filings
from service.domain.filings import Contract
from service.domain.permissions import Actor
from service.domain.proofs import ProofState, undrawn
from service.domain.provenance import Interval, Lineage, together
from service.domain.refusals import NotFound
from service.domain.units import Kilograms
from service.routes.entries import OF_THE_PAST
from service.routes.fields import AsOf
from service.routes.provenance import MOST_NAMED, Limit, OriginOut, RestOut, UnprovenOut, answer_of
from service.store import contracts, pledges, provenance, tickets
from service.store.provenance import Moment

router = APIRouter(prefix="/v1/contracts/{contract_id}/origins", tags=["contracts"])


class OriginsOut(BaseModel):
    """What the loads still to come would be made of, were they loaded now: Σ origins + unproven = kg, to the kilogram.

    `beyond_lots_kg` of the proof have no kilograms behind them, and for `unnamed_kg` of the contract no lot is named.
    """

    kg: int
    proven_kg: int
    unproven_kg: int
    beyond_lots_kg: int
    unnamed_kg: int
    origins: list[OriginOut]
    unproven: list[UnprovenOut]
    rest: RestOut | None


@dataclass(frozen=True, slots=True)
class _Owing:
    """What a contract had shipped, and the kilograms for which it still owed a proof of lawful origin."""

    shipped_kg: Kilograms
    kg: int


async def _owing(connection: Connection, contract: Contract, past: Moment | None) -> _Owing:
    if past is None:
        owes = contract.proof_state is not ProofState.NONE
        return _Owing(contract.shipped_kg, contract.kg - contract.shipped_kg if owes else 0)
    filed = (await contracts.newest_filings(connection, [contract.id], past))[contract.id]
    terms = filings.assess(filed).terms
    shipped_kg = (await tickets.shipped_at(connection, [contract.id], past)).get(contract.id, Kilograms(0))
    return _Owing(shipped_kg, terms.kg - shipped_kg if terms.is_from_stock else 0)


@router.get("", dependencies=OF_THE_PAST)
async def show_origins(
    contract_id: UUID,
    connection: WalkerDep,
    actor: Annotated[Actor, Depends(may("contracts.read"))],
    as_of: AsOf = None,
    limit: Limit = MOST_NAMED,
) -> OriginsOut:
    """The mines, tranches and kilograms behind the proof in force, now or then; the firms between are not named."""
    contract = await contracts.find_contract(connection, contract_id, as_of, actor=actor)
    if contract is None or actor.enterprise_id not in (None, contract.seller_id, contract.buyer_id):
        raise NotFound
    past = await provenance.moment(connection, as_of)
    owing = await _owing(connection, contract, past)
    size = None if past is None else past.size
    in_force = (await pledges.pledges_of(connection, [contract_id], past))[contract_id]
    lies = await provenance.in_stock(connection, [pledge.account for pledge in in_force], size)
    taken: list[Interval] = []
    beyond_kg = 0
    for pledge, rest_kg in undrawn(in_force, owing.shipped_kg):
        beyond_kg += pledge.excess_kg
        left_kg = int(rest_kg)
        for span in lies.get(pledge.account, ()):
            if left_kg <= 0:
                break
            taken.append(Interval(span.account, span.lo, min(span.hi, span.lo + left_kg)))
            left_kg -= taken[-1].kg
        beyond_kg += max(0, left_kg)
    # Two pledges of one lot may look to the same kilograms.
    parts = (await provenance.lineage(connection, [[span] for span in taken], size)).parts
    found = await answer_of(connection, Lineage([together(parts)], (), 0), limit, as_of, actor=actor)
    return OriginsOut(
        kg=found.kg,
        proven_kg=found.proven_kg,
        unproven_kg=found.unproven_kg,
        beyond_lots_kg=beyond_kg,
        unnamed_kg=max(0, owing.kg - found.kg - beyond_kg),
        origins=found.origins,
        unproven=found.unproven,
        rest=found.rest,
    )
