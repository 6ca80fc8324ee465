"""A weighing as the rules take it, from the row of a sentence."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from service.domain.weighings import Direction, Line, Record, Status, Told

LENGTH_OF_A_LINE = 30


def line_of(row: Iterable[Any]) -> Line:
    """A row of one of the sentences that give lines: all begin with the same columns."""
    (
        id_, station_id, record_id, body_hash, sequence, direction, ticket_id, ticket_text, plate, gross_kg, tare_kg, grade,
        manual, manual_reason, second_person, tare_source, weighed_at, occurred_at, recorded_at, person_id, axles,
        mgo_per_mille, moisture_per_mille, reading, stable, status, duplicate_of, flags, movement_ids, version,
    ) = row  # fmt: skip
    told = Told(
        id_,
        station_id,
        record_id,
        b"" if body_hash is None else body_hash,
        Status(status),
        duplicate_of,
        None,
        list(flags),
        [UUID(movement_id) for movement_id in movement_ids],
        version,
    )
    record = Record(
        record_id,
        sequence,
        None if ticket_id else ticket_text,
        Direction(direction),
        plate,
        gross_kg,
        tare_kg,
        grade,
        weighed_at,
        manual,
        manual_reason,
        second_person,
        tare_source,
        axles,
        mgo_per_mille,
        reading,
        stable,
        moisture_per_mille,
    )
    return Line(told, record, occurred_at, recorded_at, ticket_id, person_id)


def told_of(row: Iterable[Any]) -> Told:
    """A record that was told before, as it was answered at first."""
    station_id, record_id, id_, body_hash, status, duplicate_of, problem, flags, movement_ids = row
    return Told(
        id_,
        station_id,
        record_id,
        body_hash,
        Status(status),
        duplicate_of,
        problem,
        list(flags),
        [UUID(movement_id) for movement_id in movement_ids],
    )
