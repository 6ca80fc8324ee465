"""Reports: the snapshot that each stands on, a mine's ledgers and production form, reserves, and samples (R15, R17, R19, R20)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from service.domain.refusals import MalformedBody, Refusal
from service.domain.units import Kilograms

_SNAPSHOT = re.compile(r"(\d{1,18})-(\d{1,18})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class SnapshotUnknown(MalformedBody):
    """There is no such snapshot; leave `as_of` out, and the answer names the present one."""

    title = "没有该快照；不填 as_of 即取当前快照，其标识见答复"
    rule = "R20"


class FormIsSigned(Refusal):
    """This production form was signed and stays as it is; say what has changed in the next one."""

    title = "该生产情况登记表已签报，不得更改；变化请填入下一季度"
    rule = "R19"


class FormIncomplete(Refusal):
    """A production form is signed once this is filled in: `missing`."""

    title = "生产情况登记表须填齐以下各项后签报：missing"
    rule = "R19"


class SampleIsClosed(Refusal):
    """The finding of this sample was recorded and stays; draw another one."""

    title = "该抽检结果已登记，不得更改；请另行抽检"
    rule = "R17"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a report was made of: the ledger up to a seq, papers up to a time. The same one gives the same figures (E53)."""

    size: int
    at: datetime

    def __str__(self) -> str:
        return f"{self.size}-{(self.at - _EPOCH) // _MICROSECOND}"

    @classmethod
    def read(cls, text: str) -> "Snapshot":
        """A snapshot from its id; raises SnapshotUnknown."""
        found = _SNAPSHOT.fullmatch(text)
        if found is None:
            raise SnapshotUnknown(as_of=text)
        try:
            return cls(int(found[1]), _EPOCH + int(found[2]) * _MICROSECOND)
        except OverflowError as error:
            raise SnapshotUnknown(as_of=text) from error


class Use(StrEnum):
    """What ore left a mine for."""

    SALE = "sale"
    OWN_USE = "own-use"
    UNPAPERED = "without-paper"


@dataclass(frozen=True, slots=True)
class Outflow:
    """Ore that left a mine under one paper: what went, and what of it was taken back."""

    occurred_at: datetime
    use: Use
    document: str | None
    contract: str | None
    buyer: str | None
    grade: str | None
    went_kg: int
    back_kg: int
    contract_id: UUID | None = None

    @property
    def kg(self) -> int:
        """What stands of it."""
        return self.went_kg - self.back_kg


def by_use(outflows: Iterable[Outflow]) -> dict[str, int]:
    """Kilograms that stand, by what they left for."""
    found = {f"{use.name.lower()}_kg": 0 for use in Use}
    for one in outflows:
        found[f"{one.use.name.lower()}_kg"] += one.kg
    return found


class ReserveKind(StrEnum):
    """What is said of a mine's reserve."""

    SURVEYED = "surveyed"  # it is so much, from the day of the survey
    ADDED = "added"
    WRITTEN_OFF = "written-off"


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a mine says of its reserve, by which document."""

    kind: ReserveKind
    kg: Kilograms
    counted_on: date
    document_no: str


@dataclass(frozen=True, slots=True)
class ReserveLine:
    """A line of the ledger of reserves: what changed it, and what is left; None until it was first surveyed."""

    on: date
    kind: str
    change_kg: int
    left_kg: int | None
    document: str | None


def reserve_lines(said: Sequence[Reserve], mined: Sequence[tuple[date, int]]) -> list[ReserveLine]:
    """The ledger of a mine's reserve by day: surveys set it, supplies of ore take from it."""
    lines: list[ReserveLine] = []
    left: int | None = None
    events = [(one.counted_on, 0, one) for one in said] + [(day, 1, kg) for day, kg in mined]
    for day, _, event in sorted(events, key=lambda one: one[:2]):
        if isinstance(event, Reserve):
            before = left
            if event.kind is ReserveKind.SURVEYED:
                left = int(event.kg)
                change = left - (before or 0)
            else:
                change = int(event.kg) if event.kind is ReserveKind.ADDED else -int(event.kg)
                left = None if left is None else left + change
            lines.append(ReserveLine(day, event.kind, change, left, event.document_no))
        else:
            left = None if left is None else left - event
            lines.append(ReserveLine(day, "supplied", -event, left, None))
    return lines


SAID: Final = ("mined_kg", "opening_stock_kg", "closing_stock_kg")
"""What a mine must say itself: the service sees only what leaves."""


def check_form(said: dict[str, object]) -> None:
    """Refuse to sign a production form with gaps (R19)."""
    if missing := [name for name in SAID if said.get(name) is None]:
        raise FormIncomplete(missing=missing)
