"""A whole batch of weighings in one transaction, the same however the stream is cut."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from service.actions.weighings.desk import Desk
from service.actions.weighings.reckoning import write
from service.actions.weighings.sent import Sent, Weighed
from service.db import Connection
from service.domain.policies import DEFAULTS, Policies
from service.store import ledger, weighings
from service.store.ledger import Memory, Signer

PIECE = 8  # records: half a millisecond


async def weigh_all(
    connection: Connection,
    sent: Sequence[Sent],
    *,
    at: datetime,
    sign: Signer,
    policies: Policies = DEFAULTS,
    memory: Memory | None = None,
) -> list[Weighed]:
    """Keep what the scales said, judge it record by record, and post what moved.

    1. Lock the stations, then the tickets.
    2. See what was told before, and read what the rules ask, at once; contracts are locked here, after the tickets.
    3. Judge each record in order; what one changes the next one sees.
    4. Write the records and what they changed; last, post their legs under the head's lock.
    5. Complete the flags by what the posting found, and open the alerts.
    """
    desk = Desk(at, policies)
    await desk.lock(connection, sent)
    await desk.read(connection, sent, memory)

    answers = []
    for place, one in enumerate(sent, 1):
        answers.append(desk.judge(one))
        if not place % PIECE:
            await asyncio.sleep(0)  # who has only one record does not wait until all of these are judged
    over = await write(connection, desk, sign=sign, memory=memory)
    named = {movement_id for answer in answers for movement_id in answer.said.movement_ids}
    over |= await weighings.find_over(connection, named - desk.posted)
    return [answer(over) for answer in answers]


async def rehearse(connection: Connection, *, at: datetime, sign: Signer) -> None:
    """Have the sentences of a batch planned, without a record."""
    await weigh_all(connection, [], at=at, sign=sign)
    await ledger.rehearse(connection, weighings.writing_of([], {}, [], {}, at=at), at=at)
