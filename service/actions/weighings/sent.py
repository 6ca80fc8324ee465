"""What stations send, and what they hear about it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import orjson

from service.domain.alerts import Flag
from service.domain.refusals import Refusal
from service.domain.weighings import ImpossibleWeight, Line, Record, Said, Status, Told
from service.store.weighings import Refused


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as it arrived: from which station, by whom, and how far the device's clock was behind ours."""

    station_id: UUID
    person_id: UUID
    offset: timedelta
    record: Record
    device_id: UUID | None = None
    jws: str | None = None  # what the device has signed, when it did
    refusal: Refusal | None = None  # why that is not its signature

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What names the record for ever."""
        return (self.station_id, self.record.id)

    def refused_for(self, refusal: Refusal) -> Refused:
        """What is kept of it for the auditor: who sent what, and why it is no weighing (W05)."""
        sent = self.jws or orjson.dumps(self.record).decode()
        problem = {"code": refusal.code, "facts": refusal.facts}
        return Refused(self.station_id, self.record.id, sent, problem, self.person_id)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the station hears about a record."""

    id: UUID
    status: Status
    movement_ids: Sequence[UUID] = ()
    flags: Sequence[str] = ()
    duplicate_of: UUID | None = None
    refusal: Refusal | None = None


@dataclass(slots=True)
class Answer:
    """What is said about a record once the posting is done: as it was when the record came."""

    record_id: UUID
    said: Said
    refusal: Refusal | None = None

    def __call__(self, over: Set[UUID]) -> Weighed:
        """The answer, with the movements that took kilograms beyond a quota known."""
        said = self.said
        if self.refusal is not None:
            return Weighed(self.record_id, Status.REFUSED, flags=said.flags, refusal=self.refusal)
        flags = [*said.flags, Flag.QUOTA_OVERDRAWN] if not over.isdisjoint(said.movement_ids) else said.flags
        return Weighed(self.record_id, said.status, said.movement_ids, flags, said.duplicate_of)


def answer_again(told: Told, lines: Mapping[tuple[UUID, UUID], Line]) -> Answer:
    """The answer to a record that was told before, as it stands now: of one that tells an event again, the first's."""
    if told.problem is not None:
        return Answer(told.record_id, told.said, ImpossibleWeight(**told.problem["facts"]))
    said = told.said
    if line := lines.get((told.station_id, told.record_id)):
        said = line.told.said
        first = lines.get((told.station_id, said.duplicate_of)) if said.duplicate_of else None
        if first is not None:
            said = replace(first.told.said, status=said.status, duplicate_of=said.duplicate_of)
        elif said.duplicate_of is not None and said.duplicate_of == told.duplicate_of:
            said = replace(said, flags=tuple(told.flags), movement_ids=tuple(told.movement_ids))
    if said.status in (Status.ACCEPTED, Status.VOID):
        said = replace(said, status=Status.DUPLICATE, duplicate_of=told.record_id)
    return Answer(told.record_id, said)
