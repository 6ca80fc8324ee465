"""A whole batch of weighings in one transaction, the same however the stream is cut."""

from collections.abc import Sequence
from datetime import datetime

from service.actions.quotas import watch_commitments
from service.actions.weighings.desk import Desk
from service.actions.weighings.posting import post_steps
from service.actions.weighings.sent import Sent, Weighed
from service.db import Connection
from service.domain.policies import DEFAULTS, Policies
from service.store import alerts, weighings
from service.store.ledger import Memory, Signer


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
    2. Read what was told before and what the rules ask, in one query; contracts are locked here, after the tickets.
    3. Judge each record in order; what one changes the next one sees.
    4. Write the records and what they changed; last, post their legs under the head's lock.
    5. Complete the flags by what the posting found, and open the alerts.
    """
    desk = Desk(at, policies)
    await desk.lock(connection, sent)
    await desk.read(connection, sent, memory)

    answers = [desk.judge(one) for one in sent]

    await weighings.write(connection, desk.lines, desk.moved, desk.shipped, desk.books_used, at=at)
    await weighings.keep_signatures(connection, list(desk.signed.values()))
    await weighings.keep_refused(connection, desk.refused, at=at)
    over_kg = await post_steps(connection, desk.steps, at=at, sign=sign, memory=memory)
    for told, movement_ids in desk.charged:
        told.is_over = any(over_kg.get(movement_id) for movement_id in movement_ids)
    # Opened first: what one record of the batch told amiss another may have put right.
    await alerts.open_alerts(connection, desk.alerts, at=at)
    await alerts.settle_alerts(connection, desk.settled, at=at)
    for year, mines in desk.overshipped.items():
        await watch_commitments(connection, mines, year, policies, at=at)
    return [answer() for answer in answers]
