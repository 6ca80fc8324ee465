"""What is counted for /metrics; counts of this process only."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("meisu_requests", "Answered requests.", ("method", "route", "status"))
REQUEST_SECONDS = Histogram(
    "meisu_request_seconds",
    "Time from a request's head to the end of its answer.",
    ("method", "route"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
BATCH_RECORDS = Histogram(
    "meisu_batch_records",
    "Records that one transaction took together.",
    ("batcher",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 1000),
)
BATCH_SECONDS = Histogram("meisu_batch_seconds", "Time that one batch took, its commit included.", ("batcher",))
BATCH_RERUNS = Counter("meisu_batch_reruns", "Batches that failed and were done again in halves.", ("batcher",))
CHORE_FAILURES = Counter(
    "meisu_chore_failures", "Turns of what the service does by itself that failed; the next was tried.", ("chore",)
)
CONNECTIONS = Gauge("meisu_database_connections", "Connections of the asyncpg pools.", ("state",))
LEDGER_ROWS = Gauge("meisu_ledger_rows", "Legs and holes in the ledger: the head's seq.")
