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
