"""Windows read by as many processes as there are cores, their answers taken in the order of asking."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any, Self

from service.verify import leaves
from service.verify.books import Layout
from service.verify.leaves import Answer, Reader, Stamp


def readers_for(windows: int) -> int:
    """How many processes read so many windows: none for a single one."""
    return min(windows, max(2, len(os.sched_getaffinity(0)))) if windows > 1 else 0


class Readers:
    """Readers of windows: processes where there are several windows, else this one.

    Each has one window at a time, so that neither side ever waits to write to the other.
    """

    def __init__(self, windows: int, layout: Layout, marks: bytes, public_keys: Mapping[int, bytes]) -> None:
        self._count = readers_for(windows)
        self._about = layout.entry, layout.epoch, marks, dict(public_keys)
        self._ends = ExitStack()
        self._idle: deque[Connection[Any, Any]] = deque()
        self._busy: deque[Connection[Any, Any]] = deque()
        self._read: deque[Answer] = deque()
        self._self: Reader | None = None

    def __enter__(self) -> Self:
        if not self._count:
            self._self = Reader(*self._about)
        for _ in range(self._count):
            ours, theirs = Pipe()
            with theirs:
                program = [sys.executable, "-I", leaves.__file__, str(theirs.fileno())]
                process = subprocess.Popen(program, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
            self._ends.callback(process.wait)
            self._ends.enter_context(ours)  # a reader ends when nobody can ask it any more
            ours.send(self._about)
            self._idle.append(ours)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ends.close()

    @property
    def are_busy(self) -> bool:
        """Whether an answer has to be taken before the next window is asked about."""
        return bool(self._read) or (self._self is None and not self._idle)

    @property
    def asked(self) -> int:
        """How many answers have not been taken."""
        return len(self._read) + len(self._busy)

    def ask(self, entries: bytes | memoryview, due: int, signed: Sequence[Stamp]) -> None:
        """Have a window read."""
        if self._self is not None:
            self._read.append(self._self.read(bytes(entries), due, signed))
            return
        reader = self._idle.popleft()
        reader.send((due, signed))
        reader.send_bytes(entries)
        self._busy.append(reader)

    def answer(self) -> Answer:
        """What was found in the window that was asked about longest ago."""
        if self._read:
            return self._read.popleft()
        reader = self._busy.popleft()
        found: Answer = reader.recv()
        self._idle.append(reader)
        return found
