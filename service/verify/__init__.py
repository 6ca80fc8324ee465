"""The auditor: recomputes every hash, place, balance and overdraw from the entries, by code of its own.

Nothing here may import what it checks (`service.domain`, `service.store`): a shared error would not be found. Here stands what
reads exported files; it needs nothing but Python and `cryptography`. What holds a database against its entries is in `database`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from service.verify.books import PAPERS
from service.verify.files import CHECKPOINTS, compare_notes, read_export, read_keys
from service.verify.findings import Finding, Findings
from service.verify.paperfiles import NOTES_FILE, read_papers

__all__ = ["Finding", "run_export"]

Say = Callable[[str], None]


def run_export(
    folder: Path, public_keys: Mapping[int, bytes] | None = None, say: Say = print, kept: Sequence[str] = ()
) -> list[Finding]:
    """Audit exported files; with the keys that one knows, or else with those that lie beside them.

    Signed notes that were kept from earlier days must be of these logs: they have only grown since.
    """
    findings = Findings()
    if public_keys is None:
        public_keys = read_keys(folder / "keys.json", findings)
    of_papers = [note for note in kept if note.startswith(f"{PAPERS}\n")]
    compare_notes(folder / CHECKPOINTS, [note for note in kept if note not in of_papers], findings)
    compare_notes(folder / NOTES_FILE, of_papers, findings)
    books = read_export(folder, public_keys, findings)
    say(read_papers(folder, public_keys, findings))
    say(books.summary(findings.total))
    return findings.all()
