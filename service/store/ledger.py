"""The ledger's rows: what is posted, cut, given back and replaced, under the head's lock and a signed checkpoint."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain import books, evidence
from service.domain.books import Book, Row
from service.domain.ledger import (
    AccountKind,
    Hole,
    Leg,
    Movement,
    NothingToVoid,
    NotReplaceable,
    Part,
    Side,
    TooMuchTakenBack,
)
from service.domain.overdraws import Cause, Change, Overdraw, episodes
from service.domain.places import Places
from service.domain.units import Kilograms
from service.store.sentences import sentences

SQL = sentences("ledger")


class Signer(Protocol):
    """The service's key of the day."""

    @property
    def key_id(self) -> int:
        """The number of the key."""

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger ends; `recorded_at` is the time of what is posted next."""

    seq: int
    act: int
    recorded_at: datetime
    frontier: bytes


@dataclass(frozen=True, slots=True)
class Posted:
    """What a batch of acts has done; `seq` is the last one, which is also the size of the checkpoint."""

    seq: int
    act: int
    recorded_at: datetime
    root: bytes
    over_kg: dict[UUID, Kilograms]
    cover_kg: dict[UUID, Kilograms]
    opened: list[Overdraw] = field(default_factory=list)
    closed: list[Overdraw] = field(default_factory=list)
    debts: dict[int, Kilograms] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self.seq


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's live kilograms: what came and went, what lies there, what is owed."""

    in_kg: Kilograms
    out_kg: Kilograms
    stock_kg: Kilograms
    debt_kg: Kilograms


async def lock_head(connection: Connection, *, at: datetime) -> Head:
    """Make all others that would post wait until this transaction ends; an authorising action does so first.

    Documents are locked before, never after. The ledger's time never goes back, whatever the clock says.
    """
    row = await connection.fetchrow(SQL["lock_head"], at)
    assert row is not None, "there is one head"
    return Head(**row)


async def append(connection: Connection, movements: Sequence[Movement], *, at: datetime, sign: Signer) -> Posted:
    """Post movements in order; neighbours of one act are one act."""
    assert movements, "a batch has movements"
    head = await lock_head(connection, at=at)
    acts = _numbers(head, movements)
    accounts = {movement.source for movement in movements} | {movement.target for movement in movements}
    rows = await connection.fetch(
        SQL["append_plain"],
        head.seq,
        [movement.id for movement in movements],
        acts,
        [movement.source for movement in movements],
        [movement.target for movement in movements],
        [movement.kg for movement in movements],
        [movement.target_kg for movement in movements],
        [movement.occurred_at for movement in movements],
        [movement.fact for movement in movements],
        sorted(accounts),
    )
    if not rows:
        found = await _books(connection, accounts)
        return await _write(connection, head, found, books.post(found, zip(acts, movements, strict=True)), sign=sign)

    over_kg = {movement.id: row["over_kg"] for movement, row in zip(movements, rows, strict=True)}
    cover_kg = {movement.id: row["cover_kg"] for movement, row in zip(movements, rows, strict=True)}
    debts = [
        debt
        for seq, (act, movement, row) in enumerate(zip(acts, movements, rows, strict=True), head.seq + 1)
        if row["over_kg"] or row["cover_kg"]
        for debt in (
            _Debt(movement.source, act, seq, movement.id, row["over_kg"], movement.target, movement.occurred_at),
            _Debt(movement.target, act, seq, movement.id, -row["cover_kg"], movement.target, movement.occurred_at),
        )
    ]
    posted = await _seal(connection, head, acts[-1], [row["leaf"] for row in rows], sign=sign)
    return await _keep_episodes(connection, replace(posted, over_kg=over_kg, cover_kg=cover_kg), debts)


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
    found = await _books(connection, _accounts(parts))
    rows = books.cut(found, parts, act=head.act + 1, occurred_at=occurred_at, fact=fact)
    return await _write(connection, head, found, rows, sign=sign, cause=Cause.VOID)


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
    found = await _books(connection, _accounts(parts))
    chosen = _last(books.in_stock(found, parts), kg)
    rows = books.cut(found, chosen, act=head.act + 1, occurred_at=occurred_at, fact=fact)
    return await _write(connection, head, found, rows, sign=sign, cause=Cause.VOID)


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
    found = await _books(connection, _accounts(parts))
    chosen = _last([*books.in_stock(found, parts), *books.passed_on(found, parts)], kg)
    rows = books.cut(found, chosen, act=head.act + 1, occurred_at=occurred_at, fact=fact)
    return await _write(connection, head, found, rows, sign=sign, cause=Cause.CLAW_BACK)


async def replace_movement(
    connection: Connection, replaced: UUID, movement: Movement, *, at: datetime, sign: Signer
) -> Posted:
    """Strike a movement and put another into its places, first places first, as one act (W09)."""
    head = await lock_head(connection, at=at)
    parts = await _live_parts(connection, [replaced])
    if {part.target for part in parts} != {movement.target}:
        raise NotReplaceable(movement=replaced)
    found = await _books(connection, _accounts(parts) | {movement.source})
    act = head.act + 1
    rows = books.cut(found, parts, act=act, occurred_at=movement.occurred_at, fact=movement.fact)
    rows += books.replacement(found, parts, movement, act=act)
    return await _write(connection, head, found, rows, sign=sign, cause=Cause.CORRECTION)


async def balances(
    connection: Connection, accounts: Collection[int], *, as_of: int | None = None
) -> dict[int, Balance]:
    """What accounts hold and owe, now or as of the last seq of an act; a boundary neither holds nor owes."""
    return {
        row["account"]: Balance(
            Kilograms(row["in_kg"]),
            Kilograms(row["out_kg"]),
            Kilograms(_places(row["stock"]).kg),
            Kilograms(_places(row["debt"]).kg),
        )
        for row in await connection.fetch(SQL["books"], sorted(accounts), as_of)
    }


@dataclass(frozen=True, slots=True)
class _Debt:
    """What one row did to an account's debt, on the way to a target."""

    account: int
    act: int
    seq: int
    movement: UUID
    debt_kg: int
    target: int
    occurred_at: datetime


def _numbers(head: Head, movements: Iterable[Movement]) -> list[int]:
    numbers = []
    number, last = head.act, None
    for movement in movements:
        if movement.act != last:
            number, last = number + 1, movement.act
        numbers.append(number)
    return numbers


def _accounts(parts: Iterable[Part]) -> set[int]:
    return {account for part in parts for account in (part.source, part.target)}


def _last(parts: Sequence[Part], kg: Kilograms) -> list[Part]:
    possible_kg = sum(part.target_kg for part in parts)
    if possible_kg < kg:
        raise TooMuchTakenBack(possible_kg=possible_kg, asked_kg=kg)
    return books.last(parts, kg)


def _places(spans: Iterable[Any]) -> Places:
    return Places((span.lower, span.upper) for span in spans)


async def _books(connection: Connection, accounts: Collection[int]) -> dict[int, Book]:
    return {
        row["account"]: Book(
            account=row["account"],
            is_boundary=row["is_boundary"],
            ins=row["ins"],
            outs=row["outs"],
            stock=_places(row["stock"]),
            debt=_places(row["debt"]),
        )
        for row in await connection.fetch(SQL["books"], sorted(accounts), None)
    }


async def _live_parts(connection: Connection, movements: Collection[UUID]) -> list[Part]:
    return [Part(**row) for row in await connection.fetch(SQL["live_parts"], list(movements))]


async def _write(
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
    debts: list[_Debt] = []
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
            _Debt(account, row.act, seq, row.movement, kg, target, row.occurred_at) for account, kg in changes if kg
        ]
    posted = await _seal(connection, head, rows[-1].act, [row["leaf"] for row in written], sign=sign)
    return await _keep_episodes(connection, replace(posted, over_kg=over_kg, cover_kg=cover_kg), debts, cause)


def _columns(rows: Sequence[tuple[int, Row]], kind: type[Row]) -> list[list[Any]]:
    names = [field.name for field in fields(kind)]
    return [[seq for seq, _ in rows], *([getattr(row, name) for _, row in rows] for name in names)]


async def _seal(connection: Connection, head: Head, act: int, leaves: Sequence[bytes], *, sign: Signer) -> Posted:
    seq = head.seq + len(leaves)
    growth = evidence.grow(head.frontier, head.seq, leaves)
    signature = sign.sign(evidence.checkpoint_body(seq, growth.root, head.recorded_at))
    await connection.execute(
        SQL["seal"],
        seq,
        act,
        head.recorded_at,
        growth.frontier,
        growth.root,
        sign.key_id,
        signature,
        [level for level, _ in growth.kept],
        [index for _, index in growth.kept],
        list(growth.kept.values()),
    )
    return Posted(seq, act, head.recorded_at, growth.root, over_kg={}, cover_kg={})


async def _keep_episodes(
    connection: Connection, posted: Posted, debts: Sequence[_Debt], cause: Cause | None = None
) -> Posted:
    """Open, move and close the overdraw episodes of the quota accounts whose debt has changed."""
    debts = [debt for debt in debts if debt.debt_kg]
    if not debts:
        return posted
    accounts = {account for debt in debts for account in (debt.account, debt.target)}
    rows = await connection.fetch(SQL["open_overdraws"], sorted(accounts))
    kinds = {row["account_id"]: AccountKind(row["kind"]) for row in rows}
    names = [field.name for field in fields(Overdraw)]
    found = {
        row["account"]: Overdraw(**{name: row[name] for name in names} | {"cause": Cause(row["cause"])})
        for row in rows
        if row["id"]
    }
    changes = [
        Change(
            debt.account,
            debt.act,
            debt.seq,
            debt.movement,
            debt.debt_kg,
            cause or (Cause.SLIP if kinds[debt.target] is AccountKind.LOT else Cause.LOAD),
            debt.occurred_at,
        )
        for debt in debts
        if kinds[debt.account] is AccountKind.QUOTA
    ]
    touched = [
        replace(episode, id=episode.id or uuid7())
        for episode in episodes(found, changes, recorded_at=posted.recorded_at)
    ]
    if touched:
        await connection.execute(
            SQL["keep_overdraws"], *([getattr(episode, name) for episode in touched] for name in names)
        )
    stored = {episode.id for episode in found.values()}
    return replace(
        posted,
        opened=[episode for episode in touched if episode.id not in stored],
        closed=[episode for episode in touched if not episode.is_open],
        debts={episode.account: episode.debt_kg for episode in touched},
    )
