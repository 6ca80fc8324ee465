"""`python -m service.verify FOLDER [NOTE…]`: audits an export, without a database; notes are files with checkpoints kept since."""

import sys
from pathlib import Path

from service.verify import run_export

folder, *notes = map(Path, sys.argv[1:])
found = run_export(folder, kept=[note.read_text(encoding="utf-8") for note in notes])
for finding in found:
    print(finding)
sys.exit(1 if found else 0)
