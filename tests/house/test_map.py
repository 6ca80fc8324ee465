"""The README's map is the files; words that the house does not use are not there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ALLOWED_AT_THE_TOP = {
    ".ci", ".gitignore", ".squawk.toml", "CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
    "docker-compose.yml", "docs", "load", "migrations", "pyproject.toml", "requirements.lock", "service", "tests",
}  # fmt: skip


def _files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_nothing_else_lies_at_the_top() -> None:
    assert {file.split("/")[0] for file in _files()} <= ALLOWED_AT_THE_TOP


def test_the_readme_maps_every_room_of_the_service() -> None:
    rooms = {file.split("/")[1] for file in _files() if file.startswith("service/") and file != "service/__init__.py"}

    assert not {room for room in rooms if not re.search(rf"\b{room}[/ ]", README)}


def test_the_readme_maps_every_file_of_the_domain() -> None:
    domain = {
        file.split("/")[2].removesuffix(".py")
        for file in _files()
        if file.startswith("service/domain/") and not file.endswith("__init__.py")
    }

    assert not {name for name in domain if f"`{name}`" not in README}


def test_no_file_is_a_drawer_for_anything() -> None:
    assert not [file for file in _files() if re.search(r"\b(utils?|helpers?|common|misc)\b", file)]


def _documents() -> Iterator[tuple[Path, str]]:
    for file in _files():
        if file.endswith(".md") and "vendor" not in file:
            yield ROOT / file, (ROOT / file).read_text(encoding="utf-8")


def test_every_link_of_a_document_leads_somewhere() -> None:
    links = [(path, link) for path, text in _documents() for link in re.findall(r"\]\((?!http)([^)#]+)", text)]

    assert not [(path, link) for path, link in links if not (path.parent / link).exists()]


def test_what_documents_name_is_there() -> None:
    """Files, tests and targets of make."""
    files = [f"/{file}" for file in _files()]
    tests = {name for file in _files() if file.startswith("tests/") and file.endswith(".py") for name in _tests(file)}
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    missing = []
    for path, text in _documents():
        for name in re.findall(r"(?:`|\*\*)([^`*\n]+)(?:`|\*\*)", text):
            if re.fullmatch(r"[\w/.-]+\.(py|sql|html|js|md)", name):
                is_there = any(file.endswith(f"/{name}") for file in files)
            elif re.fullmatch(r"test_\w+", name):
                is_there = name in tests
            elif name.startswith("make "):
                is_there = name.split()[1] in targets
            else:
                continue
            if not is_there:
                missing.append((path.name, name))
    assert not missing


def _tests(file: str) -> list[str]:
    return re.findall(r"^(?:async )?def (test_\w+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
