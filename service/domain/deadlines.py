"""Until when what is to be done: every deadline of the notice, in one place."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from service.domain.alerts import Alert, Flag
from service.domain.calendar import Deadline, add_working_days, roll_forward
from service.domain.policies import Policies
from service.domain.refusals import MalformedBody
from service.domain.units import shanghai_day


class Duty(StrEnum):
    """What somebody owes by a day."""

    CONTRACT = "contract-filing"  # R22, R23, R26: each side's own
    AMENDMENT = "contract-amendment"  # R22: the other side's answer
    SLIP = "slip-filing"  # R24
    EARMARK = "earmark-use"  # R25: what is not used as permitted by the year's end is withdrawn
    COUNTY_ISSUE = "county-issue"  # R14
    PUBLICATION = "publication"  # R14
    SHEETS = "scoring-sheets"  # R18
    STATISTICS = "quarter-statistics"  # R19
    YEAR_REPORT = "year-report"  # R15


RULES = {
    Duty.CONTRACT: "R22",
    Duty.AMENDMENT: "R22",
    Duty.SLIP: "R24",
    Duty.EARMARK: "R25",
    Duty.COUNTY_ISSUE: "R14",
    Duty.PUBLICATION: "R14",
    Duty.SHEETS: "R18",
    Duty.STATISTICS: "R19",
    Duty.YEAR_REPORT: "R15",
}

YEAR_FIGURES = ("expected_kg", "proposed_kg")
"""What a county's report of a year says: the expected completion, and the proposal for the next (R15)."""

SHEET_DAYS = {1: (3, 21), 2: (6, 20), 3: (9, 20), 4: (12, 21)}
"""Ten days before each quarter ends (R18)."""

POLICIES = {
    Duty.CONTRACT: ("filing_days", "filing_rolls_over_holidays"),
    Duty.AMENDMENT: ("filing_days", "filing_rolls_over_holidays"),
    Duty.SLIP: ("slip_days", "filing_rolls_over_holidays"),
    Duty.COUNTY_ISSUE: ("publication_days",),
    Duty.PUBLICATION: ("publication_days",),
}
"""The policy values that a duty's day depends on."""


class FiguresMissing(MalformedBody):
    """A year's report says how much is expected by the year's end and what is proposed for the next, in kilograms."""

    title = "年度报告须填写本年度预计完成量 expected_kg 和下一年度分配建议 proposed_kg（千克）"
    rule = "R15"


@dataclass(frozen=True, slots=True)
class Move:
    """A deadline that came to lie elsewhere, or to be known for certain (E56)."""

    duty: Duty
    subject_id: str
    was: Deadline
    now: Deadline

    @property
    def is_seen(self) -> bool:
        """Whether anything has changed for those who wait."""
        return (self.was.due_on, self.was.is_provisional) != (self.now.due_on, self.now.is_provisional)


@dataclass(frozen=True, slots=True)
class Obligation:
    """What is not done yet: who owes it, where, and until when; `parties` are those who have still to act."""

    duty: Duty
    subject_kind: str
    subject_id: str
    name: str
    jurisdiction: str
    deadline: Deadline
    parties: tuple[UUID, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    decided_on: date | None = None  # the day that the policies count on

    @property
    def moves_id(self) -> str:
        """What the moves of its deadline are kept under: those of reports are the same for all counties."""
        return self.subject_id.split(":", 2)[2] if self.subject_kind == "report" else self.subject_id

    def alert(self, flag: Flag, at: datetime) -> Alert:
        """The alert for those who owe it and their office."""
        facts = {
            "duty": self.duty,
            "rule": RULES[self.duty],
            "name": self.name,
            "due_on": self.deadline.due_on,
            "provisional": self.deadline.is_provisional,
            **self.facts,
        }
        occurred_at = at if flag is Flag.DEADLINE_NEAR else self.deadline.ends_at
        return Alert(flag, self.subject_kind, self.subject_id, self.jurisdiction, self.parties, occurred_at, facts)


@dataclass(frozen=True, slots=True)
class Report:
    """What a county owes for a quarter, or for a year, and from which day it can be done."""

    duty: Duty
    year: int
    quarter: int | None
    since: date
    deadline: Deadline

    @property
    def ends_on(self) -> date:
        """The last day of what is reported."""
        month = 12 if self.quarter is None else self.quarter * 3
        return date(self.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)

    @property
    def subject_id(self) -> str:
        """What its moves are kept under: the same for all counties."""
        return f"{self.year}:{self.quarter or 0}"


def contract_deadline(signed_on: date, policies: Policies) -> Deadline:
    """Until when each side of a contract is filed in time: day 1 is the day after signing (R22, R23, R26)."""
    then = policies.on(signed_on)
    return _filing(signed_on, then.filing_days, then)


def slip_deadline(handed_on: date, policies: Policies) -> Deadline:
    """Until when a slip is filed in time (R24)."""
    then = policies.on(handed_on)
    return _filing(handed_on, then.slip_days, then)


def county_deadline(decided_on: date, policies: Policies) -> Deadline:
    """Until when a county issues and publishes what the city has decided: working days from that day (R14)."""
    days = policies.on(decided_on).publication_days
    deadline = add_working_days(decided_on, days, policies.calendar.overrides)
    return policies.calendar.extended(deadline, decided_on, rolls=True)


def proposal_deadline(year: int, quarter: int, policies: Policies) -> Deadline:
    """Until when a county proposes what its mines are to get in a quarter: before the one before it ends (R09)."""
    due_on = date(year, quarter * 3 - 2, 1) - timedelta(days=1)
    return policies.calendar.extended(Deadline(due_on), due_on.replace(day=1), rolls=False)


def sheets_deadline(year: int, quarter: int, policies: Policies) -> Deadline:
    """Until when a county reports the scoring sheets of a quarter; it rolls over no holiday (R18)."""
    due_on = date(year, *SHEET_DAYS[quarter])
    return policies.calendar.extended(Deadline(due_on), due_on.replace(day=1), rolls=False)


def statistics_deadline(year: int, quarter: int, policies: Policies) -> Deadline:
    """Until when a county reports the statistics of a quarter: the 5th after it, rolled over holidays (R19)."""
    due_on = date(year + quarter // 4, quarter % 4 * 3 + 1, 5)
    rolled = roll_forward(due_on, policies.calendar.overrides)
    return policies.calendar.extended(rolled, due_on.replace(day=1), rolls=True)


def year_report_deadline(year: int, policies: Policies) -> Deadline:
    """Until when a county reports the year's completion and proposes for the next; it rolls over no holiday (R15)."""
    return policies.calendar.extended(Deadline(date(year, 11, 20)), date(year, 11, 1), rolls=False)


def earmark_deadline(year: int) -> Deadline:
    """Until when special quota is to be used as permitted: the last day of its year, whatever day that is (R25)."""
    return Deadline(date(year, 12, 31))


def reports_of(year: int, policies: Policies) -> Iterator[Report]:
    """What every county owes for a year, by the day on which it is due."""
    for quarter in range(1, 5):
        sheets = sheets_deadline(year, quarter, policies)
        statistics = statistics_deadline(year, quarter, policies)
        if quarter == 4:
            yield Report(Duty.YEAR_REPORT, year, None, date(year, 11, 1), year_report_deadline(year, policies))
        yield Report(Duty.SHEETS, year, quarter, sheets.due_on.replace(day=1), sheets)
        yield Report(Duty.STATISTICS, year, quarter, statistics.due_on.replace(day=1), statistics)


def must_file(kinds: Collection[str], signed_on: date, policies: Policies) -> bool:
    """Whether a firm files its side of a contract; by policy a trader that is nothing else need not (R22)."""
    return list(kinds) != ["trader"] or policies.on(signed_on).trader_files


def days_left(due_on: date, at: datetime) -> int:
    """Whole days from today in Asia/Shanghai to the due day: 0 on it, negative after it."""
    return (due_on - shanghai_day(at)).days


def is_near(due_on: date, at: datetime, policies: Policies) -> bool:
    """Whether it is time to recall a deadline that has not passed."""
    return 0 <= days_left(due_on, at) <= policies.on(shanghai_day(at)).reminder_days


def _filing(day: date, days: int, then: Policies) -> Deadline:
    due_on = day + timedelta(days=days)
    rolls = then.filing_rolls_over_holidays
    deadline = roll_forward(due_on, then.calendar.overrides) if rolls else Deadline(due_on)
    return then.calendar.extended(deadline, day, rolls=rolls)
