"""Stocktakes (E31): what was counted of a lot beside what the book says, and how much of the difference may be posted."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

import orjson

from service.domain.refusals import NotFound, Refusal
from service.domain.units import Kilograms


class StocktakeState(StrEnum):
    """How far a stocktake has come."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Stocktake:
    """What a holder counted of a lot, with its reason and the number of the document that shows it."""

    lot_id: UUID
    counted_kg: Kilograms
    counted_on: date
    reason: str
    document_no: str


class UnknownCounted(NotFound):
    """The lot that was counted is not held by this firm; name one of GET /v1/lots."""

    title = "盘点批次并非本企业持有；请填写 GET /v1/lots 中的批次"
    rule = "P02"


class CountInFuture(Refusal):
    """The count lies in the future; file it when it has been made."""

    title = "盘点日期在将来；请在盘点完成后申报"
    rule = "P02"


class CountWaits(Refusal):
    """Another count of this lot waits for the office's decision."""

    title = "该批次已有一项盘点等待主管部门审批"
    rule = "P02"


class CountDecided(Refusal):
    """The office has decided on this stocktake before."""

    title = "该盘点已经审批"
    rule = "P02"


class CountBeyondCap(Refusal):
    """The differences posted for this lot would exceed the cap; settle the cause by corrections of weighings or runs instead."""

    title = "该批次累计盘点差异将超过上限；请通过更正过磅或加工记录查明原因"
    rule = "P02"


def check_cap(adjusted_kg: Kilograms, difference_kg: int, in_kg: Kilograms, cap: Fraction) -> None:
    """Refuse a difference that with those before it is more than a share of what the lot received: CountBeyondCap (E31)."""
    most_kg = int(in_kg * cap)
    if adjusted_kg + abs(difference_kg) > most_kg:
        raise CountBeyondCap(adjusted_kg=adjusted_kg, difference_kg=difference_kg, most_kg=most_kg)


def fact_of_stocktake(stocktake: Stocktake, filed_at: datetime) -> bytes:
    """The hash that stands for a stocktake; the movement that it posts is bound to it."""
    text = orjson.dumps([stocktake, filed_at.astimezone(UTC)], default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"meisu stocktake 1\n" + text).digest()
