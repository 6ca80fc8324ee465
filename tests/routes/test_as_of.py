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

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
Answers = dict[str, Any]
WHY = {"reason": "到货不足"}


class Day:
    """A day of Paizhai Mine, Plant Two and the trader, deed by deed; after each all reads of the book are kept."""

    def __init__(self, app: FastAPI, by: By) -> None:
        self.app, self.by = app, by
        self.now: datetime = app.state.clock.now().replace(microsecond=0) - timedelta(hours=3)
        self.told: list[tuple[datetime, Answers]] = []
        self.tickets: list[str] = []
        self.numbers: defaultdict[cast.Person, count[int]] = defaultdict(lambda: count(1))

    async def goes_on(self) -> None:
        """Keep what is answered now, and let ten minutes pass."""
        self.told.append((self.now, await self.ask(None)))
        self.now += timedelta(minutes=10)
        self.app.state.clock.stop_at(self.now)

    async def ask(self, as_of: datetime | None) -> Answers:
        """Every read of the book as of a time."""
        params = {"as_of": as_of.isoformat()} if as_of else {}
        answers: Answers = {}

        async def get(path: str, **more: str | int) -> Any:
            answer = await self.by(cast.PROVINCE).get(path, params={**more, **params})
            answers[f"{path} {more}"] = answer.json() if answer.status_code == 200 else answer.status_code
            return answer.json()

        year = self.now.year
        await get("/v1/quotas", year=year)
        await get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", year=year)
        await get(f"/v1/provenance/mines/{cast.PAIZHAI_MINE}", year=year)
        await get("/v1/provenance/jurisdictions/210381")
        accounts = set()
        for lot in (await get("/v1/lots"))["items"]:
            await get(f"/v1/lots/{lot['id']}")
            await get(f"/v1/provenance/lots/{lot['id']}")
            accounts.add(lot["account"])
        for ticket in self.tickets:
            await get(f"/v1/provenance/tickets/{ticket}")
        for account in sorted(accounts):
            book = await get("/v1/movements", account=account)
            accounts |= {item["source"]["account"] for item in book["items"]}
        return {path: _without(answer, "as_of") for path, answer in answers.items()}

    async def post(self, person: cast.Person, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.by(person).post(path, json=body)
        assert answer.is_success, answer.text
        says: dict[str, Any] = answer.json() if answer.content else {}
        return says

    async def issue(
        self, contract_id: UUID, person: cast.Person = cast.PAIZHAI_CLERK, **changed: Any
    ) -> dict[str, Any]:
        plate = f"辽C7{len(self.tickets):04}"
        asked = yard.ticket_in(contract_id, self.now, plate=plate, **changed)
        ticket = await self.post(person, "/v1/tickets", asked)
        self.tickets.append(ticket["id"])
        return ticket

    async def weigh(
        self, ticket: dict[str, Any] | None, direction: str, kg: int, person: cast.Person | None = None
    ) -> str:
        person = person or (cast.PLANT_TWO_DEVICE if direction == "in" else cast.BRIDGE_7_DEVICE)
        record = yard.record(ticket, direction, kg, self.now, sequence=next(self.numbers[person]))
        result = (await self.post(person, "/v1/weighings", record))["results"][0]
        assert result["status"] == "accepted", result
        items = (await self.by(person).get("/v1/weighings")).json()["items"]
        return next(item["id"] for item in items if item["record_id"] == record["id"])


def _without(answer: Any, name: str) -> Any:
    return {key: value for key, value in answer.items() if key != name} if isinstance(answer, dict) else answer


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
        proof = (Named(UUID(lot), Kilograms(35_000)),)
        onward = await yard.contract(
            connection, at=day.now, seller_id=cast.TRADER.id, proof=proof, kg=Kilograms(60_000)
        )
    await day.goes_on()
    sold = await day.issue(onward, cast.TRADER_CLERK, source_station_id=station_id)
    await day.weigh(sold, "out", 30_500, scale)
    await day.goes_on()
    await day.weigh(sold, "in", 30_500)
    await day.goes_on()

    for moment, told in day.told:
        then = await day.ask(moment + timedelta(minutes=5))
        differing = {path: (told[path], then[path]) for path in told if told[path] != then.get(path)}
        assert not differing, f"{moment}: {differing}"
    assert await day.ask(day.now) == await day.ask(None)
