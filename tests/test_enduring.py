"""What the service does by itself goes on, whatever has gone wrong with it once."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from service import chores, metrics, outbox, rulebook
from service.auth import tokens
from service.domain.refusals import Busy
from service.enduring import enduring
from service.keys import KeysLieOpenError

pytestmark = pytest.mark.anyio


class Broken:
    """All that a chore stands on, in a state that nobody has foreseen."""

    def __init__(self) -> None:
        self.committed = asyncio.Event()
        self.asked = asyncio.Queue[str]()

    def __getattr__(self, name: str) -> Any:
        self.asked.put_nowait(name)
        raise KeysLieOpenError(Path(name))


def _policies(broken: Broken) -> Awaitable[None]:
    book = rulebook.Rulebook("")

    async def look() -> None:
        broken.find("what is in force")

    book.look = look  # type: ignore[method-assign]
    return book._keep_looking()


CHORES: dict[str, Callable[[Any], Awaitable[None]]] = {
    "sweep": lambda broken: chores._sweep(broken, broken, broken),
    "seal": lambda broken: chores._seal(broken, broken, broken),
    "tell": lambda broken: outbox.tell(broken, broken),
    "look for ended tokens": lambda broken: tokens.Tokens(broken).keep_looking(broken),
    "look for policies": _policies,
}


@pytest.mark.parametrize("chore", CHORES)
async def test_every_chore_goes_on_after_what_nobody_has_foreseen(chore: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        if asyncio.current_task() is task:  # others sleep on the same loop
            pauses.append(seconds)
        await turn(0)

    turn, broken = asyncio.sleep, Broken()
    monkeypatch.setattr(asyncio, "sleep", pause)
    failed = metrics.CHORE_FAILURES.labels(chore)
    before = failed._value.get()
    with capture_logs() as logs:
        task = asyncio.ensure_future(CHORES[chore](broken))
        for _ in range(3):
            asking = asyncio.create_task(broken.asked.get())
            await asyncio.wait({task, asking}, return_when=asyncio.FIRST_COMPLETED)
            assert not task.done(), "it goes on"
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert failed._value.get() - before >= 2
    assert isinstance(logs[0]["exc_info"], KeysLieOpenError), "with its traceback"
    assert len(pauses) >= 2
    assert min(pauses) >= 0.4, "it does not spin"


async def test_a_server_that_is_away_is_told_in_a_line() -> None:
    with capture_logs() as logs, enduring("look"):
        raise Busy
    assert [log["exc_info"] for log in logs] == [None]


async def test_only_its_own_cancellation_ends_a_chore() -> None:
    with enduring("look"):
        raise asyncio.CancelledError

    async def chore() -> None:
        while True:
            with enduring("look"):
                await asyncio.Event().wait()

    task = asyncio.create_task(chore())
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=5)
    assert done
