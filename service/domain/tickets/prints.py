"""What a ticket says, and the prints that say it (W03)."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from service.domain.codes.tickets import MOST_REISSUES
from service.domain.refusals import Refusal
from service.domain.units import Kilograms, shanghai_year
from service.domain.values import dataclass


class ExtensionTooShort(Refusal):
    """The new end must lie after the present one, `valid_until`, and after now."""

    title: ClassVar[str] = "新的有效期止须晚于原有效期止 valid_until，也须晚于当前时间"
    rule: ClassVar[str | None] = "W01"


class NoMoreReissues(Refusal):
    """This ticket was printed anew as often as its code can count; cancel it and issue another."""

    title: ClassVar[str] = "该运单补打次数已达上限；请取消后另行开具"
    rule: ClassVar[str | None] = "W03"


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
