"""What the scales said, and what the rules ask about it: one query each for a whole batch."""

import re
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from service.db import Connection
from service.db import Record as Row
from service.domain.alerts import Flag
from service.domain.ledger import AccountKey, AccountKind
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.tickets import Journey, Ticket
from service.domain.units import Kilograms
from service.domain.weighings import (
    Direction,
    Line,
    Naming,
    Record,
    Said,
    Sequences,
    Source,
    Station,
    Status,
    Terms,
    Told,
)
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
from service.store.ledger import READ_OF_ENDS
from service.store.sentences import sentences, within

SQL = sentences("weighings")
SCANS = 5
"""A chain of records of one event reaches no further than so many times what lies between two of them."""


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
            Sequences([(int(lo), int(hi)) for lo, hi in _SPAN.findall(seen)], repeated),
        )
        for id_, jurisdiction, mine_id, enterprise_id, latitude, longitude, seen, repeated, stopped in row["books"]
    ]
    return books, [tickets.ticket_and_journey(one) for one in row["tickets"]]


_SPAN = re.compile(r"\[(-?\d+),(-?\d+)\)")


def _where(row: Row) -> tuple[float, float] | None:
    return None if row["latitude"] is None else (row["latitude"], row["longitude"])


async def find_told(connection: Connection, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Told]:
    """Those of the records, by station and record id, that were told before."""
    rows = await connection.fetch(SQL["find_told"], array_of(key[0] for key in keys), array_of(key[1] for key in keys))
    return {
        (row["station_id"], row["record_id"]): Told(
            row["id"],
            row["station_id"],
            row["record_id"],
            row["body_hash"],
            Status(row["status"]),
            row["duplicate_of"],
            row["problem"],
            row["flags"],
            row["movement_ids"],
        )
        for row in rows
    }


async def find_over(connection: Connection, movement_ids: Collection[UUID]) -> set[UUID]:
    """Those of the movements that took kilograms beyond a quota: the legs say it, for ever."""
    if not movement_ids:
        return set()
    return {row["movement"] for row in await connection.fetch(SQL["find_over"], list(movement_ids))}


async def find_lines(
    connection: Connection, lines: Sequence[tuple[UUID, Record, UUID | None, datetime]], policies: Policies
) -> list[Line]:
    """What was told before of the same tickets, and by the same stations of the same plates about the same time."""
    rows = await connection.fetch(
        SQL["find_lines"],
        array_of(station_id for station_id, _, _, _ in lines),
        array_of(record.direction.value for _, record, _, _ in lines),
        [record.plate for _, record, _, _ in lines],
        array_of(ticket_id for _, _, ticket_id, _ in lines),
        array_of(occurred_at for _, _, _, occurred_at in lines),
        SCANS * timedelta(seconds=policies.double_scan_seconds),
    )
    return [_line(row) for row in rows]


async def find_lines_of(connection: Connection, ticket_ids: Collection[UUID]) -> list[Line]:
    """All that was told of these tickets."""
    return [_line(row) for row in await connection.fetch(SQL["find_lines_of"], list(ticket_ids))]


async def lock_line(connection: Connection, weighing_id: UUID, *, actor: Actor) -> tuple[Line, Station, str] | None:
    """A weighing of the actor's station or area, and how it stands; its station's book is locked."""
    row = await connection.fetchrow(SQL["lock_line"], weighing_id, actor.area, actor.station_id)
    if row is None:
        return None
    station = Station(row["station_id"], row["jurisdiction"], row["mine_id"], row["enterprise_id"], _where(row))
    return _line(row), station, row["status"]


async def list_weighings(
    connection: Connection,
    *,
    ids: Collection[UUID] | None = None,
    status: str | None = None,
    station_id: UUID | None = None,
    ticket_id: UUID | None = None,
    plate: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
    actor: Actor,
) -> list[Row]:
    """The weighings that the actor may know of as they stand now, the refused among them, newest first."""
    return await connection.fetch(
        SQL["list"],
        actor.reads_all,
        actor.area,
        actor.enterprise_id,
        actor.station_id,
        after,
        None if ids is None else list(ids),
        status,
        station_id,
        ticket_id,
        plate,
        limit,
    )


async def versions_of(connection: Connection, weighing_id: UUID) -> list[Row]:
    """What was said of a weighing after it was recorded, first to last."""
    return await connection.fetch(SQL["versions"], weighing_id)


async def signature_of(connection: Connection, weighing_id: UUID) -> Row | None:
    """What the device has signed, if it has."""
    return await connection.fetchrow(SQL["signature"], weighing_id)


def _line(row: Row) -> Line:
    told = Told(
        row["id"],
        row["station_id"],
        row["record_id"],
        b"" if row["body_hash"] is None else row["body_hash"],
        Status(row["status"]),
        row["duplicate_of"],
        None,
        row["flags"],
        row["movement_ids"],
        row["version"],
    )
    record = Record(
        row["record_id"],
        row["sequence"],
        row["ticket_text"],
        Direction(row["direction"]),
        row["plate"],
        row["gross_kg"],
        row["tare_kg"],
        row["grade"],
        row["weighed_at"],
        row["manual"],
        row["manual_reason"],
        row["second_person"],
        row["tare_source"],
        row["axles"],
        row["mgo_per_mille"],
        row["reading"],
        row["stable"],
    )
    return Line(told, record, row["occurred_at"], row["recorded_at"], row["ticket_id"], row["person_id"])


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
    accounts: dict[AccountKey, int] = {}
    for row in await connection.fetch(SQL["find_flows"], list(owners)):
        flow = Flow(row["movement"], row["source"], row["target"], Kilograms(row["kg"]))
        flows.setdefault(owners[row["movement"]], []).append(flow)
    ends = {end for found in flows.values() for flow in found for end in (flow.source, flow.target)}
    for row in await connection.fetch(SQL["find_accounts"], list(ends)):
        key = AccountKey(
            AccountKind(row["kind"]),
            row["jurisdiction"],
            row["owner_id"],
            row["document_id"],
            row["grade"],
            row["year"],
            row["earmark"],
        )
        accounts[key] = row["id"]
    return flows, accounts


async def lock_terms(connection: Connection, contract_ids: Collection[UUID]) -> dict[UUID, Terms]:
    """The contracts, locked in the order of their ids, with the pledges of those that sell from stock."""
    return await _terms(connection, await connection.fetch(SQL["find_terms"], contract_ids)) if contract_ids else {}


async def _terms(connection: Connection, rows: Iterable[Iterable[Any]]) -> dict[UUID, Terms]:
    contracts = [tuple(row) for row in rows]
    from_stock = [id_ for id_, *_, mine_id in contracts if mine_id is None]
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
        for id_, kg, shipped_kg, received_kg, valid_until, due_on, state, _ in contracts
    }


async def find_sources(connection: Connection, loads: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], Source]:
    """The mines, projects and declared stocks of loads, by their ids and quota year."""
    if not loads:
        return {}
    return _sources(
        await connection.fetch(SQL["find_sources"], [source for source, _ in loads], [year for _, year in loads])
    )


def _sources(rows: Iterable[Iterable[Any]]) -> dict[tuple[UUID, int], Source]:
    return {
        (id_, year): Source(valid_until, consolidated, has_tranche)
        for id_, year, valid_until, consolidated, has_tranche in rows
    }


@dataclass(frozen=True, slots=True)
class Tare:
    """An empty weight that a scale has told of a plate, and where it was told."""

    plate: str
    weighing_id: UUID
    station_id: UUID
    record_id: UUID
    occurred_at: datetime
    tare_kg: int
    gross_kg: int
    is_fresh: bool
    jurisdiction: str
    enterprise_id: UUID
    where: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Road:
    """When a ticket's load was on the road, and whose it is."""

    plate: str
    ticket_id: UUID
    number: str
    seller_id: UUID
    buyer_id: UUID
    jurisdiction: str | None
    out_at: datetime
    ended_at: datetime | None

    def is_on_the_road(self, at: datetime) -> bool:
        """Whether it had not ended at a moment."""
        return self.ended_at is None or self.ended_at > at


@dataclass(slots=True)
class Found:
    """What the rules ask beside the records themselves: contracts, sources by holder and year, tares and loads of plates; and
    what a memory of the ledger may be filled with."""

    terms: dict[UUID, Terms]
    sources: dict[tuple[UUID, int], Source]
    tares: list[Tare]
    roads: list[Road]
    ends: Sequence[Sequence[Any]]


async def read(
    connection: Connection,
    contract_ids: Collection[UUID],
    loads: Collection[tuple[UUID, int]],
    since: Mapping[str, datetime],
    of_tickets: Collection[str],
    before: timedelta,
    accounts: Collection[int] = (),
) -> Found:
    """What the rules ask of a batch, at once; it locks the contracts.

    Of each plate the last fresh tares before a moment and all from then on; its loads that were on the road then.
    """
    begin = min(since.values())
    plates = list(since.keys() | set(of_tickets))
    row = await connection.fetchrow(
        _READ,
        contract_ids,
        [source_id for source_id, _ in loads],
        [year for _, year in loads],
        plates,
        array_of(since.get(plate, begin) for plate in plates),
        before,
        array_of(accounts),
    )
    assert row is not None, "it is one row"
    tares, roads = [], []
    for (
        is_road, plate, id_, station_id, other_id, begun_at, ended_at, number, tare_kg, gross_kg, is_fresh, jurisdiction,
        owner_id, latitude, longitude,
    ) in row["plates"]:  # fmt: skip
        if is_road:
            roads.append(Road(plate, id_, number, owner_id, other_id, jurisdiction, begun_at, ended_at))
        else:
            where = None if latitude is None else (latitude, longitude)
            tares.append(
                Tare(
                    plate,
                    id_,
                    station_id,
                    other_id,
                    begun_at,
                    tare_kg,
                    gross_kg,
                    is_fresh,
                    jurisdiction,
                    owner_id,
                    where,
                )
            )
    return Found(await _terms(connection, row["terms"]), _sources(row["sources"]), tares, roads, row["ends"])


_READ = f"""
SELECT
    ARRAY(SELECT row(t.*) FROM {within(SQL["find_terms"], 0)} AS t) AS terms,
    ARRAY(SELECT row(s.*) FROM {within(SQL["find_sources"], 1)} AS s) AS sources,
    ARRAY(SELECT row(p.*) FROM {within(SQL["find_plates"], 3)} AS p) AS plates,
    ARRAY(SELECT row(e.*) FROM {within(READ_OF_ENDS, 6)} AS e) AS ends
"""  # noqa: S608 - sentences of ours; one statement, one way there and back


async def find_readings(connection: Connection, readings: Collection[tuple[UUID, int]]) -> set[tuple[UUID, int]]:
    """Those of the stations' indicator numbers that were told before (E17)."""
    rows = await connection.fetch(
        SQL["find_readings"], [station for station, _ in readings], [number for _, number in readings]
    )
    return {(row["station_id"], row["reading"]) for row in rows}


async def still_said(connection: Connection, subjects: Collection[tuple[Flag, str, str]]) -> set[tuple[Flag, str, str]]:
    """Those of the subjects of whose flag some record says still that it is so."""
    said = set()
    for flag, kind, subject_id in subjects:
        if await connection.fetchval(SQL["still_said"], flag.value, kind, UUID(subject_id)):
            said.add((flag, kind, subject_id))
    return said


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
        array_of(journey.back_at for journey in moved),
        array_of(contract.id for contract in terms),
        array_of(contract.shipped_kg for contract in terms),
        array_of(contract.received_kg for contract in terms),
        array_of(sequences),
        ["{" + ",".join(f"[{lo},{hi})" for lo, hi in book.ranges) + "}" for book in sequences.values()],
        array_of(book.repeated for book in sequences.values()),
        at,
    )


@dataclass(frozen=True, slots=True)
class Version:
    """What is said of a weighing from now on, and because of which other one; or why somebody says so."""

    line: Line
    said: Said
    number: int
    because_of: UUID | None
    person_id: UUID
    reason: str | None = None


async def keep_versions(connection: Connection, versions: Sequence[Version], *, at: datetime) -> None:
    """Keep what is said of weighings from now on (W04, W09)."""
    if versions:
        await connection.executemany(
            SQL["keep_version"],
            [
                (
                    one.line.told.id,
                    one.number,
                    one.line.record.gross_kg,
                    one.line.record.tare_kg,
                    one.line.record.net_kg,
                    one.said.status.value,
                    one.said.duplicate_of,
                    list(one.said.flags),
                    list(one.said.movement_ids),
                    one.because_of,
                    one.reason,
                    one.person_id,
                    at,
                )
                for one in versions
            ],
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
    said = line.first or told
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
            text_field(said.status),
            uuid_field(said.duplicate_of),
            json_field(told.problem),
            texts_field(said.flags),
            uuids_field(said.movement_ids),
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
