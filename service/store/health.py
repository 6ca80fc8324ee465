"""Signs of life of the database."""

from dataclasses import dataclass
from datetime import datetime

from service.db import Connection
from service.store.sentences import sentences

SQL = sentences("health")


@dataclass(frozen=True, slots=True)
class Figures:
    """How long the ledger is and when it was signed last; since when what was committed waits to be told, and to be sealed."""

    seq: int
    signed_at: datetime | None
    untold_since: datetime | None
    unsealed_since: datetime | None


async def find_head_seq(connection: Connection) -> int | None:
    """The ledger's last seq; None if the head is missing."""
    seq: int | None = await connection.fetchval(SQL["find_head_seq"])
    return seq


async def find_figures(connection: Connection) -> Figures | None:
    """What an engineer watches; None if the head is missing."""
    row = await connection.fetchrow(SQL["find_figures"])
    return None if row is None else Figures(**row)
