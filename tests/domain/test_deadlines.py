"""Every deadline of the notice: boundaries, holidays, unknown years, outages."""

from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import Calendar, Deadline, Outage, days_late
from service.domain.deadlines import (
    contract_deadline,
    county_deadline,
    days_left,
    is_near,
    must_file,
    proposal_deadline,
    reports_of,
    sheets_deadline,
    slip_deadline,
    statistics_deadline,
    year_report_deadline,
)
from service.domain.policies import DEFAULTS, Changes, History, Policies
from service.domain.units import SHANGHAI

days = st.dates(date(2000, 1, 1), date(2100, 12, 1))
FIRST_OUTAGE = UUID(int=1)


def ruled(*changes: Changes, calendar: Calendar | None = None) -> Policies:
    return Policies(history=History(changes, calendar or Calendar()))


def out(start: str, end: str, key: int = 1) -> Outage:
    return Outage(UUID(int=key), datetime.fromisoformat(f"{start}+08:00"), datetime.fromisoformat(f"{end}+08:00"))


def test_the_fifteenth_day_is_in_time_to_its_last_second() -> None:
    """R22, R26: day 1 is the day after signing."""
    deadline = contract_deadline(date(2026, 3, 1), DEFAULTS)
    assert deadline == Deadline(date(2026, 3, 16))
    assert deadline.ends_at == datetime(2026, 3, 17, 0, 0, 0, tzinfo=SHANGHAI)
    assert days_late(deadline.due_on, datetime(2026, 3, 16, 23, 59, 59, 999999, tzinfo=SHANGHAI)) == 0
    assert days_late(deadline.due_on, datetime(2026, 3, 17, 0, 0, 0, tzinfo=SHANGHAI)) == 1
    assert days_late(deadline.due_on, datetime(2026, 4, 1, 8, 0, 0, tzinfo=SHANGHAI)) == 16


def test_a_filing_deadline_does_not_roll_over_holidays_unless_the_policy_says_so() -> None:
    """R22, policy filing_rolls_over_holidays."""
    rolling = ruled(Changes("filing_rolls_over_holidays", "", True, date(2026, 1, 1)))
    assert contract_deadline(date(2026, 9, 20), DEFAULTS).due_on == date(2026, 10, 5)
    assert contract_deadline(date(2026, 9, 20), rolling).due_on == date(2026, 10, 8)
    assert contract_deadline(date(2030, 9, 20), DEFAULTS) == Deadline(date(2030, 10, 5))
    assert contract_deadline(date(2030, 9, 20), rolling).is_provisional


@given(days, st.integers(1, 60), st.integers(0, 86_399), st.integers(0, 90))
def test_a_filing_is_late_exactly_from_the_end_of_its_deadline(
    signed_on: date, allowed: int, second: int, after: int
) -> None:
    """R22, policy filing_days."""
    deadline = contract_deadline(signed_on, ruled(Changes("filing_days", "", allowed, date(2000, 1, 1))))
    midnight = datetime(signed_on.year, signed_on.month, signed_on.day, tzinfo=SHANGHAI)
    filed_at = midnight + timedelta(days=after, seconds=second)
    assert (days_late(deadline.due_on, filed_at) > 0) == (filed_at >= deadline.ends_at)


def test_the_days_that_count_are_those_in_force_on_the_day_of_signing() -> None:
    """R22, R24: a change of the policy leaves the contracts that were signed before it as they are."""
    shorter = ruled(Changes("filing_days", "", 10, date(2026, 4, 1)), Changes("slip_days", "", 5, date(2026, 4, 1)))
    assert contract_deadline(date(2026, 3, 31), shorter).due_on == date(2026, 4, 15)
    assert contract_deadline(date(2026, 4, 1), shorter).due_on == date(2026, 4, 11)
    assert slip_deadline(date(2026, 3, 31), shorter).due_on == date(2026, 4, 15)
    assert slip_deadline(date(2026, 4, 1), shorter).due_on == date(2026, 4, 6)


def test_r09_a_quarters_proposals_are_due_on_the_last_day_of_the_one_before() -> None:
    days = [proposal_deadline(2026, quarter, DEFAULTS).due_on for quarter in (1, 2, 3, 4)]
    assert days == [date(2025, 12, 31), date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30)]


def test_a_county_has_ten_working_days_after_the_citys_decision() -> None:
    """R14, policy publication_days."""
    due = county_deadline(date(2026, 4, 1), DEFAULTS)

    assert due.due_on == date(2026, 4, 16)  # 6 April is the holiday of 清明, moved to Monday
    assert not due.is_provisional
    five = ruled(Changes("publication_days", "", 5, date(2026, 4, 1)))
    assert county_deadline(date(2026, 4, 1), five).due_on == date(2026, 4, 9)


@pytest.mark.parametrize(("quarter", "due_on"), [(1, "03-21"), (2, "06-20"), (3, "09-20"), (4, "12-21")])
def test_sheets_are_due_ten_days_before_the_quarter_ends(quarter: int, due_on: str) -> None:
    """R18: 21 March 2026 is a Saturday and 20 June another: nothing rolls."""
    assert sheets_deadline(2026, quarter, DEFAULTS) == Deadline(date.fromisoformat(f"2026-{due_on}"))


@pytest.mark.parametrize(
    ("year", "quarter", "due_on"),
    [
        (2025, 4, "2026-01-05"),
        (2026, 1, "2026-04-07"),  # a Sunday, then 清明
        (2026, 2, "2026-07-06"),  # a Sunday
        (2026, 3, "2026-10-08"),  # within National Day
    ],
)
def test_statistics_roll_forward_over_holidays(year: int, quarter: int, due_on: str) -> None:
    """R19: the 5th of the next quarter's first month, or the first day that is worked."""
    assert statistics_deadline(year, quarter, DEFAULTS) == Deadline(date.fromisoformat(due_on))


def test_a_year_without_a_notice_does_not_raise_and_is_provisional() -> None:
    """R19, E56: 2027 is expected from weekends and holidays until its notice is entered."""
    expected = statistics_deadline(2027, 3, DEFAULTS)
    assert expected.is_provisional
    assert expected.due_on == date(2027, 10, 8)
    told = {date(2027, 10, day): False for day in range(5, 9)} | {date(2027, 10, 9): True}
    known = statistics_deadline(2027, 3, ruled(calendar=Calendar(told)))
    assert known == Deadline(date(2027, 10, 9))


def test_the_years_report_is_due_on_20_november_whatever_day_that_is() -> None:
    """R15: 20 November 2027 is a Saturday."""
    assert year_report_deadline(2027, DEFAULTS) == Deadline(date(2027, 11, 20))


def test_a_county_owes_nine_reports_a_year() -> None:
    """R15, R18, R19."""
    reports = list(reports_of(2026, DEFAULTS))
    assert len(reports) == 9
    assert [report.deadline.due_on for report in reports] == sorted(report.deadline.due_on for report in reports)
    assert {report.subject_id for report in reports} == {"2026:0", "2026:1", "2026:2", "2026:3", "2026:4"}


@pytest.mark.parametrize(
    ("outage", "due_on"),
    [
        (out("2026-03-10T08:00:00", "2026-03-10T11:00:00"), "2026-03-17"),  # three hours: a whole day
        (out("2026-03-10T08:00:00", "2026-03-12T08:00:00"), "2026-03-18"),
        (out("2026-03-10T08:00:00", "2026-03-12T08:00:01"), "2026-03-19"),
        (out("2026-03-16T23:59:59", "2026-03-17T01:00:00"), "2026-03-17"),  # its last second
        (out("2026-03-17T00:00:00", "2026-03-18T00:00:00"), "2026-03-16"),  # after it
        (out("2026-02-20T00:00:00", "2026-03-01T00:00:00"), "2026-03-16"),  # before the day of signing
        (out("2026-02-20T00:00:00", "2026-03-01T06:00:00"), "2026-03-17"),
    ],
)
def test_an_outage_puts_off_the_deadlines_that_it_touched(outage: Outage, due_on: str) -> None:
    """R27, E54."""
    deadline = contract_deadline(date(2026, 3, 1), ruled(calendar=Calendar(outages=[outage])))
    assert deadline.due_on == date.fromisoformat(due_on)
    assert deadline.outages == ((FIRST_OUTAGE,) if due_on != "2026-03-16" else ())


def test_outages_that_overlap_are_one_and_a_later_one_touches_what_was_put_off() -> None:
    """R27: each day is given back once."""
    twice = [out("2026-03-10T08:00:00", "2026-03-10T20:00:00"), out("2026-03-10T12:00:00", "2026-03-11T08:00:00", 2)]
    assert contract_deadline(date(2026, 3, 1), ruled(calendar=Calendar(outages=twice))).due_on == date(2026, 3, 17)
    chained = [out("2026-03-16T12:00:00", "2026-03-16T13:00:00"), out("2026-03-17T12:00:00", "2026-03-17T13:00:00", 2)]
    deadline = contract_deadline(date(2026, 3, 1), ruled(calendar=Calendar(outages=chained)))
    assert (deadline.due_on, len(deadline.outages)) == (date(2026, 3, 18), 2)


def test_a_deadline_that_rolls_is_rolled_again_after_an_outage() -> None:
    """R19, R27: Thursday 8 October 2026, put off by two days to the worked Saturday; by three over Sunday to Monday."""
    for end, due_on in [("2026-10-07T09:00:00", "2026-10-10"), ("2026-10-08T09:00:00", "2026-10-12")]:
        calendar = Calendar(outages=[out("2026-10-05T10:00:00", end)])
        assert statistics_deadline(2026, 3, ruled(calendar=calendar)).due_on == date.fromisoformat(due_on)


def test_a_deadline_is_recalled_three_days_before_it() -> None:
    """Issue 4 §9, policy reminder_days."""
    due_on = date(2026, 3, 16)
    nights = {day: datetime(2026, 3, day, 23, 59, 59, tzinfo=SHANGHAI) for day in (12, 13, 16, 17)}
    assert [days_left(due_on, at) for at in nights.values()] == [4, 3, 0, -1]
    assert [is_near(due_on, at, DEFAULTS) for at in nights.values()] == [False, True, True, False]
    assert is_near(due_on, nights[12], ruled(Changes("reminder_days", "", 5, date(2026, 1, 1))))


def test_by_policy_a_trader_need_not_file() -> None:
    """R22, policy trader_files: only one that is nothing else."""
    off = ruled(Changes("trader_files", "", False, date(2026, 4, 1)))
    assert must_file(["trader"], date(2026, 3, 31), off)
    assert not must_file(["trader"], date(2026, 4, 1), off)
    assert must_file(["processor", "trader"], date(2026, 4, 1), off)
