"""What becomes of tickets after they are issued, beside what scales tell: W01, O03, E4, E5, E10, E20, E28, E37, E38."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI

from service.actions.sweeps import sweep
from service.actions.tickets import Order, issue_tickets, retire_key
from service.clock import Clock
from service.domain.codes.numbers import make_number
from service.domain.codes.tickets import TicketCode, encode, read
from service.domain.units import SHANGHAI
from service.keys import Purpose
from service.routes.tickets import TicketIn
from tests import cast, yard
from tests.routes.ruling import rule

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
WHY = {"reason": "车辆故障，改日再运"}


@pytest.fixture
def now(app: FastAPI) -> datetime:
    at: datetime = app.state.clock.now()
    return at


@pytest.fixture
async def contract_id(app: FastAPI, now: datetime) -> UUID:
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        return await yard.contract(connection, at=now)


@pytest.fixture
async def ticket(by: By, contract_id: UUID, now: datetime) -> dict[str, Any]:
    return await issue(by, yard.ticket_in(contract_id, now))


async def issue(by: By, wish: dict[str, Any]) -> dict[str, Any]:
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def do(by: By, person: cast.Person, ticket: dict[str, Any], deed: str, **body: Any) -> httpx.Response:
    return await by(person).post(f"/v1/tickets/{ticket['id']}/{deed}", json={**WHY, **body})


async def weigh(by: By, paper: dict[str, Any], direction: str, kg: int, at: datetime, **changed: Any) -> dict[str, Any]:
    person = cast.PLANT_TWO_DEVICE if direction == "in" else cast.BRIDGE_7_DEVICE
    answer = await by(person).post("/v1/weighings", json=yard.record(paper, direction, kg, at, **changed))
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["results"][0]
    return result


async def keys(by: By, since: int = 0) -> dict[str, Any]:
    answer = await by(cast.BRIDGE_7_DEVICE).get("/v1/tickets/keys", params={"since": since})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def check(by: By, text: str) -> list[str]:
    answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/tickets/check", json={"code": text})
    reasons: list[str] = answer.json()["reasons"]
    return reasons


async def held_kg(by: By, year: int) -> int:
    answer = await by(cast.PAIZHAI_CLERK).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": year})
    held: int = answer.json()["held_kg"]
    return held


# A lost or damaged paper (E37)


async def test_e37_a_lost_paper_is_printed_anew_and_the_old_one_says_why_it_is_void(
    app: FastAPI, by: By, ticket: dict[str, Any]
) -> None:
    answer = await do(by, cast.PAIZHAI_CLERK, ticket, "reissue", cause="lost")
    assert answer.status_code == 200, answer.text
    fresh = answer.json()
    assert (fresh["number"], fresh["reissue"], fresh["state"]) == (ticket["number"], 1, "issued")
    proven = read(fresh["code"], app.state.keys.public_keys(Purpose.TICKETS))
    assert isinstance(proven, TicketCode)
    assert (str(proven.ticket_id), proven.number, proven.reissue) == (ticket["id"], ticket["number"], 1)

    assert await check(by, fresh["code"]) == []
    assert await check(by, ticket["number"]) == []
    assert await check(by, ticket["code"]) == ["print-replaced"]
    (item,) = (await keys(by))["revocations"]["items"]
    assert (item["ticket_id"], item["prints_below"], item["reason"]) == (ticket["id"], 1, "lost")

    page = await by(cast.STRANGER_CLERK).get("/T/" + ticket["code"].rsplit("/", 1)[1], headers={"Accept": "text/html"})
    assert "补打" in page.text


async def test_u20_what_is_revoked_never_becomes_valid_again(by: By, ticket: dict[str, Any], now: datetime) -> None:
    second = (await do(by, cast.PAIZHAI_CLERK, ticket, "reissue", cause="damaged")).json()
    until = (now + timedelta(days=3)).isoformat()
    third = (await do(by, cast.PAIZHAI_CLERK, ticket, "extend", valid_until=until)).json()
    fourth = (await do(by, cast.LI, ticket, "reissue", cause="lost")).json()
    assert [await check(by, one["code"]) for one in (ticket, second, third, fourth)] == [["print-replaced"]] * 3 + [[]]
    assert (await do(by, cast.PAIZHAI_CLERK, ticket, "cancel")).status_code == 200
    assert await check(by, fourth["code"]) == ["ticket-cancelled"]
    assert await check(by, ticket["code"]) == ["ticket-cancelled", "print-replaced"]
    for deed in ({"deed": "reissue", "cause": "lost"}, {"deed": "extend", "valid_until": until}, {"deed": "lose"}):
        answer = await do(by, cast.PAIZHAI_CLERK, ticket, **deed)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket-has-ended")
    items = (await keys(by))["revocations"]["items"]
    assert [item["prints_below"] for item in items] == [1, 3, 256]


async def test_e37_a_load_under_a_revoked_paper_has_no_paper(by: By, ticket: dict[str, Any], now: datetime) -> None:
    await do(by, cast.PAIZHAI_CLERK, ticket, "reissue", cause="lost")
    found = await weigh(by, ticket, "out", 31_000, now + timedelta(minutes=5), ticket=ticket["code"])
    assert found["flags"] == ["clock-skew", "ticket-revoked"]
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "issued"

    # What was weighed before the paper was reported lost travels lawfully, whenever it is told.
    before = await weigh(by, ticket, "out", 31_000, now - timedelta(minutes=9), ticket=ticket["code"])
    assert before["flags"] == ["clock-jumped-back"]
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "out"


async def test_e37_without_paper_or_phone_the_plate_finds_the_ticket(by: By, ticket: dict[str, Any]) -> None:
    for person in (cast.BRIDGE_7_DEVICE, cast.PLANT_TWO_DEVICE):
        answer = await by(person).get("/v1/tickets", params={"plate": "辽c 12345", "state": "issued"})
        assert [item["number"] for item in answer.json()["items"]] == [ticket["number"]]
    answer = await by(cast.STRANGER_DEVICE).get("/v1/tickets", params={"plate": "辽C12345"})
    assert answer.json()["items"] == []


async def test_a_ticket_is_reprinted_as_often_as_its_code_can_count(
    app: FastAPI, by: By, ticket: dict[str, Any]
) -> None:
    async with app.state.database.transaction() as connection:
        await connection.execute("UPDATE ticket SET reissue = 255 WHERE id = $1", UUID(ticket["id"]))
    answer = await do(by, cast.PAIZHAI_CLERK, ticket, "reissue", cause="damaged")
    assert (answer.status_code, answer.json()["code"]) == (409, "no-more-reissues")


# The list of what is revoked


async def test_w03_a_station_asks_only_for_what_was_revoked_since(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    papers = [await issue(by, yard.ticket_in(contract_id, now, plate=f"辽C1111{n}")) for n in range(4)]
    versions = []
    for paper in papers[:3]:
        await do(by, cast.PAIZHAI_CLERK, paper, "cancel")
        versions.append((await keys(by))["revocations"]["version"])
    assert versions == [1, 2, 3]

    whole = (await keys(by))["revocations"]
    assert [item["number"] for item in whole["items"]] == [paper["number"] for paper in papers[:3]]
    delta = (await keys(by, since=2))["revocations"]
    assert (delta["since"], delta["version"], delta["latest"]) == (2, 3, 3)
    assert [item["number"] for item in delta["items"]] == [papers[2]["number"]]
    nothing = (await keys(by, since=3))["revocations"]
    assert (nothing["version"], nothing["items"]) == (3, [])
    # A version that this book has not reached is of another book: all of it, and the station keeps what it had.
    assert (await keys(by, since=99))["revocations"]["since"] == 0
    beyond = await by(cast.BRIDGE_7_DEVICE).get("/v1/tickets/keys", params={"since": 2**63})
    assert (beyond.status_code, beyond.json()["errors"][0]["pointer"]) == (422, "/since")

    public = app.state.keys.public_keys(Purpose.TICKETS)
    for signed in (whole, delta, nothing):
        key = Ed25519PublicKey.from_public_bytes(public[signed["key_id"]])
        key.verify(b64decode(signed["signature"]), signed["text"].encode())
        head, *lines = signed["text"].splitlines()[1:]
        assert head.split()[:3] == [str(signed[name]) for name in ("since", "version", "latest")]
        assert [line.split()[1] for line in lines] == [item["ticket_id"] for item in signed["items"]]


async def test_what_has_expired_leaves_the_list_and_versions_go_on(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    paper = await issue(by, yard.ticket_in(contract_id, now))
    await do(by, cast.PAIZHAI_CLERK, paper, "cancel")
    app.state.clock = Clock(f"{(now + timedelta(hours=25)).isoformat()},0")
    found = (await keys(by))["revocations"]
    assert (found["items"], found["version"]) == ([], 1)
    assert await check(by, paper["code"]) == ["ticket-cancelled", "ticket-expired"]


async def test_the_service_cannot_take_a_revocation_back(app: FastAPI) -> None:
    async with app.state.database.transaction() as connection:
        for deed in ("UPDATE", "DELETE", "TRUNCATE"):
            held = "SELECT has_table_privilege('meisu_service', 'ticket_revocation', $1)"
            assert not await connection.fetchval(held, deed)


async def test_w03_codes_on_paper_outlive_their_key(app: FastAPI, by: By, contract_id: UUID, now: datetime) -> None:
    old = await issue(by, yard.ticket_in(contract_id, now))
    app.state.keys.rotate(Purpose.TICKETS, now)
    assert [key["key_id"] for key in (await keys(by))["keys"]] == [1, 2]
    new = await issue(by, yard.ticket_in(contract_id, now, plate="辽C54321"))
    assert (await check(by, old["code"]), await check(by, new["code"])) == ([], [])

    # An old key is told of until the last of its tickets' windows ends.
    app.state.clock = Clock(f"{(now + timedelta(hours=25)).isoformat()},0")
    assert [key["key_id"] for key in (await keys(by))["keys"]] == [2]
    assert await check(by, old["code"]) == ["ticket-expired"]


async def test_w03_a_key_that_somebody_else_may_have_is_believed_no_longer(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """U20: what it signed before stays good, what it signed after is printed anew, what others sign is no ticket."""
    old = await issue(by, yard.ticket_in(contract_id, now))
    stolen_at = now + timedelta(minutes=30)
    app.state.clock = Clock(f"{(now + timedelta(hours=1)).isoformat()},0")
    later = await issue(by, yard.ticket_in(contract_id, now, plate="辽C54321"))
    key = app.state.keys.current(Purpose.TICKETS)
    true = read(later["code"], app.state.keys.public_keys(Purpose.TICKETS))
    assert isinstance(true, TicketCode)
    forged = encode(replace(true, ticket_id=uuid4(), number=make_number(77)), key_id=key.key_id, sign=key.sign)
    assert isinstance(read(forged, app.state.keys.public_keys(Purpose.TICKETS)), TicketCode), "well forged"

    body = {"signed_after": stolen_at.isoformat(), "reason": "密钥备份遗失"}
    assert (await by(cast.ANSHAN).post(f"/v1/tickets/keys/{key.key_id}/retire", json=body)).status_code == 403
    assert (await by(cast.PROVINCE).post("/v1/tickets/keys/9/retire", json=body)).status_code == 404
    answer = await by(cast.PROVINCE).post(f"/v1/tickets/keys/{key.key_id}/retire", json=body)
    assert (answer.status_code, answer.json()["current_key_id"], answer.json()["reprinted"]) == (200, 2, 1), answer.text
    again = await by(cast.PROVINCE).post(f"/v1/tickets/keys/{key.key_id}/retire", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "key-is-retired")

    told = await keys(by)
    assert [(one["key_id"], one["retired_after"] is not None) for one in told["keys"]] == [(1, True), (2, False)]
    (item,) = told["revocations"]["items"]
    assert (item["number"], item["prints_below"], item["reason"]) == (later["number"], 1, "key-retired")
    fresh = (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{later['id']}")).json()
    checks = [await check(by, code) for code in (old["code"], later["code"], fresh["code"], forged)]
    assert checks == [[], ["key-retired"], [], ["unknown-ticket"]]

    # The paper was signed by us, as our book knows: its load is lawful, and looked at; the forged one's is not.
    at = now + timedelta(hours=1)
    found = await weigh(by, {**later, "number": later["code"]}, "out", 31_000, at)
    assert found["flags"] == ["key-retired"]
    assert (await by(cast.LI).get(f"/v1/tickets/{later['id']}")).json()["state"] == "out"
    found = await weigh(by, {"number": forged, "plate": "辽C99999"}, "out", 30_000, at)
    assert "unknown-ticket" in found["flags"]


@pytest.mark.parametrize("is_issued_first", [True, False])
async def test_w03_a_ticket_that_is_signed_while_its_key_is_retired_bears_the_next_key(
    app: FastAPI, contract_id: UUID, now: datetime, is_issued_first: bool
) -> None:
    """U20: whichever of the two began first, the other waits for it."""
    pool, ring = app.state.database.pool, app.state.keys
    wish = TicketIn.model_validate(yard.ticket_in(contract_id, now)).wish()
    reason, since = "密钥备份遗失", now - timedelta(days=1)
    async with pool.acquire() as seller, pool.acquire() as province:
        deeds = [
            (seller, lambda: issue_tickets(seller, [Order(cast.PAIZHAI_CLERK.actor, wish)], at=now, keys=ring)),
            (province, lambda: retire_key(province, 1, since, reason, at=now, keys=ring, actor=cast.PROVINCE.actor)),
        ]
        (first, do_first), (second, do_second) = deeds if is_issued_first else reversed(deeds)
        async with first.transaction():
            await do_first()

            async def follow() -> None:
                async with second.transaction():
                    await do_second()

            following = asyncio.create_task(follow())
            await asyncio.wait([following], timeout=0.3)
            assert not following.done()
        await following
        [found] = await seller.fetch("SELECT key_id, reissue FROM ticket")
    assert tuple(found) == (2, 1 if is_issued_first else 0)


# What time alone brings about (W07, E39)


async def swept(app: FastAPI, at: datetime) -> None:
    """Sweep once, after the service's own sweep if that is under way."""
    for _ in range(100):
        async with app.state.database.transaction() as connection:
            if await sweep(connection, await app.state.rulebook.policies(at), at=at):
                return
        await asyncio.sleep(0.05)
    pytest.fail("the service sweeps for ever")


async def test_e39_what_is_never_weighed_holds_nothing_and_what_never_arrives_is_missed(
    app: FastAPI, by: By, now: datetime
) -> None:
    """W07, W01: a day after its window a hold is released; after 72 hours a load is an alert, until it arrives after all."""
    async with app.state.database.transaction() as connection:
        contract_id = await yard.contract(connection, at=now, mine_id=cast.PAIZHAI_MINE)
    unused, astray = [await issue(by, yard.ticket_in(contract_id, now, plate=f"辽C4000{turn}")) for turn in (1, 2)]
    assert (await weigh(by, astray, "out", 31_000, now))["status"] == "accepted"

    async def held_kg() -> int:
        found = await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})
        kg: int = found.json()["held_kg"]
        return kg

    async def alerts(code: str) -> list[str]:
        items = (await by(cast.LI).get("/v1/alerts", params={"code": code, "state": "open"})).json()["items"]
        return [item["subject_id"] for item in items]

    assert await held_kg() == 31_000
    for hours, state, never_weighed, never_received in (
        (47, "issued", [], []),
        (49, "expired", [unused["id"]], []),
        (73, "expired", [unused["id"]], [astray["id"]]),
    ):
        await swept(app, now + timedelta(hours=hours))
        found = (await by(cast.LI).get(f"/v1/tickets/{unused['id']}")).json()
        assert found["state"] == state, hours
        assert (await alerts("never-weighed"), await alerts("never-received")) == (never_weighed, never_received)
    assert await held_kg() == 0
    assert (await by(cast.LI).get(f"/v1/tickets/{astray['id']}")).json()["state"] == "out", "it is not released"
    app.state.clock = Clock(f"{(now + timedelta(hours=80)).isoformat()},0")
    await weigh(by, astray, "in", 31_000, now + timedelta(hours=79))
    assert await alerts("never-received") == []


# Extensions (E38)


async def test_e38_a_ticket_is_extended_before_or_after_its_end_and_the_paper_stays_good(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime
) -> None:
    first = now + timedelta(hours=30)
    longer = (await do(by, cast.PAIZHAI_CLERK, ticket, "extend", valid_until=first.isoformat())).json()
    assert datetime.fromisoformat(longer["valid_until"]) == first
    assert await check(by, ticket["code"]) == await check(by, longer["code"]) == []
    assert (await keys(by))["revocations"]["items"] == []

    later = now + timedelta(hours=40)
    app.state.clock = Clock(f"{later.isoformat()},0")
    assert await check(by, ticket["code"]) == ["ticket-expired"]
    for until in (first, later, now):
        answer = await do(by, cast.PAIZHAI_CLERK, ticket, "extend", valid_until=until.isoformat())
        assert (answer.status_code, answer.json()["code"]) == (409, "extension-too-short")
    second = (later + timedelta(hours=8)).isoformat()
    answer = await do(by, cast.LI, ticket, "extend", valid_until=second)
    assert (answer.status_code, answer.json()["reissue"]) == (200, 2)
    assert await check(by, ticket["code"]) == []


async def test_e38_an_arrival_after_expiry_is_accepted_and_flagged(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    until = (now + timedelta(minutes=5)).isoformat()
    paper = await issue(by, yard.ticket_in(contract_id, now, valid_until=until))
    assert (await weigh(by, paper, "out", 31_000, now))["flags"] == []
    app.state.clock = Clock(f"{(now + timedelta(hours=1)).isoformat()},0")
    found = await weigh(by, paper, "in", 31_000, now + timedelta(hours=1))
    assert (found["status"], found["flags"]) == ("accepted", ["ticket-expired"])


async def test_whose_ticket_may_be_changed(by: By, ticket: dict[str, Any], now: datetime) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "extend": {"valid_until": (now + timedelta(days=9)).isoformat()},
        "reissue": {"cause": "lost"},
        "lose": {},
        "cancel": {},
    }
    for deed, body in bodies.items():
        assert (await do(by, cast.PLANT_CLERK, ticket, deed, **body)).status_code == 403, deed
        assert (await do(by, cast.STRANGER_CLERK, ticket, deed, **body)).status_code == 404, deed
        assert (await do(by, cast.DASHIQIAO, ticket, deed, **body)).status_code == 404, deed
        assert (await do(by, cast.BRIDGE_7_DEVICE, ticket, deed, **body)).status_code == 403, deed
    for deed in ("release", "refuse"):
        assert (await do(by, cast.PAIZHAI_CLERK, ticket, deed)).status_code == 403
        answer = await do(by, cast.LI, ticket, deed)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket-is-not-held")


# Lost tickets and lost loads (W01, E37, E39)


async def test_w01_a_ticket_that_is_lost_before_its_journey_holds_nothing(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    assert await held_kg(by, now.year) == 31_000
    answer = await do(by, cast.PAIZHAI_CLERK, ticket, "lose")
    assert (answer.status_code, answer.json()["state"]) == (200, "lost")
    assert await held_kg(by, now.year) == 0
    assert await check(by, ticket["code"]) == ["ticket-lost"]
    again = await do(by, cast.PAIZHAI_CLERK, ticket, "lose")
    assert (again.status_code, again.json()["ended_at"]) == (200, answer.json()["ended_at"])
    found = await weigh(by, ticket, "out", 31_000, now + timedelta(minutes=1))
    assert found["flags"] == ["no-ticket"]


async def test_e39_a_load_that_is_lost_on_the_road_is_written_off_by_an_office(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    await weigh(by, ticket, "out", 31_000, now)
    answer = await do(by, cast.PAIZHAI_CLERK, ticket, "lose")
    assert (answer.status_code, answer.json()["code"]) == (409, "write-off-needs-an-office")
    answer = await do(by, cast.LI, ticket, "lose", reason="车辆侧翻，货物落水，交警证明在案")
    assert (answer.status_code, answer.json()["state"], answer.json()["out_kg"]) == (200, "lost", 31_000)
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})).json()
    assert quota["out_kg"] == 31_000
    whereabouts = (await by(cast.LI).get(f"/v1/provenance/mines/{cast.PAIZHAI_MINE}", params={"year": now.year})).json()
    assert [one["kg"] for one in whereabouts["holders"]] == [31_000]


# Tickets that wait for an officer (O03)


async def test_o03_under_policy_hold_what_the_quota_has_not_left_waits_for_an_officer(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    await rule(app, overdraw="hold")
    wishes = [yard.ticket_in(contract_id, now, plate=f"辽C1234{n}", planned_kg=40_000) for n in range(4)]
    results = (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wishes)).json()["results"]
    papers = [result["ticket"] for result in results]
    assert [paper["state"] for paper in papers] == ["issued", "issued", "held", "held"]
    assert [paper["code"] is None for paper in papers] == [False, False, True, True]
    waiting = papers[2]
    assert waiting["flags"] == ["ticket-held"]
    assert await held_kg(by, now.year) == 80_000
    alerts = (await by(cast.LI).get("/v1/alerts", params={"code": "ticket-held"})).json()["items"]
    assert {alert["subject_id"] for alert in alerts} == {paper["id"] for paper in papers[2:]}

    # It is no paper yet: it has no code, and a load under its number has none.
    assert await check(by, waiting["number"]) == ["ticket-held"]
    for deed, body in (("reissue", {"cause": "lost"}), ("extend", {"valid_until": "2099-01-01T00:00:00Z"})):
        answer = await do(by, cast.PAIZHAI_CLERK, waiting, deed, **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket-is-held")
    assert (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{waiting['id']}/qr.svg")).status_code == 409
    assert (await weigh(by, waiting, "out", 31_000, now))["flags"] == ["no-ticket"]

    answer = await do(by, cast.LI, waiting, "release")
    assert (answer.status_code, answer.json()["state"]) == (200, "issued")
    assert await check(by, answer.json()["code"]) == []
    assert await held_kg(by, now.year) == 120_000
    answer = await do(by, cast.LI, papers[3], "refuse")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert (await by(cast.LI).get("/v1/alerts", params={"code": "ticket-held", "state": "open"})).json()["items"] == []
    assert (await do(by, cast.LI, papers[3], "release")).json()["code"] == "ticket-is-not-held"


async def test_o03_a_ticket_that_waits_is_cancelled_by_its_seller_or_runs_out(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    await rule(app, overdraw="hold")
    wishes = [yard.ticket_in(contract_id, now, plate=f"辽C1234{n}", planned_kg=90_000) for n in range(3)]
    papers = [
        result["ticket"] for result in (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wishes)).json()["results"]
    ]
    assert (await do(by, cast.PAIZHAI_CLERK, papers[1], "cancel")).json()["state"] == "cancelled"
    app.state.clock = Clock(f"{(now + timedelta(hours=25)).isoformat()},0")
    answer = await do(by, cast.LI, papers[2], "release")
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket-has-ended")


# What the scales note about a ticket's paper


async def test_e10_a_copied_paper_shows_by_its_plate_and_by_its_second_load(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    copied = {"ticket": ticket["code"]}
    assert await check(by, ticket["code"]) == []
    answer = await by(cast.BRIDGE_7_DEVICE).post(
        "/v1/tickets/check", json={"code": ticket["code"], "plate": "辽C99999"}
    )
    assert answer.json()["reasons"] == ["plate-mismatch"]
    first = await weigh(by, ticket, "out", 31_000, now - timedelta(minutes=40), **copied)
    second = await weigh(by, ticket, "out", 30_000, now, **copied, plate="辽C99999")
    assert first["flags"] == []
    assert set(second["flags"]) == {"plate-mismatch", "ticket-reused"}
    # The second load left without a paper of its own: out of the mine's suspense (W06).
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})).json()
    assert (quota["out_kg"], quota["suspense_kg"]) == (31_000, 30_000)


async def test_e20_the_load_that_crosses_the_contract_is_flagged_with_the_kilograms_over(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    async with app.state.database.transaction() as connection:
        small = await yard.contract(connection, at=now, kg=50_000)
    for number, flags in ((1, []), (2, ["contract-overshipped"])):
        paper = await issue(by, yard.ticket_in(small, now, plate=f"辽C1111{number}"))
        assert (await weigh(by, paper, "out", 31_000, now))["flags"] == flags
    (alert,) = (await by(cast.LI).get("/v1/alerts", params={"code": "contract-overshipped"})).json()["items"]
    assert (alert["subject_id"], alert["facts"]["over_kg"]) == (str(small), 12_000)


async def test_e21_a_load_after_the_contracts_last_day_is_flagged(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    async with app.state.database.transaction() as connection:
        ending = await yard.contract(connection, at=now, valid_until=now.astimezone(SHANGHAI).date())
    paper = await issue(by, yard.ticket_in(ending, now, valid_until=(now + timedelta(days=3)).isoformat()))
    later = now + timedelta(days=2)
    app.state.clock = Clock(f"{later.isoformat()},0")
    assert (await weigh(by, paper, "out", 31_000, later))["flags"] == ["contract-expired"]


async def test_e22_loads_before_both_sides_have_filed_are_allowed_until_day_16(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    terms = {
        "number": "HT-22",
        "seller_id": str(cast.PAIZHAI.id),
        "buyer_id": str(cast.PLANT_TWO.id),
        "signed_on": now.astimezone(SHANGHAI).date().isoformat(),
        "kg": 500_000,
        "grade": "LM46",
        "valid_until": (now + timedelta(days=300)).date().isoformat(),
        "mine_id": str(cast.PAIZHAI_MINE),
    }
    one_sided = (await by(cast.PAIZHAI_CLERK).post("/v1/contracts", json=terms)).json()
    assert one_sided["state"] == "incomplete"
    window = {"valid_until": (now + timedelta(days=30)).isoformat()}
    first, second = [
        await issue(by, yard.ticket_in(UUID(one_sided["id"]), now, plate=f"辽C2222{number}", **window))
        for number in range(2)
    ]
    assert (await weigh(by, first, "out", 31_000, now))["flags"] == []
    later = now + timedelta(days=17)
    app.state.clock = Clock(f"{later.isoformat()},0")
    assert (await weigh(by, second, "out", 31_000, later))["flags"] == ["filing-overdue"]


async def test_e32_a_returned_load_credits_the_quota_when_the_mine_has_weighed_it(
    by: By, ticket: dict[str, Any], now: datetime
) -> None:
    await weigh(by, ticket, "out", 31_000, now - timedelta(hours=1))
    assert (await weigh(by, ticket, "back", 30_950, now))["flags"] == []
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": now.year})).json()
    assert (quota["out_kg"], quota["available_kg"]) == (50, 100_000 - 50)
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "returned"
    assert await check(by, ticket["code"]) == ["ticket-used"]


# New Year (E14, E28) and a licence that runs out (E25)


async def test_e28_a_hold_rolls_over_new_year(app: FastAPI, by: By) -> None:
    eve = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    app.state.clock = Clock(f"{eve.isoformat()},0")
    async with app.state.database.transaction() as connection:
        for year in (2026, 2027):
            await yard.grant(
                connection,
                100_000,
                at=eve,
                year=year,
                sign=app.state.keys.current(Purpose.LEDGER),
                document_no=str(year),
            )
        under = await yard.contract(connection, at=eve, valid_until=datetime(2027, 6, 30).date())  # noqa: DTZ001
    paper = await issue(by, yard.ticket_in(under, eve))
    assert [await held_kg(by, year) for year in (2026, 2027)] == [31_000, 0]

    app.state.clock = Clock(f"{(eve + timedelta(hours=2)).isoformat()},0")
    assert [await held_kg(by, year) for year in (2026, 2027)] == [0, 31_000]
    await weigh(by, paper, "out", 30_000, eve + timedelta(hours=2))
    quotas = [
        (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota", params={"year": year})).json()
        for year in (2026, 2027)
    ]
    assert [(quota["out_kg"], quota["held_kg"]) for quota in quotas] == [(0, 0), (30_000, 0)]


async def test_e25_what_is_on_the_road_when_the_licence_expires_is_honoured(
    app: FastAPI, by: By, ticket: dict[str, Any], now: datetime
) -> None:
    await weigh(by, ticket, "out", 31_000, now - timedelta(minutes=30))
    async with app.state.database.transaction() as connection:
        await connection.execute(
            "UPDATE mine SET licence_valid_until = $2 WHERE id = $1",
            cast.PAIZHAI_MINE,
            (now - timedelta(days=1)).date(),
        )
    assert (await weigh(by, ticket, "in", 31_000, now))["flags"] == []
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["state"] == "delivered"


# The same deed sent again


async def test_a_deed_sent_again_is_done_once(by: By, ticket: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    address = f"/v1/tickets/{ticket['id']}/reissue"
    answers = [
        await by(cast.PAIZHAI_CLERK).post(address, json={**WHY, "cause": "lost"}, headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["reissue"] == 1
