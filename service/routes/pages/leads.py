"""Where what a walk names has a page of its own: the mines, lots, loads and runs that its reader may open."""

from collections.abc import Collection, Sequence
from uuid import UUID

from service.db import Connection
from service.domain.permissions import Actor
from service.routes.provenance import MOST_NAMED, StepOut
from service.store import pages as reads


async def leads(connection: Connection, accounts: Collection[int], *, actor: Actor) -> dict[int, str]:
    """The addresses of the pages of accounts."""
    found = await reads.pages_of(connection, accounts, actor=actor)
    return {row["account"]: f"/{row['slice']}/{row['id']}" for row in found}


async def leads_of(connection: Connection, steps: Sequence[StepOut], *, actor: Actor) -> dict[int, str]:
    """The addresses of the pages of what stands at both ends of those steps of a walk that a page lists."""
    listed = steps[:MOST_NAMED]
    return await leads(
        connection, {end for step in listed for end in (step.source_account, step.target_account)}, actor=actor
    )


async def mines_to_open(connection: Connection, *, actor: Actor) -> set[UUID]:
    """The mines whose pages the reader may open."""
    return {mine["id"] for mine in await reads.list_mines(connection, actor=actor)}
