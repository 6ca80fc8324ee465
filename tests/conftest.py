"""Real servers for the tests: one PostgreSQL and one Valkey for the run; a test that commits has its own database."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import pytest

import migrations
from service.db import Connection, Database, prepare_connection
from service.embedded import Endpoints, services


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="ten thousand random histories in place of a few hundred")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def servers() -> Iterator[Endpoints]:
    """PostgreSQL and Valkey with fast settings; the database `meisu` is migrated and is only ever copied."""
    with TemporaryDirectory(prefix="meisu-") as folder:
        Path(folder).chmod(0o711)  # as root, the servers' own account passes through it
        with services(Path(folder) / "data", durable=False) as endpoints:
            migrations.upgrade(endpoints.owner_database_url)
            yield endpoints


async def copy_database(servers: Endpoints, name: str) -> Endpoints:
    """A copy of the migrated database under another name."""
    owner = await asyncpg.connect(servers.owner_database_url.replace("/meisu?", "/postgres?"))
    try:
        await owner.execute(f"CREATE DATABASE {name} TEMPLATE meisu")
    finally:
        await owner.close()
    return replace(
        servers,
        database_url=servers.database_url.replace("/meisu?", f"/{name}?"),
        owner_database_url=servers.owner_database_url.replace("/meisu?", f"/{name}?"),
    )


async def drop_database(servers: Endpoints, name: str) -> None:
    owner = await asyncpg.connect(servers.owner_database_url.replace("/meisu?", "/postgres?"))
    try:
        await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await owner.close()


@pytest.fixture(scope="session")
async def rolled_back(servers: Endpoints) -> Endpoints:
    """The database of all tests that leave nothing behind."""
    return await copy_database(servers, "rolled_back")


@pytest.fixture
async def connection(rolled_back: Endpoints) -> AsyncIterator[Connection]:
    """The service's connection, in a transaction that is rolled back."""
    found = await asyncpg.connect(rolled_back.database_url)
    await prepare_connection(found)
    transaction = found.transaction()
    await transaction.start()
    try:
        yield found
    finally:
        await transaction.rollback()
        await found.close()


@pytest.fixture
async def endpoints(servers: Endpoints) -> AsyncIterator[Endpoints]:
    """Servers with a database of this test's own, for what must commit."""
    name = f"test_{uuid4().hex}"
    try:
        yield await copy_database(servers, name)
    finally:
        await drop_database(servers, name)


@pytest.fixture
async def committed(endpoints: Endpoints) -> AsyncIterator[Database]:
    """Both doors to a database of this test's own."""
    async with Database.connect(endpoints.database_url, 20) as database:
        yield database
