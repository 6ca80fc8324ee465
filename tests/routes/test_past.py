"""Tickets and allotments as they stood: whatever came later, each moment is answered as it was answered then (E53)."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.domain.units import Kilograms
from service.keys import Purpose
from tests import cast, yard
from tests.routes.filing import contract
from tests.routes.quota import MINE, allotment, base
from tests.routes.ruling import rule
from tests.routes.test_as_of import WHY, Day, asked, stripped
from tests.sweeping import swept

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    """A morning, far from midnight."""
    return "2026-06-03T07:00:00+08:00"


class Road(Day):
    """A day on which tickets are told of again and again: after each deed those in hand are looked at."""

    def __init__(self, app: FastAPI, by: By) -> None:
        super().__init__(app, by, reads_the_book=False)
        self.seen: dict[str, list[tuple[datetime, Any]]] = {}

    async def goes_on(self) -> None:
        """Keep what is answered of the papers in hand, and let ten minutes pass."""
        for path, answer in (await self.ask(None)).items():
            self.seen.setdefault(path, []).append((self.now, answer))
        self.now += timedelta(minutes=10)
        self.app.state.clock.stop_at(self.now)

    async def looks_back(self) -> None:
        """Each paper is answered as it was at all moments at which it was looked at; before it was written there was none."""
        for path, answers in self.seen.items():
            paper, _, reader = path.split(" ")
            person = next(person for person in cast.PEOPLE if person.username == reader)
            for moment, told in [(answers[0][0] - timedelta(minutes=1), 404), *answers]:
                then = await self.by(person).get(paper, params={"as_of": moment.isoformat()})
                assert (then.json() if then.status_code == 200 else then.status_code) == told, f"{moment}: {path}"

    async def issue(
        self, contract_id: UUID | None, person: cast.Person = cast.PAIZHAI_CLERK, **changed: Any
    ) -> dict[str, Any]:
        """A ticket that is asked for, and is the one in hand from now on."""
        ticket = await super().issue(contract_id, person, **changed)
        await self.takes(ticket)
        return ticket

    async def takes(self, *tickets: dict[str, Any]) -> None:
        """Have these in hand."""
        self.papers = [f"/v1/tickets/{ticket['id']}" for ticket in tickets]
        await self.goes_on()

    async def weigh(
        self, ticket: dict[str, Any] | None, direction: str, kg: int, person: cast.Person | None = None
    ) -> str:
        """What a scale tells; where several look, it is in hand, too."""
        weighing_id = await super().weigh(ticket, direction, kg, person)
        if len(self.readers) > 1:
            self.papers.append(f"/v1/weighings/{weighing_id}")
        await self.goes_on()
        return weighing_id

    async def do(self, person: cast.Person, ticket: dict[str, Any], deed: str, **body: Any) -> Any:
        """What somebody does; what comes of it is in hand, too."""
        done = await self.post(person, f"/v1/tickets/{ticket['id']}/{deed}", {**WHY, **body})
        self.papers += [f"/v1/tickets/{one['id']}" for one in done.get("items", [done])]
        await self.goes_on()
        return done

    async def correct(self, weighing_id: str, kg: int) -> None:
        """What a scale should have said."""
        path = f"/v1/weighings/{weighing_id}/correct"
        await self.post(cast.LI, path, {**WHY, "gross_kg": 15_000 + kg, "tare_kg": 15_000})
        await self.goes_on()

    async def void(self, weighing_id: str) -> None:
        """A record that is taken back."""
        await self.post(cast.LI, f"/v1/weighings/{weighing_id}/void", WHY)
        await self.goes_on()

    async def is_swept(self, hours: int) -> None:
        """So much later the sweeper comes."""
        self.now += timedelta(hours=hours)
        self.app.state.clock.stop_at(self.now)
        await swept(self.app, self.now)
        await self.goes_on()

    def states(self, ticket: dict[str, Any]) -> list[str]:
        """How a ticket stood, one after the other."""
        states = [told["state"] for _, told in self.seen[asked(f"/v1/tickets/{ticket['id']}")]]
        return [state for place, state in enumerate(states) if not place or states[place - 1] != state]


async def test_e53_tickets_answer_as_they_answered_then(app: FastAPI, by: By) -> None:
    """W01, W10, W11, E33-E39, O03: every end, some that were none, and papers that said something else."""
    day = Road(app, by)
    app.state.clock.stop_at(day.now)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 900_000, at=day.now, sign=app.state.keys.current(Purpose.LEDGER))
        ours, theirs = [
            await yard.contract(
                connection, at=day.now, mine_id=cast.PAIZHAI_MINE, buyer_id=firm.id, kg=Kilograms(800_000)
            )
            for firm in (cast.PLANT_TWO, cast.STRANGER)
        ]
    long = {"valid_until": (day.now + timedelta(hours=50)).isoformat()}
    elsewhere = {"contract_id": str(theirs), "destination_station_id": str(cast.STRANGER_GATE)}
    clerk, office = cast.PAIZHAI_CLERK, cast.LI

    unused, found_again, taken_back = [await day.issue(ours) for _ in range(3)]

    delivered = await day.issue(ours)
    await day.do(clerk, delivered, "extend", **long)
    await day.do(clerk, delivered, "reissue", cause="lost")
    out = await day.weigh(delivered, "out", 31_000)
    await day.correct(out, 31_500)
    await day.weigh(delivered, "in", 31_400)
    twice = await day.weigh(delivered, "in", 30_000)

    returned = await day.issue(ours)
    await day.weigh(returned, "back", 30_000)
    await day.weigh(returned, "out", 30_000)
    await day.weigh(returned, "back", 29_980)

    lost = await day.issue(ours)
    await day.weigh(lost, "out", 28_000)
    await day.do(office, lost, "lose")
    await day.weigh(lost, "in", 27_900)
    await day.do(clerk, await day.issue(ours), "lose")
    cancelled = await day.issue(ours)
    await day.do(clerk, cancelled, "cancel")
    await day.weigh(cancelled, "out", 20_000)

    split = await day.issue(ours)
    out = await day.weigh(split, "out", 32_000)
    trucks = [{"plate": f"辽C8000{n}", "planned_kg": 12_000} for n in range(2)]
    children = (await day.do(clerk, split, "children", trucks=trucks))["items"]
    await day.weigh(children[0], "in", 11_980)
    await day.correct(out, 32_300)
    await day.weigh(children[1], "back", 12_000)
    await day.do(office, split, "close")
    await day.weigh(split, "out", 32_200, cast.PLANT_TWO_DEVICE)

    refused = await day.issue(ours)
    await day.weigh(refused, "out", 33_000)
    arrived = await day.weigh(refused, "in", 32_900)
    await day.do(cast.PLANT_CLERK, refused, "refuse-part", refused_kg=8_000)
    await day.correct(arrived, 32_800)
    await day.weigh(refused, "back", 7_990)
    sent_on = await day.issue(ours)
    await day.weigh(sent_on, "out", 29_000)
    await day.weigh(sent_on, "in", 29_000)
    await day.do(cast.PLANT_CLERK, sent_on, "refuse-part", refused_kg=9_000)
    child = await day.do(clerk, sent_on, "redirect", **elsewhere)
    await day.weigh(child, "in", 8_990, cast.STRANGER_DEVICE)

    day.readers = (cast.PROVINCE, cast.PLANT_CLERK, cast.STRANGER_CLERK)
    diverted = await day.issue(ours)
    await day.weigh(diverted, "out", 22_000)
    await day.do(clerk, diverted, "redirect", **elsewhere)
    await day.do(clerk, diverted, "extend", **long)
    await day.weigh(diverted, "in", 21_900, cast.STRANGER_DEVICE)

    day.readers = (cast.PROVINCE,)
    one, other = [await day.issue(ours, plate="辽C90000") for _ in range(2)]
    outs = [await day.weigh(ticket, "out", kg) for ticket, kg in ((one, 10_000), (other, 20_000))]
    await day.takes(one, other)
    await day.weigh(one, "in", 29_800)
    await day.do(cast.PLANT_CLERK, one, "apportion", tickets=[other["id"]])
    await day.correct(outs[1], 22_000)

    await rule(app, overdraw="hold")
    for _ in range(9):
        await day.issue(ours, planned_kg=100_000)
    held, turned_down, undecided = [await day.issue(ours, planned_kg=100_000) for _ in range(3)]
    await day.takes(held, turned_down, undecided)
    await day.weigh(held, "out", 26_000)
    await day.do(office, held, "release")
    await day.weigh(held, "out", 26_100)
    await day.do(office, turned_down, "refuse")

    await day.takes(unused, found_again, taken_back, undecided)
    await day.is_swept(60)
    await day.weigh(found_again, "in", 30_000)
    await day.weigh(found_again, "out", 30_100)
    out = await day.weigh(taken_back, "out", 30_000)
    await day.void(out)
    await day.is_swept(1)
    await day.weigh(undecided, "out", 20_000)
    await day.takes(delivered, *children)
    await day.void(twice)
    retirement = {**WHY, "signed_after": (day.now - timedelta(days=9)).isoformat()}
    held_back = await day.issue(ours, planned_kg=1_000)
    await day.takes(held_back, held)
    await day.post(cast.PROVINCE, "/v1/tickets/keys/1/retire", retirement)
    await day.goes_on()

    await day.looks_back()
    ends = {
        "expired": [unused, undecided],
        "delivered": [delivered, lost, split, children[0], refused, sent_on, child, diverted, one, other, found_again],
        "returned": [returned, children[1]],
        "cancelled": [cancelled, turned_down],
        "out": [held],
    }
    assert {state: [day.states(ticket)[-1] for ticket in tickets] for state, tickets in ends.items()} == {
        state: [state] * len(tickets) for state, tickets in ends.items()
    }
    assert day.states(taken_back) == ["issued", "expired", "out", "issued", "expired"]
    assert day.states(lost) == ["issued", "out", "lost", "delivered"]
    assert day.states(undecided) == ["held", "expired"]
    path = f"/v1/tickets/{diverted['id']}"
    whose = {
        firm: [told == 404 for _, told in day.seen[asked(path, firm)]]
        for firm in (cast.PLANT_CLERK, cast.STRANGER_CLERK)
    }
    assert whose == {cast.PLANT_CLERK: [False] * 2 + [True] * 3, cast.STRANGER_CLERK: [True] * 2 + [False] * 3}
    moment = day.seen[asked(path)][0][0].isoformat()
    for reader, params, status in (
        (cast.PROVINCE, {"as_of": "yesterday"}, 422),
        (cast.TRADER_CLERK, {"as_of": moment}, 404),
        (cast.DASHIQIAO, {"as_of": moment}, 404),
    ):
        assert (await by(reader).get(path, params=params)).status_code == status


async def test_e53_what_tickets_held_is_told_as_it_was(app: FastAPI, by: By) -> None:
    """O01, E4, E39, O03: of papers that ended and were weighed all the same, were taken back, or waited for an officer."""
    day = Road(app, by)
    app.state.clock.stop_at(day.now)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 130_000, at=day.now, sign=app.state.keys.current(Purpose.LEDGER))
        ours = await yard.contract(connection, at=day.now, mine_id=cast.PAIZHAI_MINE, kg=Kilograms(800_000))
    told: list[tuple[datetime, int]] = []

    async def held(as_of: datetime | None = None) -> int:
        params = {"year": 2026} | ({"as_of": as_of.isoformat()} if as_of else {})
        answer = await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params=params)
        kg: int = answer.json()["held_kg"]
        return kg

    async def goes_on() -> None:
        told.append((day.now, await held()))
        day.now += timedelta(minutes=10)
        app.state.clock.stop_at(day.now)

    async def weigh(ticket: dict[str, Any], direction: str = "out", **changed: Any) -> str:
        id_ = await Day.weigh(day, ticket, direction, 30_000, **changed)
        await goes_on()
        return id_

    async def do(person: cast.Person, ticket: dict[str, Any], deed: str) -> None:
        await day.post(person, f"/v1/tickets/{ticket['id']}/{deed}", WHY)
        await goes_on()

    late, undone, come, cancelled = [await Day.issue(day, ours) for _ in range(4)]
    await do(cast.PAIZHAI_CLERK, cancelled, "cancel")
    day.now += timedelta(hours=60)
    app.state.clock.stop_at(day.now)
    await swept(app, day.now)
    await goes_on()
    await weigh(late)
    out = await weigh(undone)
    await day.post(cast.LI, f"/v1/weighings/{out}/void", WHY)
    await goes_on()
    await weigh(come, "in")
    await weigh(come)
    await rule(app, overdraw="hold")
    waits, released = [await Day.issue(day, ours, planned_kg=90_000) for _ in range(2)]
    await goes_on()
    await weigh(released)
    await do(cast.LI, released, "release")
    await do(cast.PAIZHAI_CLERK, waits, "cancel")
    await weigh(released)

    assert [kg for _, kg in told] == [93_000, 0, 0, 0, 31_000, 31_000, 31_000, 31_000, 31_000, 121_000, 121_000, 31_000]
    assert [await held(moment) for moment, _ in told] == [kg for _, kg in told]


async def test_e53_a_mines_quota_is_told_of_a_time_to_whoever_it_was_then(app: FastAPI, by: By) -> None:
    """Its quota, its ore and the tree: its firm of then sees all, the one of today nothing."""
    now: datetime = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
    firms = (cast.PAIZHAI_CLERK, cast.STRANGER_CLERK)

    async def ask(**as_of: str) -> list[Any]:
        answers = []
        for path in ("/v1/quotas", f"/v1/mines/{cast.PAIZHAI_MINE}/quota", f"/v1/provenance/mines/{cast.PAIZHAI_MINE}"):
            for firm in firms:
                answer = await by(firm).get(path, params={"year": now.year, **as_of})
                answers.append(stripped(answer.json()) if answer.status_code == 200 else answer.status_code)
        return answers

    async def edit_the_mine(**changed: str) -> None:
        app.state.clock.stop_at(app.state.clock.now() + timedelta(minutes=10))
        path = f"/v1/mines/{cast.PAIZHAI_MINE}"
        version = {"If-Match": (await by(cast.LI).get(path)).headers["etag"]}
        answer = await by(cast.PROVINCE).patch(path, json=changed, headers=version)
        assert answer.is_success, answer.text

    told = []
    for changed in (
        {"name": "海城排寨菱镁矿"},
        *({"enterprise_id": str(one.id)} for one in (cast.STRANGER, cast.PAIZHAI)),
    ):
        await edit_the_mine(**changed)
        told.append((app.state.clock.now(), await ask()))
    await edit_the_mine(enterprise_id=str(cast.STRANGER.id))

    assert [await ask(as_of=moment.isoformat()) for moment, _ in told] == [answers for _, answers in told]
    (_, before), (_, between), _ = told
    assert before != between
    assert [type(answer) is int for answer in before[2:]] == [False, True] * 2


async def test_e53_where_a_load_came_from_is_told_of_a_time_to_its_buyer_of_then(app: FastAPI, by: By) -> None:
    """E34: redirected since."""
    day = Road(app, by)
    app.state.clock.stop_at(day.now)
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=day.now, sign=app.state.keys.current(Purpose.LEDGER))
        ours, theirs = [
            await yard.contract(connection, at=day.now, mine_id=cast.PAIZHAI_MINE, buyer_id=firm.id)
            for firm in (cast.PLANT_TWO, cast.STRANGER)
        ]
    diverted = await day.issue(ours)
    await day.weigh(diverted, "out", 22_000)
    then = (day.now - timedelta(minutes=1)).isoformat()
    firms = (cast.PLANT_CLERK, cast.STRANGER_CLERK)
    walk = f"/v1/provenance/tickets/{diverted['id']}"
    [*_, last] = (await by(cast.PROVINCE).get(walk)).json()["steps"]
    book = f"/v1/movements?account={last['target_account']}"

    before = await _told(by, firms, [walk, book])
    elsewhere = {"contract_id": str(theirs), "destination_station_id": str(cast.STRANGER_GATE)}
    await day.do(cast.PAIZHAI_CLERK, diverted, "redirect", **elsewhere)

    assert [told == 404 for told in before] == [False, False, True, True]
    assert [told == 404 for told in await _told(by, firms, [walk, book])] == [True, True, False, False]
    assert await _told(by, firms, [walk, book], as_of=then) == before
    assert diverted["number"] in str(before)


async def test_e53_a_contract_is_told_of_a_time_to_its_buyer_of_then(app: FastAPI, by: By) -> None:
    """Whom its seller named by mistake and who never filed it; the seller's other buyer had nothing to see yet."""
    day = Day(app, by)
    app.state.clock.stop_at(day.now)
    terms = contract(signed_on=str(day.now.date()))
    firms = (cast.PAIZHAI_CLERK, cast.PLANT_CLERK, cast.STRANGER_CLERK, cast.TRADER_CLERK)
    unfiled = day.now - timedelta(minutes=5)

    async def file(buyer: cast.Enterprise) -> str:
        filed = await day.post(cast.PAIZHAI_CLERK, "/v1/contracts", {**terms, "buyer_id": str(buyer.id)})
        day.now += timedelta(minutes=10)
        app.state.clock.stop_at(day.now)
        return f"/v1/contracts/{filed['id']}"

    path = await file(cast.PLANT_TWO)
    reads = [path, f"{path}/origins", path.replace("/v1/", "/v1/provenance/")]
    before, then = await _told(by, firms, reads), day.now - timedelta(minutes=5)
    await file(cast.STRANGER)
    after = await _told(by, firms, reads)

    assert [told == 404 for told in before] == [False] * 6 + [True] * 6
    assert [told == 404 for told in after] == [False] * 3 + [True] * 3 + [False] * 3 + [True] * 3
    assert await _told(by, firms, reads, as_of=then.isoformat()) == before
    assert await _told(by, firms, reads, as_of=unfiled.isoformat()) == [404] * 12
    for page in (path.removeprefix("/v1"), path.removeprefix("/v1") + "/provenance"):
        shown = [
            await by(firm).get(page, params={"as_of": then.isoformat()}, headers={"Accept": "text/html"})
            for firm in firms
        ]
        assert [answer.status_code for answer in shown] == [200, 200, 404, 404]


async def _told(by: By, readers: Sequence[cast.Person], paths: Sequence[str], **as_of: str) -> list[Any]:
    """What each reader hears at each address."""
    answers = [await by(reader).get(httpx.URL(path).copy_merge_params(as_of)) for reader in readers for path in paths]
    return [stripped(answer.json()) if answer.status_code == 200 else answer.status_code for answer in answers]


async def test_e53_what_will_be_known_is_not_told(standing: By) -> None:
    """By any route that tells what was known at a time: neither of a time to come, nor of one that is none."""
    asked = [
        path
        for path, doors in (await standing(cast.PROVINCE).get("/openapi.json")).json()["paths"].items()
        for parameter in doors.get("get", {}).get("parameters", ())
        if parameter["name"] == "as_of" and "/reports/" not in path
    ]
    assert {"/v1/tickets/{ticket_id}", "/v1/allotments/{allotment_id}", "/v1/quotas"} <= {*asked}
    to_come = (datetime.now(UTC) + timedelta(days=9_999)).isoformat()
    for path in asked:
        params = {"year": 2026, "account": 1}
        for as_of, code in ((to_come, "moment-to-come"), ("yesterday", "malformed-body")):
            address = re.sub("{.*?}", "210381" if "{code}" in path else str(uuid4()), path)
            answer = await standing(cast.PROVINCE).get(address, params={**params, "as_of": as_of})
            assert (answer.status_code, answer.json()["code"]) == (422, code), path


async def test_e53_allotments_answer_as_they_answered_then(app: FastAPI, by: By) -> None:
    """R14: drafted for one day and issued on another, issued at once, published, withdrawn; and of a mine that changed hands."""
    day = Road(app, by)
    day.readers = (cast.PROVINCE, cast.PAIZHAI_CLERK, cast.STRANGER_CLERK)
    app.state.clock.stop_at(day.now)

    async def allot(person: cast.Person, body: dict[str, Any], *, issue: bool = False) -> str:
        made = await day.post(person, "/v1/allotments", {**body, "issue": issue})
        day.papers = [f"/v1/allotments/{made['id']}"]
        await day.goes_on()
        return day.papers[-1]

    async def step(person: cast.Person, path: str, name: str, on: str = "2026-06-05") -> None:
        await day.post(person, f"{path}/steps", {"step": name, "on": on})
        await day.goes_on()

    async def edit_the_mine(**changed: str) -> None:
        path = f"/v1/mines/{cast.PAIZHAI_MINE}"
        version = {"If-Match": (await by(cast.LI).get(path)).headers["etag"]}
        answer = await by(cast.PROVINCE).patch(path, json=changed, headers=version)
        assert answer.is_success, answer.text

    await edit_the_mine(name="海城排寨菱镁矿")
    for source, to in ((None, "210000"), ("210000", "210300"), ("210300", "210381")):
        await allot(cast.PROVINCE, allotment("total", source, {"jurisdiction": to}, 900_000_000), issue=True)
    proposed = await allot(cast.LI, base(quarter=3, issued_on="2026-07-01"))
    for name in ("consult", "approve"):
        await step(cast.ANSHAN, proposed, name)
    await step(cast.LI, proposed, "issue", "2026-06-08")
    await step(cast.LI, proposed, "publish", "2026-06-09")
    dropped = await allot(cast.LI, base(quarter=4, issued_on="2026-10-01"))
    await step(cast.LI, dropped, "withdraw")
    await allot(cast.PROVINCE, allotment("reward", "210381", MINE, 1_000_000, reason="技改"), issue=True)
    await step(cast.PROVINCE, day.papers[-1], "withdraw", "2026-06-10")

    day.papers = [proposed, dropped]
    await edit_the_mine(enterprise_id=str(cast.STRANGER.id))
    await day.goes_on()

    await day.looks_back()
    said = [(one["state"], one["issued_on"]) for _, one in day.seen[asked(proposed)]]
    assert said == [
        ("draft", "2026-07-01"),
        ("consulted", "2026-07-01"),
        ("approved", "2026-07-01"),
        ("issued", "2026-06-08"),
        ("published", "2026-06-08"),
        ("published", "2026-06-08"),
    ]
    whose = [[told == 404 for _, told in day.seen[asked(proposed, firm)]] for firm in day.readers[1:]]
    assert whose == [[False] * 5 + [True], [True] * 5 + [False]], "its mine has another owner"
    assert (await by(cast.DASHIQIAO).get(proposed, params={"as_of": day.now.isoformat()})).status_code == 404
