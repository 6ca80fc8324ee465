"""The books and tickets of a batch, locked before anything is read of them."""

import re
from collections.abc import Collection
from uuid import UUID

from service.db import Connection
from service.domain.tickets import Journey, Ticket
from service.domain.weighings import Naming, Sequences, Station
from service.store import tickets
from service.store.copying import array_of
from service.store.sentences import sentences

SQL = sentences("weighings")
_SPAN = re.compile(r"\[(-?\d+),(-?\d+)\)")


async def lock(
    connection: Connection, station_ids: Collection[UUID], namings: Collection[Naming]
) -> tuple[list[tuple[Station, Sequences]], list[tuple[Ticket, Journey]]]:
    """The stations with their sequence numbers, and the tickets that texts name, locked in this order."""
    asked = (array_of(station_ids), *tickets.ids_and_numbers(namings))
    row = await connection.fetchrow(SQL["lock"], *asked)
    if row is None or len(row["books"]) < len(station_ids):
        await connection.execute(SQL["open_station_books"], station_ids)
        row = await connection.fetchrow(SQL["lock"], *asked)
    assert row is not None, "it is one row"
    books = [
        (
            Station(
                id_, jurisdiction, mine_id, enterprise_id, None if latitude is None else (latitude, longitude), stopped
            ),
            Sequences([(int(lo), int(hi)) for lo, hi in _SPAN.findall(seen)], repeated, last_at),
        )
        for id_, jurisdiction, mine_id, enterprise_id, latitude, longitude, seen, repeated, stopped, last_at in row[
            "books"
        ]
    ]
    return books, [tickets.ticket_and_journey(one) for one in row["tickets"]]
