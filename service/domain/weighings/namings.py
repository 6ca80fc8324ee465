"""Which ticket a scanned or typed text names."""

import re
from uuid import UUID

from service.domain.codes.numbers import typed_number
from service.domain.codes.tickets import CODE_DIGITS, ScannedCode, parse
from service.domain.tickets import Ticket
from service.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Naming:
    """What a record names as its ticket: a number, or a ticket's id with the digits that must be its code."""

    number: str | None = None
    ticket_id: UUID | None = None
    digits: str | None = None

    def fits(self, ticket: Ticket) -> bool:
        """Whether this is that ticket; a code must be one that was printed, to the last digit of its signature."""
        if self.digits is None:
            return ticket.number == self.number
        return ticket.code == self.digits or ticket.find_print(self.digits) is not None


_PLAIN_NUMBER = re.compile(r"[0-9]{13}")
_PLAIN_CODE = re.compile(r"(?:[Hh][Tt][Tt][Pp][Ss]?://[!-~]{1,200}/[Tt]/)?([0-9]{289})")
_TICKET_ID = slice(2, 18)
assert CODE_DIGITS == 289


def named_ticket(text: str) -> Naming | None:
    """The ticket that a scanned or typed text names; None where it names none."""
    if _PLAIN_NUMBER.fullmatch(text):
        return Naming(number=text)
    # Nearly every text is plain; folding the width of 300 characters costs more than all other rules together.
    scanned = parse(plain[1] if (plain := _PLAIN_CODE.fullmatch(text)) else text)
    if isinstance(scanned, ScannedCode):
        digits = f"{int.from_bytes(scanned.signed + scanned.signature):0{CODE_DIGITS}}"
        return Naming(ticket_id=UUID(bytes=scanned.signed[_TICKET_ID]), digits=digits)
    number = typed_number(text)
    return None if number is None else Naming(number=number)
