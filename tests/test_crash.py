"""kill -9 while many weigh: what was acknowledged is there once, and sending everything again changes nothing."""

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from load.province import PASSWORD, Party, Province, Trade, record
from load.serving import Serving, serving
from service.clock import Clock
from service.embedded import owner_database
from service.keys import KeyRing, Purpose
from service.verify.database import verify
from tests.embedded.conftest import servers_in, wait_until

CLIENTS = 12
ENOUGH = 8 * CLIENTS  # records acknowledged before the end
SERVICE, POSTGRES, BOTH = "the service", "PostgreSQL", "both at once"
SEEN, SOAKED = 2, 100  # how often it is killed
QUOTA_KG = 1_000_000  # of each mine: it runs out in the first life

Json = dict[str, Any]


@dataclass
class Sent:
    """A record on its way, and what the station has heard about it: nothing when the service died first."""

    party: Party
    body: Json
    answer: Json | None = None


@dataclass
class Ordered:
    """A ticket that was asked for under a key, and the answer, if there was one."""

    trade: Trade
    key: str
    body: Json
    answer: Json | None = None


@dataclass
class Told:
    """All that clients have sent in one life of the service."""

    records: list[Sent] = field(default_factory=list)
    orders: list[Ordered] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)


@dataclass
class Book:
    """What the database holds."""

    weighings: Mapping[UUID, asyncpg.Record]
    movements: set[UUID]
    tickets: int
    seq: int


def work(address: str, province: Province, told: Told, trade: Trade, seed: int) -> None:
    """One client: asks for tickets and weighs their loads out and in, until the service is gone."""
    rng = random.Random(seed)

    def weigh(client: httpx.Client, party: Party, bodies: list[Json]) -> None:
        sent = [Sent(party, body) for body in bodies]
        told.records += sent
        body = bodies[0] if len(bodies) == 1 else {"records": bodies}
        answer = client.post("/v1/weighings", json=body, headers=bearer(party.device))
        told.statuses.add(answer.status_code)
        if answer.status_code == 200:
            for one, result in zip(sent, answer.json()["results"], strict=True):
                one.answer = result

    with httpx.Client(base_url=address, timeout=20) as client:
        try:
            while True:
                orders = [Ordered(trade, str(uuid4()), body) for body in province.tickets(trade, rng.choice([1, 1, 3]))]
                tickets = []
                for order in orders:
                    told.orders.append(order)
                    answer = client.post("/v1/tickets", json=order.body, headers=keyed(order))
                    told.statuses.add(answer.status_code)
                    if answer.status_code != 201:
                        return
                    order.answer = answer.json()
                    tickets.append(answer.json())
                net_kg = rng.randrange(30_000, 32_000)
                weigh(client, trade.seller, [record(ticket, trade.seller, "out", net_kg) for ticket in tickets])
                weigh(client, trade.buyer, [record(ticket, trade.buyer, "in", net_kg - 40) for ticket in tickets])
        except (httpx.TransportError, httpx.RemoteProtocolError):
            return


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def keyed(order: Ordered) -> dict[str, str]:
    return {**bearer(order.trade.seller.clerk), "Idempotency-Key": order.key}


def kill(service: Serving, data: Path, victim: str) -> None:
    """End it as a crash would: nobody is asked, nothing is flushed."""
    if victim != SERVICE:
        # The first is the postmaster: nobody mends what is killed after it.
        for pid, program in sorted(servers_in(data).items()):
            if program == "postgres":
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    if victim != POSTGRES:
        service.process.kill()
    service.process.wait(60)


async def read(data: Path) -> Book:
    """What the database says, after the auditor has found nothing."""
    keys = KeyRing.open(data, Clock().now()).public_keys(Purpose.LEDGER)
    with owner_database(data) as url:
        connection = await asyncpg.connect(url)
        try:
            assert await verify(connection, keys, say=lambda _: None) == []
            weighings = await connection.fetch("SELECT record_id, status, movement_ids, flags FROM weighing")
            movements = await connection.fetch("SELECT DISTINCT movement FROM leg")
            seqs = [row["seq"] for row in await connection.fetch("SELECT seq FROM leg UNION ALL SELECT seq FROM hole")]
            tickets = await connection.fetchval("SELECT count(*) FROM ticket")
        finally:
            await connection.close()
    assert sorted(seqs) == list(range(1, len(seqs) + 1))
    assert len({row["record_id"] for row in weighings}) == len(weighings)
    return Book(
        {row["record_id"]: row for row in weighings}, {row["movement"] for row in movements}, tickets, len(seqs)
    )


def send_again(address: str, told: Told) -> list[Json]:
    """Everything once more, with the tokens of before the crash; the answers, in order."""
    answers = []
    with httpx.Client(base_url=address, timeout=60) as client:
        for order in told.orders:
            answer = client.post("/v1/tickets", json=order.body, headers=keyed(order))
            assert answer.status_code == 201, answer.text
            if order.answer is not None:
                assert answer.headers["Idempotent-Replayed"] == "true"
                assert answer.json()["id"] == order.answer["id"]
            order.answer = answer.json()
        for party in {sent.party.station_id: sent.party for sent in told.records}.values():
            of_party = [sent for sent in told.records if sent.party is party]
            for start in range(0, len(of_party), 500):
                part = of_party[start : start + 500]
                body = {"records": [sent.body for sent in part]}
                answer = client.post("/v1/weighings", json=body, headers=bearer(party.device))
                assert answer.status_code == 200, answer.text
                for sent, result in zip(part, answer.json()["results"], strict=True):
                    assert result["id"] == sent.body["id"]
                    if sent.answer is not None:
                        assert result["status"] == "duplicate"
                        assert result["duplicate_of"] == sent.body["id"]
                        assert result["movement_ids"] == sent.answer["movement_ids"]
                        assert result["flags"] == sent.answer["flags"]
                    sent.answer = result
                    answers.append(result)
    return answers


def crash(data: Path, province: Province, service: Serving, victim: str) -> Told:
    """Load from all clients, and the end in the middle of it."""
    told = Told()
    clients = [
        threading.Thread(
            target=work, args=(service.address, province, told, province.trades[number % len(province.trades)], number)
        )
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    wait_until(lambda: sum(sent.answer is not None for sent in told.records) > ENOUGH)
    time.sleep(random.random() / 2)
    kill(service, data, victim)
    for client in clients:
        client.join()
    return told


def check(data: Path, address: str, told: Told, tickets: int) -> None:
    """1. What was acknowledged is in the book as it was answered. 2. Sent again, the rest is added, and nothing else.
    3. Sent once more, nothing changes."""
    book = asyncio.run(read(data))
    for sent in told.records:
        row = book.weighings.get(UUID(sent.body["id"]))
        if sent.answer is not None:
            assert row is not None
            assert (row["status"], sent.answer["status"]) == ("accepted", "accepted")
            assert row["flags"] == [flag for flag in sent.answer["flags"] if flag != "quota-overdrawn"]
            assert [str(movement) for movement in row["movement_ids"]] == sent.answer["movement_ids"]
        if row is not None:
            assert book.movements.issuperset(row["movement_ids"])

    first = send_again(address, told)
    after = asyncio.run(read(data))
    assert {answer["status"] for answer in first} <= {"accepted", "duplicate"}
    assert len(after.weighings) == len(book.weighings) + sum(answer["status"] == "accepted" for answer in first)
    assert after.tickets == tickets
    assert all(after.weighings[record_id] == row for record_id, row in book.weighings.items())

    second = send_again(address, told)
    assert {answer["status"] for answer in second} <= {"duplicate"}
    assert asyncio.run(read(data)) == after


def test_kill_9_loses_nothing_that_was_acknowledged_and_doubles_nothing(
    data: Path, request: pytest.FixtureRequest
) -> None:
    cycles = SOAKED if request.config.getoption("--soak") else SEEN
    lives = list(islice(cycle((POSTGRES, SERVICE, BOTH)), cycles))
    tickets = acknowledged = unheard = 0
    with serving(data, PASSWORD) as service:
        province = Province(service.address)
        province.found(mines=2, plants=1, traders=0, tranche_kg=QUOTA_KG)
        told = crash(data, province, service, lives[0])
    for life in [*lives[1:], None]:
        with serving(data, PASSWORD) as service:
            province.move(service.address)
            tickets += len(told.orders)
            acknowledged += sum(sent.answer is not None for sent in told.records)
            unheard += sum(sent.answer is None for sent in told.records)
            assert told.statuses <= {200, 201, 503}
            check(data, service.address, told, tickets)
            if life is None:
                break
            province.sign_in_again()
            told = crash(data, province, service, life)
    province.close()
    assert acknowledged > cycles * ENOUGH
    print(f"{cycles} times killed: {acknowledged} records acknowledged, {unheard} sent and not answered")
