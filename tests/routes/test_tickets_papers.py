"""A ticket's paper and what signs it: printed anew, revoked, and the keys of stations that are offline (E37, U20, W03)."""

import asyncio
from base64 import b64decode
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI

from service.actions.tickets import Order, issue_tickets, retire_key
from service.domain.codes.numbers import make_number
from service.domain.codes.tickets import TicketCode, encode, read
from service.keys import Purpose
from service.routes.tickets import TicketIn
from tests import cast, yard
from tests.routes.by import By
from tests.routes.ticketing import check, do, issue, keys, weigh

pytestmark = pytest.mark.anyio


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
    app.state.clock.stop_at(now + timedelta(hours=25))
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
    app.state.clock.stop_at(now + timedelta(hours=25))
    assert [key["key_id"] for key in (await keys(by))["keys"]] == [2]
    assert await check(by, old["code"]) == ["ticket-expired"]


async def test_w03_a_key_that_somebody_else_may_have_is_believed_no_longer(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """U20: what it signed before stays good, what it signed after is printed anew, what others sign is no ticket."""
    old = await issue(by, yard.ticket_in(contract_id, now))
    stolen_at = now + timedelta(minutes=30)
    app.state.clock.stop_at(now + timedelta(hours=1))
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
