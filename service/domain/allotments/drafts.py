"""An allotment as an office writes it, and as the rules see it (R05, R08–R13, R25)."""

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

import orjson

from service.domain.allotments.holders import Holder, Kind
from service.domain.units import Kilograms


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


def fact_of(allotment_id: UUID, draft: Draft) -> bytes:
    """What the ledger's leaves bind of what was issued."""
    return hashlib.sha256(b"meisu allotment 1\n" + _terms(allotment_id, draft)).digest()


def withdrawal_of(allotment_id: UUID, draft: Draft, on: date) -> bytes:
    """What the ledger's leaves bind of an allotment that is withdrawn."""
    return hashlib.sha256(b"meisu withdrawal 1\n" + _terms(allotment_id, draft) + str(on).encode()).digest()


def _terms(allotment_id: UUID, draft: Draft) -> bytes:
    # The driver's own UUIDs are not Python's: both are written as their text.
    return orjson.dumps([allotment_id, draft], default=str)
