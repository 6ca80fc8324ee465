"""Whole kilograms, shares of them, and the one time zone in which the service's days and years are counted."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NewType

Kilograms = NewType("Kilograms", int)

MAX_KILOGRAMS = Kilograms(100_000_000_000)

# A fixed offset needs no zone table: China has had no summer time since 1991, and the service's years begin in 2000.
_AHEAD_OF_UTC = timedelta(hours=8)
SHANGHAI = timezone(_AHEAD_OF_UTC, "Asia/Shanghai")

_TONNE_UNITS = {"zh": "吨", "en": "t"}


def percent_of(whole: Kilograms, percent: int | Decimal | Fraction) -> Kilograms:
    """The stated percentage of a quantity, floored to the kilogram (E52)."""
    return Kilograms(whole * Fraction(percent) // 100)


def tonnes(kg: Kilograms, language: Literal["zh", "en"] = "zh") -> str:
    """Kilograms as tonnes for people: exact, with two decimals, and a third only where there is an odd kilogram.

    >>> tonnes(Kilograms(311_400)), tonnes(Kilograms(-1_311_405), "en")
    ('311.40 吨', '-1,311.405 t')
    """
    whole, rest = divmod(abs(kg), 1000)
    decimals = f"{rest:03}"
    shown = decimals[:2] if decimals.endswith("0") else decimals
    return f"{'-' if kg < 0 else ''}{whole:,}.{shown} {_TONNE_UNITS[language]}"


def shanghai_day(at: datetime) -> date:
    """The calendar day of an instant in Asia/Shanghai."""
    assert at.tzinfo is not None, "an instant knows its offset"
    return ((at if at.tzinfo is UTC else at.astimezone(UTC)) + _AHEAD_OF_UTC).date()


def shanghai_year(at: datetime) -> int:
    """The calendar year of an instant in Asia/Shanghai: the quota year of what was weighed then (R16)."""
    return shanghai_day(at).year


def start_of(day: date) -> datetime:
    """The first instant of a day in Asia/Shanghai, which is also the first instant after the day before."""
    return datetime.combine(day, time.min, SHANGHAI)


def told_of(day: date, at: datetime) -> datetime:
    """When what is told at an instant of a whole day counts as having happened: by then, and on that day."""
    return min(at, start_of(day + timedelta(days=1)) - timedelta(microseconds=1))


def dry_kg(wet_kg: int, moisture_per_mille: int) -> Kilograms:
    """The dry mass of ore, floored; quota and stock are counted wet, as weighed (E19)."""
    return Kilograms(wet_kg * (1000 - moisture_per_mille) // 1000)
