"""Who holds an overdrawn quota."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from service.db import Connection, Record
from service.store.sentences import sentences

SQL = sentences("overdraws")


@dataclass(frozen=True, slots=True)
class Holder:
    """A mine, project or declared stock, as the holder of one quota account."""

    account: int
    id: UUID
    kind: str
    jurisdiction: str
    enterprise_id: UUID
    year: int
    earmark: str | None
    is_overdrawn: bool


async def find_holders(connection: Connection, accounts: Collection[int]) -> dict[int, Holder]:
    """The holders of quota accounts."""
    return {row["account"]: Holder(**row) for row in await connection.fetch(SQL["find_holders"], accounts)}


async def covered_by_trade(connection: Connection, movements: Collection[UUID]) -> Sequence[Record]:
    """Which places of lots and loads movements have covered with ore that other lots or loads gave."""
    return await connection.fetch(SQL["covered_by_trade"], list(movements))
