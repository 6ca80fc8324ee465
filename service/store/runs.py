"""Runs of plants: what was filed of them, and the lots that their products are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.permissions import Actor
from service.domain.runs import Books, Input, Line, Output, OutputKind, Run
from service.domain.units import Kilograms
from service.store.provenance import Moment
from service.store.sentences import sentences

SQL = sentences("runs")


async def share_line(connection: Connection, line_id: UUID, enterprise_id: UUID) -> Line | None:
    """A line of a firm, which nobody edits before this transaction ends."""
    row = await connection.fetchrow(SQL["find_line"], line_id, enterprise_id)
    if row is None:
        return None
    return Line(
        row["id"],
        row["enterprise_id"],
        row["version"],
        row["kind"],
        row["status"],
        row["ore_per_product"],
    )


async def find_by_number(connection: Connection, enterprise_id: UUID, number: str) -> tuple[UUID, Run] | None:
    """The run that a firm numbered so, as it was settled, with its id."""
    row = await connection.fetchrow(SQL["find_by_number"], enterprise_id, number)
    if row is None:
        return None
    run = Run(
        number,
        enterprise_id,
        row["line_id"],
        row["ran_on"],
        tuple(Input(lot_id, Kilograms(kg)) for lot_id, kg in zip(row["lots"], row["input_kgs"], strict=True)),
        tuple(
            Output(OutputKind(kind), name, Kilograms(kg), Kilograms(ore_kg))
            for kind, name, kg, ore_kg in zip(
                row["kinds"], row["names"], row["output_kgs"], row["ore_kgs"], strict=True
            )
        ),
        Kilograms(row["lost_kg"]),
    )
    return row["id"], run


async def add_run(
    connection: Connection,
    run_id: UUID,
    run: Run,
    line: Line,
    account: int,
    *,
    flags: Sequence[str],
    movement_ids: Sequence[UUID],
    fact: bytes,
    person_id: UUID,
    at: datetime,
) -> bool:
    """Record a settled run; False where its number was taken meanwhile."""
    made = await connection.fetchval(
        SQL["add"],
        run_id,
        run.number,
        run.enterprise_id,
        line.id,
        line.version,
        line.ore_per_product,
        run.ran_on,
        account,
        run.in_kg,
        run.lost_kg,
        flags,
        movement_ids,
        at,
        person_id,
        fact,
    )
    if made is None:
        return False
    await connection.execute(
        SQL["add_inputs"], run_id, [part.lot_id for part in run.inputs], [part.kg for part in run.inputs]
    )
    return True


async def add_products(
    connection: Connection, run_id: UUID, run: Run, output_ids: Sequence[UUID], books: Books, *, at: datetime
) -> None:
    """Record what a run made: each output is a lot of the firm's from now on."""
    await connection.execute(
        SQL["add_outputs"],
        run_id,
        output_ids,
        [output.kind.value for output in run.outputs],
        [output.name for output in run.outputs],
        [output.kg for output in run.outputs],
        [output.ore_kg for output in run.outputs],
        list(books.products),
        run.enterprise_id,
        run.ran_on.year,
        at,
        [uuid7() for _ in run.outputs],
    )


async def lock_run(connection: Connection, run_id: UUID, enterprise_id: UUID) -> Record | None:
    """A firm's run, locked until it is voided."""
    return await connection.fetchrow(SQL["lock"], run_id, enterprise_id)


async def void_run(connection: Connection, run_id: UUID, reason: str, *, at: datetime) -> None:
    """Note that a run does not stand any more."""
    await connection.execute(SQL["void"], run_id, at, reason)


async def list_runs(
    connection: Connection,
    *,
    run_id: UUID | None = None,
    line_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> Sequence[Record]:
    """The runs of the office's area or of the enterprise, newest first, with what went in and came out."""
    return await connection.fetch(SQL["list"], run_id, actor.seen_area, actor.enterprise_id, line_id, after, limit)


async def find_run(connection: Connection, run_id: UUID, past: Moment | None, *, actor: Actor) -> dict[str, Any] | None:
    """A run that the actor may know of, now or as it stood then: nothing of it changes, but that it was voided since."""
    rows = await list_runs(connection, run_id=run_id, actor=actor)
    if not rows or (past is not None and rows[0]["filed_at"] > past.at):
        return None
    found = dict(rows[0])
    if past is not None and found["voided_at"] is not None and found["voided_at"] > past.at:
        found |= {"voided_at": None, "void_reason": None}
    return found


async def product_account(
    connection: Connection, product_id: UUID, as_of: datetime | None, *, actor: Actor
) -> int | None:
    """The account of a product that the actor might see then."""
    account: int | None = await connection.fetchval(
        SQL["product_account"], product_id, actor.seen_area, actor.enterprise_id, as_of
    )
    return account
