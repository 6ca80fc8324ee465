"""What a code is worth now, and what stations need to know that offline."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.db import Door
from service.domain.codes.tickets import CodeFault, read
from service.domain.tickets import CheckReason, Journey, Print, Ticket, reasons_against
from service.domain.weighings import named_ticket
from service.keys import KeyRing, Purpose
from service.store import ticket_acts, tickets


@dataclass(frozen=True, slots=True)
class Checked:
    """What there is to say to somebody who holds a code in front of a truck."""

    reasons: list[CheckReason | CodeFault]
    ticket: Ticket | None = None
    journey: Journey | None = None
    earlier: Print | None = None  # which print was scanned, where another has replaced it

    @property
    def is_valid(self) -> bool:
        """Whether nothing speaks against the journey."""
        return self.ticket is not None and not self.reasons


async def look_up_code(door: Door, text: str, plate: str | None, *, at: datetime, keys: KeyRing) -> Checked:
    """What a code or a number in front of a truck is worth now (W03): a wrong one has reasons, and is no error."""
    naming = named_ticket(text)
    found = await tickets.find_named(door, naming) if naming else None
    if naming is not None and found is not None:
        ticket, journey = found
        reasons = reasons_against(ticket, journey, plate, digits=naming.digits, at=at)
        earlier = ticket.find_print(naming.digits) if naming.digits else None
        return Checked(list(reasons), ticket, journey, earlier)
    if naming is not None and naming.number is not None:
        return Checked([CheckReason.UNKNOWN_TICKET])
    fault = read(text, keys.public_keys(Purpose.TICKETS))
    return Checked([fault if isinstance(fault, CodeFault) else CheckReason.UNKNOWN_TICKET])


async def codes_in_use(door: Door, *, at: datetime, keys: KeyRing) -> Mapping[int, bytes]:
    """The public keys that codes on paper may still bear: the current one, and each whose tickets' time has not run out."""
    public = keys.public_keys(Purpose.TICKETS)
    current = keys.current(Purpose.TICKETS).key_id
    older = [key_id for key_id in public if key_id != current]
    in_use = await ticket_acts.keys_in_use(door, older, at=at) if older else set()
    return {key_id: key for key_id, key in sorted(public.items()) if key_id == current or key_id in in_use}
