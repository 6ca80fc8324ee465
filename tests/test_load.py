"""The scenarios of `make load` run, for a second each."""

import os
import subprocess
import sys
import tempfile

from load.serving import ROOT
from tests.conftest import roomy_memory


def test_every_scenario_runs_without_an_error_and_the_book_is_clean() -> None:
    command = [sys.executable, "-m", "load", "all", "--seconds", "1", "--most", "1", "--visitors", "3"]

    environment = {**os.environ, "TMPDIR": str(roomy_memory() or tempfile.gettempdir())}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=240)

    assert run.returncode == 0, run.stdout + run.stderr[-4_000:]
    assert run.stdout.rstrip().endswith("0 differences")
