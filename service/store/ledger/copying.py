"""Plain legs on their way into the table: one binary COPY, which costs the server half of what an INSERT does."""

import struct
from collections.abc import Mapping, Sequence

from service.db import Connection
from service.domain.books import Ends
from service.domain.evidence import leaf_of_leg, microseconds
from service.domain.ledger import Movement
from service.store.copying import copy_into

COLUMNS = (
    "seq", "act", "movement", "source", "source_lo", "source_kg", "target", "target_lo", "target_kg",
    "over_kg", "cover_kg", "source_behind", "target_behind", "occurred_at", "fact", "leaf",
)  # fmt: skip

_ROW = struct.Struct(">h" + "iq" * 2 + "i16s" + "iq" * 8 + "i?" * 2 + "iq" + "i32s" * 2)
_SINCE_1970 = (
    946_684_800_000_000  # microseconds from 1970, from where leaves count, to 2000, from where PostgreSQL does
)


async def copy_legs(
    connection: Connection,
    size: int,
    acts: Sequence[int],
    movements: Sequence[Movement],
    ends: Mapping[int, Ends],
    laid: Sequence[tuple[int, int, int, int]],
) -> list[bytes]:
    """Write the legs of plain books behind the first `size` rows of the log, and give their leaves; under the head's lock."""
    leaves = []
    rows = []
    for seq, (act, movement, (source_lo, target_lo, over_kg, cover_kg)) in enumerate(
        zip(acts, movements, laid, strict=True), size + 1
    ):
        id_, source, target, fact = movement.id.bytes, movement.source, movement.target, movement.fact
        kg, target_kg, at = movement.kg, movement.target_kg, microseconds(movement.occurred_at)
        source_mark, target_mark = ends[source].mark, ends[target].mark
        leaf = leaf_of_leg(
            seq, act, id_, source_mark, source_lo, kg, target_mark, target_lo, target_kg, over_kg, cover_kg, 0, at, fact
        )
        leaves.append(leaf)
        rows.append(
            _ROW.pack(
                16,
                8,
                seq,
                8,
                act,
                16,
                id_,
                8,
                source,
                8,
                source_lo,
                8,
                kg,
                8,
                target,
                8,
                target_lo,
                8,
                target_kg,
                8,
                over_kg,
                8,
                cover_kg,
                1,
                False,
                1,
                False,
                8,
                at - _SINCE_1970,
                32,
                fact,
                32,
                leaf,
            )
        )
    await copy_into(connection, "leg", COLUMNS, rows)
    return leaves
