"""Kilograms, shares, and the days of Asia/Shanghai."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.units import (
    MAX_KILOGRAMS,
    SHANGHAI,
    Kilograms,
    dry_kg,
    percent_of,
    shanghai_day,
    shanghai_year,
    start_of,
    tonnes,
)

quantities = st.integers(0, MAX_KILOGRAMS).map(Kilograms)


def test_ten_percent_of_paizhai_mines_scale_is_its_base_tranche() -> None:
    assert percent_of(Kilograms(2_110_000_000), 10) == 211_000_000


@pytest.mark.parametrize(
    ("whole", "percent", "expected"),
    [(999, 10, 99), (1, 99, 0), (1_000, Decimal("7.85"), 78), (3, Fraction(100, 3), 1), (10**11, 100, 10**11)],
)
def test_a_share_is_floored_to_the_kilogram(whole: int, percent: int | Decimal | Fraction, expected: int) -> None:
    assert percent_of(Kilograms(whole), percent) == expected


@given(quantities, st.integers(0, 100))
def test_a_share_and_the_rest_never_exceed_the_whole(whole: Kilograms, percent: int) -> None:
    assert whole - 1 <= percent_of(whole, percent) + percent_of(whole, 100 - percent) <= whole


@pytest.mark.parametrize(
    ("kg", "zh", "en"),
    [
        (311_400, "311.40 吨", "311.40 t"),
        (311_405, "311.405 吨", "311.405 t"),
        (7, "0.007 吨", "0.007 t"),
        (0, "0.00 吨", "0.00 t"),
        (-31_200, "-31.20 吨", "-31.20 t"),
        (211_000_000, "211,000.00 吨", "211,000.00 t"),
        (100_000_000_000, "100,000,000.00 吨", "100,000,000.00 t"),
    ],
)
def test_people_read_tonnes(kg: int, zh: str, en: str) -> None:
    assert tonnes(Kilograms(kg)) == zh
    assert tonnes(Kilograms(kg), "en") == en


@given(st.integers(-MAX_KILOGRAMS, MAX_KILOGRAMS).map(Kilograms))
def test_tonnes_lose_no_kilogram(kg: Kilograms) -> None:
    assert Decimal(tonnes(kg, "en").removesuffix(" t").replace(",", "")) * 1000 == kg


def test_the_year_turns_at_midnight_in_shanghai() -> None:
    last = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert (shanghai_day(last), shanghai_year(last)) == (date(2026, 12, 31), 2026)
    assert shanghai_year(last + timedelta(seconds=1)) == 2027
    assert start_of(date(2027, 1, 1)) == last + timedelta(seconds=1)
    assert start_of(date(2027, 1, 1)).tzinfo is SHANGHAI


def test_an_instant_without_an_offset_has_no_day() -> None:
    with pytest.raises(AssertionError):
        shanghai_day(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("wet_kg", "moisture", "dry"),
    [(31_200, 0, 31_200), (31_200, 35, 30_108), (1_000, 1, 999), (999, 1, 998), (1, 999, 0)],
)
def test_e19_the_dry_mass_is_floored(wet_kg: int, moisture: int, dry: int) -> None:
    assert dry_kg(wet_kg, moisture) == dry
