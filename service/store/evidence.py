"""The logs as outsiders check them: checkpoints, entries, and the nodes from which proofs are made."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db import Connection
from service.domain.evidence import ORIGIN, TILE_LEVELS, HoleEntry, LegEntry, Node, perfect_root
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("evidence")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed root over the first `size` entries."""

    size: int
    recorded_at: datetime
    root: bytes
    key_id: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """One of the service's logs: the name that its checkpoints begin with, and the sentences that read it."""

    origin: str
    sentences: Mapping[str, str]


LEDGER = Log(ORIGIN, SQL)


async def find_checkpoint(connection: Connection, size: int | None = None, log: Log = LEDGER) -> Checkpoint | None:
    """The newest checkpoint of a log, or the one of a size."""
    row = await connection.fetchrow(log.sentences["last_checkpoint"], size)
    return None if row is None else Checkpoint(**row)


async def find_entries(connection: Connection, movement: UUID, *, actor: Actor) -> list[LegEntry | HoleEntry]:
    """The entries of a movement that the actor may know of, in order of seq."""
    if not await connection.fetchval(SQL["may_know"], movement, actor.area, actor.enterprise_id, actor.station_id):
        return []
    legs = [LegEntry(**row) for row in await connection.fetch(SQL["legs_of"], movement)]
    holes = [HoleEntry(**row) for row in await connection.fetch(SQL["holes_of"], movement)]
    return sorted([*legs, *holes], key=lambda entry: entry.seq)


async def find_nodes(connection: Connection, needed: Collection[Node], log: Log = LEDGER) -> dict[Node, bytes]:
    """The roots of perfect subtrees of a log, each from at most 255 leaves or kept nodes below it."""
    leaves: list[Node] = []
    kept: list[Node] = []
    for node in set(needed):
        (leaves if node[0] < TILE_LEVELS else kept).append(node)
    found = {}
    if leaves:
        ranges = [_range(level, index, 0) for level, index in leaves]
        rows = await connection.fetch(
            log.sentences["leaves"], [lo + 1 for lo, _ in ranges], [hi + 1 for _, hi in ranges]
        )
        by_seq = {row["seq"]: row["leaf"] for row in rows}
        for node, (lo, hi) in zip(leaves, ranges, strict=True):
            found[node] = perfect_root([by_seq[index + 1] for index in range(lo, hi)])
    if kept:
        levels = [level - level % TILE_LEVELS for level, _ in kept]
        ranges = [_range(level, index, below) for (level, index), below in zip(kept, levels, strict=True)]
        rows = await connection.fetch(
            log.sentences["nodes"], levels, [lo for lo, _ in ranges], [hi for _, hi in ranges]
        )
        by_place = {(row["level"], row["index"]): row["hash"] for row in rows}
        for node, below, (lo, hi) in zip(kept, levels, ranges, strict=True):
            found[node] = perfect_root([by_place[below, index] for index in range(lo, hi)])
    return found


def _range(level: int, index: int, below: int) -> tuple[int, int]:
    return index << level - below, (index + 1) << level - below
