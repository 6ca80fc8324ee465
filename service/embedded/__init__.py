"""PostgreSQL and Valkey of our own: they start with us, end with us, and answer to nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from service.embedded.accounts import server_account
from service.embedded.folders import locked, make_data_folder, servers_home, sockets_folder
from service.embedded.postgres import postgres
from service.embedded.refusals import CannotStart
from service.embedded.valkey import valkey

__all__ = ["CannotStart", "Endpoints", "services"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the database and the cache are reached; an address may carry a password and is not printed."""

    database_url: str = field(repr=False)
    owner_database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


@contextmanager
def services(data: Path, *, durable: bool) -> Iterator[Endpoints]:
    """Run PostgreSQL and Valkey on a data folder; raises CannotStart. Call it from the main thread.

    `durable=False` is for tests: nothing is flushed to disk, and the owner may create databases.
    """
    data = data.absolute()
    account = server_account(data / "server" / "postgres")
    make_data_folder(data, account)
    with locked(data):
        home = servers_home(data, account)
        with (
            locked(home),
            sockets_folder(home, account) as sockets,
            postgres(home, sockets, account, durable=durable),
            valkey(home, sockets, account, durable=durable) as (_, redis_url),
        ):
            host = quote(str(sockets))
            yield Endpoints(
                database_url=f"postgresql://meisu_service@/meisu?host={host}",
                owner_database_url=f"postgresql://meisu_owner@/meisu?host={host}",
                redis_url=redis_url,
            )
