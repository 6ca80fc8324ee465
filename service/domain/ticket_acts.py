"""What firms and offices do to a ticket after it was issued, as the book keeps it and the ledger's leaves bind it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import orjson

from service.domain.units import Kilograms


class ActKind(StrEnum):
    """The deeds that change a ticket; what scales say is a weighing."""

    RELEASED = "released"
    TURNED_DOWN = "turned-down"
    CANCELLED = "cancelled"
    LOST = "lost"
    WRITTEN_OFF = "written-off"
    REISSUED = "reissued"
    EXTENDED = "extended"
    REDIRECTED = "redirected"
    SPLIT = "split"
    CLOSED = "closed"
    REFUSED = "refused"
    APPORTIONED = "apportioned"


@dataclass(frozen=True, slots=True)
class Act:
    """One deed to one ticket, with its reason and, where kilograms moved, how many."""

    id: UUID
    ticket_id: UUID
    kind: ActKind
    reason: str
    kg: Kilograms | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    movement_ids: tuple[UUID, ...] = ()

    @property
    def fact(self) -> bytes:
        """What the ledger's leaves bind of it: SHA-256; the id, which nobody can guess, hides what the reason says."""
        said = orjson.dumps([self.kind, self.kg, self.reason])
        return hashlib.sha256(b"meisu ticket act 1\n" + self.id.bytes + self.ticket_id.bytes + said).digest()
