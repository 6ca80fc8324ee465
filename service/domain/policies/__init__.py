"""The policy values: what the offices have decided where the notice is silent or ambiguous."""

from dataclasses import dataclass, field, fields, replace
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

from service.domain.calendar import STANDARD, Calendar
from service.domain.policies.history import Changes, History
from service.domain.policies.values import (
    About,
    Bridge,
    BridgeClass,
    Counts,
    ExpiredLicencePolicy,
    MeritTable,
    OvercommitBase,
    OverdrawPolicy,
    PolicyUnknown,
    PolicyValueMalformed,
    PoolLevel,
    Scope,
    ScopeNotAllowed,
    ScoreFormula,
    SheetGate,
    Tolerance,
    YearCeiling,
    about,
    read_value,
    value,
    written,
)
from service.domain.units import Kilograms

__all__ = [
    "ABOUT",
    "DEFAULTS",
    "About",
    "Bridge",
    "BridgeClass",
    "Changes",
    "Counts",
    "ExpiredLicencePolicy",
    "History",
    "MeritTable",
    "OvercommitBase",
    "OverdrawPolicy",
    "Policies",
    "PolicyUnknown",
    "PolicyValueMalformed",
    "PoolLevel",
    "Scope",
    "ScopeNotAllowed",
    "ScoreFormula",
    "SheetGate",
    "Tolerance",
    "YearCeiling",
    "read_value",
    "stated",
    "written",
]


@dataclass(frozen=True, slots=True)
class Policies:
    """One value for each policy, by its name in the rules, as they are in force at one time; the defaults are the rules'.

    A policy is one line here: its default, which also says of what kind it is, its rule, its meaning in both languages.
    """

    # Quota
    non_mine_pool: PoolLevel = value(
        PoolLevel.COUNTY, "R03", "项目和存量所用指标池的级别", "level whose pool feeds projects, stocks"
    )
    expired_licence: ExpiredLicencePolicy = value(
        ExpiredLicencePolicy.FREEZE,
        "R07",
        "采矿权过期后未用指标的处理",
        "unused quota of an expired right",
        Counts.EVENT,
    )
    base_share: Fraction = value(
        Fraction(10, 100), "R10", "每季度基础指标占证载规模的上限", "base tranche, of the scale, a quarter"
    )
    merit_share: Fraction = value(
        Fraction(10, 100), "R11", "每季度差异化指标占证载规模的上限", "merit tranche, of the scale, a quarter"
    )
    merit_table: MeritTable = value(
        MeritTable(((0, Fraction(0)), (100, Fraction(10, 100)))),
        "R11",
        "测评得分与建议比例对照",
        "score and suggested share",
    )
    reward_share: Fraction = value(
        Fraction(10, 100), "R12", "每半年奖励指标占证载规模的上限", "reward, of the scale, a half-year"
    )
    year_ceiling: YearCeiling = value(YearCeiling.SCALE, "R13", "全年指标之和的上限", "the most of a mine's year")
    publication_days: int = value(
        10, "R14", "市下达后县级下达并公示的工作日数", "working days to issue and publish", Counts.EVENT
    )
    carry_quarters: bool = value(True, "R16", "未用指标可否结转至下季度", "unspent tonnes go on to the next quarter")
    carry_years: bool = value(False, "R16", "未用指标可否结转至下年度", "unspent tonnes go on to the next year")
    carry_overdraw: bool = value(
        False, "R16", "年末超指标可否转入下年度", "what a year let out beyond its quota is charged to the next"
    )
    sheet_gate: SheetGate = value(
        SheetGate.MERIT, "R18", "逾期未报测评表时停止分配的指标", "what a missing sheet stops"
    )
    veto_years: int = value(3, "R18", "一票否决后不分配指标的年数", "years without tranches after a veto", at_most=20)
    score_formula: ScoreFormula = value(ScoreFormula.NET, "R11", "监管测评得分算法", "how a score is made")
    overcommit_base: OvercommitBase = value(
        OvercommitBase.YEAR_CEILING, "O01", "超额签约的比较基数", "what contracts are held against"
    )
    overdraw: OverdrawPolicy = value(
        OverdrawPolicy.FLAG, "O03", "指标用完后新运单的处理", "new tickets when the quota is used up", by=Scope.POOL
    )

    # Filing
    filing_days: int = value(15, "R22", "合同备案期限（日）", "days to file a contract", Counts.EVENT)
    filing_rolls_over_holidays: bool = value(
        False, "R22", "备案期限遇节假日是否顺延", "filing rolls over holidays", Counts.EVENT
    )
    trader_files: bool = value(True, "R22", "商贸企业作为买方是否须备案", "a trader that buys files, too", Counts.EVENT)
    slip_days: int = value(15, "R24", "内部交接单备案期限（日）", "days to file a slip", Counts.EVENT)
    listed_grades: bool = value(False, "R22", "备案是否只接受名录中的品级", "whether filing takes only listed grades")
    stock_declared_until: date = value(
        date(2026, 12, 31), "R01", "存量申报截止日", "last day on which stock is declared"
    )
    reminder_days: int = value(3, "R22", "到期前提醒的天数", "days before a deadline that it is recalled")

    # The weighbridge
    transit_tolerance: Tolerance = value(
        Tolerance(Fraction(5, 1000), Kilograms(200)),
        "W02",
        "途中磅差允许值（比例 / 公斤，取大者）",
        "how far two scales may differ (share / kg, the larger)",
        Counts.EVENT,
        by=Scope.BRIDGE,
        at_most=10_000,
    )
    gross_limit_kg: Kilograms = value(
        Kilograms(49_000),
        "W05",
        "车货总重上限（公斤），超过即标记",
        "gross over which a load is flagged (kg)",
        Counts.EVENT,
    )
    gross_limit_2_axles_kg: Kilograms = value(
        Kilograms(18_000), "W05", "二轴车总重限值（公斤）", "gross limit of two axles in kg (GB 1589)", Counts.EVENT
    )
    gross_limit_3_axles_kg: Kilograms = value(
        Kilograms(27_000), "W05", "三轴车总重限值（公斤）", "gross limit of three axles in kg (GB 1589)", Counts.EVENT
    )
    gross_limit_4_axles_kg: Kilograms = value(
        Kilograms(36_000), "W05", "四轴车总重限值（公斤）", "gross limit of four axles in kg (GB 1589)", Counts.EVENT
    )
    gross_limit_5_axles_kg: Kilograms = value(
        Kilograms(43_000), "W05", "五轴车总重限值（公斤）", "gross limit of five axles in kg (GB 1589)", Counts.EVENT
    )
    payload_limit_kg: Kilograms = value(
        Kilograms(40_000), "W05", "单车净重限值（公斤）", "payload over which a load is flagged (kg)", Counts.EVENT
    )
    gross_impossible_kg: Kilograms = value(
        Kilograms(100_000), "W05", "不可能的总重（公斤），超过即拒收", "gross over which a record is refused (kg)"
    )
    tare_drift_share: Fraction = value(
        Fraction(10, 100), "W05", "皮重偏离常值的允许比例", "how far a tare may drift", Counts.EVENT
    )
    stored_tare_days: int = value(
        30, "W05", "预存皮重有效天数", "days after a fresh tare that a stored one is good", Counts.EVENT
    )
    fastest_kmh: int = value(
        100, "W05", "两站之间最快车速（公里/小时，直线距离）", "fastest drive between stations, in km/h", Counts.EVENT
    )
    mgo_tolerance_per_mille: int = value(
        5, "W05", "氧化镁含量超出品级的允许千分点", "how far an analysis may lie outside its grade", Counts.EVENT
    )
    double_scan_seconds: int = value(
        60, "W06", "视为同一次过磅的秒数", "seconds within which it is one event", at_most=3600
    )
    double_scan_kg: Kilograms = value(
        Kilograms(20), "W06", "视为同一次过磅的重量差（公斤）", "kilograms within which it is one event"
    )
    late_weighing_days: int = value(
        10, "W04", "计量记录补传期限（工作日）", "working days within which a record is to arrive", Counts.EVENT
    )
    clock_skew_seconds: int = value(120, "W04", "设备时钟允许偏差（秒）", "how wrong a clock may be", at_most=86_400)
    ticket_valid_hours: int = value(
        240, "W01", "运单有效期最长时限（小时）", "hours for which a ticket is good at most", Counts.EVENT, at_most=8784
    )
    never_weighed_hours: int = value(24, "W07", "开单后未过磅的时限（小时）", "hours until an unused ticket ends")
    never_received_hours: int = value(72, "W07", "出矿后未到货的时限（小时）", "hours until a load is missed")

    # Stations
    station_late_minutes: int = value(
        10, "W04", "无心跳视为延迟的分钟数", "minutes without a heartbeat: late", at_most=1440
    )
    station_down_minutes: int = value(
        60, "W04", "无心跳视为中断的分钟数", "minutes without a heartbeat: silent", at_most=1440
    )

    # Plants
    yield_band_share: Fraction = value(
        Fraction(20, 100), "P02", "产出系数允许偏差", "how far a yield may differ", Counts.EVENT
    )
    stocktake_cap_share: Fraction = value(
        Fraction(2, 100), "P02", "盘点差异占入库量的上限", "stocktake cap, of what came in"
    )

    history: History | None = field(default=None, repr=False, compare=False)
    day: date = field(default=date.min, repr=False, compare=False)
    scope: str = field(default="", repr=False, compare=False)

    def on(self, day: date) -> "Policies":
        """The values that were in force on another day."""
        return self if self.history is None else _chosen(self.history, day, self.scope)

    def within(self, scope: str) -> "Policies":
        """The values for a pool, by its jurisdiction's code, or for a bridge, by its class: its own, or the general ones."""
        return self if self.history is None else _chosen(self.history, self.day, scope)

    def bridge(self, station_id: UUID) -> Bridge:
        """What is registered of a station's scale."""
        return UNCLASSED if self.history is None else self.history.bridges.get(station_id, UNCLASSED)

    def between(self, source_station_id: UUID, destination_station_id: UUID) -> "Policies":
        """The values for a load that goes from one scale to another: two scales may differ as the coarser one does (E18)."""
        if self.history is None or not self.history.bridges:
            return self
        ends = [self.within(self.bridge(id_).bridge_class or "") for id_ in (source_station_id, destination_station_id)]
        tolerances = [one.transit_tolerance for one in ends]
        coarser = Tolerance(max(one.share for one in tolerances), max(one.kg for one in tolerances))
        same = (one for one in ends if one.transit_tolerance == coarser)
        return next(same, None) or replace(self, transit_tolerance=coarser)

    def is_scoped(self, name: str) -> bool:
        """Whether any pool or class of bridges ever had a value of its own."""
        return self.history is not None and self.history.is_scoped(name)

    @property
    def calendar(self) -> Calendar:
        """The days that are worked and the outages that were declared."""
        return STANDARD if self.history is None else self.history.calendar


UNCLASSED = Bridge()
DEFAULTS = Policies()

ABOUT: MappingProxyType[str, About] = MappingProxyType(
    {name: known for one in fields(Policies) if (known := about(name := one.name, one)) is not None}
)
"""What is to be said of each policy, by its name."""


def stated(policies: Policies, *names: str) -> dict[str, object]:
    """Policies by name with the values in force, as they stand beside the figures that depend on them."""
    return {name: written(getattr(policies, name)) for name in names}


def _chosen(history: History, day: date, scope: str) -> Policies:
    key = (history.segment(day), scope)
    found: Policies | None = history.made.get(key)
    if found is None:
        found = replace(
            DEFAULTS, **history.values(day, scope), history=history, day=history.first_day(day), scope=scope
        )
        history.made[key] = found
    return found
