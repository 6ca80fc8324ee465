"""What the host of a virtual machine has taken for others while something was measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STAT = Path("/proc/stat")
WHOLE, STOLEN = slice(1, 9), 8  # of the first line: guests' time, behind these, is counted among them


@contextmanager
def stolen_time_told(say: Callable[[str], None], stat: Path = STAT) -> Iterator[None]:
    """Say in the end which share of the cores' time the host has taken; nothing where no kernel tells of it."""
    if not stat.exists():
        yield
        return
    stolen_before, whole_before = _ticks(stat)
    yield
    stolen, whole = _ticks(stat)
    say(f"the host took {(stolen - stolen_before) / max(1, whole - whole_before):.1%} of the cores' time meanwhile")


def _ticks(stat: Path) -> tuple[int, int]:
    fields = stat.read_text().split("\n", 1)[0].split()
    return int(fields[STOLEN]), sum(int(field) for field in fields[WHOLE])
