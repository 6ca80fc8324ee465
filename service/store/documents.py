"""The documents and names that stand behind accounts and movements, for those who may see them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("documents")


async def knows_account(connection: Connection, account: int, as_of: datetime | None, *, actor: Actor) -> bool:
    """Whether an account was the actor's own then, a load of one of its tickets, or lay in the office's area."""
    found = await connection.fetchval(SQL["find_account"], account, as_of, actor.seen_area, actor.enterprise_id)
    return found is not None


async def ticket_account(
    connection: Connection, ticket_id: UUID, as_of: datetime | None, *, actor: Actor
) -> int | None:
    """The load of a ticket that the actor might see then."""
    account: int | None = await connection.fetchval(
        SQL["ticket_account"], ticket_id, as_of, actor.area, actor.enterprise_id
    )
    return account


async def lot_account(connection: Connection, lot_id: UUID, as_of: datetime | None, *, actor: Actor) -> int | None:
    """The account of a lot that the actor might see then: its holder's own, or one in the office's area."""
    account: int | None = await connection.fetchval(SQL["lot_account"], lot_id, as_of, actor.area, actor.enterprise_id)
    return account


async def contract_accounts(connection: Connection, contract_id: UUID) -> list[int]:
    """The lots that came under a contract."""
    return [row["account"] for row in await connection.fetch(SQL["contract_accounts"], contract_id)]


async def mine_accounts(
    connection: Connection, mine_id: UUID, year: int, as_of: datetime | None, *, actor: Actor
) -> list[int] | None:
    """What a mine that the actor might see then lets ore out of in a year: its quota with every earmark, and its suspense."""
    accounts: list[int] | None = await connection.fetchval(
        SQL["mine_accounts"], mine_id, year, actor.area, actor.enterprise_id, as_of
    )
    return accounts


async def describe_accounts(
    connection: Connection, accounts: Collection[int], as_of: datetime | None
) -> dict[int, Record]:
    """What accounts stand for in words: kind, holder, document number, and the enterprises that it was their business of."""
    rows = await connection.fetch(SQL["describe_accounts"], list(accounts), as_of)
    return {row["account"]: row for row in rows}


async def describe_tranches(connection: Connection, movements: Collection[UUID]) -> dict[UUID, Record]:
    """The allotments behind movements of quota, with the mine, project or declared stock that they went to."""
    rows = await connection.fetch(SQL["describe_tranches"], list(movements))
    return {row["tranche_id"]: row for row in rows}
