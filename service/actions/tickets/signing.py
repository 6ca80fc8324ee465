"""The key that signs a ticket's code, and who may take it from the hands of those that sign (W03)."""

from service.db import Connection
from service.keys import Key, KeyRing, Purpose
from service.store import ticket_acts


async def hold_key(connection: Connection, *, keys: KeyRing) -> Key:
    """The key that signs tickets: nobody retires it before this transaction ends. Taken before any ticket is locked."""
    await ticket_acts.hold_keys(connection)
    return keys.current(Purpose.TICKETS)
