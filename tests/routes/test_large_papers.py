"""Papers with thousands of loads: what is asked about them is answered to the kilogram, in few words."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from uuid_utils.compat import uuid7

from service.domain.ledger import AccountKey, AccountKind, Movement
from service.domain.units import Kilograms
from service.keys import Purpose
from service.store import ledger, provenance
from service.store.accounts import open_accounts
from service.store.lots import open_lots
from tests import yard
from tests.cast import LI, PAIZHAI_MINE, PLANT_TWO, STRANGER_MINE, TRADER
from tests.routes.by import By

pytestmark = pytest.mark.anyio

LOADS = 10_000
LOAD_KG = 31_000
TRANCHES = 5
HOLDERS = 1_000
RUNS = 50
SMALL_BYTES = 16_000


@dataclass
class Large:
    """A lot that two mines filled in turn, and its contract; and what the first of them sold to a thousand firms besides."""

    lot_id: UUID
    contract_id: UUID


@pytest.fixture
async def large(app: FastAPI) -> Large:
    at = app.state.clock.now()
    sign = app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.transaction() as connection:
        for number in range(TRANCHES):
            for mine_id in (PAIZHAI_MINE, STRANGER_MINE):
                kg = LOADS * LOAD_KG // (2 * TRANCHES) + (
                    100 * HOLDERS if mine_id == PAIZHAI_MINE and not number else 0
                )
                await yard.grant(
                    connection, kg, at=at, sign=sign, mine_id=mine_id, document_no=f"海镁办〔2026〕{number}号"
                )
        contract_id = await yard.contract(connection, at=at)
        key = AccountKey(AccountKind.LOT, owner_id=PLANT_TWO.id, document_id=contract_id, grade="LM46", year=at.year)
        ((lot_id, lot),) = (await open_lots(connection, [key], at)).values()
        mines = [AccountKey(AccountKind.QUOTA, owner_id=id_, year=at.year) for id_ in (PAIZHAI_MINE, STRANGER_MINE)]
        others = [
            AccountKey(AccountKind.LOT, owner_id=TRADER.id, document_id=uuid4(), year=at.year) for _ in range(HOLDERS)
        ]
        plants = [
            [
                AccountKey(kind, owner_id=TRADER.id, document_id=uuid4())
                for kind in (AccountKind.RUN, AccountKind.PRODUCT)
            ]
            for _ in range(RUNS)
        ]
        ids = await open_accounts(connection, [*mines, *others, *(each for plant in plants for each in plant)])
        told = [(ids[mines[0]], ids[other], 100, None) for other in others]
        told += [(ids[mines[number % 2]], lot, LOAD_KG, None) for number in range(LOADS)]
        for other, (run, product) in zip(others, plants, strict=False):
            told += [(ids[other], ids[run], 100, None), (ids[run], ids[product], 100, Kilograms(40))]
        batch = [
            Movement(id_ := uuid7(), id_, source, target, Kilograms(kg), at, bytes(32), made_kg)
            for source, target, kg, made_kg in told
        ]
        await ledger.append(connection, batch, at=at, sign=sign)
    return Large(lot_id, contract_id)


async def test_large_papers_are_answered_to_the_kilogram_in_few_words(by: By, large: Large) -> None:
    kg = LOADS * LOAD_KG
    for path in (f"lots/{large.lot_id}", f"contracts/{large.contract_id}"):
        told = await asked(by, f"{path}?limit=7")
        assert (told["kg"], told["proven_kg"], told["unproven_kg"]) == (kg, kg, 0)
        assert (len(told["origins"]), told["rest"]["parts"], len(told["steps"])) == (7, 2 * TRANCHES - 7, 7)
        assert sum(each["kg"] for each in told["origins"]) + told["rest"]["kg"] == kg
        # Each load is a step, and each tranche is one from its pool, and three down from the province's act.
        assert told["steps_left_out"] == LOADS + 4 * 2 * TRANCHES - 7
    county = await asked(by, "jurisdictions/210381?limit=7")
    assert (county["kg"], county["proven_kg"], county["lots_count"]) == (kg, kg, 1)
    assert sum(each["kg"] for each in county["origins"]) + county["rest"]["kg"] == kg
    held = await asked(by, f"mines/{PAIZHAI_MINE}?year=2026&limit=7")
    assert (held["kg"], held["rest"]["parts"]) == (kg // 2 + 100 * HOLDERS, HOLDERS + 1 - 7)
    assert sum(each["kg"] for each in held["holders"]) + held["rest"]["kg"] == held["kg"]
    whole = await by(LI).get(f"/v1/provenance/mines/{PAIZHAI_MINE}?year=2026&limit=5000")
    made = [each for each in whole.json()["holders"] if each["through"]]
    assert [(each["kg"], each["product_kg"]) for each in made] == [(100, 40)] * RUNS
    shown = await by(LI).get(f"/lots/{large.lot_id}", headers={"Accept": "text/html"})
    assert f"{LOADS + 4 * 2 * TRANCHES}" in shown.text


async def asked(by: By, path: str) -> dict[str, Any]:
    answer = await by(LI).get(f"/v1/provenance/{path}")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < SMALL_BYTES
    told: dict[str, Any] = answer.json()
    return told


async def test_a_walk_that_takes_too_long_is_refused_in_words(
    by: By, large: Large, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/provenance/lots/{large.lot_id}"
    with monkeypatch.context() as patched:
        patched.setattr(provenance, "SECONDS_TO_WALK", 0.01)
        refused = await by(LI).get(path)

    assert (refused.status_code, refused.json()["code"]) == (503, "too-far-to-walk")
    assert refused.json()["seconds"] == 0.01
    assert (await by(LI).get(path)).status_code == 200
