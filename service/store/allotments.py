"""Allotments and the steps that they took; their kilograms are the ledger's."""

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain.allotments import (
    Allotment,
    Approval,
    Draft,
    Found,
    Holder,
    HolderKind,
    HolderNotAMine,
    Kind,
    Right,
    State,
    Step,
)
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.domain.quotas import chain
from service.domain.refusals import NotFound
from service.domain.registry import JurisdictionUnknown
from service.domain.units import Kilograms
from service.store import papers
from service.store.sentences import sentences

SQL = sentences("allotments")


async def find_holder(connection: Connection, draft: Draft, *, actor: Actor) -> Found:
    """Whom a draft goes to; raises NotFound for what the office may not know of, HolderNotAMine for another firm's id."""
    if draft.to_jurisdiction is not None:
        if await connection.fetchrow(SQL["find_jurisdiction"], draft.to_jurisdiction) is None:
            raise JurisdictionUnknown
        return Found(Holder(HolderKind.JURISDICTION, draft.to_jurisdiction))
    sentence, kind, holder_id = next(
        (sentence, kind, found)
        for sentence, kind, found in (
            ("find_mine", HolderKind.MINE, draft.mine_id),
            ("find_project", HolderKind.PROJECT, draft.project_id),
            ("find_stock", HolderKind.STOCK, draft.stock_id),
        )
        if found is not None
    )
    row = await connection.fetchrow(SQL[sentence], holder_id)
    if row is None and kind is HolderKind.MINE:
        firm = await connection.fetchrow(SQL["find_enterprise"], holder_id)
        if firm is not None and actor.covers(firm["jurisdiction"]):
            raise HolderNotAMine
    if row is None or not actor.covers(row["jurisdiction"]):
        raise NotFound
    holder = Holder(kind, row["jurisdiction"], holder_id)
    if kind is not HolderKind.MINE:
        return Found(holder, declared_kg=Kilograms(row["declared_kg"]))
    return Found(holder, right=_right(row), enterprise_id=row["enterprise_id"])


async def insert_allotment(connection: Connection, allotment_id: UUID, draft: Draft, *, at: datetime) -> None:
    """Write a draft."""
    await connection.execute(
        SQL["insert_allotment"],
        allotment_id,
        draft.year,
        draft.quarter,
        draft.kind,
        draft.source,
        draft.to_jurisdiction,
        draft.mine_id,
        draft.project_id,
        draft.stock_id,
        draft.kg,
        draft.document_no,
        draft.reason,
        draft.earmark,
        draft.approved_by,
        draft.issued_on,
        at,
        draft.cause,
        draft.application_id,
    )


async def note_suggestion(connection: Connection, allotment_id: UUID, suggested_kg: Kilograms) -> None:
    """Keep what the score suggested when a merit tranche was issued (R11)."""
    await connection.execute(SQL["note_suggestion"], allotment_id, suggested_kg)


async def cut_share(connection: Connection, mine_id: UUID, year: int) -> Fraction:
    """By which share a mine's year is cut for special quota that was misused (R25)."""
    share = await connection.fetchval(SQL["find_cut"], mine_id, year)
    return Fraction(share) if share is not None else Fraction(0)


async def is_succeeded(connection: Connection, mine_id: UUID) -> bool:
    """Whether another mine has taken over a mine's right (E26)."""
    return bool(await connection.fetchval(SQL["is_succeeded"], mine_id))


async def insert_step(
    connection: Connection, allotment_id: UUID, step: str, taken_on: date, *, at: datetime, actor: Actor
) -> None:
    """Write that a step was taken, by whom and when."""
    step_id = uuid7()
    await connection.execute(SQL["insert_step"], step_id, allotment_id, step, taken_on, actor.person_id, at)
    await papers.enter_decisions(connection, PaperKind.STEP, [step_id], at=at)


async def move_allotment(connection: Connection, allotment_id: UUID, state: State, issued_on: date | None) -> None:
    """Write the state that a step has led to."""
    await connection.execute(SQL["move_allotment"], allotment_id, state, issued_on)


async def lock_allotment(connection: Connection, allotment_id: UUID) -> None:
    """Make all others that would take a step wait until this transaction ends."""
    await connection.execute(SQL["lock_allotment"], allotment_id)


async def find_allotment(connection: Connection, allotment_id: UUID, *, actor: Actor) -> Record:
    """An allotment that the actor may know of; raises NotFound."""
    rows = await list_allotments(connection, allotment_id=allotment_id, actor=actor, limit=1)
    if not rows:
        raise NotFound
    return rows[0]


async def find_then(connection: Connection, allotment_id: UUID, at: datetime, *, actor: Actor) -> Record:
    """An allotment that the actor might know of at a time; raises NotFound, also where nobody had written it yet (E53).

    Its state, its day and what the score suggested are those of now.
    """
    above = chain(actor.jurisdiction) if actor.jurisdiction else []
    row = await connection.fetchrow(SQL["find_then"], actor.area, above, actor.enterprise_id, allotment_id, at)
    if row is None:
        raise NotFound
    return row


async def steps_by(connection: Connection, allotment_id: UUID, at: datetime) -> list[tuple[Step, date]]:
    """The steps that an allotment had taken by a time, each with the day of its document."""
    rows = await connection.fetch(SQL["steps_by"], allotment_id, at)
    return [(Step(row["step"]), row["taken_on"]) for row in rows if row["step"] != "draft"]


async def list_allotments(
    connection: Connection,
    *,
    allotment_id: UUID | None = None,
    year: int | None = None,
    mine_id: UUID | None = None,
    state: str | None = None,
    after: UUID | None = None,
    limit: int,
    actor: Actor,
) -> Sequence[Record]:
    """The allotments that the actor may know of, oldest first."""
    above = chain(actor.jurisdiction) if actor.jurisdiction else []
    return await connection.fetch(
        SQL["list_allotments"],
        actor.area,
        above,
        actor.enterprise_id,
        allotment_id,
        year,
        mine_id,
        state,
        after,
        limit,
    )


async def in_force(connection: Connection, draft: Draft, holder: Holder) -> list[Allotment]:
    """What was issued to the draft's holder for its year, or to a project or stock at all, and not withdrawn, oldest first."""
    rows = await connection.fetch(
        SQL["in_force"], draft.year, draft.mine_id, draft.project_id, draft.stock_id, draft.to_jurisdiction
    )
    return [
        Allotment(
            id=row["id"],
            year=row["year"],
            quarter=row["quarter"],
            kind=Kind(row["kind"]),
            source=row["from_jurisdiction"],
            holder=holder,
            kg=Kilograms(row["kg"]),
            issued_on=row["issued_on"],
            reason=row["reason"],
            earmark=row["earmark"],
        )
        for row in rows
    ]


async def find_approval(connection: Connection, approval_id: UUID, allotment_id: UUID) -> Approval | None:
    """What was approved for an allotment's holder by another one, or by itself (R14)."""
    row = await connection.fetchrow(SQL["find_approval"], approval_id, allotment_id)
    return None if row is None else Approval(Kilograms(row["kg"]), Kilograms(row["issued_kg"]))


async def decided_at(connection: Connection, allotment_id: UUID) -> datetime | None:
    """When an allotment was approved, or issued without that; None while it is neither."""
    found: datetime | None = await connection.fetchval(SQL["decided_at"], allotment_id)
    return found


async def published(connection: Connection, year: int, *, after: UUID | None, limit: int) -> Sequence[Record]:
    """What was published of a year, for everybody (R14)."""
    return await connection.fetch(SQL["published"], year, after, limit)


def _right(row: Record) -> Right:
    return Right(
        scale_kg=Kilograms(row["licence_scale_kg"]),
        valid_from=row["licence_valid_from"],
        valid_until=row["licence_valid_until"],
        is_consolidated=row["consolidated"],
        environment_is_ok=row["environment_ok"],
        safety_is_ok=row["safety_ok"],
        operates_lawfully=row["operating"] == "lawful",
        owner_is_a_mining_firm=row["is_mining_firm"],
    )
