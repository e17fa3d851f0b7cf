"""Stop before a bad deploy turns the log into refusals.

A wrong catalogue or a forgotten schema refuses everything. Refusals are final, so intake stops while
most of the log is still undecided, and a person looks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """When to stop; a limit of 0 is off.

    Attributes:
        consecutive: this many refusals with no acceptance between them.
        share: a larger share than this refused among the last ``window`` submissions.
        window: how many submissions the share is taken over.
    """

    consecutive: int = 1_000
    share: float = 0.5
    window: int = 4_000


class Brake:
    """Watches one registry's verdicts in the order they are taken."""

    def __init__(self, limits: BrakeLimits) -> None:
        self._limits = limits
        self._run = 0
        self._recent: deque[tuple[int, int]] = deque()
        self._received = 0
        self._refused = 0

    def take(self, accepted: int, refused: int, trailing_refusals: int) -> str | None:
        """Take the counts of a few verdicts; the reason to stop, or None.

        Args:
            accepted: how many of them were accepted.
            refused: how many were refused.
            trailing_refusals: how many refusals stand after the last acceptance.
        """
        self._run = trailing_refusals if accepted else self._run + refused
        self._recent.append((accepted + refused, refused))
        self._received += accepted + refused
        self._refused += refused
        while self._received - self._recent[0][0] >= self._limits.window:
            received, refused_then = self._recent.popleft()
            self._received -= received
            self._refused -= refused_then
        if self._limits.consecutive and self._run >= self._limits.consecutive:
            return f"{self._run} submissions in a row would be refused"
        filled = self._received >= self._limits.window
        if self._limits.share and filled and self._refused > self._limits.share * self._received:
            return f"{self._refused} of the last {self._received} submissions would be refused"
        return None
