"""Real servers for the tests: one PostgreSQL and one Valkey for the run; a test that commits has its own database."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import httpx
import hypothesis
import pytest
import structlog
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from fastapi import FastAPI
from redis.asyncio import Redis

import migrations
from service.actions.people import SignedIn
from service.app import create_app
from service.auth import passwords
from service.db import Connection, Database, prepare_connection
from service.embedded import Endpoints, services
from service.settings import Settings
from tests import cast

# Right and wrong cost the same here too, only less; what a hash costs outside is tested by itself.
passwords.HASHER = PasswordHasher.from_parameters(CHEAPEST)

# Told as the service itself tells it; by default a traceback shows all that its frames hold, which takes seconds to draw.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# How long an example takes says how busy the machine is, and nothing of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

MEMORY_BYTES = 2 * 2**30
TESTS = Path(__file__).parent
# A morning in the middle of a month, a quarter and a year: what is done for a day, and lasts one, is not cut by their ends.
BEGINS_AT = "2026-08-19T10:00:00+08:00"
QUICK = {"domain", "house", "routes", "store"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="ten thousand random histories in place of a few hundred")
    parser.addoption("--accept-openapi", action="store_true", help="write the snapshot of the API's description anew")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a third of the time a test waits for a server, a browser or the disk."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that start servers and browsers of their own come first: one of them alone at the end would be waited for."""
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] in QUICK)


def pytest_collection_finish() -> None:
    """The tests and all that they import stay to the end: the collector of circles need not look at them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def roomy_memory() -> Path | None:
    """The machine's folder in memory, where it has room: a database is a thousand files, and each test copies one.

    Only one in which programs may run: some tests put them there.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir() or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return None
    return memory if disk_usage(memory).free > MEMORY_BYTES else None


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder for servers and their data, gone afterwards; not pytest's, which lies where only root may go."""
    with TemporaryDirectory(prefix="meisu-", dir=roomy_memory()) as folder:
        Path(folder).chmod(0o711)  # as root, the servers' own account passes through it
        yield Path(folder) / "data"


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder for a service of the test's own."""
    with new_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def servers() -> Iterator[Endpoints]:
    """PostgreSQL and Valkey with fast settings; the database `meisu` is migrated and is only ever copied."""
    with new_folder() as folder, services(folder, durable=False) as endpoints:
        migrations.upgrade(endpoints.owner_database_url)
        yield endpoints


async def copy_database(servers: Endpoints, name: str, template: str = "meisu") -> Endpoints:
    """A copy of the migrated database, or of another, under another name."""
    owner = await asyncpg.connect(servers.owner_database_url.replace("/meisu?", "/postgres?"))
    try:
        await owner.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
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
        for _ in range(50):
            try:
                await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
            except asyncpg.InsufficientPrivilegeError:  # autovacuum is in there, and is not ours to end
                await asyncio.sleep(0.1)
            else:
                break
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


@pytest.fixture(scope="session")
async def stage(servers: Endpoints) -> str:
    """The database in which the cast is registered; it is only ever copied."""
    name = "stage"
    endpoints = await copy_database(servers, name)
    connection = await asyncpg.connect(endpoints.database_url)
    try:
        await cast.enter(connection)
    finally:
        await connection.close()
    return name


@pytest.fixture
async def stage_endpoints(servers: Endpoints, stage: str) -> AsyncIterator[Endpoints]:
    """Servers with a database of this test's own, in which the cast is registered."""
    name = f"stage_{uuid4().hex}"
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.flushdb()
    try:
        yield await copy_database(servers, name, stage)
    finally:
        await drop_database(servers, name)


@pytest.fixture
def settings() -> Iterator[Settings]:
    """The service's settings, with a data folder of this test's own; on a disk its keys alone would wait for eight syncs."""
    with TemporaryDirectory(prefix="meisu-", dir=roomy_memory()) as folder:
        yield Settings(data=Path(folder), clock=f"{BEGINS_AT},1")


@pytest.fixture
def begins_at() -> str | None:
    """The moment at which the service's clock stands from its start on; by itself it goes on from BEGINS_AT."""
    return None


@pytest.fixture
async def app(
    settings: Settings, stage_endpoints: Endpoints, begins_at: str | None, anyio_backend: str
) -> AsyncIterator[FastAPI]:
    """The service, running, with the cast registered; it names its backend so that tests without `async` may use it."""
    app = create_app(settings, stage_endpoints)
    if begins_at:
        app.state.clock.stop_at(datetime.fromisoformat(begins_at))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def second_app(app: FastAPI, settings: Settings, stage_endpoints: Endpoints) -> AsyncIterator[FastAPI]:
    """Another process of the service over the same database, on a machine of the same time."""
    second = create_app(settings, stage_endpoints)
    second.state.clock = app.state.clock
    async with second.router.lifespan_context(second):
        yield second


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service that has not signed in."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://meisu.test") as client:
        yield client


@pytest.fixture
def token_for(app: FastAPI) -> Callable[[cast.Person], str]:
    """Gives a person of the cast an access token, without the cost of their password."""
    return lambda person: token_of(app, person)


@pytest.fixture
async def by(app: FastAPI) -> AsyncIterator[Callable[[cast.Person], httpx.AsyncClient]]:
    """Gives a client that acts as a person of the cast: `await by(LI).get("/v1/me")`."""
    async with clients_of(app) as client_of:
        yield client_of


@pytest.fixture(scope="session")
async def standing(
    servers: Endpoints, stage: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[[cast.Person], httpx.AsyncClient]]:
    """Like `by`, of one service for the whole run: for what is refused, or only read of the cast; nothing is stored."""
    endpoints = await copy_database(servers, "standing", stage)
    app = create_app(Settings(data=tmp_path_factory.mktemp("standing")), endpoints)
    async with app.router.lifespan_context(app), clients_of(app) as client_of:
        yield client_of


def token_of(app: FastAPI, person: cast.Person) -> str:
    token, _ = app.state.people.access_token(SignedIn(person.actor, uuid4(), 1))
    return str(token)


@asynccontextmanager
async def clients_of(app: FastAPI) -> AsyncIterator[Callable[[cast.Person], httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        clients: dict[cast.Person, httpx.AsyncClient] = {}

        def client_of(person: cast.Person) -> httpx.AsyncClient:
            if person not in clients:
                clients[person] = httpx.AsyncClient(
                    transport=httpx.ASGITransport(app),
                    base_url="http://meisu.test",
                    headers={"Authorization": f"Bearer {token_of(app, person)}"},
                )
                stack.push_async_callback(clients[person].aclose)
            return clients[person]

        yield client_of
