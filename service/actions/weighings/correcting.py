"""Corrections of what a scale has said: never an edit, always a next version with its reason (W09, E1)."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.actions.weighings.desk import Desk
from service.actions.weighings.reckoning import write_as_one_act
from service.actions.weighings.retelling import retell_corrected, retell_void
from service.actions.weighings.righting import Correction
from service.db import Connection
from service.domain.permissions import Actor
from service.domain.policies import DEFAULTS, Policies
from service.domain.refusals import NotFound
from service.domain.weighings import (
    Line,
    NotCorrectable,
    NothingToCorrect,
    Status,
    WeighingIsVoid,
    correction_fact,
    impossible,
)
from service.store import audits, weighings
from service.store.ledger import Signer


async def correct_weighing(
    connection: Connection,
    weighing_id: UUID,
    gross_kg: int,
    tare_kg: int,
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    actor: Actor,
    policies: Policies = DEFAULTS,
) -> None:
    """Say other weights of a weighing, by its own station or an office of the area: a reversing entry and a new one.

    What people did to its load since stands, and is reckoned anew. Raises NotFound, WeighingIsVoid, NotCorrectable,
    NothingToCorrect, ImpossibleWeight.
    """
    desk, line = await take_out(connection, weighing_id, at=at, actor=actor, policies=policies)
    record = replace(line.record, gross_kg=gross_kg, tare_kg=tare_kg)
    if record == line.record:
        raise NothingToCorrect
    if refusal := impossible(record, policies):
        raise refusal

    before = {"gross_kg": line.record.gross_kg, "tare_kg": line.record.tare_kg}
    line.record = record
    fact = correction_fact(weighing_id, line.told.version + 1, gross_kg, tare_kg)
    retell_corrected(desk, line, Correction(reason, actor.person_id, line.occurred_at, fact, weighing_id))
    await write_as_one_act(connection, desk, sign=sign)
    said = {"reason": reason, "gross_kg": gross_kg, "tare_kg": tare_kg, "before": before}
    await audits.note(connection, "weighings.correct", weighing_id, said, at=at, actor=actor)


async def void_weighing(
    connection: Connection,
    weighing_id: UUID,
    reason: str,
    *,
    at: datetime,
    sign: Signer,
    actor: Actor,
    policies: Policies = DEFAULTS,
) -> None:
    """Take a weighing back, by its own station or an office of the area: what was posted for it is reversed.

    Where the same truck was told twice, the other record stands then (E7). Not where what people did to its load rests on
    this one alone. Raises NotFound, WeighingIsVoid, NotCorrectable, TicketIsInHand.
    """
    desk, line = await take_out(connection, weighing_id, at=at, actor=actor, policies=policies)

    fact = correction_fact(weighing_id, line.told.version + 1, 0, 0)
    retell_void(desk, line, Correction(reason, actor.person_id, line.occurred_at, fact, weighing_id))
    await write_as_one_act(connection, desk, sign=sign)
    await audits.note(connection, "weighings.void", weighing_id, {"reason": reason}, at=at, actor=actor)


async def take_out(
    connection: Connection, weighing_id: UUID, *, at: datetime, actor: Actor, policies: Policies
) -> tuple[Desk, Line]:
    """The books for one weighing that somebody may say more of, and its line.

    Raises NotFound, WeighingIsVoid, NotCorrectable.
    """
    found = await weighings.lock_line(connection, weighing_id, actor=actor)
    if found is None:
        raise NotFound
    line, station, status = found
    if status == Status.VOID:
        raise WeighingIsVoid
    desk = Desk(at, policies)
    line = await desk.take_out(connection, line, station)
    if line.told.status is not Status.ACCEPTED:
        raise NotCorrectable(status=line.told.status)
    return desk, line
