"""What the offices have decided against the words that were entered with it: which decision differs, and in which column."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

HEAD = "meisu paper 1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME = ":t"
BEIJING = timezone(timedelta(hours=8))

# What an entry binds of a decision, in the order in which it is hashed; all of it never changes.
DECISIONS = {
    "policy": (
        "id", "version", "name", "scope", "value", "valid_from", "document_no", "reason", "person_id", "recorded_at:t",
    ),
    "calendar_day": ("id", "version", "day", "is_worked", "document_no", "person_id", "recorded_at:t"),
    "outage": (
        "id", "version", "starts_at:t", "ends_at:t", "reason", "document_no", "person_id", "recorded_at:t",
    ),
    "deadline_move": (
        "id", "version", "duty", "subject_id", "was_due_on", "due_on", "was_provisional", "is_provisional", "recorded_at:t",
    ),
    "allotment_step": ("id", "allotment_id", "step", "taken_on", "person_id", "recorded_at:t"),
}  # fmt: skip
NAMES = {
    "policy": "{name} from {valid_from} ({document_no})",
    "calendar_day": "{day} ({document_no})",
    "outage": "from {starts_at} ({document_no})",
    "deadline_move": "of {duty} {subject_id} to {due_on}",
    "allotment_step": "{step} of allotment {allotment_id} on {taken_on}",
}


def decision(text: Any) -> tuple[str, UUID, Mapping[str, Any]] | None:
    """The kind, the id and the columns of a decision by its words; none where they are no decision's."""
    try:
        head, _, said = (text or "").partition("\n")
        kind, *values = json.loads(said)
        columns = {
            column.removesuffix(TIME): _time(value) if column.endswith(TIME) else value
            for column, value in zip(DECISIONS[kind], values, strict=True)
        }
        return (kind, UUID(columns["id"]), columns) if head == HEAD else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def fault(kind: str, which: object, says: str | None, entered: str | None, *, is_entered: bool) -> str:
    """How a row is not what was entered: of a decision, which one, and in which columns, each with both values."""
    now, then = _columns(kind, says), _columns(kind, entered)
    if known := now or then:
        which = NAMES[kind].format(**known)
    if says is None:
        return f"{kind} {which} was entered, and is gone"
    if not is_entered:
        return f"{kind} {which} was never entered"
    if now is None or then is None:
        return f"{kind} {which} is not what was entered"
    differing = [
        f"{column} is {_shown(value)}, and was {_shown(then[column])}"
        for column, value in now.items()
        if value != then[column]
    ]
    return f"{kind} {which} is not what was entered: {'; '.join(differing)}"


def _columns(kind: str, text: str | None) -> Mapping[str, Any] | None:
    found = decision(text)
    return found[2] if found and found[0] == kind else None


def _time(microseconds: int) -> str:
    return (EPOCH + timedelta(microseconds=microseconds)).astimezone(BEIJING).isoformat()


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
