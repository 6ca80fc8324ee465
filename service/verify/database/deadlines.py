"""Until when papers were to be filed, told anew from what the offices had decided by a moment: days, rolling, notices, outages."""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import asyncpg
import chinese_calendar
import holidays

from service.verify.decided import BEIJING

DAY = timedelta(days=1)
# A process goes by the rules that it saw for a second, and a filing may wait for a lock: what was judged so near to a decision may
# have been judged by the rules before it.
MARGIN = timedelta(minutes=1)
FILING, SLIP = "filing_days", "slip_days"
ROLLS, TRADER = "filing_rolls_over_holidays", "trader_files"
USUAL: Mapping[str, Any] = {FILING: 15, SLIP: 15, ROLLS: False, TRADER: True}
YEARS_KNOWN = {day.year for day in chinese_calendar.holidays}
FREE_EVERY_YEAR = {(1, 1), *((5, day) for day in range(1, 6)), *((10, day) for day in range(1, 8))}

POLICIES = """
SELECT name, value::text AS value, valid_from, recorded_at FROM policy
WHERE name = ANY($1) AND scope = '' AND value IS NOT NULL
ORDER BY version
"""
DAYS = "SELECT day, is_worked, recorded_at FROM calendar_day ORDER BY version"
OUTAGES = "SELECT starts_at, ends_at, recorded_at FROM outage ORDER BY starts_at"
# Where the clock was set back, as the log of papers tells: from when to when its times came twice.
SET_BACK = """
SELECT min(entered_at) AS since, latest AS until
FROM (
    SELECT entered_at, max(entered_at) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
    FROM paper WHERE NOT is_older
) AS entered
WHERE entered_at < latest
GROUP BY latest
"""


def day_of(at: datetime) -> date:
    """The day of a moment in Beijing."""
    return at.astimezone(BEIJING).date()


def days_after(due_on: date, at: datetime) -> int:
    """How many days late it was."""
    return max(0, (day_of(at) - due_on).days)


@dataclass(frozen=True, slots=True)
class Rules:
    """What was decided by some moment; a year whose notice is known now may have been expected then."""

    decided: Mapping[str, Sequence[tuple[date, Any]]]
    days: Mapping[date, bool]
    outages: Sequence[tuple[datetime, datetime]]  # those that overlap are one
    goes_by_notices: bool
    _due: dict[tuple[str, date], date] = field(default_factory=dict)

    def value(self, name: str, on: date) -> Any:
        """What a policy says of a day."""
        told = self.decided.get(name, ())
        place = bisect_right([since for since, _ in told], on)
        return told[place - 1][1] if place else USUAL[name]

    def due(self, since: date, name: str = FILING) -> date:
        """The last day on which what was signed or handed over on a day is filed in time (R22, R24, R27)."""
        key = name, since
        if key not in self._due:
            self._due[key] = self._counted(since, name)
        return self._due[key]

    def _counted(self, since: date, name: str) -> date:
        due_on = self._rolled(since + self.value(name, since) * DAY, since)
        begins_at = datetime.combine(since, time.min, BEIJING)
        for starts_at, ends_at in self.outages:
            if starts_at < datetime.combine(due_on + DAY, time.min, BEIJING) and ends_at > begins_at:
                lost = ends_at - max(starts_at, begins_at)
                due_on = self._rolled(due_on - (-lost // DAY) * DAY, since)
        return due_on

    def _rolled(self, day: date, since: date) -> date:
        while self.value(ROLLS, since) and not self._is_worked(day):
            day += DAY
        return day

    def _is_worked(self, day: date) -> bool:
        if day in self.days:
            return self.days[day]
        if self.goes_by_notices and day.year in YEARS_KNOWN:
            return bool(chinese_calendar.is_workday(day))
        is_holiday = (day.month, day.day) in FREE_EVERY_YEAR or day in holidays.country_holidays("CN", years=day.year)
        return day.weekday() < 5 and not is_holiday


class Rulebook:
    """The rules as they were at each moment."""

    def __init__(
        self,
        policies: Sequence[asyncpg.Record],
        days: Sequence[asyncpg.Record],
        outages: Sequence[asyncpg.Record],
        set_back: Sequence[asyncpg.Record],
    ) -> None:
        self._policies, self._days, self._outages, self._set_back = policies, days, outages, set_back
        self._moments = sorted({row["recorded_at"] for rows in (policies, days, outages) for row in rows})
        self._rolls = any(row["name"] == ROLLS for row in policies)
        self._made: dict[int, list[Rules]] = {}

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> "Rulebook":
        """All that was decided about filing."""
        policies = await connection.fetch(POLICIES, list(USUAL))
        return cls(policies, *[await connection.fetch(sentence) for sentence in (DAYS, OUTAGES, SET_BACK)])

    @property
    def excuses(self) -> bool:
        """Whether there were ever days on which traders did not have to file."""
        return any(row["name"] == TRADER for row in self._policies)

    def now(self) -> list[Rules]:
        """The rules that are in force, by the notices that are known and by what is expected without them."""
        return self._by(len(self._moments))

    def around(self, at: datetime) -> tuple[datetime, datetime]:
        """Between which moments was recorded what may or may not have been known at one, by a clock that may be set back."""
        latest = max((row["until"] for row in self._set_back if row["since"] <= at < row["until"]), default=at)
        return at - MARGIN, latest + MARGIN

    def near(self, at: datetime) -> list[Rules]:
        """The rules by which something may have been judged at a moment."""
        first, last = (bisect_right(self._moments, moment) for moment in self.around(at))
        return [rules for place in range(first, last + 1) for rules in self._by(place)]

    def due(
        self, since: date, written_at: datetime, moved_at: datetime | None = None, moved_to: date | None = None
    ) -> set[date]:
        """The days that may stand as due: decisions move all, but for what was written or moved as one was made."""
        due = {rules.due(since) for rules in self.now()}
        near = self.near(written_at)
        if len(near) > len(self.now()):
            due |= {rules.due(since) for rules in near}
        if moved_at and moved_to in {rules.due(since) for rules in self.near(moved_at)}:
            due.add(moved_to)
        return due

    def _by(self, place: int) -> list[Rules]:
        if place not in self._made:
            known = set(self._moments[:place])
            decided: defaultdict[str, list[tuple[date, Any]]] = defaultdict(list)
            for row in self._policies:
                if row["recorded_at"] in known:
                    decided[row["name"]].append((row["valid_from"], json.loads(row["value"])))
            for told in decided.values():
                told.sort(key=lambda one: one[0])
            days = {row["day"]: row["is_worked"] for row in self._days if row["recorded_at"] in known}
            outages: list[tuple[datetime, datetime]] = []
            for row in self._outages:
                starts_at, ends_at = row["starts_at"], row["ends_at"]
                if row["recorded_at"] in known:
                    if outages and starts_at <= outages[-1][1]:
                        starts_at, ends_at = outages[-1][0], max(outages.pop()[1], ends_at)
                    outages.append((starts_at, ends_at))
            ways = (True, False) if self._rolls else (True,)
            self._made[place] = [Rules(decided, days, outages, goes_by_notices) for goes_by_notices in ways]
        return self._made[place]
