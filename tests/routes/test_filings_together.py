"""Filings that arrive together share a transaction, and nobody can tell by the answers or the rows (Build 3; R22–R24)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.domain.refusals import Busy
from service.embedded import Endpoints
from tests import yard
from tests.cast import PAIZHAI_CLERK, PLANT_CLERK, PLANT_TWO, STRANGER, STRANGER_CLERK, TRADER_CLERK, Person
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, contract, from_stock, issue, refused, slip

pytestmark = pytest.mark.anyio
Wish = tuple[Person, str, dict[str, Any]]
"""Who files, where, and what."""


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


@pytest.fixture(autouse=True)
async def day_1(app: FastAPI) -> None:
    await issue(app, 8_000_000)


def wishes(run: str) -> list[Wish]:
    """Two hundred filings of four firms: both sides, other terms, unknown mines and strangers' papers, numbers sent twice."""
    found: list[list[Wish]] = []
    wrong = {"mine_id": str(STRANGER.id)}, {"handed_on": "2026-12-01"}
    for turn in range(20):
        sale = contract(number=f"{run}-HT-{turn}", kg=1_000 + turn)
        bought = from_stock(number=f"{run}-MY-{turn}", kg=500)
        onward = from_stock(number=f"{run}-YS-{turn}", buyer_id=str(STRANGER.id), kg=500)
        own = slip(number=f"{run}-JJ-{turn}", kg=100 + turn)
        found.append(
            [
                (PAIZHAI_CLERK, "/v1/contracts", sale),
                (PLANT_CLERK, "/v1/contracts", {**sale, "kg": sale["kg"] + (turn % 4 == 0)}),
                (PAIZHAI_CLERK, "/v1/contracts", sale),
                (STRANGER_CLERK, "/v1/contracts", sale),
                (TRADER_CLERK, "/v1/contracts", bought),
                (STRANGER_CLERK, "/v1/contracts", onward),
                (PAIZHAI_CLERK, "/v1/slips", own),
                (PAIZHAI_CLERK, "/v1/slips", own),
                (PAIZHAI_CLERK, "/v1/slips", slip(number=f"{run}-X-{turn}", **wrong[turn % 2])),
                (PLANT_CLERK, "/v1/slips", own),
            ]
        )
    return [wish for wishes_of_a_turn in zip(*found, strict=True) for wish in wishes_of_a_turn]


async def send(by: By, wish: Wish, key: str | None = None) -> httpx.Response:
    person, path, body = wish
    return await by(person).post(path, json=body, headers={"Idempotency-Key": key} if key else {})


def told(answers: Sequence[httpx.Response], asked: Sequence[Wish]) -> Counter[tuple[str, ...]]:
    """What was answered to whom about which paper, whoever was first."""
    return Counter(
        (person.username, body["number"].split("-", 1)[1], str(answer.status_code), answer.json().get("code", ""))
        for answer, (person, _, body) in zip(answers, asked, strict=True)
    )


async def rows(app: FastAPI, run: str) -> list[tuple[Any, ...]]:
    """All that stands of a run's papers, but for ids and times."""
    async with app.state.database.transaction(readonly=True) as connection:
        found = await connection.fetch(
            """
            SELECT substr(c.number, 3) AS number, c.kg, c.state, c.proof_state, c.flags::text, f.party, f.version, f.terms ->> 'kg',
                f.days_late, f.person_id::text, a.person_id::text, a.request_id IS NOT NULL, array_agg(l.code ORDER BY l.code)::text
            FROM contract AS c
            INNER JOIN filing AS f ON f.contract_id = c.id
            LEFT JOIN audit AS a ON a.subject_id = c.id AND a.person_id = f.person_id
            LEFT JOIN alert AS l ON l.subject_id = c.id::text AND l.settled_at IS NULL
            WHERE c.number LIKE $1
            GROUP BY c.id, f.id, a.id
            UNION ALL
            SELECT substr(s.number, 3), s.kg, '', '', s.flags::text, '', 1, '',
                l.over_kg, s.person_id::text, a.person_id::text, a.request_id IS NOT NULL, ''
            FROM slip AS s
            INNER JOIN leg AS l ON l.movement = s.movement_id
            LEFT JOIN audit AS a ON a.subject_id = s.id
            WHERE s.number LIKE $1
            """,
            f"{run}-%",
        )
    return sorted(tuple(row) for row in found)


async def count(app: FastAPI, sentence: str) -> int:
    async with app.state.database.transaction(readonly=True) as connection:
        found: int = await connection.fetchval(sentence)
    return found


async def test_two_hundred_at_once_come_to_the_same_as_one_after_another(app: FastAPI, by: By) -> None:
    together, apart = wishes("A"), wishes("B")
    answers = await asyncio.gather(*(send(by, wish) for wish in together))
    filings = await count(app, "SELECT count(*) FROM filing")
    transactions = await count(app, "SELECT count(DISTINCT xmin::text) FROM filing")
    slips = await count(app, "SELECT count(*) FROM slip")
    postings = await count(app, "SELECT count(*) FROM checkpoint") - 1  # the tranche's
    one_by_one = [await send(by, wish) for wish in apart]

    assert told(answers, together) == told(one_by_one, apart)
    assert await rows(app, "A") == await rows(app, "B")
    assert {answer.status_code for answer in answers} == {200, 201, 404, 409}
    assert (filings, slips) == (80, 20)
    assert transactions <= filings / 4, "filings that arrive together share a transaction"
    assert postings <= slips / 2, "and one posting of their leaves"


async def test_a_filing_that_the_database_cannot_take_leaves_the_others(
    app: FastAPI, by: By, stage_endpoints: Endpoints
) -> None:
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    await owner.execute("ALTER TABLE slip ADD CONSTRAINT it_is_not_bad CHECK (number <> 'BAD')")
    await owner.close()

    asked: list[Wish] = [(PAIZHAI_CLERK, "/v1/slips", slip(number=number)) for number in ("1", "2", "BAD", "3", "4")]
    answers = await asyncio.gather(*(send(by, wish) for wish in asked))

    assert [answer.status_code for answer in answers] == [201, 201, 500, 201, 201]
    assert await count(app, "SELECT count(*) FROM slip") == await count(app, "SELECT count(*) FROM audit") == 4


async def test_a_key_is_done_once_and_answered_alike_in_a_batch_and_later(app: FastAPI, by: By) -> None:
    wish = (PAIZHAI_CLERK, "/v1/contracts", contract())
    other = (PAIZHAI_CLERK, "/v1/contracts", contract(kg=7))
    ours = (PLANT_CLERK, "/v1/contracts", contract())

    answers = await asyncio.gather(
        *(send(by, wish, "one") for _ in range(6)), send(by, other, "one"), send(by, ours, "one"), send(by, ours)
    )
    later = await send(by, wish, "one")

    same, theirs = [*answers[:6], later], answers[7]
    assert {(answer.status_code, answer.text) for answer in same} == {(201, answers[0].text)}
    assert sum("Idempotent-Replayed" in answer.headers for answer in same) == 6
    assert refused(answers[6], 422, "idempotency-key-reused")
    assert (theirs.status_code, "Idempotent-Replayed" in theirs.headers) == (200, False), "the key is the firm's own"
    assert await count(app, "SELECT count(*) FROM filing") == 2

    bad = slip(mine_id=str(PLANT_TWO.id))
    for body, status in ((bad, 404), (slip(), 201)):
        assert (await send(by, (PAIZHAI_CLERK, "/v1/slips", body), "two")).status_code == status, (
            "a refusal is not kept"
        )


async def test_what_cannot_wait_any_more_is_asked_to_come_again(app: FastAPI, by: By) -> None:
    """Issue 3: a bounded queue, 503 with Retry-After."""
    app.state.contracts._most_waiting = 0
    answer = await send(by, (PAIZHAI_CLERK, "/v1/contracts", contract()))

    assert refused(answer, 503, Busy().code)
    assert answer.headers["Retry-After"] == "1"


async def test_tickets_of_one_batch_are_noted_request_by_request(app: FastAPI, by: By) -> None:
    at_noon = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        under = await yard.contract(connection, at=at_noon)
    wishes = [yard.ticket_in(under, at_noon, plate=f"辽C6000{n}") for n in range(4)]
    clerk = by(PAIZHAI_CLERK)
    answers = await asyncio.gather(
        *(clerk.post("/v1/tickets", json=wish) for wish in wishes), clerk.post("/v1/tickets", json=wishes)
    )

    async with app.state.database.transaction(readonly=True) as connection:
        notes = await connection.fetch("SELECT request_id, note FROM audit WHERE deed = 'tickets.issue'")
    noted = {row["request_id"]: len(row["note"]["tickets"]) for row in notes}
    assert noted == {answer.headers["X-Request-Id"]: 4 if n == 4 else 1 for n, answer in enumerate(answers)}
