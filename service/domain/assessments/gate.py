"""Scores: what they suggest, and what a sheet that is missing or a veto stops (R11, R18)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from service.domain.deadlines import sheets_deadline
from service.domain.policies import Policies, ScoreFormula, SheetGate
from service.domain.refusals import Refusal
from service.domain.units import Kilograms

TONNE_KG = 1_000

Period = tuple[int, int]
"""A year and its quarter."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a county reported of a mine's quarter."""

    score: int
    is_vetoed: bool


@dataclass(frozen=True, slots=True)
class Sheets:
    """What was reported of a mine, and since when it is registered."""

    registered_on: date
    scored: Mapping[Period, Scored] = field(default_factory=dict)


class SheetMissing(Refusal):
    """Scoring sheets of this mine have not come in time: `missing`. Tranches wait for all of them."""

    title = "该矿山有监管测评表逾期未报：missing；全部报送之后方可分配指标"
    rule = "R18"


def score(plus: int, minus: int, *, has_veto: bool, policies: Policies) -> int:
    """A sheet's score of a hundred, of its plus and its minus points; never below 0, and 0 with a veto (policy score_formula)."""
    if has_veto:
        return 0
    base = 100 if policies.score_formula is ScoreFormula.FROM_HUNDRED else plus
    return min(100, max(0, base - minus))


def before(period: Period) -> Period:
    """The quarter before a quarter."""
    year, quarter = period
    return (year, quarter - 1) if quarter > 1 else (year - 1, 4)


def end_of(period: Period) -> date:
    """The last day of a quarter."""
    year, quarter = period
    return date(year + quarter // 4, quarter % 4 * 3 + 1, 1) - timedelta(days=1)


def suggested_kg(sheets: Sheets, period: Period, scale_kg: Kilograms, policies: Policies) -> Kilograms | None:
    """What last quarter's score suggests as a quarter's merit tranche, in whole tonnes; None without a score (R11)."""
    scored = sheets.scored.get(before(period))
    return None if scored is None else share_kg(scored.score, scale_kg, policies)


def share_kg(score: int, scale_kg: Kilograms, policies: Policies) -> Kilograms:
    """What a score suggests: a share of the licensed scale, floored to whole tonnes (R11, E52)."""
    share = min(policies.merit_table.share(score), policies.merit_share)
    return Kilograms(int(scale_kg * share) // TONNE_KG * TONNE_KG)


def check_sheet(sheets: Sheets, period: Period, at: datetime, policies: Policies, *, is_merit: bool) -> None:
    """Refuse a tranche of a quarter while a sheet of any quarter before it is late (R18, policy sheet_gate)."""
    if policies.sheet_gate is SheetGate.OFF or (policies.sheet_gate is SheetGate.MERIT and not is_merit):
        return
    if missing := missing_sheets(sheets, period, at, policies):
        year, quarter = missing[0]
        raise SheetMissing(year=year, quarter=quarter, missing=[f"{year}Q{quarter}" for year, quarter in missing])


def missing_sheets(sheets: Sheets, period: Period, at: datetime, policies: Policies) -> list[Period]:
    """The quarters before a quarter whose sheets are late, the oldest first (R18).

    A mine owes no sheet for quarters that ended before it was registered.
    """
    missing = []
    owed = before(period)
    while end_of(owed) >= sheets.registered_on:
        if owed not in sheets.scored and at >= sheets_deadline(*owed, policies).ends_at:
            missing.append(owed)
        owed = before(owed)
    return missing[::-1]


def is_vetoed(sheets: Sheets, on: date, policies: Policies) -> bool:
    """Whether a veto still stops a mine's tranches on a day (policy veto_years)."""
    return any(
        scored.is_vetoed and on <= _years_after(end_of(period), policies.veto_years)
        for period, scored in sheets.scored.items()
    )


def _years_after(day: date, years: int) -> date:
    return day.replace(year=day.year + years, day=min(day.day, 28) if day.month == 2 else day.day)
