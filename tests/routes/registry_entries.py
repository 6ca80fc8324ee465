"""One good body for each slice of the registry, and an edit of it."""

from dataclasses import dataclass
from typing import Any

from tests.cast import PAIZHAI, PAIZHAI_MINE, PLANT_TWO


@dataclass(frozen=True)
class Slice:
    """A slice of the registry: what is posted, an edit, and what the edit should have changed."""

    name: str
    body: dict[str, Any]
    patch: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/v1/{self.name}"


ENTERPRISES = Slice(
    "enterprises",
    {"credit_code": "91210381MA0000009X", "name": "海城新镁有限公司", "kinds": ["trader"], "jurisdiction": "210381"},
    {"kinds": ["processor", "trader"]},
)
MINES = Slice(
    "mines",
    {
        "enterprise_id": str(PAIZHAI.id),
        "name": "北山矿",
        "jurisdiction": "210381",
        "method": "open",
        "licence": {
            "number": "C2103002020016120104009",
            "scale_kg": 2_110_000_000,
            "valid_from": "2020-01-01",
            "valid_until": "2035-12-31",
        },
        "consolidated": True,
        "environment_ok": True,
        "safety_ok": True,
    },
    {"licence": {"scale_kg": 1_000_000_000}},
)
STATIONS = Slice(
    "stations", {"name": "八号磅", "jurisdiction": "210381", "mine_id": str(PAIZHAI_MINE)}, {"name": "八号磅（新）"}
)
LINES = Slice(
    "lines",
    {
        "enterprise_id": str(PLANT_TWO.id),
        "name": "一号竖窑",
        "kind": "dead_burnt",
        "kiln": "shaft",
        "status": "running",
        "ore_per_product": 2.25,
    },
    {"status": "stopped"},
)
PROJECTS = Slice(
    "projects",
    {
        "name": "东坡生态修复",
        "jurisdiction": "210381",
        "operator_id": str(PAIZHAI.id),
        "approved_kg": 50_000_000,
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "document_no": "海修复〔2026〕1号",
    },
    {"approved_kg": 60_000_000},
)
STOCKS = Slice(
    "stocks",
    {
        "enterprise_id": str(PLANT_TWO.id),
        "grade": "47",
        "kg": 12_000_000,
        "surveyed_on": "2025-12-31",
        "document_no": "海存量〔2026〕3号",
    },
    {"kg": 11_000_000},
)
SLICES = [ENTERPRISES, MINES, STATIONS, LINES, PROJECTS, STOCKS]
