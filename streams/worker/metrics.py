"""What a worker tells Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_OF = ["process"]
_WHERE = ["process", "partition"]

REGISTRATIONS = Counter("guldadra_process_registrations", "Registrations taken", _OF)
TRANSACTIONS = Counter("guldadra_process_transactions", "Transactions committed", _OF)
ABORTED = Counter("guldadra_process_transactions_aborted", "Transactions aborted or of uncertain fate", _OF)
DEAD_LETTERS = Counter("guldadra_process_dead_letters", "Messages and registrations given up", _OF)
FENCED = Counter("guldadra_process_fenced", "Partitions lost to another process", _OF)
RECOVERED = Counter("guldadra_process_recovered", "Changelog records read into a store", _OF)
STEP_SECONDS = Histogram("guldadra_process_step_seconds", "Time to compute one transaction", _OF)
COMMIT_SECONDS = Histogram("guldadra_process_commit_seconds", "Time to send and commit one transaction", _OF)
RECOVERY_SECONDS = Histogram(
    "guldadra_process_recovery_seconds",
    "Time to bring a store up to the end of its changelog",
    _OF,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
LAG = Gauge("guldadra_process_lag", "Messages that are not in the state", _WHERE)
LIVE = Gauge("guldadra_process_live", "1 where the partition is ours and follows the log", _WHERE)
