"""Callers who ask two processes of the service at once for all that moves ore, and write down what each was answered."""

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event
from typing import Any
from uuid import uuid4

import httpx

from load.province import GRADE, TARE_KG, Json, Party, Province, Trade, record

WEIGHINGS, TICKETS = "/v1/weighings", "/v1/tickets"
REASON = "两处同时办理"
ASKED_AGAIN_AFTER_S = 0.05
COME_AGAIN = ("busy", "idempotency-key-running")


class TimeIsUp(Exception):
    """The callers are told to stop; what is asked for and not answered is asked for again by somebody else."""


class NoTicket(Exception):
    """The quota has nothing left, and the office does not let anybody go beyond it (O03)."""


@dataclass(eq=False, slots=True)
class Deed:
    """Something asked for, with every answer to it. Records count once by their ids, all else by a key."""

    path: str
    token: str
    body: Any
    mine_id: str | None = None
    kg: int = 0  # so much more has left the mine when it is done
    may_be_refused: frozenset[str] = frozenset()
    key: str = field(default_factory=lambda: str(uuid4()))
    heard: list[Json] = field(default_factory=list)
    refused: str | None = None

    @property
    def tells_records(self) -> bool:
        """Whether it is what a scale said."""
        return self.path == WEIGHINGS

    @property
    def headers(self) -> dict[str, str]:
        """Who asks; and the key, for what has no id of its own."""
        return {"Authorization": f"Bearer {self.token}"} | ({} if self.tells_records else {"Idempotency-Key": self.key})

    @property
    def is_done(self) -> bool:
        """Whether somebody was told that it is."""
        if self.tells_records and self.heard:
            return all(result["status"] != "refused" for result in self.heard[0]["results"])
        return bool(self.heard)


@dataclass(frozen=True, slots=True)
class Load:
    """What a scale of a mine weighed out, that has not been put right by anybody."""

    trade: Trade
    ticket: Json
    record: Json

    @property
    def kg(self) -> int:
        """The net weight that was told."""
        return int(self.record["gross_kg"] - self.record["tare_kg"])


class Town:
    """Two addresses of one service, those who trade there, and all that was asked for."""

    def __init__(self, province: Province, addresses: list[str], line_id: str) -> None:
        self.province = province
        self.addresses = addresses
        self.line_id = line_id
        self.is_over = Event()
        self.deeds: list[Deed] = []
        self.answers: Counter[tuple[int, str]] = Counter()  # by status and code
        self.on_the_road: deque[Load] = deque()
        self.numbers = count(1)
        self.before_kg: dict[str, int] = {}

    def begin(self) -> None:
        """What was asked for and seen before is no matter any more."""
        self.is_over.clear()
        self.deeds = []
        self.before_kg = self.province.shipped_kg()

    def decide_overdraws(self, value: str) -> None:
        """What becomes of tickets beyond the quota from now on, at both addresses (O03)."""
        body = {"value": value, "valid_from": str(self.province.today), "document_no": "策1号", "reason": REASON}
        self.province.post("/v1/policies/overdraw", self.province.office, body)

    def rests_kg(self) -> dict[str, int]:
        """What there is of each mine's ore, wherever it is now, less what has left without a lawful paper."""
        rests = {}
        for mine in self.province.mines:
            said = [
                self.province.get(f"/v1/{path}?year={self.province.today.year}", self.province.office)
                for path in (f"provenance/mines/{mine.mine_id}", f"mines/{mine.mine_id}/quota")
            ]
            assert mine.mine_id is not None
            rests[mine.mine_id] = sum(holder["kg"] for holder in said[0]["holders"]) - said[1]["suspense_kg"]
            rests[mine.mine_id] += said[0]["rest"]["kg"] if said[0]["rest"] else 0
        return rests

    def shipped_kg(self) -> dict[str, int]:
        """What has left each mine for good, by the answers alone."""
        shipped = Counter(self.before_kg)
        for deed in self.deeds:
            if deed.mine_id and deed.is_done:
                shipped[deed.mine_id] += deed.kg
        return shipped

    def acknowledged(self) -> int:
        """How many deeds somebody was told of."""
        return sum(deed.is_done for deed in self.deeds)


class Caller:
    """Somebody with business at both addresses, who asks the one where the other is gone."""

    def __init__(self, town: Town, http: httpx.Client, hands: Executor, seed: int) -> None:
        self.town = town
        self.province = town.province
        self.http = http
        self.hands = hands  # for who asks at both at once
        self.rng = random.Random(seed)

    def work(self) -> None:
        """One piece of business after the other, until time is up."""
        try:
            while not self.town.is_over.is_set():
                [business] = self.rng.choices(list(BUSINESS), list(BUSINESS.values()))
                with suppress(NoTicket):
                    business(self)
        except TimeIsUp:
            return

    # Asking

    def ask(self, deed: Deed, place: int) -> Json | None:
        """Have something done, or hear why it is not: then None."""
        answer = self._answer(
            place, lambda address: self.http.post(address + deed.path, json=deed.body, headers=deed.headers)
        )
        said: Json = answer.json()
        if answer.is_success:
            deed.heard.append(said)
            return said
        assert said["code"] in deed.may_be_refused, (deed, said)
        deed.refused = said["code"]
        return None

    def do(self, path: str, token: str, body: Any, *may_be_refused: str, at_both: bool = False) -> Json | None:
        """Something under a key, at either address, or at both at once."""
        deed = Deed(path, token, body, may_be_refused=frozenset(may_be_refused))
        self.town.deeds.append(deed)
        return self._at_both(deed, deed) if at_both else self.ask(deed, self.rng.randrange(2))

    def weigh(self, *told: Deed, at_both: bool = False) -> None:
        """Records in order, at either address, or each at both at once."""
        self.town.deeds += told  # all are meant to be told, also where time is up between them
        for deed in told:
            if at_both:
                self._at_both(deed, deed)
            else:
                self.ask(deed, self.rng.randrange(2))

    def at_once(self, one: Deed, other: Deed) -> None:
        """Two deeds, each at an address of its own, at the same time."""
        self.town.deeds += (one, other)
        self._at_both(one, other)

    def get(self, path: str, token: str) -> Json:
        """What one of the two shows."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = self._answer(self.rng.randrange(2), lambda address: self.http.get(address + path, headers=headers))
        assert answer.is_success, answer.text
        said: Json = answer.json()
        return said

    def _answer(self, place: int, send: Callable[[str], httpx.Response]) -> httpx.Response:
        """Ask until there is an answer, at the other address where this one is gone or cannot now."""
        while not self.town.is_over.is_set():
            try:
                answer = send(self.town.addresses[place])
            except httpx.TransportError:
                self.town.answers[0, "gone"] += 1
            else:
                code = "" if answer.is_success else answer.json()["code"]
                self.town.answers[answer.status_code, code] += 1
                if code not in COME_AGAIN:
                    return answer
            place = 1 - place
            time.sleep(ASKED_AGAIN_AFTER_S)
        raise TimeIsUp

    def _at_both(self, one: Deed, other: Deed) -> Json | None:
        place = self.rng.randrange(2)
        beside = self.hands.submit(self.ask, other, 1 - place)
        try:
            return self.ask(one, place)
        finally:
            beside.result()

    # What is asked for

    def issue(self, trade: Trade, wanted: int = 1) -> list[Json]:
        """Tickets, now and then the same list at both at once."""
        asked = self.province.tickets(trade, wanted)
        said = self.do(TICKETS, trade.seller.clerk, asked, at_both=self.is_now_and_then())
        assert said is not None
        tickets = [result["ticket"] for result in said["results"] if result["ticket"]]
        if not tickets:
            raise NoTicket
        return tickets

    def a_net_kg(self) -> int:
        """What a truck carries."""
        return self.rng.randrange(28_000, 32_000)

    def is_now_and_then(self) -> bool:
        """One time of four."""
        return self.rng.random() < 0.25

    def a_mines_trade(self) -> Trade:
        """A sale out of a quota."""
        return self.rng.choice([trade for trade in self.province.trades if trade.seller.mine_id])


def departure(trade: Trade, body: Json, kg: int | None = None) -> Deed:
    """A truck leaves, with ore of the mine's where that sells it."""
    kg = body["gross_kg"] - TARE_KG if kg is None else kg
    return Deed(WEIGHINGS, trade.seller.device, {"records": [body]}, trade.seller.mine_id, kg)


def arrival(trade: Trade, ticket: Json, net_kg: int) -> Deed:
    """The truck arrives, with a little less."""
    return Deed(WEIGHINGS, trade.buyer.device, {"records": [record(ticket, trade.buyer, "in", net_kg - 40)]})


# The business


def haul(caller: Caller) -> None:
    """Loads out and in, told in this order or the other, or at the same time, by a mine or a trader."""
    trade = caller.rng.choice(caller.province.trades)
    for ticket in caller.issue(trade, caller.rng.choice([1, 1, 3])):
        net_kg = caller.a_net_kg()
        left = departure(trade, record(ticket, trade.seller, "out", net_kg))
        arrived = arrival(trade, ticket, net_kg)
        match caller.rng.randrange(4):
            case 0:
                caller.weigh(arrived, left)
            case 1:
                caller.at_once(left, arrived)
            case _:
                caller.weigh(left, arrived, at_both=caller.is_now_and_then())


def haul_late(caller: Caller) -> None:
    """Another record of the same departure, minutes earlier by the clock, comes last: all is told anew."""
    trade = caller.a_mines_trade()
    [ticket] = caller.issue(trade)
    net_kg, minutes_ago = caller.a_net_kg(), datetime.now(UTC) - timedelta(minutes=4)
    late = record(ticket, trade.seller, "out", net_kg, at=minutes_ago)
    caller.weigh(
        departure(trade, record(ticket, trade.seller, "out", net_kg)),
        arrival(trade, ticket, net_kg),
        departure(trade, late, 0),
    )


def send_out(caller: Caller) -> None:
    """A load that somebody will put right before it arrives."""
    trade = caller.a_mines_trade()
    [ticket] = caller.issue(trade)
    body = record(ticket, trade.seller, "out", caller.a_net_kg())
    caller.weigh(departure(trade, body))
    caller.town.on_the_road.append(Load(trade, ticket, body))


def contradict(caller: Caller) -> None:
    """One record with two weights, each told to another: which is first stands."""
    trade = caller.a_mines_trade()
    [ticket] = caller.issue(trade)
    one = record(ticket, trade.seller, "out", caller.a_net_kg())
    caller.at_once(departure(trade, one), departure(trade, {**one, "gross_kg": one["gross_kg"] + 10}))


def weighing_of(caller: Caller, load: Load) -> str:
    """What the service calls the record of a load."""
    found = caller.get(f"{WEIGHINGS}?ticket={load.ticket['id']}", caller.province.office)["items"]
    return next(str(item["id"]) for item in found if item["record_id"] == load.record["id"])


def put_right(caller: Caller, load: Load, what: str, body: Json, kg: int) -> Deed:
    """What somebody says later of a load's record."""
    path = f"{WEIGHINGS}/{weighing_of(caller, load)}/{what}"
    return Deed(path, caller.province.office, {**body, "reason": REASON}, load.trade.seller.mine_id, kg)


def correct(caller: Caller) -> None:
    """A load was heavier or lighter, and arrives at the same time."""
    if caller.town.on_the_road:
        load = caller.town.on_the_road.popleft()
        more_kg = caller.rng.choice([-3_000, 2_000])
        weights = {"gross_kg": load.record["gross_kg"] + more_kg, "tare_kg": load.record["tare_kg"]}
        corrected = put_right(caller, load, "correct", weights, more_kg)
        caller.at_once(corrected, arrival(load.trade, load.ticket, load.kg + more_kg))


def take_back(caller: Caller) -> None:
    """A load never left; or it did, and a new record says so."""
    if caller.town.on_the_road:
        load = caller.town.on_the_road.popleft()
        voided = put_right(caller, load, "void", {}, -load.kg)
        again = departure(load.trade, record(load.ticket, load.trade.seller, "out", load.kg + 500))
        caller.town.deeds.append(voided)
        caller.ask(voided, caller.rng.randrange(2))
        if caller.is_now_and_then():
            caller.weigh(again, at_both=True)


def turn_back(caller: Caller) -> None:
    """A truck comes back with what it carries."""
    if caller.town.on_the_road:
        load = caller.town.on_the_road.popleft()
        body = record(load.ticket, load.trade.seller, "back", load.kg)
        caller.weigh(departure(load.trade, body, -load.kg), at_both=caller.is_now_and_then())


def refuse(caller: Caller) -> None:
    """A plant does not take a part of a load, which goes back: of a mine's it has not left, a trader's lot has it again."""
    trade = caller.rng.choice([trade for trade in caller.province.trades if trade.buyer in caller.province.plants])
    [ticket] = caller.issue(trade)
    net_kg, refused_kg = caller.a_net_kg(), caller.rng.choice([3_000, 20_000])
    caller.weigh(departure(trade, record(ticket, trade.seller, "out", net_kg)), arrival(trade, ticket, net_kg))
    path, body = f"{TICKETS}/{ticket['id']}/refuse-part", {"refused_kg": refused_kg, "reason": REASON}
    if caller.do(path, trade.buyer.clerk, body, at_both=caller.is_now_and_then()):
        back = record(ticket, trade.seller, "back", refused_kg)
        caller.weigh(departure(trade, back, -refused_kg))


def lose(caller: Caller) -> None:
    """An office writes a load off that arrives at the same time."""
    if caller.town.on_the_road:
        load = caller.town.on_the_road.popleft()
        path = f"{TICKETS}/{load.ticket['id']}/lose"
        lost = Deed(path, caller.province.office, {"reason": REASON}, may_be_refused=frozenset({"ticket-has-ended"}))
        caller.at_once(lost, arrival(load.trade, load.ticket, load.kg))


def adjustment(town: Town, mine: Party, kg: int) -> Json:
    """What an office gives a mine, or takes back."""
    today = town.province.today
    return {
        "year": today.year,
        "quarter": None,
        "kind": "adjustment",
        "from": mine.firm.jurisdiction,
        "to": {"mine_id": mine.mine_id},
        "kg": kg,
        "document_no": f"调〔{today.year}〕{next(town.numbers)}号",
        "reason": REASON,
        "issued_on": str(today),
        "issue": True,
    }


def adjust(caller: Caller) -> None:
    """An office takes quota back while it is sold, or gives more, which covers what is owed."""
    kg = caller.rng.choice([-60_000, -45_000, 90_000, 200_000])
    body = adjustment(caller.town, caller.rng.choice(caller.province.mines), kg)
    caller.do("/v1/allotments", caller.province.office, body, "more-than-allotted", at_both=caller.is_now_and_then())


def a_lot(caller: Caller) -> Json | None:
    """A lot of a plant with something in it."""
    plant = caller.province.plants[0]
    lots = caller.get(f"/v1/lots?holder={plant.id}&limit=500", plant.clerk)["items"]
    return caller.rng.choice([lot for lot in lots if lot["available_kg"] > 5_000] or [None])


def process(caller: Caller) -> None:
    """A kiln makes something of a lot that others fill meanwhile; now and then it turns out that it did not.

    Of what a trader has sold also yesterday: then what was refused of it since did not lie there, and is told anew.
    """
    lot, plant = a_lot(caller), caller.province.plants[0]
    if lot is None:
        return
    today, fed_kg = caller.province.today, min(lot["available_kg"] // 2, 20_000)
    ran_on = today
    if lot["document"]["id"] == caller.province.trades[-1].id and caller.rng.random() < 0.5:
        ran_on = max(today - timedelta(days=1), today.replace(month=1, day=1))
    body = {
        "number": f"JG-{next(caller.town.numbers)}",
        "line_id": caller.town.line_id,
        "ran_on": str(ran_on),
        "inputs": [{"lot_id": lot["id"], "kg": fed_kg}],
        "outputs": [{"kind": "product", "name": "轻烧粉", "kg": fed_kg // 2}],
    }
    run = caller.do("/v1/runs", plant.clerk, body, "lot-has-less", at_both=caller.is_now_and_then())
    if run and caller.is_now_and_then():
        caller.do(f"/v1/runs/{run['id']}/void", plant.clerk, {"reason": REASON})


def count_stock(caller: Caller) -> None:
    """A lot is counted, and an office agrees with the difference."""
    lot, plant = a_lot(caller), caller.province.plants[0]
    if lot is None:
        return
    body = {
        "lot_id": lot["id"],
        "counted_kg": lot["available_kg"] + caller.rng.choice([-30, 30]),
        "counted_on": str(caller.province.today),
        "reason": REASON,
        "document_no": f"PD-{next(caller.town.numbers)}",
    }
    counted = caller.do("/v1/stocktakes", plant.clerk, body, "count-waits")
    if counted:
        decision = {"approve": True}
        path = f"/v1/stocktakes/{counted['id']}/decide"
        caller.do(path, caller.province.office, decision, "count-beyond-cap", at_both=caller.is_now_and_then())


def trade_and_close(caller: Caller) -> None:
    """Both sides file a contract at the same time, ship one load, and close it at the same time."""
    seller, buyer = caller.a_mines_trade().seller, caller.province.plants[0]
    terms = {**caller.province.contract(seller, buyer), "kg": 100_000}
    sides = [Deed("/v1/contracts", party.clerk, terms) for party in (seller, buyer)]
    caller.at_once(*sides)
    trade = Trade(sides[0].heard[0]["id"], seller, buyer)
    [ticket] = caller.issue(trade)
    net_kg = caller.a_net_kg()
    close = f"/v1/contracts/{trade.id}/close"
    may_be_early = frozenset({"tickets-still-open"})
    early = Deed(close, seller.clerk, None, may_be_refused=may_be_early)
    caller.at_once(departure(trade, record(ticket, seller, "out", net_kg)), early)
    caller.weigh(arrival(trade, ticket, net_kg))
    caller.at_once(Deed(close, seller.clerk, None), Deed(close, buyer.clerk, None))


def hand_over(caller: Caller) -> None:
    """A mine gives ore to its own plant by a slip without tickets."""
    mine = caller.province.mines[0]
    kg = caller.a_net_kg()
    body = {
        "number": f"JJ-{next(caller.town.numbers)}",
        "enterprise_id": mine.id,
        "mine_id": mine.mine_id,
        "handed_on": str(caller.province.today),
        "kg": kg,
        "grade": GRADE,
    }
    slip = Deed("/v1/slips", mine.clerk, body, mine.mine_id, kg)
    caller.town.deeds.append(slip)
    caller.ask(slip, caller.rng.randrange(2))


BUSINESS: dict[Callable[[Caller], None], int] = {
    haul: 12,
    haul_late: 2,
    send_out: 6,
    contradict: 1,
    correct: 3,
    take_back: 2,
    turn_back: 2,
    refuse: 4,
    lose: 1,
    adjust: 3,
    process: 3,
    count_stock: 1,
    trade_and_close: 2,
    hand_over: 1,
}
"""What callers do, and how often one in comparison with another."""


# What was said of it


def check_answers(deeds: Sequence[Deed]) -> None:
    """Who asked twice has heard the same twice; of records one acceptance at most."""
    for deed in deeds:
        if not deed.tells_records:
            assert all(said == deed.heard[0] for said in deed.heard), deed
            continue
        for told in zip(*(said["results"] for said in deed.heard), strict=True):
            statuses = Counter(result["status"] for result in told)
            assert statuses["accepted"] <= 1, deed
            assert statuses["refused"] in (0, len(told)), deed
            assert len({(*result["movement_ids"], "", *result["flags"]) for result in told}) == 1, deed
