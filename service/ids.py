"""Ids of the database driver's own UUID class, which hashes and prints them in C; the standard library's does it in Python."""

from uuid import UUID

import uuid_utils
from asyncpg.pgproto import pgproto


def new_id() -> UUID:
    """A new UUIDv7: in the order of time, so that indexes grow at their end."""
    made: UUID = pgproto.UUID(uuid_utils.uuid7().bytes)
    return made


def quick(id_: UUID) -> UUID:
    """The same id, for one that a batch looks up again and again."""
    same: UUID = pgproto.UUID(id_.bytes)
    return same
