"""Deadlines: what is due, what moves when the rules or the calendar change, and who is told."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.contracts import reassess
from service.db import Connection, Record
from service.domain import deadlines as rules
from service.domain.alerts import Alert, Flag
from service.domain.calendar import Deadline, days_late
from service.domain.deadlines import Duty, Move, Obligation, Report
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import NotAllowed
from service.domain.units import shanghai_day, shanghai_year
from service.store import alerts, audits, deadlines, ledger, policies, rights

SHOWN_AHEAD_DAYS = 60


async def obligations(
    connection: Connection,
    in_force: Policies,
    *,
    area: str | None = None,
    enterprise_id: UUID | None = None,
    at: datetime,
) -> list[Obligation]:
    """What an area's offices and firms, or one firm, have not done yet, the most urgent first.

    Reports are listed from two months before they are due.
    """
    found = [
        _of_a_contract(row, in_force)
        for row in await deadlines.waiting_contracts(connection, area=area, enterprise_id=enterprise_id)
    ]
    found += [
        _of_an_amendment(row, in_force)
        for row in await deadlines.waiting_amendments(connection, area=area, enterprise_id=enterprise_id)
    ]
    found += await _earmarks(connection, area=area, enterprise_id=enterprise_id, at=at)
    if enterprise_id is None:
        rows = await deadlines.waiting_allotments(connection, area=area)
        found += [_of_an_allotment(row, in_force) for row in rows]
        found += await _reports(connection, in_force, area=area, at=at)
    return sorted(found, key=lambda one: (one.deadline.due_on, one.duty, one.subject_id))


def _of_a_contract(row: Record, in_force: Policies) -> Obligation:
    missing = [
        (row[f"{side}_id"], row[f"{side}_place"])
        for side in ("seller", "buyer")
        if not row[f"{side}_filed"] and rules.must_file(row[f"{side}_kinds"], row["signed_on"], in_force)
    ]
    # Both have filed, and not the same or without a proof: then both have something to put right.
    owing = missing or [(row["seller_id"], row["seller_place"]), (row["buyer_id"], row["buyer_place"])]
    return Obligation(
        duty=Duty.CONTRACT,
        subject_kind="contract",
        subject_id=str(row["id"]),
        name=row["number"],
        jurisdiction=owing[0][1],
        deadline=rules.contract_deadline(row["signed_on"], in_force),
        parties=tuple(enterprise_id for enterprise_id, _ in owing),
        facts={"state": row["state"], "shipped_kg": row["shipped_kg"], "loads": row["loads"]},
        decided_on=row["signed_on"],
    )


def _of_an_amendment(row: Record, in_force: Policies) -> Obligation:
    return Obligation(
        duty=Duty.AMENDMENT,
        subject_kind="contract",
        subject_id=str(row["id"]),
        name=row["number"],
        jurisdiction=row["jurisdiction"],
        deadline=rules.contract_deadline(row["agreed_on"], in_force),
        parties=(row["owing_id"],),
        facts={"amendment": row["amendment"], "changes": row["changes"]},
        decided_on=row["agreed_on"],
    )


def _of_an_allotment(row: Record, in_force: Policies) -> Obligation:
    decided_on = shanghai_day(row["decided_at"])
    return Obligation(
        duty=Duty.COUNTY_ISSUE if row["state"] == "approved" else Duty.PUBLICATION,
        subject_kind="allotment",
        subject_id=str(row["id"]),
        name=f"{row['document_no']} {row['holder']}",
        jurisdiction=row["jurisdiction"],
        deadline=rules.county_deadline(decided_on, in_force),
        facts={"kg": row["kg"], "decided_on": decided_on},
        decided_on=decided_on,
    )


async def _earmarks(
    connection: Connection, *, area: str | None, enterprise_id: UUID | None, at: datetime
) -> list[Obligation]:
    """Special quota of this year, and of the last until it is closed, that is not spent or was misused (R25)."""
    found = []
    for year in (shanghai_year(at) - 1, shanghai_year(at)):
        deadline = rules.earmark_deadline(year)
        if rules.days_left(deadline.due_on, at) > SHOWN_AHEAD_DAYS:
            continue
        rows = await deadlines.earmarked(connection, year, area=area, enterprise_id=enterprise_id)
        if not rows:
            continue
        balances = await ledger.balances(connection, [row["id"] for row in rows])
        misused: dict[tuple[UUID, str], int] = {}
        for row in await rights.misuses(connection, year):
            misused[row["mine_id"], row["earmark"]] = misused.get((row["mine_id"], row["earmark"]), 0) + row["kg"]
        for row in rows:
            unspent_kg = balances[row["id"]].stock_kg
            misused_kg = misused.get((row["mine_id"], row["earmark"]), 0)
            if unspent_kg or misused_kg:
                found.append(_of_an_earmark(row, year, deadline, unspent_kg=unspent_kg, misused_kg=misused_kg))
    return found


def _of_an_earmark(row: Record, year: int, deadline: Deadline, *, unspent_kg: int, misused_kg: int) -> Obligation:
    return Obligation(
        duty=Duty.EARMARK,
        subject_kind="earmark",
        subject_id=f"{row['mine_id']}:{year}:{row['earmark']}",
        name=f"{row['name']} {row['earmark']}",
        jurisdiction=row["jurisdiction"],
        deadline=deadline,
        parties=(row["enterprise_id"],),
        facts={"mine_id": row["mine_id"], "year": year, "unspent_kg": unspent_kg, "misused_kg": misused_kg},
    )


async def _reports(connection: Connection, in_force: Policies, *, area: str | None, at: datetime) -> list[Obligation]:
    """What counties that got quota owe of this year and the one before, for mines that are here (R15, R18, R19)."""
    today = shanghai_day(at)
    mines = await deadlines.mines(connection, area=area)
    found = []
    for year in (today.year - 1, today.year):
        counties = await deadlines.counties(connection, year, area=area)
        assessed = await deadlines.assessed(connection, year)
        submitted = await deadlines.submitted(connection, year)
        for report in rules.reports_of(year, in_force):
            if rules.days_left(report.deadline.due_on, at) > SHOWN_AHEAD_DAYS:
                continue
            for county in counties:
                owing = [mine for mine in mines if mine["jurisdiction"] == county["code"] and _owes(mine, report)]
                if report.duty is Duty.SHEETS:
                    owing = [mine for mine in owing if (mine["id"], report.quarter) not in assessed]
                if not owing or (county["code"], report.duty, report.quarter) in submitted:
                    continue
                found.append(_of_a_report(report, county, [mine["name"] for mine in owing]))
    return found


def _owes(mine: Record, report: Report) -> bool:
    """Whether a mine was registered before what is reported had come to its end (R18)."""
    return shanghai_day(mine["created_at"]) <= report.ends_on


def _of_a_report(report: Report, county: Record, mines: list[str]) -> Obligation:
    facts: dict[str, object] = {"year": report.year, "quarter": report.quarter}
    if report.duty is Duty.SHEETS:
        facts["mines"] = mines
    return Obligation(
        duty=report.duty,
        subject_kind="report",
        subject_id=f"{county['code']}:{report.duty}:{report.subject_id}",
        name=county["name"],
        jurisdiction=county["code"],
        deadline=report.deadline,
        facts=facts,
    )


async def tell(connection: Connection, in_force: Policies, *, at: datetime) -> None:
    """Recall what is due soon, flag what is late or misused, and settle what was done (R14, R15, R18, R19, R22, R25).

    Filings that are overdue are flagged with their contract's loads, elsewhere.
    """
    waiting = await obligations(connection, in_force, at=at)
    near = [one for one in waiting if rules.is_near(one.deadline.due_on, at, in_force)]
    late = [one for one in waiting if at >= one.deadline.ends_at]
    told = [one.alert(Flag.DEADLINE_NEAR, at) for one in near]
    told += [one.alert(Flag.ALLOTMENT_LATE, at) for one in late if one.subject_kind == "allotment"]
    told += [one.alert(Flag.REPORT_LATE, at) for one in late if one.subject_kind == "report"]
    told += [_of_a_misuse(row) for row in await rights.misuses(connection)]
    # What the county did late stays open for its office to look at: the others settle themselves.
    of_their_own = [Flag.DEADLINE_NEAR, Flag.REPORT_LATE, Flag.EARMARK_MISUSED]
    standing = await deadlines.open_alerts(connection, of_their_own)
    await alerts.settle_alerts(connection, sorted(standing - {alert.subject for alert in told}), at=at)
    # What an office has settled with a note is not told again.
    settled = await deadlines.settled_by_hand(connection, [*of_their_own, Flag.ALLOTMENT_LATE])
    await alerts.open_alerts(connection, [alert for alert in told if alert.subject not in settled], at=at)


def _of_a_misuse(row: Record) -> Alert:
    facts = {"number": row["number"], "earmark": row["earmark"], "mine_id": row["mine_id"], "kg": row["kg"]}
    return Alert(
        Flag.EARMARK_MISUSED,
        row["subject_kind"],
        str(row["id"]),
        row["jurisdiction"],
        tuple({row["owner_id"], row["used_by"]}),
        row["since"],
        facts,
    )


async def move_deadlines(
    connection: Connection, before: Policies, after: Policies, *, version: int, at: datetime
) -> None:
    """Count every deadline anew after a decision about the rules; what has moved is kept, with the decision (E56).

    1. Contracts, in whatever state: a filing that was late may be in time now (R27). 2. Amendments likewise. 3. Slips
    that were late. 4. What counties owe.
    """
    moves = await _move_contracts(connection, before, after, only_waiting=False, at=at)
    moves += await _move_amendments(connection, before, after, only_waiting=False, at=at)
    for slip in await deadlines.late_slips(connection):
        now = rules.slip_deadline(slip["handed_on"], after)
        moves.append(Move(Duty.SLIP, str(slip["id"]), Deadline(slip["due_on"]), now))
        if not days_late(now.due_on, slip["filed_at"]):
            await alerts.settle_alerts(connection, [(Flag.FILING_LATE, "slip", str(slip["id"]))], at=at)
    for row in await deadlines.waiting_allotments(connection, area=None):
        one = _of_an_allotment(row, after)
        moves.append(Move(one.duty, one.subject_id, _of_an_allotment(row, before).deadline, one.deadline))
    for year in range(shanghai_year(at) - 1, shanghai_year(at) + 2):
        for then, report in zip(rules.reports_of(year, before), rules.reports_of(year, after), strict=True):
            moves.append(Move(report.duty, report.subject_id, then.deadline, report.deadline))
    await deadlines.add_moves(connection, [move for move in moves if move.is_seen], version=version, at=at)


async def move_waiting_contracts(connection: Connection, in_force: Policies, *, at: datetime) -> None:
    """Count the contracts and amendments anew that were filed while a decision was being made."""
    moves = await _move_contracts(connection, in_force, in_force, only_waiting=True, at=at)
    moves += await _move_amendments(connection, in_force, in_force, only_waiting=True, at=at)
    if moves:
        version = await policies.version(connection)
        await deadlines.add_moves(connection, moves, version=version, at=at)


async def _move_contracts(
    connection: Connection, before: Policies, after: Policies, *, only_waiting: bool, at: datetime
) -> list[Move]:
    moves = []
    for row in await deadlines.contract_days(connection, only_waiting=only_waiting):
        now = rules.contract_deadline(row["signed_on"], after)
        if now.due_on == row["due_on"]:
            continue
        was = Deadline(row["due_on"], rules.contract_deadline(row["signed_on"], before).is_provisional)
        moved = await deadlines.move_contracts(connection, row["signed_on"], row["due_on"], now.due_on)
        for contract in moved:
            moves.append(Move(Duty.CONTRACT, str(contract["id"]), was, now))
            await reassess(connection, contract["id"], after, at=at)
    return moves


async def _move_amendments(
    connection: Connection, before: Policies, after: Policies, *, only_waiting: bool, at: datetime
) -> list[Move]:
    moves = []
    for row in await deadlines.amendment_days(connection, only_waiting=only_waiting):
        now = rules.contract_deadline(row["agreed_on"], after)
        if now.due_on == row["due_on"]:
            continue
        was = Deadline(row["due_on"], rules.contract_deadline(row["agreed_on"], before).is_provisional)
        for moved in await deadlines.move_amendments(connection, row["agreed_on"], row["due_on"], now.due_on):
            contract_id = str(moved["contract_id"])
            moves.append(Move(Duty.AMENDMENT, contract_id, was, now))
            good = [Flag.FILING_LATE] if moved["is_in_time"] else []
            good += [Flag.FILING_OVERDUE] if at < now.ends_at else []
            kept = [flag for flag in good if flag not in moved["flags"]]
            await alerts.settle_alerts(connection, [(flag, "contract", contract_id) for flag in kept], at=at)
    return moves


async def declare_outage(
    connection: Connection,
    starts_at: datetime,
    ends_at: datetime,
    *,
    reason: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> UUID:
    """Declare that the platform was out; the deadlines that this touched are put off (R27, E54)."""
    version = await policies.turn(connection)
    before = await _rules(connection)
    outage_id = uuid7()
    await deadlines.add_outage(
        connection,
        outage_id,
        starts_at,
        ends_at,
        version=version,
        reason=reason,
        document_no=document_no,
        at=at,
        actor=actor,
    )
    facts = {"starts_at": starts_at, "ends_at": ends_at, "reason": reason, "document_no": document_no}
    await audits.note(connection, "outages.declare", outage_id, facts, at=at, actor=actor)
    await move_deadlines(connection, before, await _rules(connection), version=version, at=at)
    return outage_id


async def enter_days(
    connection: Connection, days: Iterable[tuple[date, bool]], *, document_no: str, at: datetime, actor: Actor
) -> None:
    """Enter which days a year's notice makes worked or free; the last word on a day counts (R19, E56)."""
    version = await policies.turn(connection)
    before = await _rules(connection)
    told = dict(days)
    await deadlines.add_days(connection, told, version=version, document_no=document_no, at=at, actor=actor)
    facts = {"days": len(told), "document_no": document_no}
    await audits.note(connection, "calendar.enter", None, facts, at=at, actor=actor)
    await move_deadlines(connection, before, await _rules(connection), version=version, at=at)


async def report(
    connection: Connection,
    duty: Duty,
    jurisdiction: str,
    year: int,
    quarter: int | None,
    in_force: Policies,
    *,
    document_no: str,
    figures: Mapping[str, object],
    at: datetime,
    actor: Actor,
) -> UUID:
    """Record that a county's statistics or yearly report was sent, in time or late, with what it says (R15, R19).

    Raises NotAllowed, FiguresMissing.
    """
    if duty is Duty.YEAR_REPORT and any(figures.get(name) is None for name in rules.YEAR_FIGURES):
        raise rules.FiguresMissing(needed=rules.YEAR_FIGURES)
    if not actor.covers(jurisdiction):
        raise NotAllowed
    deadline = (
        rules.year_report_deadline(year, in_force)
        if quarter is None
        else rules.statistics_deadline(year, quarter, in_force)
    )
    submission_id = uuid7()
    late = days_late(deadline.due_on, at)
    await deadlines.add_submission(
        connection,
        submission_id,
        duty,
        jurisdiction,
        year,
        quarter,
        document_no=document_no,
        figures=figures,
        due_on=deadline.due_on,
        days_late=late,
        at=at,
        actor=actor,
    )
    facts = {"duty": duty, "year": year, "quarter": quarter, "document_no": document_no, "days_late": late}
    await audits.note(connection, "submissions.create", submission_id, facts, at=at, actor=actor)
    subject = f"{jurisdiction}:{duty}:{year}:{quarter or 0}"
    told = [(flag, "report", subject) for flag in (Flag.DEADLINE_NEAR, Flag.REPORT_LATE)]
    await alerts.settle_alerts(connection, told, at=at)
    return submission_id


async def _rules(connection: Connection) -> Policies:
    return Policies(history=await policies.history(connection))
