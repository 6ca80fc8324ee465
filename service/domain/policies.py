"""The policy values: what the offices have decided where the notice is silent or ambiguous."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from service.domain.units import Kilograms


class OverdrawPolicy(StrEnum):
    """What a pool's new tickets meet when its quota is used up; a weighing is recorded under each (O03)."""

    FLAG = "flag"
    HOLD = "hold"  # they wait for an officer
    BLOCK = "block"  # they are refused


class ExpiredLicencePolicy(StrEnum):
    """What becomes of the unused balance of a mine whose right has expired or that is not consolidated (R07)."""

    FREEZE = "freeze"  # use is recorded and flagged
    KEEP = "keep"


class YearCeiling(StrEnum):
    """The most that the tranches of one mine and year may reach (R13)."""

    SCALE = "scale"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Policies:
    """One value for each policy, by its name in the rules; the defaults are those of the rules."""

    # Quota
    non_mine_pool: str = "county"  # R03: the level whose pool projects and declared stocks draw on
    expired_licence: ExpiredLicencePolicy = ExpiredLicencePolicy.FREEZE  # R07
    base_share: Fraction = Fraction(10, 100)  # R10: of the licensed scale, each quarter
    merit_share: Fraction = Fraction(10, 100)  # R11: the most, each quarter
    merit_full_score: int = 100  # R11: the score at which the suggested share is the most; linear from 0
    reward_share: Fraction = Fraction(10, 100)  # R12: of the licensed scale, each half-year
    year_ceiling: YearCeiling = YearCeiling.SCALE  # R13, and the base of over-commitment (O01)
    publication_days: int = 10  # R14: working days from the city's issue to the county's issue and publication
    carry_quarters: bool = True  # R16
    carry_years: bool = False  # R16
    overdraw: OverdrawPolicy = OverdrawPolicy.FLAG  # O03

    # Filing
    filing_days: int = 15  # R22, R23
    filing_rolls_over_holidays: bool = False  # R22
    trader_files: bool = True  # R22
    slip_days: int = 15  # R24
    listed_grades: bool = False  # E46: whether filing takes only grades of the list
    stock_declared_until: date = date(2026, 12, 31)  # R01b: the last day on which stock is declared (E30)

    # The weighbridge
    transit_tolerance_share: Fraction = Fraction(5, 1000)  # W02
    transit_tolerance_kg: Kilograms = Kilograms(200)  # W02
    gross_limit_kg: Kilograms = Kilograms(49_000)  # W05: over it a load is flagged
    gross_impossible_kg: Kilograms = Kilograms(100_000)  # W05: over it a record is refused
    tare_drift_share: Fraction = Fraction(10, 100)  # W05
    double_scan_seconds: int = 60  # W06
    double_scan_kg: Kilograms = Kilograms(20)  # W06
    clock_skew_seconds: int = 120  # W04
    never_weighed_hours: int = 24  # W07
    never_received_hours: int = 72  # W07

    # Stations
    station_late_minutes: int = 10  # without a heartbeat
    station_down_minutes: int = 60  # from then on `station-silent` is open, and loads weighed meanwhile are listed

    # Plants
    yield_band_share: Fraction = Fraction(20, 100)  # P02
    stocktake_cap_share: Fraction = Fraction(2, 100)  # P02, E31: of what a lot received

    def transit_tolerance(self, net_kg: Kilograms) -> Kilograms:
        """How far the two scales of a load may differ: a share of the source's net or a fixed weight, the larger."""
        return max(Kilograms(int(net_kg * self.transit_tolerance_share)), self.transit_tolerance_kg)


DEFAULTS = Policies()
