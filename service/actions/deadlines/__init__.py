"""Deadlines: what is due, what moves when the rules or the calendar change, and who is told."""

from service.actions.deadlines.alerting import tell
from service.actions.deadlines.declaring import declare_outage, enter_days
from service.actions.deadlines.moving import move_deadlines, move_waiting_contracts
from service.actions.deadlines.obligations import obligations
from service.actions.deadlines.reporting import report

__all__ = [
    "declare_outage",
    "enter_days",
    "move_deadlines",
    "move_waiting_contracts",
    "obligations",
    "report",
    "tell",
]
