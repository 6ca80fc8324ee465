"""Filing many at once: each row is judged on its own, so that one that is refused holds up no other (§10)."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

import orjson

from service.actions import contracts, slips
from service.actions import tickets as issuing
from service.batcher import parts
from service.db import Connection, Database
from service.domain.bulk import RowOutcome, RowStatus
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import Busy, Refusal
from service.domain.tickets import Wish
from service.keys import KeyRing
from service.retrying import RolledBack, retried
from service.store import idempotency
from service.store.idempotency import Kept, Mark
from service.store.ledger import Signer

TICKETS_AT_ONCE = 250
PAPERS_AT_ONCE = 200
DOOR = "bulk tickets"

Asked = TypeVar("Asked", contracts.Order, slips.Order)
Row = TypeVar("Row")
Done = TypeVar("Done")
Told = tuple[UUID, bool] | Refusal
"""What became of a row: what it is about and whether it said anything new, or why it is refused."""


class _OnlyTried(Exception):
    """Ends a transaction that is not to be kept."""


async def file_contract_rows(
    database: Database,
    rows: Sequence[tuple[int, contracts.Order]],
    *,
    dry_run: bool,
    at: datetime,
    policies: Policies,
) -> list[RowOutcome]:
    """File the side of the contract of each row."""

    async def file(connection: Connection, part: Sequence[contracts.Order]) -> list[Told]:
        done = await contracts.file_contracts(connection, part, at=at, policies=policies)
        return [one if isinstance(one, Refusal) else (one.contract_id, one.is_new) for one in done]

    return await _file(database, rows, file, dry_run=dry_run)


async def file_slip_rows(
    database: Database,
    rows: Sequence[tuple[int, slips.Order]],
    *,
    dry_run: bool,
    at: datetime,
    sign: Signer,
    policies: Policies,
) -> list[RowOutcome]:
    """File the handover slip of each row."""

    async def file(connection: Connection, part: Sequence[slips.Order]) -> list[Told]:
        return list(await slips.file_slips(connection, part, at=at, sign=sign, policies=policies))

    return await _file(database, rows, file, dry_run=dry_run)


async def _file(
    database: Database,
    rows: Sequence[tuple[int, Asked]],
    file: Callable[[Connection, Sequence[Asked]], Awaitable[list[Told]]],
    *,
    dry_run: bool,
) -> list[RowOutcome]:
    """File rows some at a time, each number once in a transaction; a dry run does all of it and keeps nothing.

    One transaction for all would hold the ledger's head while thousands of rows are judged, and every scale would wait.
    """
    outcomes: list[RowOutcome] = []
    for part in parts(rows, lambda row: (row[1].key,), at_most=PAPERS_AT_ONCE):
        try:
            told = await _done(database, file, [asked for _, asked in part], dry_run=dry_run)
        except RolledBack:
            told = [Busy() for _ in part]
        outcomes += [_outcome(number, one, dry_run=dry_run) for (number, _), one in zip(part, told, strict=True)]
    return outcomes


async def _done(
    database: Database,
    work: Callable[[Connection, Sequence[Row]], Awaitable[list[Done]]],
    part: Sequence[Row],
    *,
    dry_run: bool,
) -> list[Done]:
    """What becomes of some rows in a transaction of their own, which a dry run does not keep. Raises RolledBack."""

    async def do() -> list[Done]:
        try:
            async with database.transaction() as connection:
                done = await work(connection, part)
                if dry_run:
                    raise _OnlyTried
        except _OnlyTried:
            pass
        return done

    return await retried(do)


def _outcome(number: int, told: Told, *, dry_run: bool) -> RowOutcome:
    if isinstance(told, Refusal):
        return RowOutcome(number, RowStatus.REFUSED, refusal=told)
    subject_id, is_new = told
    return RowOutcome(
        number, RowStatus.DONE if is_new else RowStatus.UNCHANGED, None if dry_run and is_new else subject_id
    )


async def issue_rows(
    database: Database,
    rows: Sequence[tuple[int, Wish]],
    *,
    dry_run: bool,
    at: datetime,
    keys: KeyRing,
    policies: Policies,
    actor: Actor,
) -> list[RowOutcome]:
    """Issue a ticket for each row, once: the same row of the same sheet sent again is the same ticket for 30 days."""
    marks = _marks([wish for _, wish in rows])
    issue = partial(_issue_part, at=at, keys=keys, policies=policies, actor=actor)
    outcomes: list[RowOutcome] = []
    for first in range(0, len(rows), TICKETS_AT_ONCE):
        part = [(number, wish, mark) for (number, wish), mark in zip(rows, marks, strict=True)][
            first : first + TICKETS_AT_ONCE
        ]
        try:
            told = await _done(database, issue, part, dry_run=dry_run)
        except RolledBack:
            told = [RowOutcome(number, RowStatus.REFUSED, refusal=Busy()) for number, _, _ in part]
        if dry_run:
            told = [RowOutcome(one.row, one.status, refusal=one.refusal) for one in told]
        outcomes += told
    return outcomes


async def _issue_part(
    connection: Connection,
    part: Sequence[tuple[int, Wish, str]],
    *,
    at: datetime,
    keys: KeyRing,
    policies: Policies,
    actor: Actor,
) -> list[RowOutcome]:
    marks = [Mark(actor.scope, DOOR, mark) for _, _, mark in part]
    claimed = await idempotency.claim(connection, marks)
    kept = await idempotency.find(connection, claimed)
    outcomes: dict[int, RowOutcome] = {}
    fresh = []
    for (number, wish, _), mark in zip(part, marks, strict=True):
        if mark not in claimed:
            outcomes[number] = RowOutcome(number, RowStatus.REFUSED, refusal=Busy())
        elif known := kept.get(mark):
            outcomes[number] = RowOutcome(number, RowStatus.UNCHANGED, UUID(known.answer))
        else:
            fresh.append((number, wish, mark))
    orders = [issuing.Order(actor, wish) for _, wish, _ in fresh]
    issued = await issuing.issue_tickets(connection, orders, at=at, keys=keys, policies=policies) if orders else []
    answered = []
    for (number, _, mark), made in zip(fresh, issued, strict=True):
        if isinstance(made, Refusal):
            outcomes[number] = RowOutcome(number, RowStatus.REFUSED, refusal=made)
        else:
            outcomes[number] = RowOutcome(number, RowStatus.DONE, made)
            answered.append((mark, Kept(hashlib.sha256(mark.key.encode()).digest(), 201, str(made))))
    await idempotency.keep(connection, answered, at=at)
    return [outcomes[number] for number, _, _ in part]


def _marks(wishes: Sequence[Wish]) -> list[str]:
    """What names each row for ever: what it says, and which of its like it is."""
    seen: dict[bytes, int] = {}
    marks = []
    for wish in wishes:
        said = hashlib.sha256(orjson.dumps(wish, default=str)).digest()
        seen[said] = seen.get(said, 0) + 1
        marks.append(f"{said.hex()}-{seen[said]}")
    return marks
