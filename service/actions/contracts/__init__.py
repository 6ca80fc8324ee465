"""What the parties of a contract, and the offices over them, do about it."""

from service.actions.contracts.closing import close_contract
from service.actions.contracts.filing import (
    Draft,
    Order,
    check_sources,
    file_contract,
    file_contracts,
    file_versions,
)
from service.actions.contracts.overdue import flag_overdue, reassess
from service.actions.contracts.past import as_it_stood

__all__ = [
    "Draft",
    "Order",
    "as_it_stood",
    "check_sources",
    "close_contract",
    "file_contract",
    "file_contracts",
    "file_versions",
    "flag_overdue",
    "reassess",
]
