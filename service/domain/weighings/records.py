"""One line of a station's book: what it says, and whether any truck can weigh that."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import orjson

from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import Refusal
from service.domain.values import dataclass


class Direction(StrEnum):
    """Which way a load passes the scale."""

    OUT = "out"
    IN = "in"
    BACK = "back"


class Status(StrEnum):
    """What became of a record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    VOID = "void"  # somebody has taken it back (W09)


class ImpossibleWeight(Refusal):
    """No truck weighs that: net must be above zero, gross within a truck's reach; look at the indicator, weigh again."""

    title: ClassVar[str] = "重量不可能：净重须大于零，毛重不得超过任何车辆的极限；请检查仪表后重新过磅"
    rule: ClassVar[str | None] = "W05"


class IdReused(Refusal):
    """This station has used the record's id for another record; give each record an id of its own."""

    title: ClassVar[str] = "本站已将该记录编号用于另一条记录；每条记录须使用各自的编号"
    rule: ClassVar[str | None] = "W04"


class WeighingIsVoid(Refusal):
    """This weighing was taken back; what the scale said then is told by a new record."""

    title: ClassVar[str] = "该计量记录已作废；请以新的记录重新上报"
    rule: ClassVar[str | None] = "W09"


class NothingInSuspense(Refusal):
    """None of this weighing's kilograms is in suspense: they had a lawful paper, or were settled before."""

    title: ClassVar[str] = "该计量记录没有待查数量：已有合法单据，或此前已处理"
    rule: ClassVar[str | None] = "W06"


class NotOfAMine(Refusal):
    """This load left a trader's or a plant's yard, which holds no quota: it can only be written off."""

    title: ClassVar[str] = "该车货物出自贸易商或加工企业堆场，无指标可扣，只能核销"
    rule: ClassVar[str | None] = "W06"


class NothingToCorrect(Refusal):
    """The weighing says these weights already."""

    title: ClassVar[str] = "该计量记录已是此重量，无须更正"
    rule: ClassVar[str | None] = "W09"


class NotCorrectable(Refusal):
    """Nothing was posted for this record: it was refused, or it tells again what another record of the station told."""

    title: ClassVar[str] = "该记录未入账（被拒绝，或与本站另一条记录重复），不能更正"
    rule: ClassVar[str | None] = "W09"


class TicketIsInHand(Refusal):
    """What was done to this load (`deeds`) rests on this weighing alone: correct its weights, or send the right record first."""

    title: ClassVar[str] = "该货物的后续办理（deeds）仅以本次过磅为依据，不能作废；请更正重量，或先补传正确的过磅记录"
    rule: ClassVar[str | None] = "W09"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a station's book, as it was sent."""

    id: UUID
    sequence: int
    ticket: str | None
    direction: Direction
    plate: str
    gross_kg: int
    tare_kg: int
    grade: str | None
    weighed_at: datetime
    manual: bool
    manual_reason: str | None
    second_person: str | None
    tare_source: str
    axles: int | None = None
    mgo_per_mille: int | None = None  # what an analysis on the spot said
    reading: int | None = None  # the indicator's own number
    stable: bool | None = None  # whether the indicator stood still
    moisture_per_mille: int | None = None  # of the ore as weighed; quota and stock are counted wet (E19)

    @property
    def net_kg(self) -> int:
        """Gross less tare."""
        return self.gross_kg - self.tare_kg

    @property
    def has_no_extras(self) -> bool:
        """Whether it says nothing of axles, analysis, indicator and moisture."""
        return self.axles is self.mgo_per_mille is self.reading is self.stable is self.moisture_per_mille is None

    @property
    def body_hash(self) -> bytes:
        """SHA-256 of all that the record says but its id: the same record sent again has the same."""
        said: list[object] = [
            self.sequence,
            self.ticket,
            self.direction.value,
            self.plate,
            self.gross_kg,
            self.tare_kg,
            self.grade,
            self.weighed_at,
            self.manual,
            self.manual_reason,
            self.second_person,
            self.tare_source,
        ]
        if not self.has_no_extras:
            # Records from before these could be said keep their hash.
            said += [self.axles, self.mgo_per_mille, self.reading, self.stable]
        if self.moisture_per_mille is not None:
            said.append(self.moisture_per_mille)
        return hashlib.sha256(orjson.dumps(said)).digest()


def fact_of(weighing_id: UUID, station_id: UUID, body_hash: bytes) -> bytes:
    """What the ledger's leaves bind of a weighing; the id, which nobody can guess, hides what the body says."""
    return hashlib.sha256(b"meisu weighing 1\n" + weighing_id.bytes + station_id.bytes + body_hash).digest()


def correction_fact(weighing_id: UUID, version: int, gross_kg: int, tare_kg: int) -> bytes:
    """What the ledger's leaves bind of a correction; both weights zero: the weighing was taken back (W09)."""
    said = b"".join(number.to_bytes(8) for number in (version, gross_kg, tare_kg))
    return hashlib.sha256(b"meisu weighing version 1\n" + weighing_id.bytes + said).digest()


def impossible(record: Record, policies: Policies = DEFAULTS) -> ImpossibleWeight | None:
    """Why no truck can have weighed that, if none can (W05)."""
    if record.net_kg > 0 and record.tare_kg >= 0 and record.gross_kg <= policies.gross_impossible_kg:
        return None
    return ImpossibleWeight(gross_kg=record.gross_kg, tare_kg=record.tare_kg)
