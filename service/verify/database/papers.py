"""Weighings, tickets, contracts and runs against the entries that were posted for them."""

import hashlib
import json

import asyncpg

from service.verify.books import Books
from service.verify.findings import Findings

# Only entries that bear the weighing's own fact count, but for a load that came back: it names the movement it took from.
WEIGHED_OTHERWISE = """
SELECT weighing.id, weighing.net_kg, posted.kg, cardinality(weighing.movement_ids) AS named, posted.movements
FROM weighing
CROSS JOIN LATERAL (
    SELECT
        count(DISTINCT leg.movement) AS movements,
        coalesce(sum(leg.target_kg) FILTER (
            WHERE CASE weighing.direction
                WHEN 'out' THEN target.kind = 'load' AND source.kind <> 'gained'
                ELSE target.kind = 'lot'
            END
        ), 0) AS kg
    FROM unnest(weighing.movement_ids) AS named (movement)
    INNER JOIN leg ON named.movement = leg.movement
    INNER JOIN account AS source ON leg.source = source.id
    INNER JOIN account AS target ON leg.target = target.id
    WHERE
        weighing.direction = 'back'
        OR leg.movement IN (
            SELECT unnest(ticket_act.movement_ids) FROM ticket_act
            WHERE ticket_act.ticket_id = weighing.ticket_id AND ticket_act.kind = 'written-off'
        )
        OR leg.fact = sha256(
            convert_to(E'meisu weighing 1\\n', 'UTF8') || uuid_send(weighing.id) || uuid_send(weighing.station_id)
            || weighing.body_hash
        )
) AS posted
WHERE
    weighing.movement_ids <> '{}'
    AND (
        posted.movements <> cardinality(weighing.movement_ids)
        OR (weighing.direction <> 'back' AND posted.kg <> weighing.net_kg)
    )
"""
# Beside each ticket what stands of what came into its load and was not seen by its source's scale: what the second scale saw
# more (W02), and of what was refused, or came back, that part which the buyer's lot had no longer (W10).
TICKETS = """
WITH came AS (
    SELECT leg.target AS account, leg.movement, sum(leg.target_kg) AS gained_kg, 0 AS anew_kg
    FROM account AS source
    INNER JOIN leg ON leg.source = source.id
    WHERE source.kind = 'gained'
    GROUP BY leg.target, leg.movement
    UNION ALL
    SELECT ticket.account, leg.movement, 0, sum(leg.target_kg)
    FROM ticket
    INNER JOIN leg ON leg.target = ticket.account
    INNER JOIN account AS source
        ON
            source.id = leg.source AND source.kind = 'lot'
            AND source.document_id = coalesce(ticket.onward_contract_id, ticket.contract_id, ticket.slip_id)
    WHERE ticket.refused_kg > 0 OR ticket.back_kg IS NOT NULL
    GROUP BY ticket.account, leg.movement
),

struck AS (
    SELECT movement, sum(hi - lo) AS kg FROM hole WHERE side = 'in' AND kind = 'cut' GROUP BY movement
),

beside AS (
    SELECT
        came.account,
        sum(came.gained_kg - CASE came.anew_kg WHEN 0 THEN coalesce(struck.kg, 0) ELSE 0 END)::bigint AS gained_kg,
        sum(came.anew_kg - CASE came.gained_kg WHEN 0 THEN coalesce(struck.kg, 0) ELSE 0 END)::bigint AS anew_kg
    FROM came
    LEFT JOIN struck ON struck.movement = came.movement
    GROUP BY came.account
)

SELECT
    number, account, out_kg, in_kg,
    closed_kg + CASE
        WHEN refused_kg = 0 THEN split_kg
        -- What was refused and goes to another buyer is split off, too: as much as its contract counts, not as much as moves.
        ELSE coalesce((SELECT sum(kg) FROM ticket_act WHERE ticket_id = ticket.id AND kind = 'split'), 0)::bigint
    END,
    state = 'lost', refused_kg,
    back_kg IS NULL AND state <> 'out', coalesce(beside.gained_kg, 0), coalesce(beside.anew_kg, 0), back_kg, parent_id IS NOT NULL,
    coalesce(mine_id, project_id, stock_id) IS NOT NULL
FROM ticket
LEFT JOIN beside USING (account)
WHERE back_kg IS NOT NULL OR state <> 'returned' OR refused_kg > 0
"""
# What went on under another ticket counts there; what was refused counts as shipped until it has come back.
COUNTED_OTHERWISE = """
SELECT contract.number, contract.shipped_kg, contract.received_kg, loads.shipped_kg AS shipped, loads.received_kg AS received
FROM contract
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(
            out_kg - split_kg
            - CASE WHEN back_kg IS NULL THEN 0 ELSE least(refused_kg, out_kg - split_kg) END
        ) FILTER (WHERE state <> 'returned'), 0) AS shipped_kg,
        coalesce(sum(greatest(
            0, in_kg - refused_kg - CASE refused_kg WHEN 0 THEN coalesce(back_kg, 0) ELSE 0 END
        )), 0) AS received_kg
    FROM (
        SELECT * FROM ticket WHERE ticket.contract_id = contract.id
        UNION ALL
        SELECT * FROM ticket WHERE ticket.onward_contract_id = contract.id
    ) AS load
) AS loads
WHERE contract.shipped_kg <> loads.shipped_kg OR contract.received_kg <> loads.received_kg
"""
ACTS = """
SELECT act.id, act.ticket_id, act.kind, act.kg, act.reason, cardinality(act.movement_ids) AS named, posted.*
FROM ticket_act AS act
CROSS JOIN LATERAL (
    SELECT
        count(DISTINCT leg.movement) AS movements, coalesce(sum(leg.source_kg), 0) AS posted_kg,
        array_agg(DISTINCT leg.fact) AS facts
    FROM leg WHERE leg.movement = ANY(act.movement_ids)
) AS posted
WHERE act.movement_ids <> '{}'
"""
# What deeds move since the scales have told otherwise.
MOVED_SINCE = """
SELECT act.id, act.ticket_id, act.kind, act.kg, act.reason, said.version, cardinality(said.movement_ids) AS named, posted.*
FROM ticket_act_version AS said
INNER JOIN ticket_act AS act ON act.id = said.act_id
CROSS JOIN LATERAL (
    SELECT count(DISTINCT leg.movement) AS movements, array_agg(DISTINCT leg.fact) AS facts
    FROM leg WHERE leg.movement = ANY(said.movement_ids)
) AS posted
WHERE said.movement_ids <> '{}'
"""

RUN_OTHERWISE = """
SELECT
    run.number, run.in_kg, run.lost_kg, posted.in_kg AS posted_in, posted.lost_kg AS posted_lost, made.kg, made.posted_kg
FROM run
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(leg.source_kg) FILTER (WHERE leg.target = run.account), 0) AS in_kg,
        coalesce(sum(leg.source_kg) FILTER (WHERE target.kind = 'lost'), 0) AS lost_kg
    FROM leg
    INNER JOIN account AS target ON target.id = leg.target
    WHERE leg.movement = ANY(run.movement_ids) AND leg.fact = run.fact
) AS posted
CROSS JOIN LATERAL (
    SELECT
        sum(run_output.kg) AS kg,
        sum((
            SELECT sum(leg.target_kg) FROM leg
            WHERE leg.movement = ANY(run.movement_ids) AND leg.fact = run.fact AND leg.target = lot.account
        )) AS posted_kg
    FROM run_output
    INNER JOIN lot ON lot.output_id = run_output.id
    WHERE run_output.run_id = run.id
) AS made
WHERE
    (run.in_kg, run.lost_kg, made.kg) IS DISTINCT FROM (posted.in_kg, posted.lost_kg, made.posted_kg)
"""


async def weighings_stand_behind_their_entries(
    connection: asyncpg.Connection, books: Books, findings: Findings
) -> None:
    """What a scale said is what was posted for it, and the leaves bind it."""
    async for row in connection.cursor(WEIGHED_OTHERWISE):
        message = (
            f"weighing {row['id']} says {row['net_kg']} kg in {row['named']} movements; its entries say {row['kg']} kg"
        )
        findings.add("weighing", None, f"{message} in {row['movements']}")


async def tickets_are_what_their_loads_hold(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """A ticket's weights, and what was refused of it, are what came into its load and went out of it."""
    totals = books.columns.totals
    async for row in connection.cursor(TICKETS, prefetch=5_000):
        number, account, out_kg, in_kg, aside_kg, is_lost, refused_kg, went_on, has_gained, anew_kg, back_kg, *sort = (
            row
        )
        rest_kg = (out_kg or 0) - aside_kg
        if out_kg is None:
            come, gone = 0, in_kg or 0
        elif in_kg is None:
            come, gone = out_kg, aside_kg + (max(0, rest_kg) if is_lost else 0)
        else:
            come = gone = aside_kg + max(rest_kg, in_kg)
        gained_kg = come - (out_kg or 0)
        if refused_kg:
            # Of what was refused a part never came into the lot, and the others came back out of it.
            come, gone = come + anew_kg, gone + anew_kg - (0 if went_on else refused_kg)
        if back_kg is not None:
            if in_kg is None or refused_kg:
                # What did not come back with it was lost, or is the seller's.
                on_board_kg = refused_kg or rest_kg
                credited_kg = min(back_kg, on_board_kg - anew_kg)
                gone += on_board_kg - credited_kg
            else:
                credited_kg = min(back_kg, in_kg) - anew_kg
                come, gone = come + anew_kg, gone + anew_kg - credited_kg
            is_part, has_source = sort
            if not is_part:
                come -= credited_kg  # it never left
            elif has_source:
                gone += credited_kg
        has_come, has_gone = totals(account)
        if (has_come, has_gone) != (come, gone):
            message = f"ticket {number}: {come} kg came and {gone} kg went, its load says {has_come} and {has_gone}"
            findings.add("ticket", None, message)
        elif back_kg is None and has_gained != gained_kg:
            message = f"ticket {number}: {gained_kg} kg more arrived than had left, its load gained {has_gained}"
            findings.add("ticket", None, message)


async def contracts_count_their_loads(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """What a contract has shipped and received is what its tickets say."""
    async for row in connection.cursor(COUNTED_OTHERWISE):
        message = f"contract {row['number']} counts {row['shipped_kg']} kg shipped and {row['received_kg']} kg received"
        findings.add("contract", None, f"{message}, its tickets {row['shipped']} and {row['received']}")


async def runs_stand_behind_their_entries(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """What a plant has filed of a run is what was posted for it, and the leaves bind it."""
    async for row in connection.cursor(RUN_OTHERWISE):
        message = f"run {row['number']} says {row['in_kg']} kg in, {row['kg']} kg out and {row['lost_kg']} kg lost"
        posted = f"{row['posted_in']}, {row['posted_kg']} and {row['posted_lost']}"
        findings.add("run", None, f"{message}; its entries say {posted}")


async def acts_stand_behind_their_entries(connection: asyncpg.Connection, books: Books, findings: Findings) -> None:
    """What somebody did to a ticket is what was posted for it, and the leaves bind it."""
    async for row in connection.cursor(ACTS):
        moved_a_part = row["kind"] in ("refused", "apportioned")
        fits = row["movements"] == row["named"] and row["facts"] == [act_fact(row)]
        if not fits or (not moved_a_part and row["posted_kg"] != row["kg"]):
            message = f"act {row['id']} ({row['kind']}) says {row['kg']} kg; its entries say {row['posted_kg']} kg"
            findings.add("act", None, f"{message} in {row['movements']} of {row['named']} movements")
    async for row in connection.cursor(MOVED_SINCE):
        if row["movements"] != row["named"] or row["facts"] != [act_fact(row)]:
            message = f"version {row['version']} of act {row['id']} ({row['kind']})"
            findings.add("act", None, f"{message} names movements that are not its own")


def act_fact(row: asyncpg.Record) -> bytes:
    """What entries bind of what somebody did to a ticket."""
    said = json.dumps([row["kind"], row["kg"], row["reason"]], ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(b"meisu ticket act 1\n" + row["id"].bytes + row["ticket_id"].bytes + said).digest()
