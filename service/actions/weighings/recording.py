"""A whole batch of weighings in one transaction, the same however the stream is cut."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from service.actions.weighings.desk import Desk
from service.actions.weighings.judging import judge
from service.actions.weighings.reckoning import first_that_counts, write, write_as_one_act
from service.actions.weighings.sent import Answer, Sent, Weighed
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
    """Record all of what the scales said, in the connection's transaction: as many batches as `weigh_some` makes of it."""
    weighed: list[Weighed] = []
    left = sent
    while left:
        some = await weigh_some(connection, left, at=at, sign=sign, policies=policies, memory=memory)
        weighed += some
        left, memory = sent[len(weighed) :][: 2 * len(some)], None
    return weighed


async def weigh_some(
    connection: Connection,
    sent: Sequence[Sent],
    *,
    at: datetime,
    sign: Signer,
    policies: Policies = DEFAULTS,
    memory: Memory | None = None,
) -> list[Weighed]:
    """Record what the scales said, judge it record by record, and post what moved: of all records, or of the first of them.

    A record that reaches back (to the lots that other loads draw, or to what was sent back of them) is a batch of its own, and all
    that it changes is one act; the records before it are done first, those after it are left to the caller. So the rows are the
    same however the stream is cut into batches.

    1. Lock the stations, then the tickets.
    2. Read at once what was recorded before and what the rules ask; contracts are locked here, after the tickets.
    3. Judge each record in order; what one changes the next one sees.
    4. Write the records and what they changed, post their legs under the head's lock, and open and settle the alerts.
    5. Complete the answers' flags by what the posting found.
    """
    desk = Desk(at, policies)
    await desk.lock(connection, sent)
    await desk.read(connection, sent, memory)
    answers: list[Answer] = []
    for one in sent:
        answers.append(judge(desk, one))
        if desk.reaches_back:
            break
        if not len(answers) % PIECE:
            await asyncio.sleep(0)  # let small requests go on meanwhile
    before = await _count_before(connection, desk, sent, len(answers))
    if before < len(sent) > 1:  # nothing is written yet
        some = sent[: before or 1]
        return await weigh_some(connection, some, at=at, sign=sign, policies=policies, memory=memory)
    if before < len(sent):
        over = await write_as_one_act(connection, desk, sign=sign)
    else:
        over = await write(connection, desk, sign=sign, memory=memory)
    named = {movement_id for answer in answers for movement_id in answer.said.movement_ids}
    over |= await weighings.find_over(connection, named - desk.posted)
    return [answer(over) for answer in answers]


async def _count_before(connection: Connection, desk: Desk, sent: Sequence[Sent], judged: int) -> int:
    """How many records come before the first one that reaches back; all of them, if none does."""
    if desk.reaches_back:
        return judged - 1
    told_id = await first_that_counts(connection, desk) if desk.stirred else None
    if told_id is None:
        return len(sent)
    return next(place for place, one in enumerate(sent) if one.key in desk.told and desk.told[one.key].id == told_id)


async def rehearse(connection: Connection, *, at: datetime, sign: Signer) -> None:
    """Have the statements of a batch planned, without a record."""
    await weigh_some(connection, [], at=at, sign=sign)
    await ledger.rehearse(connection, weighings.writing_of([], {}, [], {}, at=at), at=at)
