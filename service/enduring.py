"""Background chores go on after an error."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import structlog
from redis.exceptions import RedisError

from service import metrics
from service.domain.refusals import Busy
from service.problems import TROUBLE

# What a server that is away says as often as it is asked; all else is told with its traceback.
_EXPECTED = (Busy, RedisError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, *TROUBLE)

log = structlog.get_logger(__name__)


@contextmanager
def enduring(chore: str) -> Iterator[None]:
    """Log and count whatever this turn of a chore raises, and let the chore go on; the chore itself waits before its next turn.

    Otherwise a task that nobody awaits would end silently, until the next start.
    """
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and is_told_to_end():
            raise
        metrics.CHORE_FAILURES.labels(chore).inc()
        log.warning(
            f"A turn of {chore} failed, the next is tried as usual: {type(error).__name__}: {error}",
            exc_info=None if isinstance(error, _EXPECTED) else error,
        )
    else:
        metrics.CHORE_ENDED.labels(chore).set_to_current_time()


def is_told_to_end() -> bool:
    """Whether a cancellation is meant for this task itself, and not for something that it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
