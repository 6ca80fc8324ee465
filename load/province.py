"""A small province, registered through the API: mines with quota, plants and traders, their clerks and their scales."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from uuid import UUID, uuid4

import httpx

from service.demo import cast
from service.demo.cast import Firm
from service.domain.units import SHANGHAI

Json = dict[str, Any]

PASSWORD = "the-kiln-is-warm-7"  # noqa: S105 - of a service that lives as long as the run
GRADE = "MgO≥46%"
TARE_KG = 15_000
POOL_KG = 9_000_000_000
CONTRACT_KG = 2_000_000_000
THIRSTY_KG = 3_000_000  # of the last mine, which will overdraw
MOST_AT_ONCE = 500


class Refused(Exception):
    """The service did not answer as the story needs it."""


@dataclass(eq=False, slots=True)
class Party:
    """A firm with its weighing station; `clerk` and `device` are the tokens of its people."""

    firm: Firm
    id: str
    station_id: str
    mine_id: str | None
    clerk: str = ""
    device: str = ""
    sequence: "count[int]" = field(default_factory=lambda: count(1))


@dataclass(frozen=True, slots=True)
class Trade:
    """A contract that both sides have filed."""

    id: str
    seller: Party
    buyer: Party


class Province:
    """What is registered, and how it trades; every request must succeed."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, timeout=60)
        self.today = datetime.now(SHANGHAI).date()
        self.office = self.sign_in("province")
        self.mines: list[Party] = []
        self.plants: list[Party] = []
        self.traders: list[Party] = []
        self.trades: list[Trade] = []
        self._plates = count(1)
        self._contracts = count(1)
        self._scales = count(1)

    def close(self) -> None:
        """End the connections."""
        self.http.close()

    def move(self, address: str) -> None:
        """Ask at another address from now on."""
        self.http.close()
        self.http = httpx.Client(base_url=address, timeout=60)

    def sign_in_again(self) -> None:
        """New tokens for everybody, since a token lives for minutes only."""
        self.office = self.sign_in("province")
        for party in (*self.mines, *self.plants, *self.traders):
            self._let_in(party)

    def sign_in(self, username: str) -> str:
        """A person's access token."""
        form = {"grant_type": "password", "username": username, "password": PASSWORD}
        return str(_good(self.http.post("/v1/token", data=form))["access_token"])

    def post(self, path: str, token: str, body: Json | Sequence[Json]) -> Json:
        """What the service makes of a body."""
        return _good(self.http.post(path, json=body, headers={"Authorization": f"Bearer {token}"}))

    def get(self, path: str, token: str) -> Json:
        """What the service answers."""
        return _good(self.http.get(path, headers={"Authorization": f"Bearer {token}"}))

    def found(self, mines: int, plants: int, traders: int, *, tranche_kg: int | None = None) -> None:
        """Register the firms, allot each mine the quota of a quarter (or so much), and let each sell to a plant."""
        for source, target in ((None, cast.ANSHAN), (cast.ANSHAN, cast.HAICHENG), (cast.ANSHAN, cast.XIUYAN)):
            self._allot("total", POOL_KG if source is None else POOL_KG // 2, source, {"jurisdiction": target})
        firms = cast.firms()
        kinds = ((mines, "mine", self.mines), (plants, "processor", self.plants), (traders, "trader", self.traders))
        for wanted, kind, parties in kinds:
            for firm in [firm for firm in firms if firm.kinds[0] == kind][:wanted]:
                parties.append(self._enter(firm))
        for number, mine in enumerate(self.mines):
            usual_kg = THIRSTY_KG if mine is self.mines[-1] else mine.firm.scale_kg // 10
            self._allot("base", tranche_kg or usual_kg, mine.firm.jurisdiction, {"mine_id": mine.mine_id}, quarter=1)
            self.trades.append(self.agree(mine, self.plants[number % len(self.plants)]))

    def agree(self, seller: Party, buyer: Party, proof: Sequence[Json] | None = None) -> Trade:
        """A new contract, filed by both sides."""
        body = self.contract(seller, buyer, proof)
        self.post("/v1/contracts", seller.clerk, body)
        return Trade(self.post("/v1/contracts", buyer.clerk, body)["id"], seller, buyer)

    def contract(self, seller: Party, buyer: Party, proof: Sequence[Json] | None = None) -> Json:
        """A new contract as each side files it."""
        return {
            "number": f"HT-{next(self._contracts):06d}",
            "seller_id": seller.id,
            "buyer_id": buyer.id,
            "signed_on": str(self.today),
            "kg": CONTRACT_KG,
            "grade": GRADE,
            "valid_until": f"{self.today.year + 1}-12-31",
            "mine_id": seller.mine_id,
            "proof": proof,
        }

    def tickets(self, trade: Trade, wanted: int, *, days_ago: int = 0) -> list[Json]:
        """Tickets as the seller asks for them, each for a truck of its own."""
        valid_from = datetime.now(UTC) - timedelta(days=days_ago, minutes=5)
        return [
            {
                "contract_id": trade.id,
                "plate": f"辽C{next(self._plates) % 100_000:05d}",
                "planned_kg": 31_000,
                "grade": GRADE,
                "source_station_id": trade.seller.station_id,
                "destination_station_id": trade.buyer.station_id,
                "valid_from": valid_from.isoformat(),
                "valid_until": (valid_from + timedelta(days=days_ago, hours=20)).isoformat(),
            }
            for _ in range(wanted)
        ]

    def issue(self, trade: Trade, wanted: int, *, days_ago: int = 0) -> list[Json]:
        """Tickets that the service has issued."""
        asked = self.tickets(trade, wanted, days_ago=days_ago)
        return [result["ticket"] for result in self.post("/v1/tickets", trade.seller.clerk, asked)["results"]]

    def deliver(self, trade: Trade, loads: int) -> None:
        """Loads that leave the seller's scale and arrive at the buyer's."""
        for start in range(0, loads, MOST_AT_ONCE):
            tickets = self.issue(trade, min(MOST_AT_ONCE, loads - start))
            for party, direction, net_kg in ((trade.seller, "out", 31_200), (trade.buyer, "in", 31_140)):
                records = [record(ticket, party, direction, net_kg) for ticket in tickets]
                results = self.post("/v1/weighings", party.device, {"records": records})["results"]
                if any(result["status"] != "accepted" for result in results):
                    raise Refused(results)

    def lots(self, holder: Party) -> list[Json]:
        """The lots of a firm, with what each still has for a proof."""
        items: list[Json] = self.get(f"/v1/lots?holder={holder.id}&limit=500", holder.clerk)["items"]
        return items

    def shipped_kg(self) -> dict[str, int]:
        """What the book says that each mine has let out."""
        return {
            mine.mine_id: self.get(f"/v1/mines/{mine.mine_id}/quota?year={self.today.year}", self.office)["out_kg"]
            for mine in self.mines
            if mine.mine_id
        }

    def _enter(self, firm: Firm) -> Party:
        said = {"name": firm.name, "jurisdiction": firm.jurisdiction}
        enterprise = {**said, "credit_code": firm.credit_code, "kinds": list(firm.kinds)}
        firm_id = self.post("/v1/enterprises", self.office, enterprise)["id"]
        mine_id = None
        if firm.mine:
            licence = {
                "number": f"C{firm.jurisdiction}2015066120{firm.credit_code[-6:]}",
                "scale_kg": firm.scale_kg,
                "valid_from": "2020-01-01",
                "valid_until": "2040-12-31",
            }
            good = {"consolidated": True, "environment_ok": True, "safety_ok": True}
            mine = {**said, "name": firm.mine, "enterprise_id": firm_id, "method": firm.method, "licence": licence}
            mine_id = self.post("/v1/mines", self.office, {**mine, **good})["id"]
        party = Party(firm, firm_id, self._open_station(firm, firm_id, mine_id), mine_id)
        self._employ(_clerk(party), "enterprise", {"enterprise_id": firm_id})
        self._employ(_scale(party), "station", {"station_id": party.station_id})
        self._let_in(party)
        return party

    def second_scale(self, party: Party) -> Party:
        """The same firm at another station of its own."""
        station_id = self._open_station(party.firm, party.id, party.mine_id)
        username = f"second-{next(self._scales)}"
        self._employ(username, "station", {"station_id": station_id})
        return Party(party.firm, party.id, station_id, party.mine_id, party.clerk, self.sign_in(username))

    def _open_station(self, firm: Firm, firm_id: str, mine_id: str | None) -> str:
        place = {"mine_id": mine_id} if mine_id else {"enterprise_id": firm_id}
        station = {"name": firm.name, "jurisdiction": firm.jurisdiction, **place}
        return str(self.post("/v1/stations", self.office, station)["id"])

    def _employ(self, username: str, role: str, place: Json) -> None:
        person = {"username": username, "password": PASSWORD, "name": username, "role": role, **place}
        self.post("/v1/people", self.office, person)

    def _let_in(self, party: Party) -> None:
        party.clerk, party.device = self.sign_in(_clerk(party)), self.sign_in(_scale(party))

    def _allot(self, kind: str, kg: int, source: str | None, target: Json, quarter: int | None = None) -> None:
        body = {
            "year": self.today.year,
            "quarter": quarter,
            "kind": kind,
            "from": source,
            "to": target,
            "kg": kg,
            "document_no": f"辽镁办{uuid4().hex[:6]}号",
            "issued_on": str(self.today),
            "issue": True,
        }
        self.post("/v1/allotments", self.office, body)


def record(ticket: Json, party: Party, direction: str, net_kg: int, *, at: datetime | None = None) -> Json:
    """A line of a station's book about a ticket's load."""
    return {
        "id": str(UUID(int=uuid4().int)),
        "sequence": next(party.sequence),
        "ticket": ticket["number"],
        "direction": direction,
        "plate": ticket["plate"],
        "gross_kg": TARE_KG + net_kg,
        "tare_kg": TARE_KG,
        "weighed_at": (at or datetime.now(UTC)).isoformat(),
    }


def chain(province: Province, links: Iterable[Party], loads: int) -> Trade:
    """Ore that is sold on from firm to firm, each proving its origin by what it received; the last trade."""
    sellers = list(links)
    trade = None
    for seller, buyer in pairwise(sellers):
        named = None
        if trade is not None:
            named = [{"lot_id": lot["id"], "kg": lot["available_kg"]} for lot in province.lots(seller)]
        trade = province.agree(seller, buyer, named)
        province.deliver(trade, loads)
        loads -= 1  # what was lost on the way cannot be sold on
    assert trade is not None, "a chain has links"
    return trade


def _clerk(party: Party) -> str:
    return f"clerk-{party.firm.credit_code[-6:]}".lower()


def _scale(party: Party) -> str:
    return f"scale-{party.firm.credit_code[-6:]}".lower()


def _good(answer: httpx.Response) -> Json:
    if answer.is_error:
        raise Refused(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    body: Json = answer.json()
    return body
