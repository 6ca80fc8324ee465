"""`python -m service.verify FOLDER [NOTE…]`: audits an export, without a database; notes are files with checkpoints kept since."""

import sys
from pathlib import Path

from service.verify import run_export

PROGRAM = "-m service.verify" if __name__ == "__main__" else sys.argv[0]  # a file by itself brings its own main
USAGE = f"""用法：python {PROGRAM} 导出文件夹 [检查点文件…]
Usage: python {PROGRAM} FOLDER [NOTE…]"""

if len(sys.argv) < 2:
    sys.exit(USAGE)
folder, *notes = map(Path, sys.argv[1:])
try:
    found = run_export(folder, kept=[note.read_text(encoding="utf-8") for note in notes])
except FileNotFoundError as error:
    sys.exit(f"没有文件 {error.filename}。\nThere is no {error.filename}.\n{USAGE}")
except UnicodeDecodeError:
    sys.exit(f"检查点文件不是文本。\nA note is no text.\n{USAGE}")
for finding in found:
    print(finding)
sys.exit(1 if found else 0)
