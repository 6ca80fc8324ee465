"""Allotting in tests: from the province down to Paizhai Mine."""

from typing import Any

import httpx

from tests.cast import ANSHAN, LI, PAIZHAI_MINE, PROVINCE
from tests.routes.by import By

SCALE = 2_110_000_000
TENTH = 211_000_000
MINE = {"mine_id": str(PAIZHAI_MINE)}


def allotment(kind: str, source: str | None, to: dict[str, str], kg: int, **more: Any) -> dict[str, Any]:
    """The body of an allotment for 2026."""
    return {
        "year": 2026,
        "quarter": None,
        "kind": kind,
        "from": source,
        "to": to,
        "kg": kg,
        "document_no": f"鞍镁办〔2026〕{kind}",
        "issued_on": "2026-01-05",
        **more,
    }


def base(kg: int = TENTH, quarter: int = 1, **more: Any) -> dict[str, Any]:
    """A base tranche of Paizhai Mine."""
    return allotment("base", "210381", MINE, kg, quarter=quarter, **more)


async def allot(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    """Issue an allotment at once; it must work."""
    answer = await client.post("/v1/allotments", json={**body, "issue": True})
    assert answer.status_code == 201, answer.text
    issued: dict[str, Any] = answer.json()
    return issued


async def fill_pools(by: By, kg: int = 900_000_000) -> None:
    """Kilograms from the province's act to the pool of Haicheng."""
    await allot(by(PROVINCE), allotment("total", None, {"jurisdiction": "210000"}, kg))
    await allot(by(PROVINCE), allotment("total", "210000", {"jurisdiction": "210300"}, kg))
    await allot(by(ANSHAN), allotment("total", "210300", {"jurisdiction": "210381"}, kg))


async def step(client: httpx.AsyncClient, allotment_id: str, name: str, on: str = "2026-01-06") -> httpx.Response:
    """Take a step."""
    return await client.post(f"/v1/allotments/{allotment_id}/steps", json={"step": name, "on": on})


async def approve(by: By, body: dict[str, Any]) -> str:
    """Have the city approve what the county proposes; gives the approval's id."""
    drafted = await by(LI).post("/v1/allotments", json=body)
    assert drafted.status_code == 201, drafted.text
    approval: str = drafted.json()["id"]
    for name in ("consult", "approve"):
        answer = await step(by(ANSHAN), approval, name)
        assert answer.status_code == 200, answer.text
    return approval
