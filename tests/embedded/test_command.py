"""The `meisu` command, as it is typed."""

import json
import logging
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from service.__main__ import main
from service.doctor import State, examine
from service.embedded import outside
from service.embedded.logs import POSTGRES_FILES, VALKEY_BYTES, keep_small
from service.keys import Purpose
from service.logs import File
from service.settings import Settings
from tests.embedded.conftest import Person, wait_until


def test_serve_keeps_the_walls_time(anyone: Person) -> None:
    done = anyone.meisu("serve", "--data", anyone.data, MEISU_CLOCK="2026-01-01T00:00:00+08:00,60")
    assert done.returncode == 1
    assert "MEISU_CLOCK" in done.stderr
    assert not anyone.data.exists()


def test_a_taken_port_is_said_before_anything_starts(anyone: Person) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = anyone.meisu("serve", "--port", port, "--data", anyone.data)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not anyone.data.exists()


def test_the_data_folder_is_here_unless_told_otherwise(anyone: Person) -> None:
    assert anyone.meisu("migrate").returncode == 0
    assert (anyone.folder / ".meisu" / "server" / "postgres").is_dir()


def test_the_log_is_json_lines_in_a_closed_folder(anyone: Person) -> None:
    anyone.has_served_before()
    with anyone.serving() as serving:
        serving.end(signal.SIGTERM)
    log = anyone.data / "log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o700
    lines = [json.loads(line) for line in (log / "meisu.log").read_text().splitlines()]
    assert {"event", "level", "logger", "timestamp"} <= lines[0].keys()


def test_a_log_on_a_full_disk_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logger, full = logging.Logger("meisu"), File("/dev/full")
    logger.addHandler(full)
    for _ in range(3):
        logger.warning("answered")
    with suppress(OSError):
        full.close()

    [told] = capsys.readouterr().err.splitlines()
    assert "/dev/full: [Errno 28]" in told


def test_a_traceback_in_the_log_shows_no_values(anyone: Person) -> None:
    done = anyone.run(
        "-c",
        "import logging; from pathlib import Path; from service.logs import log_to\n"
        "log_to(Path('log'))\n"
        "def sign_in(password):\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError: logging.exception('failed')\n"
        "sign_in('s3' + 'cret')\n",
    )
    assert "ZeroDivisionError" in done.stderr
    written = (anyone.folder / "log" / "meisu.log").read_text()
    assert "ZeroDivisionError" in written
    assert "s3cret" not in done.stderr + written


def test_the_servers_logs_stay_small(tmp_path: Path) -> None:
    for hour in range(POSTGRES_FILES + 3):
        (tmp_path / f"postgres-20261121-{hour:02d}0000.log").write_text("LOG\n")
    with (tmp_path / "valkey.log").open("wb") as full:
        full.truncate(VALKEY_BYTES + 1)

    keep_small(tmp_path)

    left = sorted(path.name for path in tmp_path.glob("postgres-*.log"))
    assert len(left) == POSTGRES_FILES
    assert left[0] == "postgres-20261121-030000.log"
    assert [path.name for path in tmp_path.glob("valkey*")] == ["valkey.log.1"]


def test_servers_are_watched_though_their_logs_cannot_be_kept_small(tmp_path: Path) -> None:
    for hour in range(POSTGRES_FILES + 1):
        (tmp_path / f"postgres-20261121-{hour:02d}0000.log").mkdir()  # no file that could be removed
    script = (
        "import subprocess, sys, time; from pathlib import Path; from service.embedded.logs import watched\n"
        "with watched({'a server': subprocess.Popen(['true'])}, Path(sys.argv[1]), every_s=0.01): time.sleep(20)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGTERM, ended.stderr


def test_doctor_finds_a_healthy_machine_healthy(person: Person) -> None:
    done = person.meisu("doctor", "--port", "0", "--data", person.data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert not person.data.exists()


@pytest.fixture
def mute_servers() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A database and a cache that take a connection and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as database, socket.create_server(("127.0.0.1", 0)) as cache:
        database.settimeout(10)
        cache.settimeout(10)
        yield database, cache


@pytest.fixture
def relying_on_them(mute_servers: tuple[socket.socket, socket.socket], tmp_path: Path) -> Settings:
    database, cache = (server.getsockname()[1] for server in mute_servers)
    database_url = f"postgresql://meisu@127.0.0.1:{database}/meisu"
    redis_url = f"redis://127.0.0.1:{cache}/0"
    return Settings().model_copy(
        update={"data": tmp_path / "data", "database_url": database_url, "redis_url": redis_url}
    )


def test_doctor_does_not_wait_long_for_a_server_that_says_nothing(
    relying_on_them: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "ANSWERS_WITHIN_S", 0.05)
    advice = {found.need: found.advice for found in examine(relying_on_them, "127.0.0.1", 0)}
    assert "no answer within" in advice["PostgreSQL"]
    assert "no answer within" in advice["Valkey"]


def test_doctor_asks_one_server_while_another_says_nothing(
    relying_on_them: Settings, mute_servers: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "ANSWERS_WITHIN_S", 60)
    with ThreadPoolExecutor(1) as elsewhere:
        examined = elsewhere.submit(examine, relying_on_them, "127.0.0.1", 0)
        connections = [server.accept()[0] for server in mute_servers]
        for connection in connections:
            connection.close()
        assert {found.need for found in examined.result() if found.state is State.FAILS} >= {"PostgreSQL", "Valkey"}


def test_doctor_says_what_to_do(anyone: Person) -> None:
    anyone.data.mkdir()
    if anyone.name == "root":
        os.chown(anyone.data, 12345, 12345)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = anyone.meisu(
            *("doctor", "--port", str(taken.getsockname()[1]), "--data", anyone.data),
            REDIS_URL="redis://127.0.0.1:1/0",
            COLUMNS="200",
        )
    assert done.returncode == 1
    failed = [line for line in done.stdout.splitlines() if "✗" in line]
    assert len(failed) == (3 if os.geteuid() == 0 else 2), done.stdout
    assert "Traceback" not in done.stderr


def test_a_folder_without_rights_is_named_with_what_to_do(ordinary: Person) -> None:
    closed = ordinary.folder / "closed"
    closed.mkdir()
    os.chown(closed, pwd.getpwnam(ordinary.name).pw_uid, -1)
    closed.chmod(0o555)
    examined = ordinary.meisu("doctor", "--port", "0", "--data", closed / "data", COLUMNS="200")
    begun = ordinary.meisu("migrate", "--data", closed)
    closed.chmod(0o000)
    audited = ordinary.meisu("verify", "--data", closed)
    closed.chmod(0o755)

    assert (examined.returncode, begun.returncode, audited.returncode) == (1, 1, 1)
    assert f"chmod u+rwx {closed}" in begun.stderr, "it belongs to this account"
    assert "may not make it there" in examined.stdout
    assert "无权使用" in audited.stderr
    assert f"may not use {closed}" in audited.stderr
    assert "Traceback" not in audited.stderr


def test_a_disk_that_cannot_take_a_file_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("sys.argv", ["meisu", "migrate", "--data", str(tmp_path / "file" / "data")])

    with pytest.raises(SystemExit, match="1"):
        main()
    chinese, english = capsys.readouterr().err.splitlines()
    assert chinese.startswith(f"无法使用 {tmp_path}/file/data")
    assert english.startswith(f"{tmp_path}/file/data cannot be used: Not a directory")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgresql://meisu_service@127.0.0.1:1/meisu"),
        ("MEISU_POOL_SIZE", "many"),
        ("MEISU_CLOCK", "noon"),
    ],
)
def test_a_wrong_variable_is_named_with_what_to_do(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keys").mkdir()
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.argv", ["meisu", "verify", "--data", str(tmp_path)])

    with pytest.raises(SystemExit, match="1"):
        main()
    chinese, english = capsys.readouterr().err.splitlines()
    assert variable.removeprefix("MEISU_").lower() in chinese.lower()
    assert variable.removeprefix("MEISU_").lower() in english.lower()


def test_a_verifier_is_not_written_over_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "verify.pyz"
    monkeypatch.setattr("sys.argv", ["meisu", "verifier", str(file)])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert capsys.readouterr().out == f"{sha256(file.read_bytes()).hexdigest()}  {file}\n"
    written = file.read_bytes()

    with pytest.raises(SystemExit, match="1"):
        main()
    assert str(file) in capsys.readouterr().err
    assert file.read_bytes() == written


def test_help_names_every_command(anyone: Person) -> None:
    said = anyone.meisu("--help").stdout
    assert all(command in said for command in ("serve", "migrate", "doctor"))


def test_a_backup_becomes_a_new_folder_for_either(person: Person) -> None:
    person.has_served_before()
    with person.serving() as serving:
        wait_until(lambda: len(list((person.data / "keys").glob("*.json"))) == len(Purpose))
        assert serving.end(signal.SIGTERM)[0] == 0
    archive, restored = person.folder / "monday.backup", person.folder / "restored"
    taken = person.meisu("backup", archive, "--data", person.data)
    assert taken.returncode == 0, taken.stderr
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600

    made = person.meisu("restore", archive, "--data", restored)
    assert made.returncode == 0, made.stderr
    assert made.stdout.endswith("0 differences\n")
    keys = [person.data / "keys", restored / "keys"]
    assert [path.read_bytes() for path in sorted(keys[0].iterdir())] == [
        path.read_bytes() for path in sorted(keys[1].iterdir())
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (keys[1], *keys[1].iterdir())} == {0o700, 0o600}

    again = person.meisu("backup", archive, "--data", person.data)
    assert again.returncode == 1
    assert "already" in again.stderr
