"""Messages that were committed with a deed and wait to be told to those who watch."""

from service.db import Connection, Record
from service.store.sentences import sentences

SQL = sentences("outbox")


async def take(connection: Connection, most: int) -> list[Record]:
    """The oldest messages, taken out; they are back if the transaction fails. None while another process tells them."""
    if not await connection.fetchval(SQL["lead"]):
        return []
    return await connection.fetch(SQL["take"], most)
