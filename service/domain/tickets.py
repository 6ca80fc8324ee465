"""Tickets: one load, one vehicle, one journey (W01)."""

from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from service.domain.alerts import Flag
from service.domain.codes.plates import plate_as_seen
from service.domain.codes.tickets import MOST_REISSUES
from service.domain.grades import is_same_grade
from service.domain.refusals import Refusal
from service.domain.units import Kilograms, shanghai_day, shanghai_year
from service.domain.values import dataclass


class TicketState(StrEnum):
    """Where a ticket stands on its way to exactly one end."""

    HELD = "held"  # it waits for an officer, and has no code yet (O03)
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
    TICKET_HELD = "ticket-held"
    TICKET_CANCELLED = "ticket-cancelled"
    TICKET_LOST = "ticket-lost"
    TICKET_USED = "ticket-used"
    PRINT_REPLACED = "print-replaced"
    KEY_RETIRED = "key-retired"


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


class OnwardContractDoesNotFollow(Refusal):
    """The buyer passes a load on under a contract of its own sale from stock, to a third firm."""

    title: ClassVar[str] = "转售合同的卖方须为本合同的买方，且须为其库存销售合同，买方为第三方"
    rule: ClassVar[str | None] = "W12"


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


class TicketIsHeld(Refusal):
    """This ticket waits for an officer; it has no code until it is released."""

    title: ClassVar[str] = "该运单正等待主管部门审核，放行前没有二维码"
    rule: ClassVar[str | None] = "O03"


class TicketIsNotHeld(Refusal):
    """Only a ticket that waits for an officer can be released or refused; `state` says how this one stands."""

    title: ClassVar[str] = "只有等待审核的运单可以放行或不予放行，state 为该运单目前的状态"
    rule: ClassVar[str | None] = "O03"


class ExtensionTooShort(Refusal):
    """The new `valid_until` must lie after the present one and after now."""

    title: ClassVar[str] = "新的 valid_until 须晚于原有效期，也须晚于当前时间"
    rule: ClassVar[str | None] = "W01"


class NoMoreReissues(Refusal):
    """This ticket was printed anew as often as its code can count; cancel it and issue another."""

    title: ClassVar[str] = "该运单补打次数已达上限；请取消后另行开具"
    rule: ClassVar[str | None] = "W03"


class WriteOffNeedsAnOffice(Refusal):
    """A load that a scale has weighed out is written off by an office: ask the county, with what shows the loss."""

    title: ClassVar[str] = "已出矿过磅的货物只能由主管部门核销；请携损失证明向县级主管部门申请"
    rule: ClassVar[str | None] = "W07"


class ReplacedBecause(StrEnum):
    """Why a print of a ticket was followed by another; all but an extension and a redirection revoke it (E37)."""

    LOST = "lost"
    DAMAGED = "damaged"
    EXTENDED = "extended"
    REDIRECTED = "redirected"
    KEY_RETIRED = "key-retired"  # somebody else may have the key that signed it; the paper itself is genuine


REVOKING = frozenset({ReplacedBecause.LOST, ReplacedBecause.DAMAGED, ReplacedBecause.KEY_RETIRED})


@dataclass(frozen=True, slots=True)
class Print:
    """A code of a ticket that another has replaced."""

    code: str
    because: ReplacedBecause
    replaced_at: datetime
    revoked_at: datetime | None  # None: this paper is still good; only what it says is older


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says; what has become of it is its Journey."""

    id: UUID
    number: str
    code: str | None
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
    reissue: int = 0  # which print the code is of
    earlier_prints: tuple[Print, ...] = ()
    parent_id: UUID | None = None  # whose load was transferred to this truck (W11)
    onward_contract_id: UUID | None = None  # under which the buyer passes the load on (W12)
    onward_buyer_id: UUID | None = None
    project_id: UUID | None = None
    stock_id: UUID | None = None
    acted_at: datetime | None = None  # when somebody last did what changes its story (W10, W11)

    def find_print(self, digits: str) -> Print | None:
        """The earlier print that bears a code."""
        return next((one for one in self.earlier_prints if one.code == digits), None)

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
    def contract_ids(self) -> tuple[UUID, ...]:
        """The contracts that count the load: its own, and the one under which it is passed on (W12)."""
        return tuple(filter(None, (self.contract_id, self.onward_contract_id)))

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
    split_kg: Kilograms = Kilograms(0)  # went on by child tickets (W11)
    closed_kg: Kilograms = Kilograms(0)  # was left when the rest was closed
    refused_kg: Kilograms = Kilograms(0)  # the buyer did not take, of what its scale had weighed (E33)
    back_at: datetime | None = None  # on the source's scale, as in_at on the destination's

    @property
    def is_open(self) -> bool:
        """Whether the ticket can still bear a journey, or bears one."""
        return self.state in OPEN_STATES

    @property
    def on_board_kg(self) -> Kilograms:
        """What this truck still carries: of what the source's scale saw, or of what its buyer refused (W11, E33)."""
        if self.in_kg is not None:
            return self.refused_kg
        return Kilograms((self.out_kg or 0) - self.split_kg - self.closed_kg)

    @property
    def counted_kg(self) -> Kilograms:
        """What its contract counts as shipped with this ticket: what went on under another counts there."""
        return Kilograms((self.out_kg or 0) - self.split_kg)

    @property
    def shipped_kg(self) -> Kilograms:
        """What its contract has shipped with it as it stands: not what has come back (W10)."""
        if self.state is TicketState.RETURNED or self.out_kg is None:
            return Kilograms(0)
        back_kg = 0 if self.back_kg is None else min(self.refused_kg, self.counted_kg)
        return Kilograms(self.counted_kg - back_kg)

    @property
    def received_kg(self) -> Kilograms:
        """What its contract has received with it as it stands: not what was refused, or sent back (E33)."""
        if self.in_kg is None:
            return Kilograms(0)
        return Kilograms(self.in_kg - (self.refused_kg or self.back_kg or 0))


_USED = frozenset({TicketState.DELIVERED, TicketState.RETURNED})


def reasons_against(
    ticket: Ticket, journey: Journey, plate: str | None, *, digits: str | None = None, at: datetime
) -> list[CheckReason]:
    """All that speaks against a journey with this ticket now, by what the service knows (W03, E4).

    `digits` is the code that was scanned: a print that was replaced because it was lost stays revoked (E37, U20).
    """
    reasons = []
    if journey.state is TicketState.HELD:
        reasons.append(CheckReason.TICKET_HELD)
    elif journey.state is TicketState.CANCELLED:
        reasons.append(CheckReason.TICKET_CANCELLED)
    elif journey.state is TicketState.LOST:
        reasons.append(CheckReason.TICKET_LOST)
    elif journey.state in _USED:
        reasons.append(CheckReason.TICKET_USED)
    scanned = None if digits is None else ticket.find_print(digits)
    if scanned is not None and scanned.revoked_at is not None:
        by_key = scanned.because is ReplacedBecause.KEY_RETIRED
        reasons.append(CheckReason.KEY_RETIRED if by_key else CheckReason.PRINT_REPLACED)
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
    if not journey.is_open and journey.state is not TicketState.HELD:
        raise TicketHasEnded(state=journey.state)

    return Journey(state=TicketState.CANCELLED, ended_at=at)


def lost(journey: Journey, *, by_an_office: bool, at: datetime) -> Journey:
    """A ticket that was lost before its journey, or a load that was lost on it (W01); what is lost already stays so.

    A load in transit is written off by an office only (W07, E39): WriteOffNeedsAnOffice. Raises TicketHasEnded too.
    """
    if journey.state is TicketState.LOST:
        return journey
    check_open(journey)
    if journey.state is TicketState.OUT and not by_an_office:
        raise WriteOffNeedsAnOffice(out_kg=journey.out_kg)

    return replace(journey, state=TicketState.LOST, ended_at=at)


def check_open(journey: Journey) -> None:
    """Refuse what only a ticket on its way can bear: TicketIsHeld, TicketHasEnded."""
    if journey.state is TicketState.HELD:
        raise TicketIsHeld
    if not journey.is_open:
        raise TicketHasEnded(state=journey.state)


def check_decision(ticket: Ticket, journey: Journey, *, at: datetime) -> None:
    """Refuse to decide about a ticket that does not wait, or whose time has run out meanwhile (O03)."""
    if journey.state is not TicketState.HELD:
        raise TicketIsNotHeld(state=journey.state)
    if at > ticket.valid_until:
        raise TicketHasEnded(state=TicketState.EXPIRED, valid_until=ticket.valid_until)


def reprinted(ticket: Ticket, because: ReplacedBecause, *, at: datetime, valid_until: datetime | None = None) -> Ticket:
    """The ticket as its next print says it, without its code yet; a later window is an extension (E37, E38).

    Raises NoMoreReissues and ExtensionTooShort.
    """
    if ticket.reissue == MOST_REISSUES:
        raise NoMoreReissues
    if valid_until is not None and valid_until <= max(at, ticket.valid_until):
        raise ExtensionTooShort(valid_until=ticket.valid_until)
    assert ticket.code is not None, "what has no code is not printed anew"
    revoked_at = at if because in REVOKING else None
    earlier = (replace(one, revoked_at=one.revoked_at or revoked_at) for one in ticket.earlier_prints)
    return replace(
        ticket,
        code=None,
        reissue=ticket.reissue + 1,
        valid_until=valid_until or ticket.valid_until,
        earlier_prints=(*earlier, Print(ticket.code, because, at, revoked_at)),
    )


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
    onward_contract_id: UUID | None = None


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


def check_onward(wish: Wish, paper: Paper, onward: Paper) -> None:
    """Refuse a passing on that the onward contract does not bear (W12).

    Raises OnwardContractDoesNotFollow, ContractIsClosed and ContractHasEnded.
    """
    if onward.seller_id != paper.buyer_id or onward.source_id is not None or onward.buyer_id == paper.seller_id:
        raise OnwardContractDoesNotFollow
    if onward.is_closed:
        raise ContractIsClosed
    if onward.is_framework:
        raise ContractIsAFramework
    if onward.valid_until is not None and shanghai_day(wish.valid_from) > onward.valid_until:
        raise ContractHasEnded(valid_until=onward.valid_until)


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
