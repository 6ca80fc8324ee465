"""What takes long without waiting for anything: done in pieces beside the loop, one work at a time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Done = TypeVar("Done")

LARGE_BYTES = 8 * 1024  # a smaller body is read sooner than a thread has been woken
PIECE = 8  # records: a tenth or two of a millisecond
REST_SECONDS = 0.001
SHORT_SEEN_SECONDS = 1.0  # who asked something short so lately is still being answered, or the next one is
# A thread that reckons gives the interpreter up when it must, and each of the loop's many steps would wait for that.
SWITCH_SECONDS = 0.0005
# The loop shares the interpreter with one other thread at most, however many stations come back at once.
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="beside")


class _Short:
    """When somebody has last asked something short."""

    seen_at = float("-inf")


def short_seen() -> None:
    """For a while, what is large leaves room."""
    _Short.seen_at = time.monotonic()


def rest() -> None:
    """Between two pieces of work: leave the interpreter to those who ask something short, where there are some."""
    if time.monotonic() - _Short.seen_at < SHORT_SEEN_SECONDS:
        time.sleep(REST_SECONDS)


async def beside(work: Callable[[], Done]) -> Done:
    """What the work gives, after all that was asked for before it."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
