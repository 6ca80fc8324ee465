"""Two people who start the service on real servers: root, and an ordinary account of this machine."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

from service.embedded.folders import STATE
from tests.conftest import roomy_memory

ROOT = Path(__file__).parents[2]
ORDINARY = "daemon"  # on every Linux machine, and owns nothing
HALF_COMPILED = "*.pyc.*"  # gone as soon as whoever compiles it is done


@dataclass(frozen=True)
class Person:
    """Somebody with an account, a Python and a folder of their own."""

    name: str
    python: Path
    environment: dict[str, str]
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self, *args: str | Path, **environment: str) -> "subprocess.Popen[str]":
        entry = pwd.getpwnam(self.name)
        dropped = {} if entry.pw_uid == os.geteuid() else {"user": entry.pw_uid, "group": entry.pw_gid}
        return subprocess.Popen(
            [self.python, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment | environment,
            start_new_session=True,
            extra_groups=[] if dropped else None,
            **dropped,
        )

    def run(self, *args: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        process = self.start(*args, **environment)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def script(self, body: str, **environment: str) -> str:
        """Run Python as this person; gives what it prints."""
        done = self.run("-c", textwrap.dedent(body), **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def meisu(self, *args: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.run("-m", "service", *args, **environment)

    def has_served_before(self) -> None:
        """Give this person a data folder with a migrated database, as an earlier run left it."""
        made = self.folder.parent / f"made-by-{self.name}"
        if not made.exists():
            done = self.meisu("migrate", "--data", self.data)
            assert done.returncode == 0, done.stderr
            subprocess.run(["/bin/cp", "-a", self.data, made], check=True)
        else:
            subprocess.run(["/bin/cp", "-a", made, self.data], check=True)

    @contextmanager
    def serving(self, **environment: str) -> Iterator["Serving"]:
        """`meisu serve` on this person's data folder, answering; killed at the end if the test did not stop it."""
        process = self.start("-m", "service", "serve", "--port", "0", "--data", self.data, **environment)
        assert process.stdout is not None
        try:
            address = next((line.strip() for line in process.stdout if line.startswith("http://127.0.0.1:")), None)
            assert address, process.communicate()
            serving = Serving(process, int(address.rpartition(":")[2]))
            serving.wait_until_it_answers()
            yield serving
        finally:
            process.kill()
            process.communicate()
            wait_until(lambda: not servers_in(self.data))


@dataclass(frozen=True)
class Serving:
    """A service that runs."""

    process: "subprocess.Popen[str]"
    port: int

    def wait_until_it_answers(self) -> None:
        def answers() -> bool:
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", self.port)) == 0

        wait_until(answers)

    def end(self, how: signal.Signals) -> tuple[int, str]:
        """Signal it as a terminal or an init system would; gives its exit code and what it said."""
        os.killpg(self.process.pid, how)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


def wait_until(fact: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def servers_in(data: Path) -> dict[int, str]:
    """The servers that work below a data folder, by process id."""
    home = (data / "server").resolve()
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(home):
                found[int(entry.name)] = (entry / "exe").readlink().name
        except OSError:
            continue
    return found


def enter(account: str, *command: str | Path) -> bool:
    entry = pwd.getpwnam(account)
    if entry.pw_uid == os.geteuid():
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/"
        )
    except PermissionError:
        return False
    return done.returncode == 0


@pytest.fixture(scope="session")
def open_ground() -> Iterator[Path]:
    """A folder that every account can pass through, in memory where there is room."""
    with TemporaryDirectory(prefix="meisu-", dir=roomy_memory()) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def again(source: str, target: str) -> None:
    """The same file under another name, or a copy where that lies on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="session")
def open_programs() -> Iterator[Path]:
    """A folder that every account can pass through, beside the programs rather than in memory."""
    with TemporaryDirectory(prefix="meisu-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def ordinary_python(open_programs: Path) -> tuple[Path, dict[str, str]]:
    """This Python and its packages where an ordinary account can run them: in place, or once more elsewhere.

    With what they were compiled to: who may not write there would compile all of it again at each start.
    """
    packages, code, python = Path(sysconfig.get_paths()["purelib"]), ROOT, Path(sys.executable)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}
    if os.geteuid() == 0:
        if not enter(ORDINARY, python, "-c", "import asyncio"):
            base = open_programs / "python"
            shutil.copytree(
                Path(sys.base_prefix, "lib"),
                base / "lib",
                ignore=shutil.ignore_patterns("site-packages", "test", "config-*", "*.a", HALF_COMPILED),
                copy_function=again,
            )
            python = base / "bin" / "python3.11"
            python.parent.mkdir()
            shutil.copy(Path(sys.base_prefix, "bin", "python3.11"), python)
            environment["LD_LIBRARY_PATH"] = str(base / "lib")
        if not enter(ORDINARY, "/usr/bin/test", "-r", packages / "asyncpg" / "__init__.py"):
            packages = shutil.copytree(
                packages,
                open_programs / "packages",
                ignore=shutil.ignore_patterns("playwright", HALF_COMPILED),
                copy_function=again,
            )
        if not enter(ORDINARY, "/usr/bin/test", "-r", code / "service" / "__init__.py"):
            code = open_programs / "code"
            for name in ("service", "migrations"):
                shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns(HALF_COMPILED))
    return python, environment | {"PYTHONPATH": f"{code}:{packages}"}


@contextmanager
def person_called(name: str, open_ground: Path, ordinary_python: tuple[Path, dict[str, str]]) -> Iterator[Person]:
    """Root, or an ordinary account: that of whoever runs the tests, where it is one."""
    if name == "root" and os.geteuid() != 0:
        pytest.skip("only root can see what root sees")
    if name == "ordinary":
        name = ORDINARY if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(mkdtemp(prefix=f"{name}-", dir=open_ground))
    folder.chmod(0o711)
    if name == "root":
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
        for variable in ("DATABASE_URL", "REDIS_URL"):
            environment.pop(variable, None)
        person = Person(name, Path(sys.executable), environment, folder)
    else:
        entry = pwd.getpwnam(name)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        person = Person(name, *ordinary_python, folder)
    yield person
    for note in STATE.glob("*/belongs-to"):
        with suppress(FileNotFoundError):  # of another test's, which ends at the same time
            if Path(note.read_text().strip()).is_relative_to(folder):
                shutil.rmtree(note.parent)
    shutil.rmtree(folder)


@pytest.fixture(params=["root", "ordinary"])
def person(
    request: pytest.FixtureRequest, open_ground: Path, ordinary_python: tuple[Path, dict[str, str]]
) -> Iterator[Person]:
    """Each of the two."""
    with person_called(request.param, open_ground, ordinary_python) as found:
        yield found


@pytest.fixture
def root(open_ground: Path, ordinary_python: tuple[Path, dict[str, str]]) -> Iterator[Person]:
    """Root, where an ordinary account would see nothing new."""
    with person_called("root", open_ground, ordinary_python) as found:
        yield found


@pytest.fixture
def ordinary(open_ground: Path, ordinary_python: tuple[Path, dict[str, str]]) -> Iterator[Person]:
    """An ordinary account, for what root may do and others may not."""
    with person_called("ordinary", open_ground, ordinary_python) as found:
        yield found


@pytest.fixture
def anyone(open_ground: Path, ordinary_python: tuple[Path, dict[str, str]]) -> Iterator[Person]:
    """Whoever runs the tests, where the account makes no difference."""
    with person_called("root" if os.geteuid() == 0 else "ordinary", open_ground, ordinary_python) as found:
        yield found
