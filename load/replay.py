"""How long a day's records took, and how long single ones waited before, meanwhile and afterwards."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from load.scenarios import Stage
from load.serving import ROOT, environment

BEFORE_S = 6  # single records come alone for so long
WARM_S = 1.5
MOST_REPLAY_S = 10.0
MOST_WAIT_MS = 50.0  # p99 of single records, with or without a replay beside them
MOST_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class AtWork:
    """Scales that go on weighing in a process of their own (`load/steady.py`)."""

    process: "subprocess.Popen[str]"
    stage: Stage

    @classmethod
    def begin(cls, stage: Stage, address: str, seconds: float) -> "AtWork":
        """Set them to work for so long."""
        process = subprocess.Popen(
            [sys.executable, "-m", "load.steady", address, str(seconds)],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        json.dump([[asdict(send) for send in sends] for sends in stage.at_work], process.stdin)
        process.stdin.close()
        return cls(process, stage)

    def end(self) -> int:
        """Print what they saw, and what the replay did to it; gives the number of errors."""
        assert self.process.stdout is not None
        told: dict[str, Any] = json.load(self.process.stdout)
        self.process.wait()
        mines = {send.record["id"]: send for sends in self.stage.at_work for send in sends}
        for record_id in told["taken"]:
            send = mines[record_id]
            if send.mine_id:
                self.stage.shipped_kg[send.mine_id] += send.record["gross_kg"] - send.record["tare_kg"]
        print("\nScales that stayed at work, in a process of their own:")
        print(*told["lines"], sep="\n")
        print(verdict(self.stage, [(due, ended) for due, ended in told["waits"]]))
        return int(told["errors"])


def verdict(stage: Stage, waits: Sequence[tuple[float, float]]) -> str:
    """The replay's time, and how long single records waited in the same run, in seconds from when each was due; with goals."""
    if not stage.replayed:
        return "nothing was replayed"
    began, ended = min(sent.began for sent in stage.replayed), max(sent.ended for sent in stage.replayed)
    records, took = sum(sent.records for sent in stage.replayed), ended - began
    first = min((due for due, _ in waits), default=0.0)
    before = [done - due for due, done in waits if due > first + WARM_S and done < began]
    meanwhile = [done - due for due, done in waits if done > began and due < ended]
    after = [done - due for due, done in waits if due > ended]
    lines = [
        f"{records:,} records of a day offline in {took:.1f} s ({records / took:,.0f} a second); "
        f"goal {MOST_REPLAY_S:.0f} s: {_said(took <= MOST_REPLAY_S)}"
    ]
    lines += [
        f"single records {when}: {len(found):,}, p50 {1e3 * _percentile(found, 0.5):.1f} ms, "
        f"p90 {1e3 * _percentile(found, 0.9):.1f} ms, p99 {1e3 * _percentile(found, 0.99):.1f} ms"
        for when, found in (("before", before), ("meanwhile", meanwhile), ("afterwards", after))
        if found
    ]
    if meanwhile and (otherwise := before + after):
        p99_ms = 1e3 * _percentile(meanwhile, 0.99)
        ratio = p99_ms / (1e3 * _percentile(otherwise, 0.99))
        lines.append(f"p99 meanwhile {p99_ms:.1f} ms; goal {MOST_WAIT_MS:.0f} ms: {_said(p99_ms <= MOST_WAIT_MS)}")
        lines.append(f"p99 meanwhile / otherwise {ratio:.2f}; goal {MOST_RATIO}: {_said(ratio <= MOST_RATIO)}")
    return "\n".join(lines)


def _said(is_reached: bool) -> str:
    return "ok" if is_reached else "short"


def _percentile(waits: Sequence[float], share: float) -> float:
    return sorted(waits)[min(len(waits) - 1, int(share * len(waits)))]
