"""Signing in and out, and knowing those who have: the part of the application that remembers people."""

import asyncio
import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Request
from fastapi.responses import Response

from service.actions import people as deeds
from service.actions.devices import sign_in_device
from service.actions.people import Ended, SignedIn
from service.auth.attempts import Attempts, address_of
from service.auth.passwords import Passwords, nobodys_hash
from service.auth.tokens import ALGORITHM, LIFETIMES, LONGEST_LIFETIME, Audience, Tokens, Verified
from service.cache import Cache
from service.db import Database
from service.domain.devices import Device, is_timely
from service.domain.people import check_password, normal_username
from service.domain.permissions import Actor
from service.domain.refusals import FormOutdated, NotSignedIn, PasswordWrong, SignInFailed
from service.keys import KeyRing
from service.settings import Settings
from service.store.devices import find_devices
from service.store.people import find_password, find_sign_in, is_anybody_there

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
DEVICE_AUDIENCE = "meisu"
LONGEST_JTI = 100
LAST_SECOND = 2**33


class People:
    """Who has signed in.

    Sign-ins go by the wall's clock, even where the service's own is moved: other machines read the tokens too.
    Passwords are hashed outside of transactions, so that nobody holds a connection for that long.
    """

    def __init__(self, database: Database, tokens: Tokens, attempts: Attempts, *, secure: bool) -> None:
        self._database = database
        self._tokens = tokens
        self._attempts = attempts
        self._passwords = Passwords()
        self._secure = secure
        # The prefix makes browsers refuse the cookie from a neighbouring host or without TLS.
        self.cookie = "__Host-meisu" if secure else "meisu"

    @classmethod
    @asynccontextmanager
    async def know(
        cls, database: Database, cache: Cache, keys: KeyRing, redis_url: str, settings: Settings
    ) -> AsyncIterator[Self]:
        """The people of a database; the province's first officer is made where there is nobody yet."""
        tokens = Tokens(keys)
        secure = settings.public_url.startswith("https://")
        people = cls(database, tokens, Attempts(cache, redis_url), secure=secure)
        await people._make_first_officer(settings.admin_password)
        await asyncio.to_thread(nobodys_hash)
        await tokens.look(database)
        looking = asyncio.create_task(tokens.keep_looking(database))
        try:
            yield people
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def actor_of(self, request: Request) -> Actor | None:
        """Who asks; None for a token that is missing, wrong, expired or ended."""
        found = self._verified(request)
        if found is None:
            return None
        request.state.actor = found.actor
        return found.actor

    async def sign_in(self, request: Request, username: str, password: str) -> SignedIn:
        """Sign in for the API, with a refresh token. Raises SignInFailed, TooManyAttempts, Busy."""
        return await self._sign_in(request, username, password, with_refresh=True)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """Trade a refresh token for the next; raises SignInFailed for one that is none, or not for the first time."""
        at = datetime.now(UTC)
        until = at + LONGEST_LIFETIME
        async with self._database.transaction() as connection:
            outcome = await deeds.refresh(connection, refresh_token, at=at, until=until)
        if isinstance(outcome, Ended):
            self._tokens.end_family(outcome.family, until)
            raise SignInFailed
        return outcome

    async def sign_in_device(self, request: Request, assertion: str) -> SignedIn:
        """Sign a station's device in by what it has signed (RFC 7523). Raises SignInFailed, DeviceNotApproved, DeviceRevoked.

        A key cannot be guessed: only what does not fit it counts as a failure, so that a device may ask each minute
        whether it has been approved.
        """
        address = address_of(request)
        await self._attempts.check(f"device {address}", address)
        at = datetime.now(UTC)
        device_id = _device_of(assertion)
        async with self._database.transaction(readonly=True) as connection:
            device = (await find_devices(connection, [device_id])).get(device_id) if device_id else None
        claims = _claims_of(assertion, device) if device else None
        if device is None or claims is None:
            await self._attempts.count(f"device {address}", address)
            raise SignInFailed
        issued_at, expires_at = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
        if not is_timely(issued_at, expires_at, at=at):
            raise SignInFailed
        async with self._database.transaction() as connection:
            return await sign_in_device(connection, device, claims["jti"], expires_at=expires_at, at=at)

    def access_token(self, signed_in: SignedIn) -> tuple[str, int]:
        """A bearer token and the seconds that it is good for."""
        lifetime = LIFETIMES[Audience.API]
        token = self._tokens.mint(
            signed_in.actor, signed_in.family, signed_in.generation, Audience.API, at=datetime.now(UTC)
        )
        return token, int(lifetime.total_seconds())

    async def revoke(self, token: str) -> None:
        """End the family of a refresh token or an access token; a token that is none of ours is nothing to end."""
        found = self._tokens.family_of(token)
        if found is None:
            async with self._database.transaction(readonly=True) as connection:
                found = await deeds.find_family(connection, token)
        if found is not None:
            await self._sign_out(*found)

    async def open_session(self, request: Request, response: Response, username: str, password: str) -> Actor:
        """Sign in for the pages, by a cookie. Raises FormOutdated, SignInFailed, TooManyAttempts, Busy."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise FormOutdated
        signed_in = await self._sign_in(request, username, password, with_refresh=False)
        lifetime = LIFETIMES[Audience.PAGES]
        token = self._tokens.mint(
            signed_in.actor, signed_in.family, signed_in.generation, Audience.PAGES, at=datetime.now(UTC)
        )
        response.set_cookie(
            self.cookie,
            token,
            max_age=int(lifetime.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return signed_in.actor

    async def close_session(self, request: Request, response: Response) -> None:
        """Sign out of the pages; every copy of the cookie ends with it."""
        found = self._tokens.read(request.cookies.get(self.cookie, ""), Audience.PAGES)
        if found is not None:
            await self._sign_out(found.actor.person_id, found.family)
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    async def hash(self, password: str) -> str:
        """A password as it is kept."""
        return await self._passwords.hash(password)

    async def change_password(self, request: Request, old: str, new: str, *, at: datetime, actor: Actor) -> None:
        """Replace the actor's password; whatever they were signed in with ends. Raises Malformed, PasswordWrong, TooManyAttempts.

        Wrong old passwords count as failed sign-ins: a stolen token must not be a way to guess.
        """
        address = address_of(request)
        async with self._database.transaction(readonly=True) as connection:
            row = await find_password(connection, actor.person_id)
        if row is None:
            raise NotSignedIn
        check_password(new, row["username"])
        if not await self._try(row["username"], address, old, row["password_hash"]):
            raise PasswordWrong
        new_hash = await self.hash(new)
        until = datetime.now(UTC) + LONGEST_LIFETIME
        async with self._database.transaction() as connection:
            generation = await deeds.change_password(
                connection, row["password_hash"], new_hash, at=at, until=until, actor=actor
            )
        self._tokens.end_below(actor.person_id, generation, until)

    def end_below(self, person_id: UUID, generation: int) -> None:
        """Believe no token of this person from before a generation; to be called when that is committed."""
        self._tokens.end_below(person_id, generation, datetime.now(UTC) + LONGEST_LIFETIME)

    def _verified(self, request: Request) -> Verified | None:
        header = request.headers.get("authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            return self._tokens.read(token.strip(), Audience.API) if scheme.lower() == "bearer" else None
        cookie = request.cookies.get(self.cookie)
        return self._tokens.read(cookie, Audience.PAGES) if cookie else None

    async def _sign_in(self, request: Request, username: str, password: str, *, with_refresh: bool) -> SignedIn:
        address = address_of(request)
        name = normal_username(username) or ""
        await self._attempts.check(name, address)
        async with self._database.transaction(readonly=True) as connection:
            row = await find_sign_in(connection, name)
        if not await self._try(name, address, password, row["password_hash"] if row else None) or row is None:
            raise SignInFailed
        async with self._database.transaction() as connection:
            return await deeds.sign_in(
                connection, row["id"], row["password_hash"], with_refresh=with_refresh, at=datetime.now(UTC)
            )

    async def _try(self, username: str, address: str, password: str, password_hash: str | None) -> bool:
        # Inside the turn: of a crowd that tries at once, only those that have a turn together are beyond the limit.
        async with self._passwords.turn():
            await self._attempts.check(username, address)
            if await self._passwords.fits(password, password_hash):
                return True
            await self._attempts.count(username, address)
            return False

    async def _sign_out(self, person_id: UUID, family: UUID) -> None:
        at = datetime.now(UTC)
        until = at + LONGEST_LIFETIME
        async with self._database.transaction() as connection:
            await deeds.sign_out(connection, person_id, family, at=at, until=until)
        self._tokens.end_family(family, until)

    async def _make_first_officer(self, given: str | None) -> None:
        async with self._database.transaction(readonly=True) as connection:
            if await is_anybody_there(connection):
                return
        password = given or secrets.token_urlsafe(12)
        password_hash = await self.hash(password)
        async with self._database.transaction() as connection:
            made = await deeds.add_first_person(connection, password_hash, at=datetime.now(UTC))
        if made and not given:
            # To the console and nowhere else: it is not to be found in any log.
            print(f"用户 / user: {deeds.FIRST_USERNAME}   密码 / password: {password}", flush=True)


def _device_of(assertion: str) -> UUID | None:
    try:
        return UUID(jwt.decode(assertion, options={"verify_signature": False})["iss"])
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError):
        return None


def _claims_of(assertion: str, device: Device) -> dict[str, Any] | None:
    """What a device has signed; its clock is judged elsewhere, since it may be wrong."""
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            Ed25519PublicKey.from_public_bytes(device.public_key),
            algorithms=[ALGORITHM],
            audience=DEVICE_AUDIENCE,
            issuer=str(device.id),
            subject=str(device.id),
            options={
                "require": ["iss", "sub", "aud", "iat", "exp", "jti"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidTokenError:
        return None
    known = isinstance(claims["jti"], str) and 0 < len(claims["jti"]) <= LONGEST_JTI
    times = all(type(claims[name]) is int and 0 < claims[name] < LAST_SECOND for name in ("iat", "exp"))
    return claims if known and times else None


def csrf_token(request: Request) -> str:
    """What a page's forms carry, so that no other site can send them: known only to who can read the cookie."""
    people: People = request.app.state.people
    digest = hashlib.sha256(b"csrf " + request.cookies.get(people.cookie, "").encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


async def check_csrf(request: Request) -> None:
    """Raises FormOutdated for a change asked for by cookie without the page's token, as field or header."""
    if request.method in SAFE_METHODS or "authorization" in request.headers:
        return
    given: object = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(FORMS):
        given = (await request.form()).get(CSRF_FIELD)
    if not isinstance(given, str) or not secrets.compare_digest(given.encode(), csrf_token(request).encode()):
        raise FormOutdated
