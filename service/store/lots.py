"""Lots: what a holder received under one contract or slip, of one grade and quota year."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.ledger import AccountKey
from service.domain.permissions import Actor
from service.domain.units import Kilograms
from service.store.accounts import open_accounts
from service.store.provenance import Moment
from service.store.sentences import sentences

SQL = sentences("lots")


async def open_lots(
    connection: Connection, wanted: Collection[AccountKey], at: datetime
) -> dict[AccountKey, tuple[UUID, int]]:
    """The lot and the account of each key of kind lot, opened where there is none yet.

    The key's document is a contract's or a slip's id. Two writers of the same lot get the same one.
    """
    accounts = await open_accounts(connection, set(wanted))
    if not accounts:
        return {}
    keys = sorted(accounts, key=accounts.__getitem__)
    rows = [(uuid7(), accounts[key], key.owner_id, key.document_id, key.grade, key.year) for key in keys]
    await connection.fetch(SQL["open_lots"], *map(list, zip(*rows, strict=True)), at)
    lots = await connection.fetch(SQL["lots_of_accounts"], [accounts[key] for key in keys])
    ids = {lot["account"]: lot["id"] for lot in lots}
    return {key: (ids[account], account) for key, account in accounts.items()}


async def lots_in(connection: Connection, jurisdiction: str, area: str) -> Sequence[Record] | None:
    """All lots of a jurisdiction's holders, with or without kilograms in them; None where there is no such place."""
    if not await connection.fetchval(SQL["is_place"], jurisdiction):
        return None
    return await connection.fetch(SQL["lots_in"], area)


async def refused_lots(connection: Connection) -> Sequence[Record]:
    """The lots that received loads of which something was refused, or came back, with their holders and accounts."""
    return await connection.fetch(SQL["refused_lots"])


@dataclass(frozen=True, slots=True)
class SentBack:
    """A load that had come into a lot, and of which something was refused, or came back (W10)."""

    ticket_id: UUID
    account: int  # the lot's
    at: datetime
    in_kg: Kilograms
    back_kg: Kilograms
    anew_kg: Kilograms  # of that, what stands as a movement of its own


async def sent_back(connection: Connection, since: Mapping[int, datetime]) -> list[SentBack]:
    """The loads of which something was sent back out of lots, given by their accounts, since a time."""
    rows = await connection.fetch(SQL["sent_back"], list(since), list(since.values()))
    return [
        SentBack(row["id"], row["account"], row["at"], row["in_kg"], row["back_kg"], row["anew_kg"]) for row in rows
    ]


async def stock_beside(connection: Connection, loads: Mapping[UUID, datetime]) -> dict[UUID, int]:
    """What the lots of tickets had beside their loads at a time, in kilograms; less than nothing where they owed.

    By the corrected times of the records, as the book has them now (W04).
    """
    rows = await connection.fetch(SQL["stock_beside"], list(loads), list(loads.values()))
    return dict.fromkeys(loads, 0) | {row["ticket_id"]: row["kg"] for row in rows}


@dataclass(frozen=True, slots=True)
class LotReturn:
    """What a lot has again of a load that came back; it was away meanwhile (W10)."""

    ticket_id: UUID
    account: int
    kg: int
    left_at: datetime
    back_at: datetime


async def find_returns(connection: Connection, ticket_ids: Collection[UUID]) -> dict[UUID, dict[int, LotReturn]]:
    """What lots have again of these tickets' loads, by ticket and account."""
    found: dict[UUID, dict[int, LotReturn]] = {}
    for row in await connection.fetch(SQL["find_returns"], list(ticket_ids)):
        found.setdefault(row["ticket_id"], {})[row["account"]] = LotReturn(**row)
    return found


async def keep_returns(connection: Connection, returns: Iterable[LotReturn]) -> None:
    """Write what lots have again of loads, in place of what was known of them; nothing, where none came back after all."""
    columns = zip(*((one.ticket_id, one.account, one.kg, one.left_at, one.back_at) for one in returns), strict=True)
    await connection.execute(SQL["keep_returns"], *map(list, columns))


async def held_by(connection: Connection, lot_ids: Collection[UUID], holder_id: UUID) -> dict[UUID, int]:
    """Those of the lots that a holder has, with their accounts."""
    rows = await connection.fetch(SQL["held_by"], list(lot_ids), holder_id)
    return {row["id"]: row["account"] for row in rows}


async def list_lots(
    connection: Connection,
    *,
    holder: UUID | None = None,
    lot_id: UUID | None = None,
    ids: Collection[UUID] | None = None,
    after: UUID | None = None,
    past: Moment | None = None,
    limit: int = 50,
    actor: Actor,
) -> Sequence[Record]:
    """The lots of the office's area or of the enterprise, newest first; with a time those that there were then."""
    chosen = None if ids is None else list(ids)
    return await connection.fetch(
        SQL["list"], actor.seen_area, actor.enterprise_id, holder, lot_id, after, limit, chosen, past and past.at
    )
