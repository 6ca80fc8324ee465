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
BATCH_WAITING = Gauge("meisu_batch_waiting", "Records that were sent and have no answer yet.", ("batcher",))
BATCH_RERUNS = Counter("meisu_batch_reruns", "Batches that failed and were done again in halves.", ("batcher",))
CHORE_FAILURES = Counter(
    "meisu_chore_failures", "Turns of what the service does by itself that failed; the next was tried.", ("chore",)
)
CHORE_ENDED = Gauge(
    "meisu_chore_ended_timestamp_seconds", "When a turn of what the service does by itself last went well.", ("chore",)
)
REFUSALS = Counter("meisu_refusals", "Requests that were answered with a problem.", ("code",))
CONNECTIONS = Gauge("meisu_database_connections", "Connections to the database.", ("pool", "state"))
LEDGER_ROWS = Gauge("meisu_ledger_rows", "Legs and holes in the ledger: the head's seq.")
LEDGER_SIGNED = Gauge("meisu_ledger_signed_timestamp_seconds", "When the newest checkpoint of the ledger was signed.")
OUTBOX_SECONDS = Gauge("meisu_outbox_oldest_seconds", "How long the oldest message waits for Valkey.")
PAPERS_SECONDS = Gauge("meisu_papers_oldest_seconds", "How long the oldest paper waits for its seal.")
DISK_FREE = Gauge("meisu_disk_free_bytes", "What is free on the disk of the servers' files.")
