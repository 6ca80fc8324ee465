"""What was filed and issued is proved to be in the log of papers, to whoever may know of it."""

import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from service.domain.papers import PaperEntry, PaperKind
from service.keys import Purpose
from service.store import papers
from tests import cast, yard
from tests.cast import LI, PAIZHAI_CLERK, PLANT_CLERK
from tests.routes.filing import ON_DAY_1, at, contract, refused, slip
from tests.witness import includes, is_consistent

pytestmark = pytest.mark.anyio
By = Callable[[cast.Person], httpx.AsyncClient]


@pytest.fixture
def begins_at() -> str:
    return ON_DAY_1


async def sealed(app: FastAPI) -> None:
    sign = app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.transaction() as connection:
        await papers.seal(connection, 1_000, at=app.state.clock.now(), sign=sign)


def told(proof: dict[str, Any]) -> list[tuple[str, bool]]:
    """The kinds of entries that a proof is right about, and whether each says its text."""
    checkpoint = proof["checkpoint"]
    for entry in proof["entries"]:
        fact, leaf = bytes.fromhex(entry["fact"]), b64decode(entry["leaf"])
        path = [b64decode(step) for step in entry["path"]]
        when = datetime.fromisoformat(entry["entered_at"])
        bound = PaperEntry(
            entry["index"] + 1, PaperKind(entry["kind"]), UUID(entry["subject_id"]), entry["is_older"], when, fact
        )
        assert bound.leaf == leaf
        assert includes(leaf, entry["index"], checkpoint["size"], path, b64decode(checkpoint["root"]))
        assert entry["text"] is None or hashlib.sha256(entry["text"].encode()).digest() == fact
    return sorted((entry["kind"], entry["text"] is not None) for entry in proof["entries"])


async def test_what_was_filed_and_issued_is_in_the_log_of_papers(app: FastAPI, by: By) -> None:
    """B5: each with its path to a signed root, and its text for those whose own it is."""
    now = at(app, ON_DAY_1)
    for clerk in (PAIZHAI_CLERK, PLANT_CLERK):
        filed = (await by(clerk).post("/v1/contracts", json=contract())).json()
    asked = yard.ticket_in(UUID(filed["id"]), now, grade="一级品")
    ticket = (await by(PAIZHAI_CLERK).post("/v1/tickets", json=asked)).json()
    handed = (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip())).json()
    await sealed(app)
    longer = {"valid_until": "2026-03-06T09:00:00+08:00", "reason": "修路"}
    assert (await by(PAIZHAI_CLERK).post(f"/v1/tickets/{ticket['id']}/extend", json=longer)).is_success
    await sealed(app)

    async def proof(who: cast.Person, path: str) -> list[tuple[str, bool]]:
        return told((await by(who).get(f"/v1/{path}/proof")).json())

    mine = ("filing", True)
    assert await proof(LI, f"contracts/{filed['id']}") == [("contract", True), mine, mine]
    assert await proof(PLANT_CLERK, f"contracts/{filed['id']}") == [("contract", True), ("filing", False), mine]
    assert await proof(PAIZHAI_CLERK, f"tickets/{ticket['id']}") == [
        ("ticket", False),
        ("ticket", True),
        ("ticket_act", True),
    ]
    assert await proof(PLANT_CLERK, f"tickets/{ticket['id']}") == [
        ("ticket", False),
        ("ticket", False),
        ("ticket_act", False),
    ]
    assert await proof(PAIZHAI_CLERK, f"slips/{handed['id']}") == [("slip", True)]
    for path in (f"contracts/{filed['id']}", f"tickets/{ticket['id']}", f"slips/{handed['id']}"):
        assert refused(await by(cast.STRANGER_CLERK).get(f"/v1/{path}/proof"), 404, "not-found")
    note = (await by(LI).get(f"/v1/slips/{handed['id']}/proof")).json()["checkpoint"]["note"]
    assert note.startswith("meisu/papers\n")


async def file_before_any_is_sealed(app: FastAPI, by: By, numbers: Iterable[int]) -> None:
    async with app.state.database.transaction() as held:
        await held.execute("SELECT FROM paper_head FOR UPDATE")
        for number in numbers:
            assert (await by(PAIZHAI_CLERK).post("/v1/slips", json=slip(number=f"JJ-{number}"))).status_code == 201


async def test_b5_the_log_of_papers_has_only_grown(app: FastAPI, by: By) -> None:
    """Of any two sizes the one is proved to be the beginning of the other; of an old root that was written anew it is not."""
    at(app, ON_DAY_1)
    assert refused(await by(LI).get("/v1/log/papers/checkpoint"), 404, "not-found")
    await file_before_any_is_sealed(app, by, range(3))
    await sealed(app)
    then = (await by(LI).get("/v1/log/papers/checkpoint")).json()
    await file_before_any_is_sealed(app, by, range(3, 8))
    await sealed(app)
    now = (await by(LI).get("/v1/log/papers/checkpoint")).json()

    grown = (await by(PLANT_CLERK).get("/v1/log/papers/consistency?from=3")).json()

    path = [b64decode(step) for step in grown["path"]]
    assert (grown["first"], grown["first_root"]) == (3, then["root"])
    assert (grown["second"], grown["second_root"]) == (8, now["root"])
    assert is_consistent(3, b64decode(then["root"]), 8, b64decode(now["root"]), path)
    rewritten = hashlib.sha256(b64decode(then["root"])).digest()
    assert not is_consistent(3, rewritten, 8, b64decode(now["root"]), path)
    assert (await by(LI).get("/v1/log/papers/checkpoint?size=3")).json() == then
    assert then["note"].startswith("meisu/papers\n3\n")
    keys = (await by(LI).get("/v1/log/keys")).json()["items"]
    assert then["key"] in [key["key"] for key in keys if key["signs"] == "papers"]
    for query in ("from=3&to=9", "from=4&to=3"):
        assert refused(await by(LI).get(f"/v1/log/papers/consistency?{query}"), 404, "not-found")
    assert refused(await by(LI).get("/v1/log/papers/checkpoint?size=2"), 404, "not-found")
