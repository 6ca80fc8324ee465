"""What offices do about papers under suspicion (E57)."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain import investigations as rules
from service.domain.alerts import Alert, Flag
from service.domain.investigations import Held, Investigation
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.units import shanghai_day
from service.store import alerts, audits, contracts, investigations, lots


async def open_investigation(
    connection: Connection, investigation: Investigation, *, at: datetime, actor: Actor
) -> UUID:
    """Hold a contract or a lot of the office's area until a day, and tell its parties (E57).

    Meanwhile no ticket is issued under the contract and it is neither amended nor closed; the lot is neither pledged nor
    used. What a scale tells is recorded as ever. Raises NotFound, InvestigationTooLong, InvestigatedAlready.
    """
    if investigation.kind is Held.CONTRACT:
        found = await contracts.find_contract(connection, investigation.subject_id, actor=actor)
        if found is None:
            raise NotFound
        await contracts.lock(connection, investigation.subject_id)
        parties, name = [found.seller_id, found.buyer_id], found.number
    else:
        rows = await lots.list_lots(connection, lot_id=investigation.subject_id, limit=1, actor=actor)
        if not rows:
            raise NotFound
        parties, name = [rows[0]["holder_id"]], rows[0]["document_no"]
    rules.check_length(investigation, at)
    jurisdiction = (await contracts.find_firms(connection, parties[:1]))[parties[0]].jurisdiction

    investigation_id = uuid7()
    made = await investigations.add(
        connection, investigation_id, investigation, jurisdiction=jurisdiction, parties=parties, at=at, actor=actor
    )
    if not made:
        raise rules.InvestigatedAlready
    facts = {
        "number": name,
        "authority": investigation.authority,
        "reason": investigation.reason,
        "document_no": investigation.document_no,
        "ends_on": investigation.ends_on,
    }
    flag, kind, subject_id = _subject(investigation.kind, investigation.subject_id)
    alert = Alert(flag, kind, subject_id, jurisdiction, tuple(parties), at, facts)
    await alerts.open_alerts(connection, [alert], at=at)
    await audits.note(connection, "investigations.open", investigation_id, facts, at=at, actor=actor)
    return investigation_id


async def release_investigation(
    connection: Connection, investigation_id: UUID, note: str, *, at: datetime, actor: Actor
) -> None:
    """Let a paper go before its day, with what was found; raises NotFound, InvestigationEnded."""
    if not await investigations.list_investigations(connection, investigation_id=investigation_id, actor=actor):
        raise NotFound
    ended = await investigations.release(connection, investigation_id, note, at=at, actor=actor)
    if ended is None:
        raise rules.InvestigationEnded
    await alerts.settle_alerts(connection, [_subject_of(ended)], at=at)
    await audits.note(connection, "investigations.release", investigation_id, {"note": note}, at=at, actor=actor)


async def release_ended(connection: Connection, *, at: datetime) -> None:
    """Let those papers go whose last day has passed."""
    ended = await investigations.release_ended(connection, shanghai_day(at), at=at)
    await alerts.settle_alerts(connection, [_subject_of(row) for row in ended], at=at)


def _subject_of(row: Record) -> tuple[Flag, str, str]:
    return _subject(Held(row["subject_kind"]), row["subject_id"])


def _subject(kind: Held, subject_id: UUID) -> tuple[Flag, str, str]:
    return (Flag.UNDER_INVESTIGATION, kind.value, str(subject_id))
