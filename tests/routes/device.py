"""A station's device with a key of its own, as the page and the agent have one."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Device:
    """A key, and what it signs."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.public_key = base64url(self.key.public_key().public_bytes_raw())
        self.id: UUID | None = None

    async def register(self, station: httpx.AsyncClient) -> httpx.Response:
        answer = await station.post("/v1/devices", json={"name": "磅房电脑", "public_key": self.public_key})
        if answer.is_success:
            self.id = UUID(answer.json()["id"])
        return answer

    def assertion(self, at: datetime | None = None, **changed: Any) -> str:
        at = at or datetime.now(UTC)
        claims = {
            "iss": str(self.id),
            "sub": str(self.id),
            "aud": "meisu",
            "iat": int(at.timestamp()),
            "exp": int((at + timedelta(minutes=5)).timestamp()),
            "jti": str(uuid4()),
            **changed,
        }
        return jwt.encode(claims, self.key, algorithm="EdDSA")

    async def sign_in(self, client: httpx.AsyncClient, assertion: str | None = None) -> httpx.Response:
        form = {"grant_type": GRANT, "assertion": assertion or self.assertion()}
        return await client.post("/v1/token", data=form)

    def sign(self, record: Mapping[str, Any] | bytes, **head: Any) -> dict[str, str]:
        payload = record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()
        said = {"alg": "EdDSA", "kid": str(self.id), **head}
        message = f"{base64url(json.dumps(said).encode())}.{base64url(payload)}"
        return {"jws": f"{message}.{base64url(self.key.sign(message.encode()))}"}
