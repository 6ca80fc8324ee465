"""Sharing out, closing, and scores."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import assessments, rights
from service.domain.assessments import Scored, SheetMissing, Sheets
from service.domain.policies import DEFAULTS, Changes, History, Policies, ScoreFormula
from service.domain.rights import Fate, Standing
from service.domain.units import Kilograms


@given(st.integers(0, 10**11), st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_what_is_shared_out_adds_up_and_nobody_gets_a_kilogram_too_many(kg: int, parts: list[int]) -> None:
    """E26, E52."""
    shares = rights.shared(Kilograms(kg), parts)
    assert sum(shares) == kg
    assert all(abs(share - kg * part / sum(parts)) < 1 + 1e-3 for share, part in zip(shares, parts, strict=True))


@pytest.mark.parametrize(
    ("quarter", "changed", "standing", "misused_kg", "expected"),
    [
        (1, {}, {"free_kg": 7}, 0, (Fate.LAPSED, 0)),
        (1, {"carry_quarters": False}, {"free_kg": 7, "stock_kg": 9}, 0, (Fate.LAPSED, 7)),
        (1, {"carry_quarters": False}, {"free_kg": 7, "earmark": "镁建材"}, 0, (Fate.LAPSED, 0)),
        (None, {}, {"stock_kg": 9, "free_kg": 7}, 0, (Fate.LAPSED, 9)),
        (None, {"carry_years": True}, {"stock_kg": 9}, 0, (Fate.CARRIED, 9)),
        (None, {"carry_years": True}, {"debt_kg": 5}, 0, (Fate.CARRIED, 0)),
        (None, {"carry_overdraw": True}, {"debt_kg": 5}, 0, (Fate.CHARGED, 5)),
        (None, {"carry_overdraw": True}, {"debt_kg": 5, "issued_kg": 4, "earmark": "镁建材"}, 3, (Fate.WITHDRAWN, 3)),
        (None, {}, {"stock_kg": 2, "issued_kg": 4, "earmark": "镁建材"}, 3, (Fate.WITHDRAWN, 4)),
    ],
)
def test_what_is_left_of_a_period_lapses_goes_on_or_is_owed(
    quarter: int | None, changed: dict[str, bool], standing: dict[str, Any], misused_kg: int, expected: tuple[Fate, int]
) -> None:
    """R16, R25, E28, policies carry_quarters, carry_years and carry_overdraw."""
    figures = {name: Kilograms(0) for name in ("stock_kg", "free_kg", "debt_kg", "issued_kg")}
    of_mine = Standing(**{"mine_id": UUID(int=1), "jurisdiction": "210381", "earmark": None, **figures, **standing})
    history = History([Changes(name, "", value, date(2026, 1, 1)) for name, value in changed.items()])
    then = Policies(history=history).on(date(2026, 12, 31))
    assert rights.fate_of(of_mine, quarter, then, misused_kg=misused_kg) == expected


def test_a_score_is_plus_less_minus_and_never_below_nothing() -> None:
    """R11, R18, policy score_formula."""
    other = Policies(history=History([Changes("score_formula", "", ScoreFormula.FROM_HUNDRED, date(2026, 1, 1))])).on(
        date(2026, 1, 1)
    )
    assert assessments.score(60, 15, has_veto=False, policies=DEFAULTS) == 45
    assert assessments.score(10, 15, has_veto=False, policies=DEFAULTS) == 0
    assert assessments.score(60, 15, has_veto=True, policies=DEFAULTS) == 0
    assert assessments.score(60, 15, has_veto=False, policies=other) == 85


@pytest.mark.parametrize(("score", "suggested"), [(0, 0), (37, 78_070_000), (80, 168_800_000), (100, 211_000_000)])
def test_a_score_suggests_whole_tonnes(score: int, suggested: int) -> None:
    """R11, E52, policy merit_table."""
    sheets = Sheets(date(2020, 1, 1), {(2025, 4): Scored(score, is_vetoed=False)})
    assert assessments.suggested_kg(sheets, (2026, 1), Kilograms(2_110_000_999), DEFAULTS) == suggested


def test_without_a_score_nothing_is_suggested() -> None:
    """R11."""
    assert assessments.suggested_kg(Sheets(date(2020, 1, 1)), (2026, 1), Kilograms(1), DEFAULTS) is None


def test_a_mine_owes_no_sheet_for_quarters_that_ended_before_it_was_registered() -> None:
    """R18."""
    late = datetime(2026, 6, 1, tzinfo=UTC)
    assessments.check_sheet(Sheets(date(2026, 4, 1)), (2026, 2), late, DEFAULTS, is_merit=True)
    with pytest.raises(SheetMissing):
        assessments.check_sheet(Sheets(date(2026, 3, 31)), (2026, 2), late, DEFAULTS, is_merit=True)


@pytest.mark.parametrize(
    ("reported", "missing"),
    [
        ({(2026, 1), (2026, 2)}, []),
        ({(2026, 2)}, [(2026, 1)]),  # the quarter before is there, an older one is not
        ({(2026, 1)}, [(2026, 2)]),
        (set(), [(2026, 1), (2026, 2)]),
    ],
)
def test_r18_every_sheet_that_is_late_stops_tranches(
    reported: set[tuple[int, int]], missing: list[tuple[int, int]]
) -> None:
    sheets = Sheets(date(2026, 1, 15), {period: Scored(80, is_vetoed=False) for period in reported})
    late = datetime(2026, 9, 20, 15, 59, 59, tzinfo=UTC)  # the last second of the third quarter's own day
    assert assessments.missing_sheets(sheets, (2026, 4), late, DEFAULTS) == missing
    one_more = [*missing, (2026, 3)]
    assert assessments.missing_sheets(sheets, (2026, 4), late + timedelta(seconds=1), DEFAULTS) == one_more
    if missing:
        with pytest.raises(SheetMissing) as refused:
            assessments.check_sheet(sheets, (2026, 4), late, DEFAULTS, is_merit=True)
        assert (refused.value.facts["year"], refused.value.facts["quarter"]) == missing[0]


@pytest.mark.parametrize(
    ("on", "stops"), [(date(2026, 4, 1), True), (date(2029, 3, 31), True), (date(2029, 4, 1), False)]
)
def test_a_veto_lasts_three_years(on: date, stops: bool) -> None:
    """R11, policy veto_years."""
    sheets = Sheets(date(2020, 1, 1), {(2026, 1): Scored(0, is_vetoed=True)})
    assert assessments.is_vetoed(sheets, on, DEFAULTS) is stops


def test_a_period_closes_after_its_last_day() -> None:
    """R16, E28."""
    rights.check_is_over(2026, 1, date(2026, 4, 1))
    rights.check_is_over(2026, None, date(2027, 1, 1))
    for quarter, today in [(1, date(2026, 3, 31)), (None, date(2026, 12, 31))]:
        with pytest.raises(rights.PeriodNotOver):
            rights.check_is_over(2026, quarter, today)
