"""The auditor holds what was filed, counted, corrected and told of caps against hashes and entries (W09, R06, R22, R24, P02)."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

import migrations
from service.actions.deadlines import declare_outage, enter_days
from service.actions.policies import decide_policy
from service.domain.policies import Changes
from service.embedded import Endpoints
from service.keys import Purpose
from service.store import papers, sweeps
from service.verify import Finding
from service.verify.database import verify
from service.verify.database.checks import CHECKS
from service.verify.database.contracts import contracts_are_what_was_filed, days_are_what_the_calendar_says
from service.verify.database.entered import BOUND, HELD, papers_are_what_was_entered
from service.verify.database.entries import read_book
from service.verify.database.filings import filings_are_what_their_hashes_say
from service.verify.database.journeys import tickets_stand_where_they_were_brought
from service.verify.database.papers import contracts_count_their_loads, tickets_are_what_their_loads_hold
from service.verify.database.sealed import papers_are_sealed
from service.verify.decided import DECISIONS
from service.verify.findings import Findings
from tests import cast, yard
from tests.cast import ANSHAN, BRIDGE_7_DEVICE, LI, PAIZHAI_CLERK, PLANT_CLERK
from tests.routes.filing import ON_DAY_1, at, contract, receive, slip
from tests.routes.quota import MINE, allot, allotment, base, fill_pools

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]

MIGRATION = (Path(migrations.__file__).parent / "versions" / "0033_done.sql").read_text(encoding="utf-8")
ENTERED_AGAIN = "INSERT INTO paper_due (kind, subject_id, fact, is_older, entered_at) SELECT"
DAMAGES = [
    ("filing", "UPDATE filing SET terms = terms || '{\"kg\": 1}' WHERE version = 1"),
    ("filing", "UPDATE filing SET filed_at = filed_at + interval '1 us' WHERE party = 'buyer' AND version = 1"),
    (
        "filing",
        "DELETE FROM filing WHERE party = 'seller' AND version = 1 AND contract_id IN (SELECT contract_id FROM amendment)",
    ),
    ("filing", "UPDATE contract SET kg = kg + 1 WHERE number = 'HT-1'"),
    ("filing", "UPDATE contract SET valid_until = valid_until + 1 WHERE number = 'HT-1'"),
    ("filing", "UPDATE amendment SET reason = reason || '。'"),
    ("slip", "UPDATE slip SET kg = kg - 1 WHERE by_tickets"),
    ("slip", "UPDATE slip SET handed_on = handed_on - 1 WHERE NOT by_tickets"),
    ("slip", "UPDATE slip SET movement_id = NULL WHERE NOT by_tickets"),
    ("run", "UPDATE run SET number = 'JG-2'"),
    ("run", "UPDATE run_output SET name = name || '粉'"),
    ("run", "UPDATE run_input SET kg = kg + 1"),
    ("stocktake", "UPDATE stocktake SET counted_kg = counted_kg + 1"),
    ("stocktake", "UPDATE stocktake SET movement_id = (SELECT movement FROM leg WHERE seq = 1)"),
    ("version", "UPDATE weighing_version SET gross_kg = gross_kg + 10, tare_kg = tare_kg + 10 WHERE version = 2"),
    ("version", "UPDATE weighing_version SET net_kg = net_kg + 1 WHERE version = 2"),
    ("version", "DELETE FROM weighing_version WHERE version = 2"),
    ("version", "DELETE FROM weighing_version WHERE version = 3"),
    ("version", "DELETE FROM weighing_version WHERE status = 'void'"),
    ("version", "UPDATE weighing_version SET recorded_at = recorded_at - interval '1 day' WHERE version = 3"),
    ("version", "UPDATE weighing_version SET movement_ids = ARRAY[gen_random_uuid()] WHERE version = 3"),
    ("excess", "UPDATE pool_excess SET over_kg = over_kg + 1 WHERE over_kg > 0 AND jurisdiction = '210300'"),
    ("excess", "UPDATE pool_excess SET movement = gen_random_uuid()"),
    ("excess", "UPDATE pool_excess SET seq = seq - 1 WHERE over_kg > 0"),
    ("excess", "DELETE FROM pool_excess WHERE over_kg = 0 AND jurisdiction = '210300'"),
    ("excess", "DELETE FROM pool_excess WHERE over_kg > 0 AND jurisdiction = '210381'"),
    ("excess", "DELETE FROM pool_excess"),
    ("excess", "UPDATE pool_excess SET occurred_at = occurred_at - interval '1 hour' WHERE over_kg > 0"),
    ("overdraw", "UPDATE overdraw SET occurred_at = occurred_at - interval '1 hour'"),
    ("overdraw", "UPDATE overdraw SET discovered_at = discovered_at - interval '1 hour'"),
    ("allotment", "UPDATE allotment SET kg = kg + 1 WHERE kind = 'base'"),
    ("allotment", "UPDATE allotment SET kg = kg - 1 WHERE kg < 0"),
    ("allotment", "UPDATE allotment SET document_no = document_no || '-1' WHERE kind = 'base'"),
    (
        "allotment",
        "UPDATE allotment SET mine_id = (SELECT id FROM mine WHERE id <> mine_id LIMIT 1) WHERE kind = 'base'",
    ),
    ("allotment", "UPDATE allotment SET issued_on = issued_on - 1 WHERE kind = 'base'"),
    ("allotment", "UPDATE allotment_step SET taken_on = taken_on - 1 WHERE step = 'issue'"),
    ("allotment", "UPDATE allotment_step SET step = 'draft' WHERE step = 'issue'"),
    ("allotment", "DELETE FROM allotment_step; DELETE FROM allotment WHERE kind = 'base'"),
    ("lot", "UPDATE lot SET grade = grade || '品'"),
    ("lot", "UPDATE lot SET holder_id = (SELECT id FROM enterprise WHERE id <> holder_id LIMIT 1)"),
    ("ticket", "UPDATE ticket SET seller_id = buyer_id"),
    ("ticket", "UPDATE ticket SET account = (SELECT min(id) FROM account)"),
    ("account", "DELETE FROM lot WHERE output_id IS NOT NULL"),
    ("ticket", "DELETE FROM ticket WHERE state = 'cancelled'"),
    ("filing", "UPDATE filing SET first_filed_at = first_filed_at - interval '20 days' WHERE version = 1"),
    ("ticket_act", "DELETE FROM ticket_act WHERE kind = 'cancelled'"),
    (
        "ticket_act",
        "INSERT INTO ticket_act SELECT gen_random_uuid(), id, 'lost', NULL, '{}', '之', '{}', now(), id FROM ticket",
    ),
    ("ticket_expiry", "DELETE FROM ticket_expiry"),
    ("ticket_expiry", "INSERT INTO ticket_expiry SELECT id, now() FROM ticket WHERE state = 'cancelled'"),
    ("filing", f"{ENTERED_AGAIN} 'filing', id, fact, FALSE, now() FROM filing"),
    ("ticket_act", f"{ENTERED_AGAIN} 'ticket_act', id, sha256(''), FALSE, now() FROM ticket_act"),
    ("policy", "DELETE FROM policy"),
    ("calendar_day", "DELETE FROM calendar_day"),
    ("outage", "DELETE FROM outage"),
    ("deadline_move", "DELETE FROM deadline_move"),
    ("allotment_step", "DELETE FROM allotment_step"),
    (
        "policy",
        "INSERT INTO policy SELECT gen_random_uuid(), version, name, '', '30', '2026-01-01', '', '', person_id, now() FROM policy",
    ),
    (
        "calendar_day",
        "INSERT INTO calendar_day SELECT gen_random_uuid(), 1, '2026-03-07', TRUE, '', id, now() FROM person",
    ),
    (
        "outage",
        "INSERT INTO outage SELECT gen_random_uuid(), 1, '2026-03-01', '2026-03-02', '', '', id, now() FROM person",
    ),
    (
        "deadline_move",
        "INSERT INTO deadline_move SELECT gen_random_uuid(), duty, subject_id, was_due_on, due_on, was_provisional,"
        " is_provisional, version, now() FROM deadline_move",
    ),
    (
        "allotment_step",
        "INSERT INTO allotment_step SELECT gen_random_uuid(), id, 'withdraw', '2026-03-01', id, '2026-03-01' FROM allotment",
    ),
    ("outage", f"{ENTERED_AGAIN} 'outage', id, sha256(''), FALSE, now() FROM outage"),
    ("head", "DELETE FROM head"),
]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


async def filed(by: By, terms: dict[str, Any]) -> str:
    await by(PAIZHAI_CLERK).post("/v1/contracts", json=terms)
    answer = await by(PLANT_CLERK).post("/v1/contracts", json=terms)
    assert answer.json()["state"] == "filed", answer.text
    made: str = answer.json()["id"]
    return made


async def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    says: dict[str, Any] = answer.json()
    return says


@pytest.fixture
async def stage(app: FastAPI, by: By) -> None:
    """Of everything that is filed something: amended, counted, run, corrected, taken back, beyond the cap, and covered."""
    now = at(app, ON_DAY_1)
    await fill_pools(by, 250_000)
    await allot(by(ANSHAN), base(250_000))
    await allot(by(ANSHAN), allotment("adjustment", "210381", MINE, -1_000, reason="秩序整顿"))
    contract_id = await filed(by, contract())
    change = {"agreed_on": "2026-03-03", "reason": "追加数量", "kg": 150_000, "grade": "特级品"}
    amendment = await done(await by(PAIZHAI_CLERK).post(f"/v1/contracts/{contract_id}/amendments", json=change))
    path = f"/v1/contracts/{contract_id}/amendments/{amendment['id']}/confirm"
    await done(await by(PLANT_CLERK).post(path))
    lot = await receive(app, await filed(by, contract(number="HT-2", kg=21_000)), cast.PLANT_TWO.id, 21_000)
    kiln = {"enterprise_id": str(cast.PLANT_TWO.id), "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    line = await done(await by(LI).post("/v1/lines", json={**kiln, "status": "running", "ore_per_product": 2.1}))
    run = {
        "number": "JG-1",
        "line_id": line["id"],
        "ran_on": "2026-03-02",
        "inputs": [{"lot_id": str(lot), "kg": 10_500}],
    }
    await done(
        await by(PLANT_CLERK).post(
            "/v1/runs", json={**run, "outputs": [{"kind": "product", "name": "轻烧", "kg": 5_000}]}
        )
    )
    count = {
        "lot_id": str(lot),
        "counted_kg": 10_400,
        "counted_on": "2026-03-03",
        "reason": "盘点",
        "document_no": "PD-1",
    }
    counted = await done(await by(PLANT_CLERK).post("/v1/stocktakes", json=count))
    await done(await by(LI).post(f"/v1/stocktakes/{counted['id']}/decide", json={"approve": True}))
    await done(await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(number="JJ-1", by_tickets=True)))

    ids = []
    for number in range(3):
        asked = yard.ticket_in(UUID(contract_id), now, plate=f"辽C1234{number}", grade="特级品")
        ticket = await done(await by(PAIZHAI_CLERK).post("/v1/tickets", json=asked))
        record = yard.record(ticket, "out", 31_000 + number, now)
        await done(await by(BRIDGE_7_DEVICE).post("/v1/weighings", json=record))
        items = (await by(BRIDGE_7_DEVICE).get("/v1/weighings")).json()["items"]
        ids += [item["id"] for item in items if item["record_id"] == record["id"]]
    for gross_kg in (45_000, 46_500):
        body = {"gross_kg": gross_kg, "tare_kg": 15_000, "reason": "读错一位"}
        await done(await by(LI).post(f"/v1/weighings/{ids[0]}/correct", json=body))
    await done(await by(LI).post(f"/v1/weighings/{ids[1]}/void", json={"reason": "误录"}))
    await done(await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(number="JJ-2", kg=200_000)))
    at(app, (now + timedelta(minutes=1)).isoformat())
    for source, to in ((None, "210000"), ("210000", "210300"), ("210300", "210381")):
        body = {"year": 2026, "kind": "total", "from": source, "to": {"jurisdiction": to}, "kg": 50_000}
        who = ANSHAN if source == "210300" else cast.PROVINCE
        await allot(by(who), {**body, "quarter": None, "document_no": "鞍镁办〔2026〕补", "issued_on": "2026-03-03"})
    for plate in ("辽C12350", "辽C12351"):
        asked = yard.ticket_in(UUID(contract_id), now, plate=plate, grade="特级品")
        ticket = await done(await by(PAIZHAI_CLERK).post("/v1/tickets", json=asked))
        if plate == "辽C12350":
            await done(await by(PAIZHAI_CLERK).post(f"/v1/tickets/{ticket['id']}/cancel", json={"reason": "车辆故障"}))
    async with app.state.database.transaction() as connection:
        told = {"document_no": "辽1", "at": app.state.clock.now(), "actor": cast.PROVINCE.actor}
        await decide_policy(connection, Changes("slip_days", "", 20, date(2027, 1, 1)), reason="试行", **told)
        await enter_days(connection, [(date(2026, 10, 10), True)], **told)
        await declare_outage(connection, now - timedelta(hours=6), now, reason="机房断电", **told)
        ended = await sweeps.expire_tickets(connection, now + timedelta(hours=48), at=now + timedelta(hours=48))
        assert ticket["number"] in {one["number"] for one in ended}


async def test_whatever_was_filed_and_changed_is_found(stage: None, app: FastAPI, stage_endpoints: Endpoints) -> None:
    keys = app.state.keys.public_keys(Purpose.LEDGER)
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)

    async def checked() -> list[Finding]:
        findings = Findings()
        for check in CHECKS:
            if check.__module__ not in {f"service.verify.database.{name}" for name in ("papers", "signatures")}:
                await check(owner, books, findings)
        return findings.all()

    try:
        # One lot has come without a ticket, which is another finding and none of these.
        clean = await verify(owner, keys, say=lambda _: None)
        assert {finding.check for finding in clean} <= {"contract"}, clean
        books = await read_book(owner, keys, Findings())
        for check, sentence in DAMAGES:
            transaction = owner.transaction()
            await transaction.start()
            assert await owner.execute(sentence) not in ("UPDATE 0", "DELETE 0"), sentence
            assert check in {finding.check for finding in await checked()}, sentence
            await transaction.rollback()

        # What was done before acts were bound is entered as it is found (schema 0033).
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute("LOCK TABLE paper_head, paper_due, paper")
        for table in ("paper", "paper_due"):
            await owner.execute(f"DELETE FROM {table} WHERE kind LIKE 'ticket\\__%'")
        assert {finding.check for finding in await checked()} >= {"ticket_act", "ticket_expiry"}
        await owner.execute(MIGRATION)
        assert {finding.check for finding in await checked()} <= {"contract"}
        await transaction.rollback()
    finally:
        await owner.close()


CHANGED = {
    "uuid": "gen_random_uuid()",
    "text": "concat({0}, '之')",
    "bigint": "coalesce({0}, 0) + 1",
    "integer": "coalesce({0}, 0) + 1",
    "boolean": "NOT {0}",
    "date": "coalesce({0}, '2026-01-01') + 1",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 us'",
    "jsonb": "jsonb_build_object('之', {0})",
    "ARRAY": "array_append({0}, NULL)",
    "bytea": "sha256('之')",
}
COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = ANY($1)
"""
CONSTRAINTS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', conrelid::regclass, conname) AS sentence
FROM pg_constraint WHERE conrelid = ANY($1::text[]::regclass[]) AND contype <> 'n'
"""
HOLDING = (
    papers_are_what_was_entered,
    filings_are_what_their_hashes_say,
    contracts_count_their_loads,
    tickets_are_what_their_loads_hold,
    tickets_stand_where_they_were_brought,
    contracts_are_what_was_filed,
    days_are_what_the_calendar_says,
)


async def test_every_column_of_a_paper_is_bound_or_held(stage: None, app: FastAPI, stage_endpoints: Endpoints) -> None:
    """A column that is changed behind the service's back is found (B5)."""
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    try:
        books = await read_book(owner, app.state.keys.public_keys(Purpose.LEDGER), Findings())
        types = {
            (row["table_name"], row["column_name"]): row["data_type"] for row in await owner.fetch(COLUMNS, list(BOUND))
        }
        bound = {(table, column.partition(":")[0]) for table, columns in BOUND.items() for column in columns}
        held = {(table, column) for table, columns in HELD.items() for column in columns}
        assert types.keys() == bound | held
        assert len(types) == len(bound) + len(held)

        async def found() -> set[Finding]:
            findings = Findings()
            for check in HOLDING:
                await check(owner, books, findings)
            return set(findings.all())

        whole = owner.transaction()
        await whole.start()
        before = await found()
        for row in await owner.fetch(CONSTRAINTS, list(BOUND)):
            await owner.execute(row["sentence"])
        for table, column in sorted(bound | held):
            part = owner.transaction()
            await part.start()
            await owner.execute(f"UPDATE {table} SET {column} = {CHANGED[types[table, column]].format(column)}")
            told = await found() - before
            assert told, (table, column)
            if table in DECISIONS and column != "id":
                assert any(finding.check == table and f"{column} is " in finding.message for finding in told), told
            await part.rollback()
        await whole.rollback()
    finally:
        await owner.close()


UNSEALED = [
    "UPDATE paper SET fact = sha256('') WHERE seq = 2",
    "UPDATE paper SET fact = sha256(''), leaf = sha256('') WHERE seq = 2",
    "UPDATE paper SET entered_at = entered_at - interval '1 day' WHERE seq = 1",
    "UPDATE paper SET is_older = TRUE WHERE seq = 3",
    "DELETE FROM paper WHERE seq = 2",
    "DELETE FROM paper WHERE seq = (SELECT max(seq) FROM paper)",
    "UPDATE paper_checkpoint SET root = sha256('') WHERE size = (SELECT max(size) FROM paper_checkpoint)",
    "UPDATE paper_checkpoint SET recorded_at = recorded_at - interval '1 day'",
    "UPDATE paper_checkpoint SET key_id = 9",
    "DELETE FROM paper_checkpoint WHERE size = (SELECT max(size) FROM paper_checkpoint)",
    "UPDATE paper_head SET seq = seq - 1",
    "UPDATE paper_head SET frontier = sha256('')",
    "INSERT INTO paper_node (level, index, hash) VALUES (8, 0, sha256(''))",
]


async def test_a_log_of_papers_that_was_changed_is_found(stage: None, app: FastAPI, stage_endpoints: Endpoints) -> None:
    """Entries, roots, signatures and nodes (B5); what waits for its place in the log is no difference."""
    keys, sign = app.state.keys.public_keys(Purpose.LEDGER), app.state.keys.current(Purpose.LEDGER)
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)

    async def found() -> list[Finding]:
        findings = Findings()
        await papers_are_sealed(owner, keys, findings)
        return findings.all()

    try:
        async with owner.transaction():
            assert await found() == []
        async with app.state.database.transaction() as connection:
            while await papers.seal(connection, 5, at=app.state.clock.now(), sign=sign):
                pass
        async with owner.transaction():
            assert await found() == []
            assert await owner.fetchval("SELECT count(*) > 10 FROM paper")
        for sentence in UNSEALED:
            transaction = owner.transaction()
            await transaction.start()
            assert await owner.execute(sentence) not in ("UPDATE 0", "DELETE 0"), sentence
            assert await found(), sentence
            await transaction.rollback()
    finally:
        await owner.close()
