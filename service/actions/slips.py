"""What a firm does about the ore that it uses itself."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.overdraws import report_overdraws
from service.actions.quotas import watch_commitments
from service.db import Connection
from service.domain import filings
from service.domain.alerts import Alert, Flag
from service.domain.calendar import days_late
from service.domain.filings import Slip
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, ExpiredLicencePolicy, Policies
from service.domain.refusals import NotFound
from service.domain.units import start_of
from service.store import alerts, audits, contracts, ledger, lots, slips
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
    """File a handover slip; gives it and whether it is new (R24).

    Without tickets it draws on the mine's quota at once, as a sale does, into a lot of the firm's plant: what lies
    beyond the quota is recorded and flagged. With tickets its loads do.
    """
    if actor.enterprise_id is None or actor.enterprise_id != slip.enterprise_id:
        raise NotFound
    filings.check_slip(slip, at, policies)
    if slip.mine_id and slip.mine_id not in await contracts.mines_of(connection, slip.enterprise_id):
        raise filings.UnknownMine(mine_id=str(slip.mine_id))
    if not slip.mine_id and slip.source_id not in await contracts.sources_of(connection, slip.enterprise_id):
        raise filings.UnknownSource(source_id=str(slip.source_id))
    lines = await contracts.lines_of(connection, slip.enterprise_id)
    if slip.line_id and slip.line_id not in lines:
        raise filings.UnknownLine(line_id=str(slip.line_id))

    slip_id = uuid7()
    due_on = filings.slip_due(slip.handed_on, policies)
    late = days_late(due_on, at)
    freezes = policies.on(slip.handed_on).expired_licence is ExpiredLicencePolicy.FREEZE
    frozen = freezes and await slips.is_frozen(connection, slip.source_id, slip.handed_on)
    stopped = filings.goes_to_a_stopped_plant(slip, lines)
    findings = {Flag.FILING_LATE: late, Flag.QUOTA_FROZEN: frozen, Flag.STOPPED_PLANT: stopped}
    flags = [flag for flag, is_found in findings.items() if is_found]
    movement_id = None if slip.by_tickets else uuid7()
    fact = filings.fact_of_slip(slip, at)
    is_new = await slips.add_slip(
        connection,
        slip_id,
        slip,
        due_on=due_on,
        days_late=late,
        flags=flags,
        movement_id=movement_id,
        fact=fact,
        person_id=actor.person_id,
        at=at,
    )
    if not is_new:
        return await _sent_again(connection, slip), False

    await _alert(connection, slip_id, slip, flags, days_late=late, at=at)
    facts = {"kg": slip.kg, "by_tickets": slip.by_tickets}
    await audits.note(connection, "slips.file", slip_id, facts, at=at, actor=actor)
    if movement_id:
        await _hand_over(connection, slip_id, slip, movement_id, fact, at=at, sign=sign)
    await watch_commitments(connection, [slip.source_id], slip.handed_on.year, policies, at=at)
    return slip_id, True


async def _sent_again(connection: Connection, slip: Slip) -> UUID:
    found = await slips.find_by_number(connection, slip.enterprise_id, slip.number)
    assert found is not None, "the number was taken by a slip that is there"
    slip_id, standing = found
    if standing != slip:
        raise filings.SlipAlreadyFiled(slip_id=str(slip_id))
    return slip_id


async def _alert(
    connection: Connection, slip_id: UUID, slip: Slip, flags: list[Flag], *, days_late: int, at: datetime
) -> None:
    firms = await contracts.find_firms(connection, [slip.enterprise_id])
    facts: dict[Flag, dict[str, object]] = {
        Flag.FILING_LATE: {"days_late": {"seller": days_late}},
        Flag.QUOTA_FROZEN: {"mine_id": slip.source_id, "kg": slip.kg},
        Flag.STOPPED_PLANT: {"line_id": slip.line_id, "kg": slip.kg},
    }
    await alerts.open_alerts(
        connection,
        [
            Alert(
                code=flag,
                subject_kind="slip",
                subject_id=str(slip_id),
                jurisdiction=firms[slip.enterprise_id].jurisdiction,
                parties=(slip.enterprise_id,),
                occurred_at=at if flag == Flag.FILING_LATE else start_of(slip.handed_on),
                facts={"number": slip.number, **facts[flag]},
            )
            for flag in flags
        ],
        at=at,
    )


async def _hand_over(
    connection: Connection, slip_id: UUID, slip: Slip, movement_id: UUID, fact: bytes, *, at: datetime, sign: Signer
) -> None:
    """Move a slip's kilograms from its source's quota of that year into a lot of the firm's."""
    year = slip.handed_on.year
    quota = AccountKey(AccountKind.QUOTA, owner_id=slip.source_id, year=year, earmark=slip.earmark)
    lot = AccountKey(AccountKind.LOT, owner_id=slip.enterprise_id, document_id=slip_id, grade=slip.grade, year=year)
    opened = await lots.open_lots(connection, [lot], at)
    accounts = await open_accounts(connection, [quota])
    movement = Movement(
        id=movement_id,
        act=movement_id,
        source=accounts[quota],
        target=opened[lot][1],
        kg=slip.kg,
        occurred_at=start_of(slip.handed_on),
        fact=fact,
    )
    posted = await ledger.append(connection, [movement], at=at, sign=sign)
    await report_overdraws(connection, posted, at=at)
