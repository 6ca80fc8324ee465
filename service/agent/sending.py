"""Sends what is queued, oldest first, until the service has answered each record; it never changes what it sends.

A record counts as sent only when its answer is kept. If anything breaks before, the same records go again: the service
knows them by their ids, and twice is once (W04).
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from service.agent.folder import Enrolled, Folder, append_line
from service.agent.keys import DeviceKey
from service.agent.line import Line, Problem, Unreachable
from service.agent.queue import Queue, Queued
from service.domain.units import SHANGHAI

MOST_AT_ONCE = 100
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 15.0
HEARTBEAT_S = 60.0
TOKEN_S = 600.0
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
APP_VERSION = "agent 1"
MALFORMED = (413, 422)
NOT_BELIEVED = "device-unknown"
"""Said about whoever signed, not about the load: such a record waits for a device that is believed."""


class Device:
    """An enrolled device at its service."""

    def __init__(self, enrolled: Enrolled, key: DeviceKey) -> None:
        self.enrolled = enrolled
        self._key = key
        self._line = Line(enrolled.server)
        self._token: str | None = None
        self._token_until = 0.0

    def get(self, path: str) -> Any:
        """Read something."""
        return self._signed_in(lambda token: self._line.get(path, token))

    def post(self, path: str, body: object) -> Any:
        """Send something."""
        return self._signed_in(lambda token: self._line.post(path, body, token))

    def jws(self, record: Queued) -> str:
        """A record with its evidence."""
        return self._key.jws(self.enrolled.device_id, record.text)

    def _signed_in(self, deed: Callable[[str], Any]) -> Any:
        try:
            return deed(self._access())
        except Problem as problem:
            if problem.status != 401:
                raise
            self._token = None
            return deed(self._access())

    def _access(self) -> str:
        if self._token is None or time.monotonic() > self._token_until:
            assertion = self._key.assertion(self.enrolled.device_id, int(time.time()))
            self._token = self._line.token(grant_type=GRANT, assertion=assertion)
            self._token_until = time.monotonic() + TOKEN_S
        return self._token


class Sender:
    """Sends in a thread of its own until it is told to stop."""

    def __init__(self, folder: Folder, device: Device, told: Callable[[dict[str, Any]], None]) -> None:
        """`told` hears each answer once it stands in the answers' file, and every change of what keeps us waiting."""
        self._folder = folder
        self._device = device
        self._told = told
        self._wake = threading.Event()
        self._ends = threading.Event()
        self._at_once = MOST_AT_ONCE
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is under way; what is left waits for the next time."""
        self._ends.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        queue = Queue.open(self._folder.queue)
        wait, beaten = FIRST_WAIT_S, -HEARTBEAT_S
        while not self._ends.is_set():
            self._wake.clear()
            try:
                self._tell(queue)
                while (records := queue.unsent(self._at_once)) and not self._ends.is_set():
                    self._send(queue, records)
                if time.monotonic() - beaten >= HEARTBEAT_S:
                    self._beat(queue)
                    beaten = time.monotonic()
                self._say(None)
                wait = FIRST_WAIT_S
                self._wake.wait(HEARTBEAT_S)
            except (Problem, Unreachable, OSError, sqlite3.Error) as trouble:  # the last two: a disk that is full
                self._say(str(trouble))
                asked = trouble.retry_after_s if isinstance(trouble, Problem) else None
                self._ends.wait(asked or wait * random.uniform(0.8, 1.2))  # noqa: S311 spreads load, keeps no secret
                wait = min(2 * wait, LONGEST_WAIT_S)
        queue.close()

    def _send(self, queue: Queue, records: Sequence[Queued]) -> None:
        body = {
            "sent_at": datetime.now(SHANGHAI).isoformat(),
            "records": [{"jws": self._device.jws(one)} for one in records],
        }
        try:
            results = self._device.post("/v1/weighings", body)["results"]
        except Problem as problem:
            if problem.status not in MALFORMED:
                raise
            # One record that the service cannot read must not hold the others back: it is found by halves.
            if len(records) > 1:
                self._at_once = (len(records) + 1) // 2
                return
            told = {"code": problem.code, "title": problem.title, "title_en": problem.title_en}
            results = [{"id": records[0].id, "status": "refused", "flags": [], "problem": told}]
        answers = list(zip(records, results, strict=True))
        queue.answer([(record, answer) for record, answer in answers if not _is_disbelieved(answer)])
        self._at_once = min(2 * self._at_once, MOST_AT_ONCE)
        self._tell(queue)
        for _, answer in answers:
            if _is_disbelieved(answer):
                raise Problem(409, answer["problem"])

    def _tell(self, queue: Queue) -> None:
        """Write the answers' file; after a crash in between, an answer may stand there twice, and never not at all."""
        told = []
        for sequence, answer in queue.untold():
            line = {"sequence": sequence, **answer}
            append_line(self._folder.answers, line)
            self._told(line)
            told.append(sequence)
        if told:
            queue.told(told)

    def _beat(self, queue: Queue) -> None:
        sent_at = datetime.now(SHANGHAI).isoformat()
        body = {"sent_at": sent_at, "unsent": queue.count_unsent(), "app_version": APP_VERSION}
        self._device.post("/v1/heartbeats", body)

    def _say(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._told({"trouble": trouble})


def _is_disbelieved(answer: Mapping[str, Any]) -> bool:
    return (answer.get("problem") or {}).get("code") == NOT_BELIEVED
