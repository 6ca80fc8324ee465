"""Which tests stand for which rule: `python -m tests.rules` prints the table, and fails where a rule has none.

A test names its rules in its own name (`test_r22c_…`, `test_e45_…`) or in its docstring (`W06`, `E7`); a parametrised
test may name them in its ids.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent


def _numbers(letter: str, last: int, width: int) -> list[str]:
    return [f"{letter}{number:0{width}}" for number in range(1, last + 1)]


NOTICE = ["R22c", "R22d", *_numbers("R", 27, 2)]
RULES = (*sorted(NOTICE), *_numbers("W", 12, 2), *_numbers("P", 2, 2), *_numbers("O", 4, 2), *_numbers("E", 58, 1))
NAMED = re.compile(r"(?<![A-Za-z0-9])([RWPO]\d\d[a-d]?|E[1-9]\d?)(?![A-Za-z0-9])", re.IGNORECASE)


def tests_of_rules() -> dict[str, list[str]]:
    """Every rule with the tests that name it, as pytest would be asked for them."""
    known = {rule.lower(): rule for rule in RULES}
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for name, text in _tests_in(path):
            for rule in {known[said] for number in NAMED.findall(text) if (said := number.lower()) in known}:
                found[rule].append(f"{path.relative_to(TESTS.parent)}::{name}")
    return {rule: found[rule] for rule in RULES}


def _tests_in(path: Path) -> Iterator[tuple[str, str]]:
    """The tests of a file, each with the words that may name rules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            ids = [
                part.value
                for decorator in node.decorator_list
                for part in ast.walk(decorator)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            yield node.name, " ".join([node.name.replace("_", " "), ast.get_docstring(node) or "", *ids])


def main() -> None:
    """Print the table; exit 1 when a rule has no test."""
    found = tests_of_rules()
    for rule, tests in found.items():
        print(f"{rule:5}{len(tests):4}  {tests[0] if tests else '— none —'}")
        for test in tests[1:]:
            print(f"{'':11}{test}")
    if missing := [rule for rule, tests in found.items() if not tests]:
        sys.exit(f"no test names {', '.join(missing)}")


if __name__ == "__main__":
    main()
