"""The movements of one account, as its book shows them."""

from collections.abc import Sequence

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.store.provenance import NOW
from service.store.sentences import sentences

SQL = sentences("movements")


async def knows_account(connection: Connection, account: int, *, actor: Actor) -> bool:
    """Whether an account is the actor's own, a load of one of its tickets, or lies in the office's area."""
    return await connection.fetchval(SQL["find_account"], account, actor.seen_area, actor.enterprise_id) is not None


async def movements_of(
    connection: Connection, account: int, *, after: int | None, limit: int, as_of: int | None = None
) -> Sequence[Record]:
    """The legs into and out of an account, newest first; `taken_back_kg` of a leg no longer stand."""
    return await connection.fetch(SQL["of_account"], account, after, limit, NOW if as_of is None else as_of)
