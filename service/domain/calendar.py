"""Days on which offices work, and the deadlines counted in them or in calendar days, all in Asia/Shanghai."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from types import MappingProxyType
from uuid import UUID

import chinese_calendar
import holidays

from service.domain.units import shanghai_day, start_of

Overrides = Mapping[date, bool]
"""What an office has entered of a year's notice: whether that day is worked."""

_NO_OVERRIDES: Overrides = MappingProxyType({})
_DAY = timedelta(days=1)

_FIRST_KNOWN_YEAR = min(chinese_calendar.holidays).year
_LAST_KNOWN_YEAR = max(chinese_calendar.holidays).year
# The notice for the next year may still make a Saturday of the last week a working day, or a Friday free.
_SURE_UNTIL = date(_LAST_KNOWN_YEAR, 12, 24)

# Days that have been free in every year of late, on whatever weekday they fell, although only some of them are by law.
_FREE_EVERY_YEAR = frozenset({(1, 1), *((5, day) for day in range(1, 6)), *((10, day) for day in range(1, 8))})


@dataclass(frozen=True, slots=True)
class DayKind:
    """Whether a day is worked, and whether that is only an expectation."""

    is_worked: bool
    is_provisional: bool


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day on which something is in time; provisional while a year's notice of holidays is not known."""

    due_on: date
    is_provisional: bool = False
    outages: tuple[UUID, ...] = ()  # those that have put it off (R27)

    @property
    def ends_at(self) -> datetime:
        """The first instant that is late: midnight after the due day in Asia/Shanghai."""
        return start_of(self.due_on + _DAY)


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the platform was out, declared by the province (R27)."""

    id: UUID
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the offices have entered of years' notices, and the outages that were declared."""

    overrides: Overrides = field(default_factory=dict)
    outages: Sequence[Outage] = ()

    def extended(self, deadline: Deadline, since: date, *, rolls: bool) -> Deadline:
        """A deadline put off by the outages that touched its time, which began with a day (R27, E54).

        Each of them puts it off by as many days as it took of that time, begun days counted whole; outages that
        overlap are one. A deadline that rolls over holidays is rolled again.
        """
        for outage in self._apart():
            if outage.starts_at >= deadline.ends_at or outage.ends_at <= start_of(since):
                continue
            lost = outage.ends_at - max(outage.starts_at, start_of(since))
            due_on = deadline.due_on + timedelta(days=-(-lost // _DAY))
            rolled = roll_forward(due_on, self.overrides) if rolls else Deadline(due_on)
            ids = (*deadline.outages, outage.id)
            deadline = replace(rolled, is_provisional=rolled.is_provisional or deadline.is_provisional, outages=ids)
        return deadline

    def _apart(self) -> list[Outage]:
        apart: list[Outage] = []
        for outage in sorted(self.outages, key=lambda outage: outage.starts_at):
            if apart and outage.starts_at <= apart[-1].ends_at:
                apart[-1] = replace(apart[-1], ends_at=max(apart[-1].ends_at, outage.ends_at))
            else:
                apart.append(outage)
        return apart


STANDARD = Calendar()


def kind_of(day: date, overrides: Overrides = _NO_OVERRIDES) -> DayKind:
    """Whether a day is worked in the PRC, make-up weekends 调休 counted; never fails for a year that no notice covers.

    An override decides first, then the notices that are known; for other years weekends and the holidays that
    return every year, which is provisional (R19, E56).
    """
    if day in overrides:
        return DayKind(overrides[day], is_provisional=False)
    if _FIRST_KNOWN_YEAR <= day.year <= _LAST_KNOWN_YEAR:
        return DayKind(bool(chinese_calendar.is_workday(day)), is_provisional=day > _SURE_UNTIL)
    is_free = day.weekday() >= 5 or (day.month, day.day) in _FREE_EVERY_YEAR or day in _expected_holidays(day.year)
    return DayKind(not is_free, is_provisional=True)


def roll_forward(day: date, overrides: Overrides = _NO_OVERRIDES) -> Deadline:
    """The day itself where it is worked, or the next one that is."""
    is_provisional = False
    while True:
        kind = kind_of(day, overrides)
        is_provisional = is_provisional or kind.is_provisional
        if kind.is_worked:
            return Deadline(day, is_provisional)
        day += _DAY


def working_day_before(day: date, overrides: Overrides = _NO_OVERRIDES) -> date:
    """The last day before a day that is worked."""
    day -= _DAY
    while not kind_of(day, overrides).is_worked:
        day -= _DAY
    return day


def add_working_days(day: date, number: int, overrides: Overrides = _NO_OVERRIDES) -> Deadline:
    """The working day that comes so many working days after a day, which is itself not counted (R14)."""
    assert number >= 0, "working days are counted forwards"
    deadline = Deadline(day)
    for _ in range(number):
        following = roll_forward(deadline.due_on + _DAY, overrides)
        deadline = Deadline(following.due_on, deadline.is_provisional or following.is_provisional)
    return deadline


def days_late(due_on: date, filed_at: datetime) -> int:
    """By how many begun days in Asia/Shanghai something came after its due day; 0 where it was in time (R22)."""
    return max(0, (shanghai_day(filed_at) - due_on).days)


@cache
def _expected_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("CN", years=year))
