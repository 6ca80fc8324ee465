"""The sentences of a batch are planned once, when the books may still be empty: the plans must do for full ones."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from service.actions.tickets import Order, issue_tickets
from service.actions.weighings import weigh_all
from service.db import STEADILY, Connection
from service.embedded import Endpoints
from service.keys import Purpose
from service.routes.tickets import TicketIn
from service.routes.weighings import AT_ONCE, rehearse
from service.store import provenance
from tests import cast, yard
from tests.ledger.test_hot_mine import prepare, record, sent

pytestmark = pytest.mark.anyio

LONG = 2_000
ROWS_OF_A_LOAD = 60  # of all tables together; in a new book its ticket and its weighing look at some 45

YEARS = [
    """
    INSERT INTO weighing SELECT copied.*
    FROM weighing AS w, generate_series(2, $1) AS n, jsonb_populate_record(NULL::weighing, to_jsonb(w) || jsonb_build_object(
        'id', gen_random_uuid(), 'record_id', gen_random_uuid(), 'ticket_id', NULL, 'plate', '吉D' || n, 'sequence', n,
        'weighed_at', weighed_at - n * interval '1 hour', 'occurred_at', occurred_at - n * interval '1 hour'
    )) AS copied
    """,
    """
    INSERT INTO ticket SELECT copied.*
    FROM ticket AS t, generate_series(1, $1) AS n, jsonb_populate_record(NULL::ticket, to_jsonb(t) || jsonb_build_object(
        'id', gen_random_uuid(), 'number', t.number || n, 'code', t.code || n, 'plate', '吉D' || n, 'state', 'delivered'
    )) AS copied
    WHERE t.out_at IS NOT NULL
    """,
    """
    INSERT INTO allotment SELECT copied.*
    FROM allotment AS a, generate_series(1, $1) AS n, jsonb_populate_record(NULL::allotment, to_jsonb(a) || jsonb_build_object(
        'id', gen_random_uuid(), 'to_jurisdiction', '210300', 'mine_id', NULL, 'document_no', document_no || n
    )) AS copied
    WHERE a.mine_id IS NOT NULL
    """,
]


async def rows_read(connection: Connection) -> Counter[str]:
    """How many rows the transaction has looked at, by table."""
    found = await connection.fetch(
        "SELECT relname, coalesce(idx_tup_fetch, 0) + seq_tup_read AS rows FROM pg_stat_xact_user_tables"
    )
    return Counter({row["relname"]: row["rows"] for row in found})


async def test_a_load_costs_the_same_after_years(app: FastAPI) -> None:
    """Its ticket, and what its mine's scale says of it."""
    await rehearse(app.state)
    tickets = await prepare(app, 10**9, AT_ONCE)
    at = app.state.clock.now()
    sign = app.state.keys.current(Purpose.LEDGER)
    read = []
    async with app.state.database.steady_transaction() as connection:
        contract_id = await connection.fetchval("SELECT id FROM contract")
        for n, ticket in enumerate(tickets):
            before = await rows_read(connection)
            load = sent(record(ticket, "out", 31_000, at + n * timedelta(minutes=20), sequence=n * (LONG + 1)))
            [weighed] = await weigh_all(connection, [load], at=at, sign=sign)
            assert len(weighed.movement_ids) == 1
            wish = TicketIn.model_validate(yard.ticket_in(contract_id, at, plate=f"辽C8888{n}")).wish()
            await issue_tickets(connection, [Order(cast.PAIZHAI_CLERK.actor, wish)], at=at, keys=app.state.keys)
            read.append(await rows_read(connection) - before)
            if n == 0:
                for sentence in YEARS:
                    await connection.execute(sentence, LONG)

    assert read[-1].total() < ROWS_OF_A_LOAD, read


WALKS = {
    "trace_back": ("bigint[], bigint[], bigint[], bigint, boolean, boolean", "'{1}', '{0}', '{9}', 5, FALSE, FALSE"),
    "trace_forward": ("bigint[], bigint[], bigint[], bigint, boolean, integer", "'{1}', '{0}', '{9}', 5, FALSE, 9"),
    "lineage": (
        "bigint[], bigint[], bigint[], bigint, boolean, integer, integer[], bigint, uuid[]",
        "'{1}', '{0}', '{9}', 5, TRUE, 9, '{0}', 9, '{}'",
    ),
    "whereabouts": ("bigint[], bigint[], bigint[], bigint, integer", "'{1}', '{0}', '{9}', 5, 9"),
    "places": ("bigint[], bigint", "'{1}', 5"),
    "deliveries": ("uuid[], bigint", "'{}', 5"),
}


async def test_an_empty_book_that_was_vacuumed_is_walked_by_the_same_indexes(endpoints: Endpoints) -> None:
    """All indexes cost nothing then: only what the question itself rules out is not taken."""
    owner, service = [await asyncpg.connect(url) for url in (endpoints.owner_database_url, endpoints.database_url)]
    try:
        new = await planned(service)
        await owner.execute("VACUUM account, leg, hole")
        vacuumed = await planned(service)
    finally:
        await owner.close()
        await service.close()

    assert vacuumed == new
    for walk, scans in new.items():
        assert not [scan for scan in scans if scan[1] is None], walk


async def planned(connection: Connection) -> dict[str, list[tuple[str, str | None]]]:
    """By which index, and where in it, each sentence of the walks reads its tables when it is planned anew."""
    found = {}
    async with connection.transaction():
        await connection.execute(STEADILY)
        for name, (kinds, values) in WALKS.items():
            await connection.execute(f"PREPARE walk ({kinds}) AS {provenance.SQL[name]}")
            plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE walk ({values})"))
            await connection.execute("DEALLOCATE walk")
            found[name] = scans_of(plan[0]["Plan"])
    return found


def scans_of(plan: dict[str, Any]) -> list[tuple[str, str | None]]:
    """The indexes of a plan from the top, and the tables that it reads whole."""
    read = plan.get("Index Name") or (plan.get("Relation Name") if plan["Node Type"] == "Seq Scan" else None)
    here = [(read, plan.get("Index Cond"))] if read else []
    return here + [scan for below in plan.get("Plans", []) for scan in scans_of(below)]
