"""Contracts: each side files its own, and sees what both say."""

from service.routes.contracts.bodies import ContractIn, ContractOut, ProofLine, TermsOut, each_lot_once, named_lots
from service.routes.contracts.doors import contract_batcher, get_contract, list_contracts, router
from service.routes.contracts.shown import terms_out

__all__ = [
    "ContractIn",
    "ContractOut",
    "ProofLine",
    "TermsOut",
    "contract_batcher",
    "each_lot_once",
    "get_contract",
    "list_contracts",
    "named_lots",
    "router",
    "terms_out",
]
