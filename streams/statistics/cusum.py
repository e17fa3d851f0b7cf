"""CUSUMs: charts that add up what is worse than expected, forget what is better, and signal at a threshold.

- `bernoulli_cusum`, patient by patient, for outcomes known at once or after a fixed time (Steiner 2000);
- `bk_cusum`, in continuous time, for one hazard ratio (Biswas & Kalbfleisch 2008);
- `cgr_cusum`, in continuous time, for any hazard ratio, since any day of entry (Gomon 2022);
- `bernoulli_cusum_arl` and `normal_cusum_arl`, run lengths solved without simulation;
- `threshold_for`, a threshold for a wanted run length or share of false alarms, by simulation.
"""

from streams.statistics.cusum_charts import CgrPath, CusumPath, bernoulli_cusum, bk_cusum, cgr_cusum
from streams.statistics.run_length import bernoulli_cusum_arl, normal_cusum_arl
from streams.statistics.thresholds import (
    History,
    Threshold,
    bernoulli_history,
    bk_history,
    cgr_history,
    threshold_for,
)

__all__ = [
    "CgrPath",
    "CusumPath",
    "History",
    "Threshold",
    "bernoulli_cusum",
    "bernoulli_cusum_arl",
    "bernoulli_history",
    "bk_cusum",
    "bk_history",
    "cgr_cusum",
    "cgr_history",
    "normal_cusum_arl",
    "threshold_for",
]
