"""Two processes of the service on one database, both at work; one is killed, and nothing is lost, doubled or untrue."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from load.province import Json, Party, Province, Trade, record
from load.serving import Serving
from service.clock import Clock
from service.embedded import Endpoints, services
from service.keys import KeyRing, Purpose
from service.verify.database import verify
from tests.embedded.conftest import wait_until
from tests.test_processes import Outside
from tests.twins import Caller, Deed, Town, adjustment, check_answers, departure

CALLERS = 8
ENOUGH, ENOUGH_TO_SOAK = 40, 200  # deeds done before somebody is killed, and as many again afterwards
SOAKED = 60  # how often somebody is killed
FIRST, SECOND, POSTGRES = "the first", "the second", "PostgreSQL"
TRANCHE_KG = 400_000  # it runs out at once


class Twins:
    """Two services that share a database and keys, each of which can be killed and started again."""

    def __init__(self, outside: Outside, first: Path, second: Path) -> None:
        self.outside = outside
        self.folders = (first, second)
        self.addresses = ["", ""]
        self._running = [ExitStack(), ExitStack()]
        self._services: list[Serving | None] = [None, None]

    @property
    def is_up(self) -> list[bool]:
        """Which of them runs."""
        return [service is not None and service.process.poll() is None for service in self._services]

    def start(self, place: int) -> None:
        service = self._running[place].enter_context(self.outside.serving(self.folders[place]))
        self._services[place], self.addresses[place] = service, service.address

    def kill(self, place: int) -> None:
        service = self._services[place]
        assert service is not None
        service.process.kill()
        service.process.wait(60)
        self._running[place].close()

    def stop(self) -> None:
        for running in self._running:
            running.close()


@contextmanager
def two_services(outside: Outside, data: Path) -> Iterator[Twins]:
    twins = Twins(outside, data, data.parent / "other")
    try:
        twins.start(0)
        twins.folders[1].mkdir(mode=0o711)
        (twins.folders[1] / "keys").symlink_to(twins.folders[0] / "keys")
        twins.start(1)
        yield twins
    finally:
        twins.stop()


def settle_in(twins: Twins) -> Town:
    """A small province: two mines, a plant with a kiln, and a trader who buys from a mine and sells to the plant."""
    province = Province(twins.addresses[0])
    province.found(mines=2, plants=1, traders=1, tranche_kg=TRANCHE_KG)
    [plant], [trader], mine = province.plants, province.traders, province.mines[0]
    bought = province.agree(mine, trader)
    province.deliver(bought, 4)
    stock = [{"lot_id": lot["id"], "kg": lot["available_kg"]} for lot in province.lots(trader)]
    province.trades += [bought, province.agree(trader, plant, stock)]
    kiln = {"enterprise_id": plant.id, "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    line = province.post("/v1/lines", province.office, {**kiln, "status": "running", "ore_per_product": 2.0})
    return Town(province, twins.addresses, line["id"])


def tell_at_both(twins: Twins, loads: list[tuple[Trade, Json]], http: httpx.Client) -> list[Json]:
    """Every load is told by two callers, at both addresses; what they were answered."""

    def tell(number: int) -> list[Json]:
        return [
            http.post(
                f"{twins.addresses[number % 2]}/v1/weighings",
                json=load,
                headers={"Authorization": f"Bearer {trade.seller.device}"},
            ).json()["results"][0]
            for trade, load in loads[number // 2 :: CALLERS // 2]
        ]

    with ThreadPoolExecutor(CALLERS) as callers:
        return [answer for answers in callers.map(tell, range(CALLERS)) for answer in answers]


def file_at_both(twins: Twins, sides: tuple[Party, Party], sales: list[Json], http: httpx.Client) -> Counter[int]:
    """Every contract is filed by both sides, each at both addresses, in one order here and the other there."""

    def file(number: int) -> list[int]:
        headers = {"Authorization": f"Bearer {sides[number // 2 % 2].clerk}"}
        return [
            http.post(f"{twins.addresses[number % 2]}/v1/contracts", json=sale, headers=headers).status_code
            for sale in sales[:: 1 if number % 2 else -1]
        ]

    with ThreadPoolExecutor(CALLERS) as callers:
        return Counter(status for statuses in callers.map(file, range(CALLERS)) for status in statuses)


def check_that_both_see_one_book(twins: Twins, province: Province, http: httpx.Client) -> None:
    """Loads of two mines whose quotas run out, now of the one and now of the other, and contracts, told and filed at both."""
    shipped_kg = province.shipped_kg()
    trade, trades = province.trades[0], province.trades[:2]
    pairs = zip(*(province.issue(trade, 20) for trade in trades), strict=True)
    loads = [
        (trade, record(ticket, trade.seller, "out", 31_200))
        for pair in pairs
        for trade, ticket in zip(trades, pair, strict=True)
    ]
    told = tell_at_both(twins, loads, http)
    sales = [province.contract(trade.seller, trade.buyer) for _ in range(20)]
    filed = file_at_both(twins, (trade.seller, trade.buyer), sales, http)
    items = province.get("/v1/contracts?limit=100", province.office)["items"]

    assert filed == {201: 20, 200: CALLERS * 20 - 20}, "each is begun once"
    by_number = {item["number"]: item for item in items}
    assert all(by_number[sale["number"]]["state"] == "filed" for sale in sales)
    assert {side["version"] for sale in sales for side in by_number[sale["number"]]["filings"]} == {1}
    assert Counter(answer["status"] for answer in told) == {"accepted": 40, "duplicate": 40}
    assert len({movement for answer in told for movement in answer["movement_ids"]}) == 40
    # Both saw the same quotas run out: the first loads, and a part of the next, have something behind them.
    over = {answer["id"] for answer in told if "quota-overdrawn" in answer["flags"]}
    assert len(over) == 40 - sum((TRANCHE_KG - kg) // 31_200 for kg in shipped_kg.values())


def crash(town: Town, twins: Twins, victim: str, http: httpx.Client, seed: int, *, is_soak: bool) -> None:
    """All callers at work at both; one of the three dies in the middle of it, and the others go on."""
    town.begin()
    with ThreadPoolExecutor(CALLERS) as hands, ThreadPoolExecutor(CALLERS) as callers:
        working = [callers.submit(Caller(town, http, hands, seed + number).work) for number in range(CALLERS)]

        def work_on() -> None:
            enough = town.acknowledged() + (ENOUGH_TO_SOAK if is_soak else ENOUGH)
            wait_until(lambda: town.acknowledged() > enough or any(one.done() for one in working), within_s=120)

        try:
            work_on()
            time.sleep(random.random() / 4)
            if victim == POSTGRES:
                kill_a_backend(twins)
            else:
                twins.kill((FIRST, SECOND).index(victim))
            work_on()
            if is_soak and victim != POSTGRES:
                twins.start((FIRST, SECOND).index(victim))
                work_on()
        finally:
            town.is_over.set()
    for one in working:
        one.result()


@contextmanager
def no_ticket_beyond_the_quota(town: Town, twins: Twins) -> Iterator[None]:
    """Meanwhile the offices give some quota, and whoever asks for tickets decides under the ledger's head (O03)."""
    for mine in town.province.mines:
        town.province.post("/v1/allotments", town.province.office, adjustment(town, mine, 2_000_000))
    town.decide_overdraws("block")
    yield
    town.province.move(twins.addresses[0])
    town.decide_overdraws("flag")


def kill_a_backend(twins: Twins) -> None:
    """One of PostgreSQL's processes dies, so all others end, and it recovers from its journal."""

    async def find() -> int:
        connection = await asyncpg.connect(twins.outside.variables["MEISU_OWNER_DATABASE_URL"])
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGKILL)
        connection.terminate()
        return pid

    asyncio.run(find())


def ask_again(town: Town, http: httpx.Client, deeds: list[Deed], places: Iterator[int]) -> None:
    """Once more, at one address after the other."""
    town.is_over.clear()
    with ThreadPoolExecutor(CALLERS) as hands:
        caller = Caller(town, http, hands, 0)
        asked = [hands.submit(caller.ask, deed, place) for deed, place in zip(deeds, places, strict=False)]
    for one in asked:
        one.result()


@dataclass
class Book:
    """What the database holds."""

    weighings: dict[UUID, asyncpg.Record]
    movements: set[UUID]
    over: set[UUID]  # movements with kilograms beyond a quota
    rows: int
    deadlocks: int = field(compare=False)  # that PostgreSQL ended since it started, or recovered


async def read(twins: Twins) -> Book:
    """What the database says, after the auditor has found nothing."""
    keys = KeyRing.open(twins.folders[0], Clock().now()).public_keys(Purpose.LEDGER)
    connection = await asyncpg.connect(twins.outside.variables["MEISU_OWNER_DATABASE_URL"])
    try:
        assert await verify(connection, keys, say=lambda _: None) == []
        weighings = await connection.fetch("SELECT record_id, status, movement_ids, flags FROM weighing")
        rows = await connection.fetch(
            "SELECT seq, act, movement FROM leg UNION ALL SELECT seq, act, movement FROM hole"
        )
        over = await connection.fetch(
            "SELECT movement FROM leg JOIN account ON account.id = source WHERE kind = 'quota' AND over_kg > 0"
        )
        head = await connection.fetchrow("SELECT seq, act FROM head")
        deadlocks = await connection.fetchval("SELECT sum(deadlocks)::int FROM pg_stat_database")
    finally:
        await connection.close()
    assert sorted(row["seq"] for row in rows) == list(range(1, head["seq"] + 1))
    assert {row["act"] for row in rows} == set(range(1, head["act"] + 1))
    by_id = {row["record_id"]: row for row in weighings}
    assert len(by_id) == len(weighings)
    return Book(by_id, {row["movement"] for row in rows}, {row["movement"] for row in over}, len(rows), deadlocks)


def check_book(book: Book, town: Town) -> None:
    """What was acknowledged is there once, as it was answered."""
    for deed in town.deeds:
        if not deed.tells_records or not deed.heard:
            continue
        for said in deed.heard[0]["results"]:
            row = book.weighings[UUID(said["id"])]
            if said["status"] == "refused":
                continue
            movements = {UUID(movement) for movement in said["movement_ids"]}
            assert row["status"] == "accepted"
            assert set(row["movement_ids"]) == movements <= book.movements
            assert [*row["flags"], *["quota-overdrawn"] * bool(movements & book.over)] == said["flags"]


def check(town: Town, twins: Twins, http: httpx.Client) -> Book:
    """1. What nobody was told of is asked for again, at another address. 2. Everything is asked for again: nothing happens, and
    the answers are those of before. 3. The book says what the answers said, and the two say what the book says. 4. Both post
    by turns, and are right."""
    up = [place for place, is_up in enumerate(twins.is_up) if is_up]
    places = cycle(up)
    town.province.move(twins.addresses[up[0]])
    ask_again(town, http, [deed for deed in town.deeds if not deed.heard and not deed.refused], places)
    before = asyncio.run(read(twins))
    ask_again(town, http, [deed for deed in town.deeds if deed.heard], places)
    after = asyncio.run(read(twins))
    check_answers(town.deeds)
    check_book(after, town)
    assert after == before

    trade = town.province.trades[0]
    loads = [departure(trade, record(ticket, trade.seller, "out", 31_200)) for ticket in town.province.issue(trade, 4)]
    for load in loads:
        town.deeds.append(load)
        ask_again(town, http, [load], places)
    check_book(book := asyncio.run(read(twins)), town)
    for place in up:
        town.province.move(twins.addresses[place])
        assert town.province.shipped_kg() == town.shipped_kg() == town.rests_kg()
    return book


@pytest.mark.usefixtures("anyio_backend")
def test_two_services_post_to_one_book_and_one_of_them_is_killed(
    data: Path, endpoints: Endpoints, request: pytest.FixtureRequest
) -> None:
    is_soak = request.config.getoption("--soak")
    victims = list(islice(cycle((FIRST, POSTGRES, SECOND)), SOAKED)) if is_soak else [SECOND]
    own = services(data.parent / "servers", durable=True) if is_soak else nullcontext(endpoints)
    with own as servers, two_services(Outside.of(servers), data) as twins, httpx.Client(timeout=60) as http:
        town = settle_in(twins)
        check_that_both_see_one_book(twins, town.province, http)
        done = 0
        for number, victim in enumerate(victims):
            if number:
                town.province.sign_in_again()
            with no_ticket_beyond_the_quota(town, twins) if number % 4 == 3 else nullcontext():
                crash(town, twins, victim, http, 1_000 * number, is_soak=is_soak)
            book = check(town, twins, http)
            done += town.acknowledged()
            told = ", ".join(f"{count} × {status} {code}" for (status, code), count in sorted(town.answers.items()))
            print(
                f"{number + 1}: {victim} was killed; {done} deeds done so far, {book.rows} rows, "
                f"{book.deadlocks} deadlocks; answers: {told}",
                flush=True,
            )
        town.province.close()
