"""What happens before anybody looks at a page: told through the API, by those who would."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx

from service.domain.permissions import Role
from tests import cast
from tests.pages.site import Site

TODAY = datetime(2026, 3, 10, 2, tzinfo=UTC)
CLOCK = f"{TODAY.isoformat()},1"
GAOZHUANG_CODE = "91210882MA0000005R"


@dataclass(frozen=True, slots=True)
class Story:
    """The ids of what tests look at."""

    contract: str
    onward: str
    one_sided: str
    delivered: str
    overdrawn: str
    waiting: str
    code: str
    lot: str
    onward_lot: str

    @property
    def fields(self) -> dict[str, str]:
        """The ids by name, and the digits of the code."""
        return {**asdict(self), "digits": self.code.rsplit("/", maxsplit=1)[-1]}


class Teller:
    """Speaks to the service as the people of the cast."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clients: dict[cast.Person, httpx.Client] = {}
        self._sequences: dict[cast.Person, Iterator[int]] = {}
        self._plates = count(10234, 791)

    def close(self) -> None:
        """Hang up."""
        for client in self._clients.values():
            client.close()

    def post(self, person: cast.Person, path: str, body: object) -> Any:
        """What the service answers to a person; it must not refuse."""
        if person not in self._clients:
            self._clients[person] = self._site.client(person)
        answer = self._clients[person].post(path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def get(self, person: cast.Person, path: str) -> Any:
        """What the service tells a person."""
        with self._site.client(person) as client:
            answer = client.get(path)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def allot(self, person: cast.Person, source: str | None, to: dict[str, str], kg: int, **more: object) -> None:
        """An office gives quota on."""
        body = {"year": 2026, "kind": "total", "from": source, "to": to, "kg": kg, "issued_on": "2026-01-05", **more}
        self.post(person, "/v1/allotments", {**body, "issue": True})

    def file(self, clerks: Sequence[cast.Person], number: str, **terms: object) -> str:
        """The clerks file a contract, one after the other; gives its id."""
        body = {"number": number, "signed_on": "2026-03-01", "grade": "LM46", "valid_until": "2026-12-31", **terms}
        return str([self.post(clerk, "/v1/contracts", body) for clerk in clerks][-1]["id"])

    def tickets(self, clerk: cast.Person, contract: str, source: UUID, target: UUID, number: int) -> list[Any]:
        """So many tickets of a contract."""
        return [
            self.post(
                clerk,
                "/v1/tickets",
                {
                    "contract_id": contract,
                    "plate": f"辽C{next(self._plates)}",
                    "planned_kg": 31_000,
                    "grade": "LM46",
                    "source_station_id": str(source),
                    "destination_station_id": str(target),
                    "valid_from": (TODAY - timedelta(days=6)).isoformat(),
                    "valid_until": (TODAY + timedelta(days=2)).isoformat(),
                },
            )
            for _ in range(number)
        ]

    def weigh(self, device: cast.Person, direction: str, tickets: Sequence[Any], since: datetime, net_kg: int) -> None:
        """A station weighs loads in a row, two hours apart, each a little heavier than the last."""
        numbers = self._sequences.setdefault(device, count(1))
        records = [
            {
                "id": str(uuid4()),
                "sequence": next(numbers),
                "ticket": ticket["number"],
                "direction": direction,
                "plate": ticket["plate"],
                "gross_kg": 15_000 + net_kg + 20 * turn,
                "tare_kg": 15_000,
                "weighed_at": (since + timedelta(hours=2 * turn)).isoformat(),
            }
            for turn, ticket in enumerate(tickets)
        ]
        answer = self.post(device, "/v1/weighings", {"records": records})
        assert {result["status"] for result in answer["results"]} == {"accepted"}, answer

    def carry(
        self,
        clerk: cast.Person,
        contract: str,
        stations: tuple[cast.Person, cast.Person],
        number: int,
        since: datetime,
    ) -> list[Any]:
        """Tickets, loads, and their arrival an hour later and 60 kg lighter."""
        source, target = stations
        assert source.station_id
        assert target.station_id
        tickets = self.tickets(clerk, contract, source.station_id, target.station_id, number)
        self.weigh(source, "out", tickets, since, 31_200)
        self.weigh(target, "in", tickets, since + timedelta(hours=1), 31_140)
        return tickets

    def lot(self, clerk: cast.Person, contract: str) -> Any:
        """What came under a contract."""
        lots = self.get(clerk, "/v1/lots?limit=500")["items"]
        return next(lot for lot in lots if lot["document"]["id"] == contract)


def tell(site: Site) -> Story:
    """Quota comes down; a mine and a neighbour sell to a plant and a trader; the trader sells on; the mine overdraws."""
    teller = Teller(site)
    try:
        return _tell(teller)
    finally:
        teller.close()


def _tell(teller: Teller) -> Story:
    paizhai, plant, trader = (str(firm.id) for firm in (cast.PAIZHAI, cast.PLANT_TWO, cast.TRADER))
    teller.allot(cast.PROVINCE, None, {"jurisdiction": "210000"}, 900_000_000, document_no="辽镁办〔2026〕1号")
    for city, kg, number in (("210300", 600_000_000, 2), ("210800", 250_000_000, 3)):
        teller.allot(cast.PROVINCE, "210000", {"jurisdiction": city}, kg, document_no=f"辽镁办〔2026〕{number}号")
    teller.allot(cast.ANSHAN, "210300", {"jurisdiction": "210381"}, 420_000_000, document_no="鞍镁办〔2026〕5号")
    teller.allot(cast.YINGKOU, "210800", {"jurisdiction": "210882"}, 90_000_000, document_no="营镁办〔2026〕2号")
    gaozhuang = teller.post(
        cast.DASHIQIAO,
        "/v1/enterprises",
        {"credit_code": GAOZHUANG_CODE, "name": "大石桥高庄矿业有限公司", "kinds": ["mine"], "jurisdiction": "210882"},
    )["id"]
    gaozhuang_mine = teller.post(
        cast.DASHIQIAO,
        "/v1/mines",
        {
            "enterprise_id": gaozhuang,
            "name": "高庄矿",
            "jurisdiction": "210882",
            "method": "open",
            "licence": {
                "number": "C2108002013056120107009",
                "scale_kg": 800_000_000,
                "valid_from": "2020-01-01",
                "valid_until": "2034-12-31",
            },
            "consolidated": True,
            "environment_ok": True,
            "safety_ok": True,
        },
    )["id"]
    bridge = teller.post(
        cast.DASHIQIAO, "/v1/stations", {"name": "高庄磅", "jurisdiction": "210882", "mine_id": gaozhuang_mine}
    )
    gaozhuang_clerk = cast.Person(uuid4(), "gaozhuang", "高庄文员", Role.ENTERPRISE, enterprise_id=UUID(gaozhuang))
    gaozhuang_bridge = cast.Person(uuid4(), "gaozhuang-bridge", "高庄磅", Role.STATION, station_id=UUID(bridge["id"]))
    for mine, office, county, kg, paper in (
        (cast.PAIZHAI_MINE, cast.ANSHAN, "210381", 500_000, "海镁办〔2026〕17号"),
        (gaozhuang_mine, cast.YINGKOU, "210882", 40_000_000, "大镁办〔2026〕4号"),
    ):
        teller.allot(office, county, {"mine_id": str(mine)}, kg, kind="base", quarter=1, document_no=paper)
    yard = teller.post(cast.LI, "/v1/stations", {"name": "贸易场磅", "jurisdiction": "210381", "enterprise_id": trader})
    traders_yard = cast.Person(uuid4(), "traders-yard", "贸易场磅", Role.STATION, station_id=UUID(yard["id"]))

    contract = teller.file(
        (cast.PAIZHAI_CLERK, cast.PLANT_CLERK), "排寨-2026-018", seller_id=paizhai, buyer_id=plant, kg=5_000_000
    )
    direct = teller.carry(
        cast.PAIZHAI_CLERK, contract, (cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE), 12, TODAY - timedelta(days=5)
    )
    to_trader = teller.file(
        (cast.PAIZHAI_CLERK, cast.TRADER_CLERK), "排寨-2026-021", seller_id=paizhai, buyer_id=trader, kg=3_000_000
    )
    beyond = teller.carry(
        cast.PAIZHAI_CLERK, to_trader, (cast.BRIDGE_7_DEVICE, traders_yard), 6, TODAY - timedelta(days=3)
    )
    from_gaozhuang = teller.file(
        (gaozhuang_clerk, cast.TRADER_CLERK), "高庄-2026-007", seller_id=gaozhuang, buyer_id=trader, kg=3_000_000
    )
    teller.carry(gaozhuang_clerk, from_gaozhuang, (gaozhuang_bridge, traders_yard), 5, TODAY - timedelta(days=4))
    proof = [
        {"lot_id": teller.lot(cast.TRADER_CLERK, paper)["id"], "kg": 140_000} for paper in (from_gaozhuang, to_trader)
    ]
    onward = teller.file(
        (cast.TRADER_CLERK, cast.PLANT_CLERK),
        "辽南-2026-003",
        seller_id=trader,
        buyer_id=plant,
        kg=280_000,
        proof=proof,
    )
    teller.carry(cast.TRADER_CLERK, onward, (traders_yard, cast.PLANT_TWO_DEVICE), 9, TODAY - timedelta(days=2))
    one_sided = teller.file(
        (cast.PAIZHAI_CLERK,),
        "排寨-2026-009",
        seller_id=paizhai,
        buyer_id=plant,
        kg=900_000,
        signed_on="2026-02-10",
    )
    waiting = teller.tickets(cast.PAIZHAI_CLERK, contract, cast.BRIDGE_7, cast.PLANT_TWO_GATE, 2)
    return Story(
        contract=contract,
        onward=onward,
        one_sided=one_sided,
        delivered=direct[0]["id"],
        overdrawn=beyond[-1]["id"],
        waiting=waiting[0]["id"],
        code=waiting[0]["code"],
        lot=teller.lot(cast.PLANT_CLERK, contract)["id"],
        onward_lot=teller.lot(cast.PLANT_CLERK, onward)["id"],
    )
