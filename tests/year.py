"""A whole year of the sample province, played through the API: its cast, its calendar, and a book of its own beside it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from service.demo import cast
from service.demo.cast import ANSHAN, HAICHENG, LIAONING, XIUYAN, Firm
from service.domain.permissions import Role
from service.domain.units import SHANGHAI
from tests.cast import Person
from tests.conftest import token_of
from tests.sweeping import swept

Json = dict[str, Any]

YEAR = 2026
COUNTIES = (HAICHENG, XIUYAN)
GRADE = "MgO≥46%"
LOAD_KG = 31_000
LOADS = 3  # of each contract
EARMARK = "镁建材"


@dataclass(frozen=True, slots=True)
class Quarter:
    """When a quarter's tranches are asked for, scored, decided and issued, and when its contracts are signed."""

    year: int
    number: int
    asked: str
    scored: str
    decided: str
    issued: str
    signed: str

    @property
    def before(self) -> tuple[int, int]:
        """The quarter whose sheets decide about this one's merit tranches."""
        return (self.year, self.number - 1) if self.number > 1 else (self.year - 1, 4)


QUARTERS = (
    Quarter(2026, 1, "2025-12-08 09:00:00", "2025-12-18 16:00:00", "2025-12-22", "2025-12-25", "2026-01-12"),
    Quarter(2026, 2, "2026-03-09 09:00:00", "2026-03-21 23:59:59", "2026-03-23", "2026-03-26", "2026-04-13"),
    Quarter(2026, 3, "2026-06-08 09:00:00", "2026-06-18 16:00:00", "2026-06-23", "2026-06-26", "2026-07-13"),
    Quarter(2026, 4, "2026-09-07 09:00:00", "2026-09-18 16:00:00", "2026-09-22", "2026-09-25", "2026-10-12"),
)
NEXT = Quarter(2027, 1, "2026-12-08 09:00:00", "2026-12-18 16:00:00", "2026-12-22", "2026-12-25", "2027-01-12")


@dataclass(eq=False, slots=True)
class Part:
    """A firm of the province with its scale and its people."""

    firm: Firm
    id: str
    station_id: str
    mine_id: str | None
    clerk: Person
    device: Person
    sequence: "count[int]" = field(default_factory=lambda: count(1))


@dataclass(eq=False)
class Province:
    """Who is there, and what a careful clerk outside has written down of it."""

    app: FastAPI
    http: httpx.AsyncClient
    office: Person
    offices: dict[str, Person] = field(default_factory=dict)
    mines: list[Part] = field(default_factory=list)
    plants: list[Part] = field(default_factory=list)
    traders: list[Part] = field(default_factory=list)
    issued_kg: Counter[tuple[str, int, str | None]] = field(default_factory=Counter)  # by mine, year, earmark
    out_kg: Counter[tuple[str, int, str | None]] = field(default_factory=Counter)
    tranches: defaultdict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    _plates: "count[int]" = field(default_factory=lambda: count(1))
    _tokens: dict[UUID, str] = field(default_factory=dict)

    # Time

    async def move(self, moment: str) -> datetime:
        """Let it be a moment in Beijing, and do what the service does by itself as time passes."""
        at = datetime.fromisoformat(f"{moment}+08:00" if " " in moment else f"{moment} 09:00:00+08:00")
        self.app.state.clock.stop_at(at)
        await swept(self.app, at)
        return at

    @property
    def today(self) -> date:
        """The day in Beijing."""
        now: datetime = self.app.state.clock.now()
        return now.astimezone(SHANGHAI).date()

    # Asking

    async def ask(self, method: str, path: str, who: Person, body: Any = None) -> httpx.Response:
        """What the service answers somebody."""
        if who.id not in self._tokens:
            self._tokens[who.id] = token_of(self.app, who)
        head = {"Authorization": f"Bearer {self._tokens[who.id]}"}
        return await self.http.request(method, path, json=body, headers=head)

    async def do(self, path: str, who: Person, body: Any = None, method: str = "POST") -> Json:
        """What becomes of something that must work."""
        answer = await self.ask(method, path, who, body)
        assert answer.is_success, f"{method} {path} {body}: {answer.status_code} {answer.text}"
        made: Json = answer.json() if answer.content else {}
        return made

    async def get(self, path: str, who: Person | None = None) -> Json:
        """What is to be read, by the province unless somebody else asks."""
        return await self.do(path, who or self.office, method="GET")

    # Who there is

    async def found(self) -> None:
        """Register the sample province: two counties' offices, 23 mines, 12 plants and 6 traders, each with a scale."""
        for name, role, code in (
            ("anshan", Role.CITY, ANSHAN),
            ("haicheng", Role.COUNTY, HAICHENG),
            ("xiuyan", Role.COUNTY, XIUYAN),
        ):
            self.offices[code] = await self._person(name, role, jurisdiction=code)
        self.offices[LIAONING] = self.office
        parts = await together(self._enter(number, firm) for number, firm in enumerate(cast.firms()))
        self.mines = [part for part in parts if part.mine_id]
        self.plants = [part for part in parts if part.firm.kinds == ("processor",)]
        self.traders = [part for part in parts if part.firm.kinds == ("trader",)]

    async def _enter(self, number: int, firm: Firm) -> Part:
        said = {"name": firm.name, "jurisdiction": firm.jurisdiction}
        enterprise = {**said, "credit_code": firm.credit_code, "kinds": list(firm.kinds)}
        firm_id = (await self.do("/v1/enterprises", self.office, enterprise))["id"]
        mine_id = None
        if firm.has_mine:
            licence = {"number": f"C2103002015066{number:06d}", "scale_kg": firm.scale_kg}
            mine = {
                **said, "name": firm.mine, "enterprise_id": firm_id, "method": firm.method, "consolidated": True,
                "environment_ok": True, "safety_ok": True,
                "licence": {**licence, "valid_from": "2020-01-01", "valid_until": "2040-12-31"},
            }  # fmt: skip
            mine_id = (await self.do("/v1/mines", self.office, mine))["id"]
        if "processor" in firm.kinds:
            line = {"enterprise_id": firm_id, "name": "一号线", "kind": "light_burnt", "kiln": "shaft"}
            await self.do("/v1/lines", self.office, {**line, "status": "running", "ore_per_product": 2.2})
        place = {"mine_id": mine_id} if mine_id else {"enterprise_id": firm_id}
        station_id = (await self.do("/v1/stations", self.office, {**said, **place}))["id"]
        return Part(
            firm,
            firm_id,
            station_id,
            mine_id,
            await self._person(f"clerk-{number}", Role.ENTERPRISE, enterprise_id=firm_id),
            await self._person(f"scale-{number}", Role.STATION, station_id=station_id),
        )

    async def _person(self, name: str, role: Role, **place: str) -> Person:
        body = {"username": name, "password": "the-kiln-is-warm-7", "name": name, "role": role, **place}
        made = await self.do("/v1/people", self.office, body)
        ids = {key: UUID(value) if key.endswith("_id") else value for key, value in place.items()}
        return Person(UUID(made["id"]), name, name, role, **ids)  # type: ignore[arg-type]

    # What they may mine

    async def fill_pools(self, year: int) -> None:
        """The year's totals, from the province's act to the counties, published."""
        total = {code: sum(m.firm.scale_kg for m in self.mines if m.firm.jurisdiction == code) for code in COUNTIES}
        for source, target, kg in (
            (None, ANSHAN, sum(total.values())),
            *((ANSHAN, code, kg) for code, kg in total.items()),
        ):
            body = {
                "year": year, "quarter": None, "kind": "total", "from": source, "to": {"jurisdiction": target}, "kg": kg,
                "document_no": f"辽镁办〔{year}〕{target}号", "issued_on": str(self.today), "issue": True,
            }  # fmt: skip
            office = self.offices[source or LIAONING]
            made = await self.do("/v1/allotments", office, body)
            await self.step(made["id"], "publish", office)

    async def apply(self, quarter: Quarter, mine: Part, kind: str, kg: int) -> str:
        """A firm applies to its county (R08)."""
        body = {"mine_id": mine.mine_id, "year": quarter.year, "quarter": quarter.number, "kind": kind, "kg": kg}
        made = await self.do("/v1/applications", mine.clerk, {**body, "reason": "在手订单与下季度生产计划"})
        return str(made["id"])

    async def propose(self, quarter: Quarter, mine: Part, kind: str, kg: int, **more: Any) -> Json:
        """The county proposes a mine's tranche to the city (R09)."""
        body = {
            "year": quarter.year, "quarter": quarter.number, "kind": kind, "from": mine.firm.jurisdiction,
            "to": {"mine_id": mine.mine_id}, "kg": kg, "document_no": f"海岫镁办〔{quarter.year}〕{quarter.number}-{kind}",
            "issued_on": str(self.today), "reason": "综合市场需求与产业链贡献度" if kind == "reward" else None, **more,
        }  # fmt: skip
        return await self.do("/v1/allotments", self.offices[mine.firm.jurisdiction], body)

    async def approve(self, proposal: Json) -> None:
        """The city consults and the working group passes it (R14)."""
        for name in ("consult", "approve"):
            await self.step(proposal["id"], name, self.offices[ANSHAN])

    async def issue(self, proposal: Json, mine: Part, *, publish: bool = True) -> None:
        """The county issues to its mine and publishes (R14)."""
        county = self.offices[mine.firm.jurisdiction]
        await self.step(proposal["id"], "issue", county)
        self.note(mine, proposal)
        if publish:
            await self.step(proposal["id"], "publish", county)

    def note(self, mine: Part, allotment: Json) -> None:
        """Write down what a mine was issued."""
        assert mine.mine_id is not None
        self.issued_kg[mine.mine_id, allotment["year"], allotment["earmark"]] += allotment["kg"]
        said = (allotment["year"], allotment["kind"], allotment["quarter"], allotment["kg"], allotment["document_no"])
        self.tranches[mine.mine_id].append((*said, str(self.today)))

    async def step(self, allotment_id: str, name: str, who: Person) -> None:
        """Take an allotment one step on."""
        await self.do(f"/v1/allotments/{allotment_id}/steps", who, {"step": name, "on": str(self.today)})

    async def score(self, mine: Part, period: tuple[int, int], points: int) -> Json:
        """The county fills a mine's sheet in up to some points, and signs it (R18)."""
        county = self.offices[mine.firm.jurisdiction]
        asked = {"mine_id": mine.mine_id, "year": period[0], "quarter": period[1]}
        sheet = await self.do("/v1/assessments", county, asked)
        items = []
        for line in sheet["lines"]:
            if line["side"] == "plus":
                given = min(points, line["most"])
                points -= given
                items.append({"side": "plus", "number": line["number"], "points": given, "note": None})
        await self.do(f"/v1/assessments/{sheet['id']}", county, {"items": items}, method="PATCH")
        return await self.do(f"/v1/assessments/{sheet['id']}/sign", county, {"document_no": f"测{period}"})

    # What they trade

    async def sign(self, seller: Part, buyer: Part, number: str, **terms: Any) -> Json:
        """A contract signed today, filed by its seller."""
        body = {
            "number": number, "seller_id": seller.id, "buyer_id": buyer.id, "signed_on": str(self.today),
            "kg": LOADS * LOAD_KG, "grade": GRADE, "valid_until": str(self.today + timedelta(days=90)),
            "mine_id": seller.mine_id, "proof": None, **terms,
        }  # fmt: skip
        filed = await self.do("/v1/contracts", seller.clerk, body)
        return {**body, "id": filed["id"]}

    async def confirm(self, contract: Json, buyer: Part) -> Json:
        """The buyer files its side of a contract (R22)."""
        body = {name: said for name, said in contract.items() if name != "id"}
        return await self.do("/v1/contracts", buyer.clerk, body)

    async def order(self, contract: Json, seller: Part, buyer: Part, loads: int = LOADS) -> list[Json]:
        """Tickets for some trucks, good for a day from an hour ago."""
        now = self.app.state.clock.now()
        wishes = [
            {
                "contract_id": contract["id"], "plate": f"辽C{next(self._plates):05d}", "planned_kg": LOAD_KG,
                "grade": GRADE, "source_station_id": seller.station_id, "destination_station_id": buyer.station_id,
                "valid_from": (now - timedelta(hours=1)).isoformat(), "valid_until": (now + timedelta(hours=23)).isoformat(),
            }
            for _ in range(loads)
        ]  # fmt: skip
        results = (await self.do("/v1/tickets", seller.clerk, wishes))["results"]
        assert all(result["ticket"] for result in results), results
        return [result["ticket"] for result in results]

    async def weigh(
        self, tickets: Sequence[Json], part: Part, direction: str, weighed_at: str | None = None
    ) -> list[Json]:
        """A scale tells of some trucks, weighed now or earlier."""
        at = datetime.fromisoformat(f"{weighed_at}+08:00") if weighed_at else self.app.state.clock.now()
        records = [
            {
                "id": str(uuid4()), "sequence": next(part.sequence), "ticket": ticket["number"], "direction": direction,
                "plate": ticket["plate"], "gross_kg": 15_000 + LOAD_KG, "tare_kg": 15_000, "weighed_at": at.isoformat(),
            }
            for ticket in tickets
        ]  # fmt: skip
        results = (await self.do("/v1/weighings", part.device, {"records": records}))["results"]
        assert all(result["status"] == "accepted" for result in results), results
        if direction == "out" and part.mine_id:
            year = at.astimezone(SHANGHAI).year
            for ticket in tickets:
                self.out_kg[part.mine_id, year, ticket.get("earmark")] += LOAD_KG
        return list(results)

    async def deliver(self, contract: Json, seller: Part, buyer: Part, loads: int = LOADS) -> list[Json]:
        """Loads that leave the seller's scale and arrive at the buyer's."""
        tickets = await self.order(contract, seller, buyer, loads)
        tickets = [{**ticket, "earmark": contract.get("earmark")} for ticket in tickets]
        await self.weigh(tickets, seller, "out")
        await self.weigh(tickets, buyer, "in")
        return tickets

    async def hand_over(self, mine: Part, number: str, handed_on: date, kg: int) -> Json:
        """Own ore for the own plant, by a slip without tickets (R24)."""
        assert mine.mine_id is not None
        body = {"number": number, "enterprise_id": mine.id, "mine_id": mine.mine_id, "handed_on": str(handed_on)}
        self.out_kg[mine.mine_id, handed_on.year, None] += kg
        return await self.do("/v1/slips", mine.clerk, {**body, "kg": kg, "grade": GRADE})

    # What is to be read

    async def alerts(self, code: str, state: str = "open") -> list[Json]:
        """The alerts of a code that the province sees."""
        items: list[Json] = (await self.get(f"/v1/alerts?code={code}&state={state}&limit=500"))["items"]
        return items

    async def published(self, year: int) -> list[Json]:
        """The public table of a year, page by page, as anybody reads it."""
        rows: list[Json] = []
        after = ""
        while True:
            answer = await self.http.get(f"/v1/quotas/published?year={year}&limit=100{after}")
            page = answer.json()
            rows += page["items"]
            if page["next"] is None:
                return rows
            after = f"&after={page['next']}"


async def together(deeds: Iterable[Awaitable[Any]]) -> list[Any]:
    """Do what does not depend on each other at once, eight at a time."""
    gate = asyncio.Semaphore(8)

    async def one(deed: Awaitable[Any]) -> Any:
        async with gate:
            return await deed

    return await asyncio.gather(*(one(deed) for deed in deeds))


@asynccontextmanager
async def asking(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service within this process."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://meisu.test") as client:
        yield client
