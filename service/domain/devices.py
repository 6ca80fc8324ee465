"""A station's devices: keys that a county has approved, what they sign in with, and what they sign."""

import binascii
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import ClassVar
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.domain.refusals import Refusal, SignInFailed

KEY_BYTES = 32
LONGEST_ASSERTION = timedelta(minutes=5)
WRONG_CLOCK = timedelta(hours=24)
"""An old PC's clock may be wrong by so much; an assertion is good only once, so that this opens no door."""


class DeviceState(StrEnum):
    """Whether a device may speak for its station."""

    ASKED = "asked"
    APPROVED = "approved"
    REVOKED = "revoked"


class DeviceNotApproved(SignInFailed):
    """This device waits for its county's approval; its records stay on it until then and are not lost."""

    title: ClassVar[str] = "该设备尚待县（市）主管部门核准；记录保留在设备上，不会丢失"


class DeviceRevoked(SignInFailed):
    """This device was revoked by an office; register another one."""

    title: ClassVar[str] = "该设备已被主管部门吊销；请登记新设备"


class DeviceHasEnded(Refusal):
    """This device was revoked; a device with a new key can be registered and approved."""

    title: ClassVar[str] = "该设备已吊销；可用新的密钥登记并核准另一设备"
    rule: ClassVar[str | None] = "W04"


class KeyOfAnotherStation(Refusal):
    """This key is another station's; make a new key on the device."""

    title: ClassVar[str] = "该密钥已由其他计量站登记；请在设备上生成新的密钥"
    rule: ClassVar[str | None] = "W04"


class SignatureInvalid(Refusal):
    """The record's signature does not fit its device's key; nothing was recorded, send it as the device signed it."""

    title: ClassVar[str] = "记录签名与设备密钥不符，未予记录；请按设备签名的原文发送"
    rule: ClassVar[str | None] = "W04"


class DeviceUnknown(Refusal):
    """No approved device of this station has signed this record; register the device and have the county approve it."""

    title: ClassVar[str] = "该记录不是由本站经核准的设备签名；请登记设备并由县（市）核准"
    rule: ClassVar[str | None] = "W04"


@dataclass(frozen=True, slots=True)
class Device:
    """What the rules ask about a device."""

    id: UUID
    station_id: UUID
    public_key: bytes
    state: DeviceState

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether this device has signed a message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signed:
    """A compact JWS (RFC 7515, RFC 8037) taken apart; nothing of it is checked yet."""

    device_id: UUID
    payload: bytes
    message: bytes
    signature: bytes

    def refusal(self, device: Device | None, station_id: UUID) -> Refusal | None:
        """Why this is no record of a station's own approved device, if it is none."""
        if device is None or device.station_id != station_id:
            return DeviceUnknown(device_id=self.device_id)
        if device.state is not DeviceState.APPROVED:
            return DeviceUnknown(device_id=self.device_id, state=device.state)
        if not device.signed(self.message, self.signature):
            return SignatureInvalid(device_id=self.device_id)
        return None


def take_apart(jws: str) -> Signed | None:
    """The parts of a compact JWS by EdDSA whose `kid` is a device's id; None where it is none."""
    try:
        head, payload, signature = jws.split(".")
        says = json.loads(_decoded(head))
        if says["alg"] != "EdDSA" or "crit" in says or says.get("b64") is False:
            return None
        return Signed(UUID(says["kid"]), _decoded(payload), f"{head}.{payload}".encode("ascii"), _decoded(signature))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def read_key(text: str) -> bytes | None:
    """An Ed25519 public key, base64url without padding; None where the text is none."""
    try:
        key = _decoded(text)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


def fingerprint(public_key: bytes) -> str:
    """What people compare on two screens: the first 16 hexadecimal digits of the key's SHA-256, in fours."""
    digits = sha256(public_key).hexdigest()[:16].upper()
    return " ".join(digits[place : place + 4] for place in range(0, 16, 4))


def is_timely(issued_at: datetime, expires_at: datetime, *, at: datetime) -> bool:
    """Whether an assertion is good now: short, and within what a wrong clock may show."""
    if not timedelta() < expires_at - issued_at <= LONGEST_ASSERTION:
        return False
    return issued_at - WRONG_CLOCK <= at <= expires_at + WRONG_CLOCK


def _decoded(text: str) -> bytes:
    """Strict base64url without padding: two texts of the same bytes are not both taken."""
    if not text.isascii() or "=" in text or "+" in text or "/" in text:
        raise binascii.Error
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
