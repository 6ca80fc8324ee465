"""Contracts as their parties, their claimants and the offices see them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from starlette.datastructures import State

from service.actions.contracts import as_it_stood
from service.db import Connection
from service.domain import deadlines, filings
from service.domain.alerts import Flag
from service.domain.amendments import AmendmentState
from service.domain.calendar import days_late
from service.domain.filings import Contract, ContractState, Filing, Party, Terms
from service.domain.permissions import Actor, Role
from service.domain.policies import Policies, stated
from service.domain.proofs import Pledge, ProofState, undrawn
from service.domain.refusals import NotFound
from service.routes.contracts.bodies import ContractOut, FilingOut, PledgeOut, ProofLineOut, TermsOut
from service.routes.receipts import sign_receipts
from service.store import amendments, contracts, pledges
from service.store.provenance import Moment


async def one(
    connection: Connection, contract_id: UUID, policies: Policies, *, at: datetime, actor: Actor
) -> ContractOut:
    """A contract that the actor may know of; raises NotFound."""
    found = await contracts.list_contracts(connection, ids=[contract_id], actor=actor)
    if not found:
        raise NotFound
    return (await shown(connection, [(found[0], actor)], policies, at=at))[0]


async def one_then(
    connection: Connection, contract_id: UUID, policies: Policies, past: Moment, *, actor: Actor
) -> ContractOut:
    """A contract that the actor may know of, as it stood; raises NotFound where there was none, or not for the actor."""
    found = await contracts.find_contract(connection, contract_id, past.at, actor=actor)
    stood = await as_it_stood(connection, found, past, policies) if found else None
    if stood is None:
        raise NotFound
    firm = actor.enterprise_id
    if firm in (None, stood.contract.seller_id, stood.contract.buyer_id):
        amending = stood.amending.id if stood.amending else None
        return _of(
            stood.contract,
            stood.filed,
            stood.pledged,
            stood.instalments_kg,
            amending,
            policies,
            at=past.at,
            actor=actor,
        )
    if all(filing.enterprise_id != firm for filing in stood.filed):
        raise NotFound
    return _of_a_claimant(stood.contract, stood.filed, policies, actor=actor)


async def stamped(state: State, connection: Connection, seen: Sequence[ContractOut]) -> list[ContractOut]:
    """Contracts with the service's signatures for what was filed of them."""
    hashes = {side.receipt for contract in seen for side in contract.filings if side.receipt}
    notes = dict(zip(hashes, await sign_receipts(state, connection, list(hashes)), strict=True))
    return [
        contract.model_copy(
            update={
                "filings": [
                    side.model_copy(update={"receipt_note": notes[side.receipt]}) if side.receipt else side
                    for side in contract.filings
                ]
            }
        )
        for contract in seen
    ]


async def shown(
    connection: Connection, seen: Sequence[tuple[Contract, Actor]], policies: Policies, *, at: datetime
) -> list[ContractOut]:
    """Contracts, each as the actor beside it sees it."""
    found = [contract for contract, _ in seen]
    ids = {contract.id for contract in found}
    filed = await contracts.newest_filings(connection, ids)
    pledged = await pledges.pledges_of(connection, ids)
    changed = await amendments.amendments_of(connection, ids)
    promised = await contracts.instalments_kg(connection, {contract.id for contract in found if contract.is_framework})
    waiting = {one.contract_id: one.id for of in changed.values() for one in of if one.state is AmendmentState.PROPOSED}
    return [
        _of(
            contract,
            filed[contract.id],
            pledged[contract.id],
            promised.get(contract.id),
            waiting.get(contract.id),
            policies,
            at=at,
            actor=actor,
        )
        if actor.enterprise_id in (None, contract.seller_id, contract.buyer_id)
        else _of_a_claimant(contract, filed[contract.id], policies, actor=actor)
        for contract, actor in seen
    ]


def _of(
    contract: Contract,
    filed: Sequence[Filing],
    pledged: Sequence[Pledge],
    instalments_kg: int | None,
    amending: UUID | None,
    policies: Policies,
    *,
    at: datetime,
    actor: Actor,
) -> ContractOut:
    assessment = filings.assess(filed, policies)
    flags = list(contract.flags)
    # The sweeper writes it down; who reads before it comes by sees it all the same.
    if filings.is_overdue(contract.state, contract.due_on, at) and Flag.FILING_OVERDUE not in flags:
        flags.append(Flag.FILING_OVERDUE)
    if contract.shipped_kg > contract.kg and Flag.CONTRACT_OVERSHIPPED not in flags:
        flags.append(Flag.CONTRACT_OVERSHIPPED)
    sides = {party: assessment.side(party) for party in Party}
    return ContractOut(
        id=contract.id,
        number=contract.number,
        state=contract.state,
        seller_id=contract.seller_id,
        buyer_id=contract.buyer_id,
        mine_id=contract.mine_id,
        signed_on=contract.signed_on,
        kg=contract.kg,
        grade=contract.grade,
        valid_until=contract.valid_until,
        earmark=contract.earmark,
        due_on=contract.due_on,
        filings=[
            side_of(contract, party, filing, days_late(contract.due_on, at), actor=actor)
            for party, filing in sides.items()
        ],
        differences=list(assessment.differences),
        shipped_kg=contract.shipped_kg,
        received_kg=contract.received_kg,
        proof_state=contract.proof_state,
        proof=[
            PledgeOut(lot_id=pledge.lot_id, kg=pledge.kg, excess_kg=pledge.excess_kg, undrawn_kg=rest_kg)
            for pledge, rest_kg in undrawn(pledged, contract.shipped_kg)
        ],
        flags=flags,
        closed_at=contract.closed_at,
        project_id=contract.project_id,
        stock_id=contract.stock_id,
        is_framework=contract.is_framework,
        framework_id=contract.framework_id,
        instalments_kg=instalments_kg,
        amending=amending,
        policies=_policies(contract, policies),
    )


def _of_a_claimant(contract: Contract, filed: Sequence[Filing], policies: Policies, *, actor: Actor) -> ContractOut:
    """What a firm sees that filed as the buyer of a contract whose seller names another: its own words and no more."""
    own = next(filing for filing in filed if filing.enterprise_id == actor.enterprise_id)
    terms = own.terms
    return ContractOut(
        id=contract.id,
        number=contract.number,
        state=ContractState.MISMATCH,
        seller_id=terms.seller_id,
        buyer_id=terms.buyer_id,
        mine_id=terms.mine_id,
        signed_on=terms.signed_on,
        kg=terms.kg,
        grade=terms.grade,
        valid_until=terms.valid_until,
        earmark=terms.earmark,
        due_on=filings.contract_due(terms.signed_on, policies),
        filings=[
            side_of(contract, Party.SELLER, None, 0, actor=actor),
            side_of(contract, Party.BUYER, own, 0, actor=actor),
        ],
        differences=["buyer_id"],
        shipped_kg=0,
        received_kg=0,
        proof_state=ProofState.MISSING if terms.is_from_stock else ProofState.NONE,
        proof=[],
        flags=[Flag.FILING_MISMATCH],
        closed_at=contract.closed_at,
        project_id=terms.project_id,
        stock_id=terms.stock_id,
        is_framework=terms.is_framework,
        framework_id=terms.framework_id,
        instalments_kg=None,
        amending=None,
        policies=_policies(contract, policies),
    )


def _policies(contract: Contract, policies: Policies) -> dict[str, object]:
    """What the contract's deadline depends on."""
    names = deadlines.POLICIES[deadlines.Duty.CONTRACT]
    return stated(policies.on(contract.signed_on), *names)


def side_of(contract: Contract, party: Party, filing: Filing | None, late_so_far: int, *, actor: Actor) -> FilingOut:
    """One side of a contract, as far as the actor may see it."""
    if filing is None:
        late = late_so_far if contract.state is ContractState.INCOMPLETE else 0
        return FilingOut(
            party=party, enterprise_id=None, filed_at=None, days_late=late, version=0, terms=None, receipt=None
        )
    named = (filing.enterprise_id, filing.terms.seller_id, filing.terms.buyer_id)
    is_shown = actor.enterprise_id is None or actor.enterprise_id in named
    return FilingOut(
        party=party,
        enterprise_id=filing.enterprise_id if is_shown else None,
        filed_at=filing.first_filed_at,
        days_late=filing.days_late,
        version=filing.version,
        terms=terms_out(filing.terms, actor=actor) if is_shown else None,
        receipt=filing.fact.hex() if is_shown else None,
    )


def terms_out(terms: Terms, *, actor: Actor) -> TermsOut:
    """Terms as far as a reader may see them: prices are the parties' and the province's."""
    sees_prices = actor.role in (Role.PROVINCE, Role.AUDITOR, Role.ENTERPRISE)
    return TermsOut(
        seller_id=terms.seller_id,
        buyer_id=terms.buyer_id,
        signed_on=terms.signed_on,
        kg=terms.kg,
        grade=terms.grade,
        valid_until=terms.valid_until,
        mine_id=terms.mine_id,
        proof=[ProofLineOut(lot_id=line.lot_id, kg=line.kg) for line in terms.proof or ()] or None,
        earmark=terms.earmark,
        price_fen_per_t=terms.price_fen_per_t if sees_prices else None,
        project_id=terms.project_id,
        stock_id=terms.stock_id,
        is_framework=terms.is_framework,
        framework_id=terms.framework_id,
    )
