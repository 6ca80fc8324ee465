"""The note that each deed leaves, in the deed's own transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from structlog.contextvars import get_contextvars
from uuid_utils.compat import uuid7

from service.db import Door
from service.domain.permissions import Actor
from service.store.sentences import sentences

SQL = sentences("audits")


async def note(
    door: Door, deed: str, subject_id: UUID | None, facts: dict[str, Any], *, at: datetime, actor: Actor
) -> None:
    """Record that the actor did a deed (`<slice>.<verb>`) to a subject."""
    text = orjson.dumps(facts, default=str).decode()
    request_id = get_contextvars().get("request_id")
    await door.fetch(SQL["note"], uuid7(), at, actor.person_id, deed, subject_id, text, request_id)
