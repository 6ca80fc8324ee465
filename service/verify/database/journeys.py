"""Where each ticket stands, against what scales have told of it, what people did to it, and when the sweeper came by."""

from datetime import datetime

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

Stand = tuple[str, datetime | None]
"""A state, and when the ticket ended."""

# What moved a ticket is what was not said to be without a paper, or beside its load. A yard's scale only checks a part of a load.
# When a load came back, and who ended a ticket, was not kept from the beginning (0008, 0009).
JOURNEYS = """
SELECT
    ticket.number, ticket.state, ticket.out_at, ticket.in_at, ticket.back_at, ticket.out_kg, ticket.in_kg, ticket.back_kg,
    ticket.split_kg, ticket.refused_kg, ticket.ended_at, ticket.acted_at, ticket.code IS NULL AS waits,
    ticket.parent_id IS NOT NULL AS is_part, coalesce(told.lefts, 0) AS lefts, coalesce(told.ins, 0) AS ins,
    coalesce(told.backs, 0) AS backs, CASE WHEN ticket.parent_id IS NULL THEN told.left_at ELSE parent.out_at END AS left_at,
    told.arrived_at, told.arrival_told_at, told.came_back_at, told.return_told_at, told.came_back_kg, done.*,
    ARRAY(SELECT expired_at FROM ticket_expiry WHERE ticket_id = ticket.id) AS expiries,
    older.subject_id IS NOT NULL AS is_older
FROM ticket
LEFT JOIN (
    SELECT subject_id FROM paper WHERE kind = 'ticket' AND is_older
    UNION
    SELECT subject_id FROM paper_due WHERE kind = 'ticket' AND is_older
) AS older ON older.subject_id = ticket.id
LEFT JOIN ticket AS parent ON parent.id = ticket.parent_id
LEFT JOIN (
    SELECT
        weighing.ticket_id,
        count(*) FILTER (WHERE weighing.direction = 'out') AS lefts,
        max(weighing.occurred_at) FILTER (WHERE weighing.direction = 'out') AS left_at,
        count(*) FILTER (WHERE weighing.direction = 'in') AS ins,
        max(weighing.occurred_at) FILTER (WHERE weighing.direction = 'in') AS arrived_at,
        max(weighing.recorded_at) FILTER (WHERE weighing.direction = 'in') AS arrival_told_at,
        count(*) FILTER (WHERE weighing.direction = 'back') AS backs,
        max(weighing.occurred_at) FILTER (WHERE weighing.direction = 'back') AS came_back_at,
        max(weighing.recorded_at) FILTER (WHERE weighing.direction = 'back') AS return_told_at,
        max(coalesce(said.net_kg, weighing.net_kg)) FILTER (WHERE weighing.direction = 'back') AS came_back_kg
    FROM weighing
    LEFT JOIN (
        SELECT DISTINCT ON (weighing_id) weighing_id, status, flags, net_kg FROM weighing_version
        ORDER BY weighing_id, version DESC
    ) AS said ON said.weighing_id = weighing.id
    WHERE
        weighing.ticket_id IS NOT NULL AND coalesce(said.status, weighing.status) = 'accepted'
        AND NOT coalesce(said.flags, weighing.flags) && '{no-ticket,ticket-reused,ticket-revoked}'
        AND NOT (weighing.direction = 'back' AND coalesce(said.flags, weighing.flags) @> '{station-bypass}')
    GROUP BY weighing.ticket_id
) AS told ON told.ticket_id = ticket.id
LEFT JOIN (
    SELECT
        ticket_id,
        max(done_at) FILTER (WHERE kind IN ('cancelled', 'turned-down')) AS cancelled_at,
        max(done_at) FILTER (WHERE kind = 'lost') AS lost_at,
        max(done_at) FILTER (WHERE kind = 'written-off') AS written_off_at,
        max(done_at) FILTER (WHERE kind = 'closed') AS closed_at,
        max(done_at) FILTER (WHERE kind = 'apportioned') AS shared_at,
        max(done_at) FILTER (WHERE kind = 'redirected' AND kg IS NOT NULL) AS sent_on_at,
        array_agg(done_at) FILTER (WHERE kind = 'split') AS splits,
        (array_agg(kg ORDER BY id DESC) FILTER (WHERE kind = 'refused'))[1] AS said_refused_kg,
        max(done_at) FILTER (WHERE kind NOT IN ('reissued', 'extended') AND (kind <> 'redirected' OR kg IS NOT NULL)) AS last_at
    FROM ticket_act
    GROUP BY ticket_id
) AS done ON done.ticket_id = ticket.id
"""


async def tickets_stand_where_they_were_brought(
    connection: asyncpg.Connection, books: Books, findings: Findings
) -> None:
    """A ticket's state and its times follow from the records, the acts and the sweeper's word."""
    async for row in connection.cursor(JOURNEYS, prefetch=5_000):
        for fault in _faults(row):
            findings.add("ticket", None, f"ticket {row['number']}: {fault}")


def _faults(row: asyncpg.Record) -> list[str]:
    state, since = _stand(row)
    faults = []
    if row["state"] != state:
        faults.append(f"it is said to be {row['state']}, and was brought to be {state}")
    elif row["ended_at"] != since:
        faults.append(f"it is said to have ended at {row['ended_at']}, and nothing happened then")
    if row["out_at"] != row["left_at"] or row["lefts"] > (row["out_kg"] is not None):
        faults.append(f"it is said to have left at {row['out_at']}, and its scale says {row['left_at']}")
    if row["shared_at"] is None and (row["in_at"] != row["arrived_at"] or row["ins"] > 1):
        faults.append(f"it is said to have arrived at {row['in_at']}, and its scale says {row['arrived_at']}")
    came_back = (row["came_back_at"], row["came_back_kg"])
    back_at = row["came_back_at"] if row["is_older"] and row["back_at"] is None else row["back_at"]
    if (back_at, row["back_kg"]) != came_back or row["backs"] > 1:
        faults.append(f"it is said to have come back at {row['back_at']}, and its scale says {row['came_back_at']}")
    if row["refused_kg"] != (row["said_refused_kg"] or 0) or row["acted_at"] != row["last_at"]:
        faults.append("what was done to it last is not what it says")
    return faults


def _stand(row: asyncpg.Record) -> Stand:
    """What came last of all that ends a journey, or brings it on."""
    refused_kg, has_arrived = row["refused_kg"], row["in_kg"] is not None
    kept = "delivered" if has_arrived and row["in_kg"] > refused_kg else "returned"
    is_on_board = bool(refused_kg) or not has_arrived
    is_all_split = row["out_kg"] is not None and row["out_kg"] <= row["split_kg"]
    is_unsaid = row["is_older"] and row["last_at"] is None
    cases = (
        (row["backs"] and is_on_board, kept, row["return_told_at"]),
        (row["sent_on_at"], kept, row["sent_on_at"]),
        (row["written_off_at"] and is_on_board, "lost", row["written_off_at"]),
        (refused_kg, "out", None),
        (has_arrived, "delivered", row["shared_at"] or row["arrival_told_at"]),
        (row["closed_at"], "delivered", row["closed_at"]),
        (is_all_split and row["ended_at"] in (row["splits"] or ()), "delivered", row["ended_at"]),
        (row["out_kg"] is not None, "out", None),
        (is_unsaid and row["state"] in ("cancelled", "lost"), row["state"], row["ended_at"]),
        (row["cancelled_at"], "cancelled", row["cancelled_at"]),
        (row["lost_at"], "lost", row["lost_at"]),
        # What a scale had told of it may have been taken back since, and then it is good again until the sweeper comes.
        (row["state"] == "expired" and row["ended_at"] in row["expiries"], "expired", row["ended_at"]),
        (row["waits"], "held", None),
    )
    return next(((state, since) for holds, state, since in cases if holds), ("issued", None))
