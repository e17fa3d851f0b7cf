"""What the loader tells Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

LOADED = Counter(
    "guldadra_load_rows",
    "Registrations, and messages of other kinds, inserted, repeats included",
    ["registry", "table"],
)
FLUSH_SECONDS = Histogram(
    "guldadra_load_flush_seconds",
    "Time to insert one buffer and commit its offsets",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAST_FLUSH = Gauge("guldadra_load_last_flush_timestamp_seconds", "When something was last inserted")
DATABASE_UP = Gauge("guldadra_load_database_up", "0 while the loader waits for ClickHouse, else 1")
LAG = Gauge("guldadra_load_lag", "Messages not yet read, per partition", ["topic", "partition"])
DEAD_LETTERS = Counter("guldadra_load_dead_letters", "Messages and registrations given up", ["topic"])
COMMITS_FAILED = Counter("guldadra_load_commits_failed", "Commits of offsets that the broker refused")
BROKER_ERRORS = Counter("guldadra_load_broker_errors", "Errors the Kafka client reported")
