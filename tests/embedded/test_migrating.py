"""The database's shape, step by step."""

import asyncio
import re
import shutil
import signal
from pathlib import Path

import asyncpg
import pytest

import migrations
from service.embedded import CannotRun, Endpoints
from service.verify.database import run as verify
from tests.embedded.conftest import ROOT, Person, servers_in

pytestmark = pytest.mark.anyio
VERSIONS = ROOT / "migrations" / "versions"


async def ask(url: str, sentence: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sentence)
    finally:
        await connection.close()


def test_each_step_has_its_sentences_and_follows_the_one_before() -> None:
    names = sorted(path.stem for path in VERSIONS.glob("*.sql"))
    assert names == sorted(path.stem for path in VERSIONS.glob("*.py"))

    before = "None"
    for number, name in enumerate(names, start=1):
        assert name.startswith(f"{number:04d}_")
        text = (VERSIONS / f"{name}.py").read_text()
        assert f'revision, down_revision = "{number:04d}", {before}\n' in text
        before = f'"{number:04d}"'


def test_no_step_opens_or_ends_a_transaction_of_its_own() -> None:
    for path in VERSIONS.glob("*.sql"):
        assert not re.search(r"^\s*(BEGIN|COMMIT|ROLLBACK)\b", path.read_text(), re.MULTILINE | re.IGNORECASE), path


def upgraded(person: Person, endpoints: Endpoints) -> "tuple[int, str]":
    done = person.run("-c", "import sys, migrations; migrations.upgrade(sys.argv[1])", endpoints.owner_database_url)
    return done.returncode, done.stderr


async def test_a_database_that_is_up_to_date_is_left_alone(endpoints: Endpoints, anyone: Person) -> None:
    newest = sorted(VERSIONS.glob("*.sql"))[-1].name[:4]
    assert upgraded(anyone, endpoints) == (0, "")
    assert await ask(endpoints.owner_database_url, "SELECT version_num FROM alembic_version") == newest


async def test_a_database_from_a_newer_program_is_refused(endpoints: Endpoints, anyone: Person) -> None:
    await ask(endpoints.owner_database_url, "UPDATE alembic_version SET version_num = '9999'")
    done = anyone.meisu(
        "migrate", DATABASE_URL=endpoints.database_url, MEISU_OWNER_DATABASE_URL=endpoints.owner_database_url
    )
    assert done.returncode == 1
    assert "newer version" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("anyio_backend")
def test_an_older_shape_is_told_in_words_also_to_who_may_not_read_which_it_is(endpoints: Endpoints) -> None:
    asyncio.run(ask(endpoints.owner_database_url, "ALTER TABLE head DROP COLUMN owing"))
    for url, expected in (
        (endpoints.database_url, CannotRun),
        (
            endpoints.owner_database_url,
            asyncpg.UndefinedColumnError,
        ),  # it has the newest shape, by what it says: our mistake
    ):
        with pytest.raises(expected, match="owing") as raised, migrations.of_the_newest_shape(url):
            verify(url, {}, lambda _: None)
        assert expected is not CannotRun or "meisu migrate" in raised.value.chinese


async def test_two_processes_migrate_one_after_the_other(endpoints: Endpoints, anyone: Person) -> None:
    await ask(endpoints.owner_database_url, "DROP SCHEMA public CASCADE")
    await ask(endpoints.owner_database_url, "CREATE SCHEMA public")
    command = ("-c", "import sys, migrations; migrations.upgrade(sys.argv[1])", endpoints.owner_database_url)
    both = [anyone.start(*command), anyone.start(*command)]
    ended = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended


async def test_a_step_that_fails_leaves_nothing_of_itself(endpoints: Endpoints, tmp_path: Path, anyone: Person) -> None:
    newest = sorted(VERSIONS.glob("*.sql"))[-1].name[:4]
    copy = shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    for number, before, sentences in (
        ("9998", newest, "CREATE TABLE kept (kg bigint);"),
        ("9999", "9998", "CREATE TABLE half (kg bigint); SELECT 1 / 0;"),
    ):
        (copy / "versions" / f"{number}_step.sql").write_text(sentences)
        (copy / "versions" / f"{number}_step.py").write_text(
            "from migrations import sentences_beside\n"
            f'revision, down_revision = "{number}", "{before}"\n'
            "upgrade = sentences_beside(__file__)\n"
        )
    done = anyone.run(
        "-c",
        f"import sys; from pathlib import Path; import migrations; migrations.HERE = Path({str(copy)!r}); "
        "migrations.upgrade(sys.argv[1])",
        endpoints.owner_database_url,
    )
    assert "division by zero" in done.stderr
    shape = "SELECT (to_regclass('kept') IS NOT NULL, to_regclass('half') IS NOT NULL)"
    assert await ask(endpoints.owner_database_url, shape) == (True, False)
    assert await ask(endpoints.owner_database_url, "SELECT version_num FROM alembic_version") == "9998"


async def test_a_table_in_use_is_not_waited_for_long(endpoints: Endpoints, tmp_path: Path, anyone: Person) -> None:
    newest = sorted(VERSIONS.glob("*.sql"))[-1].name[:4]
    copy = shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    (copy / "versions" / "9999_step.sql").write_text("ALTER TABLE mine ADD COLUMN x bigint;")
    (copy / "versions" / "9999_step.py").write_text(
        "from migrations import sentences_beside\n"
        f'revision, down_revision = "9999", "{newest}"\n'
        "upgrade = sentences_beside(__file__)\n"
    )
    reader = await asyncpg.connect(endpoints.database_url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM mine")
        done = anyone.run(
            "-c",
            "import sys; from pathlib import Path; import migrations\n"
            "from service.embedded import CannotRun\n"
            f"migrations.HERE, migrations.WAIT_FOR_A_TABLE = Path({str(copy)!r}), '100ms'\n"
            "try: migrations.upgrade(sys.argv[1])\n"
            "except CannotRun as refusal: print(refusal.english)",
            endpoints.owner_database_url,
        )
    await reader.close()
    assert "Another connection holds a table" in done.stdout, done.stderr


def test_migrate_shapes_the_database_of_a_data_folder_running_or_not(anyone: Person) -> None:
    anyone.has_served_before()
    assert not servers_in(anyone.data)
    with anyone.serving() as serving:
        done = anyone.meisu("migrate", "--data", anyone.data)
        assert (done.returncode, done.stderr) == (0, "")
        assert serving.end(signal.SIGTERM)[0] == 0
