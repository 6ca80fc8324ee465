"""Plain legs as one binary value: what their leaves bind, in records of fixed length, which `post` in ledger.sql takes apart."""

from collections.abc import Mapping, Sequence
from struct import Struct

from service.domain.books import Ends, Laid
from service.domain.evidence import LEG, VERSION_1, leaf, microseconds
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
    pack, pack_accounts = LEG.pack, _ACCOUNTS.pack
    leaves = []
    packed: list[bytes] = []
    for seq, (act, movement, (source_lo, target_lo, over_kg, cover_kg)) in enumerate(
        zip(acts, movements, laid, strict=True), size + 1
    ):
        source, target, kg = movement.source, movement.target, movement.kg
        made_kg = movement.made_kg
        bound = pack(
            VERSION_1,
            b"L",
            seq,
            act,
            movement.id.bytes,
            ends[source].mark,
            source_lo,
            kg,
            ends[target].mark,
            target_lo,
            kg if made_kg is None else made_kg,
            over_kg,
            cover_kg,
            0,
            microseconds(movement.occurred_at),
            movement.fact,
        )
        found = leaf(bound)
        leaves.append(found)
        packed += (bound, pack_accounts(source, target), found)
    return b"".join(packed), leaves
