"""What the filings of a contract come to: whether they agree, are complete and in time (R22, R22c, R26)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID

from service.domain.alerts import Flag
from service.domain.calendar import days_late
from service.domain.deadlines import contract_deadline
from service.domain.filings.receipts import hash_of
from service.domain.filings.terms import MUST_AGREE, ContractState, Filing, Party, Terms
from service.domain.grades import is_same_grade
from service.domain.policies import DEFAULTS, Policies
from service.domain.proofs import ProofState
from service.domain.units import Kilograms, shanghai_day


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a contract's filings come to."""

    terms: Terms  # those that count: the seller's, or the buyer's before the seller files
    seller: Filing | None
    buyer: Filing | None
    proof: Filing | None  # the filing whose proof is in force
    differences: tuple[str, ...]
    due_on: date
    state: ContractState
    proof_state: ProofState

    def side(self, party: Party) -> Filing | None:
        """The filing that stands for a side."""
        return self.seller if party is Party.SELLER else self.buyer

    @property
    def late(self) -> dict[str, int]:
        """The days by which sides filed after their day."""
        return {str(party): side.days_late for party in Party if (side := self.side(party)) and side.days_late}

    @property
    def unproven_kg(self) -> Kilograms:
        """The contract's kilograms for which a proof is owed and no lot is named (R23)."""
        if not self.terms.is_from_stock:
            return Kilograms(0)
        return Kilograms(max(0, self.terms.kg - (self.proof.terms.proven_kg if self.proof else 0)))

    def flags(self, at: datetime, *, excess_kg: Kilograms, seller_has_quota: bool) -> tuple[Flag, ...]:
        """All that is wrong with the filing; the excess is that of the pledges made for it."""
        findings = {
            Flag.FILING_OVERDUE: is_overdue(self.state, self.due_on, at),
            Flag.FILING_LATE: bool(self.late),
            Flag.FILING_MISMATCH: self.state is ContractState.MISMATCH,
            Flag.ORIGIN_UNPROVEN: self.unproven_kg > 0,
            Flag.ORIGIN_OVERPLEDGED: excess_kg > 0,
            Flag.SELLER_WITHOUT_QUOTA: not seller_has_quota,
        }
        return tuple(flag for flag, is_found in findings.items() if is_found)


FILING_FLAGS = (
    Flag.FILING_OVERDUE,
    Flag.FILING_LATE,
    Flag.FILING_MISMATCH,
    Flag.ORIGIN_UNPROVEN,
    Flag.ORIGIN_OVERPLEDGED,
    Flag.SELLER_WITHOUT_QUOTA,
)
"""What an assessment finds anew each time; a contract's other flags come from its loads."""


def is_overdue(state: ContractState, due_on: date, at: datetime) -> bool:
    """Whether a contract's window closed before its filing was complete: from day 16 on (R26)."""
    return state in (ContractState.INCOMPLETE, ContractState.MISMATCH) and shanghai_day(at) > due_on


def contract_due(signed_on: date, policies: Policies = DEFAULTS) -> date:
    """The last day on which a contract is filed in time (R22)."""
    return contract_deadline(signed_on, policies).due_on


def next_version(
    standing: Filing | None,
    terms: Terms,
    *,
    filing_id: UUID,
    enterprise_id: UUID,
    at: datetime,
    policies: Policies = DEFAULTS,
) -> Filing:
    """A side's filing, or its next version, which keeps the side's first clock (R22c)."""
    first = standing.first_filed_at if standing else at
    return Filing(
        id=filing_id,
        enterprise_id=enterprise_id,
        version=standing.version + 1 if standing else 1,
        terms=terms,
        filed_at=at,
        first_filed_at=first,
        days_late=days_late(contract_due(terms.signed_on, policies), first),
    )


def assess(filings: Sequence[Filing], policies: Policies = DEFAULTS, *, exempt: Collection[UUID] = ()) -> Assessment:
    """What the newest filings of all who filed a contract come to (R22, R22c, R23).

    The seller names its buyer. Until that firm files, whoever filed as the buyer stands for the buyer's side, which is
    a mismatch to be seen; a contract that its two parties filed alike cannot be disturbed by a third. Nobody waits for
    a firm that is exempt from filing.
    """
    assert filings, "a contract begins with a filing"
    filings = [_judged_anew(filing, policies) for filing in filings]
    by_age = sorted(filings, key=lambda filing: filing.first_filed_at)
    seller = next((filing for filing in by_age if filing.party is Party.SELLER), None)
    buyers = [filing for filing in by_age if filing.party is Party.BUYER]
    named = [filing for filing in buyers if seller and filing.enterprise_id == seller.terms.buyer_id]
    buyer = next(iter(named or buyers), None)
    terms = (seller or by_age[0]).terms

    differences = _differences(seller.terms, buyer.terms) if seller and buyer else ()
    proof = min(
        (filing for filing in (seller, buyer) if filing and filing.terms.proof and terms.is_from_stock),
        key=lambda filing: filing.filed_at,
        default=None,
    )
    if not terms.is_from_stock:
        proof_state = ProofState.NONE
    elif proof and proof.terms.proven_kg >= terms.kg:
        proof_state = ProofState.COMPLETE
    else:
        proof_state = ProofState.MISSING

    if not (seller or terms.seller_id in exempt) or not (buyer or terms.buyer_id in exempt):
        state = ContractState.INCOMPLETE
    elif differences:
        state = ContractState.MISMATCH
    elif terms.is_from_stock and not proof:
        state = ContractState.INCOMPLETE
    else:
        state = ContractState.FILED
    due_on = contract_due(terms.signed_on, policies)
    return Assessment(terms, seller, buyer, proof, differences, due_on, state, proof_state)


def _judged_anew(filing: Filing, policies: Policies) -> Filing:
    # An outage or a holiday may have been declared after it was filed; what was written then stays as it was (R27, E54).
    late = days_late(contract_due(filing.terms.signed_on, policies), filing.first_filed_at)
    return filing if late == filing.days_late else replace(filing, days_late=late)


def _differences(one: Terms, other: Terms) -> tuple[str, ...]:
    names = [name for name in MUST_AGREE if getattr(one, name) != getattr(other, name)]
    if "grade" in names and is_same_grade(one.grade, other.grade):
        names.remove("grade")
    # One proof is enough, whoever files it; two that differ leave open which lots are pledged.
    if one.proof and other.proof and one.proof != other.proof:
        names.append("proof")
    return tuple(names)


def fact_of(number: str, filing: Filing) -> bytes:
    """The hash that stands for a filing: its receipt, which says what was filed, by whom and when."""
    return hash_of("filing", [number, filing.party, filing.version, filing.terms, filing.filed_at.astimezone(UTC)])
