"""Surveillance: exposures of one monitor group, what was expected of each product, and the signals that come of it.

Pure: no broker, no store, no clock. Days are counted from 1970-01-01. It reads in the order that data takes: `bins`
(what is known), `person_time` (numbers at risk by `intervals`), `expected` (against what), `units` (product or
clinic), `levels` (statistic, thresholds, streams), `evidence` (as it stands, and in hindsight), `corrections` (what
changes say), `signals` (what comes of it), `core` (the step).
Beside it stand `charts` and `early` (a product's exposures one by one), `other_methods` (what those and other methods
say of it) and `cases` (signals that share outcomes).
Pairs of drug and reaction are watched likewise: `reports` (how many there are), `tables` (two by two, and what is read
off them), `drugs` (all pairs at once), `prior` (when it is fitted anew), `pair_corrections`, `pair_signals` and
`pair_step`.
"""
