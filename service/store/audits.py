"""The note that each deed leaves, in the deed's own transaction."""

from collections.abc import Mapping, Sequence
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
    await note_all(door, deed, [(subject_id, facts)], at=at, actor=actor)


async def note_all(
    door: Door,
    deed: str,
    notes: Sequence[tuple[UUID | None, Mapping[str, Any]]],
    *,
    at: datetime,
    actor: Actor,
) -> None:
    """Record that the actor did a deed to each of some subjects, with the facts of each."""
    if not notes:
        return
    ids = [uuid7() for _ in notes]
    subjects = [subject_id for subject_id, _ in notes]
    texts = [orjson.dumps(facts, default=str).decode() for _, facts in notes]
    request_id = get_contextvars().get("request_id")
    await door.fetch(SQL["note"], ids, at, actor.person_id, deed, subjects, texts, request_id)
