"""A load out of stock that goes to another buyer: the lots of that buyer's proof bear it, not those of the first (R23)."""

from datetime import datetime
from uuid import UUID

from service.actions.weighings.desk import Desk
from service.actions.weighings.reckoning import write_as_one_act
from service.actions.weighings.retelling import retell_corrected
from service.actions.weighings.righting import Correction
from service.db import Connection
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.tickets import Ticket
from service.domain.weighings import Direction, correction_fact
from service.store import weighings
from service.store.ledger import Signer


async def redraw_load(
    connection: Connection,
    ticket: Ticket,
    left_contract_id: UUID,
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    policies: Policies,
    actor: Actor,
) -> None:
    """Tell the scale's record of a load anew under the contract by which its ticket goes now; both are locked.

    What the first contract's lots gave they have again, for the loads that left after it; the record keeps a version with
    the reason.
    """
    desk = Desk(at, policies)
    await desk.open(connection, [ticket.id])
    line = next(line for line in desk.stories[ticket.id] if line.record.direction is Direction.OUT)
    fact = correction_fact(line.told.id, line.told.version + 1, line.record.gross_kg, line.record.tare_kg)
    retell_corrected(desk, line, Correction(reason, actor.person_id, line.occurred_at, fact, line.told.id))
    desk.terms |= await weighings.lock_terms(connection, [left_contract_id])
    desk.disturb(desk.terms[left_contract_id], line)
    await write_as_one_act(connection, desk, sign=sign)
