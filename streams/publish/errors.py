"""Why publishing could not go on, in words for the person at the keyboard; none of them is about one row."""

from __future__ import annotations

COULD_NOT_RUN = 2
"""The exit code of a run that did not reach its end."""


class PublishError(Exception):
    """Publishing stopped, or never began; the message says why and what to do.

    Attributes:
        progress: how far a run had come when it stopped; empty where nothing had been sent.
    """

    exit_code = COULD_NOT_RUN
    progress = ""

    def __str__(self) -> str:
        """The reason, and how far it came."""
        reason = super().__str__()
        return f"{reason}\n{self.progress}" if self.progress else reason


class InputError(PublishError):
    """The input cannot be read, or its columns do not fit the form."""


class NoKeyError(PublishError):
    """Patients are to become pseudonyms, and there is no key to make them with."""


class RegistryClosedError(PublishError):
    """The registry may not be published to: not created, without a controller, not released, or stopped."""


class BrokerError(PublishError):
    """The broker did not answer, or did not take what was sent."""


class NoReceiptsError(PublishError):
    """Everything was sent, but nobody says what became of it."""


class InterruptedPublishError(PublishError):
    """Somebody pressed Ctrl-C."""
