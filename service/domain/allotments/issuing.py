"""What stops an issue: rights, ceilings, shares, sheets, approvals and pools (R06, R07, R10–R14, R18)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from service.domain.allotments.drafts import Allotment, Draft
from service.domain.allotments.holders import TRANCHES, Kind, Right, check_holder
from service.domain.assessments import Sheets, check_sheet, is_vetoed, suggested_kg
from service.domain.policies import Policies, YearCeiling
from service.domain.refusals import Refusal
from service.domain.units import Kilograms, percent_of


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


class MineNotEligible(Refusal):
    """This mine cannot be given quota on that day. What is not in order: `faults`."""

    title = "该矿山当日不具备获得指标的条件，原因：faults"
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


class NotToBeUndone(Refusal):
    """What was taken back stays taken back: allot it again."""

    title = "已收回的指标不能撤销收回，请重新下达"
    rule = "W09"


def check_proposal(draft: Draft) -> None:
    """Refuse a county's proposal of a reward, or of an adjustment, without the reason that it is to be judged by (R09)."""
    if draft.kind in (Kind.REWARD, Kind.ADJUSTMENT) and not draft.reason:
        raise ReasonMissing(rule="R09")


def check_issue(allotment: Allotment, standing: Standing, policies: Policies) -> None:
    """Refuse an issue that breaks a rule; the first that it breaks, in the order in which clients are promised them.

    Kilograms that are taken back need only a reason, whatever has become of the holder since.
    """
    if allotment.kg < 0:
        if not allotment.reason:
            raise ReasonMissing(rule="R05")
        return
    check_holder(allotment.kind, allotment.source, allotment.holder, standing.right, policies)
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


def may_be_given_more(right: Right, sheets: Sheets, today: date, policies: Policies) -> bool:
    """Whether a mine may be given any quota today (R02, R07)."""
    return right.owner_is_a_mining_firm and not _faults(right, sheets, {today}, today, policies)


def _faults(right: Right, sheets: Sheets | None, days: Collection[date], today: date, policies: Policies) -> list[str]:
    is_stopped = sheets is not None and is_vetoed(sheets, today, policies)
    return [*right.faults(days), *["vetoed"] * is_stopped]


def _check_right(right: Right, standing: Standing, allotment: Allotment, policies: Policies) -> None:
    faults = _faults(right, standing.sheets, {standing.today, allotment.issued_on}, standing.today, policies)
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
