"""What is taken back: voids, returns, claw-backs and replacements, one act each."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain import books
from service.domain.ledger import Movement, NothingToVoid, NotReplaceable, Part, TooMuchTakenBack
from service.domain.overdraws import Cause
from service.domain.units import Kilograms
from service.store.ledger.balances import read_books
from service.store.ledger.heads import Signer, lock_head
from service.store.ledger.posting import Posted, write_rows
from service.store.sentences import sentences

SQL = sentences("ledger")


async def void(
    connection: Connection,
    movements: Collection[UUID],
    *,
    occurred_at: datetime,
    fact: bytes,
    at: datetime,
    sign: Signer,
) -> Posted:
    """Strike all that still stands of these movements, as one act; refused when nothing does."""
    head = await lock_head(connection, at=at)
    parts = await _live_parts(connection, movements)
    if not parts:
        raise NothingToVoid(movements=sorted(movements))
    found = await read_books(connection, _accounts(parts))
    rows = books.cut(found, parts, act=head.act + 1, occurred_at=occurred_at, fact=fact)
    return await write_rows(connection, head, found, rows, sign=sign, cause=Cause.VOID)


async def give_back(
    connection: Connection,
    movement: UUID,
    kg: Kilograms,
    *,
    occurred_at: datetime,
    fact: bytes,
    at: datetime,
    sign: Signer,
) -> Posted:
    """Return the last kilograms of a movement that still lie in stock at its target; refused when fewer do (W10)."""
    head = await lock_head(connection, at=at)
    parts = await _live_parts(connection, [movement])
    found = await read_books(connection, _accounts(parts))
    chosen = _last(books.in_stock(found, parts), kg)
    rows = books.cut(found, chosen, act=head.act + 1, occurred_at=occurred_at, fact=fact)
    return await write_rows(connection, head, found, rows, sign=sign, cause=Cause.VOID)


async def claw_back(
    connection: Connection,
    movement: UUID,
    kg: Kilograms,
    *,
    occurred_at: datetime,
    fact: bytes,
    at: datetime,
    sign: Signer,
) -> Posted:
    """Take kilograms of a movement back: the last that still lie in stock, then the last that were passed on (R25)."""
    head = await lock_head(connection, at=at)
    parts = await _live_parts(connection, [movement])
    found = await read_books(connection, _accounts(parts))
    chosen = _last([*books.in_stock(found, parts), *books.passed_on(found, parts)], kg)
    rows = books.cut(found, chosen, act=head.act + 1, occurred_at=occurred_at, fact=fact)
    return await write_rows(connection, head, found, rows, sign=sign, cause=Cause.CLAW_BACK)


async def replace_movement(
    connection: Connection, replaced: UUID, movement: Movement, *, at: datetime, sign: Signer
) -> Posted:
    """Strike a movement and put another into its places, first places first, as one act (W09)."""
    head = await lock_head(connection, at=at)
    parts = await _live_parts(connection, [replaced])
    if {part.target for part in parts} != {movement.target}:
        raise NotReplaceable(movement=replaced)
    found = await read_books(connection, _accounts(parts) | {movement.source})
    act = head.act + 1
    rows = books.cut(found, parts, act=act, occurred_at=movement.occurred_at, fact=movement.fact)
    rows += books.replacement(found, parts, movement, act=act)
    return await write_rows(connection, head, found, rows, sign=sign, cause=Cause.CORRECTION)


async def _live_parts(connection: Connection, movements: Collection[UUID]) -> list[Part]:
    return [Part(**row) for row in await connection.fetch(SQL["live_parts"], list(movements))]


def _accounts(parts: Iterable[Part]) -> set[int]:
    return {account for part in parts for account in (part.source, part.target)}


def _last(parts: Sequence[Part], kg: Kilograms) -> list[Part]:
    possible_kg = sum(part.target_kg for part in parts)
    if possible_kg < kg:
        raise TooMuchTakenBack(possible_kg=possible_kg, asked_kg=kg)
    return books.last(parts, kg)
