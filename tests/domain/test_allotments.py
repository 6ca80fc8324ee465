"""What may be allotted to whom, in the order of the rules."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from service.domain import allotments
from service.domain.allotments import (
    Allotment,
    Approval,
    Holder,
    HolderKind,
    Kind,
    Right,
    Standing,
    State,
    Step,
)
from service.domain.permissions import Actor, Role
from service.domain.policies import Policies, YearCeiling
from service.domain.refusals import Refusal
from service.domain.units import Kilograms

POLICIES = Policies()
SCALE = Kilograms(2_110_000_000)
TENTH = Kilograms(211_000_000)
HAICHENG, ANSHAN, LIAONING, DASHIQIAO = "210381", "210300", "210000", "210882"
PAIZHAI = Holder(HolderKind.MINE, HAICHENG, UUID(int=1))
PROJECT = Holder(HolderKind.PROJECT, HAICHENG, UUID(int=2))
RIGHT = Right(
    scale_kg=SCALE,
    valid_from=date(2020, 1, 1),
    valid_until=date(2026, 6, 30),
    is_consolidated=True,
    environment_is_ok=True,
    safety_is_ok=True,
    operates_lawfully=True,
    owner_is_a_mining_firm=True,
)
BASE = Allotment(
    id=UUID(int=10),
    year=2026,
    quarter=1,
    kind=Kind.BASE,
    source=HAICHENG,
    holder=PAIZHAI,
    kg=TENTH,
    issued_on=date(2026, 1, 5),
)
AT = datetime(2026, 1, 5, 1, tzinfo=UTC)
STANDING = Standing(today=date(2026, 1, 5), at=AT, right=RIGHT, pool_kg=Kilograms(900_000_000))


def refused(allotment: Allotment, standing: Standing) -> Refusal:
    with pytest.raises(Refusal) as caught:
        allotments.check_issue(allotment, standing, POLICIES)
    return caught.value


def office(code: str) -> Actor:
    role = Role.PROVINCE if code == LIAONING else Role.CITY if code.endswith("00") else Role.COUNTY
    return Actor(UUID(int=99), role, jurisdiction=code)


def test_a_base_tranche_of_ten_percent_is_issued() -> None:
    allotments.check_issue(BASE, STANDING, POLICIES)


# R02


def test_a_trader_cannot_hold_a_tranche() -> None:
    trader = replace(STANDING, right=replace(RIGHT, owner_is_a_mining_firm=False))

    assert refused(BASE, trader).code == "holder-not-a-mine"


@pytest.mark.parametrize("kind", sorted(allotments.TRANCHES))
@pytest.mark.parametrize("holder", [PROJECT, Holder(HolderKind.JURISDICTION, HAICHENG)])
def test_only_mines_hold_tranches(kind: Kind, holder: Holder) -> None:
    assert refused(replace(BASE, kind=kind, holder=holder), STANDING).code == "holder-not-a-mine"


@pytest.mark.parametrize(
    ("right", "fault"),
    [
        (replace(RIGHT, valid_until=date(2026, 1, 4)), "licence-not-valid"),
        (replace(RIGHT, valid_from=date(2026, 1, 6)), "licence-not-valid"),
        (replace(RIGHT, is_consolidated=False), "not-consolidated"),
        (replace(RIGHT, environment_is_ok=False), "environment-papers-missing"),
        (replace(RIGHT, safety_is_ok=False), "safety-papers-missing"),
        (replace(RIGHT, operates_lawfully=False), "operation-suspended"),
    ],
)
def test_a_mine_needs_everything_in_order_on_the_day(right: Right, fault: str) -> None:
    refusal = refused(BASE, replace(STANDING, right=right))

    assert refusal.code == "mine-not-eligible"
    assert refusal.facts["faults"] == [fault]


def test_the_last_day_of_a_licence_is_a_day_of_it() -> None:
    last = date(2026, 6, 30)
    allotments.check_issue(replace(BASE, issued_on=last), replace(STANDING, today=last), POLICIES)


def test_an_issue_is_not_dated_back_into_a_licence_that_has_expired() -> None:
    assert refused(BASE, replace(STANDING, today=date(2026, 7, 1))).code == "mine-not-eligible"


def test_e26_a_predecessor_gets_no_tranche_but_what_settles_its_past() -> None:
    passed_on = replace(STANDING, successor=True)
    assert refused(BASE, passed_on).facts["faults"] == ["succeeded"]
    allotments.check_issue(replace(BASE, kind=Kind.ADJUSTMENT, quarter=None, reason="补足"), passed_on, POLICIES)


# R01, R03


def test_a_project_gets_its_documents_tonnes_and_no_more() -> None:
    approved = replace(BASE, kind=Kind.APPROVED, holder=PROJECT, quarter=None, kg=Kilograms(60))
    standing = replace(STANDING, right=None, declared_kg=Kilograms(100), earlier=[replace(approved, kg=Kilograms(40))])

    allotments.check_issue(approved, standing, POLICIES)
    assert refused(replace(approved, kg=Kilograms(61)), standing).code == "approved-exceeds-declared"


# R05, R25


def test_kilograms_are_taken_back_only_for_a_reason() -> None:
    back = replace(BASE, kind=Kind.ADJUSTMENT, quarter=None, kg=Kilograms(-1))

    assert refused(back, STANDING).facts["rule"] == "R05"
    allotments.check_issue(replace(back, reason="资源开发整合"), replace(STANDING, pool_kg=Kilograms(0)), POLICIES)


# R06


@pytest.mark.parametrize(
    ("holder", "source", "is_next"),
    [
        (Holder(HolderKind.JURISDICTION, LIAONING), None, True),
        (Holder(HolderKind.JURISDICTION, ANSHAN), None, True),
        (Holder(HolderKind.JURISDICTION, ANSHAN), LIAONING, True),
        (Holder(HolderKind.JURISDICTION, HAICHENG), ANSHAN, True),
        (PAIZHAI, HAICHENG, True),
        (PROJECT, HAICHENG, True),
        (Holder(HolderKind.JURISDICTION, HAICHENG), None, False),
        (Holder(HolderKind.JURISDICTION, HAICHENG), LIAONING, False),
        (Holder(HolderKind.JURISDICTION, DASHIQIAO), ANSHAN, False),
        (Holder(HolderKind.JURISDICTION, HAICHENG), HAICHENG, False),
        (Holder(HolderKind.JURISDICTION, LIAONING), ANSHAN, False),
        (PROJECT, ANSHAN, False),
        (PROJECT, DASHIQIAO, False),
        (PROJECT, None, False),
    ],
)
def test_quota_goes_down_level_by_level(holder: Holder, source: str | None, is_next: bool) -> None:
    kind = Kind.BASE if holder is PAIZHAI else Kind.TOTAL
    right = RIGHT if holder is PAIZHAI else None
    if is_next:
        allotments.check_holder(kind, source, holder, right, POLICIES)
    else:
        with pytest.raises(allotments.AllotmentSkipsALevel):
            allotments.check_holder(kind, source, holder, right, POLICIES)


def test_a_pool_gives_what_it_has_and_no_kilogram_more() -> None:
    allotments.check_issue(BASE, replace(STANDING, pool_kg=TENTH), POLICIES)
    refusal = refused(BASE, replace(STANDING, pool_kg=Kilograms(TENTH - 1)))

    assert refusal.code == "allotment-exceeds-pool"
    assert refusal.facts["possible_kg"] == TENTH - 1


def test_the_provinces_own_act_has_no_pool_behind_it() -> None:
    act = replace(BASE, kind=Kind.TOTAL, quarter=None, source=None, holder=Holder(HolderKind.JURISDICTION, LIAONING))

    allotments.check_issue(act, replace(STANDING, right=None, pool_kg=None), POLICIES)


# R10, R11, R12


@pytest.mark.parametrize(
    ("kind", "rule", "same_period", "other_period"),
    [(Kind.BASE, "R10", 1, 2), (Kind.MERIT, "R11", 1, 2), (Kind.REWARD, "R12", 2, 3)],
)
def test_a_kind_of_tranche_has_its_share_of_each_period(
    kind: Kind, rule: str, same_period: int, other_period: int
) -> None:
    tranche = replace(BASE, kind=kind, kg=Kilograms(TENTH - 1), reason="产业链贡献度")
    same = replace(tranche, quarter=same_period)

    allotments.check_issue(replace(tranche, kg=Kilograms(1)), replace(STANDING, earlier=[same]), POLICIES)
    refusal = refused(replace(tranche, kg=Kilograms(2)), replace(STANDING, earlier=[same]))
    assert (refusal.code, refusal.facts["rule"], refusal.facts["possible_kg"]) == ("tranche-exceeds-share", rule, 1)
    other = replace(tranche, quarter=other_period)
    allotments.check_issue(replace(tranche, kg=TENTH), replace(STANDING, earlier=[other]), POLICIES)


def test_a_share_is_floored_to_the_kilogram() -> None:
    odd = replace(STANDING, right=replace(RIGHT, scale_kg=Kilograms(109)))

    allotments.check_issue(replace(BASE, kg=Kilograms(10)), odd, POLICIES)
    assert refused(replace(BASE, kg=Kilograms(11)), odd).code == "tranche-exceeds-share"


def test_a_reward_needs_a_reason() -> None:
    assert refused(replace(BASE, kind=Kind.REWARD), STANDING).code == "reason-missing"


@pytest.mark.parametrize(
    ("issued_on", "half"),
    [(date(2025, 12, 20), 1), (date(2026, 6, 30), 1), (date(2026, 7, 1), 2), (date(2027, 1, 2), 2)],
)
def test_a_reward_without_a_quarter_belongs_to_the_half_of_its_issue(issued_on: date, half: int) -> None:
    assert replace(BASE, kind=Kind.REWARD, quarter=None, issued_on=issued_on).half == half


# R13


def full_year() -> list[Allotment]:
    """All that a year can bring: 4 × 10 + 4 × 10 + 2 × 10 = 100 %."""
    quarters = [
        replace(BASE, kind=kind, quarter=quarter) for kind in (Kind.BASE, Kind.MERIT) for quarter in range(1, 5)
    ]
    return [*quarters, *(replace(BASE, kind=Kind.REWARD, quarter=quarter, reason="市场需求") for quarter in (2, 4))]


def test_a_years_tranches_reach_the_scale() -> None:
    given: list[Allotment] = []
    for tranche in full_year():
        allotments.check_issue(tranche, replace(STANDING, earlier=given), POLICIES)
        given.append(tranche)

    assert sum(tranche.kg for tranche in given) == SCALE


@pytest.mark.parametrize("kind", [Kind.SPECIAL, Kind.ADJUSTMENT])
def test_a_kilogram_more_than_the_scale_needs_a_stated_cause(kind: Kind) -> None:
    standing = replace(STANDING, earlier=full_year())
    more = replace(BASE, kind=kind, quarter=None, kg=Kilograms(1))

    assert refused(more, standing).code == "tranches-exceed-scale"
    allotments.check_issue(replace(more, reason="企业重组"), standing, POLICIES)


def test_a_ceiling_can_be_lifted_by_policy() -> None:
    more = replace(BASE, kind=Kind.SPECIAL, quarter=None, kg=Kilograms(1))
    policies = replace(POLICIES, year_ceiling=YearCeiling.NONE)

    allotments.check_issue(more, replace(STANDING, earlier=full_year()), policies)


# R14


def test_a_county_issues_what_was_approved_or_less() -> None:
    standing = replace(STANDING, needs_approval=True, approval=Approval(TENTH, Kilograms(11_000_000)))

    allotments.check_issue(replace(BASE, kg=Kilograms(200_000_000)), standing, POLICIES)
    refusal = refused(replace(BASE, kg=Kilograms(200_000_001)), standing)
    assert (refusal.code, refusal.facts["possible_kg"]) == ("exceeds-approval", 200_000_000)


def test_a_county_issues_nothing_without_an_approval() -> None:
    assert refused(BASE, replace(STANDING, needs_approval=True)).code == "exceeds-approval"


@pytest.mark.parametrize(
    ("step", "state", "then"),
    [
        (Step.CONSULT, State.DRAFT, State.CONSULTED),
        (Step.APPROVE, State.CONSULTED, State.APPROVED),
        (Step.APPROVE, State.DRAFT, None),
        (Step.ISSUE, State.APPROVED, State.ISSUED),
        (Step.ISSUE, State.DRAFT, State.ISSUED),
        (Step.ISSUE, State.ISSUED, None),
        (Step.PUBLISH, State.ISSUED, State.PUBLISHED),
        (Step.PUBLISH, State.APPROVED, None),
        (Step.WITHDRAW, State.DRAFT, State.WITHDRAWN),
        (Step.WITHDRAW, State.PUBLISHED, State.WITHDRAWN),
        (Step.WITHDRAW, State.WITHDRAWN, None),
        (Step.CONSULT, State.WITHDRAWN, None),
    ],
)
def test_steps_are_taken_in_order(step: Step, state: State, then: State | None) -> None:
    if then:
        assert allotments.after(step, state) is then
    else:
        with pytest.raises(allotments.StepOutOfOrder):
            allotments.after(step, state)


@pytest.mark.parametrize(
    ("code", "source", "issues", "approves"),
    [
        (LIAONING, None, True, True),
        (ANSHAN, None, False, False),
        (LIAONING, HAICHENG, True, True),
        (ANSHAN, HAICHENG, True, True),
        (HAICHENG, HAICHENG, True, False),
        (HAICHENG, ANSHAN, False, False),
        (DASHIQIAO, HAICHENG, False, False),
        (ANSHAN, LIAONING, False, False),
    ],
)
def test_an_office_issues_from_its_own_pool_and_those_below(
    code: str, source: str | None, issues: bool, approves: bool
) -> None:
    assert allotments.may_issue(office(code), source) is issues
    assert allotments.may_approve(office(code), source) is approves


def test_a_county_proposes_what_it_cannot_issue() -> None:
    proposal = Holder(HolderKind.JURISDICTION, HAICHENG)

    assert allotments.may_draft(office(HAICHENG), ANSHAN, proposal)
    assert not allotments.may_draft(office(DASHIQIAO), ANSHAN, proposal)


# The order in which clients hear of it


def test_the_first_broken_rule_is_named() -> None:
    everything_wrong = Standing(
        at=AT,
        today=date(2026, 7, 1),
        right=replace(RIGHT, owner_is_a_mining_firm=False),
        needs_approval=True,
        pool_kg=Kilograms(0),
    )
    too_much = replace(BASE, kg=Kilograms(SCALE + 1))
    codes = [refused(too_much, everything_wrong).code]
    for better, kg in [
        (replace(everything_wrong, right=RIGHT), SCALE + 1),
        (replace(everything_wrong, right=RIGHT, today=date(2026, 1, 5)), SCALE + 1),
        (replace(everything_wrong, right=RIGHT, today=date(2026, 1, 5)), SCALE),
        (replace(everything_wrong, right=RIGHT, today=date(2026, 1, 5)), TENTH),
        (replace(everything_wrong, right=RIGHT, today=date(2026, 1, 5), approval=Approval(TENTH, Kilograms(0))), TENTH),
    ]:
        codes.append(refused(replace(BASE, kg=Kilograms(kg)), better).code)

    assert codes == [
        "holder-not-a-mine",
        "mine-not-eligible",
        "tranches-exceed-scale",
        "tranche-exceeds-share",
        "exceeds-approval",
        "allotment-exceeds-pool",
    ]
