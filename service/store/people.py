"""People, their refresh tokens, and the access tokens that ended early."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Door, Record
from service.domain.people import Place
from service.domain.permissions import Actor, Role
from service.store.sentences import sentences

SQL = sentences("people")

Row = Record


async def find_sign_in(connection: Connection, username: str) -> Row | None:
    """The id and password hash of an enabled person by username."""
    return await connection.fetchrow(SQL["find_sign_in"], username)


async def hold_person(connection: Connection, person_id: UUID) -> Row | None:
    """An enabled person, who stays enabled and keeps the password until the transaction ends."""
    return await connection.fetchrow(SQL["hold_person"], person_id)


async def is_anybody_there(connection: Connection) -> bool:
    """Whether the service knows of any person yet."""
    return bool(await connection.fetchval(SQL["is_anybody_there"]))


async def add_first_person(
    connection: Connection, username: str, password_hash: str, name: str, jurisdiction: str, *, at: datetime
) -> UUID | None:
    """Add the first officer of the province; None if another process was first."""
    found: UUID | None = await connection.fetchval(
        SQL["add_first_person"], uuid7(), username, password_hash, name, jurisdiction, at
    )
    return found


def place_of(row: Row) -> Place:
    """The place of a person's row."""
    return Place(Role(row["role"]), row["place_jurisdiction"], row["enterprise_id"], row["station_id"])


async def find_person(door: Door, person_id: UUID) -> Row | None:
    """One person, with the jurisdiction that their place lies in."""
    rows = await door.fetch(SQL["find_person"], person_id)
    return rows[0] if rows else None


async def list_people(door: Door, *, actor: Actor, after: UUID | None, limit: int) -> Sequence[Row]:
    """The people that the actor may know of, newest first."""
    area = None if actor.reads_all or actor.enterprise_id else actor.area
    return await door.fetch(SQL["list_people"], after, area, actor.enterprise_id, limit)


async def find_place(
    door: Door, jurisdiction: str | None, enterprise_id: UUID | None, station_id: UUID | None
) -> str | None:
    """The jurisdiction that an office, an enterprise or a station lies in; None if there is no such place."""
    rows = await door.fetch(SQL["find_place"], jurisdiction, enterprise_id, station_id)
    return rows[0]["jurisdiction"] if rows else None


async def lock_province_officers(door: Door) -> set[UUID]:
    """The enabled officers of the province, who stay so until the transaction ends."""
    return {row["id"] for row in await door.fetch(SQL["lock_province_officers"])}


async def set_disabled(door: Door, person_id: UUID, disabled: bool) -> int | None:
    """Disable or enable a person; gives their generation, None if they were so already."""
    rows = await door.fetch(SQL["set_disabled"], person_id, disabled)
    return rows[0]["generation"] if rows else None


async def find_password(connection: Connection, person_id: UUID) -> Row | None:
    """The username and password hash of an enabled person."""
    return await connection.fetchrow(SQL["find_password"], person_id)


async def set_password(connection: Connection, person_id: UUID, old_hash: str, new_hash: str) -> int | None:
    """Replace a password; gives the new generation, None if the old one is no longer the person's."""
    generation: int | None = await connection.fetchval(SQL["set_password"], person_id, old_hash, new_hash)
    return generation


async def add_refresh_token(
    connection: Connection, token_hash: bytes, family: UUID, person_id: UUID, *, at: datetime, until: datetime
) -> None:
    """Keep a refresh token's hash."""
    await connection.execute(SQL["add_refresh_token"], token_hash, family, person_id, at, until)


async def find_refresh_token(connection: Connection, token_hash: bytes) -> Row | None:
    """The family and person of a refresh token, good or not."""
    return await connection.fetchrow(SQL["find_refresh_token"], token_hash)


async def use_refresh_token(connection: Connection, token_hash: bytes, *, at: datetime) -> bool:
    """Mark a refresh token used; False if it was used, revoked or has expired."""
    return await connection.fetchval(SQL["use_refresh_token"], token_hash, at) is not None


async def revoke_family(door: Door, person_id: UUID, family: UUID, *, at: datetime, until: datetime) -> None:
    """End every token of a family."""
    await door.fetch(SQL["revoke_family"], family, at)
    await door.fetch(SQL["add_revocation"], uuid7(), person_id, family, None, at, until)


async def revoke_below(door: Door, person_id: UUID, generation: int, *, at: datetime, until: datetime) -> None:
    """End every token that a person got before this generation."""
    await door.fetch(SQL["revoke_all"], person_id, at)
    await door.fetch(SQL["add_revocation"], uuid7(), person_id, None, generation, at, until)


async def list_revocations(connection: Connection, *, at: datetime) -> Sequence[Row]:
    """The access tokens that ended before they expire."""
    return await connection.fetch(SQL["list_revocations"], at)
