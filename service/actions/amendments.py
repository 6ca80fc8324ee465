"""What the parties of a filed contract change about it together."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.contracts import Draft, check_sources, file_versions
from service.db import Connection
from service.domain import amendments as rules
from service.domain import filings
from service.domain.alerts import Alert, Flag
from service.domain.amendments import Amendment, AmendmentState
from service.domain.calendar import days_late
from service.domain.filings import Contract, Terms
from service.domain.grades import check_grade
from service.domain.investigations import check_free
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound
from service.domain.units import shanghai_day
from service.store import alerts, amendments, audits, contracts, investigations


async def propose_amendment(
    connection: Connection,
    contract_id: UUID,
    changes: Mapping[str, Any],
    *,
    agreed_on: date,
    reason: str,
    for_both: bool = False,
    at: datetime,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> UUID:
    """File the actor's side of an amendment; it counts when the other side confirms it (W08, E20).

    The other side's very proposal, while one is open, confirms it. `for_both` confirms within one group (U9).
    """
    contract = await _hold(connection, contract_id, actor=actor)
    own = actor.enterprise_id
    assert own is not None, "only parties hold a contract"
    known = (await contracts.newest_filings(connection, [contract_id]))[contract_id]
    before = filings.assess(known).terms
    after = rules.amended(before, changes)
    rules.check_amendment(contract, before, after, agreed_on, at)
    filings.check(after, at, policies)
    check_grade(after.grade, listed_only=policies.listed_grades)
    firms = await contracts.find_firms(connection, {contract.seller_id, contract.buyer_id})
    if for_both and len({firm.group_code for firm in firms.values()}) > 1:
        raise filings.NotOneGroup
    after = await check_sources(connection, after, firms, at=at)
    check_free([contract_id], await investigations.held(connection, [contract_id], shanghai_day(at)))
    await _check_framework(connection, after)
    earlier = (await amendments.amendments_of(connection, [contract_id]))[contract_id]
    if waiting := next((one for one in earlier if one.state is AmendmentState.PROPOSED), None):
        if waiting.terms != after:
            raise rules.AmendmentOpen(amendment_id=waiting.id)
        if waiting.enterprise_id != own:
            await _agree(connection, contract, waiting, at=at, policies=policies, actor=actor)
        return waiting.id

    due_on = filings.contract_due(agreed_on, policies)
    amendment = Amendment(
        id=uuid7(),
        contract_id=contract_id,
        number=len(earlier) + 1,
        enterprise_id=own,
        terms=after,
        changes=rules.changes_of(before, after),
        reason=reason,
        agreed_on=agreed_on,
        due_on=due_on,
        proposed_at=at,
        days_late=days_late(due_on, at),
        state=AmendmentState.PROPOSED,
    )
    await amendments.add_amendment(connection, amendment, rules.fact_of(amendment), person_id=actor.person_id)
    facts = {"amendment": amendment.id, "changes": amendment.changes}
    await audits.note(connection, "amendments.propose", contract_id, facts, at=at, actor=actor)
    await _tell_if_late(connection, contract, amendment, amendment.days_late, at=at)
    if for_both:
        await _agree(connection, contract, amendment, at=at, policies=policies, actor=actor)
    return amendment.id


async def answer_amendment(
    connection: Connection,
    contract_id: UUID,
    amendment_id: UUID,
    state: AmendmentState,
    *,
    answer: str | None = None,
    at: datetime,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> None:
    """Confirm or decline what the other side proposes, or withdraw one's own; the same answer again is no news."""
    contract = await _hold(connection, contract_id, actor=actor)
    earlier = (await amendments.amendments_of(connection, [contract_id]))[contract_id]
    amendment = next((one for one in earlier if one.id == amendment_id), None)
    if amendment is None:
        raise rules.UnknownAmendment
    if amendment.state is state:
        return
    rules.check_answer(amendment, actor.enterprise_id, is_withdrawal=state is AmendmentState.WITHDRAWN)
    if state is AmendmentState.AGREED:
        check_free([contract_id], await investigations.held(connection, [contract_id], shanghai_day(at)))
        await _agree(connection, contract, amendment, at=at, policies=policies, actor=actor)
        return

    await amendments.answer_amendment(
        connection,
        amendment_id,
        state,
        answer,
        days_late=days_late(amendment.due_on, at),
        at=at,
        person_id=actor.person_id,
    )
    await _settle_overdue(connection, contract, at=at)
    await audits.note(connection, f"amendments.{state}", contract_id, {"amendment": amendment_id}, at=at, actor=actor)


async def _hold(connection: Connection, contract_id: UUID, *, actor: Actor) -> Contract:
    """A contract of the actor's firm, held with its framework; others do not learn that it exists."""
    found = await contracts.find_contract(connection, contract_id, actor=actor)
    if found is None or actor.enterprise_id not in (found.seller_id, found.buyer_id):
        raise NotFound
    if found.framework_id:
        await contracts.lock(connection, found.framework_id)
    return await contracts.lock(connection, contract_id)


async def _check_framework(connection: Connection, terms: Terms) -> None:
    if terms.framework_id:
        framework = (await contracts.lock_all(connection, [terms.framework_id])).get(terms.framework_id)
        if framework is None:
            raise filings.UnknownFramework(framework_id=terms.framework_id)
        filings.check_instalment(terms, framework)


async def _agree(
    connection: Connection, contract: Contract, amendment: Amendment, *, at: datetime, policies: Policies, actor: Actor
) -> None:
    """Put an amendment in force: the next version of both sides, and what it cures (W08)."""
    known = (await contracts.newest_filings(connection, [contract.id]))[contract.id]
    in_force = filings.assess(known).terms
    rules.check_amendment(contract, in_force, amendment.terms, amendment.agreed_on, at)
    draws_elsewhere = any(name in amendment.changes for name in rules.SOURCES)
    if draws_elsewhere and (numbers := await contracts.tickets_not_weighed(connection, contract.id)):
        raise filings.TicketsStillOpen(tickets=numbers)

    late = days_late(amendment.due_on, at)
    await amendments.answer_amendment(
        connection, amendment.id, AmendmentState.AGREED, None, days_late=late, at=at, person_id=actor.person_id
    )
    parties = [contract.seller_id, contract.buyer_id]
    draft = Draft(contract, parties, amendment.terms, known, actor.person_id)
    await file_versions(connection, [draft], at=at, policies=policies)
    await _cure(connection, contract, amendment.terms, at=at)
    await _tell_if_late(connection, contract, amendment, late, at=at)
    facts = {"amendment": amendment.id, "kg": amendment.terms.kg}
    await audits.note(connection, "amendments.agreed", contract.id, facts, at=at, actor=actor)


async def _cure(connection: Connection, contract: Contract, terms: Terms, *, at: datetime) -> None:
    """Settle what the loads had broken and the new terms allow: more kilograms (W08), a later end (E21)."""
    cured = [Flag.CONTRACT_OVERSHIPPED] if contract.shipped_kg <= terms.kg else []
    last_at = await contracts.last_load_at(connection, contract.id)
    if last_at is None or shanghai_day(last_at) <= terms.valid_until:
        cured.append(Flag.CONTRACT_EXPIRED)
    await alerts.settle_alerts(connection, [(flag, "contract", str(contract.id)) for flag in cured], at=at)


async def _settle_overdue(connection: Connection, contract: Contract, *, at: datetime) -> None:
    if Flag.FILING_OVERDUE not in contract.flags:
        await alerts.settle_alerts(connection, [(Flag.FILING_OVERDUE, "contract", str(contract.id))], at=at)


async def _tell_if_late(
    connection: Connection, contract: Contract, amendment: Amendment, late: int, *, at: datetime
) -> None:
    if not late:
        return
    firms = await contracts.find_firms(connection, [contract.seller_id])
    alert = Alert(
        code=Flag.FILING_LATE,
        subject_kind="contract",
        subject_id=str(contract.id),
        jurisdiction=firms[contract.seller_id].jurisdiction,
        parties=(contract.seller_id, contract.buyer_id),
        occurred_at=at,
        facts={"number": contract.number, "amendment": amendment.number, "amendment_days_late": late},
    )
    await alerts.open_alerts(connection, [alert], at=at)
