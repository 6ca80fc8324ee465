"""`python -m service.verify FOLDER`: audits an export, without a database."""

import sys
from pathlib import Path

from service.verify import run_export

found = run_export(Path(sys.argv[1]))
for finding in found:
    print(finding)
sys.exit(1 if found else 0)
