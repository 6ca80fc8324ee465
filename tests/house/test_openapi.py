"""The API's description is a file under review: a change of what clients see is a change of that file."""

from pathlib import Path

import orjson
import pytest
from fastapi import FastAPI

SNAPSHOT = Path(__file__).parent / "openapi.json"


def test_the_api_is_what_the_snapshot_says(app: FastAPI, request: pytest.FixtureRequest) -> None:
    written = orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    if request.config.getoption("--accept-openapi"):
        SNAPSHOT.write_bytes(written)

    assert SNAPSHOT.read_bytes() == written, "pytest tests/house --accept-openapi writes the file anew"


def test_every_list_of_pages_goes_on_where_one_stopped() -> None:
    """What clients were promised of lists: 50 entries, at most 500, and a place to go on from."""
    for path, doors in orjson.loads(SNAPSHOT.read_bytes())["paths"].items():
        asked = {
            one["name"]: one["schema"] for one in doors.get("get", {}).get("parameters", ()) if one["in"] == "query"
        }
        if asked.get("limit", {}).get("maximum") == 500:
            assert "after" in asked, path
            assert (asked["limit"]["minimum"], asked["limit"]["default"]) == (1, 50), path
