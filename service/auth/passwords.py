"""Passwords as argon2 hashes: each costs 64 MiB and a tenth of a second, so few are made at once, off the loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from service.domain.people import normal_password
from service.domain.refusals import Busy

AT_ONCE = 2
MOST_WAITING = 200

COSTS = RFC_9106_LOW_MEMORY
HASHER = PasswordHasher.from_parameters(COSTS)


class Passwords:
    """The few turns at hashing that are given at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; raises Busy when too many wait."""
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def hash(self, password: str) -> str:
        """A password's hash, with its salt and costs."""
        async with self.turn():
            return await asyncio.to_thread(HASHER.hash, normal_password(password))

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Whether a password is the one that was hashed; without a hash it takes as long, and is not. Needs a turn."""
        return await asyncio.to_thread(_fits, password, password_hash)


@cache
def nobodys_hash() -> str:
    """The hash that is tried for names that nobody has, so that the time of an answer does not tell who exists."""
    return HASHER.hash("")


def _fits(password: str, password_hash: str | None) -> bool:
    try:
        HASHER.verify(password_hash or nobodys_hash(), normal_password(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(password_hash)
