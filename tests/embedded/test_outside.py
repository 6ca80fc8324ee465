"""Servers that others run: used when named, refused in words when unfit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

import migrations
from service.embedded import CannotRun, Endpoints, services
from service.embedded.outside import check_book_is_closed, check_database
from tests.embedded.conftest import Person


def test_named_servers_are_used_and_none_of_our_own_started(servers: Endpoints, tmp_path: Path) -> None:
    with services(
        tmp_path / "data",
        durable=True,
        database_url=servers.database_url,
        owner_database_url=servers.owner_database_url,
        redis_url=servers.redis_url,
    ) as found:
        assert found == servers
        assert [path.name for path in (tmp_path / "data").iterdir()] == ["lock"]


def test_a_named_database_goes_with_a_cache_of_our_own(servers: Endpoints, anyone: Person) -> None:
    with services(
        anyone.data,
        durable=False,
        database_url=servers.database_url,
        owner_database_url=servers.owner_database_url,
    ) as found:
        assert found.owner_database_url == servers.owner_database_url
        assert not (anyone.data / "server" / "postgres").exists()
        assert (anyone.data / "server" / "valkey").exists()


@pytest.mark.usefixtures("anyio_backend")
def test_serve_runs_on_named_servers(endpoints: Endpoints, anyone: Person) -> None:
    # With what only the driver understands of an address.
    with anyone.serving(
        DATABASE_URL=f"{endpoints.database_url}&sslmode=prefer&target_session_attrs=read-write",
        MEISU_OWNER_DATABASE_URL=f"{endpoints.owner_database_url}&sslmode=prefer&target_session_attrs=read-write",
        REDIS_URL=endpoints.redis_url,
    ):
        assert not (anyone.data / "server").exists()


def test_a_role_that_could_rewrite_the_book_does_not_serve(servers: Endpoints, anyone: Person) -> None:
    done = anyone.meisu(
        *("serve", "--port", "0", "--data", anyone.data),
        DATABASE_URL=servers.owner_database_url,
        REDIS_URL=servers.redis_url,
    )
    assert done.returncode == 1
    assert "could rewrite the book" in done.stderr
    assert "改写账本" in done.stderr
    assert "Traceback" not in done.stderr
    asyncio.run(check_book_is_closed(servers.database_url))


@asynccontextmanager
async def an_old_server() -> AsyncIterator[str]:
    """Says what PostgreSQL 15 says to a client that signs in."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)
        said = {b"R": bytes(4), b"S": b"server_version\x0015.14 (Debian)\x00", b"K": bytes(8), b"Z": b"I"}
        for kind, body in said.items():
            writer.write(kind + (len(body) + 4).to_bytes(4) + body)
        await writer.drain()
        await reader.readexactly(5)  # goodbye
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql://meisu_service:secret@127.0.0.1:{port}/meisu?sslmode=disable"


@pytest.mark.anyio
async def test_a_database_server_of_another_version_is_refused() -> None:
    async with an_old_server() as url:
        with pytest.raises(CannotRun, match=r"PostgreSQL 15; this service supports 18 only") as refusal:
            await check_database(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgresql://meisu_service@127.0.0.1:1/meisu", "cannot be reached"),
        ("postgresql://meisu_service@/meisu?host=/nowhere", "cannot be reached"),
        ("mysql://meisu", "cannot be reached"),
    ],
)
def test_a_database_that_is_not_there_is_refused(url: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=what), services(tmp_path / "data", durable=True, database_url=url):
        pass


def test_what_is_kept_for_a_day_gives_way_to_alerts(servers: Endpoints, data: Path) -> None:
    """Faulty rows of sheets wait in Valkey to be fetched; in a full one alerts would no longer be passed on."""
    with services(data, durable=False, database_url=servers.database_url) as own:
        client = redis.Redis.from_url(own.redis_url)
        for number in range(35):
            client.set(f"sheet {number}", bytes(4_000_000), ex=86_400)
        assert client.xadd("alerts", {"id": 1})
        assert client.exists("sheet 34")


def test_a_cache_that_is_away_keeps_nobody_from_starting_and_a_wrong_address_does(
    servers: Endpoints, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Valkey holds may be lost: a service that is started again while it is away answers all the same."""
    away = "redis://127.0.0.1:1/0"
    with services(tmp_path / "data", durable=True, database_url=servers.database_url, redis_url=away) as found:
        assert found.redis_url == away
    assert "Valkey cannot be reached" in capsys.readouterr().err
    for wrong in ("mysql://127.0.0.1:1", servers.redis_url.replace("unix://:", "unix://:x")):
        with (
            pytest.raises(CannotRun, match="Valkey cannot be reached"),
            services(tmp_path / "data", durable=True, database_url=servers.database_url, redis_url=wrong),
        ):
            pass


def test_a_database_without_the_services_role_is_not_migrated(anyone: Person) -> None:
    said = anyone.script(
        """
        from pathlib import Path
        import migrations
        from service.embedded import CannotRun, postgres, services

        postgres.FIRST_SENTENCES = (
            "CREATE ROLE meisu_owner LOGIN {creating_databases};\\n\\nCREATE DATABASE meisu OWNER meisu_owner;\\n\\n"
        )
        with services(Path("data"), durable=False) as endpoints:
            try:
                migrations.upgrade(endpoints.owner_database_url)
            except CannotRun as refusal:
                print(refusal.english)
        """
    )
    assert "CREATE ROLE meisu_service" in said


def test_the_owners_address_is_needed_to_migrate(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotRun, match="cannot be reached"):
        migrations.upgrade("postgresql://meisu_owner@127.0.0.1:1/meisu")
