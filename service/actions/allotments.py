"""Allotting quota: a draft is written, consulted on, approved, issued onto the ledger, published, withdrawn."""

from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.overdraws import EVER, report_overdraws
from service.actions.quotas import watch_commitments
from service.db import Connection, Record
from service.domain import allotments as rules
from service.domain.alerts import Alert, Flag
from service.domain.allotments import (
    PROVINCE,
    Allotment,
    Cause,
    Draft,
    Found,
    Holder,
    HolderKind,
    Kind,
    Standing,
    State,
    Step,
)
from service.domain.assessments import suggested_kg
from service.domain.changes import ClawBack, Void
from service.domain.deadlines import county_deadline, proposal_deadline
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.permissions import Actor, Role
from service.domain.policies import Policies
from service.domain.refusals import NotAllowed
from service.domain.units import Kilograms, shanghai_day, start_of
from service.store import alerts, allotments, assessments, audits, ledger, provenance, quotas
from service.store.accounts import open_accounts
from service.store.ledger import Posted, Signer


async def create_allotment(
    connection: Connection, draft: Draft, policies: Policies, *, issue: bool, at: datetime, sign: Signer, actor: Actor
) -> UUID:
    """Write a draft for a holder, and issue it at once when asked to (R08, R09, R14)."""
    found = await allotments.find_holder(connection, draft, actor=actor)
    if draft.approved_by is not None:
        await allotments.find_allotment(connection, draft.approved_by, actor=actor)
    allowed = rules.may_issue(actor, draft.source) if issue else rules.may_draft(actor, draft.source, found.holder)
    if not allowed:
        raise NotAllowed
    if draft.kg > 0:
        rules.check_holder(draft.kind, draft.source, found.holder, found.right, policies)
    if actor.role is Role.COUNTY and not issue:
        rules.check_proposal(draft)
    allotment_id = uuid7()
    if issue:
        await _hold_the_book(connection, draft.allotment(allotment_id, found.holder), at=at)

    await allotments.insert_allotment(connection, allotment_id, draft, at=at)
    await allotments.insert_step(connection, allotment_id, "draft", shanghai_day(at), at=at, actor=actor)
    if issue:
        await _issue(connection, allotment_id, draft, found, policies, at=at, sign=sign, actor=actor)
    elif actor.role is Role.COUNTY:
        await _tell_if_proposed_late(connection, allotment_id, draft, found.enterprise_id, policies, at=at)
    facts = {"kind": draft.kind, "kg": draft.kg, "issued": issue}
    await audits.note(connection, "allotments.create", allotment_id, facts, at=at, actor=actor)
    return allotment_id


async def take_step(
    connection: Connection,
    allotment_id: UUID,
    step: Step,
    on: date,
    policies: Policies,
    *,
    at: datetime,
    sign: Signer,
    actor: Actor,
) -> None:
    """Take an allotment one step on: consult, approve, issue, publish, or withdraw it (R14)."""
    row = await allotments.find_allotment(connection, allotment_id, actor=actor)
    if step is Step.ISSUE:
        draft = _draft(row, on)
        found = await allotments.find_holder(connection, draft, actor=actor)
        await _hold_the_book(connection, draft.allotment(allotment_id, found.holder), at=at)
    elif step is Step.WITHDRAW:
        await ledger.lock_head(connection, at=at)
    await allotments.lock_allotment(connection, allotment_id)
    row = await allotments.find_allotment(connection, allotment_id, actor=actor)
    allowed = rules.may_approve if step in (Step.CONSULT, Step.APPROVE) else rules.may_issue
    if not allowed(actor, row["from_jurisdiction"]):
        raise NotAllowed
    before = State(row["state"])
    then = rules.after(step, before)

    draft = _draft(row, on if step is Step.ISSUE else row["issued_on"])
    if step is Step.ISSUE:
        found = await allotments.find_holder(connection, draft, actor=actor)
        await _issue(connection, allotment_id, draft, found, policies, at=at, sign=sign, actor=actor)
    else:
        if step is Step.WITHDRAW and before in rules.IN_FORCE:
            await _take_back_whole(connection, row, draft, on, policies, at=at, sign=sign)
        if step is Step.PUBLISH:
            await _tell_if_late(connection, allotment_id, draft, step, row["enterprise_id"], policies, at=at)
        await allotments.move_allotment(connection, allotment_id, then, row["issued_on"])
        await allotments.insert_step(connection, allotment_id, step, on, at=at, actor=actor)
    await audits.note(connection, f"allotments.{step}", allotment_id, {"on": on}, at=at, actor=actor)


async def as_it_stood(connection: Connection, allotment_id: UUID, at: datetime, *, actor: Actor) -> Mapping[str, Any]:
    """What an allotment said, told from its steps (E53); its draft's day is not known where it was issued before that was kept.

    Raises NotFound where there was none, or not for the actor.
    """
    row = await allotments.find_then(connection, allotment_id, at, actor=actor)
    steps = await allotments.steps_by(connection, allotment_id, at)
    issued_on = next((on for step, on in steps if step is Step.ISSUE), None)
    return {
        **row,
        "state": rules.state_by(step for step, _ in steps),
        "issued_on": issued_on or row["drafted_for"],
        "suggested_kg": row["suggested_kg"] if issued_on else None,
    }


async def _hold_the_book(connection: Connection, allotment: Allotment, *, at: datetime) -> None:
    """Open the accounts, then lock the head: weighings take these locks in the same order, so the two cannot deadlock."""
    await open_accounts(connection, [_source(allotment), _target(allotment)])
    await ledger.lock_head(connection, at=at)


async def _issue(
    connection: Connection,
    allotment_id: UUID,
    draft: Draft,
    found: Found,
    policies: Policies,
    *,
    at: datetime,
    sign: Signer,
    actor: Actor,
) -> None:
    """Put a draft's kilograms into its holder's account; the head is locked, so nobody else decides on the same pool.

    1. What is known is read. 2. The rules decide. 3. The kilograms are posted, or taken back. 4. The allotment moves on.
    5. What is no longer overdrawn is settled.
    """
    allotment = draft.allotment(allotment_id, found.holder)
    earlier = await allotments.in_force(connection, draft, found.holder)
    mine_id = draft.mine_id
    sheets = await assessments.sheets_of(connection, mine_id) if mine_id else None
    standing = Standing(
        today=shanghai_day(at),
        at=at,
        right=found.right,
        sheets=sheets,
        cut_share=await allotments.cut_share(connection, mine_id, draft.year) if mine_id else Fraction(0),
        successor=await allotments.is_succeeded(connection, mine_id) if mine_id else False,
        declared_kg=found.declared_kg,
        earlier=earlier,
        needs_approval=actor.role is Role.COUNTY,
        approval=await allotments.find_approval(connection, draft.approved_by or allotment_id, allotment_id),
        pool_kg=None if draft.source is None else await quotas.pool_kg(connection, draft.source, draft.year),
    )
    rules.check_issue(allotment, standing, policies)

    if allotment.kg > 0:
        posted = await _post(connection, allotment, fact=rules.fact_of(allotment_id, draft), at=at, sign=sign)
    else:
        posted = await _take_back(
            connection, allotment, earlier, fact=rules.fact_of(allotment_id, draft), at=at, sign=sign
        )
    if standing.needs_approval:
        await _tell_if_late(connection, allotment_id, draft, Step.ISSUE, found.enterprise_id, policies, at=at)
    await allotments.move_allotment(connection, allotment_id, State.ISSUED, draft.issued_on)
    await allotments.insert_step(
        connection, allotment_id, Step.ISSUE, draft.issued_on, at=posted.recorded_at, actor=actor
    )
    if sheets and found.right and allotment.kind is Kind.MERIT:
        suggested = suggested_kg(sheets, allotment.period, found.right.scale_kg, policies)
        if suggested is not None:
            await allotments.note_suggestion(connection, allotment_id, suggested)
    await _watch(connection, allotment, posted, policies, at=at)


async def _post(connection: Connection, allotment: Allotment, *, fact: bytes, at: datetime, sign: Signer) -> Posted:
    """Move the kilograms from the pool, or from the province's act, to the holder (R06)."""
    source, target = _source(allotment), _target(allotment)
    accounts = await open_accounts(connection, [source, target])
    movement = Movement(
        id=allotment.id,
        act=allotment.id,
        source=accounts[source],
        target=accounts[target],
        kg=allotment.kg,
        occurred_at=start_of(allotment.issued_on),
        fact=fact,
    )
    return await ledger.append(connection, [movement], at=at, sign=sign)


async def _take_back(
    connection: Connection,
    allotment: Allotment,
    earlier: list[Allotment],
    *,
    fact: bytes,
    at: datetime,
    sign: Signer,
) -> Posted:
    """Take kilograms of the newest allotments from there back, first what has not been spent (R05, R25).

    A pool gives back only what it still has; what a mine has spent it owes from now on.
    """
    wanted_kg = -allotment.kg
    given = [
        other
        for other in reversed(earlier)
        if other.kg > 0
        and (other.source, other.earmark, other.year) == (allotment.source, allotment.earmark, allotment.year)
    ]
    came = await provenance.deliveries(connection, [other.id for other in given])
    standing_kg = {movement: sum(part.kg for part in parts) for movement, parts in came.items()}
    if sum(standing_kg.values()) < wanted_kg:
        raise rules.MoreThanAllotted(possible_kg=sum(standing_kg.values()))
    await _check_holder_has(connection, allotment.holder, allotment.year, wanted_kg)

    changes = []
    for other in given:
        kg = Kilograms(min(wanted_kg, standing_kg[other.id]))
        if kg:
            changes.append(ClawBack(other.id, kg, start_of(allotment.issued_on), fact))
            wanted_kg -= kg
    return await ledger.revise(connection, changes, at=at, sign=sign)


async def _take_back_whole(
    connection: Connection, row: Record, draft: Draft, on: date, policies: Policies, *, at: datetime, sign: Signer
) -> None:
    """Strike all that still stands of an allotment that is withdrawn."""
    if draft.kg < 0:
        raise rules.NotToBeUndone
    allotment = draft.allotment(row["id"], _holder(row))
    came = await provenance.deliveries(connection, [allotment.id])
    standing_kg = sum(part.kg for part in came[allotment.id])
    await _check_holder_has(connection, allotment.holder, allotment.year, standing_kg)

    if standing_kg:
        fact = rules.withdrawal_of(allotment.id, draft, on)
        void = Void([allotment.id], start_of(on), fact)
        posted = await ledger.revise(connection, [void], at=at, sign=sign)
        await _watch(connection, allotment, posted, policies, at=at)


async def _tell_if_proposed_late(
    connection: Connection,
    allotment_id: UUID,
    draft: Draft,
    enterprise_id: UUID | None,
    policies: Policies,
    *,
    at: datetime,
) -> None:
    """Open an alert when a county proposes a mine's tranche of a quarter after that quarter has begun (R09).

    For a mine that was registered since, nothing could be proposed earlier.
    """
    if draft.mine_id is None or draft.quarter is None or draft.source is None or draft.kind not in rules.TRANCHES:
        return
    due = proposal_deadline(draft.year, draft.quarter, policies)
    if at < due.ends_at or (await assessments.sheets_of(connection, draft.mine_id)).registered_on > due.due_on:
        return
    facts = {"year": draft.year, "quarter": draft.quarter, "due_on": due.due_on, "document_no": draft.document_no}
    parties = () if enterprise_id is None else (enterprise_id,)
    alert = Alert(Flag.PROPOSAL_LATE, "allotment", str(allotment_id), draft.source, parties, due.ends_at, facts)
    await alerts.open_alerts(connection, [alert], at=at)


async def _tell_if_late(
    connection: Connection,
    allotment_id: UUID,
    draft: Draft,
    step: Step,
    enterprise_id: UUID | None,
    policies: Policies,
    *,
    at: datetime,
) -> None:
    """Open an alert when the county issues or publishes later than it should after the city's decision (R14)."""
    decided_at = await allotments.decided_at(connection, draft.approved_by or allotment_id)
    if decided_at is None or draft.source is None:
        return
    due = county_deadline(shanghai_day(decided_at), policies)
    if at < due.ends_at:
        return
    facts = {"step": step, "due_on": due.due_on, "document_no": draft.document_no, "provisional": due.is_provisional}
    parties = () if enterprise_id is None else (enterprise_id,)
    alert = Alert(Flag.ALLOTMENT_LATE, "allotment", str(allotment_id), draft.source, parties, due.ends_at, facts)
    await alerts.open_alerts(connection, [alert], at=at)


async def _check_holder_has(connection: Connection, holder: Holder, year: int, kg: int) -> None:
    """Refuse to take from a pool what it has passed on already (R06)."""
    if holder.kind is HolderKind.JURISDICTION:
        rules.check_pool(kg, await quotas.pool_kg(connection, holder.jurisdiction, year))


async def _watch(
    connection: Connection, allotment: Allotment, posted: Posted, policies: Policies, *, at: datetime
) -> None:
    await report_overdraws(connection, posted, at=at, draws_since=EVER)
    if allotment.holder.id is not None:
        await watch_commitments(connection, {allotment.year: [allotment.holder.id]}, policies, at=at)


def _source(allotment: Allotment) -> AccountKey:
    if allotment.source is None:
        return AccountKey(AccountKind.ISSUE, jurisdiction=PROVINCE, year=allotment.year)
    return AccountKey(AccountKind.POOL, jurisdiction=allotment.source, year=allotment.year)


def _target(allotment: Allotment) -> AccountKey:
    holder = allotment.holder
    if holder.kind is HolderKind.JURISDICTION:
        return AccountKey(AccountKind.POOL, jurisdiction=holder.jurisdiction, year=allotment.year)
    return AccountKey(AccountKind.QUOTA, owner_id=holder.id, year=allotment.year, earmark=allotment.earmark)


def _draft(row: Record, issued_on: date) -> Draft:
    return Draft(
        year=row["year"],
        quarter=row["quarter"],
        kind=Kind(row["kind"]),
        source=row["from_jurisdiction"],
        kg=Kilograms(row["kg"]),
        document_no=row["document_no"],
        issued_on=issued_on,
        to_jurisdiction=row["to_jurisdiction"],
        mine_id=row["mine_id"],
        project_id=row["project_id"],
        stock_id=row["stock_id"],
        reason=row["reason"],
        earmark=row["earmark"],
        approved_by=row["approved_by"],
        cause=row["cause"] and Cause(row["cause"]),
        application_id=row["application_id"],
    )


def _holder(row: Record) -> Holder:
    ids = {
        HolderKind.MINE: row["mine_id"],
        HolderKind.PROJECT: row["project_id"],
        HolderKind.STOCK: row["stock_id"],
    }
    kind = next((kind for kind, found in ids.items() if found is not None), HolderKind.JURISDICTION)
    return Holder(kind, row["jurisdiction"], ids.get(kind))
