"""/v1/tickets: issued by sellers, checked by whoever stands in front of the truck."""

import threading
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import zxingcpp
from fastapi import FastAPI
from PIL import Image

from service.actions.tickets import Order, issue_tickets
from service.domain.codes.tickets import TicketCode, read
from service.domain.ledger import AccountKey, AccountKind
from service.domain.policies import OverdrawPolicy, Policies
from service.domain.tickets import QuotaIsUsedUp
from service.domain.units import SHANGHAI
from service.ids import new_id
from service.keys import Purpose
from service.routes.pages import tickets as pages
from service.routes.tickets import TicketIn, reading
from service.store.accounts import open_accounts
from tests import cast, yard
from tests.routes.test_weighings_correct import findings

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
NOBODY = str(uuid4())


async def issue(by: By, wish: dict[str, Any]) -> dict[str, Any]:
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)
    assert answer.status_code == 201, answer.text
    ticket: dict[str, Any] = answer.json()
    return ticket


async def test_a_ticket_is_issued_and_read_by_a_camera(
    app: FastAPI, by: By, contract_id: UUID, now: datetime, tmp_path: Any
) -> None:
    ticket = await issue(by, yard.ticket_in(contract_id, now))
    assert (ticket["state"], ticket["flags"], len(ticket["number"])) == ("issued", [], 13)
    assert (ticket["seller"], ticket["buyer"], ticket["mine"]) == (cast.PAIZHAI.name, cast.PLANT_TWO.name, "排寨矿")
    code = read(ticket["code"], app.state.keys.public_keys(Purpose.TICKETS))
    assert isinstance(code, TicketCode)
    assert (str(code.ticket_id), code.number, code.plate) == (ticket["id"], ticket["number"], yard.PLATE)

    seller = by(cast.PAIZHAI_CLERK)
    picture = await seller.get(f"/v1/tickets/{ticket['id']}/qr.png")
    (tmp_path / "qr.png").write_bytes(picture.content)
    assert [found.text for found in zxingcpp.read_barcodes(Image.open(tmp_path / "qr.png"))] == [ticket["code"]]
    drawing = await seller.get(f"/v1/tickets/{ticket['id']}/qr.svg")
    assert (drawing.headers["content-type"], drawing.text[:4]) == ("image/svg+xml", "<svg")


async def test_a_code_is_drawn_beside_the_loop(
    by: By, contract_id: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 20 ms: fifty of them on a page to print kept every scale waiting for a second."""
    ticket = await issue(by, yard.ticket_in(contract_id, now))
    drawn_in = []

    def noted(draw: Callable[..., Any]) -> Callable[..., Any]:
        def drawn(*given: Any) -> Any:
            drawn_in.append(threading.current_thread())
            return draw(*given)

        return drawn

    for place in (reading, pages):
        for name in {"qr_svg", "qr_png"} & vars(place).keys():
            monkeypatch.setattr(place, name, noted(getattr(place, name)))
    path = f"/tickets/{ticket['id']}"
    for address in (f"/v1{path}/qr.png", f"/v1{path}/qr.svg", path, f"/tickets/sheets?ids={ticket['id']}"):
        assert (await by(cast.PAIZHAI_CLERK).get(address)).status_code == 200
    assert len(drawn_in) == 4
    assert threading.main_thread() not in drawn_in


async def test_a_list_answers_ticket_by_ticket(by: By, contract_id: UUID, now: datetime) -> None:
    wishes = [
        yard.ticket_in(contract_id, now),
        yard.ticket_in(UUID(NOBODY), now),
        yard.ticket_in(contract_id, now, plate="辽C54321"),
    ]
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wishes)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["status"] for one in results] == ["issued", "refused", "issued"]
    assert results[1]["problem"]["code"] == "not-found"
    assert results[2]["ticket"]["plate"] == "辽C54321"


async def test_a_ticket_needs_what_its_paper_bears(app: FastAPI, by: By, contract_id: UUID, now: datetime) -> None:
    """W01: also a validity that is not over, and no longer than a journey."""
    async with app.state.database.transaction() as connection:
        ended = await yard.contract(connection, at=now, valid_until=(now + timedelta(days=1)).date())
        closed = await yard.contract(connection, at=now)
        await connection.execute("UPDATE contract SET state = 'closed', closed_at = $2 WHERE id = $1", closed, now)
    much_later = {
        "valid_from": (now + timedelta(days=3)).isoformat(),
        "valid_until": (now + timedelta(days=4)).isoformat(),
    }
    cases = [
        (yard.ticket_in(ended, now, **much_later), 409, "contract-has-ended"),
        (yard.ticket_in(closed, now), 409, "contract-is-closed"),
        (
            yard.ticket_in(contract_id, now, source_station_id=str(cast.STRANGER_GATE)),
            409,
            "source-station-not-the-sellers",
        ),
        (yard.ticket_in(contract_id, now, valid_until=now.isoformat()), 409, "validity-is-past"),
        (
            yard.ticket_in(contract_id, now, valid_until=(now + timedelta(days=400)).isoformat()),
            409,
            "validity-too-long",
        ),
        (yard.ticket_in(contract_id, now, destination_station_id=NOBODY), 404, "not-found"),
        (yard.ticket_in(contract_id, now, source_station_id=NOBODY), 404, "not-found"),
    ]
    for wish, status, code in cases:
        answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wish)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_whose_tickets_they_are(client: httpx.AsyncClient, by: By, contract_id: UUID, now: datetime) -> None:
    wish = yard.ticket_in(contract_id, now)
    refused = [(cast.PLANT_CLERK, 403), (cast.STRANGER_CLERK, 404), (cast.LI, 403), (cast.BRIDGE_7_DEVICE, 403)]
    for person, status in refused:
        assert (await by(person).post("/v1/tickets", json=wish)).status_code == status, person
    assert (await client.post("/v1/tickets", json=wish)).status_code == 401

    ticket = await issue(by, wish)
    sees = [cast.PROVINCE, cast.AUDITOR, cast.ANSHAN, cast.LI, cast.PLANT_CLERK, cast.BRIDGE_7_DEVICE]
    blind = [cast.YINGKOU, cast.DASHIQIAO, cast.TRADER_CLERK, cast.STRANGER_CLERK, cast.STRANGER_DEVICE]
    for people, status, count in ((sees, 200, 1), (blind, 404, 0)):
        for person in people:
            assert (await by(person).get(f"/v1/tickets/{ticket['id']}")).status_code == status, person
            assert len((await by(person).get("/v1/tickets")).json()["items"]) == count, person


async def test_tickets_are_listed_newest_first_and_page_by_page(by: By, contract_id: UUID, now: datetime) -> None:
    issued = [await issue(by, yard.ticket_in(contract_id, now, plate=f"辽C1234{n}")) for n in range(3)]
    seller = by(cast.PAIZHAI_CLERK)
    page = (await seller.get("/v1/tickets?limit=2")).json()
    assert [ticket["id"] for ticket in page["items"]] == [issued[2]["id"], issued[1]["id"]]
    rest = (await seller.get(f"/v1/tickets?limit=2&after={page['next']}")).json()
    assert [ticket["id"] for ticket in rest["items"]] == [issued[0]["id"]]
    assert rest["next"] is None
    assert (await seller.get("/v1/tickets?plate=%00")).status_code == 422
    found = (await seller.get(f"/v1/tickets?plate=辽c·12341&state=issued&contract_id={contract_id}")).json()
    assert [ticket["id"] for ticket in found["items"]] == [issued[1]["id"]]


async def test_a_cancelled_ticket_holds_nothing_and_is_good_for_nothing(
    by: By, contract_id: UUID, now: datetime
) -> None:
    """E4: the hold is released, and a scan says why it is refused."""
    ticket = await issue(by, yard.ticket_in(contract_id, now))
    seller = by(cast.PAIZHAI_CLERK)
    quota = f"/v1/mines/{cast.PAIZHAI_MINE}/quota?year={now.year}"
    assert (await seller.get(quota)).json()["held_kg"] == 31_000
    path = f"/v1/tickets/{ticket['id']}/cancel"
    assert (await by(cast.PLANT_CLERK).post(path, json={"reason": "不想要了"})).status_code == 403
    assert (await by(cast.STRANGER_CLERK).post(path, json={"reason": "不想要了"})).status_code == 404
    for _ in range(2):
        answer = await seller.post(path, json={"reason": "车辆故障"})
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert (await seller.get(quota)).json()["held_kg"] == 0

    checked = (await by(cast.BRIDGE_7_DEVICE).post("/v1/tickets/check", json={"code": ticket["code"]})).json()
    assert (checked["valid"], checked["reasons"]) == (False, ["ticket-cancelled"])
    keys = (await by(cast.BRIDGE_7_DEVICE).get("/v1/tickets/keys")).json()
    assert [revoked["number"] for revoked in keys["revocations"]["items"]] == [ticket["number"]]
    assert [len(b64decode(key["public_key"])) for key in keys["keys"]] == [32]


async def test_what_has_passed_a_scale_is_not_cancelled(by: By, contract_id: UUID, now: datetime) -> None:
    """E5."""
    ticket = await issue(by, yard.ticket_in(contract_id, now))
    await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=yard.record(ticket, "out", 31_200, now))
    answer = await by(cast.PAIZHAI_CLERK).post(f"/v1/tickets/{ticket['id']}/cancel", json={"reason": "车辆故障"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket-already-weighed")


async def test_a_code_is_worth_what_the_service_knows(by: By, contract_id: UUID, now: datetime) -> None:
    """W03, E10."""
    ticket = await issue(by, yard.ticket_in(contract_id, now))
    digits = ticket["code"].rsplit("/", 1)[1]
    wrong = str((int(digits[-1]) + 1) % 10)
    cases = [
        ({"code": ticket["code"]}, []),
        ({"code": digits, "plate": " 辽 c·12345"}, []),
        ({"code": ticket["number"]}, []),
        ({"code": ticket["code"], "plate": "辽C54321"}, ["plate-mismatch"]),
        ({"code": digits[:-1] + wrong}, ["bad-signature"]),
        ({"code": digits[:-1]}, ["wrong-length"]),
        ({"code": "4176060783705"}, ["unknown-ticket"]),
        ({"code": "'; DROP TABLE ticket; --"}, ["malformed"]),
        ({"code": ""}, ["malformed"]),
        ({"code": "\u202e\u200b\x00"}, ["malformed"]),
    ]
    for body, reasons in cases:
        answer = await by(cast.STRANGER_DEVICE).post("/v1/tickets/check", json=body)
        assert answer.status_code == 200, body
        checked = answer.json()
        assert (checked["valid"], checked["reasons"]) == (not reasons, reasons), body
        assert (checked["ticket"] is None) == (not checked["valid"] and reasons != ["plate-mismatch"])
    early = await issue(
        by,
        yard.ticket_in(
            contract_id,
            now,
            plate="辽C54321",
            valid_from=(now + timedelta(hours=1)).isoformat(),
            valid_until=(now + timedelta(hours=2)).isoformat(),
        ),
    )
    checked = (await by(cast.LI).post("/v1/tickets/check", json={"code": early["code"]})).json()
    assert checked["reasons"] == ["not-yet-valid"]


BAD = [
    ({"plate": "C12345"}, "/plate"),
    ({"planned_kg": 0}, "/planned_kg"),
    ({"planned_kg": 31_000.5}, "/planned_kg"),
    ({"planned_kg": 100_001}, "/planned_kg"),
    ({"contract_id": 42}, "/contract_id"),
    ({"contract_id": None}, ""),
    ({"slip_id": NOBODY}, ""),
    ({"valid_until": "2020-01-01T00:00:00Z"}, ""),
    ({"valid_from": "yesterday"}, "/valid_from"),
    ({"grade": "\u200b"}, "/grade"),
    ({"driver": "王"}, "/driver"),
]


async def test_a_malformed_ticket_is_refused_where_it_is_wrong(by: By, contract_id: UUID, now: datetime) -> None:
    seller = by(cast.PAIZHAI_CLERK)
    for changed, pointer in BAD:
        wish = {**yard.ticket_in(contract_id, now), **changed}
        answer = await seller.post("/v1/tickets", json=wish)
        assert answer.status_code == 422, changed
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        answer = await seller.post("/v1/tickets", json=[wish])
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/0{pointer}"]
    assert (await seller.post("/v1/tickets", json=[])).status_code == 422
    assert (await seller.get("/v1/tickets")).json()["items"] == []


async def test_a_key_issues_once(by: By, contract_id: UUID, now: datetime) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    wish = yard.ticket_in(contract_id, now)
    seller = by(cast.PAIZHAI_CLERK)
    first, again = [await seller.post("/v1/tickets", json=wish, headers=headers) for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len((await seller.get("/v1/tickets")).json()["items"]) == 1


async def test_two_open_tickets_on_one_plate_are_flagged(by: By, contract_id: UUID, now: datetime) -> None:
    """W05, E40."""
    first, second = [await issue(by, yard.ticket_in(contract_id, now)) for _ in range(2)]
    assert (first["flags"], second["flags"]) == ([], ["two-open-tickets"])


async def test_a_mine_that_has_lost_its_right_is_flagged(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """E25, R07: with a new ticket, though its validity began before, and with its load."""
    async with app.state.database.transaction() as connection:
        await connection.execute(
            "UPDATE mine SET licence_valid_until = $2 WHERE id = $1",
            cast.PAIZHAI_MINE,
            (now - timedelta(days=1)).date(),
        )
    begun = (now - timedelta(days=2)).isoformat()
    ticket = await issue(by, yard.ticket_in(contract_id, now, valid_from=begun))
    assert ticket["flags"] == ["quota-frozen"]
    answer = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=yard.record(ticket, "out", 31_200, now))
    assert answer.json()["results"][0]["flags"] == ["quota-frozen"]


async def test_where_the_office_has_decided_so_a_used_up_quota_gives_no_ticket(
    app: FastAPI, contract_id: UUID, now: datetime
) -> None:
    wishes = [
        TicketIn.model_validate(yard.ticket_in(contract_id, now, plate=f"辽C1234{n}", planned_kg=40_000)).wish()
        for n in range(3)
    ]
    async with app.state.database.transaction() as connection:
        issued = await issue_tickets(
            connection,
            [Order(cast.PAIZHAI_CLERK.actor, wish) for wish in wishes],
            at=now,
            keys=app.state.keys,
            policies=Policies(overdraw=OverdrawPolicy.BLOCK),
        )
    assert [isinstance(one, UUID) for one in issued] == [True, True, False]
    refusal = issued[2]
    assert isinstance(refusal, QuotaIsUsedUp)
    assert refusal.facts == {"available_kg": 20_000, "planned_kg": 40_000}
    assert await findings(app) == [], "what is refused has left nothing"


async def test_e28_a_ticket_that_begins_before_new_year_and_is_issued_after_it_needs_the_new_years_quota(
    app: FastAPI, contract_id: UUID, now: datetime
) -> None:
    new_year = datetime(now.year + 1, 1, 1, tzinfo=SHANGHAI)
    wish = TicketIn.model_validate(yard.ticket_in(contract_id, new_year)).wish()
    assert wish.valid_from < new_year
    block = Policies(overdraw=OverdrawPolicy.BLOCK)
    async with app.state.database.transaction() as connection:
        [refusal] = await issue_tickets(
            connection, [Order(cast.PAIZHAI_CLERK.actor, wish)], at=new_year, keys=app.state.keys, policies=block
        )
    assert isinstance(refusal, QuotaIsUsedUp)
    assert refusal.facts == {"available_kg": 0, "planned_kg": 31_000}


async def test_the_account_that_a_refused_ticket_left_in_older_books_is_no_difference(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    await issue(by, yard.ticket_in(contract_id, now))
    async with app.state.database.transaction() as connection:
        await open_accounts(connection, [AccountKey(AccountKind.LOAD, owner_id=new_id(), document_id=new_id())])

    assert await findings(app) == []


async def test_own_ore_goes_by_tickets_of_its_slip(app: FastAPI, by: By, contract_id: UUID, now: datetime) -> None:
    seller = by(cast.PAIZHAI_CLERK)
    slip = {
        "number": "JJ-1",
        "enterprise_id": str(cast.PAIZHAI.id),
        "mine_id": str(cast.PAIZHAI_MINE),
        "handed_on": now.date().isoformat(),
        "kg": 50_000,
        "grade": "LM46",
    }
    ids = {}
    for by_tickets in (True, False):
        answer = await seller.post("/v1/slips", json={**slip, "number": f"JJ-{by_tickets}", "by_tickets": by_tickets})
        assert answer.status_code in (200, 201), answer.text
        ids[by_tickets] = answer.json()["id"]
    wish = yard.ticket_in(None, now, slip_id=ids[True], destination_station_id=str(cast.BRIDGE_7))
    ticket = await issue(by, wish)
    assert (ticket["seller_id"], ticket["buyer_id"]) == (str(cast.PAIZHAI.id), str(cast.PAIZHAI.id))
    device = by(cast.BRIDGE_7_DEVICE)
    records = [yard.record(ticket, "out", 31_200, now - timedelta(minutes=9)), yard.record(ticket, "in", 31_200, now)]
    results = (await device.post("/v1/weighings", json={"records": records})).json()["results"]
    assert [result["flags"] for result in results] == [[], []]

    refused = await seller.post("/v1/tickets", json={**wish, "slip_id": ids[False]})
    assert (refused.status_code, refused.json()["code"]) == (409, "slip-goes-without-tickets")
