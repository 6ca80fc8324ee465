"""The overdraw episodes that acts open, move and close (O02)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection
from service.domain.ledger import AccountKind
from service.domain.overdraws import Cause, Change, Overdraw, episodes
from service.store.sentences import sentences

SQL = sentences("ledger")
_CAUSES = {AccountKind.LOT: Cause.SLIP, AccountKind.QUOTA: Cause.OPENING}
FIELDS = [field.name for field in fields(Overdraw)]


@dataclass(frozen=True, slots=True)
class DebtChange:
    """What one row did to an account's debt, on the way to a target.

    Without a cause, the target's kind tells it: what goes into a lot is a slip, into a quota the closing of a year, all else a
    load.
    """

    account: int
    act: int
    seq: int
    movement: UUID
    debt_kg: int
    target: int
    occurred_at: datetime
    cause: Cause | None = None


async def keep_episodes(
    connection: Connection, debts: Sequence[DebtChange], *, recorded_at: datetime
) -> list[Overdraw]:
    """Open, move and close the episodes of the quota accounts whose debt has changed; gives those that did."""
    debts = [debt for debt in debts if debt.debt_kg]
    if not debts:
        return []
    accounts = {account for debt in debts for account in (debt.account, debt.target)}
    rows = await connection.fetch(SQL["open_overdraws"], sorted(accounts))
    kinds = {row["account_id"]: AccountKind(row["kind"]) for row in rows}
    found = {
        row["account"]: Overdraw(**{name: row[name] for name in FIELDS} | {"cause": Cause(row["cause"])})
        for row in rows
        if row["id"]
    }
    changes = [
        Change(
            account=debt.account,
            act=debt.act,
            seq=debt.seq,
            movement=debt.movement,
            debt_kg=debt.debt_kg,
            cause=debt.cause or _CAUSES.get(kinds[debt.target], Cause.LOAD),
            occurred_at=debt.occurred_at,
        )
        for debt in debts
        if kinds[debt.account] is AccountKind.QUOTA
    ]
    touched = [
        replace(episode, id=episode.id or uuid7()) for episode in episodes(found, changes, recorded_at=recorded_at)
    ]
    if touched:
        columns = ([getattr(episode, name) for episode in touched] for name in FIELDS)
        owed = found.keys() & {episode.account for episode in touched}
        more = sum(episode.is_open for episode in touched) - len(owed)
        await connection.execute(SQL["keep_overdraws"], *columns, more)
    return touched
