"""Filings that arrive together share a transaction, and nobody can tell by the answers or the rows (Build 3; R22–R24)."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service import metrics
from service.domain.refusals import Busy
from service.embedded import Endpoints
from service.store import idempotency
from service.store.idempotency import Kept, Mark
from service.store.tickets import SQL
from tests import yard
from tests.cast import (
    BRIDGE_7_DEVICE,
    MINES,
    PAIZHAI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO,
    STRANGER,
    STRANGER_CLERK,
    TRADER_CLERK,
    Person,
)
from tests.conftest import clients_of
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, SIGNED, contract, from_stock, issue, refused, slip

pytestmark = pytest.mark.anyio
Wish = tuple[Person, str, Any]
"""Who files, where, and what."""

ENDED_BY_THE_DATABASE = """
CREATE FUNCTION waits_in_a_circle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'two wait for each other' USING ERRCODE = 'deadlock_detected'; END $$;
CREATE TRIGGER waits_in_a_circle BEFORE INSERT ON ticket
FOR EACH ROW WHEN (new.plate = '辽C00003') EXECUTE FUNCTION waits_in_a_circle();
"""
CALLERS, PAPERS, BURST = 4, 10, 10
HTML = {"Accept": "text/html"}
LICENCE = next(mine[4] for mine in MINES if mine[0] == PAIZHAI_MINE)
SALE = {
    "seller": PAIZHAI.credit_code,
    "buyer": PLANT_TWO.credit_code,
    "signed_on": SIGNED,
    "kg": "31.2",
    "grade": "LM46",
    "valid_until": "2026-12-31",
}


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


async def tell_owner(endpoints: Endpoints, sentence: str) -> None:
    owner = await asyncpg.connect(endpoints.owner_database_url)
    await owner.execute(sentence)
    await owner.close()


async def tickets_in(app: FastAPI, wanted: int) -> list[dict[str, Any]]:
    """Tickets as the seller asks for them, each for a truck of its own."""
    at_noon = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        under = await yard.contract(connection, at=at_noon)
    return [yard.ticket_in(under, at_noon, plate=f"辽C{number:05}") for number in range(wanted)]


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
    await tell_owner(stage_endpoints, "ALTER TABLE slip ADD CONSTRAINT it_is_not_bad CHECK (number <> 'BAD')")
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


async def test_tickets_with_keys_share_a_transaction_and_each_is_issued_once(app: FastAPI, by: By) -> None:
    wishes = await tickets_in(app, 40)
    asked = [(PAIZHAI_CLERK, "/v1/tickets", wish) for wish in wishes]
    other = (PAIZHAI_CLERK, "/v1/tickets", {**wishes[0], "planned_kg": 7})

    answers = await asyncio.gather(
        *(send(by, wish, f"key {number}") for _ in range(2) for number, wish in enumerate(asked)),
        send(by, other, "key 0"),
        *(send(by, wish) for wish in asked[:5]),
    )
    later = [await send(by, wish, f"key {number}") for number, wish in enumerate(asked[:3])]

    first, again, conflict = answers[:40], answers[40:80], answers[80]
    assert {answer.status_code for answer in [*first, *again, *later, *answers[81:]]} == {201}
    assert [answer.text for answer in again] == [answer.text for answer in first]
    assert [answer.text for answer in later] == [answer.text for answer in first[:3]]
    assert ["Idempotent-Replayed" in answer.headers for answer in [*first, *again, *later]] == 40 * [False] + 43 * [
        True
    ]
    assert refused(conflict, 422, "idempotency-key-reused")
    assert await count(app, "SELECT count(*) FROM ticket") == 45
    assert await count(app, "SELECT count(DISTINCT xmin::text) FROM ticket") <= 10
    assert await count(app, "SELECT count(*) FROM idempotency") == 40


async def test_tickets_are_issued_by_sentences_that_are_planned_once(app: FastAPI, by: By) -> None:
    """To plan them anew took longer than to issue twenty."""
    for wish in await tickets_in(app, 3):
        assert (await send(by, (PAIZHAI_CLERK, "/v1/tickets", wish))).status_code == 201

    async with app.state.database.steady_transaction() as connection:
        planned = await connection.fetch(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", SQL["issued"]
        )
    assert [tuple(row) for row in planned] == [(3, 0)]


async def test_a_list_with_a_key_is_issued_over_several_batches_and_answered_alike(app: FastAPI, by: By) -> None:
    wishes = await tickets_in(app, 120)
    wishes[60]["contract_id"] = str(STRANGER.id)
    asked, shorter = (PAIZHAI_CLERK, "/v1/tickets", wishes), (PAIZHAI_CLERK, "/v1/tickets", wishes[:119])

    first, single = await asyncio.gather(
        send(by, asked, "one"), send(by, (PAIZHAI_CLERK, "/v1/tickets", wishes[0]), "another")
    )
    conflict, later = await send(by, shorter, "one"), await send(by, asked, "one")

    results = first.json()["results"]
    assert single.status_code == 201
    assert [one["status"] == "refused" for one in results] == [number == 60 for number in range(120)]
    assert results[60]["problem"]["code"] == "not-found"
    assert [one["ticket"]["plate"] for one in results if one["ticket"]] == [
        wish["plate"] for number, wish in enumerate(wishes) if number != 60
    ]
    assert {(answer.status_code, answer.text) for answer in (first, later)} == {(200, first.text)}
    assert ["Idempotent-Replayed" in answer.headers for answer in (first, later)] == [False, True]
    assert refused(conflict, 422, "idempotency-key-reused")
    assert await count(app, "SELECT count(*) FROM ticket") == 120
    transactions = await count(app, "SELECT count(DISTINCT xmin::text) FROM ticket")
    assert transactions >= 4, "a short one is not kept waiting until its end"


async def test_a_list_that_is_sent_beside_itself_is_issued_once_and_answered_alike(app: FastAPI, by: By) -> None:
    asked = (PAIZHAI_CLERK, "/v1/tickets", await tickets_in(app, 120))

    answers = await asyncio.gather(*(send(by, asked, "one") for _ in range(4)))

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 3
    assert await count(app, "SELECT count(*) FROM ticket") == 120


async def test_a_list_that_two_processes_are_sent_is_issued_once_and_who_comes_again_is_answered_alike(
    app: FastAPI, second_app: FastAPI, by: By
) -> None:
    asked = (PAIZHAI_CLERK, "/v1/tickets", await tickets_in(app, 120))
    async with clients_of(second_app) as theirs:
        first = await asyncio.gather(*(send(door, asked, "one") for door in (by, theirs, by, theirs)))
        later = [await send(door, asked, "one") for door in (by, theirs)]

    for answer in first:
        if answer.status_code != 200:
            assert refused(answer, 409, "idempotency-key-running")
            assert answer.headers["Retry-After"] == "1"
    told = [answer.text for answer in (*first, *later) if answer.status_code == 200]
    assert [answer.status_code for answer in later] == [200, 200]
    assert set(told) == {later[0].text}
    assert {one["status"] for one in later[0].json()["results"]} == {"issued"}
    assert await count(app, "SELECT count(*) FROM ticket") == 120


async def test_a_list_that_was_cut_short_is_issued_to_its_end_and_nothing_of_it_twice(
    app: FastAPI, by: By, stage_endpoints: Endpoints
) -> None:
    wishes = await tickets_in(app, 6)
    asked, other = (PAIZHAI_CLERK, "/v1/tickets", wishes), (PAIZHAI_CLERK, "/v1/tickets", wishes[::-1])
    await tell_owner(stage_endpoints, ENDED_BY_THE_DATABASE)
    cut = await send(by, asked, "one")
    issued = await count(app, "SELECT count(*) FROM ticket")
    await tell_owner(stage_endpoints, "DROP TRIGGER waits_in_a_circle ON ticket")

    conflict, whole, later = await send(by, other, "one"), await send(by, asked, "one"), await send(by, asked, "one")

    assert refused(cut, 503, Busy().code)
    assert issued == 5, "the others of the batch are issued one by one"
    assert refused(conflict, 422, "idempotency-key-reused")
    assert {(answer.status_code, answer.text) for answer in (whole, later)} == {(200, whole.text)}
    assert ["Idempotent-Replayed" in answer.headers for answer in (whole, later)] == [False, True]
    assert [one["ticket"]["plate"] for one in whole.json()["results"]] == [wish["plate"] for wish in wishes]
    assert await count(app, "SELECT count(*) FROM ticket") == 6


async def test_a_list_without_a_key_is_not_asked_for_anew_where_one_of_its_tickets_is_ended(
    app: FastAPI, by: By, stage_endpoints: Endpoints
) -> None:
    await tell_owner(stage_endpoints, ENDED_BY_THE_DATABASE)

    cut = await send(by, (PAIZHAI_CLERK, "/v1/tickets", await tickets_in(app, 6)))

    assert refused(cut, 503, Busy().code)
    assert await count(app, "SELECT count(*) FROM ticket") == 5, "the others are issued, and no second time"


async def test_a_list_that_an_older_version_has_issued_is_answered_as_it_was(app: FastAPI, by: By) -> None:
    """Until then a list's answer was kept as a whole."""
    wishes = await tickets_in(app, 2)
    asked = httpx.Request("POST", "http://meisu.test/v1/tickets", json=wishes).content
    mark = Mark(PAIZHAI_CLERK.actor.scope, "POST /v1/tickets", "one")
    kept = Kept(hashlib.sha256(asked).digest(), 200, '{"results":["as it was"]}')
    async with app.state.database.transaction() as connection:
        await idempotency.keep(connection, [(mark, kept)], at=app.state.clock.now())

    answer = await send(by, (PAIZHAI_CLERK, "/v1/tickets", wishes), "one")

    assert (answer.text, answer.headers["Idempotent-Replayed"]) == (kept.answer, "true")
    assert await count(app, "SELECT count(*) FROM ticket") == 0


async def test_forms_are_filed_with_what_comes_by_the_api_and_hold_no_connection_meanwhile(
    app: FastAPI, by: By
) -> None:
    """More people press a button at once than the service has connections: each is shown what was filed, or why not."""
    people = 2 * app.state.settings.pool_size
    wish = (await tickets_in(app, 1))[0]
    wanted = {
        **wish,
        "plates": "",
        "planned_kg": "31",
        "valid_from": "2026-03-03T08:00",
        "valid_until": "2026-03-03T20:00",
    }

    def press(number: int) -> list[Awaitable[httpx.Response]]:
        clerk = by(PAIZHAI_CLERK)
        wrong = {3: {"kg": "-1"}, 4: {"handed_on": "2026-12-01"}}.get(number, {})
        own = {"number": f"JJ-{number}", "mine": LICENCE, "kg": "5", "handed_on": SIGNED, "grade": "LM46", **wrong}
        return [
            clerk.post("/tickets/new", data={**wanted, "plates": f"辽C7{number:04}"}, headers=HTML),
            clerk.post("/contracts/new", data={**SALE, "number": f"HT-{number}"}, headers=HTML),
            clerk.post("/slips/new", data=own, headers=HTML),
        ]

    answers = await asyncio.gather(*(answer for number in range(people) for answer in press(number)))

    tickets, contracts, slips = answers[::3], answers[1::3], answers[2::3]
    assert {answer.status_code for answer in [*tickets, *contracts]} == {303}, tickets[0].text
    assert Counter(answer.status_code for answer in slips) == {303: people - 2, 422: 1, 409: 1}
    assert len({answer.headers["Location"] for answer in answers if answer.status_code == 303}) == 3 * people - 2
    assert await count(app, "SELECT count(*) FROM contract") == people + 1
    for table in ("ticket", "contract", "slip"):
        assert await count(app, f"SELECT count(DISTINCT xmin::text) FROM {table}") <= people / 2
    shown = await by(PAIZHAI_CLERK).get(slips[0].headers["Location"], headers=HTML)
    assert "JJ-0" in shown.text


async def test_two_processes_issue_file_and_weigh_at_once_and_never_wait_in_a_circle(
    app: FastAPI, second_app: FastAPI, by: By
) -> None:
    """One mine, one contract, one set of papers: what both are told is done once, and nothing has to be done again."""
    now = app.state.clock.now()
    sales = [contract(number=f"HT-{number}", kg=2_000_000) for number in range(PAPERS)]
    sides = [(clerk, "/v1/contracts", sale) for sale in sales for clerk in (PAIZHAI_CLERK, PLANT_CLERK)]
    filed = [(await send(by, side)).json() for side in sides[:2]]
    wishes = [
        yard.ticket_in(filed[0]["id"], now, plate=f"辽C{number:05}", grade=sales[0]["grade"])
        for number in range(PAPERS)
    ]
    loaded = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=wishes)).json()["results"]
    asked: list[Wish] = [
        *sides,
        *((PAIZHAI_CLERK, "/v1/tickets", wish) for wish in wishes),
        *((PAIZHAI_CLERK, "/v1/slips", slip(number=f"JJ-{number}", kg=2_000_000)) for number in range(PAPERS)),
        *((BRIDGE_7_DEVICE, "/v1/weighings", yard.record(one["ticket"], "out", 31_200, now)) for one in loaded),
    ]
    reruns = rerun()
    turns: list[int] = []

    async def tell_one(caller: int, theirs: By, wish: Wish) -> httpx.Response:
        key = f"{caller} {wishes.index(wish[2])}" if wish[1] == "/v1/tickets" else None
        answer = await send(theirs, wish, key)
        turns.append(caller % 2)
        return answer

    async def tell(caller: int, theirs: By) -> list[httpx.Response]:
        """All of it some at a time, in an order of one's own, the tickets under keys of one's own."""
        order = Random(caller).sample(asked, len(asked))
        return [
            answer
            for start in range(0, len(order), BURST)
            for answer in await asyncio.gather(*(tell_one(caller, theirs, one) for one in order[start : start + BURST]))
        ]

    async with clients_of(app) as ours, clients_of(second_app) as theirs:
        told = await asyncio.gather(*(tell(caller, (ours, theirs)[caller % 2]) for caller in range(CALLERS)))

    assert {answer.status_code for answers in told for answer in answers} == {200, 201}
    assert rerun() == reruns, "the database has ended no batch"
    assert sum(one != other for one, other in pairwise(turns)) > CALLERS, "both were at it all the time"
    assert await count(app, "SELECT count(*) FROM weighing WHERE status = 'accepted'") == PAPERS
    assert await count(app, "SELECT count(*) FROM ticket") == PAPERS + CALLERS * PAPERS
    assert await count(app, "SELECT count(*) FROM contract WHERE state = 'filed'") == PAPERS
    assert await count(app, "SELECT count(*) FROM filing WHERE version > 1") == 0
    drawn = "SELECT sum(source_kg)::bigint FROM leg INNER JOIN account ON account.id = source WHERE kind = 'quota'"
    assert await count(app, drawn) == PAPERS * (31_200 + 2_000_000)


def rerun() -> float:
    """How many batches were done again, record by record."""
    return sum(
        sample.value
        for family in metrics.BATCH_RERUNS.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    )


async def test_tickets_of_one_batch_are_noted_request_by_request(app: FastAPI, by: By) -> None:
    wishes = await tickets_in(app, 4)
    clerk = by(PAIZHAI_CLERK)
    answers = await asyncio.gather(
        *(clerk.post("/v1/tickets", json=wish) for wish in wishes), clerk.post("/v1/tickets", json=wishes)
    )

    async with app.state.database.transaction(readonly=True) as connection:
        notes = await connection.fetch("SELECT request_id, note FROM audit WHERE deed = 'tickets.issue'")
    noted = {row["request_id"]: len(row["note"]["tickets"]) for row in notes}
    assert noted == {answer.headers["X-Request-Id"]: 4 if n == 4 else 1 for n, answer in enumerate(answers)}
