"""What sellers, buyers and offices do about tickets."""

from service.actions.tickets.checking import Checked, codes_in_use, look_up_code
from service.actions.tickets.deciding import refuse_ticket, release_ticket
from service.actions.tickets.ending import cancel_ticket, lose_ticket
from service.actions.tickets.issuing import Order, issue_tickets
from service.actions.tickets.printing import extend_ticket, reissue_ticket

__all__ = [
    "Checked",
    "Order",
    "cancel_ticket",
    "codes_in_use",
    "extend_ticket",
    "issue_tickets",
    "look_up_code",
    "lose_ticket",
    "refuse_ticket",
    "reissue_ticket",
    "release_ticket",
]
