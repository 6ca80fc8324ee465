"""The bench: what the service does in a second, each figure beside a yardstick of the same run."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

import uvloop

from service.bench import posting, walking, weighing
from service.bench.clients import ClientTooBusy
from service.bench.grounds import grounds
from service.bench.machine import stolen_time_told
from service.bench.rows import Row, as_json, show, void
from service.serving import quiet_collector

__all__ = ["Row", "as_json", "run", "show"]

# Each group, and how many books it has, each on servers of its own.
GROUPS: dict[str, tuple[Callable[..., Coroutine[Any, Any, list[Row]]], int]] = {
    "posting": (posting.measure, 1),
    "weighing": (weighing.measure, 1),
    "walking": (walking.measure, 2),
}


def run(*, quick: bool, say: Callable[[str], None]) -> list[Row]:
    """Measure everything, each group of rows on servers of its own; `say` hears what comes next."""
    rows: list[Row] = []
    quiet_collector()  # as the service has it
    for name, (group, books) in GROUPS.items():
        say(f"{name} …")
        with stolen_time_told(say), ExitStack() as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            ready = [stack.enter_context(grounds(quick=quick)) for _ in range(books)]
            try:
                rows += runner.run(group(*ready))
            except ClientTooBusy:
                rows.append(void(f"{name}: void, since the client needed its whole core"))
    return rows
