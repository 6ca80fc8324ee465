"""Failed sign-ins, counted for each name and each address; right ones are not counted."""

import ipaddress
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog
from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from service.cache import Cache
from service.domain.refusals import TooManyAttempts

MOST_FAILED = RateLimitItemPerMinute(10, 5)
SECONDS_UNTIL_ASKED_AGAIN = 10.0

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class Attempts:
    """Ten failures in five minutes close the door for that name, or that address, until the oldest is five minutes old.

    The count is shared through Valkey and kept in this process as well: while Valkey is away, each process still holds
    callers to the limit by what it has seen itself, and asks Valkey again after a while only: one that is mute would keep each
    who signs in waiting, and all behind him.
    """

    def __init__(self, cache: Cache, redis_url: str) -> None:
        shared = RedisStorage(
            f"async+redis+{redis_url}" if redis_url.startswith("unix:") else f"async+{redis_url}",
            implementation="redispy",
            connection_pool=cache.commands.connection_pool,  # type: ignore[arg-type]
        )
        self._shared = MovingWindowRateLimiter(shared)
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._alone_until = 0.0

    async def check(self, username: str, address: str) -> None:
        """Raises TooManyAttempts, with the seconds to wait, when the name or the address has failed too often."""
        for whose in (("name", username), ("address", address)):
            wait = await self._wait(self._own, whose)
            if wait is None:
                wait = await self._asked(self._wait, self._shared, whose)
            if wait is not None:
                raise TooManyAttempts(retry_after=wait)

    async def count(self, username: str, address: str) -> None:
        """One more failure of this name from this address."""
        for whose in (("name", username), ("address", address)):
            await self._own.hit(MOST_FAILED, *whose)
            await self._asked(self._shared.hit, MOST_FAILED, *whose)

    async def _asked(self, ask: Callable[..., Coroutine[Any, Any, Answer]], *of: Any) -> Answer | None:
        """What Valkey answers; None while it does not."""
        if time.monotonic() < self._alone_until:
            return None
        try:
            return await ask(*of)
        except (RedisError, OSError) as error:
            self._alone_until = time.monotonic() + SECONDS_UNTIL_ASKED_AGAIN
            log.warning(f"Failed sign-ins are counted by this process alone: {type(error).__name__}")
            return None

    async def _wait(self, limiter: MovingWindowRateLimiter, whose: tuple[str, str]) -> int | None:
        if await limiter.test(MOST_FAILED, *whose):
            return None
        stats = await limiter.get_window_stats(MOST_FAILED, *whose)
        return max(1, math.ceil(stats.reset_time - time.time()))


def address_of(request: Request) -> str:
    """Where a request comes from; of IPv6 the network, since one caller has all of its addresses."""
    host = request.client.host if request.client else "local"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    # To a socket of both kinds, every caller by IPv4 comes from one network.
    return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
