"""The policy values: what they may be, and which of them is in force when and where."""

import re
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from service.domain.policies import (
    ABOUT,
    DEFAULTS,
    Changes,
    History,
    MeritTable,
    OverdrawPolicy,
    Policies,
    PolicyValueMalformed,
    Scope,
    Tolerance,
    read_value,
    stated,
    written,
)
from service.domain.units import Kilograms

SERVICE = Path(__file__).parents[2] / "service"
BEFORE, SINCE, AFTER = date(2026, 3, 31), date(2026, 4, 1), date(2026, 7, 1)


def ruled(*changes: Changes) -> Policies:
    return Policies(history=History(changes))


@pytest.mark.parametrize(("net_kg", "tolerance_kg"), [(31_200, 200), (40_000, 200), (40_200, 201), (0, 200)])
def test_two_scales_may_differ_by_a_share_or_a_fixed_weight(net_kg: int, tolerance_kg: int) -> None:
    """W02, E18."""
    assert Policies().transit_tolerance(Kilograms(net_kg)) == tolerance_kg


def test_every_policy_says_its_rule_and_its_meaning_in_both_languages() -> None:
    for known in ABOUT.values():
        assert re.fullmatch(r"[A-Z]\d\d", known.rule), known.name
        assert re.search(r"[\u4e00-\u9fff]", known.zh), known.name
        assert known.en.isascii(), known.name


@pytest.mark.parametrize("name", ABOUT)
def test_every_policy_has_a_default_that_can_be_read_and_an_effect(name: str) -> None:
    known = ABOUT[name]
    assert read_value(known, written(known.default)) == known.default
    assert any(re.search(rf"\.{name}\b", path.read_text(encoding="utf-8")) for path in SERVICE.rglob("*.py"))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("filing_days", 15.0),
        ("filing_days", "15"),
        ("filing_days", True),
        ("filing_days", -1),
        ("filing_days", 367),
        ("carry_years", 1),
        ("carry_years", "yes"),
        ("overdraw", "forgive"),
        ("overdraw", None),
        ("base_share", 0.1),
        ("base_share", "1.1"),
        ("base_share", "-0.1"),
        ("base_share", "ten"),
        ("base_share", "NaN"),
        ("base_share", "Infinity"),
        ("base_share", "1e-30"),
        ("transit_tolerance", 200),
        ("transit_tolerance", {"share": "0.01"}),
        ("merit_table", []),
        ("merit_table", [[0, "0"], [0, "0.1"]]),
        ("merit_table", [[0, "0.1"], [100, "0"]]),
        ("merit_table", [[0, "0"], [101, "0.1"]]),
        ("merit_table", "linear"),
    ],
)
def test_what_is_no_value_of_a_policy_is_refused(name: str, given: Any) -> None:
    with pytest.raises(PolicyValueMalformed):
        read_value(ABOUT[name], given)


def test_values_are_read_as_they_are_written() -> None:
    assert read_value(ABOUT["base_share"], "0.125") == Fraction(1, 8)
    assert read_value(ABOUT["transit_tolerance"], {"share": "0.01", "kg": 300}) == Tolerance(
        Fraction(1, 100), Kilograms(300)
    )
    assert stated(DEFAULTS, "filing_days", "base_share", "overdraw", "merit_table") == {
        "filing_days": 15,
        "base_share": "0.1",
        "overdraw": "flag",
        "merit_table": [[0, "0"], [100, "0.1"]],
    }


def test_a_value_is_in_force_from_its_day_on() -> None:
    policies = ruled(Changes("filing_days", "", 20, SINCE))
    assert [policies.on(day).filing_days for day in (BEFORE, SINCE, AFTER)] == [15, 20, 20]
    assert policies.on(AFTER).on(BEFORE).filing_days == 15
    assert policies.on(AFTER).slip_days == 15


def test_of_two_decisions_for_one_day_the_later_one_counts_and_an_earlier_day_does_not_undo_a_later() -> None:
    policies = ruled(
        Changes("filing_days", "", 20, SINCE),
        Changes("filing_days", "", 25, SINCE),
        Changes("filing_days", "", 30, BEFORE),
    )
    assert [policies.on(day).filing_days for day in (BEFORE, SINCE)] == [30, 25]


def test_a_pool_has_its_own_value_or_that_of_the_pool_above_it() -> None:
    """O03: policy overdraw, per pool."""
    policies = ruled(
        Changes("overdraw", "210300", "hold", SINCE),
        Changes("overdraw", "210381", OverdrawPolicy.BLOCK, SINCE),
        Changes("overdraw", "210381", None, AFTER),
    ).on(SINCE)
    found = {code: policies.within(code).overdraw for code in ("210381", "210323", "210300", "210882", "210000")}
    assert found == {"210381": "block", "210323": "hold", "210300": "hold", "210882": "flag", "210000": "flag"}
    assert policies.on(AFTER).within("210381").overdraw == "hold"
    assert policies.overdraw == "flag"


def test_a_class_of_bridges_has_its_own_tolerance() -> None:
    """W02, E18: policy transit_tolerance, per class of bridges."""
    assert ABOUT["transit_tolerance"].by is Scope.BRIDGE
    finer = Tolerance(Fraction(1, 1000), Kilograms(50))
    policies = ruled(Changes("transit_tolerance", "III", finer, BEFORE)).on(SINCE)
    assert policies.within("III").transit_tolerance == finer
    assert policies.within("IIII").transit_tolerance == DEFAULTS.transit_tolerance


@pytest.mark.parametrize(
    ("score", "share"),
    [
        (0, 0),
        (10, 0),
        (20, 0),
        (60, Fraction(4, 100)),
        (80, Fraction(6, 100)),
        (90, Fraction(8, 100)),
        (100, Fraction(1, 10)),
    ],
)
def test_a_merit_table_is_linear_between_its_points(score: int, share: Fraction) -> None:
    """R11: policy merit_table."""
    table = MeritTable(((20, Fraction(0)), (80, Fraction(6, 100)), (100, Fraction(1, 10))))
    assert table.share(score) == share
