"""Acts that change what stands: it is struck, given back, clawed back or replaced, and what belongs to it is posted."""

from collections.abc import Sequence
from datetime import datetime

from service.db import Connection
from service.domain.books import Row
from service.domain.changes import Act, Change, posted_by, struck_by
from service.domain.ledger import Part
from service.domain.overdraws import Cause
from service.store.ledger.balances import read_books
from service.store.ledger.heads import Head, Signer, lock_head
from service.store.ledger.posting import Posted, seal_rows, write_rows
from service.store.sentences import sentences

SQL = sentences("ledger")


class Revision:
    """One act that is still open: what it changes next may depend on the book with what it has changed so far.

    Only its own transaction sees the book in between; episodes are measured and the checkpoint is signed when it is sealed.
    """

    def __init__(self, *, at: datetime, sign: Signer) -> None:
        self.head: Head | None = None  # locked with the first changes
        self.rows: list[Row] = []
        self._causes: list[Cause | None] = []
        self._leaves: list[bytes] = []
        self._at = at
        self._sign = sign

    async def make(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Make changes in order, each seeing what those before it have left.

        Raises NothingToVoid, TooMuchTakenBack, NotReplaceable, ConversionIsWhole.
        """
        if self.head is None:
            self.head = await lock_head(connection, at=self._at)
        struck = [movement for change in changes for movement in struck_by(change)]
        parts = [Part(**row) for row in await connection.fetch(SQL["live_parts"], struck)]
        posted = [movement for change in changes if (movement := posted_by(change))]
        accounts = {account for part in parts for account in (part.source, part.target)}
        accounts |= {account for movement in posted for account in (movement.source, movement.target)}
        found = await read_books(connection, accounts)
        act = Act(self.head.act + 1, found, parts)
        for change in changes:
            act.make(change)
        self._leaves += await write_rows(connection, self.head.seq + len(self.rows), found, act.rows)
        self.rows += act.rows
        self._causes += act.causes

    async def seal(self, connection: Connection) -> Posted | None:
        """End the act; None where nothing was changed."""
        if self.head is None or not self.rows:
            return None
        return await seal_rows(connection, self.head, self.rows, self._leaves, sign=self._sign, causes=self._causes)


async def revise(connection: Connection, changes: Sequence[Change], *, at: datetime, sign: Signer) -> Posted:
    """Make changes in order as one act; raises NothingToVoid, TooMuchTakenBack, NotReplaceable, ConversionIsWhole."""
    revision = Revision(at=at, sign=sign)
    await revision.make(connection, changes)
    posted = await revision.seal(connection)
    assert posted is not None, "a change writes rows"
    return posted
