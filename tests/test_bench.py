"""The bench's arithmetic and what it prints; how fast anything is, it says elsewhere."""

import json
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from service import bench
from service.__main__ import command
from service.actions.sweeps import sweep
from service.bench import province, rows
from service.bench.clients import Request, with_room
from service.bench.machine import stolen_time_told
from service.bench.rows import Row
from service.bench.trade import Trade
from service.db import Connection
from service.domain.policies import DEFAULTS
from service.domain.provenance import Ending
from service.embedded import Endpoints
from service.routes.records import RecordIn
from service.store.provenance import trace_back
from service.verify.database import verify
from tests.ledger.books import KEY
from tests.sweeping import lead

pytestmark = pytest.mark.anyio


def test_a_rate_is_good_when_it_is_high_enough() -> None:
    assert rows.at_least("a", 250, "legs/s", 100, 2.5) == Row("a", 250, "legs/s", 100, 2.5, 2.5, True)
    assert not rows.at_least("a", 249, "legs/s", 100, 2.5).ok


def test_a_time_is_good_when_it_is_low_enough() -> None:
    assert rows.at_most("a", 5, "ms", 0.5, 10).ok
    assert not rows.at_most("a", 51, "ms", 50).ok


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1, 100), (0, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert rows.percentile(range(100, 0, -1), share) == value


async def test_what_is_compared_is_measured_in_turn() -> None:
    asked: list[str] = []

    def measure(name: str, values: list[float]) -> rows.Measure:
        async def take() -> float:
            asked.append(name)
            return values.pop()

        return take

    assert await rows.alternate(3, measure("a", [1, 9, 2]), measure("b", [4, 5, 6])) == [2, 5]
    assert asked == ["a", "b", "b", "a", "a", "b"]


@pytest.mark.parametrize(
    ("number", "text"), [(0.123456, "0.123"), (9.876, "9.88"), (41.26, "41.3"), (98765.4, "98,765"), (0, "0")]
)
def test_three_digits_are_shown(number: float, text: str) -> None:
    assert rows.short(number) == text


@pytest.mark.parametrize("is_good", [True, False])
def test_the_command_prints_json_and_ends_with_the_verdict(monkeypatch: pytest.MonkeyPatch, is_good: bool) -> None:
    row = Row("a", 2.0, "legs/s", 1.0, 2.0, 1.5, is_good)
    monkeypatch.setattr(bench, "run", lambda **_: [row])

    said = CliRunner().invoke(command(["bench"]), ["bench", "--quick", "--json"])

    assert said.exit_code == (0 if is_good else 1)
    assert json.loads(said.stdout) == {
        "rows": [
            {"name": "a", "value": 2.0, "unit": "legs/s", "reference": 1.0, "ratio": 2.0, "goal": 1.5, "ok": is_good}
        ]
    }


def test_a_run_whose_client_had_no_room_reaches_no_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def group() -> list[Row]:
        with with_room():
            return []

    monkeypatch.setattr("service.bench.clients.MOST_OF_A_CORE", -1)
    monkeypatch.setattr(bench, "GROUPS", {"weighing": (group, 0)})

    said = CliRunner().invoke(command(["bench"]), ["bench", "--quick", "--json"])

    assert said.exit_code == 1
    assert [(row["name"].partition(":")[0], row["ok"]) for row in json.loads(said.stdout)["rows"]] == [
        ("weighing", False)
    ]


def test_what_the_host_took_meanwhile_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 50 800 10 0 10 30 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    with stolen_time_told(said.append, stat):
        stat.write_text("cpu  150 0 60 820 10 0 10 50 9 0\n")
    with stolen_time_told(said.append, tmp_path / "none"):
        pass

    assert said == ["the host took 20.0% of the cores' time meanwhile"]


def test_the_table_has_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    rows.show([rows.at_least("a", 3, "legs/s", 1, 2.5), rows.at_most("b", 3, "ms", 1, 2.5)])

    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]] == ["ok", "short"]


def test_a_request_says_how_long_it_is() -> None:
    head, _, body = Request("abc", '{"plate":"辽"}'.encode()).over("/v1/weighings").partition(b"\r\n\r\n")

    assert b"Authorization: Bearer abc" in head
    assert f"Content-Length: {len(body)}".encode() in head


async def test_the_loads_of_the_bench_are_ones_that_a_station_sends(connection: Connection) -> None:
    found = await province.found(connection, connection, mines=2, scales=3, sign=KEY)
    await found.plan(connection, 7)
    loads = found.take(7)

    assert [scale for scale, _ in loads[:3]] == found.scales
    assert [record.sequence for _, record in loads] == [1, 1, 1, 2, 2, 2, 3]
    for _, record in loads:
        assert RecordIn.model_validate_json(json.dumps(province.body_of(record))).record() == record


async def test_the_sweeper_can_read_the_registry_of_the_bench(connection: Connection) -> None:
    await lead(connection)
    await province.found(connection, connection, mines=2, scales=3, sign=KEY)

    assert await sweep(connection, DEFAULTS, at=datetime.now(UTC))


async def test_the_book_that_was_filled_by_copy_is_the_engines(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.bench.trade.CHUNK", 400)
    owner, connection = [await asyncpg.connect(url) for url in (endpoints.owner_database_url, endpoints.database_url)]
    try:
        trade = Trade(KEY)
        await trade.open(connection)
        await trade.fill(owner, connection, 1_000)

        assert await verify(connection, {KEY.key_id: KEY.private.public_key().public_bytes_raw()}) == []
        async with connection.transaction():
            for place in trade.delivered[:20]:
                found = await trace_back(connection, place.account, place.lo, place.hi)
                assert {part.ending for part in found} == {Ending.TRANCHE}
    finally:
        await owner.close()
        await connection.close()
