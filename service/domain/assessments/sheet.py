"""The scoring sheet of a mine's quarter: its items, what counts as evidence for them, the score, and what hangs on it (§5)."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from service.domain.alerts import Flag
from service.domain.assessments.gate import score
from service.domain.policies import Policies
from service.domain.refusals import MalformedBody, Refusal
from service.domain.units import shanghai_day, start_of

VETOES: Final = range(1, 8)
LEGIBLE_VETO: Final = "越界开采、未按照方案确定的开采方式、生产区实施开采的"


class Side(StrEnum):
    """On which part of the sheet an item stands."""

    PLUS = "plus"
    MINUS = "minus"
    VETO = "veto"  # one point says that it applies


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the sheet: how many points it can have, who owns it, and how many each event of the evidence takes."""

    side: Side
    number: int
    most: int
    zh: str
    en: str
    owner: str
    each: int | None = None  # it is filled from what the service knows

    @property
    def key(self) -> tuple[Side, int]:
        """What names it."""
        return (self.side, self.number)


LAND, ECOLOGY, INDUSTRY = "自然资源局", "生态环境局", "工信局"
REFORM, COMMERCE, EMERGENCY, TAX = "发改委", "商务局", "应急管理局", "税务局"


def _plus(number: int, most: int, zh: str, en: str, owner: str) -> Item:
    return Item(Side.PLUS, number, most, zh, en, owner)


def _minus(number: int, most: int, zh: str, en: str, owner: str, each: int | None = None) -> Item:
    return Item(Side.MINUS, number, most, zh, en, owner, each)


# Where the published sheet cannot be read, the owner is our reading of its columns.
ITEMS: Final = (
    _plus(1, 5, "完成采矿权整合", "mining rights consolidated", LAND),
    _plus(2, 5, "提前完成生态修复任务、建成绿色矿山", "restoration ahead of time, green mine", LAND),
    _plus(3, 5, "建有专用于堆放易产生扬尘物料的场所", "closed store for dusty material", ECOLOGY),
    _plus(4, 5, "矿区主要道路沿途建设雾状喷淋设施并常态化使用", "spraying along the main roads", ECOLOGY),
    _plus(5, 5, "冬季生产时采取有效措施抑制扬尘", "dust kept down in winter", ECOLOGY),
    _plus(6, 10, "占用非耕地用于排土场等", "no farmland used for dumps and works", LAND),
    _plus(7, 15, "采选、加工一体化企业", "mining with dressing and processing", INDUSTRY),
    _plus(8, 25, "企业年产值", "output of the year", INDUSTRY),
    _plus(9, 7, "产线升级改造、绿色工厂等", "lines renewed, green factory", INDUSTRY),
    _plus(10, 8, "当年固定资产投资", "investment of the year", REFORM),
    _plus(11, 5, "矿山企业及其上下游企业消纳废料", "waste used by the firm and its partners", INDUSTRY),
    _plus(12, 5, "上一年度加工类产品出口", "exports of the year before", COMMERCE),
    _minus(1, 2, "未按方案完成治理任务的", "restoration not done as planned", LAND),
    _minus(2, 8, "矿石低开高走、以好充次，发现1次扣2分", "grade cheating: 2 points each", LAND, 2),
    _minus(3, 8, "矿石销售合同未在监管服务平台上登记，发现1起扣2分", "sales contract not registered: 2 points each", LAND, 2),
    _minus(4, 8, "未按运单要求运输矿石，发现1起扣2分", "haulage without the required ticket: 2 points each", LAND, 2),
    _minus(5, 20, "未落实“一矿一坑一出口”，躲避源头计量站的扣20分", "the source station bypassed: 20 points", LAND, 20),
    _minus(6, 8, "故意遮挡（损坏）源头站监控、剪断线路，发现1起扣2分", "camera or line tampered with: 2 points each", LAND, 2),
    _minus(7, 3, "大气污染物排放超标按期完成整改的", "emissions too high, put right in time", ECOLOGY),
    _minus(8, 8, "违法违规行为被行政立案查处，每立案1起扣1分", "case filed: 1 point each", ECOLOGY),
    _minus(9, 8, "《菱镁行业企业深入整治工作方案》未落实到位，每项扣2分", "plan not carried out: 2 points each", ECOLOGY),
    _minus(10, 8, "自查未发现而监管部门检查发现重大事故隐患", "grave hazard that the firm had not found", EMERGENCY),
    _minus(11, 2, "企业受到监管部门行政处罚的", "administrative penalty", EMERGENCY),
    _minus(12, 2, "全员安全生产责任制、规章制度和操作规程不健全的", "safety duties and rules incomplete", EMERGENCY),
    _minus(13, 3, "未建立双重预防工作机制或落实不到位的", "no double prevention", EMERGENCY),
    _minus(14, 5, "矿石只供给轻烧反射窑企业的", "ore only to light-burning reverberatory kilns", INDUSTRY, 5),
    _minus(15, 10, "存在偷税漏税违法行为的", "tax evaded", TAX),
    *(Item(Side.VETO, number, 1, "", "", LAND) for number in VETOES),
)  # fmt: skip
"""All lines of the sheet, in its order; what a veto says is written by the province."""

BY_KEY: Final[Mapping[tuple[Side, int], Item]] = MappingProxyType({item.key: item for item in ITEMS})

FLAGS: Final[Mapping[Flag, int]] = MappingProxyType(
    {
        Flag.GRADE_MISMATCH: 2,  # E46
        Flag.FILING_OVERDUE: 3,  # R26, E22
        Flag.NO_TICKET: 4,
        Flag.UNKNOWN_TICKET: 4,
        Flag.TICKET_REUSED: 4,
        Flag.TICKET_REVOKED: 4,
        Flag.STATION_BYPASS: 5,  # W07, E47
    }
)
"""The minus item that an alert counts for."""

TAMPERED: Final = 6
REVERBERATORY: Final = 14


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact behind a minus item: what it is kept as, when it was and when it was known; `counts` not: to be looked at only."""

    item: int
    kind: str  # alert | camera | silence | delivery
    id: str
    occurred_at: datetime
    recorded_at: datetime
    counts: bool = True
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a department has entered for an item."""

    side: Side
    number: int
    points: int
    note: str | None = None

    @property
    def item(self) -> Item:
        """The item that it is for."""
        return BY_KEY[(self.side, self.number)]


@dataclass(frozen=True, slots=True)
class Score:
    """What a sheet comes to."""

    plus: int
    minus: int
    is_vetoed: bool
    score: int


class QuarterNotBegun(Refusal):
    """A sheet is drafted once its quarter has begun."""

    title = "测评表须在该季度开始后填报"
    rule = "R18"


class SheetIsSigned(Refusal):
    """This sheet was signed off and never changes; what came to be known later belongs to the next one."""

    title = "该测评表已签报，不得更改；此后获知的情况计入下一季度"
    rule = "R18"


class ItemUnknown(MalformedBody):
    """The sheet has no such item: plus 1–12, minus 1–15, veto 1–7."""

    title = "测评表没有该项：加分项 1–12、减分项 1–15、一票否决项 1–7"
    rule = "§5"


class PointsExceedMaximum(Refusal):
    """An item has at most `most` points."""

    title = "该项得分不得超过最高分值 most"
    rule = "§5"


class NoteMissing(Refusal):
    """Say in `note` why: a veto, and points that differ from what the service has found, need a reason."""

    title = "一票否决项，以及与系统预填不一致的分值，须在 note 中说明理由"
    rule = "§5"


def starts_on(year: int, quarter: int) -> date:
    """The first day of a quarter."""
    return date(year, quarter * 3 - 2, 1)


def ends_at(year: int, quarter: int) -> datetime:
    """The first instant after a quarter."""
    return start_of(date(year + quarter // 4, quarter % 4 * 3 + 1, 1))


def cut_off(year: int, quarter: int, at: datetime) -> datetime:
    """Up to when what is known belongs to a quarter's sheet: now, or the quarter's end; later facts go to the next (R18)."""
    if shanghai_day(at) < starts_on(year, quarter):
        raise QuarterNotBegun(begins_on=starts_on(year, quarter))
    return min(at, ends_at(year, quarter))


def found_points(evidence: Iterable[Evidence]) -> dict[int, int]:
    """The points of each minus item that is filled by the service: so many for each fact, up to its maximum."""
    facts = Counter(one.item for one in evidence if one.counts)
    return {
        item.number: min(item.most, item.each * facts[item.number])
        for item in ITEMS
        if item.side is Side.MINUS and item.each is not None
    }


def supplies_only_reverberatory(deliveries: Collection[bool]) -> bool:
    """Whether ore went out and none of it elsewhere than to light-burning reverberatory kilns (minus 14)."""
    return bool(deliveries) and all(deliveries)


def check_entries(entries: Iterable[Entry], found: Mapping[int, int]) -> None:
    """Refuse points that an item cannot have, and those that need a reason and have none."""
    for entry in entries:
        item = BY_KEY.get((entry.side, entry.number))
        if item is None:
            raise ItemUnknown(side=entry.side, number=entry.number)
        if not 0 <= entry.points <= item.most:
            raise PointsExceedMaximum(side=entry.side, number=entry.number, most=item.most)
        differs = item.each is not None and entry.points != found.get(entry.number, 0)
        if not entry.note and (differs or (entry.side is Side.VETO and entry.points)):
            raise NoteMissing(side=entry.side, number=entry.number)


def points_of(entries: Mapping[tuple[Side, int], Entry], found: Mapping[int, int]) -> dict[tuple[Side, int], int]:
    """The points of every item: what a department has entered, or the service has found, or none."""
    return {
        item.key: entries[item.key].points
        if item.key in entries
        else (found.get(item.number, 0) if item.side is Side.MINUS else 0)
        for item in ITEMS
    }


def score_of(points: Mapping[tuple[Side, int], int], policies: Policies) -> Score:
    """Plus less minus, never below 0; by policy 100 less minus; a veto makes it 0 (§5, policy score_formula)."""
    plus, minus, vetoes = (sum(got for (side, _), got in points.items() if side is one) for one in Side)
    return Score(plus, minus, bool(vetoes), score(plus, minus, has_veto=bool(vetoes), policies=policies))


def unfilled(entries: Mapping[tuple[Side, int], Entry]) -> list[Item]:
    """What no department has entered and the service does not fill: it counts for nothing."""
    return [item for item in ITEMS if item.each is None and item.side is not Side.VETO and item.key not in entries]


@dataclass(frozen=True, slots=True)
class Line:
    """An item as the sheet shows it: its points, by whom, and the facts behind them."""

    side: Side
    number: int
    most: int
    text: str
    text_en: str
    owner: str
    points: int
    found_points: int | None
    note: str | None
    evidence: Sequence[Evidence]


def lines_of(
    entries: Mapping[tuple[Side, int], Entry], evidence: Sequence[Evidence], vetoes: Mapping[int, str]
) -> list[Line]:
    """All lines of a sheet, in its order."""
    found = found_points(evidence)
    points = points_of(entries, found)
    return [
        Line(
            side=item.side,
            number=item.number,
            most=item.most,
            text=item.zh or vetoes.get(item.number, LEGIBLE_VETO if item.number == 1 else ""),
            text_en=item.en,
            owner=item.owner,
            points=points[item.key],
            found_points=found.get(item.number) if item.side is Side.MINUS else None,
            note=entries[item.key].note if item.key in entries else None,
            evidence=[one for one in evidence if item.side is Side.MINUS and one.item == item.number],
        )
        for item in ITEMS
    ]
