"""The bench: what the service does in a second, each figure beside a yardstick of the same run."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from service.bench import posting, walking, weighing
from service.bench.clients import ClientTooBusy
from service.bench.grounds import Grounds, grounds
from service.bench.rows import Row, as_json, show
from service.serving import quiet_collector

__all__ = ["Row", "as_json", "run", "show"]

GROUPS: dict[str, Callable[[Grounds], Coroutine[Any, Any, list[Row]]]] = {
    "posting": posting.measure,
    "weighing": weighing.measure,
    "walking": walking.measure,
}


def run(*, quick: bool, say: Callable[[str], None]) -> list[Row]:
    """Measure everything, each group of rows on servers of its own; `say` hears what was left out, and why."""
    rows: list[Row] = []
    quiet_collector()  # as the service has it
    for name, group in GROUPS.items():
        say(f"{name} …")
        with grounds(quick=quick) as ready, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                rows += runner.run(group(ready))
            except ClientTooBusy:
                say(f"{name}: the client needed its whole core, so its rows are void")
    return rows
