"""What the container files and the manual say is what the service reads and offers."""

import re
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import Counter, Gauge, Histogram
from typer.main import get_group

from service import metrics
from service.__main__ import PARTS, command
from service.embedded import Endpoints
from service.embedded.postgres import SERVICE_ROLE
from service.settings import Settings

ROOT = Path(__file__).parents[2]
VARIABLES = {str(field.validation_alias or f"MEISU_{name}").upper() for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile"])
def test_a_container_file_sets_only_what_the_service_reads(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert set(re.findall(r"\b((?:MEISU_|DATABASE_URL|REDIS_URL)[A-Z_]*)\s*[:=]", text)) <= VARIABLES


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile"])
def test_a_container_file_runs_commands_that_exist(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    run = set(re.findall(r"\"meisu\",\s*\"([a-z]+)\"|\bmeisu ([a-z]+)\b", text))
    assert {first or second for first, second in run} <= PARTS.keys()


async def test_the_services_role_has_the_same_settings_in_containers_as_over_servers_of_its_own(
    rolled_back: Endpoints, anyio_backend: str
) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    name, file = re.findall(r"^  (\w+):\n    file: (\S+)$", text, re.M)[0]
    [target] = re.findall(rf"source: {name}\n\s+target: /docker-entrypoint-initdb\.d/(\S+)", text)
    [maker] = re.findall(r"target: /docker-entrypoint-initdb\.d/(\S+\.sh)", text)

    assert ROOT / file == SERVICE_ROLE
    assert maker < target, "in the order of their names: first the role, then its settings"
    assert "ALTER ROLE" not in text, "it has no other settings there"
    said = re.findall(r"ALTER ROLE meisu_service SET (\w+) = '?(\w+)'?;", SERVICE_ROLE.read_text(encoding="utf-8"))
    connection = await asyncpg.connect(rolled_back.database_url)
    try:
        set_to = await connection.fetchval("SELECT rolconfig FROM pg_roles WHERE rolname = 'meisu_service'")
    finally:
        await connection.close()
    assert sorted(set_to) == sorted(f"{setting}={value}" for setting, value in said)
    assert {"jit", "plan_cache_mode", "idle_in_transaction_session_timeout"} <= {setting for setting, _ in said}


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_the_manual_explains_each_variable(variable: str) -> None:
    assert f"`{variable}`" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "figure", [found for found in vars(metrics).values() if isinstance(found, Counter | Gauge | Histogram)]
)
def test_the_manual_says_when_to_look_at_each_figure(figure: Counter | Gauge | Histogram) -> None:
    [told] = figure.collect()
    name = f"{told.name}_total" if told.type == "counter" else told.name
    assert f"`{name}`" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PARTS)
def test_the_manual_explains_each_command(name: str) -> None:
    assert f"`meisu {name}" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PARTS)
def test_each_command_is_in_its_part(name: str) -> None:
    assert name in get_group(command([name])).commands


def test_all_commands_have_their_parts() -> None:
    assert get_group(command(["--help"])).commands.keys() == PARTS.keys()
