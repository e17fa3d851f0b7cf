"""May this registry be published to? Asked before the first row, and while publishing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaError, KafkaException

from schemas.compatibility import unreleased
from streams.control import ControlReader
from streams.publish.errors import BrokerError, RegistryClosedError

if TYPE_CHECKING:
    from types import TracebackType

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig, RegistryControl

_LOOK_EVERY_S = 0.5


class Gate:
    """Follows the stop switch of one registry.

    Attributes:
        control: the word on the registry that publishing began under.
    """

    control: RegistryControl

    def __init__(self, kafka: KafkaConfig, definition: RegistryDefinition) -> None:
        self._kafka = kafka
        self._definition = definition
        self._looked = 0.0

    def __enter__(self) -> Self:
        """Look, and refuse at once what may not begin.

        Raises:
            RegistryClosedError: no controller, no log, or stopped.
            BrokerError: no answer.
        """
        require_controller(self._definition)
        try:
            self._reader = ControlReader(self._kafka).__enter__()
        except KafkaException as error:
            raise BrokerError(
                f"no answer from the broker {self._kafka.get('bootstrap.servers')}: {error.args[0].str()}"
            ) from error
        try:
            self.control = self._open()
        except BaseException:
            self._reader.__exit__()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the control topic."""
        self._reader.__exit__()

    def look(self) -> None:
        """Look again, at most twice a second.

        Raises:
            RegistryClosedError: the registry was stopped, or its log began anew.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        try:
            self._reader.poll()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise RegistryClosedError(_no_log(self._definition.name)) from error
            raise
        if self._open().epoch != self.control.epoch:
            raise RegistryClosedError(
                f"registry {self._definition.name} began a new life of its log (epoch {self._open().epoch}) "
                "meanwhile: publish again from the first row"
            )

    def _open(self) -> RegistryControl:
        control = self._reader.of(self._definition.name)
        if control is None:
            raise RegistryClosedError(_no_log(self._definition.name))
        if control.stopped:
            raise RegistryClosedError(control.sentence)
        return control


def require_controller(definition: RegistryDefinition) -> None:
    """Refuse a registry that nobody is answerable for.

    Raises:
        RegistryClosedError: its ``registry.yaml`` names no controller.
    """
    if not (definition.registry.controller or "").strip():
        raise RegistryClosedError(
            f"registry {definition.name} has no controller: {definition.folder / 'registry.yaml'} must name the legal "
            "person answerable"
        )


def require_released(definition: RegistryDefinition, form: str) -> None:
    """Refuse a form as nobody could read it later.

    Raises:
        RegistryClosedError: the form as it stands is not its last released version.
    """
    if problems := unreleased(definition, definition.forms[form]):
        raise RegistryClosedError("\n".join(problems))


def _no_log(registry: str) -> str:
    return f"registry {registry} has no log on this broker: run `guldadra topics create {registry}`"
