"""The service's signing keys: Ed25519, in files of the data folder, outside the database, never shown."""

import json
import os
import stat
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.embedded.refusals import CannotRun

MAX_TICKET_KEY_ID = 255  # one byte of a ticket's code
FOLDER_TICKS_NS = 1_000_000_000  # a folder's time may stand still for so long while it changes

log = structlog.get_logger(__name__)


class Purpose(StrEnum):
    """What a key signs; no key signs two things."""

    TOKENS = "tokens"
    LEDGER = "ledger"
    TICKETS = "tickets"
    RECEIPTS = "receipts"


class KeysLieOpenError(CannotRun):
    """A key's file, or the folder of the keys, can be read by other accounts of the machine."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"其他账户可以读取 {path}。请执行 chmod go= {path}; 若密钥可能已外泄, 请轮换 (docs/operations.md)。",
            f"Other accounts can read {path}. Run chmod go= {path}; if somebody may have read it, rotate the keys "
            "(docs/operations.md).",
        )


class KeyIsDamagedError(CannotRun):
    """A key's file does not hold a key."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} 已损坏, 不是密钥文件。请从备份恢复它 (docs/operations.md)。",
            f"{path} is damaged: it holds no key. Restore it from a backup (docs/operations.md).",
        )


class NoMoreKeysError(Exception):
    """A ticket's code has one byte for its key, and all 255 are given."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the service: signs, and shows only its public half."""

    purpose: Purpose
    key_id: int
    made_at: datetime
    public: bytes
    private: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def kid(self) -> str:
        """The name by which a token's header points to this key."""
        return f"{self.purpose}-{self.key_id}"

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key (RFC 8037)."""
        x = urlsafe_b64encode(self.public).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature, 64 bytes."""
        return self.private.sign(message)


class KeyRing:
    """The keys of one data folder: of each purpose the current one, and those before it, which still verify.

    A key that another process makes is known here from its first moment: the folder's time is looked at with every question.
    It is held against the time that was read before, and not against a clock, which may be set.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[Purpose, dict[int, Key]] = {}
        self._changed_at = -1  # the folder's time as it was read
        # By a clock that is never set: from when on any change gives the folder another time, and when it was read last.
        self._settles_at = self._read_at = 0

    @classmethod
    def open(cls, data: Path, at: datetime) -> "KeyRing":
        """The keys of a data folder; those that it lacks are made, which is told where others are there."""
        folder = data / "keys"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ring = cls(folder)
        ring.reload()
        is_new = not any(ring._keys.values())
        for purpose in Purpose:
            if not ring._keys[purpose]:
                made = ring._make(purpose, 1, at)
                if not is_new:
                    log.warning(
                        f"{folder} had no key of {purpose}: {made.kid} was made. If one is lost, restore it and start again"
                    )
        return ring

    def reload(self) -> None:
        """Read the folder again, for keys that another process has made."""
        _keep_closed(self._folder)
        changed_at = self._folder.stat().st_mtime_ns
        read_at = time.monotonic_ns()
        keys: dict[Purpose, dict[int, Key]] = {purpose: {} for purpose in Purpose}
        for path in self._folder.glob("*.json"):
            key = _read(path)
            keys[key.purpose][key.key_id] = key
        self._keys = keys
        if changed_at != self._changed_at:
            self._changed_at, self._settles_at = changed_at, read_at + FOLDER_TICKS_NS
        self._read_at = read_at

    def current(self, purpose: Purpose) -> Key:
        """The key that signs now."""
        keys = self._known(purpose)
        return keys[max(keys)]

    def all(self, purpose: Purpose) -> list[Key]:
        """Every key of this purpose, newest first."""
        return sorted(self._known(purpose).values(), key=lambda key: -key.key_id)

    def find(self, purpose: Purpose, key_id: int) -> Key | None:
        """The key with this id."""
        return self._keys[purpose].get(key_id) or self._known(purpose).get(key_id)

    def public_keys(self, purpose: Purpose) -> Mapping[int, bytes]:
        """The public keys by id, 32 bytes each."""
        return {key_id: key.public for key_id, key in sorted(self._known(purpose).items())}

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys that verify tokens, newest first."""
        return {"keys": [key.jwk for key in self.all(Purpose.TOKENS)]}

    def rotate(self, purpose: Purpose, at: datetime) -> Key:
        """Make a new key the current one; what older keys signed can still be verified."""
        self.reload()
        return self._make(purpose, max(self._keys[purpose]) + 1, at)

    def _known(self, purpose: Purpose) -> dict[int, Key]:
        if self._read_at < self._settles_at or self._folder.stat().st_mtime_ns != self._changed_at:
            self.reload()
        return self._keys[purpose]

    def _make(self, purpose: Purpose, key_id: int, at: datetime) -> Key:
        if purpose is Purpose.TICKETS and key_id > MAX_TICKET_KEY_ID:
            raise NoMoreKeysError
        private = Ed25519PrivateKey.generate()
        content = {
            "purpose": purpose.value,
            "key_id": key_id,
            "made_at": at.astimezone(UTC).isoformat(),
            "private": b64encode(private.private_bytes_raw()).decode(),
        }
        path = self._path(purpose, key_id)
        # 0600 from its first byte; where another process was first the link fails, and that key stands.
        with NamedTemporaryFile("w", dir=self._folder, encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
            try:
                os.link(file.name, path)
            except FileExistsError:
                pass
            else:
                _sync_folder(self._folder)
        key = _read(path)
        self._keys[purpose][key_id] = key
        return key

    def _path(self, purpose: Purpose, key_id: int) -> Path:
        return self._folder / f"{purpose}-{key_id}.json"


def _read(path: Path) -> Key:
    _keep_closed(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        private = Ed25519PrivateKey.from_private_bytes(b64decode(content["private"]))
        return Key(
            purpose=Purpose(content["purpose"]),
            key_id=content["key_id"],
            made_at=datetime.fromisoformat(content["made_at"]),
            public=private.public_key().public_bytes_raw(),
            private=private,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise KeyIsDamagedError(path) from error


def _keep_closed(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeysLieOpenError(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
