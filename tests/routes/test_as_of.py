"""What was known then, asked for later: every read of the book answers as it answered at that time (E53, W09)."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.domain.permissions import Role
from service.domain.proofs import Named
from service.domain.units import Kilograms
from service.keys import Purpose
from tests import cast, yard
from tests.routes.filing import contract, slip

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
Answers = dict[str, Any]
WHY = {"reason": "到货不足"}


@pytest.fixture
def begins_at() -> str:
    """A morning: what is projected changes at midnight."""
    return "2026-06-03T07:00:00+08:00"


class Day:
    """A day of Paizhai Mine, Plant Two and the trader, deed by deed; after each all reads of the book are kept."""

    def __init__(self, app: FastAPI, by: By, *readers: cast.Person, reads_the_book: bool = True) -> None:
        self.app, self.by, self.reads_the_book = app, by, reads_the_book
        self.readers = readers or (cast.PROVINCE,)
        self.now: datetime = app.state.clock.now()
        self.told: list[tuple[datetime, Answers]] = []
        self.tickets: list[str] = []
        self.papers: list[str] = []
        self.products: list[str] = []
        self.numbers: defaultdict[cast.Person, count[int]] = defaultdict(lambda: count(1))

    async def goes_on(self) -> None:
        """Keep what is answered now, and let ten minutes pass."""
        self.told.append((self.now, await self.ask(None)))
        self.now += timedelta(minutes=10)
        self.app.state.clock.stop_at(self.now)

    async def looks_back(self) -> None:
        """All is answered as it was; of a paper that nobody had filed then nothing is known."""
        for moment, told in self.told:
            then = await self.ask(moment + timedelta(minutes=5))
            differing = {path: (told[path], then[path]) for path in told if told[path] != then.get(path)}
            assert not differing, f"{moment}: {differing}"
            papers = {asked(paper, reader) for paper in self.papers for reader in self.readers}
            assert {then[path] for path in papers - told.keys()} <= {404}
            made = {asked(product) for product in self.products}
            assert {then[path] for path in made - told.keys()} <= {404}
        assert await self.ask(self.now) == await self.ask(None)

    async def ask(self, as_of: datetime | None) -> Answers:
        """Every read of the book as of a time."""
        params = {"as_of": as_of.isoformat()} if as_of else {}
        answers: Answers = {}

        async def get(path: str, reader: cast.Person = cast.PROVINCE, **more: str | int) -> Any:
            answer = await self.by(reader).get(path, params={**more, **params})
            answers[asked(path, reader, **more)] = answer.json() if answer.status_code == 200 else answer.status_code
            return answer.json()

        for paper in self.papers:
            for reader in self.readers:
                await get(paper, reader)
        for product in self.products:
            await get(product)
        if not self.reads_the_book:
            return {path: stripped(answer) for path, answer in answers.items()}
        year = self.now.year
        await get("/v1/quotas", year=year)
        await get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", year=year)
        await get(f"/v1/provenance/mines/{cast.PAIZHAI_MINE}", year=year)
        await get("/v1/provenance/jurisdictions/210381")
        for contract_path in self.papers:
            await get(f"{contract_path}/origins")
            await get(contract_path.replace("/v1/", "/v1/provenance/"))
        accounts = set()
        for lot in (await get("/v1/lots"))["items"]:
            await get(f"/v1/lots/{lot['id']}")
            await get(f"/v1/provenance/lots/{lot['id']}")
            accounts.add(lot["account"])
        for weighing in (await get("/v1/weighings", limit=500))["items"]:
            if weighing["version"] > 1:
                await get(f"/v1/weighings/{weighing['id']}")
        for ticket in self.tickets:
            await get(f"/v1/provenance/tickets/{ticket}")
        for account in sorted(accounts):
            book = await get("/v1/movements", account=account)
            accounts |= {item["source"]["account"] for item in book["items"]}
        return {path: stripped(answer) for path, answer in answers.items()}

    async def post(self, person: cast.Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.by(person).post(path, json=body)
        assert answer.is_success, answer.text
        says: dict[str, Any] = answer.json() if answer.content else {}
        return says

    async def issue(
        self, contract_id: UUID | None, person: cast.Person = cast.PAIZHAI_CLERK, **changed: Any
    ) -> dict[str, Any]:
        asked = yard.ticket_in(contract_id, self.now, **{"plate": f"辽C7{len(self.tickets):04}", **changed})
        ticket = await self.post(person, "/v1/tickets", asked)
        self.tickets.append(ticket["id"])
        return ticket

    async def weigh(
        self,
        ticket: dict[str, Any] | None,
        direction: str,
        kg: int,
        person: cast.Person | None = None,
        *,
        ago: timedelta = timedelta(),
    ) -> str:
        person = person or (cast.PLANT_TWO_DEVICE if direction == "in" else cast.BRIDGE_7_DEVICE)
        record = yard.record(ticket, direction, kg, self.now - ago, sequence=next(self.numbers[person]))
        result = (await self.post(person, "/v1/weighings", record))["results"][0]
        assert result["status"] == "accepted", result
        items = (await self.by(person).get("/v1/weighings")).json()["items"]
        return next(item["id"] for item in items if item["record_id"] == record["id"])


def asked(path: str, reader: cast.Person = cast.PROVINCE, **more: str | int) -> str:
    """What was asked, by whom."""
    return f"{path} {more} {reader.username}"


def stripped(answer: Any) -> Any:
    """An answer without the time that was asked for, and without signatures of the moment in which it was given."""
    if isinstance(answer, dict):
        return {key: stripped(value) for key, value in answer.items() if key not in ("as_of", "receipt_note")}
    return [stripped(value) for value in answer] if isinstance(answer, list) else answer


async def test_e53_every_read_answers_as_it_answered_then(app: FastAPI, by: By) -> None:
    """Loads weighed, corrected, taken back, sent back, refused in part, split, without a paper, and from a trader's lots."""
    day = Day(app, by)
    app.state.clock.stop_at(day.now)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 150_000, at=day.now, sign=app.state.keys.current(Purpose.LEDGER))
        ours = await yard.contract(connection, at=day.now, mine_id=cast.PAIZHAI_MINE, kg=Kilograms(400_000))
        theirs = await yard.contract(
            connection, at=day.now, mine_id=cast.PAIZHAI_MINE, buyer_id=cast.TRADER.id, kg=Kilograms(90_000)
        )
    day.papers += [f"/v1/contracts/{ours}", f"/v1/contracts/{theirs}"]
    await day.goes_on()

    first = await day.issue(ours)
    await day.goes_on()
    out = await day.weigh(first, "out", 31_000)
    await day.goes_on()
    path = f"/v1/weighings/{out}/correct"
    await day.post(cast.LI, path, {"gross_kg": 46_500, "tare_kg": 15_000, "reason": "读错一位"})
    await day.goes_on()
    await day.weigh(first, "in", 31_400)
    await day.goes_on()

    second = await day.issue(ours)
    out = await day.weigh(second, "out", 30_000)
    await day.goes_on()
    await day.post(cast.LI, f"/v1/weighings/{out}/void", {"reason": "误录"})
    await day.goes_on()
    await day.weigh(second, "out", 30_200)
    await day.goes_on()
    await day.weigh(second, "back", 30_180)
    await day.goes_on()

    third = await day.issue(ours)
    await day.weigh(third, "out", 32_000)
    trucks = [{"plate": "辽C80001", "planned_kg": 12_000}, {"plate": "辽C80002", "planned_kg": 19_900}]
    children = (await day.post(cast.PAIZHAI_CLERK, f"/v1/tickets/{third['id']}/children", {**WHY, "trucks": trucks}))[
        "items"
    ]
    day.tickets += [child["id"] for child in children]
    await day.goes_on()
    await day.weigh(children[0], "in", 11_980)
    await day.goes_on()
    await day.weigh(children[1], "back", 19_880)
    await day.goes_on()

    fourth = await day.issue(ours)
    await day.weigh(fourth, "out", 33_000)
    await day.weigh(fourth, "in", 33_000)
    await day.goes_on()
    await day.post(cast.PLANT_CLERK, f"/v1/tickets/{fourth['id']}/refuse-part", {**WHY, "refused_kg": 8_000})
    await day.goes_on()
    await day.weigh(fourth, "back", 7_990)
    await day.goes_on()
    await day.weigh(None, "out", 29_000)
    await day.weigh(fourth, "out", 28_000)
    await day.goes_on()

    place = {"name": "贸易场磅", "jurisdiction": "210381", "enterprise_id": str(cast.TRADER.id)}
    station_id = (await day.post(cast.LI, "/v1/stations", place))["id"]
    scale = cast.Person(uuid4(), "trader-scale", "贸易场磅", Role.STATION, station_id=UUID(station_id))
    bought = await day.issue(theirs, destination_station_id=station_id)
    await day.weigh(bought, "out", 40_000)
    await day.weigh(bought, "in", 39_900, scale)
    lot = (await by(cast.TRADER_CLERK).get("/v1/lots")).json()["items"][0]["id"]
    await day.goes_on()
    async with app.state.database.transaction() as connection:
        proof = (Named(UUID(lot), Kilograms(45_000)),)  # more than the lot has
        onward = await yard.contract(
            connection, at=day.now, seller_id=cast.TRADER.id, proof=proof, kg=Kilograms(60_000)
        )
    day.papers.append(f"/v1/contracts/{onward}")
    await day.goes_on()
    sold = await day.issue(onward, cast.TRADER_CLERK, source_station_id=station_id)
    await day.weigh(sold, "out", 30_500, scale)
    await day.goes_on()
    await day.weigh(sold, "in", 30_500)
    await day.goes_on()
    await day.post(cast.TRADER_CLERK, f"/v1/contracts/{onward}/close", {})
    await day.goes_on()

    await day.looks_back()


async def test_e53_papers_answer_as_they_answered_then(app: FastAPI, by: By) -> None:
    """Contracts that differ, agree, are amended, exceed their framework, ship, pass through a trader and are closed; slips."""
    day = Day(app, by, reads_the_book=False)
    app.state.clock.stop_at(day.now)
    signed_on = str((day.now - timedelta(days=20)).date())
    terms = contract(signed_on=signed_on, valid_until=f"{day.now.year + 1}-06-30", grade="LM46", kg=400_000)

    async def file(person: cast.Person, **changed: Any) -> str:
        path = f"/v1/contracts/{(await day.post(person, '/v1/contracts', {**terms, **changed}))['id']}"
        day.papers += [path] if path not in day.papers else []
        await day.goes_on()
        return path

    async def file_both(
        buyer: cast.Person = cast.PLANT_CLERK, seller: cast.Person = cast.PAIZHAI_CLERK, **changed: Any
    ) -> str:
        await file(seller, **changed)
        return await file(buyer, **changed)

    ours = await file(cast.PAIZHAI_CLERK)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 450_000, at=day.now, sign=app.state.keys.current(Purpose.LEDGER))
    await day.goes_on()
    await file(cast.PLANT_CLERK, kg=390_000)
    await file(cast.PLANT_CLERK)
    change = {"agreed_on": str(day.now.date()), "reason": "追加数量", "kg": 500_000}
    amendment = (await day.post(cast.PAIZHAI_CLERK, f"{ours}/amendments", change))["id"]
    await day.goes_on()
    await day.post(cast.PLANT_CLERK, f"{ours}/amendments/{amendment}/confirm", {})
    await day.goes_on()

    frame = await file_both(number="KJ-1", is_framework=True, kg=100_000)
    for number in ("FP-1", "FP-2"):
        last = await file_both(number=number, framework_id=frame.rsplit("/", maxsplit=1)[1], kg=60_000)
    await day.post(cast.PLANT_CLERK, f"{last}/close", {})
    await day.goes_on()

    one, other = [await day.issue(UUID(ours.rsplit("/", maxsplit=1)[1]), plate="辽C90000") for _ in range(2)]
    for ticket, kg in ((one, 10_000), (other, 20_000)):
        await day.weigh(ticket, "out", kg)
    await day.weigh(one, "in", 29_800)
    await day.goes_on()
    await day.post(cast.PLANT_CLERK, f"/v1/tickets/{one['id']}/apportion", {**WHY, "tickets": [other["id"]]})
    await day.goes_on()

    kiln = {"enterprise_id": str(cast.PLANT_TWO.id), "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    line = await day.post(cast.LI, "/v1/lines", {**kiln, "status": "running", "ore_per_product": 2.1})
    lot = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"][0]["id"]
    made = {"outputs": [{"kind": "product", "name": "轻烧", "kg": 4_900}], "inputs": [{"lot_id": lot, "kg": 10_500}]}
    body = {"number": "JG-1", "line_id": line["id"], "ran_on": str(day.now.date()), **made}
    run = await day.post(cast.PLANT_CLERK, "/v1/runs", body)
    day.papers.append(f"/v1/runs/{run['id']}")
    day.products.append(f"/v1/provenance/products/{run['outputs'][0]['lot_id']}")
    await day.goes_on()
    await day.post(cast.PLANT_CLERK, f"{day.papers[-1]}/void", WHY)
    await day.goes_on()

    elsewhere = await file_both(cast.STRANGER_CLERK, number="HT-3", buyer_id=str(cast.STRANGER.id))
    diverted = await day.issue(UUID(ours.rsplit("/", maxsplit=1)[1]))
    await day.weigh(diverted, "out", 22_000)
    await day.goes_on()
    going = {"contract_id": elsewhere.rsplit("/", maxsplit=1)[1], "destination_station_id": str(cast.STRANGER_GATE)}
    await day.post(cast.PAIZHAI_CLERK, f"/v1/tickets/{diverted['id']}/redirect", {**WHY, **going})
    await day.goes_on()
    await day.weigh(diverted, "in", 21_900, cast.STRANGER_DEVICE)
    await day.goes_on()

    partly = await day.issue(UUID(ours.rsplit("/", maxsplit=1)[1]))
    out = await day.weigh(partly, "out", 33_000)
    await day.weigh(partly, "back", 33_000, ago=timedelta(minutes=9))
    await day.goes_on()
    await day.weigh(partly, "in", 32_900)
    await day.post(cast.PLANT_CLERK, f"/v1/tickets/{partly['id']}/refuse-part", {**WHY, "refused_kg": 8_000})
    await day.goes_on()
    await day.weigh(partly, "back", 7_990)
    await day.goes_on()
    for gross_kg in (49_000, 47_000):
        await day.post(cast.LI, f"/v1/weighings/{out}/correct", {**WHY, "gross_kg": gross_kg, "tare_kg": 15_000})
        await day.goes_on()

    silently = await day.issue(UUID(ours.rsplit("/", maxsplit=1)[1]))
    for direction, kg in (("out", 30_000), ("in", 29_900), ("back", 20_000), ("out", 28_000)):
        await day.weigh(silently, direction, kg)
        await day.goes_on()

    bought = await file_both(cast.TRADER_CLERK, number="HT-2", buyer_id=str(cast.TRADER.id))
    sold = await file_both(seller=cast.TRADER_CLERK, number="MY-1", seller_id=str(cast.TRADER.id), mine_id=None)
    through = await day.issue(
        UUID(bought.rsplit("/", maxsplit=1)[1]), onward_contract_id=sold.rsplit("/", maxsplit=1)[1]
    )
    await day.weigh(through, "out", 25_000)
    await day.goes_on()
    await day.weigh(through, "in", 24_990)
    await day.goes_on()

    place = {"name": "自用厂磅", "jurisdiction": "210381", "enterprise_id": str(cast.PAIZHAI.id)}
    gate = (await day.post(cast.LI, "/v1/stations", place))["id"]
    for number, by_tickets in (("JJ-1", False), ("JJ-2", True)):
        body = slip(number=number, by_tickets=by_tickets, handed_on=signed_on, kg=60_000, grade="LM46")
        day.papers.append(f"/v1/slips/{(await day.post(cast.PAIZHAI_CLERK, '/v1/slips', body))['id']}")
        await day.goes_on()
    handed = day.papers[-1]
    loads = [
        await day.issue(None, slip_id=handed.rsplit("/", maxsplit=1)[1], destination_station_id=gate) for _ in range(2)
    ]
    for load in loads:
        await day.weigh(load, "out", 30_000)
    await day.goes_on()
    trucks = [{"plate": "辽C80001", "planned_kg": 12_000}, {"plate": "辽C80002", "planned_kg": 17_000}]
    await day.post(cast.PAIZHAI_CLERK, f"/v1/tickets/{loads[0]['id']}/children", {**WHY, "trucks": trucks})
    assert (await by(cast.LI).get(handed)).json()["handed_kg"] == 60_000, "each kilogram once, whichever truck it is on"
    await day.goes_on()
    await day.weigh(loads[1], "back", 30_000)
    await day.goes_on()

    await day.looks_back()
    flags = [(moment, told[asked(ours)]["flags"]) for moment, told in day.told]
    assert "seller-without-quota" in flags[1][1]
    assert "filing-mismatch" in flags[2][1]
    assert flags[-1][1] == ["filing-late"]
    moment = day.told[-1][0].isoformat()
    for path in (ours, handed):
        assert (await by(cast.STRANGER_CLERK).get(path, params={"as_of": moment})).status_code == 404
