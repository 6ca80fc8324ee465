"""A service for a while: `meisu serve` on a folder, started as a person would start it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTSIDE = ("DATABASE_URL", "REDIS_URL", "MEISU_OWNER_DATABASE_URL", "MEISU_CLOCK")


@dataclass(frozen=True, slots=True)
class Serving:
    """A service that runs, and where it answers."""

    process: "subprocess.Popen[str]"
    address: str


def meisu(*args: str | Path) -> list[str | Path]:
    """The `meisu` command with these words, run by this Python."""
    return [sys.executable, "-m", "service", *args]


def environment(**more: str) -> dict[str, str]:
    """Ours, but for what would lead the command away from its own servers."""
    kept = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def serving(data: Path, admin_password: str, **more: str) -> Iterator[Serving]:
    """`meisu serve` on a data folder, with more variables, until the block ends; what it says goes where ours goes."""
    with subprocess.Popen(
        meisu("serve", "--port", "0", "--data", data),
        cwd=ROOT,
        env=environment(MEISU_ADMIN_PASSWORD=admin_password, **more),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            address = next((line.strip() for line in process.stdout if line.startswith("http")), None)
            assert address is not None, "the service did not start"
            yield Serving(process, address)
        finally:
            process.terminate()
            process.stdout.read()
