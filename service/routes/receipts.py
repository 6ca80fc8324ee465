"""Receipts: what the service signs for whoever has filed, so that it cannot deny the filing."""

from collections.abc import Sequence

from starlette.datastructures import State

from service.db import Connection
from service.domain import evidence
from service.keys import KeyRing, Purpose
from service.store import evidence as log


async def sign_receipts(state: State, connection: Connection, hashes: Sequence[str]) -> list[str]:
    """For each hash of what was filed, a signed note that it is on record, and how far the log has come by now."""
    keys: KeyRing = state.keys
    key = keys.current(Purpose.RECEIPTS)
    found = await log.find_checkpoint(connection)
    size, root = (found.size, found.root) if found else (0, evidence.EMPTY_ROOT)
    at = state.clock.now()
    bodies = [evidence.receipt_body(bytes.fromhex(each), size, root, at) for each in hashes]
    return [evidence.signed_note(body, key.public, key.sign(body), evidence.RECEIPTS) for body in bodies]
