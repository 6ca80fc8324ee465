"""Amendments: what the two sides of a filed contract change together, and when each has said so (W08, E20)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from service.domain.filings import Contract, ContractClosed, ContractState, DayInFuture, EndsBeforeSigning, Terms
from service.domain.filings.receipts import hash_of
from service.domain.refusals import NotFound, Refusal
from service.domain.units import shanghai_day


class NothingAmended(Refusal):
    """This amendment changes nothing; name the terms that are to be different."""

    title = "变更内容与现行条款相同；请填写要变更的条款"
    rule = "R22c"


class NotYetFiled(Refusal):
    """A contract is amended once both sides have filed it alike; until then each files its own side anew."""

    title = "双方一致备案后方可变更；在此之前请各自重新备案（POST /v1/contracts）"
    rule = "R22c"


class AmendmentOpen(Refusal):
    """Another amendment of this contract waits for an answer; have it confirmed, declined or withdrawn first."""

    title = "该合同另有变更待对方确认；请先确认、拒绝或撤回"
    rule = "R22c"


class AmendmentAnswered(Refusal):
    """This amendment has been answered: `state`."""

    title = "该变更已有答复：state"
    rule = "R22c"


class OwnAmendment(Refusal):
    """An amendment is confirmed or declined by the other side; whoever proposed it may withdraw it."""

    title = "变更须由对方确认或拒绝；提出方只能撤回"
    rule = "R22c"


class LessThanShipped(Refusal):
    """More was shipped than the contract would then have; end it with what was shipped instead (close it)."""

    title = "变更后的数量少于已发运数量；如不再履行，请终止合同（按已发运数量结束）"
    rule = "W08"


class AgreedBeforeSigning(Refusal):
    """An amendment is signed on or after the day on which its contract was signed; check `agreed_on`."""

    title = "变更签订日期早于合同签订日期；请核对 agreed_on"
    rule = "R22"


class UnknownAmendment(NotFound):
    """This contract has no such amendment."""

    title = "该合同没有此项变更"


class AmendmentState(StrEnum):
    """What became of an amendment."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


MAY_CHANGE = (
    "kg",
    "grade",
    "valid_until",
    "mine_id",
    "project_id",
    "stock_id",
    "proof",
    "earmark",
    "price_fen_per_t",
    "framework_id",
)
"""What an amendment may change; another seller, buyer or day of signing is another contract."""

SOURCES = ("mine_id", "project_id", "stock_id", "earmark")
"""Which account the loads draw on: tickets that are out say so already."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """What one side wants to change, and what the other says; each side has its own clock from the day of signing."""

    id: UUID
    contract_id: UUID
    number: int
    enterprise_id: UUID
    terms: Terms
    changes: tuple[str, ...]
    reason: str
    agreed_on: date
    due_on: date
    proposed_at: datetime
    days_late: int
    state: AmendmentState
    answered_at: datetime | None = None
    answer_days_late: int | None = None
    answer: str | None = None

    def is_overdue(self, at: datetime) -> bool:
        """Whether the window closed before the other side has answered (R22)."""
        return self.state is AmendmentState.PROPOSED and shanghai_day(at) > self.due_on


def amended(terms: Terms, changes: Mapping[str, Any]) -> Terms:
    """Terms with what is to be different; a source that is named takes the place of the one before."""
    assert changes.keys() <= set(MAY_CHANGE), "the rest is another contract"
    new_source = {name for name in ("mine_id", "project_id", "stock_id", "proof") if changes.get(name) is not None}
    cleared = dict.fromkeys(("mine_id", "project_id", "stock_id", "proof")) if new_source else {}
    return replace(terms, **{**cleared, **changes})


def changes_of(before: Terms, after: Terms) -> tuple[str, ...]:
    """The names of the terms that differ."""
    return tuple(name for name in MAY_CHANGE if getattr(before, name) != getattr(after, name))


def check_amendment(contract: Contract, before: Terms, after: Terms, agreed_on: date, at: datetime) -> None:
    """Refuse an amendment that its contract cannot bear."""
    if contract.state is ContractState.CLOSED:
        raise ContractClosed
    if contract.state is not ContractState.FILED:
        raise NotYetFiled(state=contract.state)
    if agreed_on > shanghai_day(at):
        raise DayInFuture(agreed_on=agreed_on)
    if agreed_on < contract.signed_on:
        raise AgreedBeforeSigning(agreed_on=agreed_on, signed_on=contract.signed_on)
    if not changes_of(before, after):
        raise NothingAmended
    if after.kg < contract.shipped_kg:
        raise LessThanShipped(kg=after.kg, shipped_kg=contract.shipped_kg)
    if after.valid_until < contract.signed_on:
        raise EndsBeforeSigning(signed_on=contract.signed_on, valid_until=after.valid_until)


def fact_of(amendment: Amendment) -> bytes:
    """The hash that stands for what was proposed."""
    named = [amendment.contract_id, amendment.number, amendment.enterprise_id]
    return hash_of("amendment", [*named, amendment.terms, amendment.agreed_on, amendment.reason])


def check_answer(amendment: Amendment, enterprise_id: UUID | None, *, is_withdrawal: bool) -> None:
    """Refuse an answer that is not this firm's to give, or that comes after another."""
    if is_withdrawal != (enterprise_id == amendment.enterprise_id):
        raise OwnAmendment
    if amendment.state is not AmendmentState.PROPOSED:
        raise AmendmentAnswered(state=amendment.state)
