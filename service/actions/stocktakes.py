"""What a count of a lot changes: nothing, until an office approves the difference (E31)."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.weighings import end_act, reckon_sent_back
from service.db import Connection
from service.domain import stocktakes
from service.domain.investigations import check_free
from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound
from service.domain.stocktakes import Stocktake, StocktakeState
from service.domain.units import Kilograms, shanghai_day, told_of
from service.store import audits, investigations, ledger, lots
from service.store import stocktakes as store
from service.store.accounts import open_accounts
from service.store.ledger import Signer


async def file_stocktake(connection: Connection, stocktake: Stocktake, *, at: datetime, actor: Actor) -> UUID:
    """File what was counted of an own lot; the book stays as it is until the office decides."""
    if actor.enterprise_id is None:
        raise NotFound
    if stocktake.counted_on > shanghai_day(at):
        raise stocktakes.CountInFuture(counted_on=stocktake.counted_on)
    held = await lots.held_by(connection, [stocktake.lot_id], actor.enterprise_id)
    if stocktake.lot_id not in held:
        raise stocktakes.UnknownCounted(lot_id=str(stocktake.lot_id))
    check_free(held, await investigations.held(connection, held, shanghai_day(at)))

    account = held[stocktake.lot_id]
    stocktake_id = uuid7()
    is_new = await store.add_stocktake(
        connection,
        stocktake_id,
        stocktake,
        book_kg=(await ledger.balances(connection, [account]))[account].stock_kg,
        fact=stocktakes.fact_of_stocktake(stocktake, at),
        person_id=actor.person_id,
        at=at,
    )
    if not is_new:
        raise stocktakes.CountWaits(lot_id=str(stocktake.lot_id))
    facts = {"counted_kg": stocktake.counted_kg, "document_no": stocktake.document_no}
    await audits.note(connection, "stocktakes.file", stocktake_id, facts, at=at, actor=actor)
    return stocktake_id


async def decide_stocktake(
    connection: Connection,
    stocktake_id: UUID,
    state: StocktakeState,
    note: str | None,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies = DEFAULTS,
    actor: Actor,
) -> None:
    """Approve or refuse a difference: what was found comes from outside without origin, what is missing is lost (E31).

    The difference is the one that was filed: what has come and gone since is not touched by it.
    """
    counted = None if actor.area is None else await store.lock_stocktake(connection, stocktake_id, actor.area)
    if counted is None:
        raise NotFound
    if counted["state"] != StocktakeState.ASKED:
        raise stocktakes.CountDecided(state=counted["state"])
    difference_kg = counted["counted_kg"] - counted["book_kg"]
    is_posted = state is StocktakeState.APPROVED and difference_kg != 0
    if is_posted:
        lot = counted["account"]
        in_kg = (await ledger.balances(connection, [lot]))[lot].in_kg
        stocktakes.check_cap(counted["adjusted_kg"], difference_kg, in_kg, policies.stocktake_cap_share)

    movement_id = uuid7() if is_posted else None
    if movement_id:
        kind = AccountKind.GAINED if difference_kg > 0 else AccountKind.LOST
        beyond = AccountKey(kind, owner_id=counted["holder_id"], year=counted["year"])
        other = (await open_accounts(connection, [beyond]))[beyond]
        source, target = (other, lot) if difference_kg > 0 else (lot, other)
        movement = Movement(
            movement_id,
            movement_id,
            source,
            target,
            Kilograms(abs(difference_kg)),
            told_of(counted["counted_on"], counted["filed_at"]),
            counted["fact"],
        )
        act = ledger.Revision(at=at, sign=sign)
        await act.make(connection, [movement])
        stirred = {lot: movement.occurred_at}
        await reckon_sent_back(connection, stirred, stocktake_id, act=act, at=at, policies=policies)
        await end_act(connection, act, at=at)
    await store.decide(connection, stocktake_id, state, note, movement_id, at=at, actor=actor)
    facts = {"state": state.value, "difference_kg": difference_kg, "note": note}
    await audits.note(connection, "stocktakes.decide", stocktake_id, facts, at=at, actor=actor)
