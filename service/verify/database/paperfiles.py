"""The log of papers written into the three files that an auditor elsewhere reads."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from service.verify.database.entered import decisions_as_they_stand
from service.verify.database.sealed import CHECKPOINTS, ENTRIES, paper_checkpoint, paper_entry
from service.verify.files import line_of, note_line
from service.verify.paperfiles import DECISIONS_FILE, NOTES_FILE, PAPERS_FILE, written_entry

# A text that an entry no longer binds is another entry's, or none's.
TEXTS = f"""
SELECT
    entry.seq, entry.kind, entry.subject_id, entry.is_older, entry.entered_at, entry.fact, entry.leaf,
    coalesce(entry.text, said.text) AS text
FROM ({ENTRIES}) AS entry
LEFT JOIN said
    ON said.kind = entry.kind AND said.id = entry.subject_id AND sha256(convert_to(said.text, 'UTF8')) = entry.fact
ORDER BY entry.seq
"""  # noqa: S608 - our own words


async def write_papers(
    connection: asyncpg.Connection, public_keys: Mapping[int, bytes], folder: Path, *, with_texts: bool
) -> None:
    """Write the three files into a folder."""
    with (folder / PAPERS_FILE).open("w", encoding="utf-8") as file:
        async for row in connection.cursor(TEXTS if with_texts else ENTRIES, prefetch=5_000):
            file.write(line_of(written_entry(paper_entry(row), row["text"])))
    with (folder / NOTES_FILE).open("w", encoding="utf-8") as file:
        async for row in connection.cursor(CHECKPOINTS, prefetch=5_000):
            file.write(note_line(paper_checkpoint(row), public_keys))
    with (folder / DECISIONS_FILE).open("w", encoding="utf-8") as file:
        async for text in decisions_as_they_stand(connection):
            file.write(line_of({"text": text}))
