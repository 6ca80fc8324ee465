"""Access tokens: signed by the service's own key, verified once, believed until they expire or are ended."""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from uuid_utils.compat import uuid7

from service.db import Database
from service.domain.permissions import Actor, Role
from service.enduring import enduring
from service.keys import KeyRing, Purpose
from service.store.people import list_revocations

ISSUER = "meisu"
ALGORITHM = "EdDSA"
CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti", "family", "generation", "role"]
KID = re.compile(r"tokens-([0-9]{1,6})")
MOST_REMEMBERED = 20_000
SECONDS_BETWEEN_LOOKS = 1.0


class Audience(StrEnum):
    """Who takes a token: neither takes the other's, so that a page's cookie is never a bearer token."""

    API = "meisu-api"
    PAGES = "meisu-pages"


LIFETIMES = {Audience.API: timedelta(minutes=15), Audience.PAGES: timedelta(hours=12)}
LONGEST_LIFETIME = max(LIFETIMES.values())


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token says that we signed."""

    actor: Actor
    family: UUID
    generation: int
    expires_at: float


class Tokens:
    """Mints tokens and reads them.

    A token is ended by its family (signed out, a refresh token brought twice) or by its person's generation (disabled,
    another password). This process knows of it at once, every other one within a second: each looks into the database
    that often. What has ended is only ever added until it expires, so that a look begun too early takes nothing back.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._verified: dict[tuple[str, Audience], Verified] = {}
        self._families: dict[UUID, float] = {}
        self._generations: dict[UUID, tuple[int, float]] = {}

    def mint(self, actor: Actor, family: UUID, generation: int, audience: Audience, *, at: datetime) -> str:
        """A token for a person who has signed in."""
        key = self._keys.current(Purpose.TOKENS)
        claims = {
            "iss": ISSUER,
            "aud": audience.value,
            "sub": str(actor.person_id),
            "iat": int(at.timestamp()),
            "exp": int((at + LIFETIMES[audience]).timestamp()),
            "jti": str(uuid7()),
            "family": str(family),
            "generation": generation,
            "role": actor.role.value,
            "jurisdiction": actor.jurisdiction,
            "enterprise_id": actor.enterprise_id and str(actor.enterprise_id),
            "station_id": actor.station_id and str(actor.station_id),
        }
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(given, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})

    def read(self, token: str, audience: Audience) -> Verified | None:
        """What a good token says; None for one that is not ours, has expired or was ended."""
        place = (token, audience)
        known = self._verified.get(place)
        if known is None:
            known = self._verify(token, audience)
            if known is None:
                return None
            if len(self._verified) >= MOST_REMEMBERED:
                self._verified.pop(next(iter(self._verified)))
            self._verified[place] = known
        if known.expires_at <= time.time() or self._has_ended(known):
            self._verified.pop(place, None)
            return None
        return known

    def family_of(self, token: str) -> tuple[UUID, UUID] | None:
        """The person and family of a token of ours for the API, even one that has expired."""
        known = self._verify(token, Audience.API, expired=True)
        return (known.actor.person_id, known.family) if known else None

    def end_family(self, family: UUID, expires_at: datetime) -> None:
        """Believe no token of this family from now on, in this process."""
        self._families[family] = expires_at.timestamp()

    def end_below(self, person_id: UUID, generation: int, expires_at: datetime) -> None:
        """Believe no token of this person from before a generation, in this process."""
        known, _ = self._generations.get(person_id, (0, 0.0))
        self._generations[person_id] = (max(known, generation), expires_at.timestamp())

    async def look(self, database: Database) -> None:
        """Learn what other processes have ended."""
        async with database.transaction(readonly=True) as connection:
            rows = await list_revocations(connection, at=datetime.now(UTC))
        self._learn(rows)
        self._forget(time.time())

    async def keep_looking(self, database: Database) -> None:
        """Look again and again until cancelled; a database that is away is tried again."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            with enduring("look for ended tokens"):
                await self.look(database)

    def _learn(self, rows: Iterable[Any]) -> None:
        for row in rows:
            if row["family"]:
                self.end_family(row["family"], row["expires_at"])
            else:
                self.end_below(row["person_id"], row["generation"], row["expires_at"])

    def _forget(self, now: float) -> None:
        self._families = {family: until for family, until in self._families.items() if until > now}
        self._generations = {person: known for person, known in self._generations.items() if known[1] > now}

    def _has_ended(self, token: Verified) -> bool:
        if token.family in self._families:
            return True
        generation = self._generations.get(token.actor.person_id)
        return generation is not None and token.generation < generation[0]

    def _verify(self, token: str, audience: Audience, *, expired: bool = False) -> Verified | None:
        try:
            kid = KID.fullmatch(str(jwt.get_unverified_header(token).get("kid")))
            key = self._keys.find(Purpose.TOKENS, int(kid[1])) if kid else None
            if key is None:
                return None
            claims = jwt.decode(
                token,
                Ed25519PublicKey.from_public_bytes(key.public),
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=audience.value,
                # Whoever has signed it may have a clock that is ahead of ours.
                options={"require": CLAIMS, "verify_exp": not expired, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        return Verified(_actor(claims), UUID(claims["family"]), claims["generation"], claims["exp"])


def _actor(claims: Mapping[str, Any]) -> Actor:
    enterprise, station = claims.get("enterprise_id"), claims.get("station_id")
    return Actor(
        person_id=UUID(claims["sub"]),
        role=Role(claims["role"]),
        jurisdiction=claims.get("jurisdiction"),
        enterprise_id=UUID(enterprise) if enterprise else None,
        station_id=UUID(station) if station else None,
    )
