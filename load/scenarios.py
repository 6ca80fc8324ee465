"""Who comes to the service, and in which company: one class for each sort of visitor, one entry for each scenario."""

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import ClassVar

from locust import FastHttpUser, between, constant, task
from locust.env import Environment
from locust.exception import StopUser

from load.province import Json, Party, Province, Trade, chain, record

TICKETS_AT_ONCE = 20
OFFLINE_RECORDS = 244  # of each station, on the average: 10 000 of 41
RECORDS_AT_ONCE = 500
PAIRS_AT_WORK = 12
MOST_LOADS_AT_WORK = 240  # of each pair, in the two minutes that a scenario may last
LOADS_ON_THE_ROAD = 4


@dataclass(frozen=True, slots=True)
class Sent:
    """A request with records: how many, when it was sent, and when it was answered, in seconds."""

    records: int
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Send:
    """A record that a scale will tell while others come back: by whose token, and which mine's ore leaves by it."""

    token: str
    record: Json
    mine_id: str | None


@dataclass
class Stage:
    """What the visitors of one scenario share: the province, its deepest trade, and what they have been told."""

    province: Province
    deepest: Trade | None
    known: list[Json]
    told: dict[str, Json]
    shipped_kg: "Counter[str]"
    offline: list[tuple[Party, list[Json]]] = field(default_factory=list)
    replayed: list[Sent] = field(default_factory=list)
    at_work: list[list[Send]] = field(default_factory=list)

    def quarter_of(self, mine: Party) -> Json:
        """A mine and the quarter of today, as forms and sheets name them."""
        today = self.province.today
        return {"mine_id": mine.mine_id, "year": today.year, "quarter": (today.month + 2) // 3}


class Visitor(FastHttpUser):
    """Somebody who asks the service for something, and counts an answer that is not right as a failure."""

    abstract = True
    stage: ClassVar[Stage]
    numbers: ClassVar["count[int]"] = count()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.number = next(self.numbers)
        self.province = self.stage.province

    def ask(self, path: str, token: str, name: str) -> Json | None:
        """What the service answers; None when it does not answer well."""
        return self._send("GET", path, token, name, None)

    def tell(self, path: str, token: str, name: str, body: Json | list[Json]) -> Json | None:
        """What the service makes of a body; None when it does not take it."""
        return self._send("POST", path, token, name, body)

    def _send(self, method: str, path: str, token: str, name: str, body: Json | list[Json] | None) -> Json | None:
        headers = {"Authorization": f"Bearer {token}"}
        with self.client.request(method, path, json=body, headers=headers, name=name, catch_response=True) as answer:
            if answer.status_code not in (200, 201):
                answer.failure(f"{answer.status_code} {(answer.text or '')[:200]}")
                return None
            said: Json = answer.json()
            if wrong := [result for result in said.get("results", ()) if result["status"] == "refused"]:
                answer.failure(f"refused: {wrong[0]['problem']['code']}")
                return None
            return said

    def weigh(self, party: Party, records: list[Json], name: str) -> None:
        """Tell what a scale said, and hold the service to what it has answered before."""
        body = records[0] if len(records) == 1 else {"sent_at": datetime.now(UTC).isoformat(), "records": records}
        said = self.tell("/v1/weighings", party.device, name, body)
        for sent, result in zip(records, said["results"] if said else (), strict=bool(said)):
            first = self.stage.told.setdefault(sent["id"], result)
            if result["status"] == "accepted" and sent["direction"] == "out" and party.mine_id:
                self.stage.shipped_kg[party.mine_id] += sent["gross_kg"] - sent["tare_kg"]
            if (first["movement_ids"], first["flags"]) != (result["movement_ids"], result["flags"]):
                self.environment.events.request.fire(
                    request_type="ANSWER",
                    name=name,
                    response_time=0,
                    response_length=0,
                    exception=AssertionError("one record, two answers"),
                    context={},
                )

    def issue(self, trade: Trade, wanted: int) -> list[Json]:
        """Tickets that the service has issued; none where it did not."""
        asked = self.province.tickets(trade, wanted)
        said = self.tell("/v1/tickets", trade.seller.clerk, f"POST /v1/tickets × {wanted}", asked)
        return [result["ticket"] for result in said["results"]] if said else []


class Weighbridge(Visitor):
    """A mine's scale and a plant's at work: a truck out, a truck in, a ticket for each."""

    wait_time = between(0.05, 0.15)

    def on_start(self) -> None:
        """Choose whose trucks these are."""
        self.trade = self.province.trades[self.number % len(self.province.trades)]
        self.tickets: list[Json] = []

    @task
    def load(self) -> None:
        """One truck's journey."""
        if not self.tickets:
            self.tickets = self.issue(self.trade, TICKETS_AT_ONCE)
        if self.tickets:
            ticket, net_kg = self.tickets.pop(), random.randrange(30_000, 32_000)
            self.weigh(self.trade.seller, [record(ticket, self.trade.seller, "out", net_kg)], "one record, out")
            self.weigh(self.trade.buyer, [record(ticket, self.trade.buyer, "in", net_kg - 40)], "one record, in")


class HotMine(Visitor):
    """One of many scales of the one mine whose quota runs out: nothing but loads, one after the other."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """All go to the same mine."""
        self.trade = self.province.trades[-1]
        self.tickets: list[Json] = []

    @task
    def load(self) -> None:
        """One truck out."""
        if not self.tickets:
            self.tickets = self.issue(self.trade, 5 * TICKETS_AT_ONCE)
        if self.tickets:
            out = record(self.tickets.pop(), self.trade.seller, "out", random.randrange(30_000, 32_000))
            self.weigh(self.trade.seller, [out], "one record, out, hot mine")


class Returning(Visitor):
    """A station that comes back after a day without a network, with all that it has weighed, and then has nothing more."""

    wait_time = constant(0)

    @task
    def come_back(self) -> None:
        """A day's records, as many at once as its software sends."""
        if not self.stage.offline:
            raise StopUser
        party, day = self.stage.offline.pop()
        for place in range(0, len(day), RECORDS_AT_ONCE):
            part = day[place : place + RECORDS_AT_ONCE]
            began = time.perf_counter()
            self.weigh(party, part, "records of a day offline")
            self.stage.replayed.append(Sent(len(part), began, time.perf_counter()))


class Filer(Visitor):
    """Two clerks who file a contract, each their own side, and now and then a mine's form of the quarter."""

    wait_time = between(0.1, 0.3)

    @task(9)
    def file(self) -> None:
        """Both sides, one after the other."""
        trade = self.province.trades[self.number % len(self.province.trades)]
        contract = self.province.contract(trade.seller, trade.buyer)
        for party in (trade.seller, trade.buyer):
            self.tell("/v1/contracts", party.clerk, "POST /v1/contracts", contract)

    @task(1)
    def form(self) -> None:
        """What the service knows of a mine's quarter, drafted or read anew."""
        mine = self.province.mines[self.number % len(self.province.mines)]
        self.tell("/v1/forms", mine.clerk, "POST /v1/forms", self.stage.quarter_of(mine))


class Officer(Visitor):
    """An officer at the quarter's end, who draws sheets and reads everything."""

    wait_time = between(0.1, 0.3)

    @task(3)
    def tree(self) -> None:
        """The quota of the whole province."""
        self.ask(f"/v1/quotas?year={self.province.today.year}", self.province.office, "GET /v1/quotas")

    @task(2)
    def alerts(self) -> None:
        """What somebody should look at."""
        self.ask("/v1/alerts?state=open", self.province.office, "GET /v1/alerts")

    @task(2)
    def mine(self) -> None:
        """One mine's quota and who holds its ore."""
        mine, year = random.choice(self.province.mines), self.province.today.year
        self.ask(f"/v1/mines/{mine.mine_id}/quota?year={year}", self.province.office, "GET /v1/mines/…/quota")
        self.ask(f"/v1/provenance/mines/{mine.mine_id}?year={year}", self.province.office, "GET /v1/provenance/mines")

    @task(1)
    def contracts(self) -> None:
        """Contracts and tickets, page by page."""
        self.ask("/v1/contracts?limit=100", self.province.office, "GET /v1/contracts")
        self.ask("/v1/tickets?limit=100", self.province.office, "GET /v1/tickets")

    @task(1)
    def statistics(self) -> None:
        """A county's quarter, and two ledgers of one of its mines."""
        mine = random.choice(self.province.mines)
        said = self.stage.quarter_of(mine)
        county = (
            f"/v1/reports/counties/{mine.firm.jurisdiction[:6]}/quarter?year={said['year']}&quarter={said['quarter']}"
        )
        self.ask(county, self.province.office, "GET /v1/reports/counties/…/quarter")
        for ledger in ("output", "sales"):
            path = f"/v1/reports/mines/{mine.mine_id}/{ledger}?year={said['year']}"
            self.ask(path, self.province.office, f"GET /v1/reports/mines/…/{ledger}")

    @task(1)
    def sheets(self) -> None:
        """A mine's scoring sheet, drafted or read anew, then all sheets and forms."""
        mine = random.choice(self.province.mines)
        self.tell("/v1/assessments", self.province.office, "POST /v1/assessments", self.stage.quarter_of(mine))
        self.ask("/v1/assessments?limit=100", self.province.office, "GET /v1/assessments")
        self.ask("/v1/forms?limit=100", self.province.office, "GET /v1/forms")


class Walker(Visitor):
    """Somebody who asks of the deepest trade where its ore came from."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Find the papers at the end of the chain."""
        trade = self.stage.deepest
        assert trade is not None, "the scenario has a deepest trade"
        self.contract_id = trade.id
        self.lots = self._items(f"/v1/lots?holder={trade.buyer.id}")
        self.tickets = self._items(f"/v1/tickets?contract_id={trade.id}")

    def _items(self, path: str) -> list[Json]:
        said = self.ask(path, self.province.office, path.partition("?")[0])
        return said["items"] if said else []

    @task(6)
    def ticket(self) -> None:
        """One truck's load."""
        self._walk("tickets", random.choice(self.tickets)["id"])

    @task(2)
    def lot(self) -> None:
        """All that a plant received under a contract."""
        self._walk("lots", random.choice(self.lots)["id"])

    @task(1)
    def contract(self) -> None:
        """The same, asked of the contract."""
        self._walk("contracts", self.contract_id)

    def _walk(self, slice_: str, id_: str) -> None:
        name = f"GET /v1/provenance/{slice_}"
        said = self.ask(f"/v1/provenance/{slice_}/{id_}", self.province.office, name)
        assert said is None or sum(origin["kg"] for origin in said["origins"]) + said["unproven_kg"] == said["kg"]


class Repeater(Visitor):
    """A device that cannot believe that it was heard."""

    wait_time = constant(0)

    @task(3)
    def one(self) -> None:
        """One known record again."""
        self.weigh(self.province.trades[0].seller, [random.choice(self.stage.known)], "one known record")

    @task(1)
    def many(self) -> None:
        """Many known records again, in another order."""
        self.weigh(self.province.trades[0].seller, random.sample(self.stage.known, 100), "100 known records")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who comes, how many of each, and how large a province they find: mines, plants, traders."""

    words: str
    visitors: Mapping[type[Visitor], int]
    mines: int = 4
    plants: int = 2
    traders: int = 0
    prepare: Callable[[Stage], None] = lambda _: None


def _sell_on(stage: Stage) -> None:
    province = stage.province
    stage.deepest = chain(province, [province.mines[0], *province.traders, province.plants[0]], 60)


def _load_for_the_storm(stage: Stage) -> None:
    trade = stage.province.trades[0]
    tickets = stage.province.issue(trade, 400)
    stage.known = [record(ticket, trade.seller, "out", random.randrange(30_000, 32_000)) for ticket in tickets]


def _weigh_offline(stage: Stage) -> None:
    """A day's loads at every station, each record told by nobody yet; arrivals wait at some before departures at others."""
    province = stage.province
    for number, trader in enumerate(province.traders):
        province.trades.append(province.agree(province.mines[number % len(province.mines)], trader))
    begun = datetime.now(UTC) - timedelta(days=1)
    stations = len(province.mines) + len(province.plants) + len(province.traders)
    loads = -(-OFFLINE_RECORDS * stations // (2 * len(province.trades)))
    books: dict[str, tuple[Party, list[Json]]] = {}
    for trade in province.trades:
        tickets = province.issue(trade, loads, days_ago=1)
        for party, direction, net_kg in ((trade.seller, "out", 31_200), (trade.buyer, "in", 31_140)):
            _, day = books.setdefault(party.station_id, (party, []))
            day += [
                record(ticket, party, direction, net_kg, at=begun + timedelta(minutes=5 * place))
                for place, ticket in enumerate(tickets)
            ]
    stage.offline = random.sample(list(books.values()), len(books))
    stage.at_work = [list(_second_scales(province, trade)) for trade in province.trades[:PAIRS_AT_WORK]]


def _second_scales(province: Province, trade: Trade) -> Iterator[Send]:
    """What the second scales of both sides weigh, which were never offline: a load out, and some loads later in."""
    at_work = Trade(trade.id, province.second_scale(trade.seller), province.second_scale(trade.buyer))
    on_the_road: deque[Json] = deque()
    for ticket in province.issue(at_work, MOST_LOADS_AT_WORK):
        yield Send(at_work.seller.device, record(ticket, at_work.seller, "out", 31_200), at_work.seller.mine_id)
        on_the_road.append(ticket)
        if len(on_the_road) > LOADS_ON_THE_ROAD:
            arrived = on_the_road.popleft()
            yield Send(at_work.buyer.device, record(arrived, at_work.buyer, "in", 31_140), None)


SCENARIOS: dict[str, Scenario] = {
    "weighbridges": Scenario("weighbridges at work", {Weighbridge: 24}),
    "hot-mine": Scenario("one mine whose quota runs out", {HotMine: 32}),
    "reconnect": Scenario(
        "41 stations come back after a day offline, while others work",
        {Returning: 41},
        23,
        12,
        6,
        prepare=_weigh_offline,
    ),
    "quarter-end": Scenario("filing and reports while trucks are weighed", {Filer: 6, Officer: 6, Weighbridge: 12}),
    "provenance": Scenario("deep provenance", {Walker: 8, Weighbridge: 4}, traders=3, prepare=_sell_on),
    "duplicates": Scenario("a storm of repeats", {Repeater: 24}, prepare=_load_for_the_storm),
}


def differences(stage: Stage, before_kg: Mapping[str, int]) -> list[str]:
    """Where the book's sums are not those of the accepted loads."""
    now_kg = stage.province.shipped_kg()
    return [
        f"mine {mine_id} let out {kg - before_kg.get(mine_id, 0)} kg by the book, {stage.shipped_kg[mine_id]} kg by the answers"
        for mine_id, kg in now_kg.items()
        if kg - before_kg.get(mine_id, 0) != stage.shipped_kg[mine_id]
    ]
