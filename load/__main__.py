"""`python -m load weighbridges`: a service, a province, Locust's visitors, then the audit; exit 1 on any error."""

import argparse
import logging
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from locust.env import Environment
from locust.stats import get_error_report_summary, get_percentile_stats_summary, get_stats_summary

from load.province import PASSWORD, Province
from load.replay import BEFORE_S, AtWork
from load.scenarios import SCENARIOS, Scenario, Stage, Visitor, differences
from load.serving import ROOT, environment, meisu, serving

ALL = "all"
MOST_SECONDS = 120  # of each scenario: a token lives for fifteen minutes
LAST_ANSWERS_WITHIN_S = 20


def main() -> int:
    """Play the scenario that was asked for, or all of them one after the other on one service."""
    parser = argparse.ArgumentParser(prog="python -m load", description=__doc__)
    parser.add_argument("scenario", nargs="?", default="weighbridges", choices=[*SCENARIOS, ALL])
    parser.add_argument("--seconds", type=int, default=30, choices=range(1, MOST_SECONDS + 1), metavar="SECONDS")
    parser.add_argument("--most", type=int, default=100, help="at most so many mines, plants and traders")
    parser.add_argument("--visitors", type=int, default=1_000, help="at most so many visitors of each kind")
    asked = parser.parse_args()
    chosen = SCENARIOS if asked.scenario == ALL else {asked.scenario: SCENARIOS[asked.scenario]}

    logging.basicConfig(level=logging.WARNING)
    errors = 0
    with TemporaryDirectory(prefix="meisu-load-") as folder:
        Path(folder).chmod(0o711)  # as root, the servers' own account passes through it
        data = Path(folder) / "data"
        with serving(data, PASSWORD) as service:
            province = Province(service.address)
            sizes = [(scenario.mines, scenario.plants, scenario.traders) for scenario in chosen.values()]
            mines, plants, traders = (min(asked.most, max(wanted)) for wanted in zip(*sizes, strict=True))
            print(f"{mines} mines, {plants} plants and {traders} traders are registered …", flush=True)
            province.found(mines, plants, traders)
            for scenario in chosen.values():
                errors += play(scenario, province, asked.seconds, asked.visitors)
            province.close()
            audit = subprocess.run(
                meisu("verify", "--data", data),
                cwd=ROOT,
                env=environment(),
                check=False,
                stdout=subprocess.PIPE,
                text=True,
            )
    print(f"\nmeisu verify: {audit.stdout.strip()}")
    return 1 if errors or audit.returncode else 0


def play(scenario: Scenario, province: Province, seconds: float, most: int) -> int:
    """Let the scenario's visitors come for so long; prints what they saw, and gives the number of errors."""
    visitors = {kind: min(wanted, most) for kind, wanted in scenario.visitors.items()}
    print(f"\n{scenario.words}: {sum(visitors.values())} visitors, {seconds:.0f} s", flush=True)
    stage = Stage(province, None, [], {}, Counter())
    scenario.prepare(stage)
    before_kg = province.shipped_kg()
    Visitor.stage = stage
    for kind, wanted in visitors.items():
        kind.fixed_count = wanted
    stand = Environment(
        user_classes=list(visitors),
        host=str(province.http.base_url),
        stop_timeout=LAST_ANSWERS_WITHIN_S,  # what was sent is heard to its end, or the sums could not be compared
    )
    at_work = None
    if stage.at_work:
        before = min(BEFORE_S, seconds / 4)
        at_work = AtWork.begin(stage, str(province.http.base_url), seconds)
        time.sleep(before)
        seconds -= before
    runner = stand.create_local_runner()
    runner.start(sum(visitors.values()), spawn_rate=100)
    time.sleep(seconds)  # cooperative since Locust was imported
    runner.quit()

    for line in (*get_stats_summary(stand.stats, current=False), *get_percentile_stats_summary(stand.stats)):
        print(line)
    errors = at_work.end() if at_work else 0
    wrong = [f"{told['count']} × {told['msg']}" for told in runner.exceptions.values()]
    if errors or stand.stats.errors:
        print(*get_error_report_summary(stand.stats), sep="\n")
    else:
        # Of a request without an answer nobody knows whether it was done.
        wrong += differences(stage, before_kg)
    print(*wrong, sep="\n")
    return errors + int(stand.stats.total.num_failures) + len(wrong)


if __name__ == "__main__":
    sys.exit(main())
