"""What a regulator does about ore that left without a lawful paper (W06)."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from uuid_utils.compat import uuid7

from service.actions.weighings.correcting import take_out
from service.actions.weighings.posting import Move
from service.actions.weighings.reckoning import write_as_one_act
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.ledger import AccountKey, AccountKind
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.weighings import Leg, NothingInSuspense, NotOfAMine, correction_fact
from service.store import audits
from service.store.ledger import Signer
from service.store.weighings import Version


class Settlement(StrEnum):
    """What becomes of kilograms in suspense."""

    QUOTA = "quota"  # charged to the mine's quota: they have its origin
    WRITTEN_OFF = "written-off"  # accepted without an origin


async def settle_suspense(
    connection: Connection,
    weighing_id: UUID,
    settlement: Settlement,
    note: str,
    *,
    at: datetime,
    sign: Signer,
    actor: Actor,
    policies: Policies = DEFAULTS,
) -> None:
    """Charge a weighing's kilograms in suspense to its mine's quota, or write them off; by an office of the area.

    They take the very places of those that came out of suspense, so that what was passed on has the new origin, too.
    Raises NotFound, WeighingIsVoid, NotCorrectable, NothingInSuspense, NotOfAMine.
    """
    desk, line = await take_out(connection, weighing_id, at=at, actor=actor, policies=policies)
    waiting = [
        (flow, key)
        for flow in desk.flows.get(weighing_id, [])
        if isinstance(flow.source, int) and (key := desk.account_keys[flow.source]).kind is AccountKind.SUSPENSE
    ]
    if not waiting:
        raise NothingInSuspense
    ticket = desk.tickets.get(line.ticket_id) if line.ticket_id else None
    mines = {desk.stations[line.told.station_id].mine_id, ticket.mine_id if ticket else None} - {None}
    if settlement is Settlement.QUOTA and any(key.owner_id not in mines for _, key in waiting):
        raise NotOfAMine

    kind = AccountKind.QUOTA if settlement is Settlement.QUOTA else AccountKind.GAINED
    fact = correction_fact(weighing_id, line.told.version + 1, line.record.gross_kg, line.record.tare_kg)
    kept = [flow for flow in desk.flows[weighing_id] if flow not in [flow for flow, _ in waiting]]
    desk.flows[weighing_id] = kept
    for flow, key in waiting:
        leg = Leg(
            AccountKey(kind, owner_id=key.owner_id, year=key.year),
            flow.target,
            flow.kg,
            draws_on_quota=kind is AccountKind.QUOTA,
        )
        desk.post(weighing_id, Move(uuid7(), weighing_id, leg, line.occurred_at, fact, flow.movement_id))
    said = replace(
        line.told.said,
        flags=(*line.told.flags, Flag.SUSPENSE_SETTLED.value),
        movement_ids=tuple(flow.movement_id for flow in desk.flows[weighing_id]),
    )
    desk.versions.append(Version(line, said, line.told.version + 1, None, actor.person_id, note))
    for flag in (Flag.NO_TICKET, Flag.UNKNOWN_TICKET):
        desk.watch.settle((flag, "weighing", str(weighing_id)))
    await write_as_one_act(connection, desk, sign=sign)
    facts = {"as": settlement, "note": note, "kg": sum(flow.kg for flow, _ in waiting)}
    await audits.note(connection, "suspense.settle", weighing_id, facts, at=at, actor=actor)
