"""What becomes of a ticket, on its way to exactly one end (W01)."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from service.domain.refusals import Refusal
from service.domain.tickets.prints import Ticket
from service.domain.units import Kilograms
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


class TicketAlreadyWeighed(Refusal):
    """This ticket's load has passed a scale: it can no longer be cancelled, only returned with a weighing of its own."""

    title: ClassVar[str] = "该运单已过磅，不能取消；如需退回，请按退货流程过磅"
    rule: ClassVar[str | None] = "W10"


class TicketHasEnded(Refusal):
    """This ticket has ended: `state`."""

    title: ClassVar[str] = "该运单已终结，最终状态：state"
    rule: ClassVar[str | None] = "W01"


class TicketIsHeld(Refusal):
    """This ticket waits for an officer; it has no code until it is released."""

    title: ClassVar[str] = "该运单正等待主管部门审核，放行前没有二维码"
    rule: ClassVar[str | None] = "O03"


class TicketIsNotHeld(Refusal):
    """Only a ticket that waits for an officer can be released or refused; this one stands at: `state`."""

    title: ClassVar[str] = "只有等待审核的运单可以放行或不予放行；该运单目前状态：state"
    rule: ClassVar[str | None] = "O03"


class WriteOffNeedsAnOffice(Refusal):
    """A load that a scale has weighed out is written off by an office: ask the county, with what shows the loss."""

    title: ClassVar[str] = "已出矿过磅的货物只能由主管部门核销；请携损失证明向县级主管部门申请"
    rule: ClassVar[str | None] = "W07"


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
    def is_sent_back(self) -> bool:
        """Whether its buyer has refused something of it, or it has come back after it was there (W10)."""
        return self.in_kg is not None and (self.refused_kg > 0 or self.back_kg is not None)

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
    def kept_a_part(self) -> bool:
        """Whether its buyer kept some of what its scale had weighed: a delivery then, whatever was refused (E33)."""
        return (self.in_kg or 0) > self.refused_kg

    @property
    def undelivered_kg(self) -> Kilograms:
        """What its contract counts of it and its buyer did not keep."""
        return Kilograms(min(self.refused_kg, self.counted_kg)) if self.kept_a_part else self.counted_kg

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
        return Kilograms(max(0, (self.in_kg or 0) - (self.refused_kg or self.back_kg or 0)))


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


def sent_on(journey: Journey, *, at: datetime) -> Journey:
    """A journey that ends because what its buyer refused goes on to another one, under a ticket of its own (E33)."""
    return replace(
        journey,
        state=TicketState.DELIVERED if journey.kept_a_part else TicketState.RETURNED,
        split_kg=Kilograms(journey.split_kg + journey.undelivered_kg),
        ended_at=at,
    )


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
