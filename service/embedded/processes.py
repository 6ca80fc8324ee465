"""Child processes that end with us, and those that a killed predecessor left behind."""

import ctypes
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from service.embedded.accounts import Account
from service.embedded.refusals import CannotRun

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def start(
    args: Sequence[str | Path], account: Account, *, given: bytes, output: Path, at_our_death: signal.Signals
) -> "subprocess.Popen[bytes]":
    """Start a server that is told to stop when we die; a terminal's Ctrl-C does not reach it before us."""
    # The kernel sends the signal when the starting *thread* ends, not the process.
    assert threading.current_thread() is threading.main_thread()
    parent = os.getpid()

    def tie_to_parent() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, at_our_death)
        if os.getppid() != parent:
            os._exit(1)

    with output.open("ab") as sink:
        process = subprocess.Popen(
            args,
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            preexec_fn=tie_to_parent,  # noqa: PLW1509
            **account.popen_kwargs(),
        )
    assert process.stdin is not None
    with process.stdin as stdin:
        stdin.write(given)
    return process


def stop(process: "subprocess.Popen[bytes]", gently: signal.Signals, *, within_s: float = 60) -> None:
    """Stop a server of ours, by force when it does not listen."""
    if process.poll() is not None:
        return
    process.send_signal(gently)
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def survivors(folder: Path, program: str) -> dict[int, int]:
    """Processes of that program which work in the folder, each with its parent.

    A process id alone proves nothing: it may have been given to a stranger since.
    """
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cwd").readlink() != folder:
                continue
            if (entry / "exe").readlink().name.removesuffix(" (deleted)") == program:
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    return found


def stop_survivors(folder: Path, program: str, gently: signal.Signals, *, within_s: float = 60) -> None:
    """Stop what a killed predecessor left running in the folder, and wait until it is gone."""
    for signalled in (gently, signal.SIGQUIT):
        left = survivors(folder, program)
        for pid in (pid for pid, parent in left.items() if parent not in left):
            _signal_if_still(pid, folder, program, signalled)
        deadline = time.monotonic() + within_s
        while left := survivors(folder, program):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        if not left:
            return
    raise CannotRun(
        f"上次运行留下的 {program} 进程 {sorted(left)} 仍在 {folder} 中运行, 无法停止。请手动结束它们。",
        f"{program} processes {sorted(left)} of an earlier run work in {folder} and do not stop. End them by hand.",
    )


def _signal_if_still(pid: int, folder: Path, program: str, signalled: signal.Signals) -> None:
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if pid in survivors(folder, program):
            signal.pidfd_send_signal(held, signalled)
            select.select([held], [], [], 0.1)
    except ProcessLookupError:
        pass
    finally:
        os.close(held)
