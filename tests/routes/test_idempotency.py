"""A creating POST that is sent again: one deed, one answer."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from service.db import Database
from service.store import idempotency
from tests.cast import DASHIQIAO, LI, PROVINCE, Person
from tests.sweeping import swept

By = Callable[[Person], httpx.AsyncClient]


def officer(jurisdiction: str = "210381", **changes: str) -> dict[str, Any]:
    person = {"username": "new-one", "password": "a-long-password-1", "name": "新人", "role": "county"}
    return {"json": {**person, "jurisdiction": jurisdiction, **changes}, "headers": {"Idempotency-Key": "one"}}


async def test_while_the_first_runs_the_second_is_asked_to_come_again(app: FastAPI, by: By) -> None:
    database: Database = app.state.database
    async with database.transaction() as running:
        await idempotency.claim(running, [idempotency.Mark(LI.actor.scope, "POST /v1/people", "one")])
        answer = await by(LI).post("/v1/people", **officer())

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-running")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await by(LI).post("/v1/people", **officer())).status_code == 201


async def test_of_many_sent_at_once_one_is_done(by: By) -> None:
    answers = await asyncio.gather(*(by(LI).post("/v1/people", **officer()) for _ in range(8)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency-key-running"}


async def test_two_offices_may_choose_the_same_key(by: By) -> None:
    first = await by(LI).post("/v1/people", **officer())
    second = await by(DASHIQIAO).post("/v1/people", **officer("210882", username="other-one"))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


async def test_a_key_is_of_its_path(by: By) -> None:
    made = await by(LI).post("/v1/people", **officer())
    body = {"credit_code": "91210381MAYANG000K", "name": "新厂", "kinds": ["trader"], "jurisdiction": "210381"}
    answer = await by(LI).post("/v1/enterprises", json=body, headers={"Idempotency-Key": "one"})

    assert (made.status_code, answer.status_code, answer.json()["name"]) == (201, 201, "新厂")


async def test_a_key_is_kept_for_thirty_days(app: FastAPI, by: By) -> None:
    made = await by(LI).post("/v1/people", **officer())
    begin: datetime = app.state.clock.now()
    answers = []
    for days in (29, 31):
        app.state.clock.stop_at(begin + timedelta(days=days))
        await swept(app, begin + timedelta(days=days))
        answers.append(await by(LI).post("/v1/people", **officer()))

    assert (answers[0].json(), answers[0].headers["Idempotent-Replayed"]) == (made.json(), "true")
    assert (answers[1].status_code, answers[1].json()["code"]) == (409, "username-taken")


async def test_what_was_refused_is_not_kept(by: By) -> None:
    refused = await by(PROVINCE).post("/v1/people", **officer("210300"))
    assert refused.status_code == 409

    assert (await by(PROVINCE).post("/v1/people", **officer())).status_code == 201


async def test_a_key_has_a_length(by: By) -> None:
    for key in ("", "x" * 201):
        asked = officer() | {"headers": {"Idempotency-Key": key}}
        assert (await by(LI).post("/v1/people", **asked)).status_code == 422
