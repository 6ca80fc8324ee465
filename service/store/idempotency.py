"""The answers that Idempotency-Keys were given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.db import Door
from service.store.sentences import sentences

SQL = sentences("idempotency")


@dataclass(frozen=True, slots=True)
class Mark:
    """A key: on whose behalf it was sent, to which door."""

    scope: str
    door: str
    key: str

    def __str__(self) -> str:
        """What the lock on it is made of."""
        return f"{self.scope} {self.door} {self.key}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a key was answered, and the hash of the body that it came with."""

    body_hash: bytes
    status: int
    answer: str


async def wait_for(door: Door, mark: Mark) -> None:
    """Hold a key until the transaction ends, which holds nothing else yet, once no other request does."""
    await door.fetch(SQL["wait_for"], str(mark))


async def claim(door: Door, marks: Collection[Mark]) -> set[Mark]:
    """Hold keys until the transaction ends; those that no other request holds."""
    by_text = {str(mark): mark for mark in marks}
    rows = await door.fetch(SQL["claim"], list(by_text))
    return {by_text[row["mark"]] for row in rows if row["held"]}


async def find(door: Door, marks: Collection[Mark]) -> dict[Mark, Kept]:
    """Those of the keys that were answered, and how."""
    asked = [(mark.scope, mark.door, mark.key) for mark in marks]
    rows = await door.fetch(SQL["find"], *map(list, zip(*asked, strict=True))) if asked else []
    return {
        Mark(row["scope"], row["door"], row["key"]): Kept(bytes(row["body_hash"]), row["status"], row["answer"])
        for row in rows
    }


async def keep(door: Door, answered: Sequence[tuple[Mark, Kept]], *, at: datetime) -> None:
    """Keep the answers with their keys, in the transaction of the deeds themselves."""
    rows = [(mark.scope, mark.door, mark.key, kept.body_hash, kept.status, kept.answer) for mark, kept in answered]
    if rows:
        await door.fetch(SQL["keep"], *map(list, zip(*rows, strict=True)), at)
