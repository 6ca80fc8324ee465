"""However the service ends, its servers end with it, and the book is whole at the next start."""

import os
import pwd
import signal
import subprocess
import time
from contextlib import ExitStack

import httpx

from service.serving import LAST_ANSWERS_WITHIN_S
from tests.embedded.conftest import Person, servers_in, wait_until
from tests.embedded.test_starting import STARTING

PASSWORD = "Magnesite-2026"
ORPHANS = (
    STARTING
    + """
import os, signal
from service.embedded import processes

# As on a system without PR_SET_PDEATHSIG.
class NoLibc:
    def prctl(self, *_): return 0
processes._libc = NoLibc()

with services(data, durable=True) as endpoints:
    asyncio.run(ask(endpoints.owner_database_url, "CREATE TABLE kept AS SELECT 31200 AS kg"))
    os.kill(os.getpid(), signal.SIGKILL)
"""
)

READ = (
    STARTING
    + """
with services(data, durable=False) as endpoints:
    kept = asyncio.run(ask(endpoints.owner_database_url, "SELECT kg FROM kept"))
    print(*kept, redis.Redis.from_url(endpoints.redis_url).ping())
"""
)


def test_it_is_up_again_within_five_seconds_and_ctrl_c_and_sigterm_stop_it_cleanly(person: Person) -> None:
    person.has_served_before()
    took_s = []
    for how in (signal.SIGINT, signal.SIGTERM):
        begun = time.monotonic()
        with person.serving() as serving:
            took_s.append(time.monotonic() - begun)
            code, err = serving.end(how)
            assert code == 0, err
            assert "Traceback" not in err
        assert not servers_in(person.data)
        log = "".join(path.read_text() for path in (person.data / "server" / "log").glob("postgres-*.log"))
        assert log.rstrip().endswith("database system is shut down")
        assert "not properly shut down" not in log
    # Where other work fills the machine, everything takes its share longer.
    share = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert min(took_s) < 5 * share


def test_those_who_watch_do_not_hold_up_the_end(anyone: Person) -> None:
    """A stream has no end of its own: it is ended at once, and not broken off."""
    anyone.has_served_before()
    with anyone.serving(MEISU_ADMIN_PASSWORD=PASSWORD) as serving, ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{serving.port}"))
        form = {"grant_type": "password", "username": "province", "password": PASSWORD}
        headers = {"Authorization": f"Bearer {client.post('/v1/token', data=form).json()['access_token']}"}
        watching = [stack.enter_context(client.stream("GET", "/v1/alerts/stream", headers=headers)) for _ in range(3)]
        begun = time.monotonic()
        code, err = serving.end(signal.SIGTERM)
        took_s = time.monotonic() - begun
        assert [stream.read() for stream in watching] == [b""] * 3
    assert code == 0, err
    assert "Traceback" not in err
    assert "Cancel" not in err
    assert took_s < LAST_ANSWERS_WITHIN_S


def test_a_second_ctrl_c_does_not_leave_the_stop_half_done(anyone: Person) -> None:
    anyone.has_served_before()
    with anyone.serving() as serving:
        os.killpg(serving.process.pid, signal.SIGINT)
        time.sleep(0.15)
        code, err = serving.end(signal.SIGINT)
    assert "Traceback" not in err
    assert code == 0
    log = "".join(path.read_text() for path in (anyone.data / "server" / "log").glob("postgres-*.log"))
    assert log.rstrip().endswith("database system is shut down")


def test_sigterm_while_the_servers_start_stops_them(anyone: Person) -> None:
    process = anyone.start("-m", "service", "serve", "--port", "0", "--data", anyone.data)
    wait_until(lambda: bool(servers_in(anyone.data)))
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert not servers_in(anyone.data)


def test_kill_9_takes_the_servers_along(person: Person) -> None:
    person.has_served_before()
    with person.serving() as serving:
        assert sorted(set(servers_in(person.data).values())) == ["postgres", "valkey-server"]
        serving.end(signal.SIGKILL)
        wait_until(lambda: not servers_in(person.data))
    with person.serving() as serving:
        assert serving.end(signal.SIGTERM)[0] == 0


def test_orphans_of_a_killed_process_are_stopped_at_the_next_start(person: Person) -> None:
    person.has_served_before()
    assert person.run("-c", ORPHANS).returncode == -signal.SIGKILL
    assert set(servers_in(person.data).values()) == {"postgres", "valkey-server"}

    assert person.script(READ).split() == ["31200", "True"]

    assert not servers_in(person.data)


def test_a_stranger_with_the_process_id_of_a_dead_server_is_left_alone(anyone: Person) -> None:
    anyone.has_served_before()
    assert anyone.run("-c", ORPHANS).returncode == -signal.SIGKILL
    for pid in servers_in(anyone.data):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not servers_in(anyone.data))
    cluster = anyone.data / "server" / "postgres"
    owner = pwd.getpwuid(cluster.stat().st_uid)
    dropped = {} if owner.pw_uid == os.geteuid() else {"user": owner.pw_uid, "group": owner.pw_gid}
    stranger = subprocess.Popen(["/bin/sleep", "60"], **dropped)  # type: ignore[call-overload]
    for name in (cluster / "postmaster.pid", anyone.data / "server" / "run" / ".s.PGSQL.5432.lock"):
        lines = name.read_text().splitlines()
        name.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")

    assert anyone.script(READ).split() == ["31200", "True"]

    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_second_process_on_the_same_data_is_refused_in_words(anyone: Person) -> None:
    anyone.has_served_before()
    with anyone.serving() as serving:
        done = anyone.meisu("serve", "--port", "0", "--data", anyone.data)
        assert done.returncode == 1
        assert str(serving.process.pid) in done.stderr
        assert "正由另一进程" in done.stderr
        assert "Another process" in done.stderr
        assert "Traceback" not in done.stderr
        assert serving.end(signal.SIGTERM)[0] == 0


def test_a_server_that_ends_by_itself_ends_the_service_in_words(anyone: Person) -> None:
    anyone.has_served_before()
    for name, program in (("PostgreSQL", "postgres"), ("Valkey", "valkey-server")):
        with anyone.serving() as serving:
            found = [pid for pid, is_running in servers_in(anyone.data).items() if is_running == program]
            os.kill(min(found), signal.SIGKILL)
            _, err = serving.process.communicate(timeout=30)
            assert serving.process.returncode == 1, err
            chinese, english = err.splitlines()[-2:]
            assert chinese.startswith(f"{name} 意外终止")
            assert english.startswith(f"{name} ended by itself")
        wait_until(lambda: not servers_in(anyone.data))
