"""The two doors to the database: one request = one door = one transaction, committed before the answer."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import asyncpg
import orjson
import structlog
from fastapi import Depends, Request
from sqlalchemy import QueuePool
from sqlalchemy.exc import TimeoutError as TimeoutErrorOfPool
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from service.domain.refusals import Busy

log = structlog.get_logger(__name__)
# The statements of steady transactions are planned once per connection, and always use indexes: to plan them again for each batch
# takes longer than to run them, and a plan made while the tables were empty would stay.
STEADY = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
STEADILY = "; ".join(f"SET LOCAL {name} = {value}" for name, value in STEADY.items())
STEADY_CONNECTIONS = 5
PATIENT_CONNECTIONS = 2
PATIENT_NICE = 5  # a third of the time that others get, where all want the processor
# The driver alone reads the address: SQLAlchemy does not know all that may stand in one, as `sslmode` or several hosts.
ENGINE = "postgresql+asyncpg://"
MOST_QUERIES = 10**9  # of one connection: a new one would have to plan every sentence anew
SECONDS_TO_WAIT = 5.0  # for a connection, before the caller is asked to come again
SECONDS_TO_ANSWER = 30.0  # for one sentence of a batch: a host that is lost says nothing, for ever
LEAST_FREE_BYTES = 64 * 2**20  # four files of PostgreSQL's journal: without room for the next one it ends
MOST_SECONDS = 60.0  # for any other sentence; a server that does not hear that either is given up after as long again

# What the driver raises for a statement that it prepared before a migration; it prepares it again the next time.
_OUTDATED = (asyncpg.OutdatedSchemaCacheError, asyncpg.InvalidCachedStatementError)

Isolation = Literal["repeatable_read", "read_committed"]

Record = asyncpg.Record

if TYPE_CHECKING:
    Lent = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | Lent
else:
    Lent = Connection = asyncpg.Connection


class Door(Protocol):
    """What both doors can do: run a statement with $1, $2 … in the request's transaction."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """The rows of a statement, each read by its columns' names."""


class SessionDoor:
    """An AsyncSession seen as a Door."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """The rows of a statement, in the session's own transaction."""
        connection = await self._session.connection()
        result = await connection.exec_driver_sql(query, args)
        return result.mappings().all() if result.returns_rows else []


async def prepare_connection(connection: Connection) -> None:
    """Teach a new connection to read and write JSON: in its binary form, the only one that may stand inside of rows."""
    for name, version in (("json", b""), ("jsonb", b"\x01")):

        def write(value: Any, version: bytes = version) -> bytes:
            return version + orjson.dumps(value, default=str)

        def read(written: bytes, begin: int = len(version)) -> Any:
            return orjson.loads(written[begin:])

        await connection.set_type_codec(name, schema="pg_catalog", format="binary", encoder=write, decoder=read)


async def _left_clean(_: Connection) -> None:
    """Nothing is set, locked or listened to beyond a transaction, so a returned connection needs no reset."""


async def _prepare_patient(connection: Connection) -> None:
    """A connection whose server process lets others on this machine go first."""
    await prepare_connection(connection)
    server = os.PRIO_PROCESS, connection.get_server_pid()
    with suppress(PermissionError):  # root in a container may not say this of another account's process
        os.setpriority(*server, os.getpriority(*server) + PATIENT_NICE)


def _pool(url: str, **settings: Any) -> asyncpg.Pool:
    settings = {"init": prepare_connection, "reset": _left_clean, "max_queries": MOST_QUERIES, **settings}
    return asyncpg.create_pool(url, **settings)


def _steady_pool(url: str, size: int, **settings: Any) -> asyncpg.Pool:
    steady = {
        "min_size": 0,
        "max_size": size,
        "max_inactive_connection_lifetime": 0,
        "max_cached_statement_lifetime": 0,  # for ever: the driver would have each statement planned again after five minutes
        "command_timeout": SECONDS_TO_ANSWER,
        "server_settings": STEADY,
    }
    return _pool(url, **steady, **settings)


class Database:
    """Three asyncpg pools and the SQLAlchemy engine over one database.

    The connections of steady transactions are few and stay open: to open one and plan its statements takes five times as
    long as a batch, and a truck would wait for it. Patient ones are for batches for which nobody waits at a scale. Where the
    next batch waits already, its transaction begins with the commit of the one before it (COMMIT AND CHAIN).
    """

    def __init__(
        self, pool: asyncpg.Pool, steady: asyncpg.Pool, patient: asyncpg.Pool, engine: AsyncEngine, files: Path | None
    ) -> None:
        self.pool = pool
        self.steady = steady
        self.patient = patient
        self.engine = engine
        self.sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        self.committed = asyncio.Event()
        self._files = files
        self._begun: dict[asyncpg.Pool, list[Lent]] = {steady: [], patient: []}

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, size: int, *, files: Path | None = None) -> AsyncIterator["Database"]:
        """Both doors, closed at the end.

        `files` is where a server of our own keeps its files: then patient connections run at a lower priority, and batches
        are refused before its disk is full.
        """
        engine = create_async_engine(
            ENGINE,
            async_creator=partial(asyncpg.connect, url, command_timeout=MOST_SECONDS),
            pool_size=size,
            pool_timeout=SECONDS_TO_WAIT,
        )
        try:
            async with (
                _pool(url, min_size=1, max_size=size, command_timeout=MOST_SECONDS) as pool,
                _steady_pool(url, STEADY_CONNECTIONS) as steady,
                _steady_pool(
                    url, PATIENT_CONNECTIONS, init=_prepare_patient if files else prepare_connection
                ) as patient,
            ):
                database = cls(pool, steady, patient, engine, files)
                try:
                    yield database
                finally:
                    await database.rest()  # else the pools would wait for these connections
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def transaction(self, *, readonly: bool = False) -> AsyncIterator[Connection]:
        """A connection in a transaction that commits at the end; readers see one snapshot."""
        isolation: Isolation = "repeatable_read" if readonly else "read_committed"
        async with (
            _connection_of(self.pool) as connection,
            connection.transaction(isolation=isolation, readonly=readonly),
        ):
            yield connection
        if not readonly:
            self.committed.set()

    @asynccontextmanager
    async def walking(self) -> AsyncIterator[Connection]:
        """A reader's transaction for walks, whose statements are planned as steady ones are, once per connection."""
        async with self.transaction(readonly=True) as connection:
            await connection.execute(STEADILY)
            yield connection

    @asynccontextmanager
    async def steady_transaction(
        self, *, is_patient: bool = False, goes_on: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[Connection]:
        """As `transaction`, for batches, whose statements are always the same; a patient one runs at a lower priority.

        `goes_on` is asked before the commit: if it says yes, the commit begins the next transaction on the same connection, and
        the caller opens that one at once, or calls `rest`. Raises Busy where the disk has no room.
        """
        if not self.has_room():
            log.warning(f"The disk of {self._files} is nearly full: no batch is taken")
            raise Busy
        pool = self.patient if is_patient else self.steady
        begun = self._begun[pool]
        async with _connection_of(pool, begun) as connection:
            try:
                if not connection.is_in_transaction():
                    await connection.execute("BEGIN")
                yield connection
                if goes_on():
                    await connection.execute("COMMIT AND CHAIN")
                    begun.append(connection)
                else:
                    await connection.execute("COMMIT")
            except TimeoutError:
                connection.terminate()  # a server that does not answer does not hear a rollback either
                raise
            except BaseException:
                if connection.is_in_transaction():
                    await connection.execute("ROLLBACK")
                raise
        self.committed.set()

    def has_room(self) -> bool:
        """Whether the disk of a server of our own has room for more; an outside one looks after itself."""
        return self._files is None or shutil.disk_usage(self._files).free >= LEAST_FREE_BYTES

    def connections(self) -> dict[str, tuple[int, int]]:
        """How many connections of each pool are idle, and how many busy."""
        pools = {"requests": self.pool, "batches": self.steady, "patient batches": self.patient}
        found = {name: (pool.get_idle_size(), pool.get_size() - pool.get_idle_size()) for name, pool in pools.items()}
        sessions = self.engine.pool
        assert isinstance(sessions, QueuePool)
        return {**found, "sessions": (sessions.checkedin(), sessions.checkedout())}

    async def rest(self) -> None:
        """Release the connections on which a transaction was begun in advance and nobody has opened it."""
        for pool, begun in self._begun.items():
            while begun:
                connection = begun.pop()
                try:
                    await connection.execute("ROLLBACK")
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                    connection.terminate()
                await _give_back(pool, connection)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that commits at the end."""
        async with self.sessions() as session, session.begin():
            try:
                await session.connection()
            except (OSError, TimeoutErrorOfPool) as error:
                log.warning(f"No connection to the database: {type(error).__name__}: {error}")
                raise Busy from error
            yield session
        self.committed.set()


@asynccontextmanager
async def _connection_of(pool: asyncpg.Pool, begun: list[Lent] | None = None) -> AsyncIterator[Lent]:
    """A connection of the pool, released in the end; one with a transaction begun in advance is taken first, and not released."""
    # Only errors of the acquisition are translated: an OSError inside the block may have any cause.
    try:
        connection = await _taken(begun, pool) if begun else await _acquired(pool)
    except (OSError, asyncpg.InterfaceError) as error:
        log.warning(f"No connection to the database: {type(error).__name__}: {error}")
        raise Busy from error
    try:
        yield connection
    except _OUTDATED as error:
        log.warning(f"The database has changed its shape meanwhile: {type(error).__name__}: {error}")
        raise Busy from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # The driver raises this for a connection that is lost on the way, and for a mistake of ours alike.
        if not _is_lost(connection):
            raise
        log.warning(f"The connection to the database was lost: {type(error).__name__}: {error}")
        raise Busy from error
    finally:
        if not begun or connection not in begun:
            await _give_back(pool, connection)


async def _acquired(pool: asyncpg.Pool) -> Lent:
    # A timeout costs a task of its own, which is only worth it where there is something to wait for.
    limit = None if pool.get_idle_size() else SECONDS_TO_WAIT
    return await pool.acquire(timeout=limit)


async def _taken(begun: list[Lent], pool: asyncpg.Pool) -> Lent:
    """A connection with a transaction begun in advance, unless the server has closed it meanwhile."""
    connection = begun.pop()
    if not _is_lost(connection):
        return connection
    await _give_back(pool, connection)
    return await _acquired(pool)


async def _give_back(pool: asyncpg.Pool, connection: Lent) -> None:
    try:
        await pool.release(connection)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # What was committed is committed; the pool has thrown the connection away.
        log.warning(f"A connection could not be given back: {type(error).__name__}: {error}")


def _is_lost(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back already
        return True


def database(request: Request) -> Database:
    """The application's database."""
    found: Database = request.app.state.database
    return found


async def _connection(request: Request) -> AsyncIterator[Connection]:
    async with database(request).transaction() as connection:
        yield connection


async def _reader(request: Request) -> AsyncIterator[Connection]:
    async with database(request).transaction(readonly=True) as connection:
        yield connection


async def _walker(request: Request) -> AsyncIterator[Connection]:
    async with database(request).walking() as connection:
        yield connection


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with database(request).session() as session:
        yield session


# With the default scope a failing commit would answer 200 and store nothing.
ConnectionDep = Annotated[Connection, Depends(_connection, scope="function")]
ReaderDep = Annotated[Connection, Depends(_reader, scope="function")]
WalkerDep = Annotated[Connection, Depends(_walker, scope="function")]
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
