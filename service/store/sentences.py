"""The named SQL statements of a capability, and how they are joined."""

import re
from pathlib import Path
from textwrap import indent

FOLDER = Path(__file__).parent / "sql"
HEAD = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
HAS = re.compile(r"^( *)part\.(\w+)(,?)$", re.MULTILINE)
READ = re.compile(r"\bsentence\.(\w+)")


def sentences(capability: str) -> dict[str, str]:
    """The statements of `sql/<capability>.sql` by name: each follows its line `-- name: …` and one comment.

    `FROM sentence.<name>` stands for an earlier statement of the file as a subquery, with the same parameters. A line
    `part.<name>` stands for an earlier `-- part: …`: text that several statements share, and that is none of its own.
    """
    texts = HEAD.split((FOLDER / f"{capability}.sql").read_text(encoding="utf-8"))
    shared: dict[str, str] = {}
    known: dict[str, str] = {}
    for kind, name, text in zip(texts[1::3], texts[2::3], texts[3::3], strict=True):
        whole = HAS.sub(lambda found: indent(shared[found[2]], found[1]) + found[3], text.strip())
        if kind == "part":
            shared[name] = whole
        else:
            known[name] = READ.sub(lambda found: f"{within(known[found[1]], 0)} AS {found[1]}", whole)
    return known


def within(sentence: str, before: int) -> str:
    """A statement as a subquery of another one, in which so many parameters come before its own."""
    return f"({_behind(sentence, before)})"


def after(first: str, count: int, second: str) -> str:
    """Two statements as one, with the `count` parameters of the first, and then those of the second.

    Both have a CTE `before`: the first ends with it, the second begins with it. The first's takes the place of the second's, so
    that the second waits for what the first has written.
    """
    done, _, _ = first.rpartition("\n\nSELECT")
    _, _, rest = _behind(second, count).partition("\n),\n")
    return f"{done},\n{rest}"


def _behind(sentence: str, before: int) -> str:
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + before}", sentence.rstrip("; \n"))
