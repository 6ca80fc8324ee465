"""Working days with make-up weekends, and the deadlines of the notice."""

from datetime import date, datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import DayKind, Deadline, add_working_days, days_late, filing_due, kind_of, roll_forward
from service.domain.units import SHANGHAI

days = st.dates(date(2000, 1, 1), date(2100, 12, 1))


@pytest.mark.parametrize(
    ("day", "is_worked"),
    [
        (date(2026, 2, 14), True),  # a Saturday worked for the Spring Festival
        (date(2026, 2, 17), False),  # the first day of the lunar year
        (date(2026, 10, 5), False),
        (date(2026, 10, 10), True),  # a Saturday worked for National Day
        (date(2026, 10, 11), False),
        (date(2026, 10, 12), True),
    ],
)
def test_a_known_year_follows_its_notice(day: date, is_worked: bool) -> None:
    assert kind_of(day) == DayKind(is_worked, is_provisional=False)


@pytest.mark.parametrize(
    ("day", "is_worked"),
    [
        (date(2030, 1, 1), False),
        (date(2030, 2, 4), False),  # a Monday in the Spring Festival
        (date(2030, 4, 5), False),  # Tomb-Sweeping Day, a Friday
        (date(2030, 5, 1), False),
        (date(2030, 10, 4), False),
        (date(2030, 6, 15), False),  # a Saturday
        (date(2030, 6, 19), True),
    ],
)
def test_an_unknown_year_is_expected_from_weekends_and_holidays(day: date, is_worked: bool) -> None:
    assert kind_of(day) == DayKind(is_worked, is_provisional=True)


def test_the_last_known_december_may_still_be_changed_by_the_next_notice() -> None:
    year = max(chinese_calendar.holidays).year
    assert not kind_of(date(year, 12, 24)).is_provisional
    assert kind_of(date(year, 12, 25)).is_provisional


def test_an_override_decides_and_is_not_provisional() -> None:
    saturday = date(2030, 10, 12)
    assert kind_of(saturday, {saturday: True}) == DayKind(is_worked=True, is_provisional=False)
    assert kind_of(date(2026, 2, 14), {date(2026, 2, 14): False}) == DayKind(is_worked=False, is_provisional=False)


@given(days)
def test_no_year_makes_the_calendar_fail(day: date) -> None:
    kind_of(day)


@given(days)
def test_rolling_forward_ends_on_a_working_day_and_skips_none(day: date) -> None:
    rolled = roll_forward(day).due_on
    assert kind_of(rolled).is_worked
    assert not any(kind_of(day + timedelta(days=passed)).is_worked for passed in range((rolled - day).days))


@pytest.mark.parametrize("year", range(2004, 2101))
def test_the_fifth_of_october_always_rolls(year: int) -> None:
    assert roll_forward(date(year, 10, 5)).due_on > date(year, 10, 5)


def test_ten_working_days_count_the_make_up_saturday() -> None:
    # 28–30 Sep, 8, 9, 10 (Saturday worked), 12–15 Oct
    assert add_working_days(date(2026, 9, 27), 10) == Deadline(date(2026, 10, 15))
    assert add_working_days(date(2026, 9, 27), 10, {date(2026, 10, 10): False}) == Deadline(date(2026, 10, 16))
    assert add_working_days(date(2026, 9, 27), 0) == Deadline(date(2026, 9, 27))


def test_a_deadline_that_reaches_an_unknown_year_is_provisional() -> None:
    assert add_working_days(date(2030, 6, 20), 3) == Deadline(date(2030, 6, 25), is_provisional=True)
    notice = {date(2030, 6, 21) + timedelta(days=passed): passed != 2 for passed in range(5)}
    assert add_working_days(date(2030, 6, 20), 3, notice) == Deadline(date(2030, 6, 24))


@given(days, st.integers(0, 30), st.integers(0, 30))
def test_working_days_add_up(day: date, first: int, then: int) -> None:
    assert (
        add_working_days(add_working_days(day, first).due_on, then).due_on == add_working_days(day, first + then).due_on
    )


def test_the_fifteenth_day_is_in_time_to_its_last_second() -> None:
    deadline = filing_due(date(2026, 3, 1))
    assert deadline == Deadline(date(2026, 3, 16))
    assert deadline.ends_at == datetime(2026, 3, 17, 0, 0, 0, tzinfo=SHANGHAI)
    assert days_late(deadline.due_on, datetime(2026, 3, 16, 23, 59, 59, 999999, tzinfo=SHANGHAI)) == 0
    assert days_late(deadline.due_on, datetime(2026, 3, 17, 0, 0, 0, tzinfo=SHANGHAI)) == 1
    assert days_late(deadline.due_on, datetime(2026, 4, 1, 8, 0, 0, tzinfo=SHANGHAI)) == 16


def test_a_filing_deadline_does_not_roll_over_holidays_unless_the_policy_says_so() -> None:
    signed_on = date(2026, 9, 20)
    assert filing_due(signed_on).due_on == date(2026, 10, 5)
    assert filing_due(signed_on, rolls_over_holidays=True).due_on == date(2026, 10, 8)
    assert filing_due(date(2030, 9, 20)) == Deadline(date(2030, 10, 5))
    assert filing_due(date(2030, 9, 20), rolls_over_holidays=True).is_provisional


@given(days, st.integers(1, 60), st.integers(0, 86_399), st.integers(0, 90))
def test_a_filing_is_late_exactly_from_the_end_of_its_deadline(
    signed_on: date, allowed: int, second: int, after: int
) -> None:
    deadline = filing_due(signed_on, allowed)
    midnight = datetime(signed_on.year, signed_on.month, signed_on.day, tzinfo=SHANGHAI)
    filed_at = midnight + timedelta(days=after, seconds=second)
    assert (days_late(deadline.due_on, filed_at) > 0) == (filed_at >= deadline.ends_at)
