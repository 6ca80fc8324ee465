"""The agent's queue: records numbered without a gap, kept before anybody is told, until the service has answered (W04)."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

_TABLES = """
CREATE TABLE IF NOT EXISTS record (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  given TEXT NOT NULL,
  text TEXT NOT NULL,
  answer TEXT,
  is_told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS record_unsent ON record (sequence) WHERE answer IS NULL;
CREATE INDEX IF NOT EXISTS record_untold ON record (sequence) WHERE answer IS NOT NULL AND NOT is_told;
CREATE TABLE IF NOT EXISTS file (name TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (name, hash));
CREATE TABLE IF NOT EXISTS counter (next_sequence INTEGER NOT NULL);
"""


class IdReused(Exception):
    """A record's id that stands for another record already."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A record in the queue; its text never changes, so that whatever is sent twice is the same."""

    sequence: int
    id: str
    text: str


class Queue:
    """One connection to the queue; each thread has its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """The queue in a file, made where there is none; whatever is committed is on the disk."""
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLES)
        return cls(connection)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def count_from(self, next_sequence: int) -> None:
        """Go on where the station's numbers go on; never back."""
        with _Writing(self._connection) as write:
            row = write.execute("SELECT next_sequence FROM counter").fetchone()
            write.execute("DELETE FROM counter")
            write.execute("INSERT INTO counter VALUES (?)", (max(row[0] if row else 0, next_sequence),))

    def keep(self, records: Iterable[Mapping[str, Any]], file: tuple[str, bytes] | None = None) -> list[Queued]:
        """Keep records, all or none; with them a file's name, so that a file is never taken twice.

        A record that is here already, to the letter, is given again. Raises IdReused.
        """
        with _Writing(self._connection) as write:
            if file is not None:
                name, body = file
                known = write.execute(
                    "INSERT OR IGNORE INTO file VALUES (?, ?)", (name, sha256(body).hexdigest())
                ).rowcount
                if not known:
                    return []
            return [self._keep(write, record) for record in records]

    def _keep(self, write: sqlite3.Connection, record: Mapping[str, Any]) -> Queued:
        given = json.dumps(record, ensure_ascii=False, sort_keys=True)
        record_id = str(record.get("id") or uuid4())
        known = write.execute("SELECT sequence, text, given FROM record WHERE id = ?", (record_id,)).fetchone()
        if known:
            if known[2] != given:
                raise IdReused(record_id)
            return Queued(known[0], record_id, known[1])

        sequence = write.execute("UPDATE counter SET next_sequence = next_sequence + 1 RETURNING next_sequence - 1")
        number: int = sequence.fetchone()[0]
        text = json.dumps({**record, "id": record_id, "sequence": number}, ensure_ascii=False)
        write.execute(
            "INSERT INTO record (sequence, id, given, text) VALUES (?, ?, ?, ?)", (number, record_id, given, text)
        )
        return Queued(number, record_id, text)

    def unsent(self, at_most: int) -> list[Queued]:
        """The oldest records that the service has not answered."""
        rows = self._connection.execute(
            "SELECT sequence, id, text FROM record WHERE answer IS NULL ORDER BY sequence LIMIT ?", (at_most,)
        )
        return [Queued(*row) for row in rows]

    def count_unsent(self) -> int:
        """How many records the service has not answered."""
        return int(self._connection.execute("SELECT count(*) FROM record WHERE answer IS NULL").fetchone()[0])

    def answer(self, answers: Sequence[tuple[Queued, Mapping[str, Any]]]) -> None:
        """Keep what the service said."""
        with _Writing(self._connection) as write:
            write.executemany(
                "UPDATE record SET answer = ? WHERE sequence = ?",
                [(json.dumps(said, ensure_ascii=False), record.sequence) for record, said in answers],
            )

    def untold(self) -> list[tuple[int, dict[str, Any]]]:
        """Answers that stand in no file yet."""
        rows = self._connection.execute(
            "SELECT sequence, answer FROM record WHERE answer IS NOT NULL AND NOT is_told ORDER BY sequence"
        )
        return [(sequence, json.loads(answer)) for sequence, answer in rows]

    def told(self, sequences: Sequence[int]) -> None:
        """These answers stand in the file."""
        with _Writing(self._connection) as write:
            write.executemany("UPDATE record SET is_told = 1 WHERE sequence = ?", [(one,) for one in sequences])


class _Writing:
    """A transaction that takes the right to write at its beginning."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, *_: object) -> None:
        self._connection.execute("ROLLBACK" if kind else "COMMIT")
