"""Where things lie: the data folder, its lock, the servers' home and their sockets."""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.embedded.accounts import Account
from service.embedded.refusals import AlreadyRuns, CannotRun

STATE = Path("/var/lib/meisu")
LONGEST_SOCKET_BYTES = 107


def make_data_folder(data: Path, account: Account) -> None:
    """Make the data folder for this account alone; an existing one is left as it is, and refused when not ours."""
    if not data.exists():
        data.mkdir(parents=True, mode=0o700)
        if account.is_dropped_to:
            # The servers pass through to their own folders inside; they cannot list or read it.
            os.chown(data, 0, account.gid)
            data.chmod(0o710)
    if not data.is_dir() or data.stat().st_uid != os.geteuid():
        raise CannotRun(
            f"数据目录 {data} 不属于当前用户。请以其所有者的身份启动, 或用 --data 指定另一目录。",
            f"The data folder {data} does not belong to this account. Start as its owner, or name another by --data.",
        )
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise CannotRun(
            f"数据目录 {data} 不可写: 请执行 chmod u+rwx {data}, 或检查磁盘是否以只读方式挂载。",
            f"The data folder {data} cannot be written: run chmod u+rwx {data}, or see whether its disk is mounted "
            "read-only.",
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; a second process is refused. The lock goes with the process, however it ends."""
    with open(folder / "lock", "a+", opener=lambda path, flags: os.open(path, flags, 0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "?"
            raise AlreadyRuns(
                f"数据目录 {folder} 正由另一进程 (编号 {pid}) 使用。请先停止它, 或用 --data 指定另一目录。",
                f"Another process (id {pid}) runs on the data folder {folder}. Stop it, or name another by --data.",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def servers_home(data: Path, account: Account) -> Path:
    """The folder of the servers' files: in the data folder, or where their account can go, pointed to from there."""
    home = data / "server"
    if home.is_symlink() and not home.is_dir():
        raise CannotRun(
            f"数据目录指向的数据库 {home.readlink()} 不存在。请恢复它, 或换一个新的数据目录。",
            f"The data folder points to a database at {home.readlink()}, which is not there. "
            "Restore it, or begin with a new data folder.",
        )
    if not home.exists():
        _make_home(home, account)
        if not account.can_enter(home / "log"):
            shutil.rmtree(home)
            away = state_folder() / secrets.token_hex(8)
            _make_home(away, account)
            (away / "belongs-to").write_text(f"{data}\n")
            home.symlink_to(away)
    home = home.resolve()
    if not account.can_enter(home / "log"):
        raise CannotRun(
            f"账户 {account.name} 无法进入 {home}。请把数据目录移到它能进入的位置。",
            f"The account {account.name} cannot enter {home}. Move the data folder to where it can go.",
        )
    return home


def free_bytes(data: Path) -> int:
    """What is free on the disk of a data folder's servers, also of a folder that is yet to be made."""
    return shutil.disk_usage(servers_place(data)).free


def servers_place(data: Path) -> Path:
    """Where the servers' files of a data folder lie, or would come to lie as far as it is there."""
    place = (data.absolute() / "server").resolve()
    while not place.exists():
        place = place.parent
    return place


def state_folder() -> Path:
    """The folder on this machine for what cannot lie in the data folder; root's, open to all for passing through."""
    try:
        STATE.mkdir(exist_ok=True)
        STATE.chmod(0o755)
    except OSError as error:
        raise CannotRun(
            f"服务器账户无法进入数据目录或虚拟环境, 而 {STATE} 又不可写: {error}。请把它们移到公共目录下。",
            f"The servers' account cannot enter the data folder or the virtual environment, and {STATE} cannot be "
            f"written: {error}. Move them to where all accounts can go.",
        ) from error
    return STATE


def _make_home(home: Path, account: Account) -> None:
    home.mkdir(mode=0o700)
    if account.is_dropped_to:
        os.chown(home, 0, account.gid)
        home.chmod(0o710)
    account.own(home / "log")


@contextmanager
def sockets_folder(home: Path, account: Account) -> Iterator[Path]:
    """The folder of both sockets, for this account alone; a short one elsewhere when the path would be too long."""
    run = home / "run"
    # What a killed process left: the sockets' lock files name process ids that others may have by now.
    if run.is_symlink():
        shutil.rmtree(run.readlink(), ignore_errors=True)
        run.unlink()
    elif run.exists():
        shutil.rmtree(run)
    if len(os.fsencode(run / ".s.PGSQL.5432")) <= LONGEST_SOCKET_BYTES:
        yield account.own(run)
        return

    base = "/run" if account.is_dropped_to else os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    short = Path(tempfile.mkdtemp(prefix="meisu-", dir=base))
    if account.is_dropped_to:
        os.chown(short, account.uid, account.gid)
    run.symlink_to(short)
    try:
        yield short
    finally:
        run.unlink()
        shutil.rmtree(short, ignore_errors=True)
