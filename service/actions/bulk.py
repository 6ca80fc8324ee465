"""Filing many at once: each row is a deed of its own, so that one that is refused holds up no other (§10)."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from service.actions.tickets import Order, issue_tickets
from service.db import Connection, Database
from service.domain.bulk import RowOutcome, RowStatus
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.refusals import Busy, Refusal
from service.domain.tickets import Wish
from service.keys import KeyRing
from service.store import bulk, contracts, idempotency

TICKETS_AT_ONCE = 250
TRIES = 3
DOOR = "bulk tickets"

FileOne = Callable[[Connection], Awaitable[tuple[UUID, bool]]]


class _OnlyTried(Exception):
    """Ends a transaction that is not to be kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that could be read, and the deed that it asks for; the deed gives an id, and whether something is new."""

    number: int
    deed: FileOne


async def file_rows(database: Database, rows: Sequence[Row], *, dry_run: bool) -> list[RowOutcome]:
    """File row by row, each in a transaction of its own; a dry run does all of it and keeps nothing.

    One transaction for all would hold the ledger's head while thousands of rows are judged, and every scale would wait.
    """
    return [await _file_row(database, row, dry_run=dry_run) for row in rows]


async def _file_row(database: Database, row: Row, *, dry_run: bool) -> RowOutcome:
    outcome = RowOutcome(row.number, RowStatus.REFUSED, refusal=Busy())
    for _ in range(TRIES):
        try:
            async with database.transaction() as connection:
                subject_id, is_new = await row.deed(connection)
                status = RowStatus.DONE if is_new else RowStatus.UNCHANGED
                outcome = RowOutcome(row.number, status, subject_id if not (dry_run and is_new) else None)
                if dry_run:
                    raise _OnlyTried
        except _OnlyTried:
            return outcome
        except Refusal as refusal:
            return RowOutcome(row.number, RowStatus.REFUSED, refusal=refusal)
        except asyncpg.TransactionRollbackError:  # two who wait for each other: one of them is asked to try again
            continue
        return outcome
    return outcome


async def version_filed(connection: Connection, seller_id: UUID, number: str, firm: UUID) -> int:
    """The version that a firm has filed of a contract; 0 before the first."""
    found = await bulk.contracts_by_number(connection, [seller_id], [number])
    if not found:
        return 0
    contract_id = found[seller_id, number]["id"]
    known = (await contracts.newest_filings(connection, [contract_id]))[contract_id]
    return next((filing.version for filing in known if filing.enterprise_id == firm), 0)


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
    outcomes: list[RowOutcome] = []
    for first in range(0, len(rows), TICKETS_AT_ONCE):
        part = [(number, wish, mark) for (number, wish), mark in zip(rows, marks, strict=True)][
            first : first + TICKETS_AT_ONCE
        ]
        try:
            async with database.transaction() as connection:
                told = await _issue_part(connection, part, at=at, keys=keys, policies=policies, actor=actor)
                if dry_run:
                    raise _OnlyTried
        except _OnlyTried:
            told = [RowOutcome(one.row, one.status, refusal=one.refusal) for one in told]
        except asyncpg.TransactionRollbackError:
            told = [RowOutcome(number, RowStatus.REFUSED, refusal=Busy()) for number, _, _ in part]
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
    outcomes: dict[int, RowOutcome] = {}
    fresh = []
    for number, wish, mark in part:
        if not await idempotency.claim(connection, actor.scope, DOOR, mark):
            outcomes[number] = RowOutcome(number, RowStatus.REFUSED, refusal=Busy())
        elif known := await idempotency.find(connection, actor.scope, DOOR, mark):
            outcomes[number] = RowOutcome(number, RowStatus.UNCHANGED, UUID(known["answer"]))
        else:
            fresh.append((number, wish, mark))
    orders = [Order(actor, wish) for _, wish, _ in fresh]
    issued = await issue_tickets(connection, orders, at=at, keys=keys, policies=policies) if orders else []
    for (number, _, mark), made in zip(fresh, issued, strict=True):
        if isinstance(made, Refusal):
            outcomes[number] = RowOutcome(number, RowStatus.REFUSED, refusal=made)
        else:
            outcomes[number] = RowOutcome(number, RowStatus.DONE, made)
            body = hashlib.sha256(mark.encode()).digest()
            await idempotency.keep(connection, actor.scope, DOOR, mark, body, 201, str(made), at=at)
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
