"""What may be allotted to whom: holders, the caps and shares of their tranches, approvals, and the steps of R14."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from uuid import UUID

from service.domain.assessments import Sheets, check_sheet, is_vetoed, suggested_kg
from service.domain.permissions import Actor, Role, area_of
from service.domain.policies import Policies, PoolLevel, YearCeiling
from service.domain.refusals import Refusal
from service.domain.units import Kilograms, percent_of

PROVINCE = "210000"


class Kind(StrEnum):
    """What an allotment is."""

    TOTAL = "total"
    BASE = "base"
    MERIT = "merit"
    REWARD = "reward"
    SPECIAL = "special"
    APPROVED = "approved"
    ADJUSTMENT = "adjustment"


TRANCHES = frozenset({Kind.BASE, Kind.MERIT, Kind.REWARD, Kind.SPECIAL})
"""What only mines hold (R02)."""


class Cause(StrEnum):
    """Why quota is adjusted (R05, R25)."""

    INTEGRATION = "integration"  # 资源开发整合
    RESTRUCTURING = "restructuring"  # 企业重组
    LAYOUT = "layout"  # 布局调整
    ORDER = "order"  # 秩序整顿
    SUCCESSION = "succession"  # a right that passes to another mine
    EARMARK = "earmark"  # special quota not used as permitted
    PERIOD = "period"  # what a period leaves unspent
    OTHER = "other"


class State(StrEnum):
    """How far an allotment has come (R14)."""

    DRAFT = "draft"
    CONSULTED = "consulted"
    APPROVED = "approved"
    ISSUED = "issued"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


IN_FORCE = frozenset({State.ISSUED, State.PUBLISHED})


class Step(StrEnum):
    """What takes an allotment on."""

    CONSULT = "consult"
    APPROVE = "approve"
    ISSUE = "issue"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"


_STEPS = MappingProxyType(
    {
        Step.CONSULT: (frozenset({State.DRAFT}), State.CONSULTED),
        Step.APPROVE: (frozenset({State.CONSULTED}), State.APPROVED),
        Step.ISSUE: (frozenset({State.DRAFT, State.CONSULTED, State.APPROVED}), State.ISSUED),
        Step.PUBLISH: (frozenset({State.ISSUED}), State.PUBLISHED),
        Step.WITHDRAW: (frozenset(State) - {State.WITHDRAWN}, State.WITHDRAWN),
    }
)


class HolderKind(StrEnum):
    """Who can hold kilograms of quota: a pool, or one of the three sources of ore (R01)."""

    JURISDICTION = "jurisdiction"
    MINE = "mine"
    PROJECT = "project"
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is allotted to, and where it lies; a pool has no id but its code."""

    kind: HolderKind
    jurisdiction: str
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Right:
    """A mine's right to mine, as far as it decides about quota."""

    scale_kg: Kilograms
    valid_from: date
    valid_until: date
    is_consolidated: bool
    environment_is_ok: bool
    safety_is_ok: bool
    operates_lawfully: bool
    owner_is_a_mining_firm: bool

    def faults(self, days: Collection[date]) -> list[str]:
        """Why no quota may be given to this mine; the licence must be valid on each of the days (R02, R07)."""
        checks = {
            "licence-not-valid": all(self.valid_from <= day <= self.valid_until for day in days),
            "not-consolidated": self.is_consolidated,
            "environment-papers-missing": self.environment_is_ok,
            "safety-papers-missing": self.safety_is_ok,
            "operation-suspended": self.operates_lawfully,
        }
        return [fault for fault, is_good in checks.items() if not is_good]


@dataclass(frozen=True, slots=True)
class Draft:
    """An allotment as an office writes it; exactly one of the four holders is given."""

    year: int
    quarter: int | None
    kind: Kind
    source: str | None
    kg: Kilograms
    document_no: str
    issued_on: date
    to_jurisdiction: str | None = None
    mine_id: UUID | None = None
    project_id: UUID | None = None
    stock_id: UUID | None = None
    reason: str | None = None
    earmark: str | None = None
    approved_by: UUID | None = None
    cause: Cause | None = None
    application_id: UUID | None = None

    def allotment(self, allotment_id: UUID, holder: Holder) -> "Allotment":
        """The draft as the rules see it."""
        return Allotment(
            id=allotment_id,
            year=self.year,
            quarter=self.quarter,
            kind=self.kind,
            source=self.source,
            holder=holder,
            kg=self.kg,
            issued_on=self.issued_on,
            reason=self.reason,
            earmark=self.earmark,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A holder with what the registry says of it."""

    holder: Holder
    right: Right | None = None
    declared_kg: Kilograms | None = None
    enterprise_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Allotment:
    """Kilograms that an office gives, or takes back, for one year; `source` None is the province's own act."""

    id: UUID
    year: int
    quarter: int | None
    kind: Kind
    source: str | None
    holder: Holder
    kg: Kilograms
    issued_on: date
    reason: str | None = None
    earmark: str | None = None

    @property
    def is_ordinary(self) -> bool:
        """Whether it counts towards the year's ceiling: it cites neither R05 nor R25 (R13)."""
        return self.kind in (Kind.BASE, Kind.MERIT, Kind.REWARD) or (
            self.kind in (Kind.SPECIAL, Kind.ADJUSTMENT) and not self.reason
        )

    @property
    def period(self) -> tuple[int, int]:
        """The quarter that it is for: its own, or else that of the day of issue."""
        day = min(max(self.issued_on, date(self.year, 1, 1)), date(self.year, 12, 31))
        return self.year, self.quarter or (day.month + 2) // 3

    @property
    def half(self) -> int:
        """The half of the year that it is for: its quarter's, or else that of the day of issue (R12)."""
        return (self.period[1] + 1) // 2


@dataclass(frozen=True, slots=True)
class Approval:
    """What an office above the county has approved for one holder, and what was issued under it so far (R14)."""

    kg: Kilograms
    issued_kg: Kilograms


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known, under the ledger's lock, when an allotment is to be issued."""

    today: date
    at: datetime
    right: Right | None = None  # of a mine
    sheets: Sheets | None = None  # of a mine
    cut_share: Fraction = Fraction(0)  # of a mine's year, for misused special quota (R25)
    successor: bool = False  # whether another mine has taken over the right
    declared_kg: Kilograms | None = None  # of a project or a declared stock
    earlier: Sequence[Allotment] = ()  # in force, of the same holder: of a mine in that year, else in all years
    needs_approval: bool = False
    approval: Approval | None = None
    pool_kg: Kilograms | None = None  # left in the pool that it comes from; None: the province's own act


class HolderNotAMine(Refusal):
    """Annual quota goes to mines only: a trader, a plant or an office cannot hold a tranche."""

    title = "年度指标只分配给矿山：商贸企业、加工企业和主管部门不能持有"
    rule = "R02"


class AllotmentSkipsALevel(Refusal):
    """An allotment goes down by one level: from the office directly above its holder, named in `expected`."""

    title = "指标须逐级下达：应由持有人的直接上级（expected）下达"
    rule = "R06"


class MineNotEligible(Refusal):
    """This mine cannot be given quota on that day: `faults` says what is not in order."""

    title = "该矿山当日不具备获得指标的条件，faults 列出了原因"
    rule = "R02"


class TranchesExceedScale(Refusal):
    """A mine's tranches of a year stay within its licensed scale: `possible_kg` is left; more needs a stated cause."""

    title = "矿山全年指标之和不得超过证载规模：还可下达 possible_kg；超出须说明调整原因"
    rule = "R13"


class ApprovedExceedsDeclared(Refusal):
    """A project or declared stock gets at most the tonnes of its own document: `possible_kg` is left."""

    title = "项目或存量的核准数量不得超过其文件所列数量：还可核准 possible_kg"
    rule = "R01"


class TrancheExceedsShare(Refusal):
    """A tranche of this kind is at most a share of the licensed scale in its period: `possible_kg` is left."""

    title = "该类指标在本期内不得超过证载规模的规定比例：还可下达 possible_kg"
    rule = "R10"


class ReasonMissing(Refusal):
    """A reward, an adjustment downwards, and a merit tranche beyond the suggested kilograms need a reason."""

    title = "奖励指标、调减指标和超出建议数量的差异化指标须说明理由"
    rule = "R12"


class ExceedsApproval(Refusal):
    """A county cites in `approved_by` what was approved above it for this holder and issues no more: `possible_kg`."""

    title = "县级下达须引用上级对该持有人的批准（approved_by），且不得超过批准数：还可下达 possible_kg"
    rule = "R14"


class AllotmentExceedsPool(Refusal):
    """The pool that this comes from has not that much left: `possible_kg` is left."""

    title = "所下达或收回的数量超出指标池余额：余额为 possible_kg"
    rule = "R06"


class MoreThanAllotted(Refusal):
    """More is to be taken back than was allotted and still stands: `possible_kg` does."""

    title = "收回的数量超过已下达且仍有效的数量：可收回 possible_kg"
    rule = "R05"


class StepOutOfOrder(Refusal):
    """An allotment is drafted, consulted, approved, issued and published in this order; it is `state` now."""

    title = "指标须依次经起草、征求意见、审议通过、下达、公示；目前状态见 state"
    rule = "R14"


class NotToBeUndone(Refusal):
    """What was taken back stays taken back: allot it again."""

    title = "已收回的指标不能撤销收回，请重新下达"
    rule = "W09"


def check_holder(kind: Kind, source: str | None, holder: Holder, right: Right | None, policies: Policies) -> None:
    """Refuse a holder that cannot have this kind of allotment from there (R02, R06)."""
    if holder.kind is HolderKind.MINE:
        assert right is not None, "a mine has a right"
        if not right.owner_is_a_mining_firm:
            raise HolderNotAMine
    elif kind in TRANCHES:
        raise HolderNotAMine
    expected = givers(holder, policies)
    if source not in expected:
        raise AllotmentSkipsALevel(expected=expected)


def givers(holder: Holder, policies: Policies) -> list[str | None]:
    """Where kilograms for a holder come from: the pool one level up; None is the province's own act.

    Projects and declared stocks draw on the pool of the level that policy `non_mine_pool` names (R03).
    """
    if holder.kind is HolderKind.MINE:
        return [holder.jurisdiction]
    if holder.kind is not HolderKind.JURISDICTION:
        city = f"{holder.jurisdiction[:4]}00"
        pools = {PoolLevel.COUNTY: holder.jurisdiction, PoolLevel.CITY: city, PoolLevel.PROVINCE: PROVINCE}
        return [pools[policies.non_mine_pool]]
    area = area_of(holder.jurisdiction)
    if len(area) == 2:
        return [None]
    # The province may issue to a city in one act or by way of its own pool.
    return [PROVINCE, None] if len(area) == 4 else [f"{area[:4]}00"]


def check_issue(allotment: Allotment, standing: Standing, policies: Policies) -> None:
    """Refuse an issue that breaks a rule; the first that it breaks, in the order in which clients are promised them.

    Kilograms that are taken back need only a reason.
    """
    check_holder(allotment.kind, allotment.source, allotment.holder, standing.right, policies)
    if allotment.kg < 0:
        if not allotment.reason:
            raise ReasonMissing(rule="R05")
        return
    if standing.right is not None:
        _check_right(standing.right, standing, allotment, policies)
        ceiling_kg = Kilograms(int(standing.right.scale_kg * (1 - standing.cut_share)))
        check_ceiling(allotment, standing.earlier, ceiling_kg, policies)
        check_share(allotment, standing.earlier, standing.right.scale_kg, policies)
        if standing.sheets is not None and allotment.kind in TRANCHES:
            _check_merit(allotment, standing, standing.sheets, standing.right, policies)
            is_merit = allotment.kind is Kind.MERIT
            check_sheet(standing.sheets, allotment.period, standing.at, policies, is_merit=is_merit)
    if standing.declared_kg is not None:
        possible_kg = standing.declared_kg - _sum(standing.earlier)
        if allotment.kg > possible_kg:
            raise ApprovedExceedsDeclared(declared_kg=standing.declared_kg, possible_kg=max(0, possible_kg))
    if standing.needs_approval:
        approved_kg, issued_kg = (standing.approval.kg, standing.approval.issued_kg) if standing.approval else (0, 0)
        if allotment.kg > approved_kg - issued_kg:
            raise ExceedsApproval(approved_kg=approved_kg, possible_kg=max(0, approved_kg - issued_kg))
    check_pool(allotment.kg, standing.pool_kg)


def _check_right(right: Right, standing: Standing, allotment: Allotment, policies: Policies) -> None:
    faults = right.faults({standing.today, allotment.issued_on})
    if standing.sheets is not None and is_vetoed(standing.sheets, standing.today, policies):
        faults.append("vetoed")
    # What a predecessor still gets is what settles its own past.
    if standing.successor and allotment.kind in TRANCHES:
        faults.append("succeeded")
    if faults:
        raise MineNotEligible(faults=faults)


def _check_merit(allotment: Allotment, standing: Standing, sheets: Sheets, right: Right, policies: Policies) -> None:
    """Refuse, without a reason, more than last quarter's score suggests, with what was given before counted (R11)."""
    suggested = suggested_kg(sheets, allotment.period, right.scale_kg, policies)
    if allotment.kind is not Kind.MERIT or suggested is None or allotment.reason:
        return
    given_kg = _sum([tranche for tranche in standing.earlier if _same_period(tranche, allotment)])
    if allotment.kg + given_kg > suggested:
        raise ReasonMissing(rule="R11", suggested_kg=suggested, possible_kg=max(0, suggested - given_kg))


def check_pool(kg: int, pool_kg: Kilograms | None) -> None:
    """Refuse to take more from a pool than it has (R06)."""
    if pool_kg is not None and kg > pool_kg:
        raise AllotmentExceedsPool(possible_kg=max(0, pool_kg))


def check_ceiling(allotment: Allotment, earlier: Sequence[Allotment], scale_kg: Kilograms, policies: Policies) -> None:
    """Refuse ordinary tranches of a mine and year that exceed its licensed scale (R13)."""
    if policies.year_ceiling is YearCeiling.NONE or not allotment.is_ordinary:
        return
    possible_kg = room_under_ceiling(earlier, scale_kg)
    if allotment.kg > possible_kg:
        raise TranchesExceedScale(scale_kg=scale_kg, possible_kg=possible_kg)


def room_under_ceiling(tranches: Sequence[Allotment], scale_kg: Kilograms) -> Kilograms:
    """What R13 leaves a mine for the rest of the year, given the tranches in force."""
    return Kilograms(max(0, scale_kg - _sum([tranche for tranche in tranches if tranche.is_ordinary])))


def check_share(allotment: Allotment, earlier: Sequence[Allotment], scale_kg: Kilograms, policies: Policies) -> None:
    """Refuse more than the share of the licensed scale that a kind of tranche may reach in its quarter or half-year.

    Floored to the kilogram; several acts of one period count together (R10, R11, R12).
    """
    shares = {
        Kind.BASE: (policies.base_share, "R10"),
        Kind.MERIT: (policies.merit_share, "R11"),
        Kind.REWARD: (policies.reward_share, "R12"),
    }
    if allotment.kind not in shares:
        return
    share, rule = shares[allotment.kind]
    most_kg = percent_of(scale_kg, share * 100)
    given_kg = _sum([tranche for tranche in earlier if _same_period(tranche, allotment)])
    if allotment.kg > most_kg - given_kg:
        raise TrancheExceedsShare(rule=rule, scale_kg=scale_kg, most_kg=most_kg, possible_kg=max(0, most_kg - given_kg))
    if allotment.kind is Kind.REWARD and not allotment.reason:
        raise ReasonMissing(rule="R12")


def _same_period(tranche: Allotment, other: Allotment) -> bool:
    if tranche.kind is not other.kind:
        return False
    return tranche.half == other.half if other.kind is Kind.REWARD else tranche.quarter == other.quarter


def _sum(allotments: Sequence[Allotment]) -> int:
    return sum(allotment.kg for allotment in allotments)


def after(step: Step, state: State) -> State:
    """The state that a step leads to; refused when it is not this step's turn (R14)."""
    turns, then = _STEPS[step]
    if state not in turns:
        raise StepOutOfOrder(state=state, step=step)
    return then


def may_issue(actor: Actor, source: str | None) -> bool:
    """Whether an office issues from a pool: the one that holds it or one above; only the province does its own act."""
    return actor.role is Role.PROVINCE or (source is not None and actor.is_office and actor.covers(source))


def may_approve(actor: Actor, source: str | None) -> bool:
    """Whether an office consults on and approves what comes from a pool: a city or the province (R14)."""
    return actor.role is not Role.COUNTY and may_issue(actor, source)


def may_draft(actor: Actor, source: str | None, holder: Holder) -> bool:
    """Whether an office proposes: from its own pool, or to what lies in its area (R08, R09)."""
    return may_issue(actor, source) or (actor.is_office and actor.covers(holder.jurisdiction))
