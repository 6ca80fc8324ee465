"""A day at many scales, told in any order: what the offices would see of it in the end (W04)."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from service.actions.sweeps import sweep
from service.actions.weighings import Sent, weigh_all
from service.db import Connection
from service.domain.policies import DEFAULTS
from service.domain.weighings import Direction, Record
from tests import cast
from tests.sweeping import lead

SCALES = [
    (person.station_id, person.id)
    for person in (cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE, cast.STRANGER_DEVICE)
    if person.station_id
]

SEEN = {
    "tickets": """
        SELECT
            coalesce(p.number || '/' || t.plate, t.number) AS named, t.state, t.out_kg, t.out_at, t.in_kg, t.in_at, t.back_kg,
            t.back_at, t.split_kg, t.closed_kg, t.refused_kg
        FROM ticket AS t
        LEFT JOIN ticket AS p ON p.id = t.parent_id
        ORDER BY 1
    """,
    "contracts": "SELECT id, shipped_kg, received_kg FROM contract ORDER BY id",
    "books": "SELECT station_id, seen::text, repeated FROM station_book ORDER BY station_id",
    "totals": """
        SELECT
            a.kind::text, a.owner_id, a.grade, a.year, coalesce(p.number || '/' || t.plate, t.number) AS named,
            sum((SELECT coalesce(sum(target_kg), 0) FROM leg WHERE target = a.id) - (
                SELECT coalesce(sum(hi - lo), 0) FROM hole WHERE account = a.id AND side = 'in' AND kind = 'cut'
            )) AS came,
            sum((SELECT coalesce(sum(source_kg), 0) FROM leg WHERE source = a.id) - (
                SELECT coalesce(sum(hi - lo), 0) FROM hole WHERE account = a.id AND side = 'out' AND kind = 'cut'
            )) AS went
        FROM account AS a
        LEFT JOIN ticket AS t ON t.account = a.id
        LEFT JOIN ticket AS p ON p.id = t.parent_id
        GROUP BY 1, 2, 3, 4, 5
        HAVING count(*) > 0
        ORDER BY 1, 2, 3, 4, 5
    """,
    "flags": """
        SELECT
            a.code, a.subject_kind,
            coalesce(
                w.station_id || '/' || w.record_id, p.number || '/' || t.plate, t.number, l.contract_id::text, a.subject_id
            ) AS subject,
            a.jurisdiction, ARRAY(SELECT unnest(a.parties) ORDER BY 1) AS parties,
            -- Of a station, a contract or a quota an alert names the load that was the first to break it, in the order of record.
            CASE WHEN a.subject_kind IN ('ticket', 'weighing') THEN a.occurred_at END AS occurred_at,
            CASE WHEN a.subject_kind IN ('ticket', 'weighing') THEN (
                a.facts - '{ticket,weighing,weighing_before}'::text[]
                || jsonb_build_object('told', told.record_id, 'before', before.record_id)
            )::text END AS facts
        FROM alert AS a
        LEFT JOIN weighing AS told ON told.id::text = a.facts ->> 'weighing'
        LEFT JOIN weighing AS before ON before.id::text = a.facts ->> 'weighing_before'
        LEFT JOIN weighing AS w ON a.subject_kind = 'weighing' AND w.id::text = a.subject_id
        LEFT JOIN ticket AS t ON a.subject_kind = 'ticket' AND t.id::text = a.subject_id
        LEFT JOIN ticket AS p ON p.id = t.parent_id
        LEFT JOIN lot AS l ON a.subject_kind = 'lot' AND l.id::text = a.subject_id
        WHERE a.settled_at IS NULL
        ORDER BY 1, 2, 3, 4, 5
    """,
    "said": """
        SELECT w.station_id, w.record_id, coalesce(v.status, w.status) AS status,
            CASE WHEN v.version IS NULL THEN w.duplicate_of ELSE v.duplicate_of END AS duplicate_of
        FROM weighing AS w
        LEFT JOIN LATERAL (
            SELECT * FROM weighing_version WHERE weighing_id = w.id ORDER BY version DESC LIMIT 1
        ) AS v ON TRUE
        ORDER BY 1, 2
    """,
}


async def end_of(
    connection: Connection,
    batches: Sequence[Sequence[Sent]],
    *,
    at: datetime,
    sign: Any,
    sweeps: random.Random | None = None,
) -> dict[str, Any]:
    """What there is to see after these batches, perhaps with the sweeper coming by at any time; nothing of it stays."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        if sweeps is not None:
            await lead(connection)
        for batch in batches:
            if sweeps is not None and sweeps.random() < 0.3:
                assert await sweep(connection, DEFAULTS, at=at)
            async with acts_of(connection, len(batch)):
                await weigh_all(connection, batch, at=at, sign=sign)
        if sweeps is not None:
            assert await sweep(connection, DEFAULTS, at=at)
        return await seen_of(connection)
    finally:
        await transaction.rollback()


@asynccontextmanager
async def acts_of(connection: Connection, causes: int) -> AsyncIterator[None]:
    """What one cause changes is one act, if anything: so many records or deeds make no more acts than that."""
    before: int = await connection.fetchval("SELECT act FROM head")
    yield
    assert await connection.fetchval("SELECT act FROM head") <= before + causes


async def seen_of(connection: Connection) -> dict[str, Any]:
    """What there is to see now."""
    end = {name: [tuple(row.values()) for row in await connection.fetch(ask)] for name, ask in SEEN.items()}
    end["totals"] = [row for row in end["totals"] if row[-2:] != (0, 0)]
    return end


def day(
    rng: random.Random,
    tickets: Sequence[tuple[str, str]],
    scales: Sequence[tuple[UUID, UUID]],
    count: int,
    *,
    at: datetime,
) -> list[Sent]:
    """What scales tell of a day, each by a clock of its own: lawful journeys, and all that goes wrong with them."""
    wrong = {station: timedelta(seconds=rng.randrange(-3_600, 3_600)) for station, _ in scales}
    numbers = dict.fromkeys((station for station, _ in scales), 0)
    readings = dict(numbers)
    told: list[Sent] = []

    def tell(
        scale: tuple[UUID, UUID], direction: Direction, ticket: tuple[str, str] | None, net_kg: int, when: datetime
    ) -> None:
        station, person = scale
        numbers[station] += rng.choice([1] * 30 + [2, 0])
        plate = ticket[1] if ticket and rng.random() < 0.97 else f"辽C{rng.randrange(20):05}"
        tare_kg = rng.choice([15_000] * 8 + [15_100, 18_000])
        grade = rng.choice([None] * 20 + ["LM46", "LM45"])
        readings[station] += rng.choice([1] * 30 + [0])
        record = Record(
            UUID(int=rng.getrandbits(128)), numbers[station], ticket and ticket[0], direction, plate, tare_kg + net_kg, tare_kg,
            grade, when + wrong[station], rng.random() < 0.05, None, None, rng.choice(["fresh", "fresh", "stored"]),
            reading=readings[station], stable=rng.random() < 0.97,
        )  # fmt: skip
        scans = [record]
        while rng.random() < 0.1:
            again = replace(
                record,
                id=UUID(int=rng.getrandbits(128)),
                sequence=numbers[station] + 1,
                gross_kg=record.gross_kg + rng.randrange(-20, 21),
                weighed_at=scans[-1].weighed_at + timedelta(seconds=rng.randrange(1, 90)),
            )
            numbers[station] += 1
            scans.append(again)
        if len(scans) > 1 and rng.random() < 0.4:  # of one of them the paper was not scanned
            unnamed = rng.randrange(len(scans))
            scans[unnamed] = replace(scans[unnamed], ticket=None)
        told.extend(Sent(station, person, -wrong[station], scan) for scan in scans)

    while len(told) < count:
        ticket = rng.choice(tickets) if rng.random() < 0.95 else None
        out_kg = rng.randrange(20_000, 36_000)
        left = at - timedelta(minutes=rng.randrange(90, 1_400), seconds=rng.randrange(60))
        came = left + timedelta(minutes=rng.randrange(20, 80))
        if rng.random() < 0.92:
            tell(rng.choice(scales), Direction.OUT, ticket, out_kg, left)
        if rng.random() < 0.8:
            tell(rng.choice(scales), Direction.IN, ticket, out_kg - rng.choice([0, 40, 120, 700, -60]), came)
        if rng.random() < 0.12:
            tell(
                rng.choice(scales),
                Direction.BACK,
                ticket,
                out_kg - rng.choice([0, 30, 9_000]),
                came + timedelta(minutes=7),
            )
        if rng.random() < 0.02:
            tell(rng.choice(scales), Direction.OUT, ticket, -5, left)
    return told[:count]


def told_anyhow(rng: random.Random, told: Sequence[Sent], *, repeats: int) -> list[list[Sent]]:
    """The same records in any order, some told again, cut anywhere."""
    sent = [*told, *(rng.choice(told) for _ in range(repeats))]
    rng.shuffle(sent)
    batches = []
    while sent:
        size = rng.choice([1, 1, 2, 5, 20, 60, 400])
        batches.append(sent[:size])
        sent = sent[size:]
    return batches


async def lay_out(app: FastAPI) -> None:
    """Two of the stations an hour apart, so that a truck may be too fast; in different counties."""
    async with app.state.database.transaction() as connection:
        for east, (station_id, _) in enumerate(SCALES[:2]):
            await connection.execute(
                "UPDATE station SET latitude = 40.8, longitude = $2, jurisdiction = $3 WHERE id = $1",
                station_id,
                122.5 + east,
                ("210381", "210323")[east],
            )
