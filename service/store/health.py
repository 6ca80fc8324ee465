"""Signs of life of the database."""

from service.db import Connection
from service.store.sentences import sentences

SQL = sentences("health")


async def find_head_seq(connection: Connection) -> int | None:
    """The ledger's last seq; None if the head is missing."""
    seq: int | None = await connection.fetchval(SQL["find_head_seq"])
    return seq
