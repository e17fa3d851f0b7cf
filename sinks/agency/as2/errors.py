"""What may go wrong between two ends, by the names that AS2 has for it (RFC 4130, section 7.5)."""

from __future__ import annotations

from typing import Literal

Modifier = Literal[
    "authentication-failed",
    "decryption-failed",
    "insufficient-message-security",
    "integrity-check-failed",
    "unexpected-processing-error",
    "unsupported format",
    "unsupported MIC-algorithms",
]


class RefusedMessageError(Exception):
    """What came is not taken; ``modifier`` is how a receipt says why, the text what a person is told."""

    def __init__(self, modifier: Modifier, text: str) -> None:
        super().__init__(text)
        self.modifier = modifier

    @property
    def disposition(self) -> str:
        """As a receipt has it."""
        kind = "failed/Failure" if self.modifier.startswith("unsupported") else "processed/Error"
        return f"{kind}: {self.modifier}"


class UnknownOutcomeError(OSError):
    """Whether the addressee has the message is not known; it may be sent again under the same id."""


class ReceiptPendingError(UnknownOutcomeError):
    """The addressee has taken the bytes and will send its receipt later, on a connection of its own."""
