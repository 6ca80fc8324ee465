"""The named SQL sentences of a capability."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def sentences(capability: str) -> dict[str, str]:
    """The sentences of `sql/<capability>.sql` by name: each follows its line `-- name: …` and one comment."""
    parts = NAME.split((FOLDER / f"{capability}.sql").read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
