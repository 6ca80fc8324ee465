"""What people get wrong most: each is refused by a rule of its own, in Chinese and English, saying what to do."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.domain.units import MAX_KILOGRAMS
from tests import cast
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK, STRANGER_CLERK, TRADER_CLERK, Person
from tests.routes.by import By
from tests.routes.filing import ON_DAY_1, contract, from_stock, slip, trader_lot
from tests.routes.registry_entries import ENTERPRISES

TOMORROW = "2026-03-04"


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


def said(answer: httpx.Response) -> tuple[int, str, str, str]:
    """The status, the code, and what a person reads of it in both languages."""
    problem: dict[str, Any] = answer.json()
    if problem["code"] != "malformed-body":
        return answer.status_code, problem["code"], problem["title"], problem["title_en"]
    zh, en = problem["errors"][0]["detail"].split(" / ", maxsplit=1)
    return answer.status_code, problem["errors"][0]["code"], zh, en


async def test_each_mistake_has_a_refusal_of_its_own_that_says_what_to_do(by: By, app: FastAPI) -> None:
    async def send(who: Person, path: str, body: Any) -> httpx.Response:
        return await by(who).post(f"/v1/{path}", json=body)

    lot = await trader_lot(app, by, "HT-9", 50_000)
    for body in (contract(), contract(buyer_id=str(cast.PLANT_TWO.id))):
        for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
            await send(clerk, "contracts", body)
    await send(PAIZHAI_CLERK, "slips", slip())
    run = {"number": "JG-1", "line_id": str(uuid4()), "inputs": [{"lot_id": str(lot), "kg": 1}]}
    run |= {"outputs": [{"kind": "product", "name": "轻烧粉", "kg": 1}]}
    count = {"lot_id": str(lot), "counted_kg": 1, "reason": "盘点", "document_no": "盘1"}
    not_the_sellers = from_stock((lot, 1_000), number="ST-1", seller_id=str(cast.STRANGER.id))
    mistakes: list[tuple[Person, str, Any, int, str]] = [
        # dates in the future
        (PAIZHAI_CLERK, "contracts", contract(number="HT-2", signed_on=TOMORROW), 409, "day-in-future"),
        (PAIZHAI_CLERK, "slips", slip(number="JJ-2", handed_on=TOMORROW), 409, "day-in-future"),
        (TRADER_CLERK, "runs", {**run, "ran_on": TOMORROW}, 409, "run-in-future"),
        (TRADER_CLERK, "stocktakes", {**count, "counted_on": TOMORROW}, 409, "count-in-future"),
        # seller = buyer
        (PAIZHAI_CLERK, "contracts", contract(buyer_id=str(cast.PAIZHAI.id)), 409, "seller-is-buyer"),
        # tonnes ≤ 0 or > 100 Mt
        (PAIZHAI_CLERK, "contracts", contract(kg=0), 422, "mass-out-of-range"),
        (PAIZHAI_CLERK, "contracts", contract(kg=-1), 422, "mass-out-of-range"),
        (PAIZHAI_CLERK, "slips", slip(kg=MAX_KILOGRAMS + 1), 422, "mass-out-of-range"),
        (PAIZHAI_CLERK, "contracts", contract(kg=31_200.5), 422, "whole-number-required"),
        # unknown lots, and somebody else's: whether a lot of others is there is nobody's business, so both read alike
        (TRADER_CLERK, "contracts", from_stock((uuid4(), 1_000), number="MY-2"), 404, "unknown-lot"),
        (STRANGER_CLERK, "contracts", not_the_sellers, 404, "unknown-lot"),
        (STRANGER_CLERK, "stocktakes", {**count, "counted_on": "2026-03-03"}, 404, "unknown-counted"),
        # credit codes with a wrong check digit, or that were a number on their way
        (LI, "enterprises", {**ENTERPRISES.body, "credit_code": "91210381MA00000016"}, 422, "credit-code-check-digit"),
        (LI, "enterprises", {**ENTERPRISES.body, "credit_code": 9.12103810000001e17}, 422, "credit-code-is-text"),
        # duplicate numbers
        (PAIZHAI_CLERK, "contracts", contract(kg=1), 409, "contract-already-filed"),
        (PAIZHAI_CLERK, "slips", slip(kg=1), 409, "slip-already-filed"),
        (
            LI,
            "enterprises",
            {**ENTERPRISES.body, "credit_code": cast.PAIZHAI.credit_code},
            409,
            "credit-code-registered",
        ),
    ]
    told = [(said(await send(who, path, body)), status, code) for who, path, body, status, code in mistakes]

    assert [(found[0], found[1]) for found, _, _ in told] == [(status, code) for _, status, code in told]
    for (_, _, zh, en), _, _ in told:
        assert re.search(r"[\u4e00-\u9fff]{4}", zh), zh
        assert not re.search(r"[\u4e00-\u9fff]", en), en
        # What is wrong, and behind it what to do.
        assert re.search("[；，：、]", zh), zh
        assert re.search("[;:,]", en), en


async def test_a_paper_that_is_no_pdf_is_told_so(by: By) -> None:
    filed = (await by(PAIZHAI_CLERK).post("/v1/contracts", json=contract())).json()
    path = f"/v1/contracts/{filed['id']}/attachments"
    answer = await by(PAIZHAI_CLERK).post(path, params={"name": "合同.pdf"}, content=b"MZ\x90\0 not a paper")
    status, code, zh, en = said(answer)
    assert (status, code) == (422, "attachment-not-readable")
    assert "PDF" in zh
    assert "PDF" in en
