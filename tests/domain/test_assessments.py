"""The scoring sheet's rules: points, score, gates and dates."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import pytest

from service.domain.assessments import (
    ITEMS,
    Entry,
    Evidence,
    Side,
    before,
    cut_off,
    ends_at,
    found_points,
    points_of,
    score_of,
    share_kg,
)
from service.domain.policies import DEFAULTS, MeritTable, ScoreFormula
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
    assert share_kg(score, Kilograms(1_000_999), DEFAULTS) == kg
    steep = replace(DEFAULTS, merit_table=MeritTable(((0, Fraction(1)),)))
    assert share_kg(score, Kilograms(1_000_999), steep) == 100_000


def test_r18_quarters_follow_each_other_over_the_new_year() -> None:
    """R11, R18."""
    assert before((2026, 1)) == (2025, 4)
    assert ends_at(2026, 4) == datetime(2027, 1, 1, tzinfo=SHANGHAI)
    assert cut_off(2026, 1, AT) == AT
    assert cut_off(2026, 1, datetime(2026, 5, 1, tzinfo=SHANGHAI)) == datetime(2026, 4, 1, tzinfo=SHANGHAI)
