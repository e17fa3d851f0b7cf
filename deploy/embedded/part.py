"""A part that runs as a child process of this one, from its start to its stop; a ``with`` block does both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from deploy.embedded.process import ChildProcess


class Part(ABC):
    """A broker, a database, a registry.

    Args:
        name: What messages call it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: ChildProcess | None = None

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    def stop(self) -> None:
        """Ask it to end, and wait; stopping twice is allowed."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            RuntimeError: It is not started.
        """
        if self._process is None:
            raise RuntimeError(f"the {self.name} is not started")
        return self._process.pid

    def alive(self) -> bool:
        """Whether its process is running."""
        return self._process is not None and self._process.alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
