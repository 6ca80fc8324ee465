"""Plain legs as one value: what their leaves bind, in a row, which the posting sentence reads with a ruler."""

from collections.abc import Mapping, Sequence
from struct import Struct

from service.domain.books import Ends, Laid
from service.domain.evidence import bound_by_leg, leaf, microseconds
from service.domain.ledger import Movement

_ACCOUNTS = Struct(">qq")


def pack_legs(
    size: int,
    acts: Sequence[int],
    movements: Sequence[Movement],
    ends: Mapping[int, Ends],
    laid: Sequence[Laid],
) -> tuple[bytes, list[bytes]]:
    """The legs of plain books behind the first `size` rows of the log, as `post` reads them, and their leaves."""
    leaves = []
    packed: list[bytes] = []
    for seq, (act, movement, (source_lo, target_lo, over_kg, cover_kg)) in enumerate(
        zip(acts, movements, laid, strict=True), size + 1
    ):
        source, target = movement.source, movement.target
        bound = bound_by_leg(
            seq,
            act,
            movement.id.bytes,
            ends[source].mark,
            source_lo,
            movement.kg,
            ends[target].mark,
            target_lo,
            movement.target_kg,
            over_kg,
            cover_kg,
            0,
            microseconds(movement.occurred_at),
            movement.fact,
        )
        found = leaf(bound)
        leaves.append(found)
        packed += (bound, _ACCOUNTS.pack(source, target), found)
    return b"".join(packed), leaves
