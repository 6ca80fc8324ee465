"""Tickets: one load, one vehicle, one journey (W01)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from service.domain.alerts import Flag
from service.domain.codes.plates import plate_as_seen
from service.domain.grades import is_same_grade
from service.domain.refusals import Refusal
from service.domain.units import Kilograms, shanghai_day, shanghai_year


class TicketState(StrEnum):
    """Where a ticket stands on its way to exactly one end."""

    ISSUED = "issued"
    OUT = "out"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    LOST = "lost"


OPEN_STATES = frozenset({TicketState.ISSUED, TicketState.OUT})


class CheckReason(StrEnum):
    """Why a ticket is not good for a journey, beside what its code alone says (CodeFault)."""

    UNKNOWN_TICKET = "unknown-ticket"
    NOT_YET_VALID = "not-yet-valid"
    TICKET_EXPIRED = "ticket-expired"
    PLATE_MISMATCH = "plate-mismatch"
    TICKET_CANCELLED = "ticket-cancelled"
    TICKET_USED = "ticket-used"


class ContractIsClosed(Refusal):
    """This contract is closed: no more tickets can be issued under it."""

    title: ClassVar[str] = "该合同已关闭，不能再开具运单"
    rule: ClassVar[str | None] = "W08"


class ContractHasEnded(Refusal):
    """This contract ended before the ticket would become valid: `valid_until` is the contract's last day."""

    title: ClassVar[str] = "运单生效时该合同已到期，valid_until 为合同的最后一日"
    rule: ClassVar[str | None] = "W08"


class ContractIsAFramework(Refusal):
    """Nothing is loaded under a framework: file the instalment as a contract under it, and issue tickets under that."""

    title: ClassVar[str] = "框架合同不能直接开具运单：请先备案分批合同，再按分批合同开具"
    rule: ClassVar[str | None] = "R22"


class NotTheProjectsExit(Refusal):
    """A project's ore leaves through the project's own exit: `exit_station_id` is its weighing station."""

    title: ClassVar[str] = "项目矿石须经项目登记的出口计量站（exit_station_id）出场"
    rule: ClassVar[str | None] = "R01"


class SlipGoesWithoutTickets(Refusal):
    """This slip was filed without tickets: its kilograms were handed over when it was filed."""

    title: ClassVar[str] = "该内部交接单按不用运单填报，填报时数量已交接完毕"
    rule: ClassVar[str | None] = "R24"


class SourceStationNotTheSellers(Refusal):
    """The source station serves neither the mine of the sale nor the seller."""

    title: ClassVar[str] = "出矿计量站既不属于合同所列矿山，也不属于卖方"
    rule: ClassVar[str | None] = "W01"


class QuotaIsUsedUp(Refusal):
    """The quota has not the planned kilograms left, and its office has decided that tickets are then refused."""

    title: ClassVar[str] = "剩余指标不足计划数量，主管部门规定此时不予开具运单"
    rule: ClassVar[str | None] = "O03"


class TicketAlreadyWeighed(Refusal):
    """This ticket's load has passed a scale: it can no longer be cancelled, only returned with a weighing of its own."""

    title: ClassVar[str] = "该运单已过磅，不能取消；如需退回，请按退货流程过磅"
    rule: ClassVar[str | None] = "W10"


class TicketHasEnded(Refusal):
    """This ticket has ended; `state` says how."""

    title: ClassVar[str] = "该运单已终结，state 为其最终状态"
    rule: ClassVar[str | None] = "W01"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says; what has become of it is its Journey."""

    id: UUID
    number: str
    code: str
    contract_id: UUID | None
    slip_id: UUID | None
    seller_id: UUID
    buyer_id: UUID
    mine_id: UUID | None
    earmark: str | None
    plate: str
    planned_kg: Kilograms
    grade: str
    source_station_id: UUID
    destination_station_id: UUID
    valid_from: datetime
    valid_until: datetime
    account: int
    source_account: int | None
    project_id: UUID | None = None
    stock_id: UUID | None = None

    @property
    def source_id(self) -> UUID | None:
        """The mine, project or declared stock whose quota the load draws on (R01); None for what the seller received before."""
        return self.mine_id or self.project_id or self.stock_id

    @property
    def document_id(self) -> UUID:
        """The contract or slip under which the load travels."""
        document_id = self.contract_id or self.slip_id
        assert document_id is not None, "a ticket has one paper"
        return document_id

    @property
    def year(self) -> int:
        """The quota year in which the ticket holds its kilograms."""
        return shanghai_year(self.valid_from)

    def is_in_time(self, at: datetime) -> bool:
        """Whether an instant lies in the ticket's validity."""
        return self.valid_from <= at <= self.valid_until


@dataclass(frozen=True, slots=True)
class Journey:
    """What the scales and the offices have said about a ticket so far."""

    state: TicketState = TicketState.ISSUED
    out_kg: Kilograms | None = None
    out_at: datetime | None = None
    in_kg: Kilograms | None = None
    in_at: datetime | None = None
    back_kg: Kilograms | None = None
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the ticket has not ended."""
        return self.state in OPEN_STATES


def reasons_against(ticket: Ticket, journey: Journey, plate: str | None, *, at: datetime) -> list[CheckReason]:
    """All that speaks against a journey with this ticket now, by what the service knows (W03, E4)."""
    reasons = []
    if journey.state is TicketState.CANCELLED:
        reasons.append(CheckReason.TICKET_CANCELLED)
    elif journey.state in (TicketState.DELIVERED, TicketState.RETURNED, TicketState.LOST):
        reasons.append(CheckReason.TICKET_USED)
    if at < ticket.valid_from:
        reasons.append(CheckReason.NOT_YET_VALID)
    if at > ticket.valid_until or journey.state is TicketState.EXPIRED:
        reasons.append(CheckReason.TICKET_EXPIRED)
    if plate is not None and plate_as_seen(plate) != ticket.plate:
        reasons.append(CheckReason.PLATE_MISMATCH)
    return reasons


def cancelled(journey: Journey, *, at: datetime) -> Journey:
    """A journey that will not be made; its hold ends with it (E4).

    Raises TicketAlreadyWeighed (E5) and TicketHasEnded; what is cancelled already stays as it is.
    """
    if journey.state is TicketState.CANCELLED:
        return journey
    if journey.out_kg is not None or journey.in_kg is not None:
        raise TicketAlreadyWeighed(state=journey.state)
    if not journey.is_open:
        raise TicketHasEnded(state=journey.state)

    return Journey(state=TicketState.CANCELLED, ended_at=at)


@dataclass(frozen=True, slots=True)
class Paper:
    """The contract or slip under which a ticket is asked for."""

    seller_id: UUID
    buyer_id: UUID
    mine_id: UUID | None
    earmark: str | None
    grade: str
    valid_until: date | None = None  # its last day
    is_closed: bool = False
    goes_by_tickets: bool = True
    project_id: UUID | None = None
    stock_id: UUID | None = None
    exit_station_id: UUID | None = None  # the only one through which a project's ore leaves
    is_framework: bool = False

    @property
    def source_id(self) -> UUID | None:
        """The mine, project or declared stock whose quota the load draws on (R01)."""
        return self.mine_id or self.project_id or self.stock_id


@dataclass(frozen=True, slots=True)
class Wish:
    """A ticket that is asked for."""

    contract_id: UUID | None
    slip_id: UUID | None
    plate: str
    planned_kg: Kilograms
    grade: str
    source_station_id: UUID
    destination_station_id: UUID
    valid_from: datetime
    valid_until: datetime


def check_wish(wish: Wish, paper: Paper, *, serves_the_seller: bool) -> None:
    """Refuse a ticket that its paper does not bear: the first broken rule is raised."""
    if not paper.goes_by_tickets:
        raise SlipGoesWithoutTickets
    if paper.is_closed:
        raise ContractIsClosed
    if paper.valid_until is not None and shanghai_day(wish.valid_from) > paper.valid_until:
        raise ContractHasEnded(valid_until=paper.valid_until)
    if paper.is_framework:
        raise ContractIsAFramework
    if paper.exit_station_id not in (None, wish.source_station_id):
        raise NotTheProjectsExit(exit_station_id=paper.exit_station_id)
    if not serves_the_seller:
        raise SourceStationNotTheSellers(source_station_id=wish.source_station_id)


def flags_of(wish: Wish, paper: Paper, *, is_frozen: bool, another_is_open: bool) -> list[Flag]:
    """What is noted with a ticket when it is issued (R07, W05, E46)."""
    flags = []
    if not is_same_grade(wish.grade, paper.grade):
        flags.append(Flag.GRADE_MISMATCH)
    if is_frozen:
        flags.append(Flag.QUOTA_FROZEN)
    if another_is_open:
        flags.append(Flag.TWO_OPEN_TICKETS)
    return flags
