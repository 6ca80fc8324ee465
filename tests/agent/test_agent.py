"""The agent `meisu station`: it never loses a record and never counts one twice, whatever kills it."""

import asyncio
import json
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from typer.testing import CliRunner

from service.agent import sending
from service.agent.commands import app
from service.agent.folder import Enrolled, Folder
from service.agent.keys import DeviceKey
from service.agent.queue import IdReused, Queue
from service.agent.taking import Malformed, read_record, take_files
from service.embedded import CannotRun
from tests import cast
from tests.pages.station.house import House, issue, let_out, wait_until

RECORDS = 120
Json = dict[str, Any]


def weighed(ticket: Json | None, turn: int, **changed: Any) -> Json:
    """A record as the other software gives it."""
    return {
        "ticket": ticket and ticket["number"],
        "direction": "out",
        "plate": ticket["plate"] if ticket else "辽C00001",
        "gross_kg": 45_000 + 2 * turn,
        "tare_kg": 15_000 + turn,
        "weighed_at": datetime.now(UTC).isoformat(),
        **changed,
    }


def lines(records: Iterable[Json]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


class Agent:
    """The agent in a folder of its own, as a station runs it."""

    def __init__(self, folder: Path, server: str, person: cast.Person) -> None:
        self.folder = folder
        self._server = server
        self._person = person
        self._running: subprocess.Popen[str] | None = None
        self.said = folder.with_suffix(".txt")

    def do(self, *arguments: str) -> str:
        """What a command of the agent says; raises CannotRun."""
        done = CliRunner(env={"MEISU_STATION_PASSWORD": cast.PASSWORD}).invoke(app, [*arguments, *self._where])
        if done.exception:
            raise done.exception
        return done.output

    def enrol(self) -> str:
        return self.do("enrol", "--server", self._server, "--name", "地磅软件", "--username", self._person.username)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run until it is ended; what it says is kept beside its folder."""
        with self.said.open("a", encoding="utf-8") as said:
            self._running = subprocess.Popen(
                self._command("run", *arguments), stdin=subprocess.PIPE, stdout=said, stderr=said, text=True
            )
        return self._running

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._running is None:
            return
        self._running.send_signal(how)
        self._running.communicate(timeout=20)
        self._running = None

    @property
    def answers(self) -> list[Json]:
        """What stands in the answers' file."""
        path = self.folder / "answers.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    @property
    def _where(self) -> list[str]:
        return ["--folder", str(self.folder)]

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "service", "station", *arguments, *self._where]


Agents = Callable[[cast.Person], Agent]


@pytest.fixture
def agents(house: House, tmp_path: Path) -> Iterator[Agents]:
    """Gives the agent of a station; none outlives its test."""
    made: list[Agent] = []

    def make(person: cast.Person) -> Agent:
        made.append(Agent(tmp_path / person.username, house.url, person))
        return made[-1]

    yield make
    for agent in made:
        agent.end()


async def stored(house: House, station_id: UUID) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(house.endpoints.owner_database_url)
    try:
        return await connection.fetch(
            "SELECT w.record_id, w.sequence, w.gross_kg, w.status, t.number,"
            " EXISTS (SELECT FROM signature s WHERE s.weighing_id = w.id) AS is_signed"
            " FROM weighing w LEFT JOIN ticket t ON t.id = w.ticket_id WHERE w.station_id = $1"
            " ORDER BY w.recorded_at, w.sequence",
            station_id,
        )
    finally:
        await connection.close()


async def test_nothing_is_lost_or_counted_twice_when_it_is_killed_in_the_middle_of_sending(
    house: House, contract: str, agents: Agents, tmp_path: Path
) -> None:
    """W04, E7, E12: kill -9 while the answer is on its way, twice; then the service's own end, and all goes on."""
    agent = agents(cast.BRIDGE_7_DEVICE)
    watched = tmp_path / "weighed"
    watched.mkdir()
    await asyncio.to_thread(agent.enrol)
    await asyncio.to_thread(house.approve_all)
    tickets = await asyncio.to_thread(issue, house, contract, RECORDS, 70_000)
    records = [weighed(ticket, turn, id=str(uuid4())) for turn, ticket in enumerate(tickets)]
    for part in range(4):
        text = lines(records[30 * part : 30 * (part + 1)])
        (watched / f"{part}.jsonl").write_text(text, encoding="utf-8")

    for kill in (agent.end, agent.end, house.kill):
        was_lost = house.lose_next_answer(kill)
        agent.start("--watch", str(watched))
        await asyncio.to_thread(wait_until, was_lost, 30)
    assert len(await stored(house, cast.BRIDGE_7)) >= 100, "written, and never answered"
    assert agent.answers == []
    await asyncio.to_thread(house.start)
    await asyncio.to_thread(wait_until, lambda: len(agent.answers) >= RECORDS, 40)
    await asyncio.to_thread(agent.end, signal.SIGTERM)

    rows = await stored(house, cast.BRIDGE_7)
    assert [(row["sequence"], str(row["record_id"]), row["gross_kg"], row["number"]) for row in rows] == [
        (turn + 1, record["id"], record["gross_kg"], record["ticket"]) for turn, record in enumerate(records)
    ]
    assert {(row["status"], row["is_signed"]) for row in rows} == {("accepted", True)}
    assert {one["status"] for one in agent.answers} <= {"accepted", "duplicate"}
    assert [one["id"] for one in agent.answers] == [record["id"] for record in records]
    assert sorted(path.name for path in (watched / "done").iterdir()) == [f"{part}.jsonl" for part in range(4)]
    net_kg = sum(record["gross_kg"] - record["tare_kg"] for record in records)
    assert (await asyncio.to_thread(let_out, house))[0] == net_kg


async def test_a_device_enrols_waits_for_its_county_and_then_sends(house: House, agents: Agents) -> None:
    """Lines by standard input; what waits for the county's approval is kept, and a wrong line stops nobody."""
    agent = agents(cast.STRANGER_DEVICE)
    said = await asyncio.to_thread(agent.enrol)
    assert "asked" in said
    assert stat.S_IMODE((agent.folder / "device.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(agent.folder.stat().st_mode) == 0o700
    assert "核准" in await asyncio.to_thread(agent.do, "status")

    running = agent.start()
    assert running.stdin
    running.stdin.write(lines([weighed(None, 1), {"plate": "辽C1"}, weighed(None, 40)]))
    running.stdin.flush()
    wait_until(lambda: Queue.open(agent.folder / "queue.sqlite").count_unsent() == 2)
    with pytest.raises(CannotRun, match="Another agent"):
        await asyncio.to_thread(agent.do, "run")
    await asyncio.to_thread(agent.end, signal.SIGINT)

    devices = await asyncio.to_thread(house.get, cast.DASHIQIAO, "/v1/devices")
    path = f"/v1/devices/{devices['items'][0]['id']}/approve"
    await asyncio.to_thread(house.post, cast.DASHIQIAO, path, {})
    running = agent.start()
    await asyncio.to_thread(running.communicate, "", 60)
    assert running.returncode == 0, "it ends when all is sent and nothing more comes"
    assert [one["flags"] for one in agent.answers] == [["no-ticket"], ["no-ticket"]]
    assert [row["sequence"] for row in await stored(house, cast.STRANGER_GATE)] == [1, 2]
    said = await asyncio.to_thread(agent.do, "status")
    assert "approved" in said
    assert "unsent: 0" in said


async def test_what_waits_in_a_revoked_device_is_sent_by_the_next_one(house: House, agents: Agents) -> None:
    """W04: the records keep their numbers and ids, and get the signature of the new key."""
    agent = agents(cast.PLANT_TWO_DEVICE)
    await asyncio.to_thread(agent.enrol)
    await asyncio.to_thread(house.approve_all)
    first = (agent.folder / "device.key").read_bytes()
    devices = (await asyncio.to_thread(house.get, cast.LI, "/v1/devices"))["items"]
    device = next(one for one in devices if one["station_id"] == str(cast.PLANT_TWO_GATE))
    await asyncio.to_thread(house.post, cast.LI, f"/v1/devices/{device['id']}/revoke", {"reason": "电脑被盗"})
    queue = Queue.open(agent.folder / "queue.sqlite")
    queue.keep([weighed(None, 1), weighed(None, 40)])
    queue.close()
    assert "吊销" in await asyncio.to_thread(agent.do, "status")

    await asyncio.to_thread(agent.enrol)
    assert (agent.folder / "device.key").read_bytes() != first
    await asyncio.to_thread(house.approve_all)
    running = agent.start()
    await asyncio.to_thread(running.communicate, "", 60)
    rows = await stored(house, cast.PLANT_TWO_GATE)
    assert [(row["sequence"], row["status"], row["is_signed"]) for row in rows] == [
        (1, "accepted", True),
        (2, "accepted", True),
    ]


def test_nobody_but_the_station_can_enrol(house: House, tmp_path: Path) -> None:
    for person in (cast.PAIZHAI_CLERK, cast.LI):
        with pytest.raises(CannotRun):
            Agent(tmp_path / person.username, house.url, person).enrol()
    with pytest.raises(CannotRun, match="station enrol"):
        Agent(tmp_path / "none", house.url, cast.LI).do("status")
    with pytest.raises(CannotRun, match="Not an address"):
        Agent(tmp_path / "nowhere", "nowhere", cast.BRIDGE_7_DEVICE).enrol()
    with pytest.raises(CannotRun, match="cannot be reached"):
        Agent(tmp_path / "away", "http://127.0.0.1:9", cast.BRIDGE_7_DEVICE).enrol()


# The queue and what it takes, without a service


@pytest.fixture
def queue(tmp_path: Path) -> Iterable[Queue]:
    queue = Queue.open(tmp_path / "queue.sqlite")
    queue.count_from(7)
    yield queue
    queue.close()


def test_records_are_numbered_without_a_gap(queue: Queue) -> None:
    """W04: a record that is given again keeps its number, one that is refused takes none."""
    first, second = weighed(None, 1, id=str(uuid4())), weighed(None, 2)
    assert [one.sequence for one in queue.keep([first, second])] == [7, 8]
    assert queue.keep([first])[0].sequence == 7
    with pytest.raises(IdReused):
        queue.keep([weighed(None, 3), {**first, "gross_kg": 1}])
    assert queue.keep([weighed(None, 3)])[0].sequence == 9
    queue.count_from(3)
    assert queue.keep([weighed(None, 4)])[0].sequence == 10
    queue.count_from(40)
    assert queue.keep([weighed(None, 4)])[0].sequence == 40


def test_a_file_is_taken_whole_once_or_set_aside(queue: Queue, tmp_path: Path) -> None:
    """A file that was queued and not moved, since the agent was killed in between, is only moved."""
    watched = tmp_path / "weighed"
    watched.mkdir()
    good = lines([weighed(None, 1), weighed(None, 2)])
    (watched / "a.jsonl").write_text(good, encoding="utf-8")
    (watched / "b.json").write_text(good + '{"plate": 7}\n', encoding="utf-8")
    (watched / ".c.json").write_text("{", encoding="utf-8")
    assert [(path.name, fault is None) for path, fault in take_files(queue, watched)] == [
        ("a.jsonl", True),
        ("b.json", False),
    ]
    assert queue.count_unsent() == 2
    assert "第 3 行" in (watched / "wrong" / "b.txt").read_text(encoding="utf-8")

    (watched / "a.jsonl").write_text(good, encoding="utf-8")
    take_files(queue, watched)
    assert queue.count_unsent() == 2
    assert sorted(path.name for path in (watched / "done").iterdir()) == ["a-2.jsonl", "a.jsonl"]


def test_a_disk_that_takes_no_answer_is_told_and_tried_again(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that sends ended without a word, and what was weighed from then on stayed on the PC."""
    monkeypatch.setattr(sending, "FIRST_WAIT_S", 0.01)
    folder = Folder(tmp_path)
    queue.keep([weighed(None, 1)])
    [kept] = queue.unsent(1)
    queue.answer([(kept, {"id": kept.id, "status": "accepted"})])
    folder.answers.mkdir()  # no file can be written there
    told: list[Json] = []
    enrolled = Enrolled("http://127.0.0.1:9", str(uuid4()), str(cast.BRIDGE_7), "站", "设备")
    sender = sending.Sender(folder, sending.Device(enrolled, DeviceKey.open(folder.secret)), told.append)
    sender.start()
    try:
        wait_until(lambda: any("answers" in one.get("trouble", "") for one in told))
        folder.answers.rmdir()
        wait_until(lambda: folder.answers.exists() and not queue.untold())
    finally:
        sender.stop()
    assert json.loads(folder.answers.read_text())["sequence"] == 7


def test_a_queue_that_cannot_be_written_ends_the_agent_in_words(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.keep(Enrolled("http://127.0.0.1:9", str(uuid4()), str(cast.BRIDGE_7), "站", "设备"))
    folder.queue.mkdir()
    command = [sys.executable, "-m", "service", "station", "run", "--folder", str(tmp_path)]
    ended = subprocess.run(command, input=lines([weighed(None, 1)]), capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "queue.sqlite cannot be written" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "JSON"),
        ("[]", "JSON 对象"),
        (json.dumps(weighed(None, 1, sequence=4)), "sequence"),
        (json.dumps(weighed(None, 1, gross_kg="45000")), "/gross_kg: 须为整数"),
        (json.dumps(weighed(None, 1, weighed_at="yesterday")), "/weighed_at: 须为带时区的时间"),
        (json.dumps(weighed(None, 1, weighed_at="2026-03-02T08:00:00")), "/weighed_at: 须为带时区的时间"),
        (json.dumps(weighed(None, 1, colour="red")), "/colour"),
    ],
)
def test_what_is_no_record_is_refused_in_words(line: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read_record(line)
