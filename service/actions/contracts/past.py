"""A contract as it stood: what its filings came to by a time, told from what was on record then and never changes (E53)."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from service.actions.contracts.standing import assess, parties_of
from service.db import Connection
from service.domain import filings
from service.domain.alerts import Flag
from service.domain.amendments import Amendment
from service.domain.filings import Assessment, Contract, ContractState, Filing
from service.domain.policies import Policies
from service.domain.proofs import Pledge
from service.domain.units import Kilograms
from service.store import amendments, contracts, pledges, provenance, tickets
from service.store.provenance import Moment


@dataclass(frozen=True, slots=True)
class Stood:
    """A contract with what had been filed of it, pledged under it, promised by its instalments and proposed to change it."""

    contract: Contract
    filed: list[Filing]
    pledged: list[Pledge]
    instalments_kg: Kilograms | None
    amending: Amendment | None


async def as_it_stood(connection: Connection, contract: Contract, past: Moment, policies: Policies) -> Stood | None:
    """A contract as it stood; None where nobody had filed it."""
    filed = (await contracts.newest_filings(connection, [contract.id], past))[contract.id]
    if not filed:
        return None
    assessment = assess(filed, await parties_of(connection, [filed]), policies)
    terms = assessment.terms
    is_closed = contract.closed_at is not None and contract.closed_at <= past.at
    pledged = (await pledges.pledges_of(connection, [contract.id], past))[contract.id]
    promised_kg = await contracts.promised_at(connection, contract.id, past) if terms.is_framework else None
    proposed = [
        one
        for one in (await amendments.amendments_of(connection, [contract.id]))[contract.id]
        if one.proposed_at <= past.at and (one.answered_at is None or one.answered_at > past.at)
    ]
    flags = await _flags(connection, contract, assessment, filed, past)
    if promised_kg is not None and promised_kg > terms.kg:
        flags.append(Flag.FRAMEWORK_EXCEEDED)
    then = replace(
        contract,
        buyer_id=terms.buyer_id,
        mine_id=terms.mine_id,
        signed_on=terms.signed_on,
        kg=terms.kg,
        grade=terms.grade,
        valid_until=terms.valid_until,
        earmark=terms.earmark,
        due_on=assessment.due_on,
        state=ContractState.CLOSED if is_closed else assessment.state,
        proof_state=assessment.proof_state,
        flags=tuple(flags),
        shipped_kg=await _shipped(connection, contract.id, past),
        received_kg=(await tickets.received_at(connection, [contract.id], past)).get(contract.id, Kilograms(0)),
        closed_at=contract.closed_at if is_closed else None,
        project_id=terms.project_id,
        stock_id=terms.stock_id,
        is_framework=terms.is_framework,
        framework_id=terms.framework_id,
    )
    return Stood(then, filed, pledged, promised_kg, next(iter(proposed), None))


async def _flags(
    connection: Connection,
    contract: Contract,
    assessment: Assessment,
    filed: list[Filing],
    past: Moment,
) -> list[str]:
    """What its last filing by then was found to lack; one that was closed before anything was shipped lacks nothing more.

    Its end releases the pledges, and leaves what was said of them.
    """
    last_at = max(filing.filed_at for filing in filed)
    terms = assessment.terms
    had_quota = terms.source_id is None or await contracts.had_tranche(
        connection, terms.source_id, terms.signed_on, last_at
    )
    ended_at = None if contract.closed_at is None or contract.closed_at > past.at else contract.closed_at
    pledging = past if ended_at is None else replace(past, at=ended_at - timedelta.resolution)
    pledged = (await pledges.pledges_of(connection, [contract.id], pledging))[contract.id]
    excess_kg = Kilograms(sum(pledge.excess_kg for pledge in pledged))
    found: list[str] = list(assessment.flags(last_at, excess_kg=excess_kg, seller_has_quota=had_quota))
    if ended_at is not None:
        closing = Moment(ended_at, await provenance.size_at(connection, ended_at))
        if not await _shipped(connection, contract.id, closing):
            return [flag for flag in found if flag not in filings.FILING_FLAGS or flag == Flag.FILING_LATE]
    return found


async def _shipped(connection: Connection, contract_id: UUID, past: Moment) -> Kilograms:
    return (await tickets.shipped_at(connection, [contract_id], past)).get(contract_id, Kilograms(0))
