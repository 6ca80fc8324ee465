"""The servers' logs: kept small while they run."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from service.embedded.refusals import CannotRun

POSTGRES_FILES = 10  # of at most 20 MB, see `log_rotation_size`
VALKEY_BYTES = 20 * 2**20


def keep_small(log: Path) -> None:
    """Remove PostgreSQL's oldest files, and set Valkey's aside when full (it opens its file anew for each line)."""
    for oldest in sorted(log.glob("postgres-*.log"))[:-POSTGRES_FILES]:
        oldest.unlink()
    current = log / "valkey.log"
    if current.exists() and current.stat().st_size > VALKEY_BYTES:
        current.rename(log / "valkey.log.1")


@contextmanager
def watched(servers: Mapping[str, "subprocess.Popen[bytes]"], log: Path, *, every_s: float = 1) -> Iterator[None]:
    """Keep the logs small, and end this process in words when a server ends by itself."""
    finished = threading.Event()
    ended: list[str] = []

    def watch() -> None:
        rounds = 0
        while not finished.wait(every_s):
            if rounds % 60 == 0:
                with suppress(OSError):  # as on a disk that has become read-only: the servers are watched all the same
                    keep_small(log)
            rounds += 1
            ended.extend(name for name, server in servers.items() if server.poll() is not None)
            if ended:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    watcher = threading.Thread(target=watch, name="watch-servers", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
        if ended:
            raise CannotRun(
                f"{'、'.join(ended)} 意外终止, 服务随之停止。日志在 {log}。",
                f"{' and '.join(ended)} ended by itself, so the service stops. Its log is in {log}.",
            )
