"""What stands is revised: struck, given back, clawed back or replaced, and what belongs to it posted, as one act."""

from collections.abc import Sequence
from datetime import datetime

from service.db import Connection
from service.domain.changes import Act, Change, posted_by, struck_by
from service.domain.ledger import Part
from service.store.ledger.balances import read_books
from service.store.ledger.heads import Signer, lock_head
from service.store.ledger.posting import Posted, write_rows
from service.store.sentences import sentences

SQL = sentences("ledger")


async def revise(connection: Connection, changes: Sequence[Change], *, at: datetime, sign: Signer) -> Posted:
    """Make changes in order as one act: nobody sees the book between them, and no episode is measured there.

    Raises NothingToVoid, TooMuchTakenBack, NotReplaceable, ConversionIsWhole.
    """
    head = await lock_head(connection, at=at)
    struck = [movement for change in changes for movement in struck_by(change)]
    parts = [Part(**row) for row in await connection.fetch(SQL["live_parts"], struck)]
    posted = [movement for change in changes if (movement := posted_by(change))]
    accounts = {account for part in parts for account in (part.source, part.target)}
    accounts |= {account for movement in posted for account in (movement.source, movement.target)}
    found = await read_books(connection, accounts)
    act = Act(head.act + 1, found, parts)
    for change in changes:
        act.make(change)
    return await write_rows(connection, head, found, act.rows, sign=sign, causes=act.causes)
