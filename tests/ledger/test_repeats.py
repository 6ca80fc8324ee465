"""Records told again in one request and in several at once, through the doors and the batcher: each counts once (E7, W04)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import cast, yard

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]
Told = tuple[int, bool]

plates = count(10_000)
# Which of a few records each request tells, and whether with another weight under the same id.
requests = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4).map(lambda drawn: drawn == 0)), min_size=1, max_size=8),
    min_size=1,
    max_size=6,
)


@given(told=requests)
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
async def test_e7_w04_a_record_counts_once_however_requests_repeat_it(
    app: FastAPI, by: By, told: list[list[Told]]
) -> None:
    now: datetime = app.state.clock.now()
    device = by(cast.BRIDGE_7_DEVICE)
    books = [yard.record(None, "out", 20_000 + 100 * n, now, plate=f"辽C{next(plates)}") for n in range(5)]
    bodies = {(n, False): book for n, book in enumerate(books)}
    bodies |= {(n, True): {**book, "gross_kg": book["gross_kg"] + 10} for n, book in enumerate(books)}

    async def tell(request: list[Told]) -> list[tuple[Told, dict[str, Any]]]:
        answer = await device.post("/v1/weighings", json={"records": [bodies[each] for each in request]})
        return list(zip(request, answer.json()["results"], strict=True))

    async def standing() -> tuple[int, int]:
        async with app.state.database.transaction(readonly=True) as connection:
            legs: int = await connection.fetchval("SELECT count(*) FROM leg")
            weighings: int = await connection.fetchval("SELECT count(*) FROM weighing")
        return legs, weighings

    before = await standing()
    at_once = [pair for answered in await asyncio.gather(*map(tell, told)) for pair in answered]
    after = await standing()
    again = [pair for request in told for pair in await tell(request)]

    numbers = {n for n, _ in bodies if any(n == each for request in told for each, _ in request)}
    assert after == (before[0] + len(numbers), before[1] + len(numbers))
    assert await standing() == after, "told again, nothing is new"
    for n in numbers:
        answers = [(each, answer) for each, answer in at_once if each[0] == n]
        [(won, first)] = [(each, answer) for each, answer in answers if answer["status"] == "accepted"]
        for each, answer in [*answers, *(pair for pair in again if pair[0][0] == n)]:
            if each != won:
                assert (answer["status"], answer["problem"]["code"]) == ("refused", "id-reused")
            elif answer is not first:
                assert answer["status"] == "duplicate"
                assert answer["movement_ids"] == first["movement_ids"]
                assert answer["flags"] == first["flags"]
