"""Handover slips: own ore in the firm's own plant (R24, P01)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from service.domain.alerts import Flag
from service.domain.deadlines import slip_deadline
from service.domain.filings.checking import DayInFuture, SeveralSources
from service.domain.filings.receipts import hash_of
from service.domain.grades import check_grade
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound, Refusal
from service.domain.registry import RUNNING
from service.domain.units import Kilograms, shanghai_day


class SourceNotNamed(Refusal):
    """A slip names where its ore comes from: a mine, a project or a declared stock of the firm's own."""

    title = "交接单须注明矿石来源：本企业的矿山、项目或申报存量"
    rule = "R24"


class UnknownLine(NotFound):
    """This line is not one of the firm's plants."""

    title = "该生产线不属于本企业"
    rule = "R24"


class SlipAlreadyFiled(Refusal):
    """A slip of this number was filed with other contents; a number is used once for ever."""

    title = "该编号的交接单已填报且内容不同；编号不能重复使用"
    rule = "R24"


@dataclass(frozen=True, slots=True)
class Slip:
    """What a firm says that it handed over from its mine to its own plant."""

    enterprise_id: UUID
    number: str
    mine_id: UUID | None
    handed_on: date
    kg: Kilograms
    grade: str
    line_id: UUID | None = None
    earmark: str | None = None
    by_tickets: bool = False
    project_id: UUID | None = None
    stock_id: UUID | None = None

    @property
    def source_id(self) -> UUID:
        """The mine, project or declared stock whose quota it draws on (R01)."""
        source_id = self.mine_id or self.project_id or self.stock_id
        assert source_id is not None, "check_slip refuses a slip without a source"
        return source_id


def slip_due(handed_on: date, policies: Policies = DEFAULTS) -> date:
    """The last day on which a slip is filed in time (R24)."""
    return slip_deadline(handed_on, policies).due_on


def check_slip(slip: Slip, at: datetime, policies: Policies = DEFAULTS) -> None:
    """Refuse what no slip can say: DayInFuture, SourceNotNamed, SeveralSources."""
    if slip.handed_on > shanghai_day(at):
        raise DayInFuture(handed_on=slip.handed_on)
    sources = sum(source is not None for source in (slip.mine_id, slip.project_id, slip.stock_id))
    if sources != 1:
        raise SeveralSources if sources else SourceNotNamed
    check_grade(slip.grade, listed_only=policies.listed_grades)


@dataclass(frozen=True, slots=True)
class SlipFiling:
    """A slip as it is recorded: until when it was to be filed, what was found wrong, and the movement that it makes."""

    id: UUID
    slip: Slip
    due_on: date
    days_late: int
    flags: Sequence[Flag]
    movement_id: UUID | None
    fact: bytes


def goes_to_a_stopped_plant(slip: Slip, lines: Mapping[UUID, str]) -> bool:
    """Whether the slip's line does not run, or, where it names none, not one of the firm's lines does (P01)."""
    if slip.line_id:
        return lines[slip.line_id] != RUNNING
    return bool(lines) and RUNNING not in lines.values()


def fact_of_slip(slip: Slip, filed_at: datetime) -> bytes:
    """The hash that stands for a slip; the movement that it posts is bound to it."""
    return hash_of("slip", [slip, filed_at.astimezone(UTC)])
