"""All that a batch of records, or one deed, has changed, written; what of it moves kilograms is posted last."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

from service.actions.quotas import watch_commitments
from service.actions.weighings.desk import Desk, note_earliest
from service.actions.weighings.drawing import redraw
from service.actions.weighings.posting import Done, Move, Step
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.ledger import AccountKind
from service.domain.weighings import Terms
from service.store import ticket_acts, weighings
from service.store.ledger import Writing, count_sent_back


async def write_changes(
    connection: Connection, desk: Desk, post: Callable[[Sequence[Step], Writing | None], Awaitable[Done]]
) -> set[UUID]:
    """Write all that has changed, and have the steps posted; gives the movements that took kilograms beyond a quota.

    The records themselves are left to `post`, which may write them and the legs in one exchange with the database; unless
    versions, deeds or signatures refer to them, which have to be written in between.
    """
    at = desk.at
    if desk.disturbed:
        await redraw(connection, desk)
    for lot in await desk.returns.keep(connection):
        note_earliest(desk.stirred, lot.because_of, lot.account, lot.since)
    contracts = [desk.terms[contract_id] for contract_id in desk.changed_terms]
    _settle_contracts(desk, contracts)
    await weighings.keep_refused(connection, desk.refused, at=at)
    writing = weighings.writing_of(desk.lines, desk.moved, contracts, desk.books_used, at=at)
    acted = desk.moved.keys() & desk.deeds.keys()
    has_more = bool(acted or desk.deed_versions or desk.versions or desk.signed)
    if has_more:
        await writing.write(connection)
        for ticket_id in acted:
            await ticket_acts.advance(connection, ticket_id, desk.moved[ticket_id])
        await ticket_acts.keep_versions(connection, desk.deed_versions, at=at)
        await weighings.keep_versions(connection, desk.versions, at=at)
        await weighings.keep_signatures(connection, list(desk.signed.values()))
    done = await post(desk.steps, None if has_more else writing)
    if desk.sends_back:
        await count_sent_back(connection)
    if done.sent_back != desk.sent_back and done.sent_back is not None:
        _stir_all(desk)
    await desk.watch.tell(connection, at=at)
    await watch_commitments(connection, desk.commitments, desk.policies, at=at)
    return {movement_id for movement_id in desk.charged if done.over_kg.get(movement_id)}


def _settle_contracts(desk: Desk, contracts: Iterable[Terms]) -> None:
    """Settle what the batch as a whole has put right: a contract that no longer ships too much (W08)."""
    for terms in contracts:
        if terms.id in desk.overshipped and terms.shipped_kg <= terms.kg:
            desk.watch.settle((Flag.CONTRACT_OVERSHIPPED, "contract", str(terms.id)))


def _stir_all(desk: Desk) -> None:
    """Look at every lot that the batch has moved: while it was judged, another process has sent something back."""
    for step in desk.steps:
        if isinstance(step, Move):
            for end in (step.leg.source, step.leg.target):
                if isinstance(end, int) or end.kind is AccountKind.LOT:
                    note_earliest(desk.stirred, step.act, end, step.occurred_at)
    for because_of, lots in desk.calm.items():
        for account, since in lots.items():
            note_earliest(desk.stirred, because_of, account, since)
