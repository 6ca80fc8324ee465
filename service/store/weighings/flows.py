"""What still stands in the ledger of what was posted for weighings."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from service.db import Connection
from service.domain.ledger import AccountKey
from service.domain.units import Kilograms
from service.domain.values import dataclass
from service.store.accounts import keys_of
from service.store.sentences import sentences

SQL = sentences("weighings")


@dataclass(frozen=True, slots=True)
class Flow:
    """What still stands of a movement that was posted for a weighing."""

    movement_id: UUID
    source: int | AccountKey
    target: int | AccountKey
    kg: Kilograms


async def find_flows(
    connection: Connection, weighing_ids: Mapping[UUID, Sequence[UUID]]
) -> tuple[dict[UUID, list[Flow]], dict[AccountKey, int]]:
    """What still stands of each weighing's movements, in the order of record; and the ids of the accounts they join."""
    owners: dict[UUID, UUID] = {}
    for id_, movement_ids in weighing_ids.items():
        for movement_id in movement_ids:
            # What came back names the movements of the load that it was taken from, too: those stay the load's.
            owners.setdefault(movement_id, id_)
    flows: dict[UUID, list[Flow]] = {}
    rows = await connection.fetch(SQL["find_flows"], list(owners))
    for row in rows:
        flow = Flow(row["movement"], row["source"], row["target"], Kilograms(row["kg"]))
        flows.setdefault(owners[row["movement"]], []).append(flow)
    keys = await keys_of(connection, {row[end] for row in rows for end in ("source", "target")})
    return flows, {key: id_ for id_, key in keys.items()}
