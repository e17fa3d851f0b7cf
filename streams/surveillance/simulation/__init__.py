"""Invented registries, to learn how often a monitor lies and how late it is before it is switched on.

Pure: a generator of random numbers is handed in. It reads in the order that data takes: `plan` (what is invented),
`catalogue` and `history` (operations under no defect), `defects` (the same with one planted), `exposed` (what a monitor
is told, and when), `known` (the known path of every product), `rivals` (other methods on the same data), `runs` (one
history through all of them), `error_rates`, `thresholds`, `certificate` (what comes of many).
"""
