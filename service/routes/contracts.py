"""Contracts: each side files its own, and sees what both say."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel

from service.actions import contracts as deeds
from service.auth import may
from service.db import Connection, ConnectionDep, ReaderDep
from service.domain import deadlines, filings
from service.domain.alerts import Flag
from service.domain.amendments import AmendmentState
from service.domain.calendar import days_late
from service.domain.filings import Contract, ContractState, Filing, Party, Terms
from service.domain.permissions import Actor, Role
from service.domain.policies import Policies, stated
from service.domain.proofs import Named, Pledge, ProofState, undrawn
from service.domain.refusals import NotFound
from service.routes import fields
from service.routes.entries import PoliciesNow
from service.routes.fields import Body, Day, DocumentNo, FenPerTonne, Grade, KilogramsIn, Name, UuidText, refused
from service.routes.idempotency import Answer, OnceDep
from service.routes.receipts import sign_receipts
from service.store import amendments, contracts, pledges

router = APIRouter(prefix="/v1/contracts", tags=["contracts"])

MOST_LOTS_OF_A_PROOF = 500


class ProofLine(Body):
    """A lot of the seller's and the kilograms to be taken from it."""

    lot_id: UuidText
    kg: KilogramsIn


def each_lot_once(lines: list[ProofLine]) -> list[ProofLine]:
    """A proof names each lot once, and not too many."""
    if len(lines) > MOST_LOTS_OF_A_PROOF:
        raise refused(
            "too-many-lots", f"最多列 {MOST_LOTS_OF_A_PROOF} 个批次", f"name at most {MOST_LOTS_OF_A_PROOF} lots"
        )
    if len({line.lot_id for line in lines}) < len(lines):
        raise refused("lot-named-twice", "同一批次只能列一次", "name each lot once")
    return lines


class ContractIn(Body):
    """What the caller's side says that a contract says."""

    number: DocumentNo
    seller_id: UuidText
    buyer_id: UuidText
    signed_on: Day
    kg: KilogramsIn
    grade: Grade
    valid_until: Day
    mine_id: UuidText | None = None
    proof: Annotated[list[ProofLine], AfterValidator(each_lot_once)] | None = None
    earmark: Name | None = None
    price_fen_per_t: FenPerTonne | None = None
    project_id: UuidText | None = None
    stock_id: UuidText | None = None
    is_framework: fields.Flag = False
    framework_id: UuidText | None = None
    for_both: fields.Flag = False

    def terms(self) -> Terms:
        """The contract's terms; a proof without lots is none."""
        said = self.model_dump(exclude={"number", "proof", "for_both"})
        return Terms(**said, proof=named_lots(self.proof))


def named_lots(lines: list[ProofLine] | None) -> tuple[Named, ...] | None:
    """A proof as the rules see it; one without lots is none."""
    return tuple(Named(line.lot_id, line.kg) for line in lines or ()) or None


class ProofLineOut(BaseModel):
    """A line of a proof, as it was filed."""

    lot_id: UUID
    kg: int


class TermsOut(BaseModel):
    """The terms of one side, as far as the reader may see them."""

    seller_id: UUID
    buyer_id: UUID
    signed_on: date
    kg: int
    grade: str
    valid_until: date
    mine_id: UUID | None
    proof: list[ProofLineOut] | None
    earmark: str | None
    price_fen_per_t: int | None
    project_id: UUID | None
    stock_id: UUID | None
    is_framework: bool
    framework_id: UUID | None


class FilingOut(BaseModel):
    """One side of a contract; `receipt` is the hash that stands for what was filed, `receipt_note` the service's signature
    for it, as the log stands now: a signed note, null in lists."""

    party: Party
    enterprise_id: UUID | None
    filed_at: datetime | None
    days_late: int
    version: int
    terms: TermsOut | None
    receipt: str | None
    receipt_note: str | None = None


class PledgeOut(BaseModel):
    """A lot that the proof in force pledges: `excess_kg` of it has no origin, `undrawn_kg` is still to be loaded."""

    lot_id: UUID
    kg: int
    excess_kg: int
    undrawn_kg: int


class ContractOut(BaseModel):
    """A contract, both its sides, and what they come to.

    `instalments_kg` is what the contracts under a framework promise; `amending` is the amendment that waits for an answer.
    """

    id: UUID
    number: str
    state: ContractState
    seller_id: UUID
    buyer_id: UUID
    mine_id: UUID | None
    signed_on: date
    kg: int
    grade: str
    valid_until: date
    earmark: str | None
    due_on: date
    filings: list[FilingOut]
    differences: list[str]
    shipped_kg: int
    received_kg: int
    proof_state: ProofState
    proof: list[PledgeOut]
    flags: list[str]
    closed_at: datetime | None
    project_id: UUID | None
    stock_id: UUID | None
    is_framework: bool
    framework_id: UUID | None
    instalments_kg: int | None
    amending: UUID | None
    policies: dict[str, Any]


class VersionsOut(BaseModel):
    """All versions of both sides, oldest first."""

    items: list[FilingOut]
    next: None = None


class ContractsOut(BaseModel):
    """A page of contracts, newest first."""

    items: list[ContractOut]
    next: UUID | None


@router.post("", status_code=201, response_model=ContractOut)
async def file_contract(
    body: ContractIn,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("contracts.file"))],
    policies: PoliciesNow,
) -> Response:
    """File the caller's own side of a contract: 201 when it begins the contract, 200 otherwise.

    `for_both` files the other side too where both firms are registered as one group.
    """
    state = request.app.state
    at = state.clock.now()

    async def deed() -> Answer:
        contract_id, is_new = await deeds.file_contract(
            connection,
            body.number,
            body.terms(),
            for_both=body.for_both,
            at=at,
            policies=policies,
            actor=actor,
        )
        shown = await _one(connection, contract_id, policies, at=at, actor=actor)
        return Answer(await _stamped(request, connection, shown), 201 if is_new else 200)

    return await once(connection, actor, deed)


@router.get("")
async def list_contracts(
    request: Request,
    connection: ReaderDep,
    actor: Annotated[Actor, Depends(may("contracts.read"))],
    state: ContractState | None = None,
    party: UUID | None = None,
    number: str | None = None,
    framework: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ContractsOut:
    """The contracts of the office's area or of the enterprise, newest first."""
    found = await contracts.list_contracts(
        connection,
        state=state,
        party=party,
        number=number,
        framework=framework,
        after=after,
        limit=limit,
        actor=actor,
    )
    at = request.app.state.clock.now()
    items = await _shown(connection, found, await request.app.state.rulebook.policies(at), at=at, actor=actor)
    return ContractsOut(items=items, next=items[-1].id if len(items) == limit else None)


@router.get("/{contract_id}")
async def get_contract(
    contract_id: UUID, request: Request, connection: ReaderDep, actor: Annotated[Actor, Depends(may("contracts.read"))]
) -> ContractOut:
    """One contract with both its sides, and a receipt for each that the actor may see."""
    at = request.app.state.clock.now()
    shown = await _one(connection, contract_id, await request.app.state.rulebook.policies(at), at=at, actor=actor)
    return await _stamped(request, connection, shown)


@router.get("/{contract_id}/versions")
async def list_versions(
    contract_id: UUID, connection: ReaderDep, actor: Annotated[Actor, Depends(may("contracts.read"))]
) -> VersionsOut:
    """All that was ever filed of a contract: a firm sees its own versions and those that name it."""
    found = await contracts.list_contracts(connection, ids=[contract_id], actor=actor)
    if not found:
        raise NotFound
    filed = await contracts.versions(connection, contract_id)
    seen = [
        filing
        for filing in filed
        if actor.enterprise_id in (None, filing.enterprise_id, filing.terms.seller_id, filing.terms.buyer_id)
        and (actor.enterprise_id in (None, found[0].seller_id, found[0].buyer_id, filing.enterprise_id))
    ]
    return VersionsOut(items=[_side(found[0], filing.party, filing, 0, actor=actor) for filing in seen])


@router.post("/{contract_id}/close", status_code=200, response_model=ContractOut)
async def close_contract(
    contract_id: UUID,
    request: Request,
    connection: ConnectionDep,
    once: OnceDep,
    actor: Annotated[Actor, Depends(may("contracts.close"))],
    policies: PoliciesNow,
) -> Response:
    """End a contract with what was shipped; what was not is free again."""
    at = request.app.state.clock.now()

    async def deed() -> ContractOut:
        await deeds.close_contract(connection, contract_id, policies, at=at, actor=actor)
        return await _one(connection, contract_id, policies, at=at, actor=actor)

    return await once(connection, actor, deed, status=200)


async def _one(
    connection: Connection, contract_id: UUID, policies: Policies, *, at: datetime, actor: Actor
) -> ContractOut:
    found = await contracts.list_contracts(connection, ids=[contract_id], actor=actor)
    if not found:
        raise NotFound
    return (await _shown(connection, found, policies, at=at, actor=actor))[0]


async def _stamped(request: Request, connection: Connection, shown: ContractOut) -> ContractOut:
    hashes = {side.party: side.receipt for side in shown.filings if side.receipt}
    notes = dict(zip(hashes, await sign_receipts(request, connection, list(hashes.values())), strict=True))
    sides = [side.model_copy(update={"receipt_note": notes.get(side.party)}) for side in shown.filings]
    return shown.model_copy(update={"filings": sides})


async def _shown(
    connection: Connection, found: Sequence[Contract], policies: Policies, *, at: datetime, actor: Actor
) -> list[ContractOut]:
    ids = [contract.id for contract in found]
    filed = await contracts.newest_filings(connection, ids)
    pledged = await pledges.pledges_of(connection, ids)
    changed = await amendments.amendments_of(connection, ids)
    promised = await contracts.instalments_kg(connection, [contract.id for contract in found if contract.is_framework])
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
        for contract in found
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
            _side(contract, party, filing, days_late(contract.due_on, at), actor=actor)
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
            _side(contract, Party.SELLER, None, 0, actor=actor),
            _side(contract, Party.BUYER, own, 0, actor=actor),
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


def _side(contract: Contract, party: Party, filing: Filing | None, late_so_far: int, *, actor: Actor) -> FilingOut:
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
