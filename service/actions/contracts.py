"""What the parties of a contract, and the offices over them, do about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.quotas import watch_commitments
from service.db import Connection
from service.domain import deadlines, filings, proofs
from service.domain.alerts import Alert, Flag
from service.domain.calendar import Deadline
from service.domain.filings import Assessment, Contract, ContractState, Filing, Terms
from service.domain.investigations import check_free
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.proofs import Pledge
from service.domain.refusals import NotFound
from service.domain.units import Kilograms, shanghai_day, start_of
from service.store import alerts, amendments, audits, contracts, investigations, ledger, lots, pledges
from service.store.contracts import Firm


async def file_contract(
    connection: Connection,
    number: str,
    terms: Terms,
    *,
    for_both: bool = False,
    at: datetime,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> tuple[UUID, bool]:
    """File the actor's side of a contract; gives the contract and whether this filing has begun it (R22, R23).

    1. The contract is known by its seller and number; it is held until the end, and before it its framework.
    2. The same terms again say nothing new; other terms are a new version until both sides agree.
    3. A new proof is pledged under the head's lock, so that of two pledges of one lot the later bears the excess.
    4. What the filings come to is kept; its alerts are opened, and those that are put right are settled.

    `for_both` files the other side too, where the registry knows both firms as one group (U9).
    """
    own = actor.enterprise_id
    if own is None or own not in (terms.seller_id, terms.buyer_id):
        raise NotFound
    filings.check(terms, at, policies)
    firms = await contracts.find_firms(connection, {terms.seller_id, terms.buyer_id})
    if unknown := {terms.seller_id, terms.buyer_id} - firms.keys():
        raise filings.UnknownEnterprise(enterprise_id=str(unknown.pop()))
    if for_both and len({firm.group_code for firm in firms.values()}) > 1:
        raise filings.NotOneGroup
    sides = (own, *({terms.seller_id, terms.buyer_id} - {own} if for_both else ()))

    framework = await contracts.find_and_lock(connection, terms.framework_id) if terms.framework_id else None
    contract = await contracts.lock_by_number(connection, terms.seller_id, number)
    known = (await contracts.newest_filings(connection, [contract.id]))[contract.id] if contract else []
    if contract and not _unsaid(sides, terms, known):
        return contract.id, False
    terms = await check_sources(connection, terms, firms, at=at)
    if terms.framework_id:
        if framework is None:
            raise filings.UnknownFramework(framework_id=terms.framework_id)
        filings.check_instalment(terms, framework)

    if contract is None:
        due_on = filings.contract_due(terms.signed_on, policies)
        await contracts.open_contract(connection, uuid7(), number, terms, due_on, at=at)
        contract = await contracts.lock_by_number(connection, terms.seller_id, number)
        assert contract is not None, "it was opened here or by the other side"
        known = (await contracts.newest_filings(connection, [contract.id]))[contract.id]
    unsaid = _unsaid(sides, terms, known)
    if not unsaid:
        return contract.id, False
    _check_open(contract)

    assessment = await file_versions(connection, contract, unsaid, terms, known, at=at, policies=policies, actor=actor)
    facts = {"sides": unsaid, "kg": terms.kg, "state": assessment.state}
    await audits.note(connection, "contracts.file", contract.id, facts, at=at, actor=actor)
    return contract.id, not known


async def check_sources(connection: Connection, terms: Terms, firms: Mapping[UUID, Firm], *, at: datetime) -> Terms:
    """The terms with the mine that the ore comes from; refused when it, or a lot of the proof, is not the seller's to give."""
    mines = await contracts.mines_of(connection, terms.seller_id)
    others = await contracts.sources_of(connection, terms.seller_id)
    terms = filings.sourced(terms, mines, others, is_mining_firm="mine" in firms[terms.seller_id].kinds)
    if terms.proof:
        named = [line.lot_id for line in terms.proof]
        proofs.check_lots(named, await lots.held_by(connection, named, terms.seller_id))
        check_free(named, await investigations.held(connection, named, shanghai_day(at)))
    return terms


async def file_versions(
    connection: Connection,
    contract: Contract,
    sides: Sequence[UUID],
    terms: Terms,
    known: Sequence[Filing],
    *,
    at: datetime,
    policies: Policies,
    actor: Actor,
) -> Assessment:
    """Write the next version of some sides, and all that follows from it; the contract is held."""
    filed = list(known)
    for side in sides:
        standing = next((filing for filing in filed if filing.enterprise_id == side), None)
        filing = filings.next_version(standing, terms, filing_id=uuid7(), enterprise_id=side, at=at, policies=policies)
        fact = filings.fact_of(contract.number, filing)
        await contracts.add_filing(connection, contract.id, filing, fact, person_id=actor.person_id)
        filed = [*(other for other in filed if other is not standing), filing]
    assessment = await _assess(connection, filed, policies)
    in_force = await _pledge(connection, contract, assessment, at=at)
    await _keep(connection, contract, assessment, in_force, at=at)
    after = assessment.terms
    # A source that is no longer named has promised less, and is seen again as well (O01).
    if sources := {source_id for source_id in (contract.source_id, after.source_id) if source_id}:
        for year in sorted({contract.signed_on.year, after.signed_on.year}):
            await watch_commitments(connection, sources, year, policies, at=at)
    named = (contract.framework_id, after.framework_id, contract.id if after.is_framework else None)
    for framework_id in sorted({framework_id for framework_id in named if framework_id}):
        await watch_framework(connection, framework_id, at=at)
    return assessment


async def watch_framework(connection: Connection, framework_id: UUID, *, at: datetime) -> None:
    """Flag a framework whose instalments exceed what it names, or settle that; its paper bears no more than it says.

    The framework is held already, as the first of the contracts that are.
    """
    framework = await contracts.lock(connection, framework_id)
    promised_kg = (await contracts.instalments_kg(connection, [framework_id]))[framework_id]
    over_kg = promised_kg - framework.kg
    others = [flag for flag in framework.flags if flag != Flag.FRAMEWORK_EXCEEDED]
    await contracts.reflag(connection, framework_id, [*others, Flag.FRAMEWORK_EXCEEDED] if over_kg > 0 else others)
    if over_kg <= 0:
        await alerts.settle_alerts(connection, [_subject(Flag.FRAMEWORK_EXCEEDED, framework_id)], at=at)
        return
    firms = await contracts.find_firms(connection, [framework.seller_id])
    alert = Alert(
        code=Flag.FRAMEWORK_EXCEEDED,
        subject_kind="contract",
        subject_id=str(framework_id),
        jurisdiction=firms[framework.seller_id].jurisdiction,
        parties=(framework.seller_id, framework.buyer_id),
        occurred_at=at,
        facts={"number": framework.number, "contracted_kg": promised_kg, "over_kg": over_kg},
    )
    await alerts.open_alerts(connection, [alert], at=at)


def _unsaid(sides: Sequence[UUID], terms: Terms, known: Sequence[Filing]) -> list[UUID]:
    """Those of the sides that have not filed these very terms."""
    said = {filing.enterprise_id for filing in known if terms.restates(filing.terms)}
    return [side for side in sides if side not in said]


async def close_contract(
    connection: Connection, contract_id: UUID, policies: Policies = DEFAULTS, *, at: datetime, actor: Actor
) -> None:
    """End a contract with what was shipped: the remainder is free again, and so is what was pledged beyond it (E6, E21).

    Loads on the road arrive as usual. Raises TicketsStillOpen while a ticket could still be weighed out, and
    SellerHasNotFiled for a buyer, who could otherwise spend a number that is the seller's.
    """
    found = await contracts.find_contract(connection, contract_id, actor=actor)
    if found is None:
        raise NotFound
    if found.framework_id:
        await contracts.lock(connection, found.framework_id)
    contract = await contracts.lock(connection, contract_id)
    if contract.state is ContractState.CLOSED:
        return
    known = (await contracts.newest_filings(connection, [contract_id]))[contract_id]
    if actor.enterprise_id and actor.enterprise_id != contract.seller_id:
        if actor.enterprise_id != contract.buyer_id:
            raise NotFound
        if not any(filing.enterprise_id == contract.seller_id for filing in known):
            raise filings.SellerHasNotFiled
    check_free([contract_id], await investigations.held(connection, [contract_id], shanghai_day(at)))
    if numbers := await contracts.tickets_not_weighed(connection, contract_id):
        raise filings.TicketsStillOpen(tickets=numbers)

    await pledges.release(connection, contract_id, contract.shipped_kg, at=at)
    settled = () if contract.shipped_kg else tuple(flag for flag in filings.FILING_FLAGS if flag != Flag.FILING_LATE)
    flags = [flag for flag in contract.flags if flag not in settled]
    await contracts.close_contract(connection, contract_id, flags, at=at)
    if contract.source_id:
        await watch_commitments(connection, [contract.source_id], contract.signed_on.year, policies, at=at)
    if contract.framework_id:
        await watch_framework(connection, contract.framework_id, at=at)
    await alerts.settle_alerts(connection, [_subject(flag, contract_id) for flag in settled], at=at)
    facts = {"kg": contract.kg, "shipped_kg": contract.shipped_kg}
    await audits.note(connection, "contracts.close", contract_id, facts, at=at, actor=actor)


async def flag_overdue(connection: Connection, *, at: datetime) -> int:
    """Flag the contracts, and by them the loads, whose filing is not complete on day 16; gives how many (R26).

    An amendment that nobody has answered by then is flagged on its contract in the same way.
    """
    overdue = await contracts.flag_overdue(connection, shanghai_day(at))
    amended = await amendments.overdue(connection, shanghai_day(at))
    facts = [
        (row["id"], row, {"state": row["state"], "shipped_kg": row["shipped_kg"], "loads": row["loads"]})
        for row in overdue
    ]
    facts += [(row["contract_id"], row, {"amendment": row["amendment"]}) for row in amended]
    await alerts.open_alerts(
        connection,
        [
            Alert(
                code=Flag.FILING_OVERDUE,
                subject_kind="contract",
                subject_id=str(contract_id),
                jurisdiction=row["jurisdiction"],
                parties=(row["seller_id"], row["buyer_id"]),
                occurred_at=Deadline(row["due_on"]).ends_at,
                facts={"number": row["number"], "due_on": row["due_on"], **more},
            )
            for contract_id, row, more in facts
        ],
        at=at,
    )
    return len(overdue)


async def reassess(connection: Connection, contract_id: UUID, policies: Policies, *, at: datetime) -> None:
    """Judge a contract's filings anew after its deadline has moved: what is in time now is not late any more (R27)."""
    contract = await contracts.lock(connection, contract_id)
    known = (await contracts.newest_filings(connection, [contract_id]))[contract_id]
    in_force = (await pledges.pledges_of(connection, [contract_id]))[contract_id]
    if contract.state is not ContractState.CLOSED:
        await _keep(connection, contract, await _assess(connection, known, policies), in_force, at=at)


async def _assess(connection: Connection, filed: Sequence[Filing], policies: Policies) -> Assessment:
    """What the filings come to; by the policy of the day of signing nobody waits for a trader (R22)."""
    terms = filings.assess(filed, policies).terms
    firms = await contracts.find_firms(connection, {terms.seller_id, terms.buyer_id})
    exempt = {firm.id for firm in firms.values() if not deadlines.must_file(firm.kinds, terms.signed_on, policies)}
    return filings.assess(filed, policies, exempt=exempt)


def _check_open(contract: Contract) -> None:
    if contract.state is ContractState.CLOSED:
        raise filings.ContractClosed
    if contract.state is ContractState.FILED:
        raise filings.ContractAlreadyFiled


async def _pledge(connection: Connection, contract: Contract, assessment: Assessment, *, at: datetime) -> list[Pledge]:
    """Put the proof that is in force now into the place of the one before; an unchanged one keeps its place."""
    in_force = (await pledges.pledges_of(connection, [contract.id]))[contract.id]
    proof = assessment.proof
    named = (proof.terms.proof or ()) if proof else ()
    if [(pledge.lot_id, pledge.kg) for pledge in in_force] == [(line.lot_id, line.kg) for line in named]:
        return in_force

    so_far = await pledges.proofs_so_far(connection, contract.id, contract.shipped_kg)
    await pledges.release(connection, contract.id, contract.shipped_kg, at=at)
    if proof is None:
        return []
    await ledger.lock_head(connection, at=at)
    accounts = await lots.held_by(connection, [line.lot_id for line in named], assessment.terms.seller_id)
    balances = await ledger.balances(connection, set(accounts.values()))
    pledged = await pledges.pledged_of(connection, accounts)
    available = {
        lot_id: Kilograms(balances[account].in_kg - balances[account].out_kg - pledged[lot_id])
        for lot_id, account in accounts.items()
    }
    made = proofs.pledge(named, accounts, available, proofs.drawn_by_lot(so_far), contract.shipped_kg)
    await pledges.add_pledges(connection, contract.id, proof.id, made)
    return made


async def _keep(
    connection: Connection, contract: Contract, assessment: Assessment, in_force: list[Pledge], *, at: datetime
) -> None:
    """Write what the filings have come to, and open and settle the alerts that follow from it."""
    terms = assessment.terms
    excess_kg = Kilograms(sum(pledge.excess_kg for pledge in in_force))
    has_quota = terms.source_id is None or await contracts.has_tranche(connection, terms.source_id, terms.signed_on)
    found = assessment.flags(at, excess_kg=excess_kg, seller_has_quota=has_quota)
    flags = [*found, *(flag for flag in contract.flags if flag not in filings.FILING_FLAGS)]
    await contracts.keep_assessment(connection, contract.id, assessment, flags)

    firms = await contracts.find_firms(connection, {terms.seller_id, terms.buyer_id})
    facts: dict[Flag, dict[str, object]] = {
        Flag.FILING_OVERDUE: {"due_on": assessment.due_on, "state": assessment.state},
        Flag.FILING_LATE: {"days_late": assessment.late},
        Flag.FILING_MISMATCH: {"differences": assessment.differences},
        Flag.ORIGIN_UNPROVEN: {"unproven_kg": assessment.unproven_kg},
        Flag.ORIGIN_OVERPLEDGED: {"excess_kg": excess_kg},
        Flag.SELLER_WITHOUT_QUOTA: {"mine_id": terms.source_id, "signed_on": terms.signed_on},
    }
    occurred = {
        Flag.FILING_OVERDUE: Deadline(assessment.due_on).ends_at,
        Flag.SELLER_WITHOUT_QUOTA: start_of(terms.signed_on),
    }
    await alerts.settle_alerts(
        connection, [_subject(flag, contract.id) for flag in filings.FILING_FLAGS if flag not in found], at=at
    )
    await alerts.open_alerts(
        connection,
        [
            Alert(
                code=flag,
                subject_kind="contract",
                subject_id=str(contract.id),
                jurisdiction=_answering(flag, assessment, firms).jurisdiction,
                parties=(terms.seller_id, terms.buyer_id),
                occurred_at=occurred.get(flag, at),
                facts={"number": contract.number, **facts[flag]},
            )
            for flag in found
        ],
        at=at,
    )


def _answering(flag: Flag, assessment: Assessment, firms: Mapping[UUID, Firm]) -> Firm:
    """The firm whose office looks at a finding: the seller's, unless only the buyer was late."""
    terms = assessment.terms
    only_the_buyer = flag == Flag.FILING_LATE and list(assessment.late) == [filings.Party.BUYER]
    return firms[terms.buyer_id if only_the_buyer else terms.seller_id]


def _subject(flag: Flag, contract_id: UUID) -> tuple[Flag, str, str]:
    return (flag, "contract", str(contract_id))
