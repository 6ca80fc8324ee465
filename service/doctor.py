"""What the service needs of its machine, and what to do where it is not there."""

import asyncio
import os
import pwd
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.embedded import CannotRun
from service.embedded.accounts import our_name, server_account
from service.embedded.folders import free_bytes, locked, servers_place
from service.embedded.outside import check_cache, check_database
from service.embedded.postgres import binaries_for, version_of
from service.embedded.refusals import AlreadyRuns
from service.embedded.valkey import server_for
from service.embedded.valkey import version_of as valkey_version_of
from service.listening import listening
from service.settings import Settings
from service.streams import most_who_wait

LEAST_FREE_BYTES = 2 * 2**30
PLENTY_OF_FILES = 4_096


class State(StrEnum):
    """How a need is met."""

    FINE = "✓"
    NOTED = "!"
    FAILS = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """One need: how it is met, what was seen, and what to do about it."""

    need: str
    state: State
    seen: str
    advice: str = ""


def examine(settings: Settings, host: str, port: int) -> list[Finding]:
    """Look at everything, side by side: a server that does not answer holds up nothing else.

    A need that cannot even be looked at fails.
    """
    needs, looks = zip(*_needs(settings, host, port), strict=True)
    with ThreadPoolExecutor(len(needs)) as pool:
        return list(pool.map(_find, needs, looks))


def _find(need: str, look: Callable[[str], Finding]) -> Finding:
    try:
        return look(need)
    except CannotRun as refusal:
        return Finding(need, State.FAILS, refusal.chinese, refusal.english)


def show(findings: list[Finding]) -> None:
    """Print the findings as a table."""
    table = Table(show_lines=False)
    for column in ("", "项目 / need", "现状 / seen", "建议 / what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row(finding.state, finding.need, finding.seen, finding.advice)
    Console().print(table)


def _needs(settings: Settings, host: str, port: int) -> Iterator[tuple[str, Callable[[str], Finding]]]:
    data = settings.data.absolute()
    database_url, redis_url = settings.database_url, settings.redis_url
    yield "Python", _python
    yield "PostgreSQL", lambda need: _outside_database(need, database_url) if database_url else _postgres(need, data)
    yield "Valkey", lambda need: _outside_cache(need, redis_url) if redis_url else _valkey(need, data)
    if not (database_url and redis_url):
        yield "账户 / account", lambda need: _account(need, data)
    yield "数据目录 / data folder", lambda need: _folder(need, data)
    yield "磁盘 / disk", lambda need: _disk(need, data)
    yield "打开文件 / open files", _files
    yield "端口 / port", lambda need: _port(need, data, host, port)
    yield "中文字体 / Chinese font", _font


def _python(need: str) -> Finding:
    seen = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        return Finding(need, State.FINE, seen)
    return Finding(need, State.FAILS, seen, "请使用 Python 3.11 / use Python 3.11")


def _postgres(need: str, data: Path) -> Finding:
    binaries = binaries_for(server_account(data / "server" / "postgres"))
    return Finding(need, State.FINE, f"{version_of(binaries)} ({binaries})")


def _outside_database(need: str, url: str) -> Finding:
    asyncio.run(check_database(url))
    return Finding(need, State.FINE, "DATABASE_URL")


def _valkey(need: str, data: Path) -> Finding:
    program = server_for(server_account(data / "server" / "postgres"))
    return Finding(need, State.FINE, f"{valkey_version_of(program)} ({program})")


def _outside_cache(need: str, url: str) -> Finding:
    asyncio.run(check_cache(url))
    return Finding(need, State.FINE, "REDIS_URL")


def _account(need: str, data: Path) -> Finding:
    ours, servers = our_name(), server_account(data / "server" / "postgres")
    if not servers.is_dropped_to:
        return Finding(need, State.FINE, ours)
    seen = f"{ours} → {servers.name}"
    if servers.name == "nobody":
        return Finding(
            need,
            State.NOTED,
            seen,
            "nobody 由多个程序共用, 它们可读数据库文件; 建议 adduser --system postgres / "
            "other programs share nobody and could read the database's files: adduser --system postgres",
        )
    return Finding(need, State.FINE, seen)


def _folder(need: str, data: Path) -> Finding:
    if not data.exists():
        parent = next(folder for folder in data.parents if folder.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            return Finding(need, State.FAILS, f"{data}: {parent}", "无权在此建立 / this account may not make it there")
        return Finding(need, State.FINE, f"{data}: 将会建立 / will be made")
    status = data.stat()
    if status.st_uid != os.geteuid():
        try:
            owner = pwd.getpwuid(status.st_uid).pw_name
        except KeyError:
            owner = str(status.st_uid)
        return Finding(need, State.FAILS, f"{data}: {owner}", f"请以 {owner} 的身份运行 / run as {owner}")
    seen = f"{data}: {stat.S_IMODE(status.st_mode):04o}"
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        advice = (
            f"不可写：chmod u+rwx {data}，或磁盘只读 / not to be written: chmod u+rwx {data}, or its disk is read-only"
        )
        return Finding(need, State.FAILS, seen, advice)
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_IRGRP | stat.S_IROTH):
        return Finding(need, State.NOTED, seen, f"其他账户可以进入 / others may look in: chmod go-rw {data}")
    return Finding(need, State.FINE, seen)


def _disk(need: str, data: Path) -> Finding:
    free = free_bytes(data)
    seen = f"{free / 2**30:.1f} GiB ({servers_place(data)})"
    if free < LEAST_FREE_BYTES:
        return Finding(need, State.FAILS, seen, "请腾出至少 2 GiB / free 2 GiB at least")
    return Finding(need, State.FINE, seen)


def _files(need: str) -> Finding:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most >= PLENTY_OF_FILES:
        return Finding(need, State.FINE, str(most))
    watchers = most_who_wait(most)
    return Finding(
        need,
        State.NOTED,
        str(most),
        f"最多 {watchers} 人同时收看警示；建议 LimitNOFILE=65536 / {watchers} can watch alerts at once: LimitNOFILE=65536",
    )


def _port(need: str, data: Path, host: str, port: int) -> Finding:
    try:
        with listening(host, port):
            return Finding(need, State.FINE, f"{host}:{port}")
    except CannotRun as refusal:
        if not (data / "lock").exists():
            raise
        try:
            with locked(data):
                raise refusal
        except AlreadyRuns:
            return Finding(need, State.NOTED, f"{host}:{port}", "服务正在此数据目录上运行 / the service runs here")


def _font(need: str) -> Finding:
    lister = shutil.which("fc-list")
    seen = (
        subprocess.run([lister, ":lang=zh", "family"], capture_output=True, text=True, check=False).stdout
        if lister
        else ""
    )
    if seen:
        return Finding(need, State.FINE, seen.splitlines()[0])
    return Finding(need, State.NOTED, "—", "PNG 图片需要 / pictures as PNG need one: apt install fonts-wqy-microhei")
