"""The log's doors: an outsider with a movement's id and two checkpoints can check the book with nothing but hashes."""

from base64 import b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI

from service.domain import evidence
from service.domain.changes import Void
from service.domain.evidence import HoleEntry, LegEntry
from service.domain.ledger import AccountKey, AccountKind
from service.keys import Purpose
from service.store import ledger
from service.store.accounts import open_accounts
from tests.cast import (
    ANSHAN,
    AUDITOR,
    BRIDGE_7_DEVICE,
    LI,
    PAIZHAI_CLERK,
    PAIZHAI_MINE,
    PLANT_CLERK,
    PLANT_TWO,
    PROVINCE,
    STRANGER_CLERK,
    STRANGER_DEVICE,
    TRADER_CLERK,
    YINGKOU,
    Person,
)
from tests.ledger.books import MORNING, movement
from tests.witness import includes, is_consistent, read_note

By = Callable[[Person], httpx.AsyncClient]

QUOTA = AccountKey(AccountKind.QUOTA, owner_id=PAIZHAI_MINE, year=2026)
LOT = AccountKey(AccountKind.LOT, owner_id=PLANT_TWO.id, grade="1", year=2026)
POOL = AccountKey(AccountKind.POOL, jurisdiction="210381", year=2026)


async def post(app: FastAPI, movements: int, *, first: int = 1) -> None:
    """So many movements, an act each: the mine's quota first, then from the mine to the plant."""
    sign = app.state.keys.current(Purpose.LEDGER)
    async with app.state.database.transaction() as connection:
        at = await open_accounts(connection, [POOL, QUOTA, LOT])
        batch = [movement(first, at[POOL], at[QUOTA], 100_000)]
        batch += [movement(number, at[QUOTA], at[LOT], 3) for number in range(first + 1, first + movements)]
        await ledger.append(connection, batch, at=MORNING + timedelta(seconds=first), sign=sign)


def entry(answer: dict[str, Any]) -> LegEntry | HoleEntry:
    """An entry put together again from nothing but the answer."""
    facts = dict(answer["fields"])
    for name, value in facts.items():
        if name.endswith("_mark") or name == "fact":
            facts[name] = bytes.fromhex(value)
    facts["movement"] = UUID(facts["movement"])
    facts["occurred_at"] = datetime.fromisoformat(facts["occurred_at"])
    return LegEntry(**facts) if answer["kind"] == "leg" else HoleEntry(**facts)


def hashes(texts: list[str]) -> list[bytes]:
    return [b64decode(text) for text in texts]


async def test_a_checkpoint_is_signed_by_the_key_it_names(app: FastAPI, by: By) -> None:
    assert (await by(LI).get("/v1/log/checkpoint")).status_code == 404
    await post(app, 5)

    answer = await by(LI).get("/v1/log/checkpoint")

    assert answer.status_code == 200, answer.text
    note = read_note(answer.json()["note"])
    public = b64decode(answer.json()["key"].split("+", 2)[2])[1:]
    Ed25519PublicKey.from_public_bytes(public).verify(note.signature, note.body)
    assert (note.size, note.root, note.key_hash) == (5, b64decode(answer.json()["root"]), evidence.key_hash(public))
    assert (await by(LI).get("/v1/log/checkpoint?size=5")).json() == answer.json()
    assert (await by(LI).get("/v1/log/checkpoint?size=4")).status_code == 404
    assert (await by(LI).get("/v1/log/checkpoint?size=0")).status_code == 422


async def test_a_movement_is_proven_by_what_the_answer_says_alone(app: FastAPI, by: By) -> None:
    await post(app, 700)
    await post(app, 3, first=1000)
    for number in (1, 256, 257, 600, 700, 1002):
        answer = (await by(LI).get(f"/v1/log/proof?movement_id={UUID(int=number)}")).json()

        note = read_note(answer["checkpoint"]["note"])
        (proven,) = answer["entries"]
        assert entry(proven).leaf == b64decode(proven["leaf"])
        path = hashes(proven["path"])
        assert includes(b64decode(proven["leaf"]), proven["index"], note.size, path, note.root)
        assert proven["fields"]["movement"] == str(UUID(int=number))


async def test_what_took_a_movement_back_is_proven_with_it(app: FastAPI, by: By) -> None:
    await post(app, 5)
    async with app.state.database.transaction() as connection:
        sign = app.state.keys.current(Purpose.LEDGER)
        await ledger.revise(connection, [Void([UUID(int=3)], MORNING, bytes(32))], at=MORNING, sign=sign)

    answer = (await by(LI).get(f"/v1/log/proof?movement_id={UUID(int=3)}")).json()

    root = read_note(answer["checkpoint"]["note"]).root
    assert [(each["kind"], each["index"]) for each in answer["entries"]] == [("leg", 2), ("hole", 5), ("hole", 6)]
    for each in answer["entries"]:
        assert includes(entry(each).leaf, each["index"], 7, hashes(each["path"]), root)


async def test_the_log_has_only_grown(app: FastAPI, by: By) -> None:
    await post(app, 300)
    then = (await by(LI).get("/v1/log/checkpoint")).json()
    await post(app, 777, first=1000)
    now = (await by(LI).get("/v1/log/checkpoint")).json()

    answer = (await by(LI).get(f"/v1/log/consistency?from={then['size']}")).json()

    assert (answer["first"], answer["second"]) == (300, 1077)
    assert (answer["first_root"], answer["second_root"]) == (then["root"], now["root"])
    path = hashes(answer["path"])
    assert is_consistent(300, b64decode(then["root"]), 1077, b64decode(now["root"]), path)
    assert len(path) <= 12
    between = (await by(LI).get("/v1/log/consistency?from=256&to=512")).json()
    roots = hashes([between["first_root"], between["second_root"]])
    assert is_consistent(256, roots[0], 512, roots[1], hashes(between["path"]))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=1&to=9", 404),
        ("from=4&to=3", 404),
        ("from=0", 422),
        ("from=1&to=x", 422),
        ("", 422),
        (f"from={2**80}", 422),
    ],
)
async def test_the_log_proves_nothing_of_what_it_has_not(app: FastAPI, by: By, query: str, status: int) -> None:
    await post(app, 5)

    assert (await by(LI).get(f"/v1/log/consistency?{query}")).status_code == status


async def test_only_those_whose_business_it_is_see_a_movement(app: FastAPI, by: By) -> None:
    await post(app, 2)
    for person, status in {
        PROVINCE: 200,
        AUDITOR: 200,
        ANSHAN: 200,
        LI: 200,
        PAIZHAI_CLERK: 200,
        PLANT_CLERK: 200,
        YINGKOU: 404,
        TRADER_CLERK: 404,
        STRANGER_CLERK: 404,
        BRIDGE_7_DEVICE: 404,
        STRANGER_DEVICE: 404,
    }.items():
        answer = await by(person).get(f"/v1/log/proof?movement_id={UUID(int=2)}")
        assert answer.status_code == status, person
    assert (await by(LI).get(f"/v1/log/proof?movement_id={UUID(int=99)}")).status_code == 404
    assert (await by(LI).get("/v1/log/proof?movement_id=nothing")).status_code == 422


async def test_nobody_reads_the_log_without_signing_in(client: httpx.AsyncClient) -> None:
    for path in ("checkpoint", f"proof?movement_id={UUID(int=1)}", "consistency?from=1"):
        assert (await client.get(f"/v1/log/{path}")).status_code == 401
