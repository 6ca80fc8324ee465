"""The books and tickets of a batch, locked before anything is read of them."""

import re
from collections.abc import Collection, Iterable
from typing import Any
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
    return [_station_and_book(one) for one in row["books"]], [tickets.ticket_and_journey(one) for one in row["tickets"]]


def _station_and_book(row: Iterable[Any]) -> tuple[Station, Sequences]:
    id_, jurisdiction, mine_id, enterprise_id, latitude, longitude, seen, repeated, is_stopped, last_at = row
    where = None if latitude is None else (latitude, longitude)
    ranges = [(int(lo), int(hi)) for lo, hi in _SPAN.findall(seen)]
    station = Station(id_, jurisdiction, mine_id, enterprise_id, where, is_stopped)
    return station, Sequences(ranges, repeated, last_at)
