"""What the container files and the manual say is what the service reads and offers."""

import re
from pathlib import Path

import pytest

from service.__main__ import app
from service.settings import Settings

ROOT = Path(__file__).parents[2]
VARIABLES = {str(field.validation_alias or f"MEISU_{name}").upper() for name, field in Settings.model_fields.items()}
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile"])
def test_a_container_file_sets_only_what_the_service_reads(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert set(re.findall(r"\b((?:MEISU_|DATABASE_URL|REDIS_URL)[A-Z_]*)\s*[:=]", text)) <= VARIABLES


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile"])
def test_a_container_file_runs_commands_that_exist(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    run = set(re.findall(r"\"meisu\",\s*\"([a-z]+)\"|\bmeisu ([a-z]+)\b", text))
    assert {first or second for first, second in run} <= COMMANDS


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_the_manual_explains_each_variable(variable: str) -> None:
    assert f"`{variable}`" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_manual_explains_each_command(command: str) -> None:
    assert f"`meisu {command}" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")
