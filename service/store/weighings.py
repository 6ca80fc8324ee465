"""What the scales said, and what the rules ask about it: one query each for a whole batch."""

import re
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain.policies import Policies
from service.domain.tickets import Journey, Ticket
from service.domain.units import Kilograms
from service.domain.weighings import Direction, Event, Naming, Record, Sequences, Source, Station, Status, Terms
from service.store import pledges, tickets
from service.store.copying import (
    array_of,
    bigint_field,
    boolean_field,
    copy_into,
    integer_field,
    json_field,
    microseconds,
    text_field,
    texts_field,
    uuid_field,
    uuids_field,
)
from service.store.ledger import read_of_ends
from service.store.sentences import sentences

SQL = sentences("weighings")


@dataclass(slots=True)
class Told:
    """A record that is kept, with what became of it."""

    id: UUID
    station_id: UUID
    record_id: UUID
    body_hash: bytes
    status: Status
    duplicate_of: UUID | None = None
    problem: dict[str, Any] | None = None
    flags: list[str] = field(default_factory=list)
    movement_ids: list[UUID] = field(default_factory=list)
    is_over: bool = False


@dataclass(slots=True)
class Line:
    """A record on its way into the book."""

    told: Told
    record: Record
    occurred_at: datetime
    ticket_id: UUID | None
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is no weighing, as it was sent, and why."""

    station_id: UUID
    record_id: UUID
    sent: str
    problem: dict[str, Any]
    person_id: UUID


async def lock(
    connection: Connection, station_ids: Collection[UUID], namings: Collection[Naming]
) -> tuple[list[tuple[Station, Sequences]], list[tuple[Ticket, Journey]]]:
    """The stations with their sequence numbers, and the tickets that texts name, locked in this order."""
    asked = (
        array_of(station_ids),
        array_of(naming.ticket_id for naming in namings if naming.ticket_id),
        array_of(naming.number for naming in namings if naming.number),
    )
    row = await connection.fetchrow(SQL["lock"], *asked)
    if row is None or len(row["books"]) < len(station_ids):
        await connection.execute(SQL["open_station_books"], station_ids)
        row = await connection.fetchrow(SQL["lock"], *asked)
    assert row is not None, "it is one row"
    books = [
        (Station(*station), Sequences([(int(lo), int(hi)) for lo, hi in _SPAN.findall(seen)]))
        for *station, seen in row["books"]
    ]
    return books, [tickets.ticket_and_journey(one) for one in row["tickets"]]


_SPAN = re.compile(r"\[(-?\d+),(-?\d+)\)")


@dataclass(slots=True)
class Asked:
    """Records that are to be judged, with the tickets that they name and when they were weighed; the contracts, sources and
    plates that the rules will look at; and the accounts whose ends a memory lacks."""

    lines: Sequence[tuple[UUID, Record, UUID | None, datetime]]
    contract_ids: Collection[UUID]
    loads: Collection[tuple[UUID, int]]
    plates: Collection[str]
    accounts: Collection[int]


@dataclass(slots=True)
class Found:
    """What the rules ask: what was told before, the contracts, sources by holder and year, tares and open loads by plate; and
    what a memory of the ledger may be filled with."""

    told: dict[tuple[UUID, UUID], Told]
    events: list[tuple[tuple[UUID, Direction], Event, Told]]
    terms: dict[UUID, Terms]
    sources: dict[tuple[UUID, int], Source]
    tares: dict[str, list[tuple[datetime, int]]]
    on_the_road: dict[str, set[UUID]]
    ends: Sequence[Sequence[Any]]


async def read(connection: Connection, asked: Asked, policies: Policies) -> Found:
    """What the rules ask about records whose stations and tickets are locked; it locks the contracts."""
    lines = asked.lines
    row = await connection.fetchrow(
        _READ,
        [source_id for source_id, _ in asked.loads],
        [year for _, year in asked.loads],
        array_of(station_id for station_id, _, _, _ in lines),
        array_of(record.id for _, record, _, _ in lines),
        array_of(record.direction.value for _, record, _, _ in lines),
        [record.plate for _, record, _, _ in lines],
        array_of(ticket_id for _, _, ticket_id, _ in lines),
        array_of(record.gross_kg for _, record, _, _ in lines),
        array_of(occurred_at for _, _, _, occurred_at in lines),
        timedelta(seconds=policies.double_scan_seconds),
        policies.double_scan_kg,
        array_of(asked.contract_ids),
        list(asked.plates),
        array_of(asked.accounts),
    )
    assert row is not None, "it is one row"
    told = [
        Told(id_, station_id, record_id, body_hash, Status(status), duplicate_of, problem, flags, _ids(movement_ids))
        for id_, station_id, record_id, body_hash, status, duplicate_of, problem, flags, movement_ids in row["told"]
    ]
    events = [
        (
            (station_id, Direction(direction)),
            Event(record_id, plate, ticket_id, gross_kg, occurred_at),
            Told(id_, station_id, record_id, b"", Status.ACCEPTED, flags=flags, movement_ids=_ids(movement_ids)),
        )
        for (
            id_, station_id, record_id, flags, movement_ids, direction, plate, ticket_id, gross_kg, occurred_at
        ) in row["events"]
    ]  # fmt: skip
    await mark_over(connection, [*told, *(one for _, _, one in events)])
    tares: dict[str, list[tuple[datetime, int]]] = {record.plate: [] for _, record, _, _ in lines}
    for plate, occurred_at, tare_kg in row["tares"]:
        tares[plate].append((occurred_at, tare_kg))
    on_the_road: dict[str, set[UUID]] = {plate: set() for plate in asked.plates}
    for plate, ticket_id in row["road"]:
        on_the_road[plate].add(ticket_id)
    return Found(
        {(one.station_id, one.record_id): one for one in told},
        events,
        await _terms(connection, row["terms"]),
        {
            (id_, year): Source(until, consolidated, tranche)
            for id_, year, until, consolidated, tranche in row["sources"]
        },
        tares,
        on_the_road,
        row["ends"],
    )


def _ids(written: str) -> list[UUID]:
    return [UUID(one) for one in written[1:-1].split(",") if one]


_READ = (
    SQL["read"]
    .replace("(find_sources)", f"({SQL['find_sources']})")
    .replace("(ends)", f"({read_of_ends('$14').rstrip(';')})")
)


async def lock_terms(connection: Connection, contract_ids: Collection[UUID]) -> dict[UUID, Terms]:
    """The contracts, locked in the order of their ids, with the pledges of those that sell from stock."""
    return await _terms(connection, await connection.fetch(SQL["lock_terms"], contract_ids)) if contract_ids else {}


async def _terms(connection: Connection, rows: Sequence[Any]) -> dict[UUID, Terms]:
    """The contracts, with the pledges of those that sell from stock."""
    from_stock = [id_ for id_, *_, mine_id in rows if mine_id is None]
    in_force = await pledges.pledges_of(connection, from_stock) if from_stock else {}
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
        )
        for id_, kg, shipped_kg, received_kg, valid_until, due_on, state, _ in rows
    }


async def mark_over(connection: Connection, told: Collection[Told]) -> None:
    """Note with each of the records whether it took kilograms beyond a quota: the legs say it, for ever."""
    if movement_ids := [movement_id for one in told for movement_id in one.movement_ids]:
        over = {row["movement"] for row in await connection.fetch(SQL["find_over"], movement_ids)}
        for one in told:
            one.is_over = not over.isdisjoint(one.movement_ids)


async def find_sources(connection: Connection, loads: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], Source]:
    """The mines of loads, by mine and quota year."""
    if not loads:
        return {}
    rows = await connection.fetch(SQL["find_sources"], [mine for mine, _ in loads], [year for _, year in loads])
    return {
        (row["id"], row["year"]): Source(row["licence_valid_until"], row["consolidated"], row["has_tranche"])
        for row in rows
    }


async def find_shipments(
    connection: Connection, ticket_ids: Collection[UUID]
) -> dict[UUID, list[tuple[UUID, Kilograms]]]:
    """The movements that each ticket's own load was made of, last first."""
    shipments: dict[UUID, list[tuple[UUID, Kilograms]]] = {ticket_id: [] for ticket_id in ticket_ids}
    for row in await connection.fetch(SQL["find_shipments"], list(ticket_ids)):
        shipments[row["ticket_id"]].append((row["movement"], Kilograms(row["kg"])))
    return shipments


async def write(
    connection: Connection,
    lines: Sequence[Line],
    journeys: Mapping[UUID, Journey],
    terms: Sequence[Terms],
    sequences: Mapping[UUID, Sequences],
    *,
    at: datetime,
) -> None:
    """Write a batch into the book: its records, and where they have brought tickets, contracts and sequences."""
    await copy_into(connection, "weighing", _COLUMNS, [_row(line, microseconds(at)) for line in lines])
    moved = list(journeys.values())
    await connection.execute(
        SQL["move"],
        array_of(journeys),
        array_of(journey.state.value for journey in moved),
        array_of(journey.out_kg for journey in moved),
        array_of(journey.out_at for journey in moved),
        array_of(journey.in_kg for journey in moved),
        array_of(journey.in_at for journey in moved),
        array_of(journey.back_kg for journey in moved),
        array_of(journey.ended_at for journey in moved),
        array_of(contract.id for contract in terms),
        array_of(contract.shipped_kg for contract in terms),
        array_of(contract.received_kg for contract in terms),
        array_of(sequences),
        ["{" + ",".join(f"[{lo},{hi})" for lo, hi in book.ranges) + "}" for book in sequences.values()],
    )


async def keep_signatures(connection: Connection, signed: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Keep what devices have signed, by weighing; what is kept already stays."""
    if signed:
        await connection.execute(SQL["keep_signatures"], *(list(column) for column in zip(*signed, strict=True)))


async def keep_refused(connection: Connection, refused: Sequence[Refused], *, at: datetime) -> None:
    """Keep records that were refused for the auditor; the same one sent again is kept once (W05)."""
    if refused:
        await connection.execute(
            SQL["keep_refused"],
            [uuid7() for _ in refused],
            [one.station_id for one in refused],
            [one.record_id for one in refused],
            [one.sent for one in refused],
            [orjson.dumps(one.problem, default=str).decode() for one in refused],
            [one.person_id for one in refused],
            at,
        )


_COLUMNS = (
    "id", "station_id", "record_id", "body_hash", "sequence", "gross_kg", "tare_kg", "net_kg", "manual",
    "weighed_at", "occurred_at", "recorded_at", "person_id", "direction", "ticket_id", "ticket_text", "plate", "grade",
    "manual_reason", "second_person", "tare_source", "status", "duplicate_of", "problem", "flags", "movement_ids",
    "axles", "mgo_per_mille", "reading", "stable",
)  # fmt: skip
_NO_EXTRAS = b"\xff\xff\xff\xff" * 4
_FIXED = struct.Struct(">h" + "i16s" * 3 + "i32s" + "iq" * 4 + "i?" + "iq" * 3 + "i16s")


def _row(line: Line, recorded_at: int) -> bytes:
    told, record = line.told, line.record
    fixed = _FIXED.pack(
        len(_COLUMNS), 16, told.id.bytes, 16, told.station_id.bytes, 16, told.record_id.bytes, 32, told.body_hash,
        8, record.sequence, 8, record.gross_kg, 8, record.tare_kg, 8, record.net_kg, 1, record.manual,
        8, microseconds(record.weighed_at), 8, microseconds(line.occurred_at), 8, recorded_at, 16, line.person_id.bytes,
    )  # fmt: skip
    return b"".join(
        (
            fixed,
            text_field(record.direction),
            uuid_field(line.ticket_id),
            text_field(None if line.ticket_id else record.ticket),
            text_field(record.plate),
            text_field(record.grade),
            text_field(record.manual_reason),
            text_field(record.second_person),
            text_field(record.tare_source),
            text_field(told.status),
            uuid_field(told.duplicate_of),
            json_field(told.problem),
            texts_field(told.flags),
            uuids_field(told.movement_ids),
            _NO_EXTRAS
            if record.has_no_extras
            else b"".join(
                (
                    integer_field(record.axles),
                    integer_field(record.mgo_per_mille),
                    bigint_field(record.reading),
                    boolean_field(record.stable),
                )
            ),
        )
    )
