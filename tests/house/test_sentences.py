"""Every named sentence is used, says what it locks, and is one that the database understands."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from service.db import Connection, prepare_connection
from service.embedded import Endpoints
from service.store.sentences import FOLDER, HEAD, sentences

ROOT = Path(__file__).parents[2]
CAPABILITIES = sorted(path.stem for path in FOLDER.glob("*.sql"))
SENTENCES = [(capability, name) for capability in CAPABILITIES for name in sentences(capability)]
QUOTED = {
    name
    for path in (ROOT / "service").rglob("*.py")
    for name in re.findall(r"(?<=[\"'])[\w-]+(?=[\"'])", path.read_text(encoding="utf-8"))
}


@pytest.fixture(scope="module")
async def asked(rolled_back: Endpoints) -> AsyncIterator[Connection]:
    """One connection for all sentences: none of them is run."""
    connection = await asyncpg.connect(rolled_back.database_url)
    await prepare_connection(connection)
    yield connection
    await connection.close()


@pytest.mark.parametrize(("capability", "name"), SENTENCES)
async def test_the_database_understands_a_sentence(asked: Connection, capability: str, name: str) -> None:
    await asked.prepare(sentences(capability)[name])


def test_every_sentence_is_used() -> None:
    assert not [
        f"sql/{capability}.sql: {name}"
        for capability, name in SENTENCES
        if name not in QUOTED and f"sentence.{name}" not in (FOLDER / f"{capability}.sql").read_text(encoding="utf-8")
    ]


def test_every_sentence_says_what_it_locks() -> None:
    assert not [
        f"sql/{capability}.sql: {name}"
        for capability, name in SENTENCES
        if not sentences(capability)[name].startswith("-- ")
    ]


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_no_two_sentences_share_a_name(capability: str) -> None:
    names = [name for _, name in HEAD.findall((FOLDER / f"{capability}.sql").read_text(encoding="utf-8"))]

    assert len(names) == len(set(names))
