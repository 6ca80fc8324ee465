"""The movements of one account, as its book shows them."""

from collections.abc import Sequence

from service.db import Connection, Record
from service.store.provenance import NOW
from service.store.sentences import sentences

SQL = sentences("movements")


async def movements_of(
    connection: Connection, account: int, *, after: int | None, limit: int, as_of: int | None = None
) -> Sequence[Record]:
    """The legs into and out of an account, newest first; `taken_back_kg` of a leg no longer stand."""
    return await connection.fetch(SQL["of_account"], account, after, limit, NOW if as_of is None else as_of)
