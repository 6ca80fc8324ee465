"""The answers that Idempotency-Keys were given."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.db import Door
from service.store.sentences import sentences

SQL = sentences("idempotency")


async def claim(door: Door, scope: str, path: str, key: str) -> bool:
    """Hold the key until the transaction ends; False while another request holds it."""
    return bool((await door.fetch(SQL["claim"], f"{scope} {path} {key}"))[0]["held"])


async def find(door: Door, scope: str, path: str, key: str) -> Mapping[str, Any] | None:
    """The body's hash, status and answer that the key was given, if any."""
    rows = await door.fetch(SQL["find"], scope, path, key)
    return rows[0] if rows else None


async def keep(
    door: Door, scope: str, path: str, key: str, body_hash: bytes, status: int, answer: str, *, at: datetime
) -> None:
    """Keep the answer with the key, in the transaction of the deed itself."""
    await door.fetch(SQL["keep"], scope, path, key, body_hash, status, answer, at)
