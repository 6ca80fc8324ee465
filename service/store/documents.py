"""The documents and names that stand behind accounts and movements, for those who may see them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("documents")


async def ticket_account(
    connection: Connection, ticket_id: UUID, as_of: datetime | None, *, actor: Actor
) -> int | None:
    """The load of a ticket that the actor might see then."""
    account: int | None = await connection.fetchval(
        SQL["ticket_account"], ticket_id, actor.area, actor.enterprise_id, as_of
    )
    return account


async def lot_account(connection: Connection, lot_id: UUID, *, actor: Actor) -> int | None:
    """The account of a lot that the actor may see: its holder's own, or one in the office's area."""
    account: int | None = await connection.fetchval(SQL["lot_account"], lot_id, actor.area, actor.enterprise_id)
    return account


async def contract_accounts(connection: Connection, contract_id: UUID, *, actor: Actor) -> list[int] | None:
    """The lots that came under a contract that the actor may see."""
    accounts: list[int] | None = await connection.fetchval(
        SQL["contract_accounts"], contract_id, actor.area, actor.enterprise_id
    )
    return accounts


async def mine_accounts(
    connection: Connection, mine_id: UUID, year: int, as_of: datetime | None, *, actor: Actor
) -> list[int] | None:
    """What a mine that the actor might see then lets ore out of in a year: its quota with every earmark, and its suspense."""
    accounts: list[int] | None = await connection.fetchval(
        SQL["mine_accounts"], mine_id, year, actor.area, actor.enterprise_id, as_of
    )
    return accounts


async def describe_accounts(connection: Connection, accounts: Collection[int]) -> dict[int, Record]:
    """What accounts stand for in words: kind, holder, document number, and the enterprises that it is their business of."""
    rows = await connection.fetch(SQL["describe_accounts"], list(accounts))
    return {row["account"]: row for row in rows}


async def describe_tranches(connection: Connection, movements: Collection[UUID]) -> dict[UUID, Record]:
    """The allotments behind movements of quota, with the mine, project or declared stock that they went to."""
    rows = await connection.fetch(SQL["describe_tranches"], list(movements))
    return {row["tranche_id"]: row for row in rows}
