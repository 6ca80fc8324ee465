"""Lots that have passed on more than they keep, since a load of theirs was refused, or came back (W10)."""

from datetime import datetime

from service.db import Connection
from service.domain.alerts import Alert, Flag
from service.store import alerts, lots
from service.store.ledger import balances


async def watch_refused_lots(connection: Connection, *, at: datetime) -> None:
    """Flag the lots that owe since then, and settle those that owe no more: as the book stands, however it came to that."""
    found = await lots.refused_lots(connection)
    books = await balances(connection, [lot["account"] for lot in found])
    owed = {lot["id"]: books[lot["account"]].out_kg - books[lot["account"]].in_kg for lot in found}
    opened = [
        Alert(
            Flag.WEIGHT_GAP,
            "lot",
            str(lot["id"]),
            lot["jurisdiction"],
            (lot["holder_id"],),
            at,
            {"kg": owed[lot["id"]]},
        )
        for lot in found
        if owed[lot["id"]] > 0
    ]
    await alerts.open_alerts(connection, opened, at=at)
    at_rest = [(Flag.WEIGHT_GAP, "lot", str(id_)) for id_, kg in owed.items() if kg <= 0]
    await alerts.settle_alerts(connection, at_rest, at=at)
