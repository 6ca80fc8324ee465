"""What the filings of contracts come to: judged, pledged, kept, with the alerts that follow from it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain import deadlines, filings, proofs
from service.domain.alerts import Alert, Flag
from service.domain.calendar import Deadline
from service.domain.filings import Assessment, Contract, Filing
from service.domain.policies import Policies
from service.domain.proofs import Pledge
from service.domain.units import Kilograms, start_of
from service.store import alerts, contracts, ledger, lots, pledges
from service.store.contracts import Firm


@dataclass(frozen=True, slots=True)
class Standing:
    """A contract, what its filings come to, and the pledges that are in force under it."""

    contract: Contract
    assessment: Assessment
    in_force: Sequence[Pledge]


async def parties_of(connection: Connection, filed: Sequence[Sequence[Filing]]) -> dict[UUID, Firm]:
    """The firms that the filings of some contracts name."""
    named = {key for one in filed for filing in one for key in (filing.terms.seller_id, filing.terms.buyer_id)}
    return await contracts.find_firms(connection, named)


def assess(filed: Sequence[Filing], firms: Mapping[UUID, Firm], policies: Policies) -> Assessment:
    """What the filings of a contract come to; by the policy of the day of signing nobody waits for a trader (R22)."""
    told = filings.assess(filed, policies).terms
    exempt = {
        key
        for key in (told.seller_id, told.buyer_id)
        if key in firms and not deadlines.must_file(firms[key].kinds, told.signed_on, policies)
    }
    return filings.assess(filed, policies, exempt=exempt)


async def pledge(
    connection: Connection, contract: Contract, assessment: Assessment, in_force: list[Pledge], *, at: datetime
) -> list[Pledge]:
    """Put the proof that is in force now into the place of the one before; an unchanged one keeps its place."""
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


async def keep(
    connection: Connection, standings: Sequence[Standing], firms: Mapping[UUID, Firm], *, at: datetime
) -> None:
    """Write what the filings have come to, and open and settle the alerts that follow from it."""
    sources = {(one.assessment.terms.source_id, one.assessment.terms.signed_on) for one in standings}
    with_quota = await contracts.with_tranche(connection, {(key, day) for key, day in sources if key})
    kept: list[tuple[UUID, Assessment, list[str]]] = []
    settled: list[tuple[Flag, str, str]] = []
    opened: list[Alert] = []
    for one in standings:
        contract, terms = one.contract, one.assessment.terms
        excess_kg = Kilograms(sum(pledge.excess_kg for pledge in one.in_force))
        has_quota = terms.source_id is None or (terms.source_id, terms.signed_on) in with_quota
        found = one.assessment.flags(at, excess_kg=excess_kg, seller_has_quota=has_quota)
        others = [flag for flag in contract.flags if flag not in filings.FILING_FLAGS]
        kept.append((contract.id, one.assessment, [*found, *others]))
        settled += [subject(flag, contract.id) for flag in filings.FILING_FLAGS if flag not in found]
        opened += _alerts(one, found, excess_kg, firms, at=at)
    await contracts.keep_assessments(connection, kept)
    await alerts.settle_alerts(connection, settled, at=at)
    await alerts.open_alerts(connection, opened, at=at)


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
        await alerts.settle_alerts(connection, [subject(Flag.FRAMEWORK_EXCEEDED, framework_id)], at=at)
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


def subject(flag: Flag, contract_id: UUID) -> tuple[Flag, str, str]:
    """What an alert of a contract is known by."""
    return (flag, "contract", str(contract_id))


def _alerts(
    one: Standing, found: Collection[Flag], excess_kg: Kilograms, firms: Mapping[UUID, Firm], *, at: datetime
) -> list[Alert]:
    terms, assessment = one.assessment.terms, one.assessment
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
    return [
        Alert(
            code=flag,
            subject_kind="contract",
            subject_id=str(one.contract.id),
            jurisdiction=_answering(flag, assessment, firms).jurisdiction,
            parties=(terms.seller_id, terms.buyer_id),
            occurred_at=occurred.get(flag, at),
            facts={"number": one.contract.number, **facts[flag]},
        )
        for flag in found
    ]


def _answering(flag: Flag, assessment: Assessment, firms: Mapping[UUID, Firm]) -> Firm:
    """The firm whose office looks at a finding: the seller's, unless only the buyer was late."""
    terms = assessment.terms
    only_the_buyer = flag == Flag.FILING_LATE and list(assessment.late) == [filings.Party.BUYER]
    return firms[terms.buyer_id if only_the_buyer else terms.seller_id]
