"""What of a load was refused, or came back, after its buyer had it: recomputed when an earlier record or deed arrives (W10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby, product
from uuid import UUID

from service.actions.weighings.desk import Desk, Shift, Stirred
from service.actions.weighings.posting import end_act, post_steps, take_steps
from service.actions.weighings.retelling import retell_sent_back
from service.actions.weighings.writing import write_changes
from service.db import Connection
from service.domain.ledger import AccountKey
from service.domain.policies import Policies
from service.domain.weighings.legs import still_there
from service.store import lots
from service.store.accounts import find_accounts
from service.store.ledger import Memory, Revision, Signer, lock_head
from service.store.lots import SentBack

ROUNDS = 16
"""A change of one lot may change the lot before it; no chain of sales out of stock is as long as this."""


async def write(connection: Connection, desk: Desk, *, sign: Signer, memory: Memory | None = None) -> set[UUID]:
    """Write what follows from records that do not reach back; gives the movements that took kilograms beyond a quota.

    Another process may have moved the same lots while they were judged: what it has sent back is recomputed, record by record.
    """
    over = await write_changes(connection, desk, partial(post_steps, connection, at=desk.at, sign=sign, memory=memory))
    if not desk.stirred:
        return over
    await lock_head(connection, at=desk.at)
    if not (await _look(connection, _since(desk.stirred))).wrong:
        return over
    for because_of, stirred in desk.stirred.items():
        act = Revision(at=desk.at, sign=sign)
        await reckon_sent_back(connection, stirred, because_of, act=act, at=desk.at, policies=desk.policies)
        await end_act(connection, act, at=desk.at)
    return over


async def write_as_one_act(connection: Connection, desk: Desk, *, sign: Signer) -> set[UUID]:
    """Write what follows from one record or deed, and recompute what was sent back out of the lots that it has stirred.

    Gives the movements that took kilograms beyond a quota.
    """
    act = Revision(at=desk.at, sign=sign)
    over = await write_changes(connection, desk, partial(take_steps, connection, act=act, at=desk.at))
    for because_of, stirred in desk.stirred.items():
        await reckon_sent_back(connection, stirred, because_of, act=act, at=desk.at, policies=desk.policies)
    await end_act(connection, act, at=desk.at)
    return over


async def reckon_sent_back(
    connection: Connection,
    stirred: Mapping[int | AccountKey, datetime],
    because_of: UUID,
    *,
    act: Revision,
    at: datetime,
    policies: Policies,
) -> None:
    """Recompute, for loads that were sent back out of lots, what was cut: what lay in stock then, by the book with this act so far.

    1. Lock the head, so that all who change one lot do this one after the other, each seeing what those before it wrote.
    2. Find the loads that were refused in part, or came back, after the time from which their lots have changed.
    3. Where another part of a load was in stock than was cut, its ticket is judged anew, as a part of the act.
    4. That may change other lots: those from which such a load had been sold.
    """
    await lock_head(connection, at=at)
    for _ in range(ROUNDS):
        wrong = (await _look(connection, stirred)).wrong
        if not wrong:
            return
        desk = Desk(at, policies, because_of)
        await desk.open(connection, wrong)
        for ticket_id in wrong:
            retell_sent_back(desk, ticket_id)
        await write_changes(connection, desk, partial(take_steps, connection, act=act, at=at))
        stirred = desk.stirred.get(because_of, {})


async def first_that_counts(connection: Connection, desk: Desk) -> UUID | None:
    """The first record of a batch that changes what is to be cut of a load that was sent back; None if none does.

    What other processes post meanwhile is not seen here.
    """
    seen = await _look(connection, _since(desk.stirred))
    for because_of, shifts in groupby(desk.shifts, key=_because_of):
        for shift, load in product(shifts, seen.loads):
            if seen.accounts.get(shift.account) == load.account and shift.at <= load.at:
                seen.beside_kg[load.ticket_id] += shift.kg
        if seen.wrong:
            return because_of
    return None


@dataclass(frozen=True, slots=True)
class _Seen:
    """The accounts of lots, the loads that were sent back out of them since a time, and what lay beside each of these then."""

    accounts: Mapping[int | AccountKey, int]
    loads: list[SentBack]
    beside_kg: dict[UUID, int]

    @property
    def wrong(self) -> list[UUID]:
        """The tickets of loads of which another part was in stock than was cut."""
        return [
            load.ticket_id
            for load in self.loads
            if load.back_kg - still_there(load.back_kg, load.in_kg, self.beside_kg[load.ticket_id]) != load.anew_kg
        ]


async def _look(connection: Connection, stirred: Mapping[int | AccountKey, datetime]) -> _Seen:
    keys = await find_accounts(connection, [key for key in stirred if isinstance(key, AccountKey)])
    accounts: dict[int | AccountKey, int] = {key: key for key in stirred if isinstance(key, int)} | keys
    times: dict[int, datetime] = {}
    for key, account in accounts.items():  # a lot may stand there twice: by its number, and by what it is
        times[account] = min(stirred[key], times.get(account, stirred[key]))
    loads = await lots.sent_back(connection, times)
    beside_kg = await lots.stock_beside(connection, {load.ticket_id: load.at for load in loads}) if loads else {}
    return _Seen(accounts, loads, beside_kg)


def _since(stirred: Stirred) -> dict[int | AccountKey, datetime]:
    """Lots with the earliest time at which any cause has stirred them."""
    times: dict[int | AccountKey, datetime] = {}
    for of_one in stirred.values():
        for key, since in of_one.items():
            times[key] = min(since, times.get(key, since))
    return times


def _because_of(shift: Shift) -> UUID:
    return shift.because_of
