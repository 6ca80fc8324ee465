"""`meisu station enrol | run | status`."""

import json
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from service.agent.folder import Enrolled, Folder
from service.agent.keys import DeviceKey
from service.agent.line import Line, Problem, Unreachable
from service.agent.queue import IdReused, Queue
from service.agent.sending import Device, Sender
from service.agent.taking import Malformed, take_files, take_line
from service.embedded import CannotRun

app = typer.Typer(
    name="station",
    help="计量站代理：签名、排队、补发 / The agent of a station whose own software weighs.",
    no_args_is_help=True,
)

Where = Annotated[
    Path, typer.Option("--folder", envvar="MEISU_STATION", help="代理自己的目录 / the agent's own folder")
]
HERE = Path(".meisu-station")
LOOK_S = 1.0


@app.command()
def enrol(
    server: Annotated[str, typer.Option(help="服务地址 / the service's address, https://…")],
    name: Annotated[str, typer.Option(help="设备名称 / a name for this device")],
    username: Annotated[str, typer.Option(prompt="用户名 / user name", help="计量站账号 / the station's account")],
    password: Annotated[
        str,
        typer.Option(
            prompt="密码 / password", hide_input=True, envvar="MEISU_STATION_PASSWORD", help="密码 / password"
        ),
    ],
    folder: Where = HERE,
) -> None:
    """启用本机 / Make this machine's key and register it; the county then approves it by its fingerprint."""
    place = Folder(folder)
    place.make()
    with place.alone():
        try:
            line = Line(server)
            token = line.token(grant_type="password", username=username, password=password)
            key = DeviceKey.open(place.secret)
            facts = _register(line, key, name, token)
            if facts["state"] == "revoked":  # its key is never believed again; what waits is signed by the next one
                key = DeviceKey.renew(place.secret)
                facts = _register(line, key, name, token)
        except ValueError as error:
            raise CannotRun(f"不是有效的地址：{server}", f"Not an address: {server}") from error
        except Unreachable as error:
            raise CannotRun(f"连不上 {server}：{error}", f"{server} cannot be reached: {error}") from error
        except Problem as problem:
            raise CannotRun(problem.title, problem.title_en) from problem
        before = place.enrolled()
        queue = Queue.open(place.queue)
        if before and before.station_id != facts["station_id"] and queue.count_unsent():
            raise CannotRun(
                "本机还有另一个计量站的记录没有发送。",
                "This machine still has unsent records of another station.",
            )
        queue.count_from(facts["next_sequence"])
        queue.close()
        place.keep(Enrolled(server, facts["id"], facts["station_id"], facts["station"], name))
    typer.echo(f"{facts['station']}  {name}  {facts['state']}")
    typer.echo(f"指纹 / fingerprint: {key.fingerprint}")


@app.command()
def run(
    folder: Where = HERE,
    watch: Annotated[
        Path | None, typer.Option(help="监视的目录；不给则读标准输入 / a folder to watch; without it, stdin is read")
    ] = None,
) -> None:
    """接收并发送 / Take records, one JSON object a line, and send them; Ctrl-C at any time loses nothing."""
    place, device = _device(folder)
    if watch is not None and not watch.is_dir():
        raise CannotRun(f"没有目录 {watch}。", f"There is no folder {watch}.")
    ends = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        ends.set()
        if watch is None:
            raise KeyboardInterrupt

    with place.alone(), _told_of_the_disk(place.queue):
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        queue = Queue.open(place.queue)
        sender = Sender(place, device, _tell)
        sender.start()
        try:
            if watch is not None:
                _watch(queue, watch, sender, ends)
            else:
                _listen(queue, sender)
        except KeyboardInterrupt:
            pass
        finally:
            sender.stop()
            queue.close()


@app.command()
def status(folder: Where = HERE) -> None:
    """查看状态 / Say who this machine is, whether it is approved, and what it has not sent."""
    place, device = _device(folder)
    enrolled = device.enrolled
    queue = Queue.open(place.queue)
    try:
        state = str(device.get(f"/v1/devices/{enrolled.device_id}")["state"])
    except Problem as problem:
        state = f"{problem.title} / {problem.title_en}"
    except Unreachable:
        state = "连不上服务 / the service cannot be reached"
    typer.echo(f"服务 / service: {enrolled.server}")
    typer.echo(f"计量站 / station: {enrolled.station}")
    typer.echo(f"设备 / device: {enrolled.name}  {state}")
    typer.echo(f"指纹 / fingerprint: {DeviceKey.open(place.secret).fingerprint}")
    typer.echo(f"未发送 / unsent: {queue.count_unsent()}")
    queue.close()


def _register(line: Line, key: DeviceKey, name: str, token: str) -> dict[str, Any]:
    facts: dict[str, Any] = line.post("/v1/devices", {"name": name, "public_key": key.public_text}, token)
    return facts


def _device(folder: Path) -> tuple[Folder, Device]:
    place = Folder(folder)
    enrolled = place.enrolled()
    if enrolled is None:
        raise CannotRun(
            f"{folder} 还没有启用。请先运行 meisu station enrol。",
            f"{folder} is not enrolled. Run meisu station enrol first.",
        )
    return place, Device(enrolled, DeviceKey.open(place.secret))


@contextmanager
def _told_of_the_disk(queue: Path) -> Iterator[None]:
    """Say in words that the queue cannot be written, as on a full disk."""
    try:
        yield
    except sqlite3.Error as error:
        raise CannotRun(
            f"无法写入 {queue}: {error}。请检查磁盘; 未确认排队的记录请重新提交。",
            f"{queue} cannot be written: {error}. Look at the disk, and give again what was not told as queued.",
        ) from error


def _listen(queue: Queue, sender: Sender) -> None:
    """Take lines until there are no more, then wait until all is sent."""
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            queued = take_line(queue, line)
        except (Malformed, IdReused) as fault:
            code = "malformed" if isinstance(fault, Malformed) else "id-reused"
            _tell({"line": number, "status": "refused", "problem": {"code": code, "detail": str(fault)}})
            continue
        _tell({"line": number, "id": queued.id, "sequence": queued.sequence, "status": "queued"})
        sender.wake()
    rest = threading.Event()
    while queue.count_unsent() or queue.untold():
        sender.wake()
        rest.wait(0.1)


def _watch(queue: Queue, watched: Path, sender: Sender, ends: threading.Event) -> None:
    while not ends.is_set():
        taken = take_files(queue, watched)
        for path, fault in taken:
            _tell(
                {"file": path.name, "status": "refused" if fault else "queued", **({"detail": fault} if fault else {})}
            )
        if taken:
            sender.wake()
        ends.wait(LOOK_S)


_saying = threading.Lock()


def _tell(said: dict[str, Any]) -> None:
    with _saying:
        typer.echo(json.dumps(said, ensure_ascii=False))
        sys.stdout.flush()
