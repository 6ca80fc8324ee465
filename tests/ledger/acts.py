"""Random histories of the ledger: acts of every sort between a small cast of accounts."""

import random
from datetime import timedelta
from uuid import UUID

from service.db import Connection
from service.domain.changes import ClawBack, GiveBack, Replace, Void
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.refusals import Refusal
from service.domain.units import Kilograms
from service.store import ledger
from tests.ledger.books import KEY, MORNING, account, movement

ISSUE = AccountKey(AccountKind.ISSUE, jurisdiction="210000", year=2026)
COUNTY = AccountKey(AccountKind.POOL, jurisdiction="210381", year=2026)
PAIZHAI, GUANMENSHAN = account(AccountKind.QUOTA, 1), account(AccountKind.QUOTA, 2)
SUSPENSE = account(AccountKind.SUSPENSE, 1)
LOTS = [account(AccountKind.LOT, number) for number in range(4)]
CONSUMED = account(AccountKind.CONSUMED, 1)

CAST = [ISSUE, COUNTY, PAIZHAI, GUANMENSHAN, SUSPENSE, *LOTS, CONSUMED]


async def history(connection: Connection, rnd: random.Random, ids: list[int], acts: int) -> list[int]:
    """Random acts of every sort between the accounts; gives the last seq of each act."""
    issue, county, paizhai, guanmenshan, suspense, *lots, consumed = ids
    sizes, posted = [], []

    def draw(number: int) -> Movement:
        kinds_of_trade = [
            (county, paizhai),
            (county, guanmenshan),
            (suspense, rnd.choice(lots)),
            (rnd.choice(lots), consumed),
            *[(quota, rnd.choice(lots)) for quota in (paizhai, guanmenshan)] * 3,
            *[tuple(rnd.sample(lots, 2))] * 6,
        ]
        source, target = rnd.choice(kinds_of_trade)
        posted.append(UUID(int=number))
        return movement(number, source, target, rnd.randint(1, 9))

    first = await ledger.append(connection, [movement(1, issue, county, 1000)], at=MORNING, sign=KEY)
    sizes.append(first.size)
    for number in range(2, acts):
        how = rnd.random()
        common = {"at": MORNING + timedelta(seconds=number), "sign": KEY}
        why = (MORNING, bytes(32))
        try:
            if how < 0.6 or not posted:
                batch = [draw(number * 100 + n) for n in range(rnd.randint(1, 4))]
                done = await ledger.append(connection, batch, **common)
            elif how < 0.75:
                done = await ledger.revise(connection, [Void([rnd.choice(posted)], *why)], **common)
            elif how < 0.82:
                back = GiveBack(rnd.choice(posted), Kilograms(rnd.randint(1, 4)), *why)
                done = await ledger.revise(connection, [back], **common)
            elif how < 0.9:
                claw = ClawBack(rnd.choice(posted), Kilograms(rnd.randint(1, 4)), *why)
                done = await ledger.revise(connection, [claw], **common)
            else:
                old = rnd.choice(posted)
                target = await connection.fetchval("SELECT target FROM leg WHERE movement = $1", old)
                source = rnd.choice([each for each in (paizhai, *lots) if each != target])
                new = movement(number * 100, source, target, rnd.randint(1, 9))
                done = await ledger.revise(connection, [Replace(old, new)], **common)
                posted.append(new.id)
        except Refusal:
            continue
        sizes.append(done.size)
    return sizes
