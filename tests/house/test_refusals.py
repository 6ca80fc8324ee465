"""Every refusal is declared, said in both languages, raised somewhere and seen by a test."""

import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path

import service.domain
from service.domain.refusals import Refusal

ROOT = Path(__file__).parents[2]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").rglob("*.py"))
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
USES = Counter(re.findall(r"\w+", SOURCES))
NAMED = {*re.findall(r"\w+", TESTS)}
TOLD = {*re.findall(r"(?<=[\"'/])[a-z0-9]+(?:-[a-z0-9]+)*\b", TESTS)}


def _refusals() -> list[type[Refusal]]:
    for module in pkgutil.walk_packages(service.domain.__path__, "service.domain."):
        importlib.import_module(module.name)
    found = [Refusal]
    for kind in found:
        found += [child for child in kind.__subclasses__() if child not in found]
    return sorted(found[1:], key=lambda kind: kind.__name__)


REFUSALS = _refusals()


def test_every_refusal_is_said_in_both_languages() -> None:
    assert not [
        kind.__name__
        for kind in REFUSALS
        if not re.search(r"[\u4e00-\u9fff]", kind.title) or kind.title == Refusal.title or not kind().title_en
    ]


def test_every_refusal_is_raised() -> None:
    assert not [kind.__name__ for kind in REFUSALS if USES[kind.__name__] < 2 and not kind.__subclasses__()]


def test_every_refusal_is_tested() -> None:
    assert not [
        kind.__name__
        for kind in REFUSALS
        if kind.__name__ not in NAMED and kind().code not in TOLD and not kind.__subclasses__()
    ]


def test_no_two_refusals_share_a_code() -> None:
    codes = [kind().code for kind in REFUSALS]

    assert len(codes) == len(set(codes))
