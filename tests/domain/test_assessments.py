"""The scoring sheet's rules: points, score, gates and dates."""

from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction

import pytest

from service.domain.assessments import (
    ITEMS,
    Entry,
    Evidence,
    Reported,
    SheetMissing,
    Side,
    check_reported,
    cut_off,
    ends_at,
    found_points,
    owed,
    points_of,
    quarter_before,
    score_of,
    suggested_kg,
    vetoed_until,
)
from service.domain.policies import DEFAULTS, MeritTable, ScoreFormula, SheetGate
from service.domain.units import SHANGHAI, Kilograms

AT = datetime(2026, 3, 10, 9, tzinfo=SHANGHAI)


def facts(item: int, number: int) -> list[Evidence]:
    return [Evidence(item, "alert", str(place), AT, AT) for place in range(number)]


@pytest.mark.parametrize(
    ("item", "number", "points"),
    [(2, 0, 0), (2, 1, 2), (2, 4, 8), (2, 5, 8), (3, 3, 6), (4, 9, 8), (5, 1, 20), (5, 2, 20), (6, 2, 4), (14, 1, 5)],
)
def test_s5_each_fact_takes_its_points_up_to_the_cap(item: int, number: int, points: int) -> None:
    """§5."""
    assert found_points(facts(item, number))[item] == points


def test_s5_the_maxima_are_the_notices() -> None:
    """§5: plus items come to 100, minus items to 103."""
    assert [sum(item.most for item in ITEMS if item.side is side) for side in Side] == [100, 103, 7]


@pytest.mark.parametrize(
    ("plus", "minus", "veto", "formula", "score"),
    [
        (25, 10, 0, ScoreFormula.NET, 15),
        (5, 10, 0, ScoreFormula.NET, 0),
        (25, 0, 1, ScoreFormula.NET, 0),
        (25, 10, 0, ScoreFormula.FROM_HUNDRED, 90),
    ],
)
def test_s5_a_score_is_never_below_nothing(plus: int, minus: int, veto: int, formula: ScoreFormula, score: int) -> None:
    """§5, policy score_formula."""
    entries = [Entry(Side.PLUS, 8, plus), Entry(Side.MINUS, 15, minus), Entry(Side.VETO, 1, veto, "越界")]
    points = points_of({(one.side, one.number): one for one in entries}, {})
    assert score_of(points, replace(DEFAULTS, score_formula=formula)).score == score


@pytest.mark.parametrize(("score", "kg"), [(0, 0), (1, 1_000), (50, 50_000), (99, 99_000), (100, 100_000)])
def test_r11_the_suggestion_is_linear_and_floored_to_whole_tonnes(score: int, kg: int) -> None:
    """R11, E52, policy merit_table."""
    assert suggested_kg(score, Kilograms(1_000_999), DEFAULTS) == kg
    steep = replace(DEFAULTS, merit_table=MeritTable(((0, Fraction(1)),)))
    assert suggested_kg(score, Kilograms(1_000_999), steep) == 100_000


@pytest.mark.parametrize(
    ("registered_on", "at", "found"),
    [
        (date(2026, 1, 1), datetime(2026, 3, 21, 23, 59, 59, tzinfo=SHANGHAI), []),
        (date(2026, 1, 1), datetime(2026, 3, 22, tzinfo=SHANGHAI), [(2026, 1)]),
        (date(2026, 3, 31), datetime(2026, 6, 21, tzinfo=SHANGHAI), [(2026, 1), (2026, 2)]),
        (date(2026, 4, 1), datetime(2026, 6, 21, tzinfo=SHANGHAI), [(2026, 2)]),
        (date(2026, 10, 1), datetime(2027, 1, 1, tzinfo=SHANGHAI), [(2026, 4)]),
    ],
)
def test_r18_a_mine_owes_sheets_from_its_registration(
    registered_on: date, at: datetime, found: list[tuple[int, int]]
) -> None:
    """R18: ten days before the quarter ends, at midnight."""
    assert owed(registered_on, at, DEFAULTS) == found


@pytest.mark.parametrize(
    ("gate", "kind", "is_refused"),
    [
        (SheetGate.MERIT, "merit", True), (SheetGate.MERIT, "base", False), (SheetGate.ALL, "base", True),
        (SheetGate.ALL, "reward", True), (SheetGate.ALL, "adjustment", False), (SheetGate.OFF, "merit", False),
    ],
)  # fmt: skip
def test_r18_the_gate_is_a_policy(gate: SheetGate, kind: str, is_refused: bool) -> None:
    """R18, policy sheet_gate."""
    policies = replace(DEFAULTS, sheet_gate=gate)
    check_reported(kind, Reported(), policies)
    if is_refused:
        with pytest.raises(SheetMissing):
            check_reported(kind, Reported(missing=[(2026, 1)]), policies)
    else:
        check_reported(kind, Reported(missing=[(2026, 1)]), policies)


def test_r18_quarters_follow_each_other_over_the_new_year() -> None:
    """R11, R18."""
    assert quarter_before(2026, 1) == (2025, 4)
    assert ends_at(2026, 4) == datetime(2027, 1, 1, tzinfo=SHANGHAI)
    assert cut_off(2026, 1, AT) == AT
    assert cut_off(2026, 1, datetime(2026, 5, 1, tzinfo=SHANGHAI)) == datetime(2026, 4, 1, tzinfo=SHANGHAI)


def test_s5_a_veto_ends_after_its_years() -> None:
    """§5, policy veto_years: also one of 29 February."""
    assert vetoed_until(date(2026, 3, 10), DEFAULTS) == date(2029, 3, 10)
    assert vetoed_until(date(2028, 2, 29), DEFAULTS) == date(2031, 2, 28)
    assert Reported(vetoed_until=date(2029, 3, 10)).faults(date(2029, 3, 9)) == ["vetoed"]
    assert Reported(vetoed_until=date(2029, 3, 10)).faults(date(2029, 3, 10)) == []
