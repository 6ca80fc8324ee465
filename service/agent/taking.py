"""What the station's own software gives: lines of JSON, or files of such lines in a folder that is watched."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.agent.queue import IdReused, Queue, Queued
from service.faults import fault
from service.routes.records import RecordIn

SUFFIXES = (".json", ".jsonl", ".ndjson")
DONE, WRONG = "done", "wrong"
NOBODY = "00000000-0000-0000-0000-000000000000"


class Malformed(Exception):
    """A line that is no record, with what is wrong with it."""


def read_record(line: str) -> dict[str, Any]:
    """A record as the other software gives it: as in the API, without `sequence`, with or without `id`.

    Held against the very fields that the service asks for, so that nothing is queued that would be sent in vain. Raises
    Malformed.
    """
    try:
        record = json.loads(line)
    except ValueError as error:
        raise Malformed(f"不是 JSON / no JSON: {error}") from error
    if not isinstance(record, dict):
        raise Malformed("须为 JSON 对象 / must be a JSON object")
    if "sequence" in record:
        raise Malformed("不要给 sequence, 序号由代理编 / leave out sequence, the agent counts")
    try:
        RecordIn.model_validate_json(json.dumps({"id": NOBODY, **record, "sequence": 0}))
    except ValidationError as error:
        faults = [fault(one["loc"], one["type"], one["msg"]) for one in error.errors(include_url=False)]
        raise Malformed("; ".join(f"{one['pointer']}: {one['detail']}" for one in faults)) from error
    return record


def take_line(queue: Queue, line: str) -> Queued:
    """Queue one line; raises Malformed or IdReused."""
    return queue.keep([read_record(line)])[0]


def take_files(queue: Queue, watched: Path) -> list[tuple[Path, str | None]]:
    """Queue the files that lie in a watched folder, oldest name first, each whole or not at all.

    A file that was taken goes to `done`, one with a wrong line to `wrong` with a text beside it; gives both, with what
    was wrong. A name that begins with a dot, or has another suffix, is still being written.
    """
    seen: list[tuple[Path, str | None]] = []
    for path in sorted(watched.iterdir()):
        if path.suffix not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        body = path.read_bytes()
        try:
            queue.keep(_records(body), (path.name, body))
        except (Malformed, IdReused) as error:
            told = str(error) if isinstance(error, Malformed) else f"id 已用于另一条记录 / id reused: {error}"
            _aside(path, WRONG).with_suffix(".txt").write_text(told + "\n", encoding="utf-8")
            seen.append((path, told))
        else:
            _aside(path, DONE)
            seen.append((path, None))
    return seen


def _records(body: bytes) -> list[Mapping[str, Any]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"不是 UTF-8 / not UTF-8: {error}") from error
    return list(_numbered(text.splitlines()))


def _numbered(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield read_record(line)
            except Malformed as error:
                raise Malformed(f"第 {number} 行 / line {number}: {error}") from error


def _aside(path: Path, where: str) -> Path:
    """Move a file out of the way, beside an older one of its name rather than over it."""
    folder = path.parent / where
    folder.mkdir(exist_ok=True)
    target, turn = folder / path.name, 1
    while target.exists():
        turn += 1
        target = folder / f"{path.stem}-{turn}{path.suffix}"
    return path.rename(target)
