"""`python -m load.steady ADDRESS SECONDS`: scales that stay at work, from a process of their own.

Whoever builds and reads a day's books has no time to look at the clock: single records that he sends too are as late as he is.
What is to be weighed comes as JSON on stdin, what became of it goes to stdout.
"""

import json
import random
import sys
import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from locust import FastHttpUser, task
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import get_error_report_summary, get_percentile_stats_summary, get_stats_summary

RECORDS_A_SECOND = 4  # of each pair of scales, whatever the answers do
LAST_ANSWERS_WITHIN_S = 20


class Scales(FastHttpUser):
    """A mine's scale and a plant's, out and in by turns; a wait counts from when a record was meant to be sent."""

    host = ""
    pairs: ClassVar[list[list[dict[str, Any]]]] = []
    waits: ClassVar[list[tuple[float, float]]] = []
    taken: ClassVar[list[str]] = []

    def on_start(self) -> None:
        """Take the loads of one pair, and begin anywhere in the second."""
        self.sends = iter(self.pairs.pop())
        self.due = time.perf_counter() + random.random()

    def wait_time(self) -> float:
        """Until the next record is due."""
        return max(0.0, self.due - time.perf_counter())

    @task
    def weigh(self) -> None:
        """One record."""
        if (due := self.due) > time.perf_counter():
            return  # the first is not due yet
        self.due += 1 / RECORDS_A_SECOND
        send = next(self.sends, None)
        if send is None:
            raise StopUser
        record = {**send["record"], "weighed_at": datetime.now(UTC).isoformat()}
        headers = {"Authorization": f"Bearer {send['token']}"}
        name = f"one record, {record['direction']}"
        with self.client.post("/v1/weighings", json=record, headers=headers, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code} {(answer.text or '')[:200]}")
            elif (said := answer.json()["results"][0])["status"] != "accepted":
                answer.failure(f"{said['status']}: {said['problem']}")
            else:
                self.taken.append(record["id"])
        self.waits.append((due, time.perf_counter()))


def main() -> None:
    """Weigh for so many seconds."""
    address, seconds = sys.argv[1], float(sys.argv[2])
    Scales.pairs = json.load(sys.stdin)
    count = Scales.fixed_count = len(Scales.pairs)
    stand = Environment(user_classes=[Scales], host=address, stop_timeout=LAST_ANSWERS_WITHIN_S)
    runner = stand.create_local_runner()
    runner.start(count, spawn_rate=100)
    time.sleep(seconds)  # cooperative since Locust was imported
    runner.quit()

    lines = [*get_stats_summary(stand.stats, current=False), *get_percentile_stats_summary(stand.stats)]
    if stand.stats.errors:
        lines += get_error_report_summary(stand.stats)
    lines += [f"{told['count']} × {told['msg']}" for told in runner.exceptions.values()]
    errors = stand.stats.total.num_failures + len(runner.exceptions)
    json.dump({"waits": Scales.waits, "taken": Scales.taken, "lines": lines, "errors": errors}, sys.stdout)


if __name__ == "__main__":
    main()
