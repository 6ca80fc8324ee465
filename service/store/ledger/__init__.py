"""The ledger's rows: what is posted, cut, given back and replaced, under the head's lock and a signed checkpoint."""

from service.store.ledger.balances import Balance, balances
from service.store.ledger.heads import Head, Signer, count_sent_back, lock_head
from service.store.ledger.memory import Memory
from service.store.ledger.posting import READ_OF_ENDS, Posted, Writing, append, rehearse, written_before
from service.store.ledger.revising import Revision, revise

__all__ = [
    "READ_OF_ENDS",
    "Balance",
    "Head",
    "Memory",
    "Posted",
    "Revision",
    "Signer",
    "Writing",
    "append",
    "balances",
    "count_sent_back",
    "lock_head",
    "rehearse",
    "revise",
    "written_before",
]
