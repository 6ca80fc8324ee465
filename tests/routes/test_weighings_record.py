"""POST /v1/weighings: what scales say."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from service import db
from service.actions.weighings import Sent
from service.domain.permissions import Role
from service.domain.proofs import Named
from service.domain.units import Kilograms
from service.embedded import Endpoints
from service.keys import Purpose
from service.routes.records import RecordIn
from service.routes.weighings import AT_ONCE, rehearse
from tests import cast, yard

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


async def issue(by: By, contract_id: UUID, now: datetime, **changed: Any) -> dict[str, Any]:
    answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now, **changed))
    assert answer.status_code == 201, answer.text
    ticket: dict[str, Any] = answer.json()
    return ticket


async def weigh(by: By, *records: dict[str, Any], who: cast.Person = cast.BRIDGE_7_DEVICE) -> list[dict[str, Any]]:
    body = records[0] if len(records) == 1 else {"records": list(records)}
    answer = await by(who).post("/v1/weighings", json=body)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def test_e19_quota_and_stock_are_counted_wet_and_the_dry_mass_stands_beside_them(
    by: By, contract_id: UUID, now: datetime
) -> None:
    """E19: snow on the load; both scales tell the moisture, and nothing but the wet kilograms moves."""
    ticket = await issue(by, contract_id, now)
    await weigh(by, yard.record(ticket, "out", 31_200, now, moisture_per_mille=35))
    [came] = await weigh(by, yard.record(ticket, "in", 31_150, now, moisture_per_mille=33), who=cast.PLANT_TWO_DEVICE)
    assert came["flags"] == []

    seen = (await by(cast.LI).get(f"/v1/weighings?ticket_id={ticket['id']}")).json()["items"]
    assert [(one["net_kg"], one["moisture_per_mille"], one["dry_kg"]) for one in seen] == [
        (31_150, 33, 30_122),
        (31_200, 35, 30_108),
    ]
    quota = (await by(cast.LI).get(f"/v1/mines/{cast.PAIZHAI_MINE}/quota?year={now.year}")).json()
    [lot] = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"]
    assert (quota["out_kg"], lot["in_kg"]) == (31_200, 31_150)
    again = yard.record(ticket, "in", 31_150, now, moisture_per_mille=1_000)
    assert (await by(cast.PLANT_TWO_DEVICE).post("/v1/weighings", json=again)).status_code == 422


async def test_e55_what_was_weighed_while_the_platform_was_down_keeps_both_times(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """E55: the station's outbox sends later; when it was weighed there and when it was accepted here are both kept."""
    tickets = [await issue(by, contract_id, now, plate=f"辽C3000{number}") for number in range(2)]
    records = [yard.record(one, "out", 31_200, now + timedelta(minutes=place)) for place, one in enumerate(tickets)]
    back = now + timedelta(hours=9)
    app.state.clock.stop_at(back)
    told = await weigh(by, *records)
    again = await weigh(by, *records)

    assert [(one["status"], one["flags"]) for one in told] == [("accepted", [])] * 2
    assert [one["status"] for one in again] == ["duplicate"] * 2
    seen = (await by(cast.LI).get("/v1/weighings")).json()["items"]
    times = [(datetime.fromisoformat(one["occurred_at"]), datetime.fromisoformat(one["recorded_at"])) for one in seen]
    assert times == [(now + timedelta(minutes=1), back), (now, back)]
    legs = (await by(cast.LI).get(f"/v1/tickets/{tickets[0]['id']}")).json()
    assert datetime.fromisoformat(legs["out_at"]) == now


async def test_p01_loads_to_a_plant_that_stands_still_are_flagged(by: By, contract_id: UUID, now: datetime) -> None:
    line = {"enterprise_id": str(cast.PLANT_TWO.id), "name": "一号窑", "kind": "light_burnt", "kiln": "shaft"}
    made = (await by(cast.LI).post("/v1/lines", json={**line, "status": "stopped", "ore_per_product": 2.1})).json()
    tickets = [await issue(by, contract_id, now, plate=f"辽C1000{number}") for number in range(2)]
    for ticket in tickets:
        await weigh(by, yard.record(ticket, "out", 31_200, now))

    [idle] = await weigh(by, yard.record(tickets[0], "in", 31_200, now), who=cast.PLANT_TWO_DEVICE)
    await by(cast.LI).patch(f"/v1/lines/{made['id']}", json={"status": "running"}, headers={"If-Match": '"1"'})
    [busy] = await weigh(by, yard.record(tickets[1], "in", 31_200, now), who=cast.PLANT_TWO_DEVICE)

    assert (idle["status"], idle["flags"], busy["flags"]) == ("accepted", ["stopped-plant"], [])
    (told,) = (await by(cast.LI).get("/v1/alerts", params={"code": "stopped-plant"})).json()["items"]
    assert (told["subject_kind"], told["subject_id"]) == ("ticket", tickets[0]["id"])


async def test_before_the_disk_is_full_records_are_refused_for_a_while_and_reads_go_on(
    app: FastAPI, by: By, contract_id: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends where its journal finds no room; who is refused sends again once there is some."""
    ticket = await issue(by, contract_id, now)
    record = yard.record(ticket, "out", 31_200, now)

    monkeypatch.setattr(db, "LEAST_FREE_BYTES", 2**62)
    refused = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=record)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.headers["Content-Type"] == "application/problem+json"
    ready = await by(cast.LI).get("/readyz")
    assert (ready.status_code, ready.json()["disk"]) == (200, "full")
    assert (await by(cast.LI).get(f"/v1/tickets/{ticket['id']}")).json()["out_at"] is None
    await rehearse(app.state)  # a start, too, does not fail for it

    monkeypatch.undo()
    assert (await by(cast.LI).get("/readyz")).json()["disk"] == "up"
    [told] = await weigh(by, record)
    assert told["status"] == "accepted"


async def test_a_load_is_weighed_out_and_in(by: By, contract_id: UUID, now: datetime) -> None:
    ticket = await issue(by, contract_id, now)

    [out] = await weigh(by, yard.record(ticket, "out", 31_200, now))
    assert (out["status"], out["flags"], out["duplicate_of"], out["problem"]) == ("accepted", [], None, None)
    assert len(out["movement_ids"]) == 1
    [arrived] = await weigh(by, yard.record(ticket, "in", 31_140, now), who=cast.PLANT_TWO_DEVICE)
    assert (arrived["status"], arrived["flags"]) == ("accepted", [])

    shown = (await by(cast.PLANT_CLERK).get(f"/v1/tickets/{ticket['id']}")).json()
    assert (shown["state"], shown["out_kg"], shown["in_kg"]) == ("delivered", 31_200, 31_140)
    contract = (await by(cast.PLANT_CLERK).get(f"/v1/contracts/{contract_id}")).json()
    assert (contract["shipped_kg"], contract["received_kg"]) == (31_200, 31_140)
    lots = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"]
    assert [(lot["in_kg"], lot["out_kg"]) for lot in lots] == [(31_140, 0)]


async def test_the_code_of_the_paper_names_the_ticket(by: By, contract_id: UUID, now: datetime) -> None:
    ticket = await issue(by, contract_id, now)
    [out] = await weigh(by, yard.record(ticket, "out", 31_200, now, ticket=ticket["code"].lower()))
    assert out["flags"] == []
    forged = ticket["code"][:-1] + str((int(ticket["code"][-1]) + 1) % 10)
    [other] = await weigh(by, yard.record(ticket, "out", 20_000, now, ticket=forged))
    assert other["flags"] == ["unknown-ticket"]


async def test_every_load_beyond_the_quota_says_so_however_often_it_is_sent(
    by: By, contract_id: UUID, now: datetime
) -> None:
    """O04, E12, E49."""
    tickets = [await issue(by, contract_id, now, plate=f"辽C1234{n}") for n in range(5)]
    records = [yard.record(ticket, "out", 30_000, now) for ticket in tickets]
    first = await weigh(by, *records[:4])
    last = await weigh(by, records[4])
    assert [result["flags"] for result in (*first, *last)] == [[], [], [], ["quota-overdrawn"], ["quota-overdrawn"]]

    again = await weigh(by, *records)
    assert {result["status"] for result in again} == {"duplicate"}
    assert [result["flags"] for result in again] == [[], [], [], ["quota-overdrawn"], ["quota-overdrawn"]]
    assert [result["movement_ids"] for result in again] == [result["movement_ids"] for result in (*first, *last)]
    assert [result["duplicate_of"] for result in again] == [record["id"] for record in records]
    alerts = (await by(cast.LI).get("/v1/alerts?code=quota-overdrawn&state=open")).json()["items"]
    assert [alert["subject_id"] for alert in alerts] == [str(cast.PAIZHAI_MINE)]


async def test_the_next_tranche_settles_the_overdraw(app: FastAPI, by: By, contract_id: UUID, now: datetime) -> None:
    for n in range(4):
        await weigh(by, yard.record(await issue(by, contract_id, now, plate=f"辽C1234{n}"), "out", 30_000, now))
    async with app.state.database.transaction() as connection:
        _, posted = await yard.grant(connection, 50_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        assert len(posted.closed) == 1
        assert posted.closed[0].peak_kg == 20_000


async def test_a_record_id_is_the_stations_own(by: By, contract_id: UUID, now: datetime) -> None:
    ticket, other = [await issue(by, contract_id, now, plate=f"辽C1234{n}") for n in range(2)]
    record = yard.record(ticket, "out", 31_200, now)
    await weigh(by, record)

    [reused] = await weigh(by, {**record, "gross_kg": 40_000})
    assert (reused["status"], reused["problem"]["code"], reused["movement_ids"]) == ("refused", "id-reused", [])
    [elsewhere] = await weigh(by, {**record, "direction": "in"}, who=cast.PLANT_TWO_DEVICE)
    assert elsewhere["status"] == "accepted"
    same = yard.record(other, "out", 31_200, now)
    first, second, third = await weigh(by, same, same, {**same, "plate": "辽C99999"})
    assert [one["status"] for one in (first, second, third)] == ["accepted", "duplicate", "refused"]
    assert first["movement_ids"] == second["movement_ids"]


async def test_the_impossible_is_refused_and_kept(app: FastAPI, by: By, contract_id: UUID, now: datetime) -> None:
    """W05, E16."""
    ticket = await issue(by, contract_id, now)
    record = yard.record(ticket, "out", 31_200, now, gross_kg=15_000)
    for _ in range(2):
        [result] = await weigh(by, record)
        assert (result["status"], result["problem"]["code"], result["problem"]["status"]) == (
            "refused",
            "impossible-weight",
            409,
        )
        assert result["problem"]["tare_kg"] == 15_000
    async with app.state.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("SELECT count(*) FROM weighing WHERE status = 'refused'") == 1
    shown = (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{ticket['id']}")).json()
    assert shown["state"] == "issued"


async def test_one_event_scanned_twice_is_told_once(by: By, contract_id: UUID, now: datetime) -> None:
    """W06, E7: the same id again, and another id within a minute and 20 kg."""
    ticket = await issue(by, contract_id, now)
    first = yard.record(ticket, "out", 31_200, now - timedelta(minutes=40))
    [told] = await weigh(by, first)
    again = yard.record(ticket, "out", 31_210, now - timedelta(minutes=39, seconds=30))
    for _ in range(2):
        [result] = await weigh(by, again)
        assert (result["status"], result["duplicate_of"]) == ("duplicate", first["id"])
        assert result["movement_ids"] == told["movement_ids"]
    later = yard.record(ticket, "out", 31_210, now - timedelta(minutes=10))
    [second] = await weigh(by, later)
    assert second["flags"] == ["ticket-reused"]


async def test_ore_without_a_ticket_is_weighed_all_the_same(by: By, contract_id: UUID, now: datetime) -> None:
    """W06: no ticket, and an unknown one."""
    [result] = await weigh(by, yard.record(None, "out", 31_200, now))
    assert (result["status"], result["flags"]) == ("accepted", ["no-ticket"])
    assert len(result["movement_ids"]) == 1


async def test_a_destination_before_its_source_settles_itself(by: By, contract_id: UUID, now: datetime) -> None:
    """W07, E47: a bypass until the source tells."""
    ticket = await issue(by, contract_id, now)
    [arrived] = await weigh(by, yard.record(ticket, "in", 31_140, now), who=cast.PLANT_TWO_DEVICE)
    assert arrived["flags"] == ["station-bypass"]
    alerts = (await by(cast.LI).get("/v1/alerts?code=station-bypass&state=open")).json()["items"]
    assert [alert["subject_id"] for alert in alerts] == [ticket["id"]]
    await weigh(by, yard.record(ticket, "out", 31_200, now))
    assert (await by(cast.LI).get("/v1/alerts?code=station-bypass&state=open")).json()["items"] == []


async def test_a_load_that_was_not_taken_is_credited_to_the_quota(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """W10, E32."""
    ticket = await issue(by, contract_id, now)
    out = yard.record(ticket, "out", 31_200, now - timedelta(minutes=50))
    back = yard.record(ticket, "back", 31_180, now)
    gone, returned = await weigh(by, out, back)
    assert (returned["status"], returned["flags"]) == ("accepted", [])
    assert gone["movement_ids"][0] in returned["movement_ids"]
    shown = (await by(cast.PAIZHAI_CLERK).get(f"/v1/tickets/{ticket['id']}")).json()
    assert (shown["state"], shown["back_kg"]) == ("returned", 31_180)
    async with app.state.database.transaction(readonly=True) as connection:
        assert await spent(connection) == 20
        assert await connection.fetchval("SELECT shipped_kg FROM contract WHERE id = $1", contract_id) == 0


async def spent(connection: Any) -> int:
    live: int = await connection.fetchval(
        "SELECT (SELECT coalesce(sum(source_kg), 0) FROM leg WHERE source = a.id)"
        " - (SELECT coalesce(sum(hi - lo), 0) FROM hole WHERE account = a.id AND side = 'out')"
        " FROM account a WHERE a.kind = 'quota' AND a.owner_id = $1",
        cast.PAIZHAI_MINE,
    )
    return live


async def test_a_gap_in_the_sequence_is_open_until_its_record_comes(by: By, contract_id: UUID, now: datetime) -> None:
    """W04, E11, E13."""
    tickets = [await issue(by, contract_id, now, plate=f"辽C1234{n}") for n in range(3)]
    records = [yard.record(t, "out", 20_000, now, sequence=100 + n) for n, t in enumerate(tickets)]
    await weigh(by, records[0])
    [ahead] = await weigh(by, records[2])
    assert ahead["flags"] == ["sequence-gap"]
    open_gaps = "/v1/alerts?code=sequence-gap&state=open"
    assert len((await by(cast.LI).get(open_gaps)).json()["items"]) == 1
    [missing] = await weigh(by, records[1])
    assert missing["flags"] == []
    assert (await by(cast.LI).get(open_gaps)).json()["items"] == []


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 3, 1), (2, 0, 1, 3)])
async def test_a_clock_that_jumps_back_is_flagged_whichever_record_comes_first(
    by: By, now: datetime, order: tuple[int, ...]
) -> None:
    """W04, E13: against the number before, by more than the policy's two minutes; what comes late may explain it."""
    minutes = (0, 60, 20, 19)  # only the third is told by a clock that was set back
    records = [
        yard.record(None, "out", 20_000 + 1_000 * n, now + timedelta(minutes=minutes[n]), sequence=100 + n)
        for n in range(4)
    ]
    for n in order:
        await weigh(by, records[n])
    [alert] = (await by(cast.LI).get("/v1/alerts?code=clock-jumped-back&state=open")).json()["items"]
    told = (await by(cast.LI).get(f"/v1/weighings/{alert['subject_id']}")).json()
    assert (alert["subject_kind"], told["sequence"], alert["facts"]["sequence"]) == ("weighing", 102, 102)
    assert alert["facts"]["sequence_before"] in (100, 101)
    assert alert["facts"]["weighed_at"] < alert["facts"]["weighed_at_before"]


async def test_a_clock_that_only_seemed_to_jump_back_settles_itself(by: By, now: datetime) -> None:
    """W04: the record between them tells when the clock was set back; the one after it was told by a right clock."""
    ahead, behind, right = (
        yard.record(None, "out", 20_000 + 100 * n, now - timedelta(minutes=back), sequence=n)
        for n, back in ((1, 10), (2, 90), (3, 30))
    )

    async def open_of() -> list[int]:
        items = (await by(cast.LI).get("/v1/alerts?code=clock-jumped-back&state=open")).json()["items"]
        return sorted(item["facts"]["sequence"] for item in items)

    await weigh(by, ahead)
    [answer] = await weigh(by, right)
    assert (answer["flags"], await open_of()) == (["clock-jumped-back", "sequence-gap", "no-ticket"], [3])
    await weigh(by, behind)
    assert await open_of() == [2]


async def test_a_clock_that_is_wrong_is_corrected_and_flagged(
    app: FastAPI, by: By, contract_id: UUID, now: datetime
) -> None:
    """W04, E13: never refused for its time alone."""
    ticket = await issue(by, contract_id, now)
    record = yard.record(ticket, "out", 31_200, now - timedelta(minutes=61))
    body = {"sent_at": (now - timedelta(minutes=60)).isoformat(), "records": [record]}
    [result] = (await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=body)).json()["results"]
    assert result["flags"] == ["clock-skew"]
    async with app.state.database.transaction(readonly=True) as connection:
        occurred_at = await connection.fetchval("SELECT occurred_at FROM weighing")
    assert abs(occurred_at - (now - timedelta(minutes=1))) < timedelta(seconds=30)


BAD = [
    ({"gross_kg": 31_200.0}, "/gross_kg"),
    ({"gross_kg": "31200"}, "/gross_kg"),
    ({"gross_kg": True}, "/gross_kg"),
    ({"gross_kg": 10**30}, "/gross_kg"),
    ({"tare_kg": None}, "/tare_kg"),
    ({"id": "seven"}, "/id"),
    ({"sequence": -1}, "/sequence"),
    ({"direction": "up"}, "/direction"),
    ({"plate": "\u202e辽C12345"}, "/plate"),
    ({"plate": ""}, "/plate"),
    ({"weighed_at": "2026-03-01T08:00:00"}, "/weighed_at"),
    ({"weighed_at": "1026-03-01T08:00:00Z"}, "/weighed_at"),
    ({"weighed_at": 1_770_000_000}, "/weighed_at"),
    ({"grade": "LM\u200b46"}, "/grade"),
    ({"tare_source": "guessed"}, "/tare_source"),
    ({"driver": "王"}, "/driver"),
    ({"ticket": "9" * 2_001}, "/ticket"),
    ({"ticket": "417\x006"}, "/ticket"),
]


async def test_a_malformed_record_is_refused_where_it_is_wrong(app: FastAPI, by: By, now: datetime) -> None:
    device = by(cast.BRIDGE_7_DEVICE)
    for changed, pointer in BAD:
        record = {**yard.record(None, "out", 31_200, now), **changed}
        answer = await device.post("/v1/weighings", json=record)
        assert answer.status_code == 422, changed
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        answer = await device.post("/v1/weighings", json={"records": [yard.record(None, "out", 31_200, now), record]})
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/records/1{pointer}"]
    async with app.state.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("SELECT count(*) FROM weighing") == 0


async def test_a_book_has_a_first_and_a_last_page(by: By, now: datetime) -> None:
    device = by(cast.BRIDGE_7_DEVICE)
    assert (await device.post("/v1/weighings", json={"records": []})).status_code == 422
    records = [yard.record(None, "out", 31_200, now)] * 5_001
    assert (await device.post("/v1/weighings", json={"records": records})).status_code == 422


async def test_a_large_book_is_read_in_pieces_as_if_it_were_read_at_once(by: By, now: datetime) -> None:
    device = by(cast.BRIDGE_7_DEVICE)
    records = [yard.record(None, "out", 31_200, now, sequence=place) for place in range(1, 101)]
    faulty = [*records[:70], {**records[70], "gross_kg": "46200"}, *records[71:]]

    refused = await device.post("/v1/weighings", json={"sent_at": now.isoformat(), "records": faulty})
    answer = await device.post("/v1/weighings", json={"sent_at": now.isoformat(), "records": records})

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/records/70/gross_kg"]
    assert [result["id"] for result in answer.json()["results"]] == [record["id"] for record in records]
    assert answer.json()["results"][0]["status"] == "accepted"


async def test_only_a_station_weighs(client: httpx.AsyncClient, by: By, now: datetime) -> None:
    record = yard.record(None, "out", 31_200, now)
    assert (await client.post("/v1/weighings", json=record)).status_code == 401
    for person in (cast.PROVINCE, cast.LI, cast.PAIZHAI_CLERK):
        assert (await by(person).post("/v1/weighings", json=record)).status_code == 403


async def test_a_key_gives_the_same_answer_again(by: By, contract_id: UUID, now: datetime) -> None:
    ticket = await issue(by, contract_id, now)
    record = yard.record(ticket, "out", 31_200, now)
    headers = {"Idempotency-Key": str(uuid4())}
    first = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=record, headers=headers)
    again = await by(cast.BRIDGE_7_DEVICE).post("/v1/weighings", json=record, headers=headers)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json()["results"][0]["status"] == "accepted"


async def a_traders_load(
    app: FastAPI, by: By, now: datetime
) -> tuple[cast.Person, list[UUID], dict[str, Any], list[UUID]]:
    """33 t out of two lots, of which 30 t are proven: the scale, the lots, the ticket, and the movements."""
    yard_id = uuid4()
    scale = cast.Person(uuid4(), "trader-scale", "贸易磅", Role.STATION, station_id=yard_id)
    async with app.state.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO station (id, name, jurisdiction, enterprise_id, created_at) VALUES ($1, '贸易磅', '210381', $2, $3)",
            yard_id,
            cast.TRADER.id,
            now,
        )
        purchases = [
            await yard.contract(connection, at=now, buyer_id=cast.TRADER.id, grade=grade) for grade in ("LM46", "LM44")
        ]
    lots = []
    for place, purchase in enumerate(purchases):
        wish = yard.ticket_in(purchase, now, destination_station_id=str(yard_id), plate=f"辽C1234{place}")
        answer = await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json={**wish, "grade": ("LM46", "LM44")[place]})
        await weigh(by, yard.record(answer.json(), "out", 30_000, now))
        sent = yard.record(answer.json(), "in", 30_000, now)
        assert (await weigh_as(app, scale, sent))["status"] == "accepted"
        held = (await by(cast.TRADER_CLERK).get("/v1/lots")).json()["items"]
        lots.append(next(UUID(lot["id"]) for lot in held if lot["id"] not in map(str, lots)))

    proof = (Named(lots[1], Kilograms(20_000)), Named(lots[0], Kilograms(10_000)))
    async with app.state.database.transaction() as connection:
        sale = await yard.contract(
            connection, at=now, seller_id=cast.TRADER.id, mine_id=None, proof=proof, kg=Kilograms(100_000)
        )
    wish = yard.ticket_in(sale, now, source_station_id=str(yard_id), plate="辽C54321")
    issued = await by(cast.TRADER_CLERK).post("/v1/tickets", json=wish)
    assert issued.status_code == 201, issued.text
    out = await weigh_as(app, scale, yard.record(issued.json(), "out", 33_000, now))
    assert out["flags"] == ["origin-unproven"]
    return scale, lots, issued.json(), out["movement_ids"]


@pytest.mark.usefixtures("contract_id")
async def test_a_traders_load_draws_the_lots_of_its_proof_in_order(app: FastAPI, by: By, now: datetime) -> None:
    _, lots, ticket, movement_ids = await a_traders_load(app, by, now)
    assert len(movement_ids) == 3
    [arrived] = await weigh(by, yard.record(ticket, "in", 33_000, now), who=cast.PLANT_TWO_DEVICE)
    assert arrived["flags"] == []

    kilograms = {lot["id"]: lot["out_kg"] for lot in (await by(cast.TRADER_CLERK).get("/v1/lots")).json()["items"]}
    assert kilograms == {str(lots[0]): 10_000, str(lots[1]): 20_000}
    [lot] = (await by(cast.PLANT_CLERK).get("/v1/lots")).json()["items"]
    origin = (await by(cast.PLANT_CLERK).get(f"/v1/provenance/lots/{lot['id']}")).json()
    assert (origin["kg"], origin["proven_kg"], origin["unproven_kg"]) == (33_000, 30_000, 3_000)


@pytest.mark.usefixtures("contract_id", "verified")
@pytest.mark.parametrize("how", ["voided", "corrected", "back"])
async def test_w09_w10_a_load_out_of_several_lots_is_taken_back_as_one_act(
    app: FastAPI, by: By, now: datetime, how: str
) -> None:
    """No half of it stands under a checkpoint, whether the load is voided, corrected or weighed back in."""
    scale, _, ticket, movement_ids = await a_traders_load(app, by, now)
    seen = (await by(cast.LI).get("/v1/weighings", params={"ticket": ticket["id"]})).json()["items"]
    [weighing] = [f"/v1/weighings/{one['id']}" for one in seen]
    async with app.state.database.transaction(readonly=True) as connection:
        before = await connection.fetchrow("SELECT act, seq FROM head")
    match how:
        case "voided":
            await by(cast.LI).post(f"{weighing}/void", json={"reason": "误录"})
        case "corrected":
            body = {"gross_kg": 15_000 + 12_000, "tare_kg": 15_000, "reason": "读错一位"}
            await by(cast.LI).post(f"{weighing}/correct", json=body)
        case _:
            back = yard.record(ticket, "back", 33_000, now + timedelta(minutes=5))
            assert (await weigh_as(app, scale, back))["status"] == "accepted"

    async with app.state.database.transaction(readonly=True) as connection:
        after = await connection.fetchrow("SELECT act, seq FROM head")
        sizes = await connection.fetch("SELECT size FROM checkpoint WHERE size > $1", before["seq"])
        cut = await connection.fetchval("SELECT array_agg(DISTINCT movement) FROM hole WHERE seq > $1", before["seq"])
    assert set(cut) == set(movement_ids)
    assert after["act"] == before["act"] + 1
    assert [row["size"] for row in sizes] == [after["seq"]]


async def test_the_connections_of_batches_are_ready_before_the_first_truck(app: FastAPI) -> None:
    await rehearse(app.state)

    steady = app.state.database.steady
    assert steady.get_size() == steady.get_idle_size() == AT_ONCE
    async with steady.acquire() as one, steady.acquire() as other:
        for connection in (one, other):
            plans = await connection.fetch(
                "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE '%station_book%'"
            )
            assert plans
            assert all(plan["generic_plans"] == 1 for plan in plans)
    async with app.state.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("SELECT seq FROM head") == 0


async def weigh_as(app: FastAPI, scale: cast.Person, record: dict[str, Any]) -> dict[str, Any]:
    """A weighing by a scale that is not of the cast."""
    assert scale.station_id is not None
    sent = Sent(scale.station_id, scale.id, timedelta(), RecordIn.model_validate_json(json.dumps(record)).record())
    [weighed] = await app.state.weighings.submit([sent])
    return {"status": weighed.status, "flags": list(weighed.flags), "movement_ids": weighed.movement_ids}


@pytest.mark.usefixtures("verified")
async def test_a_record_that_the_database_chokes_on_spoils_no_others(
    by: By, contract_id: UUID, now: datetime, stage_endpoints: Endpoints
) -> None:
    wishes = [yard.ticket_in(contract_id, now, plate=f"辽C{6000 + n}1", planned_kg=100) for n in range(40)]
    issued = (await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=wishes)).json()["results"]
    records = [yard.record(one["ticket"], "out", 100, now) for one in issued]
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    await owner.execute(
        "CREATE FUNCTION choke() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'nobody has foreseen this'; END $$;"
        "CREATE TRIGGER choke BEFORE INSERT ON weighing FOR EACH ROW"
        f" WHEN (NEW.sequence = {records[20]['sequence']}) EXECUTE FUNCTION choke()"
    )
    await owner.close()

    client = by(cast.BRIDGE_7_DEVICE)
    with capture_logs() as logs:
        answers = await asyncio.gather(*(client.post("/v1/weighings", json=record) for record in records))

    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["POST /v1/weighings failed"]
    assert [place for place, answer in enumerate(answers) if answer.status_code != 200] == [20]
    assert answers[20].status_code == 500
    kept = (await by(cast.LI).get("/v1/weighings?limit=100")).json()["items"]
    assert {one["record_id"] for one in kept} == {one["id"] for place, one in enumerate(records) if place != 20}
