"""Who asks over HTTP: wrk for rates, and for latencies a client that sends when it meant to, whatever the answers do."""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

SERVICE_CORE, CLIENT_CORE = 0, 1
CONNECTIONS = 64
NOTHING = "/v1/bench/nothing"  # the route that stores nothing
ONE_ROW = "/v1/bench/one-row"  # the route that stores one narrow row
MOST_OF_A_CORE = 0.8
SCRIPT = Path(__file__).with_name("requests.lua")


class ClientTooBusy(Exception):
    """The client had no core to spare: what it measured was itself."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it is sent: whose, and what."""

    token: str
    body: bytes

    def over(self, path: str) -> bytes:
        """The request as it goes over the wire."""
        return (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
        ).encode() + self.body


def wrk() -> str | None:
    """The compiled client, where the machine has it, with what pins it to a core."""
    return shutil.which("wrk") if shutil.which("taskset") else None


def rate(url: str, requests: Sequence[Request], seconds: float, *, may_repeat: bool = False) -> float:
    """Answers a second at 64 connections; raises ClientTooBusy, and AssertionError where an answer was not good.

    Where they may be repeated, whoever answers more than there are requests is asked the first ones again.
    """
    with NamedTemporaryFile("wb", suffix=".requests") as file:
        file.writelines(request.token.encode() + b" " + request.body + b"\n" for request in requests)
        file.flush()
        pinned = ("taskset", "-c", str(CLIENT_CORE), wrk() or "wrk")
        client = subprocess.Popen(
            [*pinned, "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "-s", SCRIPT, url, "--", file.name],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        said = client.stdout.read()
        _, status, used = os.wait4(client.pid, 0)
        client.returncode = status
    assert status == 0, said
    answers, microseconds, failed = map(int, said.rsplit("BENCH", 1)[1].split())
    assert not failed, said
    assert may_repeat or answers <= len(requests), f"{answers} answers to {len(requests)} requests"
    if used.ru_utime + used.ru_stime > MOST_OF_A_CORE * microseconds / 1e6:
        raise ClientTooBusy
    return answers / microseconds * 1e6


@contextmanager
def with_room() -> Iterator[None]:
    """Ask from this process; raises ClientTooBusy."""
    began, used = time.perf_counter(), time.process_time()
    yield
    if time.process_time() - used > MOST_OF_A_CORE * (time.perf_counter() - began):
        raise ClientTooBusy


class Line:
    """One connection, kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> bytes:
        """The body of a good answer."""
        self.writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return await self._reader.readexactly(int(lengths[0].split(b":")[1]))


@asynccontextmanager
async def lines(port: int, count: int = CONNECTIONS) -> AsyncIterator[list[Line]]:
    """So many connections to the service."""
    found = [Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(count)]
    try:
        yield found
    finally:
        for line in found:
            line.writer.close()


async def latencies(port: int, requests: Sequence[bytes], per_second: float) -> list[tuple[float, float]]:
    """When each request was meant to be sent, and the seconds from then to its answer; raises ClientTooBusy."""
    async with lines(port) as free:
        return await _latencies(free, requests, per_second)


async def _latencies(free: Sequence[Line], requests: Sequence[bytes], per_second: float) -> list[tuple[float, float]]:
    loop = asyncio.get_running_loop()
    waiting: deque[tuple[float, bytes]] = deque()
    idle = deque(free)
    found: list[tuple[float, float]] = []
    tasks: set[asyncio.Task[None]] = set()
    done: asyncio.Future[None] = loop.create_future()

    async def serve(line: Line) -> None:
        while waiting:
            meant, request = waiting.popleft()
            await line.ask(request)
            found.append((meant, time.perf_counter() - meant))
        idle.append(line)

    def arrive(meant: float, request: bytes) -> None:
        waiting.append((meant, request))
        if idle:
            task = loop.create_task(serve(idle.popleft()))
            tasks.add(task)
            task.add_done_callback(end)

    def end(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if not done.done() and (error := task.exception()):
            done.set_exception(error)
        elif not done.done() and len(found) == len(requests):
            done.set_result(None)

    # A thread: the loop's own timers only know milliseconds.
    def pace() -> None:
        meant = time.perf_counter()
        for request in requests:
            meant += 1 / per_second
            time.sleep(max(0.0, meant - time.perf_counter()))
            loop.call_soon_threadsafe(arrive, meant, request)

    with with_room():
        threading.Thread(target=pace, daemon=True).start()
        await done
    return found
