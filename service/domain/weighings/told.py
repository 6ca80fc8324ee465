"""A record as the book keeps it, with what was said of it; and which of several records of one event is the first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any
from uuid import UUID

from service.domain.policies import DEFAULTS, Policies
from service.domain.values import dataclass
from service.domain.weighings.events import Event, is_one_event
from service.domain.weighings.records import Direction, Record, Status

RANKS = {Direction.OUT: 0, Direction.IN: 1, Direction.BACK: 2}
"""Of what happens at one instant."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a record at a time: another record may tell more, and then more is said."""

    status: Status
    duplicate_of: UUID | None
    flags: tuple[str, ...]
    movement_ids: tuple[UUID, ...]


@dataclass(slots=True)
class Told:
    """A record that is kept, with what has become of it."""

    id: UUID
    station_id: UUID
    record_id: UUID
    body_hash: bytes
    status: Status
    duplicate_of: UUID | None = None
    problem: dict[str, Any] | None = None
    flags: list[str] = field(default_factory=list)
    movement_ids: list[UUID] = field(default_factory=list)
    version: int = 1

    @property
    def said(self) -> Said:
        """What is said of it now."""
        return Said(self.status, self.duplicate_of, tuple(self.flags), tuple(self.movement_ids))

    def say(self, said: Said) -> None:
        """Say this of it from now on."""
        self.status, self.duplicate_of = said.status, said.duplicate_of
        self.flags, self.movement_ids = list(said.flags), list(said.movement_ids)


@dataclass(slots=True)
class Line:
    """A record of the book."""

    told: Told
    record: Record
    occurred_at: datetime
    recorded_at: datetime
    ticket_id: UUID | None
    person_id: UUID
    first: Said | None = None  # what was said at first, when more was said in the same batch

    @property
    def place(self) -> tuple[datetime, int, UUID, int, UUID]:
        """Where it stands among all records, whichever came first: by the corrected time of its device (W04)."""
        return (
            self.occurred_at,
            RANKS[self.record.direction],
            self.told.station_id,
            self.record.sequence,
            self.record.id,
        )

    @property
    def event(self) -> Event:
        """What it tells of, as another record might tell it again."""
        return Event(self.record.id, self.record.plate, self.ticket_id, self.record.gross_kg, self.occurred_at)


def told_together(line: Line, near: Callable[[Line], Iterable[Line]], policies: Policies = DEFAULTS) -> list[Line]:
    """The records that tell of the same event as this one, or of the same as one of those; in the order of time (W06)."""
    found = {line.told.id: line}
    waiting = [line]
    while waiting:
        one = waiting.pop()
        for other in near(one):
            if other.told.id not in found and is_one_event(one.event, other.event, policies):
                found[other.told.id] = other
                waiting.append(other)
    return sorted(found.values(), key=lambda one: one.place)


def told_without(line: Line, near: Iterable[Line], policies: Policies = DEFAULTS) -> list[Line]:
    """The records that are left of an event when this one is taken back, in the order of time (W09)."""
    lines = list(near)
    again = [one for one in lines if one.told.duplicate_of == line.record.id]
    left = {one.told.id: one for first in (line, *again) for one in told_together(first, lambda _: lines, policies)}
    left.pop(line.told.id)
    return sorted(left.values(), key=lambda one: one.place)


def firsts_of(lines: Sequence[Line], policies: Policies = DEFAULTS) -> dict[UUID, Line | None]:
    """Which line each of the lines, in the order of time, tells again; None of those that tell first (E7).

    One that names a ticket goes before those that name none: a truck whose paper is scanned after it was weighed has one load,
    and that has a paper.
    """
    heads: list[Line] = []
    firsts: dict[UUID, Line | None] = {}
    for line in sorted(lines, key=lambda one: one.ticket_id is None):
        first = next((head for head in heads if is_one_event(head.event, line.event, policies)), None)
        firsts[line.told.id] = first
        if first is None:
            heads.append(line)
    return firsts
