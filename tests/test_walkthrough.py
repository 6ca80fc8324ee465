"""The manual's story, typed into a shell against a service that was started by its own command."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STORY = (ROOT / "docs/walkthrough.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$(?:\s*^```text\n(.*?)^```$)?", STORY, re.MULTILINE | re.DOTALL)
PASSWORD = "the-kiln-is-warm-7"
MARK = "--8<--"


@pytest.fixture
def address(data: Path) -> Iterator[str]:
    """A service on an empty folder, started as a person would start it."""
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--data", str(data)]
    environment = {**os.environ, "MEISU_ADMIN_PASSWORD": PASSWORD, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(line.strip() for line in process.stdout if line.startswith("http"))
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()


def test_the_walkthrough_prints_what_it_says(address: str) -> None:
    script = f"\necho '{MARK}'\n".join(["set -euo pipefail", *(block for block, _ in BLOCKS)])
    python = Path(sys.executable).parent
    environment = {**os.environ, "API": address, "PASSWORD": PASSWORD, "PATH": f"{python}:{os.environ['PATH']}"}
    bash = shutil.which("bash")
    assert bash is not None

    run = subprocess.run(
        [bash, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=120
    )

    said = run.stdout.split(f"{MARK}\n")[1:]
    assert said == [told for _, told in BLOCKS], run.stderr
    assert run.returncode == 0, run.stderr
