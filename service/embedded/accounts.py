"""The account that the servers run as: our own, or for root one without power."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.embedded.refusals import CannotRun

POWERLESS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """Whoever runs the servers and owns their files."""

    name: str
    uid: int
    gid: int
    is_dropped_to: bool

    def popen_kwargs(self) -> dict[str, Any]:
        """Arguments of `subprocess` that make a child of this account, with nothing of our environment."""
        kwargs: dict[str, Any] = {
            "cwd": "/",
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            "umask": 0o077,
        }
        if self.is_dropped_to:
            kwargs |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return kwargs

    def run(self, args: Sequence[str | Path], *, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command to its end as this account; raises OSError where the account cannot reach it."""
        return subprocess.run(args, input=given, capture_output=True, text=True, check=False, **self.popen_kwargs())

    def can_enter(self, folder: Path) -> bool:
        return not self.is_dropped_to or self.run(["/usr/bin/test", "-x", folder]).returncode == 0

    def own(self, folder: Path) -> Path:
        """Make a folder that belongs to this account alone."""
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            if self.is_dropped_to:
                os.chown(folder, self.uid, self.gid)
        return folder


def our_name() -> str:
    """The name of the account that runs this process, by which PostgreSQL knows us (peer)."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        uid = os.geteuid()
        raise CannotRun(
            f"当前用户编号 {uid} 在系统中没有账户名, PostgreSQL 无法以其运行。请建立该账户, 或设置 DATABASE_URL。",
            f"This process runs as user id {uid}, which has no account name; PostgreSQL does not run without one. "
            "Add the account, or set DATABASE_URL.",
        ) from None


def server_account(cluster: Path) -> Account:
    """The account for the servers: our own; for root the cluster's owner, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return Account(str(os.geteuid()), os.geteuid(), os.getegid(), is_dropped_to=False)

    if cluster.exists():
        owner = pwd.getpwuid(cluster.stat().st_uid)
        return Account(owner.pw_name, owner.pw_uid, owner.pw_gid, is_dropped_to=True)
    for name in POWERLESS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, is_dropped_to=True)
    raise CannotRun(
        "以 root 启动需要系统账户 postgres 或 nobody, 两者都不存在。",
        "Started as root, the servers need the account postgres or nobody; this machine has neither.",
    )
