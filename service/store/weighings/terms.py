"""The contracts under which loads travel, and the mines, projects and declared stocks that they come from."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from service.db import Connection
from service.domain.units import Kilograms
from service.domain.weighings import Source, Terms
from service.store import pledges
from service.store.sentences import sentences

SQL = sentences("weighings")
_NOTHING = (None, None, None)


async def lock_terms(connection: Connection, contract_ids: Collection[UUID]) -> dict[UUID, Terms]:
    """The contracts, locked in the order of their ids, with the pledges of those that sell from stock."""
    if not contract_ids:
        return {}
    return await terms_of(connection, await connection.fetch(SQL["find_terms"], contract_ids))


async def terms_of(connection: Connection, rows: Iterable[Iterable[Any]]) -> dict[UUID, Terms]:
    """The contracts that a sentence has locked, with their pledges."""
    contracts = [tuple(row) for row in rows]
    from_stock = [id_ for id_, *_, mine_id in contracts if mine_id is None]
    in_force = await pledges.pledges_of(connection, from_stock) if from_stock else {}
    drawn = {}
    if from_stock:
        drawn = {
            id_: (proof, last, taken)
            for id_, proof, last, taken in await connection.fetch(SQL["find_draws"], from_stock)
        }
    return {
        id_: Terms(
            id=id_,
            kg=Kilograms(kg),
            shipped_kg=Kilograms(shipped_kg),
            received_kg=Kilograms(received_kg),
            valid_until=valid_until,
            due_on=due_on,
            is_filed=state in ("filed", "closed"),
            is_closed=state == "closed",
            pledges=tuple(in_force[id_]) if id_ in in_force else None,
            proof_id=drawn.get(id_, _NOTHING)[0],
            last_left_at=drawn.get(id_, _NOTHING)[1],
            taken_back_at=drawn.get(id_, _NOTHING)[2],
        )
        for id_, kg, shipped_kg, received_kg, valid_until, due_on, state, _ in contracts
    }


async def find_sources(connection: Connection, loads: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], Source]:
    """The mines, projects and declared stocks of loads, by their ids and quota year."""
    if not loads:
        return {}
    return sources_of(
        await connection.fetch(SQL["find_sources"], [source for source, _ in loads], [year for _, year in loads])
    )


def sources_of(rows: Iterable[Iterable[Any]]) -> dict[tuple[UUID, int], Source]:
    """The sources that a sentence has found."""
    return {
        (id_, year): Source(valid_until, consolidated, has_tranche)
        for id_, year, valid_until, consolidated, has_tranche in rows
    }
