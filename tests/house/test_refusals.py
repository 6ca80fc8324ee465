"""Every refusal is declared, said in both languages, raised somewhere and seen by a test."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import service.domain
from service.domain.refusals import Refusal

ROOT = Path(__file__).parents[2]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").rglob("*.py"))
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))


def _refusals() -> list[type[Refusal]]:
    for module in pkgutil.walk_packages(service.domain.__path__, "service.domain."):
        importlib.import_module(module.name)
    found = [Refusal]
    for kind in found:
        found += [child for child in kind.__subclasses__() if child not in found]
    return sorted(found[1:], key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", _refusals(), ids=lambda kind: kind.__name__)
def test_a_refusal_is_said_in_both_languages(kind: type[Refusal]) -> None:
    assert re.search(r"[\u4e00-\u9fff]", kind.title)
    assert kind.title != Refusal.title
    assert kind().title_en


@pytest.mark.parametrize("kind", _refusals(), ids=lambda kind: kind.__name__)
def test_a_refusal_is_raised(kind: type[Refusal]) -> None:
    uses = re.findall(rf"\b{kind.__name__}\b", SOURCES)

    assert len(uses) > 1 or kind.__subclasses__(), "declared and never raised"


@pytest.mark.parametrize("kind", _refusals(), ids=lambda kind: kind.__name__)
def test_a_refusal_is_tested(kind: type[Refusal]) -> None:
    assert re.search(rf"\b{kind.__name__}\b|[\"'/]{kind().code}\b", TESTS) or kind.__subclasses__()


def test_no_two_refusals_share_a_code() -> None:
    codes = [kind().code for kind in _refusals()]

    assert len(codes) == len(set(codes))
