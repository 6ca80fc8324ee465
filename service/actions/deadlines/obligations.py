"""What an area's offices and firms have not done yet, and until when it is due."""

from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain import deadlines as rules
from service.domain.calendar import Deadline
from service.domain.deadlines import Duty, Obligation, Report
from service.domain.policies import Policies
from service.domain.units import shanghai_day, shanghai_year
from service.store import deadlines, ledger, rights

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
        found += [of_an_allotment(row, in_force) for row in rows]
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


def of_an_allotment(row: Record, in_force: Policies) -> Obligation:
    """What a county has still to do about an allotment: issue it, or publish it (R14)."""
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
