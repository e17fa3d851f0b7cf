"""The collector of reference cycles, told what this process is like: a step makes many objects, and no cycles."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# By default it looks after every 700 objects, and takes a third of the time that a step needs. The clients do leave
# cycles behind, but seldom.
_THRESHOLDS = (1_000_000, 20, 20)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within, what is there already is not looked at, and what comes is looked at seldom."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
