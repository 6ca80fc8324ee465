"""Posting movements: by the ends of plain books, in one statement; where books have open holes, by the domain's places."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from itertools import repeat
from typing import Any
from uuid import UUID

from service.db import Connection
from service.domain import books
from service.domain.books import Book, Ends, Laid, Row
from service.domain.evidence import Node
from service.domain.ledger import Hole, Leg, Movement, Side
from service.domain.overdraws import Cause, Overdraw
from service.domain.units import Kilograms
from service.domain.values import dataclass
from service.store.copying import array_of
from service.store.ledger.balances import read_books
from service.store.ledger.episodes import DebtChange, keep_episodes
from service.store.ledger.heads import Head, Signer, lock_head, seal, sealed
from service.store.ledger.memory import Memory
from service.store.ledger.packing import pack_legs
from service.store.sentences import after, sentences

SQL = sentences("ledger")


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be written before a batch is posted: a statement that ends with a part `before`, alone and joined with `post`."""

    sentence: str
    and_post: str
    values: Sequence[Any]

    async def write(self, connection: Connection) -> None:
        """Write it without posting."""
        await connection.execute(self.sentence, *self.values)


def written_before(sentence: str, count: int) -> str:
    """A statement with so many parameters joined with the one that posts."""
    return after(sentence, count, SQL["post"])


@dataclass(frozen=True, slots=True)
class Posted:
    """What a batch of acts has done; `seq` is the last row's, which is also the size of the checkpoint."""

    since: int  # the last row before
    seq: int
    act: int
    recorded_at: datetime
    root: bytes
    over_kg: dict[UUID, Kilograms]
    cover_kg: dict[UUID, Kilograms]
    opened: list[Overdraw]
    closed: list[Overdraw]
    debts: dict[int, Kilograms]
    sent_back: int  # how often something was, that had come into a lot, as the head says
    some_owe: bool  # whether there was a quota that owed before, as the head says

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self.seq


async def append(
    connection: Connection,
    movements: Sequence[Movement],
    *,
    at: datetime,
    sign: Signer,
    memory: Memory | None = None,
    writing: Writing | None = None,
) -> Posted:
    """Post movements in order; neighbours of one act are one act.

    With a memory, the legs are computed from what it holds, before the head is locked; where it was wrong, and without one, under
    the lock. Not with a memory in a transaction that has posted or locked the head already: the memory would be wrong there.

    `writing` is written before the head is locked; in the same round trip, where the legs were computed from memory.
    """
    assert movements, "a batch has movements"
    accounts = {movement.source for movement in movements} | {movement.target for movement in movements}
    if memory is not None and (batch := await _lay_from(memory, connection, accounts, movements, at, sign)):
        moved = None
        if await memory.has_turn():
            try:
                if memory.is_alone:
                    moved = await post(connection, batch, writing)
                    writing = None  # it is written, also where the head has moved
            finally:
                memory.pass_on()
        if moved is not None:
            return await _posted(connection, batch, moved)
        memory.doubt()
    if writing is not None:
        await writing.write(connection)
    head = await lock_head(connection, at=at)
    ends = await _read_ends(connection, accounts)
    if ends is None:
        found = await read_books(connection, accounts)
        rows = books.post(found, zip(_acts(head, movements), movements, strict=True))
        leaves = await write_rows(connection, head.seq, found, rows)
        return await seal_rows(connection, head, rows, leaves, sign=sign)
    batch = lay_batch(head, movements, ends, sign=sign)
    if memory is not None:
        memory.learn(head, batch.after, ends)
    moved = await post(connection, batch)
    assert moved is not None, "the head is locked"
    return await _posted(connection, batch, moved)


async def _lay_from(
    memory: Memory,
    connection: Connection,
    accounts: set[int],
    movements: Sequence[Movement],
    at: datetime,
    sign: Signer,
) -> "Batch | None":
    """Compute a batch from memory; None when it does not know enough."""
    if not memory.is_alone:
        return None
    if missing := memory.lacks(accounts):
        memory.fill(await connection.fetch(SQL["ends"], array_of(missing)))
        if memory.lacks(accounts):
            return None
    # No await from here to its turn: the batch that is computed next starts from where this one ends.
    head = memory.head
    assert head is not None, "it has learned from a batch"
    try:
        batch = lay_batch(replace(head, recorded_at=max(at, head.recorded_at)), movements, memory.ends, sign=sign)
    except BaseException:
        memory.forget()  # of some accounts the ends have moved
        raise
    memory.go_on(batch.after)
    return batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Movements with all that is computed of them before anything is written."""

    before: Head
    after: Head
    acts: Sequence[int]
    movements: Sequence[Movement]
    laid: Sequence[Laid]
    packed: bytes
    root: bytes
    kept: Mapping[Node, bytes]
    key_id: int
    signature: bytes


def lay_batch(head: Head, movements: Sequence[Movement], ends: Mapping[int, Ends], *, sign: Signer) -> Batch:
    """Compute places, leaves, root and signature of movements between plain books; moves `ends`."""
    acts = _acts(head, movements)
    laid = books.lay(ends, movements)
    packed, leaves = pack_legs(head.seq, acts, movements, ends, laid)
    growth, signature = sealed(head, leaves, sign=sign)
    after = replace(head, seq=head.seq + len(leaves), act=acts[-1], frontier=growth.frontier)
    return Batch(head, after, acts, movements, laid, packed, growth.root, growth.kept, sign.key_id, signature)


async def post(connection: Connection, batch: Batch, writing: Writing | None = None) -> Head | None:
    """Lock the head and write a batch, if the head is the one that it was computed from; gives the new head, or None.

    `writing` is written in either case.
    """
    after = batch.after
    row = await connection.fetchrow(
        writing.and_post if writing else SQL["post"],
        *(writing.values if writing else ()),
        batch.before.seq,
        batch.before.frontier,
        after.seq,
        after.act,
        after.recorded_at,
        after.frontier,
        batch.root,
        batch.key_id,
        batch.signature,
        [level for level, _ in batch.kept],
        [index for _, index in batch.kept],
        list(batch.kept.values()),
        batch.packed,
    )
    return replace(after, **row) if row else None


async def rehearse(connection: Connection, writing: Writing, *, at: datetime) -> None:
    """Have the statement that writes and posts planned: it looks for a head that does not exist, and posts nothing."""
    nowhere = Head(seq=-1, act=-1, recorded_at=at, frontier=b"", sent_back=0, owing=0)
    await post(connection, Batch(nowhere, nowhere, (), (), (), b"", b"", {}, 0, b""), writing)


async def _posted(connection: Connection, batch: Batch, after: Head) -> Posted:
    over_kg: dict[UUID, Kilograms] = {}
    cover_kg: dict[UUID, Kilograms] = {}
    debts: list[DebtChange] = []
    for place, (movement, (_, _, over, cover)) in enumerate(zip(batch.movements, batch.laid, strict=True)):
        id_ = movement.id
        over_kg[id_], cover_kg[id_] = over, cover
        if over or cover:
            seq, act, target, at = (
                batch.before.seq + 1 + place,
                batch.acts[place],
                movement.target,
                movement.occurred_at,
            )
            if over:
                debts.append(DebtChange(movement.source, act, seq, id_, over, target, at))
            if cover:
                debts.append(DebtChange(target, act, seq, id_, -cover, target, at))
    return await _with_episodes(
        connection,
        batch.before,
        after,
        batch.root,
        debts,
        over_kg=over_kg,
        cover_kg=cover_kg,
    )


async def _read_ends(connection: Connection, accounts: Iterable[int]) -> dict[int, Ends] | None:
    """Where the columns of accounts end, under the head's lock; None if one of them has open holes."""
    rows = await connection.fetch(SQL["ends"], array_of(accounts))
    if any(row["is_loose"] for row in rows):
        return None
    return {row["id"]: Ends(row["mark"], row["is_boundary"], row["ins"], row["outs"]) for row in rows}


READ_OF_ENDS = SQL["ends"]
"""Fills a memory; its parameter lists the accounts as a text. May be part of another statement."""


async def write_rows(connection: Connection, size: int, found: dict[int, Book], rows: Sequence[Row]) -> list[bytes]:
    """Write rows whose places are known behind the first `size` of the log; gives their leaves."""
    legs = [(seq, row) for seq, row in enumerate(rows, size + 1) if isinstance(row, Leg)]
    holes = [(seq, row) for seq, row in enumerate(rows, size + 1) if isinstance(row, Hole)]
    written = await connection.fetch(
        SQL["write"],
        *_columns(legs, Leg),
        *_columns(holes, Hole),
        [account for account, book in found.items() if not book.is_plain],
        [account for account, book in found.items() if book.is_plain],
    )
    return [row["leaf"] for row in written]


async def seal_rows(
    connection: Connection,
    head: Head,
    rows: Sequence[Row],
    leaves: Sequence[bytes],
    *,
    sign: Signer,
    causes: Iterable[Cause | None] = repeat(None),
) -> Posted:
    """End the acts of rows that were written behind the head, with all that acts bring with them."""
    over_kg: dict[UUID, Kilograms] = {}
    cover_kg: dict[UUID, Kilograms] = {}
    debts: list[DebtChange] = []
    changes: tuple[tuple[int, int], ...]
    for seq, (row, cause) in enumerate(zip(rows, causes, strict=False), head.seq + 1):
        if isinstance(row, Leg):
            over_kg[row.movement] = Kilograms(over_kg.get(row.movement, 0) + row.over_kg)
            cover_kg[row.movement] = Kilograms(cover_kg.get(row.movement, 0) + row.cover_kg)
            changes = ((row.source, row.over_kg), (row.target, -row.cover_kg))
            target = row.target
        else:
            changes = ((row.account, row.debt_kg if row.side is Side.IN else -row.debt_kg),)
            target = row.account
        debts += [
            DebtChange(account, row.act, seq, row.movement, kg, target, row.occurred_at, cause)
            for account, kg in changes
            if kg
        ]
    after, root = await seal(connection, head, rows[-1].act, leaves, sign=sign)
    return await _with_episodes(connection, head, after, root, debts, over_kg=over_kg, cover_kg=cover_kg)


async def _with_episodes(
    connection: Connection,
    before: Head,
    after: Head,
    root: bytes,
    debts: Sequence[DebtChange],
    *,
    over_kg: dict[UUID, Kilograms],
    cover_kg: dict[UUID, Kilograms],
) -> Posted:
    """What every batch ends with: the overdraws that it moved."""
    moved = await keep_episodes(connection, debts, recorded_at=after.recorded_at)
    return Posted(
        since=before.seq,
        seq=after.seq,
        act=after.act,
        recorded_at=after.recorded_at,
        root=root,
        over_kg=over_kg,
        cover_kg=cover_kg,
        opened=[episode for episode in moved if episode.opened_act > before.act],
        closed=[episode for episode in moved if not episode.is_open],
        debts={episode.account: episode.debt_kg for episode in moved},
        sent_back=after.sent_back,
        some_owe=after.owing > 0,
    )


def _acts(head: Head, movements: Iterable[Movement]) -> list[int]:
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
