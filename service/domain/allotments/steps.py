"""The steps of an allotment from draft to publication, and who takes them (R14)."""

from collections.abc import Iterable
from enum import StrEnum
from functools import reduce
from types import MappingProxyType

from service.domain.allotments.holders import Holder
from service.domain.permissions import Actor, Role
from service.domain.refusals import Refusal


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


class StepOutOfOrder(Refusal):
    """An allotment is drafted, consulted, approved, issued and published in this order; it stands at: `state`."""

    title = "指标须依次经起草、征求意见、审议通过、下达、公示；目前状态：state"
    rule = "R14"


def after(step: Step, state: State) -> State:
    """The state that a step leads to; refused when it is not this step's turn (R14)."""
    turns, then = _STEPS[step]
    if state not in turns:
        raise StepOutOfOrder(state=state, step=step)
    return then


def state_by(steps: Iterable[Step]) -> State:
    """Where these steps, in their order, have brought an allotment."""
    return reduce(lambda state, step: after(step, state), steps, State.DRAFT)


def may_issue(actor: Actor, source: str | None) -> bool:
    """Whether an office issues from a pool: the one that holds it or one above; only the province does its own act."""
    return actor.role is Role.PROVINCE or (source is not None and actor.is_office and actor.covers(source))


def may_approve(actor: Actor, source: str | None) -> bool:
    """Whether an office consults on and approves what comes from a pool: a city or the province (R14)."""
    return actor.role is not Role.COUNTY and may_issue(actor, source)


def may_draft(actor: Actor, source: str | None, holder: Holder) -> bool:
    """Whether an office proposes: from its own pool, or to what lies in its area (R08, R09)."""
    return may_issue(actor, source) or (actor.is_office and actor.covers(holder.jurisdiction))
