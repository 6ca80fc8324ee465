"""Codes that are good no longer: the signed list that a station without a network goes by (W03, E37)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from service.domain.codes.tickets import MOST_REISSUES
from service.domain.refusals import Refusal

ALL_PRINTS = MOST_REISSUES + 1
"""Stands for `prints_below` where no code of the ticket is good any more."""

MOST_AT_ONCE = 5_000
"""So many items has one answer at most; who gets as many asks again from its version on."""


class RevokedBecause(StrEnum):
    """Why a code must be refused although its signature is right."""

    CANCELLED = "cancelled"
    LOST = "lost"
    DAMAGED = "damaged"
    ENDED = "ended"  # the ticket ended in another way before its window did
    KEY_RETIRED = "key-retired"  # somebody else may have the key that signed it


@dataclass(frozen=True, slots=True)
class Revocation:
    """From now on and for ever, the codes of a ticket with a reissue below `prints_below` are no paper (U20)."""

    ticket_id: UUID
    number: str
    prints_below: int
    because: RevokedBecause
    expires_at: datetime  # when the codes themselves say that their time has run out


class KeyIsRetired(Refusal):
    """This key was retired before; `signed_after` is the moment from which on it is not believed."""

    title: ClassVar[str] = "该密钥此前已停用，signed_after 为开始不予认可的时间"
    rule: ClassVar[str | None] = "W03"


@dataclass(frozen=True, slots=True)
class Revocations:
    """What was revoked after version `since` up to `version`, of codes whose time has not run out; `latest` is the end."""

    since: int
    version: int
    latest: int
    at: datetime
    items: Sequence[tuple[int, Revocation]]

    @property
    def signed_text(self) -> bytes:
        """The bytes that the list's signature covers: one line for the list, one for each item, times in whole seconds."""
        lines = [
            "meisu revocations 1",
            f"{self.since} {self.version} {self.latest} {_seconds(self.at)}",
            *(
                f"{version} {one.ticket_id} {one.number} {one.prints_below} {one.because} {_seconds(one.expires_at)}"
                for version, one in self.items
            ),
        ]
        return "".join(f"{line}\n" for line in lines).encode()


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
