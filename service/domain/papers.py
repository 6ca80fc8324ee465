"""The log of papers: what was filed, issued, done and decided, each version of it bound by an entry as the ledger's rows are."""

import struct
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.evidence import VERSION_1, leaf, microseconds
from service.domain.values import dataclass

_ENTRY = struct.Struct(">2sc q B16s B q 32s")


class PaperKind(StrEnum):
    """What an entry is about."""

    CONTRACT = "contract"
    FILING = "filing"
    AMENDMENT = "amendment"
    SLIP = "slip"
    TICKET = "ticket"
    ACT = "ticket_act"  # what somebody did to a ticket
    EXPIRY = "ticket_expiry"  # when the sweeper ended it: each time a further version
    # What the offices have decided about the rules, which deadlines that has moved, and the steps of allotments.
    POLICY = "policy"
    DAY = "calendar_day"
    OUTAGE = "outage"
    MOVE = "deadline_move"
    STEP = "allotment_step"


_NUMBERS = {kind: number for number, kind in enumerate(PaperKind, 1)}


@dataclass(frozen=True, slots=True)
class PaperEntry:
    """An entry as its leaf binds it: `fact` is the SHA-256 of all that the paper's row says.

    `is_older` where the row was there before this log was, and was bound as it was found.
    """

    seq: int
    kind: PaperKind
    subject_id: UUID
    is_older: bool
    entered_at: datetime
    fact: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf hash, version 1."""
        return leaf(
            _ENTRY.pack(
                VERSION_1,
                b"P",
                self.seq,
                _NUMBERS[self.kind],
                self.subject_id.bytes,
                self.is_older,
                microseconds(self.entered_at),
                self.fact,
            )
        )
