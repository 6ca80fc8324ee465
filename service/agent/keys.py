"""The device's own key, and what it signs: records (RFC 7515) and its own sign-in (RFC 7523)."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.agent.folder import write_whole
from service.domain.devices import fingerprint

ASSERTION_SECONDS = 240


class DeviceKey:
    """An Ed25519 key that never leaves its folder."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def open(cls, path: Path) -> Self:
        """The key in a file; made, and on the disk, where there is none yet."""
        if not path.exists():
            return cls.renew(path)
        return cls(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))

    @classmethod
    def renew(cls, path: Path) -> Self:
        """A new key in place of one that is believed no longer."""
        made = Ed25519PrivateKey.generate()
        write_whole(path, made.private_bytes_raw())
        return cls(made)

    @property
    def public_text(self) -> str:
        """The public half as devices are registered by it."""
        return _base64url(self.public)

    @property
    def fingerprint(self) -> str:
        """What people compare on two screens."""
        return fingerprint(self.public)

    def jws(self, device_id: str, text: str, kind: str | None = None) -> str:
        """A text, signed; the same text always gives the same JWS."""
        head = {"alg": "EdDSA", "kid": device_id, **({"typ": kind} if kind else {})}
        signed = f"{_base64url(json.dumps(head).encode())}.{_base64url(text.encode())}"
        return f"{signed}.{_base64url(self._private.sign(signed.encode()))}"

    def assertion(self, device_id: str, at: int) -> str:
        """What a device signs in with, good once; `at` in seconds."""
        claims: dict[str, Any] = {
            "iss": device_id,
            "sub": device_id,
            "aud": "meisu",
            "iat": at,
            "exp": at + ASSERTION_SECONDS,
            "jti": str(uuid4()),
        }
        return self.jws(device_id, json.dumps(claims), "JWT")


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
