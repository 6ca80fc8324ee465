"""Applications, permitted uses, cuts, successions and closed periods."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.allotments import Kind
from service.domain.permissions import Actor
from service.domain.rights import Standing
from service.domain.units import Kilograms
from service.store import ledger
from service.store.sentences import sentences

SQL = sentences("rights")


async def find_mine(connection: Connection, mine_id: UUID) -> Record | None:
    """A mine, with whose it is and where it lies."""
    return await connection.fetchrow(SQL["mine"], mine_id)


async def add_application(
    connection: Connection,
    application_id: UUID,
    mine_id: UUID,
    year: int,
    quarter: int,
    kind: Kind,
    kg: Kilograms,
    reason: str,
    *,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep what a firm applies for."""
    await connection.execute(
        SQL["add_application"], application_id, mine_id, year, quarter, kind, kg, reason, actor.person_id, at
    )


async def list_applications(
    connection: Connection,
    *,
    year: int | None = None,
    application_id: UUID | None = None,
    after: UUID | None = None,
    limit: int,
    actor: Actor,
) -> Sequence[Record]:
    """What mines have applied for, with what was proposed on it, newest first."""
    return await connection.fetch(
        SQL["list_applications"], actor.area, actor.enterprise_id, year, application_id, after, limit
    )


async def permit_use(
    connection: Connection, earmark: str, enterprise_id: UUID, document_no: str, *, at: datetime, actor: Actor
) -> None:
    """Permit a firm to use special quota."""
    await connection.execute(SQL["permit_use"], uuid7(), earmark, enterprise_id, document_no, actor.person_id, at)


async def list_uses(connection: Connection) -> Sequence[Record]:
    """Who may use which special quota."""
    return await connection.fetch(SQL["list_uses"])


async def misuses(connection: Connection, year: int | None = None) -> Sequence[Record]:
    """What went to firms that may not use the special quota which it names (R25)."""
    return await connection.fetch(SQL["misuses"], year)


async def add_cut(
    connection: Connection,
    cut_id: UUID,
    mine_id: UUID,
    year: int,
    share: Decimal,
    *,
    reason: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> bool:
    """Cut a mine's year; False when it is cut already."""
    made = await connection.fetchval(
        SQL["add_cut"], cut_id, mine_id, year, share, reason, document_no, actor.person_id, at
    )
    return made is not None


async def list_cuts(connection: Connection, *, actor: Actor) -> Sequence[Record]:
    """The cuts of an area's or a firm's mines."""
    return await connection.fetch(SQL["list_cuts"], actor.area, actor.enterprise_id)


async def add_succession(
    connection: Connection,
    act: UUID,
    from_mine: UUID,
    to_mine: UUID,
    parts: int,
    moved_kg: int,
    year: int,
    succeeded_on: date,
    *,
    reason: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep who has taken over a right, and what moved with it."""
    await connection.execute(
        SQL["add_succession"],
        uuid7(),
        act,
        from_mine,
        to_mine,
        parts,
        moved_kg,
        year,
        succeeded_on,
        reason,
        document_no,
        actor.person_id,
        at,
    )


async def list_successions(connection: Connection, *, mine_id: UUID | None = None, actor: Actor) -> Sequence[Record]:
    """Who has taken over whose right."""
    return await connection.fetch(SQL["list_successions"], actor.area, actor.enterprise_id, mine_id)


async def standings(connection: Connection, year: int, mines: Collection[UUID] | None = None) -> list[Standing]:
    """The quota accounts of mines for a year; under the head's lock nothing leaves them meanwhile."""
    rows = await connection.fetch(SQL["quota_accounts"], year, None if mines is None else list(mines))
    ids = [row["id"] for row in rows]
    balances = await ledger.balances(connection, ids)
    held = {row["account"]: row["kg"] for row in await connection.fetch(SQL["held"], ids)}
    return [
        Standing(
            row["mine_id"],
            row["jurisdiction"],
            row["earmark"],
            Kilograms(balances[row["id"]].stock_kg),
            Kilograms(max(0, balances[row["id"]].stock_kg - held.get(row["id"], 0))),
            Kilograms(balances[row["id"]].debt_kg),
            Kilograms(balances[row["id"]].in_kg),
        )
        for row in rows
    ]


async def is_closed(connection: Connection, year: int, quarter: int | None) -> bool:
    """Whether a quarter, or a year, was closed."""
    return bool(await connection.fetchval(SQL["is_closed"], year, quarter or 0))


async def add_closing(
    connection: Connection,
    year: int,
    quarter: int | None,
    figures: Mapping[str, int],
    *,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep that a period was closed, and what became of what was left."""
    await connection.execute(
        SQL["add_closing"],
        uuid7(),
        year,
        quarter or 0,
        figures["lapsed_kg"],
        figures["withdrawn_kg"],
        figures["carried_kg"],
        figures["charged_kg"],
        document_no,
        actor.person_id,
        at,
    )


async def list_closings(connection: Connection) -> Sequence[Record]:
    """The closed periods."""
    return await connection.fetch(SQL["list_closings"])
