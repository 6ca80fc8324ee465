"""Rows in PostgreSQL's binary COPY format, and lists as array literals: both cost a fraction of the driver's own arrays."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.db import Connection

# Each row begins with the number of its fields (two bytes), each field with its length (four); -1 is null.
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


async def copy_into(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[bytes]) -> None:
    """Write rows whose fields are those of the columns, in their order."""
    if not rows:
        return

    # Handed over as a stream: a file would be read in another thread.
    async def stream() -> AsyncIterator[bytes]:
        yield b"".join((_HEAD, *rows, _TAIL))

    await connection.copy_to_table(table, source=stream(), columns=columns, format="binary")


def microseconds(at: datetime) -> int:
    """An instant as PostgreSQL counts it: since 2000."""
    return (at - _EPOCH) // _MICROSECOND


def text_field(text: str | None) -> bytes:
    """A text, or null."""
    if text is None:
        return _NULL
    written = text.encode()
    return len(written).to_bytes(4) + written


def uuid_field(uuid: UUID | None) -> bytes:
    """A uuid, or null."""
    return _NULL if uuid is None else b"\0\0\0\x10" + uuid.bytes


def array_of(values: Iterable[object]) -> str:
    """A list as an array literal; for numbers, times, ids and our own words, which need no quotes."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"
