"""The agent's folder: who this device is, one agent at a time, and a file that is written whole or not at all."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.embedded import CannotRun

OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device as its station's service knows it."""

    server: str
    device_id: str
    station_id: str
    station: str
    name: str


class Folder:
    """Where the agent keeps what must outlive it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.queue = path / "queue.sqlite"
        self.answers = path / "answers.jsonl"
        self.secret = path / "device.key"
        self._device = path / "device.json"

    def make(self) -> None:
        """Make the folder, for its owner alone."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def enrolled(self) -> Enrolled | None:
        """The device that was enrolled here."""
        if not self._device.exists():
            return None
        return Enrolled(**json.loads(self._device.read_text(encoding="utf-8")))

    def keep(self, enrolled: Enrolled) -> None:
        """Remember the device."""
        write_whole(self._device, json.dumps(asdict(enrolled), ensure_ascii=False, indent=1).encode())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other agent out of this folder; raises CannotRun when one is in it. A killed one holds nothing."""
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CannotRun(
                    f"{self.path} 已有一个代理在运行。", f"Another agent runs in {self.path} already."
                ) from error
            yield


def write_whole(path: Path, body: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all, and on the disk before this returns."""
    draft = path.with_name(f"{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    try:
        os.write(handle, body)
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    _sync(path.parent)


def append_line(path: Path, said: Any) -> None:
    """Add a line of JSON to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(said, ensure_ascii=False) + "\n")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
