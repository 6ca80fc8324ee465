"""What people do to loads that the scales have seen: replayed among their records, now as at every later time (W10, E36)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service.actions.weighings.desk import Desk
from service.actions.weighings.reckoning import write_as_one_act
from service.actions.weighings.retelling import retell_deed
from service.actions.weighings.righting import Correction
from service.db import Connection
from service.domain.permissions import Actor
from service.domain.policies import Policies
from service.domain.weighings import Deed, share
from service.store import ticket_acts
from service.store.ledger import Signer


async def tell_deeds(
    connection: Connection,
    deeds: Sequence[Deed],
    *,
    at: datetime,
    sign: Signer,
    policies: Policies,
    actor: Actor,
) -> None:
    """Record deeds that belong together, and put right what follows for their tickets and contracts; the tickets are locked."""
    desk = Desk(at, policies)
    await desk.open(connection, [deed.act.ticket_id for deed in deeds])
    for deed in deeds:
        desk.deeds.setdefault(deed.act.ticket_id, []).append(deed)
    share(desk.deeds, desk.journeys)
    await desk.read_others(connection)
    act = deeds[0].act
    retell_deed(desk, deeds[0], Correction(act.reason, actor.person_id, at, act.fact, None))
    acts = [replace(deed.act, movement_ids=deed.movement_ids) for deed in deeds]
    await ticket_acts.keep(connection, acts, at=at, actor=actor)
    await write_as_one_act(connection, desk, sign=sign)
