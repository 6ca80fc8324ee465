"""Signing in and out, passwords, and who is given a sign-in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from service.db import Connection, Door, Record, SessionDoor
from service.domain import people as rules
from service.domain.people import Place
from service.domain.permissions import Actor, Role
from service.domain.refusals import LastProvinceOfficer, NotFound, PasswordWrong, SignInFailed
from service.store import audits, people
from service.store.tables import PersonRow

REFRESH_LIFETIME = timedelta(days=30)
FIRST_USERNAME = "province"
FIRST_JURISDICTION = "210000"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who has signed in, and what their tokens have in common."""

    actor: Actor
    family: UUID
    generation: int
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A family of tokens that is good no longer."""

    family: UUID


async def sign_in(
    connection: Connection, person_id: UUID, password_hash: str, *, with_refresh: bool, at: datetime
) -> SignedIn:
    """Begin a family of tokens for a person whose password was right; raises SignInFailed if it no longer is."""
    row = await people.hold_person(connection, person_id)
    if row is None or row["password_hash"] != password_hash:
        raise SignInFailed

    actor, family = _actor(row), uuid7()
    refresh_token = await _give_refresh_token(connection, person_id, family, at=at) if with_refresh else None
    await audits.note(connection, "people.sign_in", person_id, {"family": family}, at=at, actor=actor)
    return SignedIn(actor, family, row["generation"], refresh_token)


async def refresh(connection: Connection, refresh_token: str, *, at: datetime, until: datetime) -> SignedIn | Ended:
    """Trade a refresh token for the next one of its family; one that comes a second time ends the family.

    It gives Ended rather than raise, so that the end is committed. Raises SignInFailed for a token that is none.
    """
    token_hash = _hash(refresh_token)
    token = await people.find_refresh_token(connection, token_hash)
    row = token and await people.hold_person(connection, token["person_id"])
    if token is None or row is None:
        raise SignInFailed
    actor, family = _actor(row), token["family"]

    if not await people.use_refresh_token(connection, token_hash, at=at):
        await people.revoke_family(connection, actor.person_id, family, at=at, until=until)
        await audits.note(connection, "people.end_family", actor.person_id, {"family": family}, at=at, actor=actor)
        return Ended(family)
    next_token = await _give_refresh_token(connection, actor.person_id, family, at=at)
    return SignedIn(actor, family, row["generation"], next_token)


async def sign_out(connection: Connection, person_id: UUID, family: UUID, *, at: datetime, until: datetime) -> None:
    """End a family of tokens."""
    await people.revoke_family(connection, person_id, family, at=at, until=until)


async def find_family(connection: Connection, refresh_token: str) -> tuple[UUID, UUID] | None:
    """The person and family of a refresh token."""
    token = await people.find_refresh_token(connection, _hash(refresh_token))
    return (token["person_id"], token["family"]) if token else None


async def change_password(
    connection: Connection, old_hash: str, new_hash: str, *, at: datetime, until: datetime, actor: Actor
) -> int:
    """Replace a password and end all that the person was signed in with; gives the new generation.

    Raises PasswordWrong when the old one was replaced meanwhile.
    """
    generation = await people.set_password(connection, actor.person_id, old_hash, new_hash)
    if generation is None:
        raise PasswordWrong

    await people.revoke_below(connection, actor.person_id, generation, at=at, until=until)
    await audits.note(connection, "people.change_password", actor.person_id, {}, at=at, actor=actor)
    return generation


async def create_person(
    session: AsyncSession,
    username: str,
    password_hash: str,
    name: str,
    role: Role,
    jurisdiction: str | None = None,
    enterprise_id: UUID | None = None,
    station_id: UUID | None = None,
    *,
    at: datetime,
    actor: Actor,
) -> PersonRow:
    """Give somebody a sign-in for one place.

    Raises NotFound for a place that is none or that the actor may not know of, NotAllowed and OutsideYourArea for one
    that is not theirs, RoleDoesNotFitPlace, UsernameTaken.
    """
    door = SessionDoor(session)
    lies_in = await people.find_place(door, jurisdiction, enterprise_id, station_id)
    if lies_in is None:
        raise NotFound
    place = Place(role, lies_in, enterprise_id, station_id)
    rules.check_reach(actor, place)
    rules.check_place(place)

    person = PersonRow(
        id=uuid7(),
        username=username,
        password_hash=password_hash,
        name=name,
        role=role,
        jurisdiction=jurisdiction,
        enterprise_id=enterprise_id,
        station_id=station_id,
        created_at=at,
    )
    session.add(person)
    await session.flush()
    facts = {"username": username, "role": role, "jurisdiction": lies_in, "enterprise_id": enterprise_id}
    await audits.note(door, "people.create", person.id, facts, at=at, actor=actor)
    return person


async def change_person(
    door: Door, person_id: UUID, *, disabled: bool, at: datetime, until: datetime, actor: Actor
) -> tuple[Record, int | None]:
    """Disable or enable a person; gives the person, and the generation below which their tokens have ended.

    Raises NotFound for one whom the actor may not know of, NotAllowed and OutsideYourArea, LastProvinceOfficer.
    """
    # Before the person is read: who waits here sees what the one before has done.
    officers = await people.lock_province_officers(door) if disabled else set()
    row = await people.find_person(door, person_id)
    if row is None or not rules.sees(actor, people.place_of(row)):
        raise NotFound
    rules.check_reach(actor, people.place_of(row))
    if officers == {person_id}:
        raise LastProvinceOfficer

    generation = await people.set_disabled(door, person_id, disabled)
    if generation is None:
        return row, None
    if disabled:
        await people.revoke_below(door, person_id, generation, at=at, until=until)
    await audits.note(door, "people.change", person_id, {"disabled": disabled}, at=at, actor=actor)
    changed = await people.find_person(door, person_id)
    assert changed is not None
    return changed, generation if disabled else None


async def add_first_person(connection: Connection, password_hash: str, *, at: datetime) -> bool:
    """Give the province its first officer, in a registry that knows of nobody; False if another process was first."""
    person_id = await people.add_first_person(
        connection, FIRST_USERNAME, password_hash, "省级管理员", FIRST_JURISDICTION, at=at
    )
    if person_id is None:
        return False
    actor = Actor(person_id, Role.PROVINCE, FIRST_JURISDICTION)
    await audits.note(connection, "people.create", person_id, {"username": FIRST_USERNAME}, at=at, actor=actor)
    return True


async def _give_refresh_token(connection: Connection, person_id: UUID, family: UUID, *, at: datetime) -> str:
    refresh_token = secrets.token_urlsafe(32)
    until = at + REFRESH_LIFETIME
    await people.add_refresh_token(connection, _hash(refresh_token), family, person_id, at=at, until=until)
    return refresh_token


def _hash(refresh_token: str) -> bytes:
    return hashlib.sha256(refresh_token.encode()).digest()


def _actor(row: Record) -> Actor:
    return Actor(row["id"], Role(row["role"]), row["jurisdiction"], row["enterprise_id"], row["station_id"])
