"""The auditor holds what scales, tickets and contracts say against the entries that were posted for them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.embedded import Endpoints
from service.keys import Purpose
from service.verify import Finding
from service.verify.database import verify
from tests import cast, yard

pytestmark = pytest.mark.anyio

By = Callable[[cast.Person], httpx.AsyncClient]


async def weigh(by: By, who: cast.Person, *records: dict[str, Any]) -> None:
    answer = await by(who).post("/v1/weighings", json={"records": list(records)})
    assert {result["status"] for result in answer.json()["results"]} == {"accepted"}, answer.text


@pytest.fixture
async def findings(app: FastAPI, stage_endpoints: Endpoints, by: By) -> Callable[[], Any]:
    """The audit of a day on which loads came, came light, came heavy, came before they had gone, and came back."""
    now: datetime = app.state.clock.now()
    async with app.state.database.transaction() as connection:
        await yard.grant(connection, 100_000, at=now, sign=app.state.keys.current(Purpose.LEDGER))
        contract_id = await yard.contract(connection, at=now)
    tickets = [
        (
            await by(cast.PAIZHAI_CLERK).post("/v1/tickets", json=yard.ticket_in(contract_id, now, plate=f"辽C1234{n}"))
        ).json()
        for n in range(5)
    ]
    out = [yard.record(ticket, "out", 31_200, now) for ticket in tickets]
    await weigh(by, cast.BRIDGE_7_DEVICE, *out[:3], out[4], yard.record(None, "out", 9_000, now))
    came = [yard.record(tickets[n], "in", kg, now) for n, kg in ((0, 31_140), (1, 31_260), (3, 31_000))]
    await weigh(by, cast.PLANT_TWO_DEVICE, *came)
    await weigh(by, cast.BRIDGE_7_DEVICE, out[3], yard.record(tickets[4], "back", 31_100, now))

    async def audit() -> list[Finding]:
        connection = await asyncpg.connect(stage_endpoints.database_url)
        try:
            return await verify(connection, app.state.keys.public_keys(Purpose.LEDGER), lambda _: None)
        finally:
            await connection.close()

    return audit


UNBOUND = "ALTER TABLE weighing DROP CONSTRAINT a_weighing_says_what_was_scanned"
ALIKE = "UPDATE ticket SET back_kg = back_kg - 1000 WHERE back_kg IS NOT NULL"
TAMPERED = [
    ("contract", "UPDATE contract SET shipped_kg = shipped_kg + 1"),
    ("contract", "UPDATE contract SET received_kg = received_kg - 1"),
    ("ticket", "UPDATE ticket SET out_kg = out_kg - 1000 WHERE plate = '辽C12340'"),
    ("ticket", "UPDATE ticket SET in_kg = in_kg + 100 WHERE plate = '辽C12341'"),
    ("weighing", "UPDATE weighing SET net_kg = net_kg - 1000 WHERE direction = 'out' AND ticket_id IS NULL"),
    ("weighing", f"UPDATE weighing SET net_kg = net_kg - 1000 WHERE direction = 'back'; {ALIKE}"),
    (
        "ticket",
        f"UPDATE weighing SET gross_kg = gross_kg - 1000, net_kg = net_kg - 1000 WHERE direction = 'back'; {ALIKE}",
    ),
    ("weighing", "UPDATE weighing SET body_hash = sha256('') WHERE direction = 'in'"),
    ("weighing", "UPDATE weighing SET movement_ids = movement_ids || gen_random_uuid() WHERE direction = 'back'"),
    ("weighing", "UPDATE weighing SET plate = '辽C99999' WHERE direction = 'in'"),
    ("weighing", "UPDATE weighing SET weighed_at = weighed_at - interval '1 day' WHERE direction = 'back'"),
    ("weighing", "UPDATE weighing SET ticket_text = '2100000000000' WHERE ticket_id IS NOT NULL"),
    ("weighing", f"{UNBOUND}; UPDATE weighing SET ticket_text = NULL WHERE direction = 'in'"),
]


async def test_papers_that_no_one_changed_agree(findings: Callable[[], Any]) -> None:
    assert await findings() == []


@pytest.mark.parametrize(("check", "sentence"), TAMPERED)
async def test_papers_that_someone_changed_do_not(
    findings: Callable[[], Any], stage_endpoints: Endpoints, check: str, sentence: str
) -> None:
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)
    assert await owner.execute(sentence) != "UPDATE 0"
    await owner.close()

    assert check in {finding.check for finding in await findings()}
