"""The two doors to the database: one request = one door = one transaction, committed before the answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import asyncpg
import orjson
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection


class Door(Protocol):
    """What both doors can do: run a sentence with $1, $2 … as part of the request's transaction."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Mapping[str, Any]]:
        """The rows that a sentence gives."""


class SessionDoor:
    """An AsyncSession seen as a Door."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetch(self, query: str, *args: Any) -> Sequence[Mapping[str, Any]]:
        """The rows that a sentence gives, in the session's own transaction."""
        connection = await self._session.connection()
        result = await connection.exec_driver_sql(query, args)
        return list(result.mappings().all()) if result.returns_rows else []


async def prepare_connection(connection: Connection) -> None:
    """Teach a new connection to read and write JSON."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
        )


class Database:
    """The asyncpg pool and the SQLAlchemy engine over one database."""

    def __init__(self, pool: asyncpg.Pool, engine: AsyncEngine) -> None:
        self.pool = pool
        self.engine = engine
        self.sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        self.committed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, size: int) -> AsyncIterator["Database"]:
        """Both doors, closed at the end."""
        pool = await asyncpg.create_pool(url, min_size=1, max_size=size, init=prepare_connection)
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=size)
        try:
            yield cls(pool, engine)
        finally:
            await engine.dispose()
            await pool.close()

    @asynccontextmanager
    async def transaction(self, *, readonly: bool = False) -> AsyncIterator[Connection]:
        """A connection in a transaction that commits at the end; readers see one snapshot."""
        async with self.pool.acquire() as connection:
            async with connection.transaction(
                isolation="repeatable_read" if readonly else "read_committed", readonly=readonly
            ):
                yield connection
        if not readonly:
            self.committed.set()


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


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with database(request).sessions() as session, session.begin():
        yield session
    database(request).committed.set()


# With the default scope a failing commit would answer 200 and store nothing.
ConnectionDep = Annotated[Connection, Depends(_connection, scope="function")]
ReaderDep = Annotated[Connection, Depends(_reader, scope="function")]
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
