"""Long computations, kept off the event loop: in pieces, in one worker thread, one after the other."""

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
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="long")


class _Short:
    """When somebody has last asked something short."""

    seen_at = float("-inf")


def note_short_request() -> None:
    """Have long computations give way for a while."""
    _Short.seen_at = time.monotonic()


def give_way() -> None:
    """Between two pieces of work: leave the interpreter to those who ask something short, where there are some."""
    if time.monotonic() - _Short.seen_at < SHORT_SEEN_SECONDS:
        time.sleep(REST_SECONDS)


async def in_thread(work: Callable[[], Done]) -> Done:
    """What the work gives, done in the worker thread after all that was handed over before it."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)
