"""Pledges: the lots that contracts' proofs have in force, and how much of them loads can still draw."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.proofs import Pledge, undrawn
from service.domain.units import Kilograms
from service.store.provenance import Moment
from service.store.sentences import sentences
from service.store.tickets import shipped_at

SQL = sentences("pledges")


async def pledges_of(
    connection: Connection, contract_ids: Collection[UUID], past: Moment | None = None
) -> dict[UUID, list[Pledge]]:
    """The pledges of each contract that are or were in force, in the order of its proof; none for a contract from a mine."""
    pledges: dict[UUID, list[Pledge]] = {contract_id: [] for contract_id in contract_ids}
    for row in await connection.fetch(SQL["in_force"], list(contract_ids), past and past.at):
        pledges[row["contract_id"]].append(_pledge(row))
    return pledges


async def proofs_so_far(
    connection: Connection, contract_id: UUID, shipped_kg: Kilograms
) -> list[tuple[list[Pledge], Kilograms]]:
    """The proofs that a contract has had, each with what was shipped when it ended, or until now."""
    proofs: list[tuple[list[Pledge], Kilograms]] = []
    for row in await connection.fetch(SQL["history"], contract_id):
        if row["position"] == 0:
            until = row["until_kg"]
            proofs.append(([], shipped_kg if until is None else Kilograms(until)))
        proofs[-1][0].append(_pledge(row))
    return proofs


async def pledged_of(
    connection: Connection, lot_ids: Collection[UUID], past: Moment | None = None
) -> dict[UUID, Kilograms]:
    """What loads can still draw of each lot under all the pledges in force, now or then; never more than was there to pledge."""
    pledged = dict.fromkeys(lot_ids, Kilograms(0))
    if past is None:
        rows = await connection.fetch(SQL["on_lots"], list(lot_ids))
        shipped: Mapping[UUID, Kilograms] = {row["contract_id"]: row["shipped_kg"] for row in rows}
    else:
        rows = await connection.fetch(SQL["on_lots_at"], list(lot_ids), past.at)
        shipped = await shipped_at(connection, {row["contract_id"] for row in rows}, past)
    for contract_id, group in groupby(rows, key=lambda row: row["contract_id"]):
        for pledge, rest_kg in undrawn([_pledge(row) for row in group], shipped.get(contract_id, Kilograms(0))):
            if pledge.lot_id in pledged:
                pledged[pledge.lot_id] = Kilograms(pledged[pledge.lot_id] + rest_kg)
    return pledged


async def release(connection: Connection, contract_id: UUID, shipped_kg: Kilograms, *, at: datetime) -> None:
    """End a contract's pledges: what was not drawn is free for others."""
    await connection.execute(SQL["release"], contract_id, shipped_kg, at)


async def add_pledges(connection: Connection, contract_id: UUID, filing_id: UUID, pledges: Sequence[Pledge]) -> None:
    """Put the proof of a filing into force."""
    await connection.execute(
        SQL["add"],
        contract_id,
        filing_id,
        [uuid7() for _ in pledges],
        [pledge.lot_id for pledge in pledges],
        [pledge.kg for pledge in pledges],
        [pledge.excess_kg for pledge in pledges],
        [pledge.drawn_kg for pledge in pledges],
        [pledge.since_kg for pledge in pledges],
    )


def _pledge(row: Record) -> Pledge:
    return Pledge(
        lot_id=row["lot_id"],
        account=row["account"],
        kg=row["kg"],
        excess_kg=row["excess_kg"],
        drawn_kg=row["drawn_kg"],
        since_kg=row["since_kg"],
    )
