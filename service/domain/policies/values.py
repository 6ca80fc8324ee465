"""Of what kinds policy values are, what is said of each, and how they are read and written."""

from collections.abc import Callable
from dataclasses import Field, dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Any, NoReturn, TypeVar

from service.domain.refusals import MalformedBody, NotFound
from service.domain.units import Kilograms

MOST_KILOGRAMS = 100_000_000_000
MOST_DAYS = 366

Value = TypeVar("Value")


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


class OvercommitBase(StrEnum):
    """What contracts are held against: all that the mine can still get this year, or what it has been issued (O01)."""

    YEAR_CEILING = "year_ceiling"
    ISSUED = "issued"


class PoolLevel(StrEnum):
    """The level whose pool projects and declared stocks draw on (R03)."""

    COUNTY = "county"
    CITY = "city"
    PROVINCE = "province"


class SheetGate(StrEnum):
    """Which tranches a mine is refused while its scoring sheet is missing (R18)."""

    MERIT = "merit"
    ALL = "all"
    OFF = "off"


class ScoreFormula(StrEnum):
    """How a score is made of a sheet's plus and minus points; never below 0."""

    NET = "net"  # plus less minus
    FROM_HUNDRED = "from_hundred"  # 100 less minus; plus points count for nothing


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two weights of one load may differ: a share of the first or a fixed weight, the larger (W02, E18)."""

    share: Fraction
    kg: Kilograms

    def __call__(self, net_kg: Kilograms) -> Kilograms:
        return max(Kilograms(int(net_kg * self.share)), self.kg)


class BridgeClass(StrEnum):
    """How exact a weighbridge is: its accuracy class (OIML R 76), for which policies may have values of their own."""

    SPECIAL = "I"
    HIGH = "II"
    MEDIUM = "III"
    ORDINARY = "IIII"


@dataclass(frozen=True, slots=True)
class Bridge:
    """What is registered of a station's scale and of the road before it."""

    bridge_class: BridgeClass | None = None
    gross_limit_kg: Kilograms | None = None  # None: what the law allows


@dataclass(frozen=True, slots=True)
class MeritTable:
    """Scores with the share of the licensed scale that each suggests; between two of them it is linear (R11)."""

    points: tuple[tuple[int, Fraction], ...]

    def share(self, score: Fraction | int) -> Fraction:
        """The share that a score suggests; below the first and above the last it is theirs."""
        below = self.points[0]
        for at, share in self.points:
            if score <= at:
                if at == below[0]:
                    return share
                return below[1] + (share - below[1]) * Fraction(score - below[0], at - below[0])
            below = (at, share)
        return below[1]


class Counts(StrEnum):
    """Which time decides which value counts."""

    EVENT = "event"  # the day of the thing itself: signing, handing over, the city's decision, the weighing
    DECISION = "decision"  # the day on which the service decides


class Scope(StrEnum):
    """For what a policy may have a value of its own."""

    ALL = "all"
    POOL = "pool"  # a jurisdiction, and all below it
    BRIDGE = "bridge"  # a class of weighbridges


@dataclass(frozen=True, slots=True)
class About:
    """What is to be said of a policy."""

    name: str
    rule: str
    zh: str
    en: str
    counts: Counts
    by: Scope
    default: object
    at_most: int | None


class PolicyUnknown(NotFound):
    """There is no policy of this name; GET /v1/policies lists them."""

    title = "没有这个名称的政策参数；GET /v1/policies 列出全部"


class PolicyValueMalformed(MalformedBody):
    """This is not a value of this policy: `expected` says what it takes."""

    title = "该政策参数不接受此值；expected 说明了可取的值"


class ScopeNotAllowed(MalformedBody):
    """This policy has no value of its own for that: `by` says for what it may have one."""

    title = "该政策参数不能按此范围单独设定；by 说明了可设定的范围"


def value(
    default: Value,
    rule: str,
    zh: str,
    en: str,
    counts: Counts = Counts.DECISION,
    *,
    by: Scope = Scope.ALL,
    at_most: int | None = None,
) -> Value:
    """A policy: its default, its rule, what it means in both languages, and which time and place decide its value."""
    made: Value = field(
        default=default, metadata={"rule": rule, "zh": zh, "en": en, "counts": counts, "by": by, "at_most": at_most}
    )
    return made


def about(name: str, one: "Field[Any]") -> About | None:
    """What is said of a field that is a policy; None for another."""
    return About(name=name, default=one.default, **one.metadata) if one.metadata else None


def written(given: object) -> object:
    """A value as JSON has it: shares as decimal text, everything else as it is."""
    if isinstance(given, Fraction):
        return _decimal(given)
    if isinstance(given, Tolerance):
        return {"share": _decimal(given.share), "kg": given.kg}
    if isinstance(given, MeritTable):
        return [[score, _decimal(share)] for score, share in given.points]
    if isinstance(given, date):
        return given.isoformat()
    return given.value if isinstance(given, StrEnum) else given


def read_value(known: About, given: object) -> object:
    """A policy's value from JSON, of the kind that its default is of; raises PolicyValueMalformed."""
    read = _READERS.get(type(known.default), _one_of)
    return read(known, given)


def _decimal(share: Fraction) -> str:
    return format((Decimal(share.numerator) / Decimal(share.denominator)).normalize(), "f")


def _flag(known: About, given: object) -> bool:
    if not isinstance(given, bool):
        raise PolicyValueMalformed(policy=known.name, expected="true | false")
    return given


def _number(known: About, given: object) -> int:
    most = known.at_most or (MOST_KILOGRAMS if known.name.endswith("_kg") else MOST_DAYS)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= most:
        raise PolicyValueMalformed(policy=known.name, expected=f"0 … {most}")
    return given


def _day(known: About, given: object) -> date:
    try:
        return date.fromisoformat(given) if isinstance(given, str) else _no_day(known)
    except ValueError:
        return _no_day(known)


def _no_day(known: About) -> NoReturn:
    raise PolicyValueMalformed(policy=known.name, expected="YYYY-MM-DD")


def _share(known: About, given: object) -> Fraction:
    try:
        # A float has lost digits that nobody sees: shares are text, or 0 and 1.
        share = Fraction(Decimal(given)) if isinstance(given, str | int) and not isinstance(given, bool) else None
    except (InvalidOperation, ValueError, OverflowError):
        share = None
    if share is None or not 0 <= share <= 1 or share.denominator > 10**9:
        raise PolicyValueMalformed(policy=known.name, expected='"0" … "1"')
    return share


def _tolerance(known: About, given: object) -> Tolerance:
    if not isinstance(given, dict) or given.keys() != {"share", "kg"}:
        raise PolicyValueMalformed(policy=known.name, expected='{"share": "0.005", "kg": 200}')
    return Tolerance(_share(known, given["share"]), Kilograms(_number(known, given["kg"])))


def _merit_table(known: About, given: object) -> MeritTable:
    expected = '[[0, "0"], [100, "0.1"]]: scores 0 … 100 that rise, shares that do not fall'
    if not isinstance(given, list) or not given or not all(isinstance(one, list) and len(one) == 2 for one in given):
        raise PolicyValueMalformed(policy=known.name, expected=expected)
    scores = [score for score, _ in given]
    if not all(isinstance(score, int) and not isinstance(score, bool) and 0 <= score <= 100 for score in scores):
        raise PolicyValueMalformed(policy=known.name, expected=expected)
    shares = [_share(known, share) for _, share in given]
    if scores != sorted(set(scores)) or shares != sorted(shares):
        raise PolicyValueMalformed(policy=known.name, expected=expected)
    return MeritTable(tuple(zip(scores, shares, strict=True)))


def _one_of(known: About, given: object) -> StrEnum:
    kind = type(known.default)
    assert issubclass(kind, StrEnum), "a policy is of a kind that can be read"
    if not isinstance(given, str) or given not in set(kind):
        raise PolicyValueMalformed(policy=known.name, expected=" | ".join(kind))
    return kind(given)


_READERS: dict[type, Callable[[About, object], object]] = {
    bool: _flag,
    int: _number,
    Fraction: _share,
    date: _day,
    Tolerance: _tolerance,
    MeritTable: _merit_table,
}
