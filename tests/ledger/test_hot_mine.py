"""Many scales at once: one mine whose quota runs out, storms of repeats, and batches cut anywhere."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from service.actions.tickets import Order, issue_tickets
from service.actions.weighings import Sent, Weighed, weigh_all
from service.db import Connection
from service.domain.alerts import Flag
from service.domain.weighings import Record, Status
from service.keys import Purpose
from service.routes.records import RecordIn
from service.routes.tickets import TicketIn
from tests import cast, yard

pytestmark = pytest.mark.anyio

CLIENTS = 64
LOADS = 4


async def prepare(
    app: FastAPI, quota_kg: int, count: int, plate_of: Callable[[int], str] = "辽C{:05}".format
) -> list[tuple[str, str]]:
    """A mine with a tranche, and the numbers and plates of its tickets."""
    now = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, quota_kg, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        contract_id = await yard.contract(connection, at=now)
        wishes = [
            TicketIn.model_validate(yard.ticket_in(contract_id, now, plate=plate_of(n))).wish() for n in range(count)
        ]
        orders = [Order(cast.PAIZHAI_CLERK.actor, wish) for wish in wishes]
        await issue_tickets(connection, orders, at=now, keys=app.state.keys)
        return [
            (row["number"], row["plate"])
            for row in await connection.fetch("SELECT number, plate FROM ticket ORDER BY id")
        ]


def sent(record: Record, station: cast.Person = cast.BRIDGE_7_DEVICE) -> Sent:
    assert station.station_id is not None
    return Sent(station.station_id, station.id, timedelta(), record)


def record(ticket: tuple[str, str] | None, direction: str, net_kg: int, at: datetime, **changed: Any) -> Record:
    named = {"number": ticket[0], "plate": ticket[1]} if ticket else None
    return RecordIn.model_validate_json(json.dumps(yard.record(named, direction, net_kg, at, **changed))).record()


async def test_64_clients_at_one_mine_while_its_quota_runs_out(
    app: FastAPI, second_app: FastAPI, token_for: Callable[[cast.Person], str]
) -> None:
    """E49."""
    quota_kg = 4_000_000
    tickets = await prepare(app, quota_kg, CLIENTS * LOADS)
    rng = random.Random(7)
    now = app.state.clock.now()
    loads = [
        yard.record({"number": number, "plate": plate}, "out", rng.randrange(20_000, 34_000), now)
        for number, plate in tickets
    ]
    headers = {"Authorization": f"Bearer {token_for(cast.BRIDGE_7_DEVICE)}"}

    async def client(number: int) -> list[dict[str, Any]]:
        transport = httpx.ASGITransport((app, second_app)[number % 2])
        results = []
        async with httpx.AsyncClient(transport=transport, base_url="http://meisu.test", headers=headers) as scale:
            for load in loads[number::CLIENTS]:
                answer = await scale.post("/v1/weighings", json=load)
                assert answer.status_code == 200, answer.text
                results += answer.json()["results"]
        return results

    answers = [answer for of_client in await asyncio.gather(*map(client, range(CLIENTS))) for answer in of_client]

    assert {answer["status"] for answer in answers} == {"accepted"}
    flagged = {
        UUID(id_) for answer in answers if "quota-overdrawn" in answer["flags"] for id_ in answer["movement_ids"]
    }
    async with app.state.database.transaction(readonly=True) as connection:
        legs = await connection.fetch(
            "SELECT movement, source_lo, source_kg, over_kg FROM leg l JOIN account a ON a.id = l.source"
            " WHERE a.kind = 'quota' ORDER BY seq"
        )
        overdraws = await connection.fetch("SELECT * FROM overdraw")
    assert sum(leg["source_kg"] for leg in legs) == sum(load["gross_kg"] - load["tare_kg"] for load in loads)
    total = 0
    for leg in legs:
        assert leg["source_lo"] == total
        total += leg["source_kg"]
        assert leg["over_kg"] == min(leg["source_kg"], max(0, total - quota_kg))
        assert (leg["movement"] in flagged) == (total > quota_kg)
    assert [(row["peak_kg"], row["closed_at"]) for row in overdraws] == [(total - quota_kg, None)]


async def test_a_storm_of_repeats_changes_nothing(app: FastAPI, second_app: FastAPI) -> None:
    """E12, E49: no repeat is answered with a quota that is used up."""
    tickets = await prepare(app, 200_000, 10)
    now = app.state.clock.now()
    loads = [sent(record(ticket, "out", 30_000, now)) for ticket in tickets]

    async def repeat(number: int) -> list[Weighed]:
        batcher = (app, second_app)[number % 2].state.weighings
        shuffled = random.Random(number).sample(loads, len(loads))
        answers: list[Weighed] = await batcher.submit(shuffled)
        return sorted(answers, key=lambda answer: answer.id)

    storms = await asyncio.gather(*map(repeat, range(32)))

    for answers in zip(*storms, strict=True):
        assert [answer.status for answer in answers].count(Status.ACCEPTED) == 1
        assert len({(tuple(answer.movement_ids), tuple(answer.flags)) for answer in answers}) == 1
    async with app.state.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("SELECT count(*) FROM weighing") == 10
        assert (
            await connection.fetchval(
                "SELECT sum(source_kg) FROM leg l JOIN account a ON a.id = l.source WHERE a.kind = 'quota'"
            )
            == 300_000
        )


async def test_w04_two_batches_that_name_the_same_tickets_both_find_them(app: FastAPI) -> None:
    """E12: stations at both ends come back at once: the second batch has waited for the tickets that the first one changes."""
    tickets = await prepare(app, 300_000, 8)
    at = app.state.clock.now()
    sign = app.state.keys.current(Purpose.LEDGER)
    departures = [sent(record(ticket, "out", 31_200, at)) for ticket in tickets]
    arrivals = [sent(record(ticket, "in", 31_140, at), cast.PLANT_TWO_DEVICE) for ticket in tickets]
    for station in (cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE):  # whose books are there already
        async with app.state.database.steady_transaction() as connection:
            await weigh_all(connection, [sent(record(None, "out", -5, at), station)], at=at, sign=sign)

    async def arrive() -> Sequence[Weighed]:
        async with app.state.database.steady_transaction() as connection:
            return await weigh_all(connection, arrivals, at=at, sign=sign)

    async with app.state.database.steady_transaction() as connection:
        left = await weigh_all(connection, departures, at=at, sign=sign)
        arriving = asyncio.create_task(arrive())
        await asyncio.sleep(0.2)
    arrived = await arriving

    assert {answer.status for answer in [*left, *arrived]} == {Status.ACCEPTED}
    # One counter numbers the records of both stations.
    assert {flag for answer in [*left, *arrived] for flag in answer.flags} <= {Flag.SEQUENCE_GAP}
    async with app.state.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("SELECT array_agg(DISTINCT state) FROM ticket") == ["delivered"]


def story(rng: random.Random, tickets: Sequence[tuple[str, str]], now: datetime) -> list[Sent]:
    """What real life sends: loads out and in, in any order, repeated, scanned twice, without a paper, impossible."""
    told: list[Sent] = []
    for place in range(rng.randrange(5, 40)):
        at = now - timedelta(minutes=rng.randrange(50), seconds=rng.randrange(60))
        ticket = rng.choice([*tickets, None])
        direction = rng.choice(["out", "out", "in", "in", "back"])
        station = rng.choice([cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE])
        net_kg = rng.choice([30_000, 30_010, 31_200, 20_000, 60_000, 90_000, -5])
        changed = {"sequence": rng.choice([place, place, rng.randrange(40)])}
        if rng.random() < 0.1:
            changed["plate"] = "辽C99999"
        match rng.choice(["new", "new", "new", "repeat", "twice", "reuse"]) if told else "new":
            case "new":
                told.append(sent(record(ticket, direction, net_kg, at, **changed), station))
            case "repeat":
                told.append(rng.choice(told))
            case "twice":
                first = rng.choice(told)
                again = replace(
                    first.record,
                    id=UUID(int=rng.getrandbits(128)),
                    weighed_at=first.record.weighed_at + timedelta(seconds=9),
                )
                told.append(replace(first, record=again))
            case "reuse":
                first = rng.choice(told)
                told.append(replace(first, record=replace(first.record, gross_kg=first.record.gross_kg + 1)))
    return told


async def end_of(connection: Connection, batches: Sequence[Sequence[Sent]], *, at: datetime, sign: Any) -> Any:
    """All that a reader could see after these batches, without the ids that the service draws itself."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        answers = [answer for batch in batches for answer in await weigh_all(connection, batch, at=at, sign=sign)]
        tables = [
            await connection.fetch(sentence)
            for sentence in (
                "SELECT number, state, out_kg, out_at, in_kg, in_at, back_kg, ended_at FROM ticket ORDER BY number",
                "SELECT shipped_kg, received_kg FROM contract ORDER BY id",
                "SELECT station_id, seen::text FROM station_book ORDER BY station_id",
                "SELECT record_id, station_id, status, duplicate_of, flags, net_kg FROM weighing ORDER BY station_id, record_id",
                "SELECT s.kind::text AS source, source_lo, source_kg, t.kind::text AS target, target_lo, over_kg, cover_kg,"
                " source_behind, target_behind, l.occurred_at"
                " FROM leg l JOIN account s ON s.id = l.source JOIN account t ON t.id = l.target ORDER BY seq",
                "SELECT a.kind::text, side, lo, hi, h.kind, debt_kg FROM hole h JOIN account a ON a.id = h.account ORDER BY seq",
                "SELECT debt_kg, peak_kg, cause FROM overdraw ORDER BY opened_seq",
                "SELECT jurisdiction, year, seq, over_kg, cause, occurred_at FROM pool_excess ORDER BY jurisdiction, year, seq",
                "SELECT code, subject_kind, settled_at IS NULL, count(*) FROM alert"
                " WHERE settled_at IS NULL OR code IN ('quota-overdrawn', 'pool-overdrawn') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            )
        ]
        return (
            [
                (
                    answer.id,
                    answer.status,
                    len(answer.movement_ids),
                    tuple(answer.flags),
                    answer.duplicate_of,
                    answer.refusal and answer.refusal.code,
                )
                for answer in answers
            ],
            [[tuple(row.values()) for row in table] for table in tables],
        )
    finally:
        await transaction.rollback()


async def test_the_result_is_the_same_however_the_stream_is_cut(app: FastAPI) -> None:
    """W04, E49."""
    tickets = await prepare(app, 150_000, 6)
    at = app.state.clock.now()
    sign = app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.pool.acquire() as connection:
        for seed in range(15):
            rng = random.Random(seed)
            told = story(rng, tickets, at)
            whole = await end_of(connection, [told], at=at, sign=sign)
            singly = await end_of(connection, [[one] for one in told], at=at, sign=sign)
            cuts = sorted({0, len(told), *(rng.randrange(len(told)) for _ in range(4))})
            parts = [told[lo:hi] for lo, hi in pairwise(cuts)]
            assert singly == whole, seed
            assert await end_of(connection, parts, at=at, sign=sign) == whole, seed


async def test_what_is_told_again_changes_nothing_in_its_batch_or_in_another(
    app: FastAPI, request: pytest.FixtureRequest
) -> None:
    """E7, W04: a record counts once however often it is told, in whatever batch, and another body under its id is refused."""
    tickets = await prepare(app, 150_000, 6)
    at = app.state.clock.now()
    sign = app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.pool.acquire() as connection:
        # In 66 a record is scanned twice, and told again after a third has changed what was said of it.
        for seed in range(500) if request.config.getoption("--soak") else (*range(14), 66):
            rng = random.Random(1_000 + seed)
            told = list({one.key: one for one in reversed(story(rng, tickets, at))}.values())[::-1]
            again = list(told)
            for _ in range(rng.randrange(1, 20)):
                place = rng.randrange(len(again))
                again.insert(rng.randrange(place + 1, len(again) + 1), again[place])
            cuts = sorted({0, len(again), *(rng.randrange(len(again)) for _ in range(4))})

            answers, tables = await end_of(connection, [again[lo:hi] for lo, hi in pairwise(cuts)], at=at, sign=sign)
            first_answers, first_tables = await end_of(connection, [told], at=at, sign=sign)

            assert tables == first_tables, seed
            first = {answer[0]: answer for answer in first_answers}
            seen: set[UUID] = set()
            for id_, status, moved, flags, _, refused in answers:
                known = first[id_]
                assert (moved, flags, refused) == (known[2], known[3], known[5]), seed
                # A refusal is an answer too: told again it is the same refusal.
                is_repeat = id_ in seen and known[1] is not Status.REFUSED
                assert status == (Status.DUPLICATE if is_repeat else known[1]), seed
                seen.add(id_)
