"""A batch written into the book: in one sentence, whose lists are packed as bytes and texts that cost next to nothing."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard, cast
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain.tickets import Journey
from service.domain.weighings import Line, Said, Sequences, Terms
from service.store.copying import array_of, microseconds
from service.store.ledger import Writing, written_before
from service.store.sentences import sentences

SQL = sentences("weighings")
BETWEEN = "\x01"  # which no clean text holds, and JSON only escaped
NOTHING = -(2**63)
_NO_UUID = bytes(16)
_RECORD = struct.Struct(">16s16s16s16s16s32sqqqqq")
_JOURNEY = struct.Struct(">16sqqqqqqq")


_PARAMETERS = 20
_AND_POST = written_before(SQL["write"], _PARAMETERS)


def writing_of(
    lines: Sequence[Line],
    journeys: Mapping[UUID, Journey],
    terms: Sequence[Terms],
    sequences: Mapping[UUID, Sequences],
    *,
    at: datetime,
) -> Writing:
    """What a batch writes into the book: its records, and where they have brought tickets, contracts and sequences."""
    records = [line.record for line in lines]
    moved = list(journeys.values())
    values = (
        b"".join([_packed_line(line) for line in lines]),
        array_of([record.direction.value for record in records]),
        BETWEEN.join([record.plate for record in records]),
        BETWEEN.join([record.grade or "" for record in records]),
        array_of([record.manual for record in records]),
        array_of([record.tare_source for record in records]),
        array_of([(line.first or line.told).status.value for line in lines]),
        BETWEEN.join([array_of((line.first or line.told).movement_ids) for line in lines]),
        BETWEEN.join([_rest_of(line) for line in lines]),
        at,
        b"".join([_packed_journey(id_, journey) for id_, journey in journeys.items()]),
        array_of([journey.state.value for journey in moved]),
        array_of([contract.id for contract in terms]),
        array_of([contract.shipped_kg for contract in terms]),
        array_of([contract.received_kg for contract in terms]),
        array_of(sequences),
        ["{" + ",".join([f"[{lo},{hi})" for lo, hi in book.ranges]) + "}" for book in sequences.values()],
        array_of([book.repeated for book in sequences.values()]),
        array_of([book.last_at for book in sequences.values()]),
        BETWEEN.join([record.ticket if _is_plain(record.ticket) else "" for record in records]),
    )
    return Writing(SQL["write"], _AND_POST, values)


def _is_plain(ticket: str | None) -> TypeGuard[str]:
    """Whether a text can stand in a list as it was scanned: nobody has cleaned it."""
    return bool(ticket) and BETWEEN not in cast(str, ticket)


def _packed_line(line: Line) -> bytes:
    told, record = line.told, line.record
    return _RECORD.pack(
        told.id.bytes,
        told.station_id.bytes,
        told.record_id.bytes,
        line.ticket_id.bytes if line.ticket_id else _NO_UUID,
        line.person_id.bytes,
        told.body_hash,
        record.sequence,
        record.gross_kg,
        record.tare_kg,
        microseconds(record.weighed_at),
        microseconds(line.occurred_at),
    )


def _rest_of(line: Line) -> str:
    """What most records do not say, as an object; nothing where they do not."""
    told, record = line.told, line.record
    said = line.first or told
    rest: dict[str, Any] = {}
    if said.flags:
        rest["flags"] = said.flags
    if said.duplicate_of is not None:
        rest["duplicate_of"] = said.duplicate_of
    if told.problem is not None:
        rest["problem"] = told.problem
    if record.ticket is not None and not _is_plain(record.ticket):
        rest["ticket_text"] = record.ticket
    if record.manual_reason is not None:
        rest["manual_reason"] = record.manual_reason
    if record.second_person is not None:
        rest["second_person"] = record.second_person
    if not record.has_no_extras:
        rest["axles"], rest["mgo_per_mille"] = record.axles, record.mgo_per_mille
        rest["reading"], rest["stable"] = record.reading, record.stable
        rest["moisture_per_mille"] = record.moisture_per_mille
    return orjson.dumps(rest, default=str).decode() if rest else ""


def _packed_journey(ticket_id: UUID, journey: Journey) -> bytes:
    return _JOURNEY.pack(
        ticket_id.bytes,
        _number(journey.out_kg),
        _moment(journey.out_at),
        _number(journey.in_kg),
        _moment(journey.in_at),
        _number(journey.back_kg),
        _moment(journey.ended_at),
        _moment(journey.back_at),
    )


def _number(number: int | None) -> int:
    return NOTHING if number is None else number


def _moment(at: datetime | None) -> int:
    return NOTHING if at is None else microseconds(at)


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is no weighing, as it was sent, and why."""

    station_id: UUID
    record_id: UUID
    sent: str
    problem: dict[str, Any]
    person_id: UUID


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
