"""What offices do when a right passes on, a period ends, or special quota is misused."""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.allotments import create_allotment
from service.actions.overdraws import report_overdraws
from service.db import Connection
from service.domain import rights as rules
from service.domain.allotments import Cause, Draft, Kind, may_be_given_more
from service.domain.assessments import end_of
from service.domain.filings import UnknownEnterprise
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotFound
from service.domain.rights import Fate, Standing
from service.domain.units import Kilograms, shanghai_day, start_of
from service.store import allotments, assessments, audits, contracts, ledger, rights
from service.store.accounts import open_accounts
from service.store.ledger import Signer


async def apply_for(
    connection: Connection,
    mine_id: UUID,
    year: int,
    quarter: int,
    kind: Kind,
    kg: Kilograms,
    reason: str,
    *,
    at: datetime,
    actor: Actor,
) -> UUID:
    """Apply to the county for quota of a quarter, by the firm's business and the market's need (R08)."""
    mine = await rights.find_mine(connection, mine_id)
    if mine is None or mine["enterprise_id"] != actor.enterprise_id:
        raise NotFound
    application_id = uuid7()
    await rights.add_application(
        connection, application_id, mine_id, year, quarter, kind, kg, reason, at=at, actor=actor
    )
    facts = {"mine": mine_id, "year": year, "quarter": quarter, "kind": kind, "kg": kg}
    await audits.note(connection, "applications.file", application_id, facts, at=at, actor=actor)
    return application_id


async def permit_use(
    connection: Connection, earmark: str, enterprise_id: UUID, document_no: str, *, at: datetime, actor: Actor
) -> None:
    """Permit a firm to use special quota: what others use of it is misused (R25). Raises UnknownEnterprise."""
    if enterprise_id not in await contracts.find_firms(connection, {enterprise_id}):
        raise UnknownEnterprise(enterprise_id=str(enterprise_id))
    await rights.permit_use(connection, earmark, enterprise_id, document_no, at=at, actor=actor)
    facts = {"earmark": earmark, "document_no": document_no}
    await audits.note(connection, "earmarks.permit", enterprise_id, facts, at=at, actor=actor)


async def cut_year(
    connection: Connection,
    mine_id: UUID,
    year: int,
    share: Decimal,
    *,
    reason: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Cut what a mine's tranches of a year may reach by a share, for special quota that was misused (R25)."""
    await _place_of(connection, mine_id, actor)
    cut_id = uuid7()
    made = await rights.add_cut(
        connection, cut_id, mine_id, year, share, reason=reason, document_no=document_no, at=at, actor=actor
    )
    if not made:
        raise rules.CutAlready(mine_id=str(mine_id), year=year)
    facts = {"mine": mine_id, "year": year, "share": str(share), "document_no": document_no}
    await audits.note(connection, "cuts.decide", cut_id, facts, at=at, actor=actor)


async def succeed(
    connection: Connection,
    predecessors: Sequence[UUID],
    successors: Sequence[tuple[UUID, int]],
    policies: Policies,
    *,
    on: date,
    reason: str,
    document_no: str,
    at: datetime,
    sign: Signer,
    actor: Actor,
) -> UUID:
    """Let mines' rights pass to others by parts: merger, split, renaming (E26).

    What no ticket holds goes back to its pool and from there to the successors, to the kilogram; what the old mines
    were issued, have let out and still hold stays theirs, and every load keeps the old right as its origin.
    Raises PredecessorOwes, SucceededAlready, SuccessorIsPredecessor, and what an allotment is refused for.
    """
    named = [*predecessors, *(mine_id for mine_id, _ in successors)]
    if len(set(named)) < len(named):
        raise rules.SuccessorIsPredecessor
    places = {mine_id: await _place_of(connection, mine_id, actor) for mine_id in named}
    await ledger.lock_head(connection, at=at)
    for mine_id in predecessors:
        if await allotments.is_succeeded(connection, mine_id):
            raise rules.SucceededAlready(mine_id=str(mine_id))
    standings = await rights.standings(connection, on.year, predecessors)
    if owing := sum(standing.debt_kg for standing in standings):
        raise rules.PredecessorOwes(overdrawn_kg=owing)

    act = uuid7()
    issue = partial(create_allotment, connection, policies=policies, issue=True, at=at, sign=sign, actor=actor)
    why = (Cause.SUCCESSION, on, reason, document_no)
    parts = [part for _, part in successors]
    moved: Counter[tuple[UUID, UUID]] = Counter()
    for standing in standings:
        if not standing.free_kg:
            continue
        await issue(_adjustment(standing, on.year, -standing.free_kg, *why))
        for (mine_id, _), kg in zip(successors, rules.shared(standing.free_kg, parts), strict=True):
            moved[standing.mine_id, mine_id] += kg
            if kg:
                to = replace(standing, mine_id=mine_id, jurisdiction=places[mine_id])
                await issue(_adjustment(to, on.year, kg, *why))
    for predecessor in predecessors:
        for mine_id, part in successors:
            await rights.add_succession(
                connection,
                act,
                predecessor,
                mine_id,
                part,
                moved[predecessor, mine_id],
                on.year,
                on,
                reason=reason,
                document_no=document_no,
                at=at,
                actor=actor,
            )
    facts = {"from": list(predecessors), "to": [list(one) for one in successors], "kg": moved.total()}
    await audits.note(connection, "successions.decide", act, facts, at=at, actor=actor)
    return act


async def close_period(
    connection: Connection,
    year: int,
    quarter: int | None,
    policies: Policies,
    *,
    document_no: str,
    at: datetime,
    sign: Signer,
    actor: Actor,
) -> dict[str, int]:
    """Close a quarter, or a year, that has ended, by the policies of its last day; gives what became of what was left.

    What lapses at a year's end lies where it lies; what goes on is issued anew in the next year, unless the mine may have
    none. Of special quota that is withdrawn what was spent is owed from now on (E51).
    """
    today = shanghai_day(at)
    rules.check_is_over(year, quarter, today)
    await ledger.lock_head(connection, at=at)
    if await rights.is_closed(connection, year, quarter):
        raise rules.PeriodClosedAlready(year=year, quarter=quarter)
    then = policies.on(end_of((year, quarter or 4)))
    issue = partial(create_allotment, connection, policies=policies, issue=True, at=at, sign=sign, actor=actor)
    misused: Counter[tuple[UUID, str | None]] = Counter()
    for row in await rights.misuses(connection, year) if quarter is None else ():
        misused[row["mine_id"], row["earmark"]] += row["kg"]

    figures = {fate.value: 0 for fate in Fate}
    for standing in await rights.standings(connection, year):
        fate, kg = rules.fate_of(standing, quarter, then, misused_kg=misused[standing.mine_id, standing.earmark])
        if not kg:
            continue
        if fate is Fate.CHARGED:
            await _charge(connection, standing, year, document_no, at=at, sign=sign)
        elif fate is Fate.WITHDRAWN:
            why = f"{year} 年底未使用或未按规定用途使用的专项指标收回"
            await issue(_adjustment(standing, year, -kg, Cause.EARMARK, today, why, document_no))
        elif fate is Fate.LAPSED and quarter is not None:
            why = f"{year} 年第 {quarter} 季度未用指标收回"
            await issue(_adjustment(standing, year, -kg, Cause.PERIOD, today, why, document_no))
        elif fate is Fate.CARRIED:
            is_carried = await _carried(connection, issue, standing, year, today, document_no, policies, actor=actor)
            fate = Fate.CARRIED if is_carried else Fate.LAPSED
        figures[fate] += kg
    await rights.add_closing(connection, year, quarter, figures, document_no=document_no, at=at, actor=actor)
    facts = {"year": year, "quarter": quarter, **figures}
    await audits.note(connection, "closings.decide", None, facts, at=at, actor=actor)
    return figures


async def _place_of(connection: Connection, mine_id: UUID, actor: Actor) -> str:
    mine = await rights.find_mine(connection, mine_id)
    if mine is None or not actor.covers(mine["jurisdiction"]):
        raise NotFound
    place: str = mine["jurisdiction"]
    return place


async def _charge(
    connection: Connection, standing: Standing, year: int, document_no: str, *, at: datetime, sign: Signer
) -> None:
    """Take what a year owes out of the next year's quota: its opening debit; the loads beyond have their origin from there."""
    owed, next_year = (
        AccountKey(AccountKind.QUOTA, owner_id=standing.mine_id, year=of_year) for of_year in (year, year + 1)
    )
    accounts = await open_accounts(connection, [owed, next_year])
    movement_id = uuid7()
    said = f"meisu opening debit 1\n{standing.mine_id} {year} {standing.debt_kg} {document_no}"
    movement = Movement(
        id=movement_id,
        act=movement_id,
        source=accounts[next_year],
        target=accounts[owed],
        kg=standing.debt_kg,
        occurred_at=start_of(date(year + 1, 1, 1)),
        fact=hashlib.sha256(said.encode()).digest(),
    )
    posted = await ledger.append(connection, [movement], at=at, sign=sign)
    await report_overdraws(connection, posted, at=at, draws_since=movement.occurred_at)


async def _carried(
    connection: Connection,
    issue: Callable[[Draft], Awaitable[object]],
    standing: Standing,
    year: int,
    today: date,
    document_no: str,
    policies: Policies,
    *,
    actor: Actor,
) -> bool:
    """Issue a year's rest anew in the next, from the province's act down; False for a mine that may have no quota."""
    why = f"{year} 年结转"
    county = standing.jurisdiction
    city = f"{county[:4]}00"
    draft = _adjustment(standing, year + 1, standing.stock_kg, Cause.PERIOD, today, why, document_no)
    found = await allotments.find_holder(connection, draft, actor=actor)
    sheets = await assessments.sheets_of(connection, standing.mine_id)
    if found.right is None or not may_be_given_more(found.right, sheets, today, policies):
        return False
    for source, to in ((None, city), (city, county)):
        kg = standing.stock_kg
        await issue(Draft(year + 1, None, Kind.ADJUSTMENT, source, kg, document_no, today, to, reason=why))
    await issue(draft)
    return True


def _adjustment(standing: Standing, year: int, kg: int, cause: Cause, on: date, reason: str, document_no: str) -> Draft:
    return Draft(
        year=year,
        quarter=None,
        kind=Kind.ADJUSTMENT,
        source=standing.jurisdiction,
        kg=Kilograms(kg),
        document_no=document_no,
        issued_on=on,
        mine_id=standing.mine_id,
        reason=reason,
        earmark=standing.earmark,
        cause=cause,
    )
