"""The named SQL sentences of a capability."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
READ = re.compile(r"\bsentence\.(\w+)")


def sentences(capability: str) -> dict[str, str]:
    """The sentences of `sql/<capability>.sql` by name: each follows its line `-- name: …` and one comment.

    One that reads `FROM sentence.<name>` has an earlier one of the file there, with the same parameters.
    """
    parts = NAME.split((FOLDER / f"{capability}.sql").read_text(encoding="utf-8"))
    known: dict[str, str] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        known[name] = READ.sub(lambda found: f"{within(known[found[1]], 0)} AS {found[1]}", text.strip())
    return known


def within(sentence: str, before: int) -> str:
    """A sentence as a part of another one, in which so many parameters come before its own."""
    return f"({_behind(sentence, before)})"


def after(first: str, count: int, second: str) -> str:
    """Two sentences as one, with the parameters of the first, so many, and then those of the second.

    Both name a part `before`: the first ends with it, and does there what the second waits for, which begins with it.
    """
    done, _, _ = first.rpartition("\n\nSELECT")
    _, _, rest = _behind(second, count).partition("\n),\n")
    return f"{done},\n{rest}"


def _behind(sentence: str, before: int) -> str:
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + before}", sentence.rstrip("; \n"))
