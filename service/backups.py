"""The whole of a data folder in one file, and a new data folder from it."""

import asyncio
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

import migrations
from service.embedded import CannotRun, services
from service.embedded.postgres import find_binaries

BOOK, FOLDER = "book.dump", "folder"
LEFT_OUT = frozenset({"lock", "log", "server"})  # of a data folder: the servers' files, and what was only said
TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


def backup(database_url: str, data: Path, archive: Path) -> None:
    """Write the book, as it stands at one moment, and the folder's keys into one new file for its owner alone.

    Whoever holds the file can sign as the service; raises CannotRun.
    """
    if archive.exists():
        raise CannotRun(
            f"文件 {archive} 已存在。请另取一个名称。", f"There is a file {archive} already. Give another name."
        )
    try:
        with TemporaryDirectory(prefix=f"{archive.name}.", dir=archive.parent) as folder:
            book, whole = Path(folder, BOOK), Path(folder, archive.name)
            # The keys are read after the book: whatever signed an entry of it is then among them.
            _run("pg_dump", database_url, "--format=custom", "--exclude-extension=*", f"--file={book}")
            with open(whole, "xb", opener=_for_the_owner) as file:
                # Several processes share keys and papers by links: what they lead to is what is kept.
                with tarfile.open(fileobj=file, mode="w", dereference=True) as tar:
                    tar.add(book, BOOK)
                    for path in sorted(data.iterdir()):
                        if path.name not in LEFT_OUT:
                            tar.add(path, f"{FOLDER}/{path.name}")
                os.fsync(file.fileno())
            whole.rename(archive)
    except OSError as error:
        raise CannotRun(
            f"无法写入 {archive}: {error}", f"The backup {archive} could not be written: {error}"
        ) from error


@contextmanager
def restored(
    archive: Path, data: Path, database_url: str | None, owner_database_url: str | None, redis_url: str | None
) -> Iterator[str]:
    """Make a new data folder of a backup, and give its owner's database address while its servers run.

    1. Unpack beside the new folder; nothing is there before all of it was readable.
    2. Start the servers on the new folder; an outside database must be empty.
    3. Play the book in, in one transaction, and bring it to the newest shape.

    A folder that is there already is refused, and one that was left half made is taken away; raises CannotRun.
    """
    data = data.absolute()
    if data.exists() and any(data.iterdir()):
        raise CannotRun(
            f"数据目录 {data} 已有内容。请用 --data 指定一个新的目录。",
            f"The data folder {data} holds something already. Name a new one by --data.",
        )
    data.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{data.name}.", dir=data.parent) as folder:
        unpacked = _unpack(archive, Path(folder))
        is_whole = False
        try:
            with services(
                data,
                durable=True,
                database_url=database_url,
                owner_database_url=owner_database_url,
                redis_url=redis_url,
            ) as endpoints:
                url = endpoints.owner_database_url
                if asyncio.run(_ask(url, TABLES)):
                    raise CannotRun(
                        "目标数据库不是空的。请使用一个新的数据库。", "The database is not empty. Name a new one."
                    )
                _run("pg_restore", url, "--single-transaction", "--exit-on-error", "--no-owner", unpacked / BOOK)
                for path in (unpacked / FOLDER).iterdir():
                    shutil.move(path, data / path.name)
                migrations.upgrade(url)
                asyncio.run(_ask(url, "ANALYZE"))
                is_whole = True
                yield url
        finally:
            if not is_whole:
                _take_away(data)


def _unpack(archive: Path, into: Path) -> Path:
    try:
        with tarfile.open(archive, "r:") as tar:
            members = [member for member in tar if _stays_inside(member)]
            tar.extractall(into, members)  # noqa: S202 - the first releases of Python 3.11 have no `filter`
        for path in into.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
    except (OSError, tarfile.TarError) as error:
        raise CannotRun(f"无法读取备份 {archive}: {error}", f"The backup {archive} cannot be read: {error}") from error
    if not (into / BOOK).is_file() or not (into / FOLDER / "keys").is_dir():
        raise CannotRun(f"{archive} 不是本服务的备份。", f"{archive} is no backup of this service.")
    return into


def _stays_inside(member: tarfile.TarInfo) -> bool:
    """Whether unpacking writes a file or a folder below the folder that it is unpacked into, and nothing else."""
    path = PurePosixPath(member.name)
    return (member.isfile() or member.isdir()) and not path.is_absolute() and ".." not in path.parts


def _take_away(data: Path) -> None:
    home = data / "server"
    if home.is_symlink():
        shutil.rmtree(home.resolve(), ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)


def _run(program: str, database_url: str, *args: str | Path) -> None:
    """Run one of PostgreSQL's programs on a database; a password in the address is not shown to the machine's others."""
    password = unquote(urlsplit(database_url).password or "")
    secret = {"PGPASSWORD": password} if password else {}
    done = subprocess.run(
        [find_binaries() / program, f"--dbname={_without_password(database_url)}", "--no-password", *args],
        env={**os.environ, **secret},
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotRun(f"{program} 失败:\n{done.stderr.strip()}", f"{program} failed; what it said is above.")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}"))


async def _ask(url: str, sentence: str) -> int | None:
    connection = await asyncpg.connect(url)
    try:
        found: int | None = await connection.fetchval(sentence)
        return found
    finally:
        await connection.close()


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
