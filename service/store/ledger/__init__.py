"""The ledger's rows: what is posted, cut, given back and replaced, under the head's lock and a signed checkpoint."""

from service.store.ledger.balances import Balance, balances
from service.store.ledger.cuts import claw_back, give_back, replace_movement, void
from service.store.ledger.heads import Head, Signer, count_sent_back, lock_head
from service.store.ledger.memory import Memory
from service.store.ledger.posting import READ_OF_ENDS, Posted, Writing, append, rehearse, written_before

__all__ = [
    "READ_OF_ENDS",
    "Balance",
    "Head",
    "Memory",
    "Posted",
    "Signer",
    "Writing",
    "append",
    "balances",
    "claw_back",
    "count_sent_back",
    "give_back",
    "lock_head",
    "rehearse",
    "replace_movement",
    "void",
    "written_before",
]
