"""Stop before a bad deploy turns the log into refusals.

A wrong catalogue or a forgotten schema refuses everything. Refusals are final, so intake stops while
most of the log is still undecided, and a person looks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


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

    def take(self, accepted: Sequence[bool]) -> str | None:
        """Take some verdicts in their order; the reason to stop, with the setting behind it, or None.

        Args:
            accepted: for each submission, whether it would be accepted.
        """
        longest = 0
        for good in accepted:
            self._run = 0 if good else self._run + 1
            longest = max(longest, self._run)
        refused = len(accepted) - sum(accepted)
        self._recent.append((len(accepted), refused))
        self._received += len(accepted)
        self._refused += refused
        while self._received - self._recent[0][0] >= self._limits.window:
            received, refused_then = self._recent.popleft()
            self._received -= received
            self._refused -= refused_then
        if self._limits.consecutive and longest >= self._limits.consecutive:
            return f"{longest} submissions in a row would be refused (GULDADRA_REFUSAL_LIMIT)"
        filled = self._received >= self._limits.window
        if self._limits.share and filled and self._refused > self._limits.share * self._received:
            return f"{self._refused} of the last {self._received} submissions would be refused (GULDADRA_REFUSAL_SHARE)"
        return None
