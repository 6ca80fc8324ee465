"""Papers, acts and decisions against their entries in the log of papers: a row comes to the hash that was entered with it."""

from collections.abc import AsyncIterator

import asyncpg

from service.verify.books import Books
from service.verify.decided import DECISIONS, fault
from service.verify.findings import Findings

TIME, BYTES = "t", "b"  # how a column is written that JSON does not know: microseconds since 1970, and hexadecimal

# What an entry binds of a row, in the order in which it is hashed.
BOUND = {
    "contract": ("id", "number", "seller_id", "created_at:t", "closed_at:t"),
    "filing": (
        "id", "contract_id", "enterprise_id", "party", "version", "terms", "filed_at:t", "first_filed_at:t", "days_late",
        "person_id", "fact:b",
    ),
    "amendment": (
        "id", "contract_id", "number", "enterprise_id", "terms", "changes", "reason", "agreed_on", "proposed_at:t", "person_id",
        "fact:b", "state", "answered_at:t", "answered_by", "answer",
    ),
    "slip": (
        "id", "number", "enterprise_id", "mine_id", "project_id", "stock_id", "handed_on", "kg", "grade", "line_id", "earmark",
        "by_tickets", "due_on", "filed_at:t", "days_late", "flags", "movement_id", "person_id", "fact:b",
    ),
    "ticket": (
        "id", "number", "code", "reissue", "key_id", "earlier_prints", "contract_id", "slip_id", "seller_id", "buyer_id",
        "onward_contract_id", "onward_buyer_id", "mine_id", "project_id", "stock_id", "earmark", "plate", "planned_kg", "grade",
        "source_station_id", "destination_station_id", "valid_from:t", "valid_until:t", "issued_at:t", "issued_by", "parent_id",
        "account", "source_account", "flags",
    ),
    "ticket_act": ("id", "ticket_id", "kind", "kg", "facts", "reason", "movement_ids", "done_at:t", "person_id"),
    "ticket_expiry": ("ticket_id", "expired_at"),
    **DECISIONS,
}  # fmt: skip

# What is not bound by an entry, since other checks hold it against what is.
HELD = {
    "contract": {
        **dict.fromkeys(
            ("buyer_id", "signed_on", "kg", "grade", "valid_until", "earmark", "mine_id", "project_id", "stock_id",
             "is_framework", "framework_id"),
            "what the standing filing says, which is bound",
        ),
        **dict.fromkeys(("shipped_kg", "received_kg"), "what its tickets come to"),
        **dict.fromkeys(
            ("state", "proof_state", "flags", "due_on"), "what its filings come to by what was decided, closed and promised"
        ),
    },
    "amendment": dict.fromkeys(
        ("due_on", "days_late", "answer_days_late"), "what the day of agreeing, the answer and the calendar come to"
    ),
    "ticket": {
        **dict.fromkeys(("out_kg", "in_kg", "split_kg", "closed_kg"), "what its load holds"),
        **dict.fromkeys(
            ("state", "out_at", "in_at", "back_at", "back_kg", "ended_at", "refused_kg", "acted_at"),
            "where weighings, acts and the sweeper have brought it",
        ),
    },
}  # fmt: skip
# An entry's fact, and its row's; the newest entry of a paper counts, also one that is not sealed yet. What was decided is told by
# the words that came with the entry, where they are those that it binds.
DIFFERENT = """
WITH said AS (
    SELECT DISTINCT ON (subject_id) subject_id, fact, text
    FROM (
        SELECT subject_id, fact, text, FALSE AS is_due, seq AS place FROM paper WHERE kind = '{kind}'
        UNION ALL
        SELECT subject_id, fact, text, TRUE, id FROM paper_due WHERE kind = '{kind}'
    ) AS entry
    ORDER BY subject_id, is_due DESC, place DESC
)
SELECT
    coalesce(row.id, said.subject_id) AS id, row.id IS NULL AS is_gone, said.subject_id IS NULL AS is_unbound, {name} AS name,
    {text} AS says, CASE WHEN sha256(convert_to(said.text, 'UTF8')) = said.fact THEN said.text END AS entered
FROM {rows} AS row
FULL JOIN said ON said.subject_id = row.id
WHERE said.fact IS DISTINCT FROM sha256(convert_to({text}, 'UTF8'))
"""
# A decision as its row says it now; not yet one whose only entry waits.
STANDING = """
SELECT {text} AS text
FROM {kind} AS row
WHERE
    NOT EXISTS (SELECT FROM paper_due WHERE kind = '{kind}' AND subject_id = row.id)
    OR EXISTS (SELECT FROM paper WHERE kind = '{kind}' AND subject_id = row.id)
ORDER BY row.id
"""
# Each expiry of a ticket is entered with those before it.
ROWS = {
    "ticket_expiry": """(
        SELECT
            ticket_id AS id, ticket_id,
            array_agg((extract(EPOCH FROM expired_at) * 1000000)::bigint ORDER BY expired_at) AS expired_at
        FROM ticket_expiry GROUP BY ticket_id
    )"""
}
OF_TICKET = "(SELECT number FROM ticket WHERE ticket.id = row.ticket_id)"
NAMES = {
    **dict.fromkeys(("contract", "slip", "ticket"), "row.number"),
    "ticket_act": f"concat_ws(' of ', row.kind, {OF_TICKET})",
    "ticket_expiry": OF_TICKET,
}
ENTERED_AGAIN = """
SELECT kind, subject_id
FROM (SELECT kind, subject_id FROM paper UNION ALL SELECT kind, subject_id FROM paper_due) AS entry
WHERE kind IN {kinds}
GROUP BY kind, subject_id HAVING count(*) > 1
"""
ONCE = ("filing", "slip", "ticket_act", *DECISIONS)  # nothing of these ever changes
# A ticket is changed by what somebody did to it.
CHANGED_IN_SILENCE = f"""
SELECT ticket.number
FROM ticket
INNER JOIN ({ENTERED_AGAIN.format(kinds="('ticket')")}) AS changed ON changed.subject_id = ticket.id
WHERE NOT EXISTS (
    SELECT FROM ticket_act AS act
    WHERE act.ticket_id = ticket.id AND act.kind IN ('released', 'reissued', 'extended', 'redirected')
)
"""  # noqa: S608 - our own words
CLOSED_OTHERWISE = "SELECT number FROM contract WHERE (state = 'closed') <> (closed_at IS NOT NULL)"


async def papers_are_what_was_entered(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """Each paper, each act and each decision is what its newest entry binds, and none came or went beside the log."""
    for kind in BOUND:
        sentence = DIFFERENT.format(
            kind=kind, rows=ROWS.get(kind, kind), name=NAMES.get(kind, "NULL::text"), text=_text(kind)
        )
        async for row in connection.cursor(sentence, prefetch=1_000):
            says = None if row["is_gone"] else row["says"]
            message = fault(kind, row["name"] or row["id"], says, row["entered"], is_entered=not row["is_unbound"])
            findings.add(kind, None, message)
    for row in await connection.fetch(ENTERED_AGAIN.format(kinds=ONCE)):
        findings.add(row["kind"], None, f"{row['kind']} {row['subject_id']} was entered again, and never changes")
    for row in await connection.fetch(CHANGED_IN_SILENCE):
        findings.add("ticket", None, f"ticket {row['number']} was changed, and nobody has done anything to it")
    for row in await connection.fetch(CLOSED_OTHERWISE):
        findings.add("contract", None, f"contract {row['number']} is closed and open")


async def decisions_as_they_stand(connection: asyncpg.Connection) -> AsyncIterator[str]:
    """What each decision says now, in the words that an entry binds."""
    for kind in DECISIONS:
        async for row in connection.cursor(STANDING.format(kind=kind, text=_text(kind)), prefetch=1_000):
            yield row["text"]


def _text(kind: str) -> str:
    columns = ", ".join(_written(column) for column in BOUND[kind])
    return f"E'meisu paper 1\\n' || jsonb_build_array('{kind}', {columns})::text"


def _written(column: str) -> str:
    name, _, how = column.partition(":")
    if how == TIME:
        return f"(extract(EPOCH FROM row.{name}) * 1000000)::bigint"
    return f"encode(row.{name}, 'hex')" if how == BYTES else f"row.{name}"
