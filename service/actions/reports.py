"""What mines and offices report: production forms, reserves, and the city's samples (R17, R19, R20)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db import Connection
from service.domain import assessments as quarters
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.reports import FormIsSigned, Reserve, SampleIsClosed, Snapshot, check_form
from service.domain.units import start_of
from service.store import assessments, audits, provenance, quotas, reports


async def draw_form(
    connection: Connection, mine_id: UUID, year: int, quarter: int, *, at: datetime, actor: Actor
) -> tuple[UUID, bool]:
    """Draft a mine's production form with what the ledger knows, or read that anew into its draft (R19).

    Raises NotFound, QuarterNotBegun, FormIsSigned.
    """
    await assessments.find_mine(connection, mine_id, actor=actor)
    quarters.cut_off(year, quarter, at)
    past = await reports.snapshot(connection, None, at=at)
    known = await known_of(connection, mine_id, year, quarter, past, at=at)

    drawn = await reports.draw_form(connection, mine_id, year, quarter, known, past)
    if drawn is None:
        raise FormIsSigned
    facts = {"mine_id": mine_id, "year": year, "quarter": quarter, "as_of": str(past)}
    await audits.note(connection, "forms.draw", drawn[0], facts, at=at, actor=actor)
    return drawn


async def known_of(
    connection: Connection, mine_id: UUID, year: int, quarter: int, past: Snapshot, *, at: datetime
) -> dict[str, int]:
    """What the ledger knows of a mine's quarter: what was issued and used by then, and what left in it, by use."""
    moment = provenance.Moment(past.at, past.size)
    quota = await quotas.mine_quota(connection, mine_id, year, None, area=None, enterprise_id=None, past=moment, at=at)
    began, ended = start_of(quarters.starts_on(year, quarter)), quarters.ends_at(year, quarter)
    used = await reports.uses(connection, [mine_id], year, began, ended, past)
    return {"issued_kg": quota.figures.issued_kg, "used_kg": quota.figures.out_kg} | used[mine_id]


async def fill_form(
    connection: Connection, form_id: UUID, said: Mapping[str, Any], *, at: datetime, actor: Actor
) -> None:
    """Enter what the mine itself knows of its quarter. Raises NotFound, FormIsSigned."""
    await reports.find_form(connection, form_id, actor=actor)
    if not await reports.say(connection, form_id, said):
        raise FormIsSigned
    await audits.note(connection, "forms.fill", form_id, dict(said), at=at, actor=actor)


async def sign_form(connection: Connection, form_id: UUID, *, at: datetime, actor: Actor) -> None:
    """Sign a mine's production form off. Raises NotFound, FormIsSigned, FormIncomplete (R19)."""
    await reports.lock_form(connection, form_id)
    form = await reports.find_form(connection, form_id, actor=actor)
    if form["signed_at"] is not None:
        raise FormIsSigned
    check_form(form["said"])

    await reports.sign_form(connection, form_id, at=at, actor=actor)
    await audits.note(connection, "forms.sign", form_id, {}, at=at, actor=actor)


async def add_reserve(connection: Connection, mine_id: UUID, said: Reserve, *, at: datetime, actor: Actor) -> UUID:
    """Enter into a mine's ledger of reserves what a survey has found, or what came or went otherwise (R20)."""
    await assessments.find_mine(connection, mine_id, actor=actor)
    reserve_id = await reports.add_reserve(connection, mine_id, said, at=at, actor=actor)
    facts = {"kind": said.kind, "kg": said.kg, "counted_on": said.counted_on, "document_no": said.document_no}
    await audits.note(connection, "reserves.add", mine_id, facts, at=at, actor=actor)
    return reserve_id


async def draw_sample(
    connection: Connection, mine_id: UUID, year: int, quarter: int, reason: str, *, at: datetime, actor: Actor
) -> UUID:
    """Have the city look into a mine's quarter: its sheet and its loads are listed (R17)."""
    await assessments.find_mine(connection, mine_id, actor=actor)
    quarters.cut_off(year, quarter, at)
    sample_id = await reports.draw_sample(connection, mine_id, year, quarter, reason, at=at, actor=actor)
    facts = {"mine_id": mine_id, "year": year, "quarter": quarter, "reason": reason}
    await audits.note(connection, "samples.draw", sample_id, facts, at=at, actor=actor)
    return sample_id


async def find(
    connection: Connection,
    sample_id: UUID,
    *,
    is_in_order: bool,
    finding: str,
    document_no: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Record what the city has found; once. Raises NotFound, SampleIsClosed (R17)."""
    if not await reports.list_samples(connection, sample_id=sample_id, limit=1, actor=actor):
        raise NotFound
    said = {"is_in_order": is_in_order, "finding": finding, "document_no": document_no}
    kept = await reports.find(
        connection, sample_id, is_in_order=is_in_order, finding=finding, document_no=document_no, at=at, actor=actor
    )
    if not kept:
        raise SampleIsClosed
    await audits.note(connection, "samples.find", sample_id, said, at=at, actor=actor)
