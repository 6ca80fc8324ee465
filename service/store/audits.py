"""The note that each deed leaves, in the deed's own transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Note:
    """That somebody did a deed to a subject, with its facts; asked for by the request that is under way, or by another."""

    actor: Actor
    subject_id: UUID | None
    facts: Mapping[str, Any]
    request_id: str | None


def request_under_way() -> str | None:
    """The name of the request in whose course this is asked."""
    found: str | None = get_contextvars().get("request_id")
    return found


async def note(
    door: Door, deed: str, subject_id: UUID | None, facts: Mapping[str, Any], *, at: datetime, actor: Actor
) -> None:
    """Record that the actor did a deed (`<slice>.<verb>`) to a subject."""
    await note_all(door, deed, [Note(actor, subject_id, facts, request_under_way())], at=at)


async def note_all(door: Door, deed: str, notes: Sequence[Note], *, at: datetime) -> None:
    """Record that a deed was done to each of some subjects, by whom and with which facts."""
    if not notes:
        return
    rows = [
        (uuid7(), one.actor.person_id, one.subject_id, orjson.dumps(one.facts, default=str).decode(), one.request_id)
        for one in notes
    ]
    ids, people, subjects, texts, requests = map(list, zip(*rows, strict=True))
    await door.fetch(SQL["note"], ids, at, deed, people, subjects, texts, requests)
