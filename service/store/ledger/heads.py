"""The head, which orders all acts, and the signed checkpoint that ends every batch of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from service.db import Connection
from service.domain import evidence
from service.domain.values import dataclass
from service.store.sentences import sentences

SQL = sentences("ledger")


class Signer(Protocol):
    """The service's key of the day."""

    @property
    def key_id(self) -> int:
        """The number of the key."""

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger ends; `recorded_at` is the time of what is posted next.

    `sent_back` is how often something was sent back that had come into a lot (W10), `owing` how many quotas owe (O02).
    """

    seq: int
    act: int
    recorded_at: datetime
    frontier: bytes
    sent_back: int
    owing: int


async def lock_head(connection: Connection, *, at: datetime) -> Head:
    """Lock the head until this transaction ends: nobody else posts meanwhile. An authorising action locks it before it decides.

    Documents are locked before, never after. The ledger's time never goes back, whatever the clock says.
    """
    row = await connection.fetchrow(SQL["lock_head"], at)
    assert row is not None, "there is one head"
    return Head(**row)


async def count_sent_back(connection: Connection) -> None:
    """Raise the head's count, so that whoever has read before and posts later notices that something was sent back (W10)."""
    await connection.execute(SQL["count_sent_back"])


def sealed(head: Head, leaves: Sequence[bytes], *, sign: Signer) -> tuple[evidence.Growth, bytes]:
    """What the leaves make of the log, and the signature under it."""
    growth = evidence.grow(head.frontier, head.seq, leaves)
    return growth, sign.sign(evidence.checkpoint_body(head.seq + len(leaves), growth.root, head.recorded_at))


async def seal(
    connection: Connection, head: Head, act: int, leaves: Sequence[bytes], *, sign: Signer
) -> tuple[Head, bytes]:
    """Sign the log as it is with these leaves, and move the head to its end; gives the new head and the root."""
    growth, signature = sealed(head, leaves, sign=sign)
    after = replace(head, seq=head.seq + len(leaves), act=act, frontier=growth.frontier)
    await connection.execute(
        SQL["seal"],
        after.seq,
        act,
        head.recorded_at,
        growth.frontier,
        growth.root,
        sign.key_id,
        signature,
        [level for level, _ in growth.kept],
        [index for _, index in growth.kept],
        list(growth.kept.values()),
    )
    return after, growth.root
