"""Working days with make-up weekends, and the deadlines of the notice."""

from datetime import date, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.calendar import DayKind, Deadline, add_working_days, kind_of, roll_forward, working_day_before

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


def test_the_working_day_before_a_day_leaves_out_weekends_and_holidays() -> None:
    assert working_day_before(date(2026, 3, 9)) == date(2026, 3, 6)
    assert working_day_before(date(2026, 10, 12)) == date(2026, 10, 10)  # the Saturday worked for National Day
    assert working_day_before(date(2026, 10, 12), {date(2026, 10, 10): False}) == date(2026, 10, 9)


def test_a_deadline_that_reaches_an_unknown_year_is_provisional() -> None:
    assert add_working_days(date(2030, 6, 20), 3) == Deadline(date(2030, 6, 25), is_provisional=True)
    notice = {date(2030, 6, 21) + timedelta(days=passed): passed != 2 for passed in range(5)}
    assert add_working_days(date(2030, 6, 20), 3, notice) == Deadline(date(2030, 6, 24))


@given(days, st.integers(0, 30), st.integers(0, 30))
def test_working_days_add_up(day: date, first: int, then: int) -> None:
    assert (
        add_working_days(add_working_days(day, first).due_on, then).due_on == add_working_days(day, first + then).due_on
    )
