"""Every named sentence is used, says what it locks, and is one that the database understands."""

import re
from pathlib import Path

import pytest

from service.db import Connection
from service.store.sentences import FOLDER, HEAD, sentences

ROOT = Path(__file__).parents[2]
CAPABILITIES = sorted(path.stem for path in FOLDER.glob("*.sql"))
SENTENCES = [(capability, name) for capability in CAPABILITIES for name in sentences(capability)]
STORE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").rglob("*.py"))


@pytest.mark.parametrize(("capability", "name"), SENTENCES)
async def test_the_database_understands_a_sentence(connection: Connection, capability: str, name: str) -> None:
    await connection.prepare(sentences(capability)[name])


@pytest.mark.parametrize(("capability", "name"), SENTENCES)
def test_a_sentence_is_used(capability: str, name: str) -> None:
    is_asked = re.search(rf"[\"']{name}[\"']", STORE)
    is_read = f"sentence.{name}" in (FOLDER / f"{capability}.sql").read_text(encoding="utf-8")
    assert is_asked or is_read, f"sql/{capability}.sql: {name} is used nowhere"


@pytest.mark.parametrize(("capability", "name"), SENTENCES)
def test_a_sentence_says_what_it_locks(capability: str, name: str) -> None:
    assert sentences(capability)[name].startswith("-- ")


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_no_two_sentences_share_a_name(capability: str) -> None:
    names = [name for _, name in HEAD.findall((FOLDER / f"{capability}.sql").read_text(encoding="utf-8"))]

    assert len(names) == len(set(names))
