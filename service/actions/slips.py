"""What a firm does about the ore that it uses itself."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
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


@dataclass(frozen=True, slots=True)
class Order:
    """A handover slip as somebody files it."""

    actor: Actor
    slip: Slip
    request_id: str | None = field(default_factory=audits.request_under_way)

    @property
    def key(self) -> tuple[UUID, str]:
        """What the slip is known by."""
        return self.slip.enterprise_id, self.slip.number


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the registry knows of those who file: each firm's mines, other sources, and lines with their status."""

    mines: Mapping[UUID, Collection[UUID]]
    others: Mapping[UUID, Collection[UUID]]
    lines: Mapping[UUID, Mapping[UUID, str]]

    @classmethod
    async def read(cls, connection: Connection, firms: Collection[UUID]) -> "_Ground":
        return cls(
            await contracts.mines_of(connection, firms),
            await contracts.sources_of(connection, firms),
            await contracts.lines_of(connection, firms),
        )


async def file_slip(
    connection: Connection, order: Order, *, at: datetime, sign: Signer, policies: Policies = DEFAULTS
) -> UUID:
    """File a handover slip; gives it, or raises why not (R24)."""
    (done,) = await file_slips(connection, [order], at=at, sign=sign, policies=policies)
    if isinstance(done, Refusal):
        raise done
    return done[0]


async def file_slips(
    connection: Connection, orders: Sequence[Order], *, at: datetime, sign: Signer, policies: Policies = DEFAULTS
) -> list[tuple[UUID, bool] | Refusal]:
    """File handover slips, each number once; gives each and whether it is new, or why not (R24).

    What is refused has left nothing and holds up no other. Without tickets a slip draws on the mine's quota at once, as a
    sale does, into a lot of the firm's plant: what lies beyond the quota is recorded and flagged. With tickets its loads do.
    """
    ground = await _Ground.read(connection, {firm for order in orders if (firm := order.actor.enterprise_id)})
    refused: list[Refusal | None] = []
    for order in orders:
        try:
            _check(order, ground, at, policies)
        except Refusal as refusal:
            refused.append(refusal)
        else:
            refused.append(None)
    good = [order for order, refusal in zip(orders, refused, strict=True) if refusal is None]
    frozen = await store.frozen(connection, {(order.slip.source_id, order.slip.handed_on) for order in good})
    drafts = [_draft(order.slip, ground, frozen, at, policies) for order in good]
    filed = list(zip(drafts, good, strict=True))
    made = await store.add_slips(connection, [(draft, order.actor.person_id) for draft, order in filed], at=at)
    standing = await store.find_by_numbers(connection, [order.key for draft, order in filed if draft.id not in made])
    told = (
        (draft.id, True) if draft.id in made else _sent_again(draft.slip, *standing[order.key])
        for draft, order in filed
    )
    outcomes = [next(told) if refusal is None else refusal for refusal in refused]
    new = [draft for draft in drafts if draft.id in made]
    if not new:
        return outcomes

    await _alert(connection, new, at=at)
    notes = [
        audits.Note(order.actor, draft.id, {"kg": draft.slip.kg, "by_tickets": draft.slip.by_tickets}, order.request_id)
        for draft, order in filed
        if draft.id in made
    ]
    await audits.note_all(connection, "slips.file", notes, at=at)
    await _hand_over(connection, [draft for draft in new if draft.movement_id], at=at, sign=sign)
    drawn: defaultdict[int, set[UUID]] = defaultdict(set)
    for draft in new:
        drawn[draft.slip.handed_on.year].add(draft.slip.source_id)
    await watch_commitments(connection, drawn, policies, at=at)
    return outcomes


def _check(order: Order, ground: _Ground, at: datetime, policies: Policies) -> None:
    slip, firm = order.slip, order.actor.enterprise_id
    if firm is None or slip.enterprise_id != firm:
        raise NotFound
    filings.check_slip(slip, at, policies)
    if slip.mine_id and slip.mine_id not in ground.mines[firm]:
        raise filings.UnknownMine(mine_id=str(slip.mine_id))
    if not slip.mine_id and slip.source_id not in ground.others[firm]:
        raise filings.UnknownSource(source_id=str(slip.source_id))
    if slip.line_id and slip.line_id not in ground.lines[firm]:
        raise filings.UnknownLine(line_id=str(slip.line_id))


def _draft(
    slip: Slip, ground: _Ground, frozen: Collection[tuple[UUID, date]], at: datetime, policies: Policies
) -> SlipFiling:
    due_on = filings.slip_due(slip.handed_on, policies)
    late = days_late(due_on, at)
    freezes = policies.on(slip.handed_on).expired_licence is ExpiredLicencePolicy.FREEZE
    is_frozen = freezes and (slip.source_id, slip.handed_on) in frozen
    stopped = filings.goes_to_a_stopped_plant(slip, ground.lines[slip.enterprise_id])
    findings = {Flag.FILING_LATE: late, Flag.QUOTA_FROZEN: is_frozen, Flag.STOPPED_PLANT: stopped}
    return SlipFiling(
        id=uuid7(),
        slip=slip,
        due_on=due_on,
        days_late=late,
        flags=[flag for flag, is_found in findings.items() if is_found],
        movement_id=None if slip.by_tickets else uuid7(),
        fact=filings.fact_of_slip(slip, at),
    )


def _sent_again(slip: Slip, slip_id: UUID, known: Slip) -> tuple[UUID, bool] | Refusal:
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
    since = min(movement.occurred_at for movement in movements)
    await report_overdraws(connection, posted, at=at, draws_since=since)


def _quota(slip: Slip) -> AccountKey:
    return AccountKey(AccountKind.QUOTA, owner_id=slip.source_id, year=slip.handed_on.year, earmark=slip.earmark)


def _lot(draft: SlipFiling) -> AccountKey:
    slip = draft.slip
    return AccountKey(
        AccountKind.LOT, owner_id=slip.enterprise_id, document_id=draft.id, grade=slip.grade, year=slip.handed_on.year
    )
