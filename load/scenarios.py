"""Who comes to the service, and in which company: one class for each sort of visitor, one entry for each scenario."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import ClassVar

from locust import FastHttpUser, between, constant, task
from locust.env import Environment

from load.province import Json, Party, Province, Trade, chain, record

TICKETS_AT_ONCE = 20
OFFLINE_LOADS = 50


@dataclass
class Stage:
    """What the visitors of one scenario share: the province, its deepest trade, and what they have been told."""

    province: Province
    deepest: Trade | None
    known: list[Json]
    told: dict[str, Json]
    shipped_kg: "Counter[str]"


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

    def issue(self, trade: Trade, wanted: int, *, days_ago: int = 0) -> list[Json]:
        """Tickets that the service has issued; none where it did not."""
        asked = self.province.tickets(trade, wanted, days_ago=days_ago)
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
    """A pair of stations that come back after a day without a network, with all that they have weighed."""

    wait_time = constant(0.5)

    def on_start(self) -> None:
        """Choose whose stations these are."""
        self.trade = self.province.trades[self.number % len(self.province.trades)]

    @task
    def come_back(self) -> None:
        """A day's loads at once, the arrivals before the departures every other time."""
        tickets = self.issue(self.trade, OFFLINE_LOADS, days_ago=1)
        begun = datetime.now(UTC) - timedelta(days=1)
        sides = [(self.trade.seller, "out", 31_200), (self.trade.buyer, "in", 31_140)]
        if random.random() < 0.5:
            sides.reverse()
        for party, direction, net_kg in sides:
            day = [
                record(ticket, party, direction, net_kg, at=begun + timedelta(minutes=10 * place))
                for place, ticket in enumerate(tickets)
            ]
            if day:
                self.weigh(party, day, f"{OFFLINE_LOADS} records of yesterday, {direction}")


class Filer(Visitor):
    """Two clerks who file a contract, each their own side."""

    wait_time = between(0.1, 0.3)

    @task
    def file(self) -> None:
        """Both sides, one after the other."""
        trade = self.province.trades[self.number % len(self.province.trades)]
        contract = self.province.contract(trade.seller, trade.buyer)
        for party in (trade.seller, trade.buyer):
            self.tell("/v1/contracts", party.clerk, "POST /v1/contracts", contract)


class Officer(Visitor):
    """An officer at the quarter's end, who reads everything."""

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


SCENARIOS: dict[str, Scenario] = {
    "weighbridges": Scenario("weighbridges at work", {Weighbridge: 24}),
    "hot-mine": Scenario("one mine whose quota runs out", {HotMine: 32}),
    "reconnect": Scenario(
        "41 stations come back after a day offline, while others work", {Returning: 41, Weighbridge: 4}, 23, 12, 6
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
