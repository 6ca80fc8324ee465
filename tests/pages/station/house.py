"""A service that can be killed, a line to it that can break, and a province in which two hundred trucks may leave."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from service.domain.units import SHANGHAI
from service.embedded import Endpoints
from tests import cast

WEIGHINGS = b"POST /v1/weighings"
OTHER_PAGES = """
import sys
from pathlib import Path
from service.__main__ import main
from service.routes.pages import station
station.STATIC = Path(sys.argv.pop(1))
main()
"""


class Relay:
    """The line between the stations and the service: it keeps its address whatever becomes of the service behind it."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.target: int | None = None
        self.trap: Callable[[], None] | None = None
        """Done instead of passing on the next answer about weighings, which is lost."""
        self.sprung = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target or 9), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        watched = threading.Event()
        threading.Thread(target=self._pass, args=(client, server, watched, True), daemon=True).start()
        self._pass(server, client, watched, False)

    def _pass(self, source: socket.socket, target: socket.socket, watched: threading.Event, asks: bool) -> None:
        try:
            while data := source.recv(65536):
                if asks and WEIGHINGS in data:
                    watched.set()
                elif not asks and watched.is_set() and (trap := self.trap):
                    self.trap = None
                    trap()
                    self.sprung += 1
                    break
                target.sendall(data)
        except OSError:
            pass
        for side in (source, target):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)  # the other thread waits in it, and closing would not tell it
            side.close()


class House:
    """The service in a process of its own, over servers that outlive it."""

    def __init__(self, endpoints: Endpoints, data: Path) -> None:
        self.endpoints = endpoints
        self.relay = Relay()
        self.url = self.relay.url
        self._data = data
        self._process: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[str]] = []
        self._port: int | None = None
        self._tokens: dict[cast.Person, str] = {}

    def start(self, *, connected: bool = True) -> None:
        """Start the service, and wait until it answers; unconnected, nobody reaches it before `connect`."""
        self._process, self._port = self._serve(self._data, ["-m", "service"])
        if connected:
            self.connect()

    def next_version(self, folder: Path, pages: Path) -> Callable[[], None]:
        """Start the service beside this one, with other pages for stations; gives what puts it in this one's place."""
        folder.mkdir(mode=0o711)
        (folder / "keys").symlink_to(self._data / "keys")
        process, port = self._serve(folder, ["-c", OTHER_PAGES, str(pages)])

        def take_over() -> None:
            self.kill()
            self._process, self._port = process, port
            self.connect()

        return take_over

    def _serve(self, data: Path, begun: list[str]) -> "tuple[subprocess.Popen[str], int]":
        environment = {
            **os.environ,
            "DATABASE_URL": self.endpoints.database_url,
            "MEISU_OWNER_DATABASE_URL": self.endpoints.owner_database_url,
            "REDIS_URL": self.endpoints.redis_url,
            "MEISU_PUBLIC_URL": self.url,
            "MEISU_POOL_SIZE": "4",
        }
        command = [sys.executable, *begun, "serve", "--port", "0", "--data", str(data)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self._started.append(process)
        assert process.stdout
        address = next((found for line in process.stdout if (found := re.search(r"http://\S+:(\d+)", line))), None)
        assert address, "the service has started"
        return process, int(address[1])

    def connect(self) -> None:
        """Let the line lead to the service."""
        self.relay.target = self._port

    def lose_next_answer(self, then: Callable[[], None]) -> Callable[[], bool]:
        """When the service has written records and is about to say so, do something else; says whether it was done."""
        before = self.relay.sprung
        self.relay.trap = then
        return lambda: self.relay.sprung > before

    def kill(self) -> None:
        """End the service as a power cut does."""
        self.relay.target = None
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._process = None

    def close(self) -> None:
        """End everything."""
        self.kill()
        for process in self._started:
            process.kill()
            process.wait()
        self.relay.close()

    def ask(self, person: cast.Person, method: str, path: str, body: object = None) -> Any:
        """What the service answers to somebody of the cast; it must not refuse."""
        if person not in self._tokens:
            form = {"grant_type": "password", "username": person.username, "password": cast.PASSWORD}
            given = httpx.post(f"{self.url}/v1/token", data=form, timeout=30)
            assert given.is_success, given.text
            self._tokens[person] = given.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._tokens[person]}"}
        answer = httpx.request(method, self.url + path, json=body, headers=headers, timeout=60)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def post(self, person: cast.Person, path: str, body: object) -> Any:
        """Post something as somebody."""
        return self.ask(person, "POST", path, body)

    def get(self, person: cast.Person, path: str) -> Any:
        """Read something as somebody."""
        return self.ask(person, "GET", path)

    def approve_all(self) -> None:
        """The county approves every device that waits."""
        for device in self.get(cast.LI, "/v1/devices?limit=500")["items"]:
            if device["state"] == "asked":
                self.post(cast.LI, f"/v1/devices/{device['id']}/approve", {})


def open_trade(house: House) -> str:
    """Quota comes down to the mine, and a contract is filed; gives its id."""
    now = datetime.now(SHANGHAI)

    def allot(year: int, source: str | None, to: dict[str, str], kg: int, **more: object) -> None:
        body = {"kind": "total", "from": source, "to": to, "kg": kg, "issued_on": now.date().isoformat(), **more}
        paper = f"鞍镁办{uuid4().hex[:6]}号"
        person = cast.ANSHAN if source in ("210300", "210381") else cast.PROVINCE
        house.post(person, "/v1/allotments", {"year": year, "document_no": paper, "issue": True, **body})

    for year in _years(now):
        allot(year, None, {"jurisdiction": "210000"}, 900_000_000)
        allot(year, "210000", {"jurisdiction": "210300"}, 600_000_000)
        allot(year, "210300", {"jurisdiction": "210381"}, 400_000_000)
        quarter = (now.month + 2) // 3 if year == now.year else 1
        allot(year, "210381", {"mine_id": str(cast.PAIZHAI_MINE)}, 100_000_000, kind="base", quarter=quarter)
    terms = {
        "number": "HT-2026-001",
        "seller_id": str(cast.PAIZHAI.id),
        "buyer_id": str(cast.PLANT_TWO.id),
        "signed_on": now.date().isoformat(),
        "valid_until": f"{now.year + 1}-12-31",
        "kg": 90_000_000,
        "grade": "LM46",
        "mine_id": str(cast.PAIZHAI_MINE),
    }
    filed = [house.post(clerk, "/v1/contracts", terms) for clerk in (cast.PAIZHAI_CLERK, cast.PLANT_CLERK)]
    return str(filed[-1]["id"])


def _years(now: datetime) -> list[int]:
    """The years in which these stations weigh: stations go by the wall's clock, and the year may end while they do."""
    return sorted({now.year, (now + timedelta(hours=1)).year})


def let_out(house: House) -> tuple[int, int]:
    """What has left the mine, in kilograms, whichever year's quota it is charged to: lawfully, and without a paper."""
    years = _years(datetime.now(SHANGHAI) - timedelta(hours=1))
    path = f"/v1/mines/{cast.PAIZHAI_MINE}/quota"
    quotas = [house.get(cast.LI, f"{path}?year={year}") for year in years]
    return sum(one["out_kg"] for one in quotas), sum(one["suspense_kg"] for one in quotas)


def issue(house: House, contract: str, number: int, first_plate: int = 10_000) -> list[dict[str, Any]]:
    """So many tickets from the mine to the plant, each for a truck of its own."""
    now = datetime.now(UTC)
    wishes = [
        {
            "contract_id": contract,
            "plate": f"辽C{first_plate + turn}",
            "planned_kg": 31_000,
            "grade": "LM46",
            "source_station_id": str(cast.BRIDGE_7),
            "destination_station_id": str(cast.PLANT_TWO_GATE),
            "valid_from": (now - timedelta(hours=1)).isoformat(),
            "valid_until": (now + timedelta(days=2)).isoformat(),
        }
        for turn in range(number)
    ]
    results = house.post(cast.PAIZHAI_CLERK, "/v1/tickets", wishes)["results"]
    assert {one["status"] for one in results} == {"issued"}, results
    return [one["ticket"] for one in results]


def wait_until(is_true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that happens elsewhere."""
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
