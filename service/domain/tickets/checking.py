"""What speaks against a journey with a ticket (W03)."""

from datetime import datetime
from enum import StrEnum

from service.domain.codes.plates import plate_as_seen
from service.domain.tickets.journeys import Journey, TicketState
from service.domain.tickets.prints import ReplacedBecause, Ticket


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
