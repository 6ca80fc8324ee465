"""Posting: movements from the ends of plain books, as one stream of rows; where holes are open, by places from the domain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db import Connection
from service.domain import books
from service.domain.books import Book, Ends, Row
from service.domain.ledger import Hole, Leg, Movement, Side
from service.domain.overdraws import Cause, Overdraw
from service.domain.units import Kilograms
from service.store.copying import array_of
from service.store.ledger.balances import read_books
from service.store.ledger.copying import copy_legs
from service.store.ledger.episodes import DebtChange, keep_episodes
from service.store.ledger.heads import Head, Signer, lock_head, seal
from service.store.sentences import sentences

SQL = sentences("ledger")


@dataclass(frozen=True, slots=True)
class Posted:
    """What a batch of acts has done; `seq` is the last one, which is also the size of the checkpoint."""

    seq: int
    act: int
    recorded_at: datetime
    root: bytes
    over_kg: dict[UUID, Kilograms]
    cover_kg: dict[UUID, Kilograms]
    opened: list[Overdraw]
    closed: list[Overdraw]
    debts: dict[int, Kilograms]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self.seq


async def append(connection: Connection, movements: Sequence[Movement], *, at: datetime, sign: Signer) -> Posted:
    """Post movements in order; neighbours of one act are one act."""
    assert movements, "a batch has movements"
    head = await lock_head(connection, at=at)
    acts = _numbers(head, movements)
    accounts = {movement.source for movement in movements} | {movement.target for movement in movements}
    rows = await connection.fetch(SQL["ends"], array_of(accounts))
    if any(row["is_loose"] for row in rows):
        found = await read_books(connection, accounts)
        return await write_rows(
            connection, head, found, books.post(found, zip(acts, movements, strict=True)), sign=sign
        )

    ends = {row["id"]: Ends(row["mark"], row["is_boundary"], row["ins"], row["outs"]) for row in rows}
    laid = books.lay(ends, movements)
    leaves = await copy_legs(connection, head.seq, acts, movements, ends, laid)
    over_kg: dict[UUID, Kilograms] = {}
    cover_kg: dict[UUID, Kilograms] = {}
    debts: list[DebtChange] = []
    for seq, (act, movement, (_, _, over, cover)) in enumerate(zip(acts, movements, laid, strict=True), head.seq + 1):
        id_, source, target, at = movement.id, movement.source, movement.target, movement.occurred_at
        over_kg[id_], cover_kg[id_] = Kilograms(over), Kilograms(cover)
        if over:
            debts.append(DebtChange(source, act, seq, id_, over, target, at))
        if cover:
            debts.append(DebtChange(target, act, seq, id_, -cover, target, at))
    return await _end(connection, head, acts[-1], leaves, debts, over_kg=over_kg, cover_kg=cover_kg, sign=sign)


async def write_rows(
    connection: Connection,
    head: Head,
    found: dict[int, Book],
    rows: Sequence[Row],
    *,
    sign: Signer,
    cause: Cause | None = None,
) -> Posted:
    """Write rows whose places are known, with all that an act brings with it."""
    legs = [(seq, row) for seq, row in enumerate(rows, head.seq + 1) if isinstance(row, Leg)]
    holes = [(seq, row) for seq, row in enumerate(rows, head.seq + 1) if isinstance(row, Hole)]
    written = await connection.fetch(
        SQL["write"],
        *_columns(legs, Leg),
        *_columns(holes, Hole),
        [account for account, book in found.items() if not book.is_plain],
        [account for account, book in found.items() if book.is_plain],
    )
    over_kg: dict[UUID, Kilograms] = {}
    cover_kg: dict[UUID, Kilograms] = {}
    debts: list[DebtChange] = []
    changes: tuple[tuple[int, int], ...]
    for seq, row in enumerate(rows, head.seq + 1):
        if isinstance(row, Leg):
            over_kg[row.movement] = Kilograms(over_kg.get(row.movement, 0) + row.over_kg)
            cover_kg[row.movement] = Kilograms(cover_kg.get(row.movement, 0) + row.cover_kg)
            changes = ((row.source, row.over_kg), (row.target, -row.cover_kg))
            target = row.target
        else:
            changes = ((row.account, row.debt_kg if row.side is Side.IN else -row.debt_kg),)
            target = row.account
        debts += [
            DebtChange(account, row.act, seq, row.movement, kg, target, row.occurred_at)
            for account, kg in changes
            if kg
        ]
    leaves = [row["leaf"] for row in written]
    return await _end(
        connection, head, rows[-1].act, leaves, debts, over_kg=over_kg, cover_kg=cover_kg, sign=sign, cause=cause
    )


async def _end(
    connection: Connection,
    head: Head,
    act: int,
    leaves: Sequence[bytes],
    debts: Sequence[DebtChange],
    *,
    over_kg: dict[UUID, Kilograms],
    cover_kg: dict[UUID, Kilograms],
    sign: Signer,
    cause: Cause | None = None,
) -> Posted:
    """What every batch ends with: its checkpoint, the head, and the overdraws that it moved."""
    root = await seal(connection, head, act, leaves, sign=sign)
    moved = await keep_episodes(connection, debts, recorded_at=head.recorded_at, cause=cause)
    return Posted(
        seq=head.seq + len(leaves),
        act=act,
        recorded_at=head.recorded_at,
        root=root,
        over_kg=over_kg,
        cover_kg=cover_kg,
        opened=[episode for episode in moved if episode.opened_act > head.act],
        closed=[episode for episode in moved if not episode.is_open],
        debts={episode.account: episode.debt_kg for episode in moved},
    )


def _numbers(head: Head, movements: Iterable[Movement]) -> list[int]:
    numbers = []
    number, last = head.act, None
    for movement in movements:
        if movement.act != last:
            number, last = number + 1, movement.act
        numbers.append(number)
    return numbers


def _columns(rows: Sequence[tuple[int, Row]], kind: type[Row]) -> list[list[Any]]:
    names = [field.name for field in fields(kind)]
    return [[seq for seq, _ in rows], *([getattr(row, name) for _, row in rows] for name in names)]
