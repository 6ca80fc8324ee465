"""The signed ticket code: what a station without a network can read from a printed ticket, and prove (W01, W03).

Behind `HTTPS://HOST/T/` stand 289 decimal digits: one big-endian number of 120 bytes, padded with zeros on the left.

    bytes  what
    1      version: 1, Ed25519
    1      key id
    16     ticket id
    5      ticket number without its check digit, less 10**11
    1      reissue: 0 for the first print, one more for each that replaces it
    4      valid from, seconds since 2000-01-01T00:00:00Z
    4      valid until, the same
    7      plate, seven bits a character (see `plates`)
    3      planned net, kilograms
    4      source station, last four bytes of its id
    4      destination station, the same
    6      grade, as many of its first characters as fit in UTF-8, padded with zero bytes
    64     signature over SIGNED_CONTEXT and the 56 bytes before it

Printed codes outlive releases: a new layout is a new version byte, and no other byte of version 1 changes its meaning.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.domain.codes.numbers import draw_of, is_number, make_number
from service.domain.codes.plates import normalise_plate, pack_plate, plate_as_seen, unpack_plate
from service.domain.codes.texts import Malformed, folded
from service.domain.units import Kilograms
from service.domain.values import dataclass

VERSION = 1
SIGNED_CONTEXT = b"meisu ticket code\n"
"""Stands before what is signed, so that a signature made for anything else never proves a ticket."""

MOST_PLANNED_KG = Kilograms(100_000)
"""No truck weighs more (W05)."""

MOST_REISSUES = 255

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_PAYLOAD = struct.Struct(">16s5sBII7s3s4s4s6s")
_SIGNATURE_BYTES = 64
_SIGNED_BYTES = 2 + _PAYLOAD.size
_CODE_BYTES = _SIGNED_BYTES + _SIGNATURE_BYTES
CODE_DIGITS = math.ceil(_CODE_BYTES * 8 * math.log10(2))
_GRADE_BYTES = 6
_MARK_BYTES = 4

_SCANNED_AT_MOST = 2_000
_TRAILING_DIGITS = re.compile(r"[0-9]+\Z")
# No host has so many digits in a row, but another code or a ticket number has; and one address has one path.
_ANOTHER_CODE = re.compile(r"[0-9]{13}|/T/.*/T/", re.IGNORECASE)


class CodeFault(StrEnum):
    """Why a scanned text does not prove a ticket."""

    MALFORMED = "malformed"
    WRONG_LENGTH = "wrong-length"
    TWO_CODES = "two-codes"
    UNKNOWN_VERSION = "unknown-version"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    NOT_YET_VALID = "not-yet-valid"
    TICKET_EXPIRED = "ticket-expired"
    PLATE_MISMATCH = "plate-mismatch"


@dataclass(frozen=True, slots=True)
class TicketCode:
    """What the printed code of a ticket says; stations and grade by the marks that fit."""

    ticket_id: UUID
    number: str
    reissue: int
    valid_from: datetime
    valid_until: datetime
    plate: str
    planned_kg: Kilograms
    source_mark: bytes
    destination_mark: bytes
    grade_mark: str

    def __post_init__(self) -> None:
        assert is_number(self.number), "a ticket number carries its check digit"
        assert 0 <= self.reissue <= MOST_REISSUES, "one byte counts the reissues"
        assert 0 < self.planned_kg <= MOST_PLANNED_KG, "a planned load fits on a truck"
        assert _EPOCH <= self.valid_from <= self.valid_until, "a ticket is valid from, then until"

    @classmethod
    def of(
        cls,
        *,
        ticket_id: UUID,
        number: str,
        reissue: int,
        valid_from: datetime,
        valid_until: datetime,
        plate: str,
        planned_kg: Kilograms,
        source_station_id: UUID,
        destination_station_id: UUID,
        grade: str,
    ) -> Self:
        """The code of a ticket, in whole seconds: its first begun second and its last one count as valid."""
        return cls(
            ticket_id=ticket_id,
            number=number,
            reissue=reissue,
            valid_from=valid_from.astimezone(UTC).replace(microsecond=0),
            valid_until=_next_whole_second(valid_until.astimezone(UTC)),
            plate=normalise_plate(plate),
            planned_kg=planned_kg,
            source_mark=station_mark(source_station_id),
            destination_mark=station_mark(destination_station_id),
            grade_mark=grade_mark(grade),
        )

    def faults(self, *, at: datetime, plate: str | None = None) -> list[CodeFault]:
        """What speaks against a proven code at an instant, and on a vehicle where its plate is known (W03)."""
        faults = []
        if at < self.valid_from:
            faults.append(CodeFault.NOT_YET_VALID)
        if at > self.valid_until:
            faults.append(CodeFault.TICKET_EXPIRED)
        if plate is not None and plate_as_seen(plate) != self.plate:
            faults.append(CodeFault.PLATE_MISMATCH)
        return faults


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """A code that has the right shape; nothing in it is proven yet."""

    key_id: int
    signed: bytes
    signature: bytes


def station_mark(station_id: UUID) -> bytes:
    """The four bytes by which a code names a station: the random tail of its id."""
    return station_id.bytes[-_MARK_BYTES:]


def grade_mark(grade: str) -> str:
    """As many of a grade's first characters as a code holds."""
    return grade.encode()[:_GRADE_BYTES].decode(errors="ignore")


def encode(code: TicketCode, *, key_id: int, sign: Callable[[bytes], bytes]) -> str:
    """The digits of a ticket's code, signed with the private key of that id."""
    payload = _PAYLOAD.pack(
        code.ticket_id.bytes,
        draw_of(code.number).to_bytes(5),
        code.reissue,
        _seconds(code.valid_from),
        _seconds(code.valid_until),
        pack_plate(code.plate),
        code.planned_kg.to_bytes(3),
        code.source_mark,
        code.destination_mark,
        code.grade_mark.encode(),
    )
    signed = bytes((VERSION, key_id)) + payload
    signature = sign(SIGNED_CONTEXT + signed)
    assert len(signature) == _SIGNATURE_BYTES, "version 1 is signed with Ed25519"
    return f"{int.from_bytes(signed + signature):0{CODE_DIGITS}}"


def code_text(public_url: str, digits: str) -> str:
    """The text of the QR code: upper case, since that packs into fewer modules and no host minds."""
    return f"{public_url.rstrip('/').upper()}/T/{digits}"


def parse(text: str) -> ScannedCode | CodeFault:
    """What a camera, a wedge scanner or a hand brought in: a URL in any case and width, or the bare digits.

    A text that holds more or less than one whole code is refused, never trimmed to fit.
    """
    digits = _only_digits(text)
    if isinstance(digits, CodeFault):
        return digits
    value = int(digits)
    if value >> 8 * _CODE_BYTES:
        return CodeFault.MALFORMED
    whole = value.to_bytes(_CODE_BYTES)
    if whole[0] != VERSION:
        return CodeFault.UNKNOWN_VERSION

    return ScannedCode(key_id=whole[1], signed=whole[:_SIGNED_BYTES], signature=whole[_SIGNED_BYTES:])


def verify(scanned: ScannedCode, public_keys: Mapping[int, bytes]) -> TicketCode | CodeFault:
    """The ticket that a scanned code proves, by the raw public key of its key id."""
    public_key = public_keys.get(scanned.key_id)
    if public_key is None:
        return CodeFault.UNKNOWN_KEY
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(scanned.signature, SIGNED_CONTEXT + scanned.signed)
    except InvalidSignature:
        return CodeFault.BAD_SIGNATURE
    try:
        return _unpack(scanned.signed[2:])
    except Malformed:
        # Signed by us, yet not a plate to this release: a later one may know more kinds.
        return CodeFault.MALFORMED


def read(text: str, public_keys: Mapping[int, bytes]) -> TicketCode | CodeFault:
    """The ticket that a scanned text proves, or the first reason why it proves none."""
    scanned = parse(text)
    return scanned if isinstance(scanned, CodeFault) else verify(scanned, public_keys)


def _only_digits(text: str) -> str | CodeFault:
    plain = folded(text) if len(text) <= _SCANNED_AT_MOST else ""
    trailing = _TRAILING_DIGITS.search(plain)
    if trailing is None:
        return CodeFault.MALFORMED
    digits = trailing.group()
    if _ANOTHER_CODE.search(plain[: trailing.start()]) or len(digits) >= 2 * CODE_DIGITS:
        return CodeFault.TWO_CODES
    if len(digits) != CODE_DIGITS:
        return CodeFault.WRONG_LENGTH
    return digits


def _unpack(payload: bytes) -> TicketCode:
    ticket, draw, reissue, valid_from, valid_until, plate, kg, source, destination, grade = _PAYLOAD.unpack(payload)
    return TicketCode(
        ticket_id=UUID(bytes=ticket),
        number=make_number(int.from_bytes(draw)),
        reissue=reissue,
        valid_from=_EPOCH + timedelta(seconds=valid_from),
        valid_until=_EPOCH + timedelta(seconds=valid_until),
        plate=unpack_plate(plate),
        planned_kg=Kilograms(int.from_bytes(kg)),
        source_mark=source,
        destination_mark=destination,
        grade_mark=grade.rstrip(b"\0").decode(),
    )


def _seconds(at: datetime) -> int:
    return int((at - _EPOCH).total_seconds())


def _next_whole_second(at: datetime) -> datetime:
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)
