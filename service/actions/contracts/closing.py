"""Ending a contract with what was shipped."""

from datetime import datetime
from uuid import UUID

from service.actions.contracts.standing import subject, watch_framework
from service.actions.quotas import watch_commitments
from service.db import Connection
from service.domain import filings
from service.domain.alerts import Flag
from service.domain.filings import ContractState
from service.domain.investigations import check_free
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound
from service.domain.units import shanghai_day
from service.store import alerts, audits, contracts, investigations, pledges


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
        await watch_commitments(connection, {contract.signed_on.year: [contract.source_id]}, policies, at=at)
    if contract.framework_id:
        await watch_framework(connection, contract.framework_id, at=at)
    await alerts.settle_alerts(connection, [subject(flag, contract_id) for flag in settled], at=at)
    facts = {"kg": contract.kg, "shipped_kg": contract.shipped_kg}
    await audits.note(connection, "contracts.close", contract_id, facts, at=at, actor=actor)
