"""What stations send, and what they hear about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import orjson

from service.domain.alerts import Flag
from service.domain.refusals import Refusal
from service.domain.weighings import ImpossibleWeight, Record, Status
from service.store.weighings import Refused, Told


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


class Answer:
    """What is said about a record once the posting is done."""

    __slots__ = ("_first", "_is_repeated", "_refusal", "_told")

    def __init__(
        self, told: Told, *, first: Told | None = None, is_repeated: bool = False, refusal: Refusal | None = None
    ) -> None:
        self._told = told
        self._first = first or told
        self._is_repeated = is_repeated
        self._refusal = refusal

    def __call__(self) -> Weighed:
        told, first = self._told, self._first
        if self._refusal is not None:
            return Weighed(told.record_id, Status.REFUSED, refusal=self._refusal)
        if told.problem is not None:
            return Weighed(
                told.record_id, Status.REFUSED, flags=told.flags, refusal=ImpossibleWeight(**told.problem["facts"])
            )
        status, duplicate_of = told.status, told.duplicate_of
        if self._is_repeated and status is Status.ACCEPTED:
            status, duplicate_of = Status.DUPLICATE, told.record_id
        flags = [*first.flags, Flag.QUOTA_OVERDRAWN] if first.is_over else first.flags
        return Weighed(told.record_id, status, first.movement_ids, flags, duplicate_of)
