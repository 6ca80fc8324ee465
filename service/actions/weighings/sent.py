"""What stations send, and what they are answered."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import orjson

from service.domain.alerts import Flag
from service.domain.refusals import Refusal
from service.domain.values import dataclass
from service.domain.weighings import ImpossibleWeight, Record, Said, Status, Told
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
        sent = self.jws or orjson.dumps(self.record, default=str).decode()
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
    """The answer to a record, to be completed after posting; it says how things stood when the record came."""

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


def answer_again(told: Told, given: Answer | None) -> Answer:
    """The answer to a record that was told before: the first one, whatever has been said of it since."""
    if told.problem is not None:
        return Answer(told.record_id, told.said, ImpossibleWeight(**told.problem["facts"]))
    said = given.said if given else told.said
    if said.status is Status.ACCEPTED:
        said = replace(said, status=Status.DUPLICATE, duplicate_of=told.record_id)
    return Answer(told.record_id, said)
