"""What the ledger does for a batch of weighings, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.actions.overdraws import report_overdraws
from service.db import Connection
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms
from service.domain.weighings import Leg
from service.store.accounts import open_accounts
from service.store.ledger import Memory, Posted, Signer, append, give_back
from service.store.lots import open_lots


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Kilograms of a movement that the source's scale has weighed back in."""

    movement_id: UUID
    kg: Kilograms
    occurred_at: datetime
    fact: bytes


@dataclass(frozen=True, slots=True)
class Move:
    """A leg of a record's, before its accounts are known."""

    movement_id: UUID
    act: UUID
    leg: Leg
    occurred_at: datetime
    fact: bytes


async def post_steps(
    connection: Connection,
    steps: Sequence[Move | GiveBack],
    *,
    at: datetime,
    sign: Signer,
    memory: Memory | None = None,
) -> dict[UUID, Kilograms]:
    """Post the steps in order, and report the overdraws that they open and close; what lay beyond, by movement."""
    keys = {account for step in steps if isinstance(step, Move) for account in (step.leg.source, step.leg.target)}
    wanted = {key for key in keys if isinstance(key, AccountKey)}
    lots = {key for key in wanted if key.kind is AccountKind.LOT}
    accounts = await open_accounts(connection, wanted - lots) if wanted - lots else {}
    if lots:
        accounts |= {key: account for key, (_, account) in (await open_lots(connection, lots, at)).items()}

    if any(isinstance(step, GiveBack) for step in steps):
        memory = None  # it is for who posts once
    over_kg: dict[UUID, Kilograms] = {}
    waiting: list[Movement] = []

    async def keep(posted: Posted) -> None:
        over_kg.update(posted.over_kg)
        await report_overdraws(connection, posted, at=at)

    async def flush() -> None:
        if waiting:
            await keep(await append(connection, waiting, at=at, sign=sign, memory=memory))
            waiting.clear()

    for step in steps:
        if isinstance(step, Move):
            source, target = (
                accounts[account] if isinstance(account, AccountKey) else account
                for account in (step.leg.source, step.leg.target)
            )
            waiting.append(
                Movement(step.movement_id, step.act, source, target, step.leg.kg, step.occurred_at, step.fact)
            )
        else:
            await flush()
            posted = await give_back(
                connection,
                step.movement_id,
                step.kg,
                occurred_at=step.occurred_at,
                fact=step.fact,
                at=at,
                sign=sign,
            )
            await keep(posted)
    await flush()
    return over_kg
