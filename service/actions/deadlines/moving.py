"""Deadlines counted anew when the rules, the calendar or the outages change."""

from datetime import datetime

from service.actions.contracts import reassess
from service.actions.deadlines.obligations import of_an_allotment
from service.db import Connection
from service.domain import deadlines as rules
from service.domain.alerts import Flag
from service.domain.calendar import Deadline, days_late
from service.domain.deadlines import Duty, Move
from service.domain.policies import Policies
from service.domain.units import shanghai_year
from service.store import alerts, deadlines, policies


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
        one = of_an_allotment(row, after)
        moves.append(Move(one.duty, one.subject_id, of_an_allotment(row, before).deadline, one.deadline))
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
