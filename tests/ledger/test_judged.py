"""The auditor judges contracts, amendments and slips by rules of its own: what they are said to be is what was filed (R22)."""

from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service.embedded import Endpoints
from service.verify.books import Books
from service.verify.database.checks import CHECKS
from service.verify.findings import Findings
from tests import cast
from tests.cast import PAIZHAI_CLERK, PLANT_CLERK, PROVINCE, TRADER_CLERK
from tests.routes.filing import at, contract, from_stock, issue, slip, trader_lot
from tests.sweeping import swept

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]

# So far ahead that no wall's clock makes overdue what the story says is not.
SIGNED = {"signed_on": "2096-03-02", "valid_until": "2096-12-31"}
OUTAGE = {"starts_at": "2096-03-05T08:00:00+08:00", "ends_at": "2096-03-06T20:00:00+08:00"}
FLAGS = {
    "HT-1": [],
    "HT-2": ["filing-overdue"],
    "HT-3": ["filing-mismatch", "filing-overdue"],
    "HT-4": [],
    "HT-5": ["filing-overdue", "filing-late"],
    "HT-6": [],
    "HT-7": ["filing-overdue", "filing-late", "seller-without-quota"],
    "MY-1": ["origin-unproven", "origin-overpledged", "filing-overdue"],
    "KJ-1": ["framework-exceeded"],
}
FORGED = [
    "UPDATE contract SET state = 'filed' WHERE number = 'HT-2'",
    "UPDATE contract SET state = 'filed' WHERE number = 'HT-3'",
    "UPDATE contract SET state = 'incomplete' WHERE number = 'HT-1'",
    "UPDATE contract SET proof_state = 'complete' WHERE number = 'MY-1'",
    "UPDATE contract SET proof_state = 'missing' WHERE number = 'HT-1'",
    "UPDATE contract SET due_on = due_on + 1 WHERE number = 'HT-6'",
    "UPDATE contract SET due_on = due_on - 2 WHERE number = 'HT-4'",
    "UPDATE pledge SET kg = kg - 1",
    "DELETE FROM pledge",
    "DELETE FROM outage",
    "INSERT INTO policy SELECT id, version, 'filing_days', '', '30', '2096-01-01', '', '', person_id, recorded_at FROM outage",
    "UPDATE amendment SET due_on = due_on + 1",
    "UPDATE amendment SET answer_days_late = 1",
    "UPDATE amendment SET days_late = 1",
    "UPDATE filing SET days_late = 0 WHERE days_late > 0",
    "UPDATE slip SET days_late = 0, flags = '{}' WHERE days_late > 0",
    "UPDATE slip SET flags = '{}' WHERE days_late > 0",
    "UPDATE slip SET due_on = due_on + 100, days_late = 0, flags = '{}' WHERE days_late > 0",
    *(
        f"UPDATE contract SET flags = array_remove(flags, '{flag}') WHERE number = '{number}'"
        for number, flags in FLAGS.items()
        for flag in flags
    ),
    *(
        f"UPDATE contract SET flags = array_append(flags, '{flag}') WHERE number = 'HT-{number}'"
        for number in (1, 4, 6)
        for flag in (
            "filing-overdue",
            "filing-mismatch",
            "origin-unproven",
            "seller-without-quota",
            "framework-exceeded",
        )
    ),
]


@pytest.fixture
def begins_at() -> str:
    return "2096-03-03T09:00:00+08:00"


@pytest.fixture
async def stage(app: FastAPI, by: By) -> None:
    """Contracts that stand in every way, a deadline that an outage has moved, an amendment, and slips."""

    async def file(terms: dict[str, Any], *clerks: cast.Person) -> str:
        for clerk in clerks:
            answer = await by(clerk).post("/v1/contracts", json=terms)
            assert answer.is_success, answer.text
        made: str = answer.json()["id"]
        return made

    async def do(who: cast.Person, path: str, body: Any = None) -> Any:
        answer = await by(who).post(f"/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    both = (PAIZHAI_CLERK, PLANT_CLERK)
    await issue(app, 1_000_000, year=2096)
    lot = await trader_lot(app, by, "HT-0", 10_000)
    amended = await file(contract(**SIGNED), *both)
    await file(contract(number="HT-2", **SIGNED), PAIZHAI_CLERK)
    await file(contract(number="HT-3", **SIGNED), PAIZHAI_CLERK)
    await file(contract(number="HT-3", **SIGNED, kg=90_000), PLANT_CLERK)
    closed = await file(contract(number="HT-4", **SIGNED), PAIZHAI_CLERK)
    await file(contract(number="HT-7", signed_on="2095-12-31", valid_until="2096-12-31"), PAIZHAI_CLERK)
    await file(from_stock((lot, 20_000), kg=30_000, **SIGNED), TRADER_CLERK)
    framework = await file(contract(number="KJ-1", is_framework=True, **SIGNED), *both)
    await file(contract(number="FP-1", framework_id=framework, kg=120_000, **SIGNED), *both)
    change = {"agreed_on": "2096-03-03", "reason": "追加数量", "kg": 150_000}
    amendment = await do(PAIZHAI_CLERK, f"contracts/{amended}/amendments", change)
    at(app, "2096-03-04T09:00:00+08:00")
    await do(PLANT_CLERK, f"contracts/{amended}/amendments/{amendment['id']}/confirm")
    await do(PAIZHAI_CLERK, f"contracts/{closed}/close")
    await do(PAIZHAI_CLERK, "slips", slip(handed_on="2096-03-02"))
    at(app, "2096-03-07T09:00:00+08:00")
    await do(PROVINCE, "outages", {**OUTAGE, "reason": "机房断电", "document_no": "辽1"})
    await swept(app, at(app, "2096-03-25T09:00:00+08:00"))
    await file(contract(number="HT-5", **SIGNED), PAIZHAI_CLERK)
    await file(contract(number="HT-6", **SIGNED | {"signed_on": "2096-03-25"}), PAIZHAI_CLERK)
    await do(PAIZHAI_CLERK, "slips", slip(number="JJ-2", handed_on="2096-03-02"))


async def test_what_was_not_filed_so_is_found(stage: None, stage_endpoints: Endpoints) -> None:
    """States, proofs, flags, pledges, days (R22, R22c, R23, R24, R26, R27)."""
    owner = await asyncpg.connect(stage_endpoints.owner_database_url)

    async def found() -> list[str]:
        findings = Findings()
        for check in CHECKS:
            if check.__module__ == "service.verify.database.contracts":
                await check(owner, Books.of(0), findings)
        return [str(finding) for finding in findings.all()]

    try:
        async with owner.transaction():
            told = await owner.fetch("SELECT number, flags FROM contract WHERE number = ANY($1)", list(FLAGS))
            assert {row["number"]: row["flags"] for row in told} == FLAGS
            assert await found() == []
        for sentence in FORGED:
            transaction = owner.transaction()
            await transaction.start()
            assert await owner.execute(sentence) not in ("UPDATE 0", "DELETE 0", "INSERT 0 0"), sentence
            assert await found(), sentence
            await transaction.rollback()
    finally:
        await owner.close()
