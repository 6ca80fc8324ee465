"""The rulebook: what was decided about policy values, worked days and outages."""

from collections.abc import Sequence
from datetime import datetime

from uuid_utils.compat import uuid7

from service.db import Connection, Door, Record
from service.domain.calendar import Calendar, Outage
from service.domain.papers import PaperKind
from service.domain.permissions import Actor
from service.domain.policies import ABOUT, Bridge, BridgeClass, Changes, History, read_value
from service.store import papers
from service.store.sentences import sentences

SQL = sentences("policies")


async def version(connection: Connection) -> int:
    """How many decisions the rulebook has seen."""
    found: int = await connection.fetchval(SQL["version"])
    return found


async def turn(door: Door) -> int:
    """Take the turn to decide about the rules, until the transaction ends; gives the version that this makes."""
    [row] = await door.fetch(SQL["turn"])
    found: int = row["version"]
    return found


async def history(connection: Connection) -> History:
    """All that was decided; a value that this program does not know any more is left out."""
    decisions = [
        Changes(
            name=row["name"],
            scope=row["scope"],
            value=None if row["value"] is None else read_value(ABOUT[row["name"]], row["value"]),
            valid_from=row["valid_from"],
        )
        for row in await connection.fetch(SQL["decisions"])
        if row["name"] in ABOUT
    ]
    days = {row["day"]: row["is_worked"] for row in await connection.fetch(SQL["calendar_days"])}
    outages = [Outage(row["id"], row["starts_at"], row["ends_at"]) for row in await list_outages(connection)]
    bridges = {
        row["id"]: Bridge(row["bridge_class"] and BridgeClass(row["bridge_class"]), row["gross_limit_kg"])
        for row in await connection.fetch(SQL["bridges"])
    }
    return History(decisions, Calendar(days, outages), bridges)


async def decide(
    connection: Connection,
    change: Changes,
    given: object,
    *,
    version: int,
    document_no: str,
    reason: str,
    at: datetime,
    actor: Actor,
) -> None:
    """Write a decision, as it was given."""
    decision_id = uuid7()
    await connection.execute(
        SQL["decide"],
        decision_id,
        version,
        change.name,
        change.scope,
        given,
        change.valid_from,
        document_no,
        reason,
        actor.person_id,
        at,
    )
    await papers.enter_decisions(connection, PaperKind.POLICY, [decision_id], at=at)


async def list_decisions(connection: Connection, name: str) -> Sequence[Record]:
    """Who decided what about a policy, newest first."""
    return await connection.fetch(SQL["history"], name)


async def list_outages(connection: Connection) -> Sequence[Record]:
    """The outages that were declared."""
    return await connection.fetch(SQL["outages"])
