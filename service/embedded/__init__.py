"""PostgreSQL and Valkey of our own: they start with us, end with us, and answer to nobody else."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from service.embedded.accounts import server_account
from service.embedded.folders import locked, make_data_folder, servers_home, sockets_folder
from service.embedded.logs import watched
from service.embedded.outside import check_cache, check_database
from service.embedded.postgres import own_postgres
from service.embedded.refusals import AlreadyRuns, CacheAway, CannotRun
from service.embedded.valkey import own_valkey

__all__ = ["AlreadyRuns", "CannotRun", "Endpoints", "owner_database", "services"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the database and the cache are reached; an address may carry a password and is not printed."""

    database_url: str = field(repr=False)
    owner_database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


@contextmanager
def services(
    data: Path,
    *,
    durable: bool,
    database_url: str | None = None,
    owner_database_url: str | None = None,
    redis_url: str | None = None,
) -> Iterator[Endpoints]:
    """Hold a data folder, and run those servers on it whose address is not given; raises CannotRun.

    Call it from the main thread, outside an event loop. `durable=False` is for tests: nothing is flushed to disk, and
    the owner may create databases.
    """
    data = data.absolute()
    account = server_account(data / "server" / "postgres")
    make_data_folder(data, account)
    with locked(data), ExitStack() as stack:
        if database_url:
            asyncio.run(check_database(database_url))
        if redis_url:
            try:
                asyncio.run(check_cache(redis_url))
            except CacheAway as away:
                print(f"{away.chinese}\n{away.english}", file=sys.stderr, flush=True)
        if database_url and redis_url:
            yield Endpoints(database_url, owner_database_url or database_url, redis_url)
            return

        home = servers_home(data, account)
        stack.enter_context(locked(home))
        sockets = stack.enter_context(sockets_folder(home, account))
        servers: dict[str, subprocess.Popen[bytes]] = {}
        if not database_url:
            servers["PostgreSQL"] = stack.enter_context(own_postgres(home, sockets, account, durable=durable))
            database_url, owner_database_url = _url("meisu_service", sockets), _url("meisu_owner", sockets)
        if not redis_url:
            servers["Valkey"], redis_url = stack.enter_context(own_valkey(home, sockets, account, durable=durable))
        if durable:
            stack.enter_context(watched(servers, home / "log"))
        yield Endpoints(database_url, owner_database_url or database_url, redis_url)


@contextmanager
def owner_database(data: Path) -> Iterator[str]:
    """The owner's address of a data folder's own database, whether its service runs or not; raises CannotRun."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(services(data, durable=True)).owner_database_url
        except AlreadyRuns:
            url = _url("meisu_owner", (data.absolute() / "server" / "run").resolve())
        yield url


def _url(role: str, sockets: Path) -> str:
    return f"postgresql://{role}@/meisu?host={quote(str(sockets))}"
