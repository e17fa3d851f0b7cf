"""What intake tells Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED = Counter("guldadra_intake_accepted", "Registrations accepted", ["registry"])
REFUSED = Counter("guldadra_intake_refused", "Submissions refused", ["registry"])
TRANSACTIONS = Counter("guldadra_intake_transactions", "Transactions committed")
ABORTED = Counter("guldadra_intake_transactions_aborted", "Transactions aborted and taken again")
COMMIT_SECONDS = Histogram("guldadra_intake_commit_seconds", "Time to commit one transaction")
STOPPED = Gauge("guldadra_intake_stopped", "1 while the registry's stop switch is on", ["registry"])
LAG = Gauge("guldadra_intake_lag", "Submissions waiting, per partition", ["registry", "partition"])
BROKER_ERRORS = Counter("guldadra_intake_broker_errors", "Errors the Kafka client reported")
