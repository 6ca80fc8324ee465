"""What of a load was refused, or came back, after its buyer had it: reckoned anew when more is told of the time before (W10)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from service.actions.weighings.desk import Desk, Stirred
from service.actions.weighings.retelling import retell_sent_back
from service.db import Connection
from service.domain.ledger import AccountKey
from service.domain.policies import Policies
from service.domain.weighings.legs import still_there
from service.store import lots
from service.store.accounts import find_accounts
from service.store.ledger import Memory, Signer, lock_head

ROUNDS = 16
"""What is told of one lot may stir the lot before it; no chain of sales out of stock is as long as this."""


async def write(connection: Connection, desk: Desk, *, sign: Signer, memory: Memory | None = None) -> set[UUID]:
    """Write what has come of a desk, and reckon anew what was sent back out of the lots that it has stirred.

    Gives the movements that took kilograms beyond a quota.
    """
    over = await desk.write(connection, sign=sign, memory=memory)
    if desk.stirred:
        await reckon_sent_back(connection, desk.stirred, at=desk.at, sign=sign, policies=desk.policies)
    return over


async def reckon_sent_back(
    connection: Connection,
    stirred: Mapping[int | AccountKey, Stirred],
    *,
    at: datetime,
    sign: Signer,
    policies: Policies,
) -> None:
    """Cut of what was sent back out of lots what was in stock there at that time, as the book has it now.

    1. Lock the head, so that all who tell of one lot do this one after the other, each seeing what those before it wrote.
    2. See which loads something was refused of, or came back, since kilograms of their lots come or go otherwise.
    3. Of those, where another part was in stock than was cut, the tickets are told anew.
    4. That may stir other lots: those from which such a load had been sold.
    """
    await lock_head(connection, at=at)
    for _ in range(ROUNDS):
        keys = await find_accounts(connection, [key for key in stirred if isinstance(key, AccountKey)])
        causes: dict[int, Stirred] = {}
        for key, cause in stirred.items():  # a lot may stand there twice: by its number, and by what it is
            account = keys.get(key) if isinstance(key, AccountKey) else key
            if account is not None and (account not in causes or cause.since < causes[account].since):
                causes[account] = cause
        found = await lots.sent_back(connection, {account: cause.since for account, cause in causes.items()})
        beside = await lots.stock_beside(connection, {load.ticket_id: load.at for load in found}) if found else {}
        wrong = [
            load.ticket_id
            for load in found
            if load.back_kg - still_there(load.back_kg, load.in_kg, beside[load.ticket_id]) != load.anew_kg
        ]
        if not wrong:
            return
        desk = Desk(at, policies)
        await desk.open(connection, wrong)
        because_of = next((cause.because_of for cause in causes.values() if cause.because_of), None)
        for ticket_id in wrong:
            retell_sent_back(desk, ticket_id, because_of)
        await desk.write(connection, sign=sign)
        stirred = desk.stirred
