"""Windows read by as many processes as there are cores, their answers taken in the order of asking."""

import inspect
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cryptography

from service.verify import leaves
from service.verify.books import Layout
from service.verify.leaves import Answer, Reader, Stamp

# Entries that are read at once: the largest subtree that is perfect and has no kept node above those of 2**8.
WINDOW = 2**15
LIBRARIES = str(Path(cryptography.__file__).parent.parent)
PROGRAM = inspect.getsource(leaves)  # as text: in the stand-alone verifier it lies in no file of its own


def readers_for(windows: int) -> int:
    """How many processes read so many windows: none for a single one, and none elsewhere than on Linux."""
    return min(windows, max(2, len(os.sched_getaffinity(0)))) if windows > 1 and sys.platform == "linux" else 0


@dataclass(frozen=True, slots=True)
class Desk:
    """A reader's process, and the memory that holds the window before it."""

    program: subprocess.Popen[bytes]
    window: mmap

    def send(self, said: Any) -> None:
        """Say something to the reader."""
        assert self.program.stdin
        pickle.dump(said, self.program.stdin)
        self.program.stdin.flush()

    def hear(self) -> Any:
        """What the reader says."""
        assert self.program.stdout
        return pickle.load(self.program.stdout)  # noqa: S301 - our own program


class Readers:
    """Readers of windows: processes where there are several windows, else this one.

    Each has one window at a time, so that neither side ever waits to write to the other.
    """

    def __init__(self, windows: int, layout: Layout) -> None:
        self._count = readers_for(windows)
        self._layout = layout
        self._ends = ExitStack()
        self._idle: deque[Desk] = deque()
        self._busy: deque[Desk] = deque()
        self._read: deque[Answer] = deque()
        self._self: Reader | None = None

    def __enter__(self) -> Self:
        with self._ends as ends:
            if self._count:
                self._marks = ends.enter_context(os.fdopen(os.memfd_create("marks"), "wb"))
            for _ in range(self._count):
                self._idle.append(self._start(ends))
            self._ends = ends.pop_all()
        return self

    def _start(self, ends: ExitStack) -> Desk:
        """A reader's program, which goes through its imports while the accounts are read."""
        memory = os.memfd_create("window")
        try:
            os.ftruncate(memory, WINDOW * self._layout.row.size)
            given = memory, self._marks.fileno()
            command = [sys.executable, "-I", "-S", "-c", PROGRAM, LIBRARIES, *map(str, given)]
            pipe = subprocess.PIPE
            # Its input ends with us, however we end, and then so does the reader.
            program = ends.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, pass_fds=given))
            return Desk(program, ends.enter_context(mmap(memory, 0)))
        finally:
            os.close(memory)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ends.close()

    def tell(self, marks: bytearray, public_keys: Mapping[int, bytes]) -> None:
        """What all windows lean on: the marks of the accounts (16 bytes at each id), which all readers share, and the
        keys."""
        about = self._layout.entry, self._layout.epoch, dict(public_keys)
        if not self._count:
            self._self = Reader(*about, bytes(marks))
            return
        self._marks.write(marks)
        self._marks.flush()
        for desk in self._idle:
            desk.send(about)

    @property
    def are_busy(self) -> bool:
        """Whether an answer has to be taken before the next window is asked about."""
        return bool(self._read) or (self._self is None and not self._idle)

    def ask(self, entries: bytes | memoryview, due: int, signed: Sequence[Stamp]) -> None:
        """Have a window read."""
        if self._self is not None:
            self._read.append(self._self.read(entries, due, signed))
            return
        desk = self._idle.popleft()
        desk.window[: len(entries)] = entries
        desk.send((len(entries), due, signed))
        self._busy.append(desk)

    def answer(self) -> Answer:
        """What was found in the window that was asked about longest ago."""
        if self._read:
            return self._read.popleft()
        desk = self._busy.popleft()
        found: Answer = desk.hear()
        self._idle.append(desk)
        return found
