"""The accounts of the ledger."""

from collections.abc import Collection

from service.db import Connection
from service.domain.ledger import AccountKey, AccountKind
from service.store.sentences import sentences

SQL = sentences("accounts")


async def find_accounts(connection: Connection, keys: Collection[AccountKey]) -> dict[AccountKey, int]:
    """Those of the accounts that were opened, by what they are."""
    by_mark = {key.mark: key for key in keys}
    rows = await connection.fetch(SQL["find"], list(by_mark))
    return {by_mark[row["mark"]]: row["id"] for row in rows}


async def keys_of(connection: Connection, ids: Collection[int]) -> dict[int, AccountKey]:
    """What accounts stand for, by their ids."""
    return {
        row["id"]: AccountKey(
            AccountKind(row["kind"]),
            row["jurisdiction"],
            row["owner_id"],
            row["document_id"],
            row["grade"],
            row["year"],
            row["earmark"],
        )
        for row in await connection.fetch(SQL["keys"], list(ids))
    }


async def open_accounts(connection: Connection, keys: Collection[AccountKey]) -> dict[AccountKey, int]:
    """The accounts, opened where they were not yet, by what they are.

    To be called before the head is locked: one who waits here for another's new account must not hold what that other
    waits for.
    """
    found = await find_accounts(connection, keys)
    # In the order of their marks: two transactions that open the same accounts wait for each other, never in a circle.
    missing = sorted({key for key in keys if key not in found}, key=lambda key: key.mark)
    if not missing:
        return found
    await connection.execute(
        SQL["open"],
        [key.kind.value for key in missing],
        [key.jurisdiction for key in missing],
        [key.owner_id for key in missing],
        [key.document_id for key in missing],
        [key.grade for key in missing],
        [key.year for key in missing],
        [key.earmark for key in missing],
        [key.mark for key in missing],
    )
    # A statement of its own: it sees what another transaction opened while ours waited.
    return found | await find_accounts(connection, missing)
