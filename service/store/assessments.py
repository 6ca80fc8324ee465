"""Scoring sheets: what the service knows for them, what departments enter, and what was signed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from service.db import Connection, Record
from service.domain import assessments as rules
from service.domain.alerts import Flag
from service.domain.assessments import FLAGS, REVERBERATORY, TAMPERED, Entry, Evidence, Score, Scored, Sheets, Side
from service.domain.permissions import Actor
from service.domain.refusals import NotFound
from service.domain.units import shanghai_day
from service.store.sentences import sentences

SQL = sentences("assessments")


async def find_mine(connection: Connection, mine_id: UUID, *, actor: Actor) -> Record:
    """A mine of the actor's area or firm, with what its sheet's head says; raises NotFound."""
    row = await connection.fetchrow(SQL["find_mine"], mine_id, actor.area, actor.enterprise_id)
    if row is None:
        raise NotFound
    return row


async def since(connection: Connection, mine_id: UUID, year: int, quarter: int) -> datetime | None:
    """The cut-off of the mine's last signed sheet before a quarter."""
    found: datetime | None = await connection.fetchval(SQL["since"], mine_id, year, quarter)
    return found


async def find_evidence(
    connection: Connection, mine_id: UUID, began: datetime, since: datetime, until: datetime
) -> list[Evidence]:
    """What became known of a mine after `since` and by `until`; deliveries are those since the quarter began (§5).

    Silences of a station in which loads were weighed, and cameras that were only down, are to be looked at and count for
    nothing by themselves (E48).
    """
    found = await find_alerts(connection, mine_id, since, until)
    for row in await connection.fetch(SQL["cameras_of"], mine_id, since, until):
        facts = {name: row[name] for name in ("station_id", "station", "camera", "kind", "note")}
        times = (row["occurred_at"], row["recorded_at"])
        found.append(Evidence(TAMPERED, "camera", str(row["id"]), *times, row["kind"] == "tampered", facts))
    for row in await connection.fetch(SQL["silences_of"], mine_id, since, until):
        facts = {name: row[name] for name in ("station_id", "station", "since", "until", "loads")}
        key = f"{row['station_id']}/{row['since'].isoformat()}"
        found.append(Evidence(TAMPERED, "silence", key, row["since"], row["until"], False, facts))
    deliveries = await connection.fetch(SQL["deliveries_of"], mine_id, began, until)
    if rules.supplies_only_reverberatory([row["only_reverberatory"] for row in deliveries]):
        for number, row in enumerate(deliveries):
            facts = {"buyer": row["buyer"], "number": row["number"], "kg": row["kg"]}
            # They stand for one fact: that there are no others.
            one = Evidence(
                REVERBERATORY, row["kind"], str(row["id"]), row["last_at"], row["last_at"], not number, facts
            )
            found.append(one)
    return found


async def find_alerts(connection: Connection, mine_id: UUID, since: datetime, until: datetime) -> list[Evidence]:
    """The alerts that count for a mine and were opened after `since` and by `until`."""
    rows = await connection.fetch(SQL["alerts_of"], mine_id, [flag.value for flag in FLAGS], since, until)
    return [
        Evidence(
            FLAGS[Flag(row["code"])],
            "alert",
            str(row["id"]),
            row["occurred_at"],
            row["opened_at"],
            True,
            {**row["facts"], "code": row["code"], "subject_kind": row["subject_kind"], "subject_id": row["subject_id"]},
        )
        for row in rows
    ]


async def draw(
    connection: Connection,
    assessment_id: UUID,
    mine_id: UUID,
    year: int,
    quarter: int,
    *,
    since: datetime,
    cut_off: datetime,
    log_size: int,
    header: Mapping[str, object],
    evidence: Sequence[Evidence],
    at: datetime,
    actor: Actor,
) -> tuple[UUID, bool] | None:
    """Write what is known at a cut-off into a draft, a new one or in place of what was known; None once it is signed."""
    told = [asdict(one) for one in evidence]
    given = (assessment_id, mine_id, year, quarter, since, cut_off, log_size, header, told, at, actor.person_id)
    row = await connection.fetchrow(SQL["draw"], *given)
    return None if row is None else (row["id"], row["is_new"])


async def lock_sheet(connection: Connection, assessment_id: UUID) -> None:
    """Make all others that would change or sign a sheet wait until this transaction ends."""
    await connection.execute(SQL["lock"], assessment_id)


async def find_sheet(connection: Connection, assessment_id: UUID, *, actor: Actor) -> Record:
    """A sheet of the office's area, or a signed one of the firm; raises NotFound."""
    rows = await list_sheets(connection, assessment_id=assessment_id, limit=1, actor=actor)
    if not rows:
        raise NotFound
    return rows[0]


async def list_sheets(
    connection: Connection,
    *,
    assessment_id: UUID | None = None,
    mine_id: UUID | None = None,
    year: int | None = None,
    quarter: int | None = None,
    after: UUID | None = None,
    limit: int,
    actor: Actor,
) -> Sequence[Record]:
    """Sheets of the office's area, or the signed ones of the firm, oldest first."""
    asked = (assessment_id, mine_id, year, quarter, after, limit)
    return await connection.fetch(SQL["list"], actor.area, actor.enterprise_id, *asked)


def evidence_of(row: Record) -> list[Evidence]:
    """The evidence that a draft keeps."""
    times = ("occurred_at", "recorded_at")
    return [
        Evidence(**{**one, **{name: datetime.fromisoformat(one[name]) for name in times}}) for one in row["evidence"]
    ]


async def entries_of(connection: Connection, ids: Collection[UUID]) -> Mapping[UUID, Mapping[tuple[Side, int], Entry]]:
    """What was entered last for each item of some sheets."""
    found: dict[UUID, dict[tuple[Side, int], Entry]] = {one: {} for one in ids}
    for row in await connection.fetch(SQL["entries"], list(ids)):
        entry = Entry(Side(row["side"]), row["number"], row["points"], row["note"])
        found[row["assessment_id"]][(entry.side, entry.number)] = entry
    return found


async def enter(
    connection: Connection, assessment_id: UUID, entries: Sequence[Entry], *, at: datetime, actor: Actor
) -> None:
    """Keep what a department enters; what it entered before is kept, too."""
    await connection.execute(
        SQL["enter"],
        assessment_id,
        [uuid7() for _ in entries],
        [entry.side for entry in entries],
        [entry.number for entry in entries],
        [entry.points for entry in entries],
        [entry.note for entry in entries],
        actor.person_id,
        at,
    )


async def sign(
    connection: Connection,
    draft: Record,
    score: Score,
    sheet: Mapping[str, Any],
    *,
    document_no: str,
    due_on: date,
    days_late: int,
    at: datetime,
    actor: Actor,
) -> None:
    """Keep a sheet as it was signed, for ever."""
    await connection.execute(
        SQL["sign"],
        draft["id"],
        draft["mine_id"],
        draft["year"],
        draft["quarter"],
        score.score,
        score.is_vetoed,
        draft["cut_off"],
        document_no,
        due_on,
        days_late,
        actor.person_id,
        at,
        sheet,
    )


async def sheets_of(connection: Connection, mine_id: UUID) -> Sheets:
    """What was reported of a mine, and since when it is registered; raises NotFound."""
    rows = await connection.fetch(SQL["reported"], mine_id)
    if not rows:
        raise NotFound
    scored = {
        (row["year"], row["quarter"]): Scored(row["score"], row["is_vetoed"]) for row in rows if row["year"] is not None
    }
    return Sheets(shanghai_day(rows[0]["created_at"]), scored)


async def veto_texts(connection: Connection) -> dict[int, str]:
    """What the province has written for the vetoes."""
    return {row["number"]: row["text"] for row in await connection.fetch(SQL["vetoes"])}


async def write_veto(
    connection: Connection, number: int, text: str, *, document_no: str, at: datetime, actor: Actor
) -> None:
    """Keep what a veto says from now on; signed sheets keep their own words."""
    await connection.execute(SQL["write_veto"], uuid7(), number, text, document_no, actor.person_id, at)


async def used_kg(connection: Connection, mine_id: UUID, year: int, until: datetime) -> int:
    """What left a mine's quota by a time of the world, as it is known now (E2)."""
    return await connection.fetchval(SQL["used_kg"], mine_id, year, until) or 0


async def healed(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those of some alerts that have put themselves right since (E2)."""
    rows = await connection.fetch(SQL["healed"], [UUID(one) for one in ids])
    return {str(row["id"]) for row in rows}
