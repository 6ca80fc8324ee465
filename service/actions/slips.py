"""What a firm does about the ore that it uses itself."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.overdraws import report_overdraws
from service.actions.quotas import watch_commitments
from service.db import Connection
from service.domain import filings
from service.domain.alerts import Alert, Flag
from service.domain.calendar import days_late
from service.domain.filings import Slip, SlipFiling
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, ExpiredLicencePolicy, Policies
from service.domain.refusals import NotFound, Refusal
from service.domain.units import start_of
from service.store import alerts, audits, contracts, ledger, lots
from service.store import slips as store
from service.store.accounts import open_accounts
from service.store.ledger import Signer


async def file_slip(
    connection: Connection,
    slip: Slip,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> tuple[UUID, bool]:
    """File a handover slip; gives it and whether it is new (R24)."""
    (done,) = await file_slips(connection, [slip], at=at, sign=sign, policies=policies, actor=actor)
    if isinstance(done, Refusal):
        raise done
    return done


async def file_slips(
    connection: Connection,
    slips: Sequence[Slip],
    *,
    at: datetime,
    sign: Signer,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> list[tuple[UUID, bool] | Refusal]:
    """File handover slips; gives each and whether it is new, or why not: what is refused has left nothing (R24).

    Without tickets a slip draws on the mine's quota at once, as a sale does, into a lot of the firm's plant: what lies
    beyond the quota is recorded and flagged. With tickets its loads do.
    """
    firm = actor.enterprise_id
    if firm is None:
        return [NotFound() for _ in slips]
    mines = (await contracts.mines_of(connection, [firm]))[firm]
    others = (await contracts.sources_of(connection, [firm]))[firm]
    lines = await contracts.lines_of(connection, firm)
    refused: list[Refusal | None] = []
    for slip in slips:
        try:
            _check(slip, firm, mines, others, lines, at, policies)
        except Refusal as refusal:
            refused.append(refusal)
        else:
            refused.append(None)
    good = [slip for slip, refusal in zip(slips, refused, strict=True) if refusal is None]
    frozen = await store.frozen(connection, {(slip.source_id, slip.handed_on) for slip in good})
    drafts = [_draft(slip, lines, at, policies, is_frozen=(slip.source_id, slip.handed_on) in frozen) for slip in good]
    made = await store.add_slips(connection, drafts, person_id=actor.person_id, at=at)
    new = [draft for draft in drafts if draft.id in made]
    taken = [draft.slip.number for draft in drafts if draft.id not in made]
    standing = await store.find_by_numbers(connection, firm, taken) if taken else {}
    told = ((draft.id, True) if draft.id in made else _sent_again(draft.slip, standing) for draft in drafts)
    outcomes = [next(told) if refusal is None else refusal for refusal in refused]
    if not new:
        return outcomes

    await _alert(connection, new, at=at)
    notes = [(draft.id, {"kg": draft.slip.kg, "by_tickets": draft.slip.by_tickets}) for draft in new]
    await audits.note_all(connection, "slips.file", notes, at=at, actor=actor)
    await _hand_over(connection, [draft for draft in new if draft.movement_id], at=at, sign=sign)
    for year in sorted({draft.slip.handed_on.year for draft in new}):
        drawn = {draft.slip.source_id for draft in new if draft.slip.handed_on.year == year}
        await watch_commitments(connection, drawn, year, policies, at=at)
    return outcomes


def _check(
    slip: Slip,
    firm: UUID,
    mines: Collection[UUID],
    others: Collection[UUID],
    lines: Mapping[UUID, str],
    at: datetime,
    policies: Policies,
) -> None:
    if slip.enterprise_id != firm:
        raise NotFound
    filings.check_slip(slip, at, policies)
    if slip.mine_id and slip.mine_id not in mines:
        raise filings.UnknownMine(mine_id=str(slip.mine_id))
    if not slip.mine_id and slip.source_id not in others:
        raise filings.UnknownSource(source_id=str(slip.source_id))
    if slip.line_id and slip.line_id not in lines:
        raise filings.UnknownLine(line_id=str(slip.line_id))


def _draft(slip: Slip, lines: Mapping[UUID, str], at: datetime, policies: Policies, *, is_frozen: bool) -> SlipFiling:
    due_on = filings.slip_due(slip.handed_on, policies)
    late = days_late(due_on, at)
    freezes = policies.on(slip.handed_on).expired_licence is ExpiredLicencePolicy.FREEZE
    stopped = filings.goes_to_a_stopped_plant(slip, lines)
    findings = {Flag.FILING_LATE: late, Flag.QUOTA_FROZEN: freezes and is_frozen, Flag.STOPPED_PLANT: stopped}
    return SlipFiling(
        id=uuid7(),
        slip=slip,
        due_on=due_on,
        days_late=late,
        flags=[flag for flag, is_found in findings.items() if is_found],
        movement_id=None if slip.by_tickets else uuid7(),
        fact=filings.fact_of_slip(slip, at),
    )


def _sent_again(slip: Slip, standing: Mapping[str, tuple[UUID, Slip]]) -> tuple[UUID, bool] | Refusal:
    slip_id, known = standing[slip.number]
    return filings.SlipAlreadyFiled(slip_id=str(slip_id)) if known != slip else (slip_id, False)


async def _alert(connection: Connection, drafts: Sequence[SlipFiling], *, at: datetime) -> None:
    flagged = [draft for draft in drafts if draft.flags]
    if not flagged:
        return
    firms = await contracts.find_firms(connection, {draft.slip.enterprise_id for draft in flagged})
    await alerts.open_alerts(
        connection,
        [
            Alert(
                code=flag,
                subject_kind="slip",
                subject_id=str(draft.id),
                jurisdiction=firms[draft.slip.enterprise_id].jurisdiction,
                parties=(draft.slip.enterprise_id,),
                occurred_at=at if flag == Flag.FILING_LATE else start_of(draft.slip.handed_on),
                facts={"number": draft.slip.number, **_facts(draft, flag)},
            )
            for draft in flagged
            for flag in draft.flags
        ],
        at=at,
    )


def _facts(draft: SlipFiling, flag: Flag) -> dict[str, object]:
    if flag is Flag.FILING_LATE:
        return {"days_late": {"seller": draft.days_late}}
    if flag is Flag.QUOTA_FROZEN:
        return {"mine_id": draft.slip.source_id, "kg": draft.slip.kg}
    return {"line_id": draft.slip.line_id, "kg": draft.slip.kg}


async def _hand_over(connection: Connection, drafts: Sequence[SlipFiling], *, at: datetime, sign: Signer) -> None:
    """Move the kilograms of slips from their sources' quotas of the year into lots of the firm's."""
    if not drafts:
        return
    quotas = [_quota(draft.slip) for draft in drafts]
    wanted = [_lot(draft) for draft in drafts]
    opened = await lots.open_lots(connection, wanted, at)
    accounts = await open_accounts(connection, set(quotas))
    movements = [
        Movement(
            id=draft.movement_id,
            act=draft.movement_id,
            source=accounts[quota],
            target=opened[lot][1],
            kg=draft.slip.kg,
            occurred_at=start_of(draft.slip.handed_on),
            fact=draft.fact,
        )
        for draft, quota, lot in zip(drafts, quotas, wanted, strict=True)
        if draft.movement_id
    ]
    posted = await ledger.append(connection, movements, at=at, sign=sign)
    await report_overdraws(connection, posted, at=at)


def _quota(slip: Slip) -> AccountKey:
    return AccountKey(AccountKind.QUOTA, owner_id=slip.source_id, year=slip.handed_on.year, earmark=slip.earmark)


def _lot(draft: SlipFiling) -> AccountKey:
    slip = draft.slip
    return AccountKey(
        AccountKind.LOT, owner_id=slip.enterprise_id, document_id=draft.id, grade=slip.grade, year=slip.handed_on.year
    )
