"""What sellers, buyers and offices do about tickets."""

from service.actions.tickets.apportioning import apportion_weighing
from service.actions.tickets.checking import Checked, codes_in_use, look_up_code
from service.actions.tickets.deciding import refuse_ticket, release_ticket
from service.actions.tickets.diverting import Diversion, redirect_ticket, refuse_part
from service.actions.tickets.ending import cancel_ticket, close_ticket, lose_ticket
from service.actions.tickets.issuing import Order, issue_tickets
from service.actions.tickets.past import as_it_stood
from service.actions.tickets.printing import extend_ticket, reissue_ticket
from service.actions.tickets.retiring import retire_key
from service.actions.tickets.transferring import Truck, split_ticket

__all__ = [
    "Checked",
    "Diversion",
    "Order",
    "Truck",
    "apportion_weighing",
    "as_it_stood",
    "cancel_ticket",
    "close_ticket",
    "codes_in_use",
    "extend_ticket",
    "issue_tickets",
    "look_up_code",
    "lose_ticket",
    "redirect_ticket",
    "refuse_part",
    "refuse_ticket",
    "reissue_ticket",
    "release_ticket",
    "retire_key",
    "split_ticket",
]
