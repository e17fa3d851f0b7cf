"""What people say in the portal, made into messages and sent, by the same rules as those of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.definition.errors import DefinitionError
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.reviews import find_subject
from sinks.portal.portal import CannotBeSaidError
from streams.publish.errors import PublishError
from streams.publish.reviews import (
    About,
    Known,
    Speaker,
    StateTold,
    about_signal,
    answer,
    carrier_state,
    decision,
    send_reviews,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.portal.portal import Told
    from streams.control import KafkaConfig


class ReviewVoice:
    """See ``sinks.portal.portal.Voice``.

    Args:
        kafka: librdkafka's settings.
        client: the way to ClickHouse, where notices are looked up.
        definitions: the registries.
        now: seconds since 1970; the sender's clock.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        client: Client,
        definitions: Mapping[str, RegistryDefinition],
        now: Callable[[], float],
    ) -> None:
        self._kafka = kafka
        self._client = client
        self._definitions = definitions
        self._now = now

    def decide(self, registry: str, about: str, state: str, *, by: str, reason: str, note: str) -> None:
        """See ``Voice``."""
        self._send(
            registry,
            lambda: [
                decision(
                    self._about(registry, about), state, self._speaker(by), reason=reason or None, note=note or None
                )
            ],
        )

    def carriers(self, registry: str, about: str, told: Sequence[Told], *, by: str) -> None:
        """See ``Voice``."""
        definition = self._definitions[registry]

        def records() -> list[dict[str, Any]]:
            subject, speaker = self._about(registry, about), self._speaker(by)
            return [
                carrier_state(
                    definition,
                    subject,
                    Known(
                        one.carrier.patient,
                        one.carrier.registration_id,
                        one.carrier.unit,
                        one.carrier.partition,
                        one.carrier.version,
                    ),
                    StateTold(one.carrier.registration_id, one.state, one.unit, one.note),
                    speaker,
                )
                for one in told
            ]

        self._send(registry, records)

    def answer(
        self, registry: str, about: str, state: str, *, company: str, by: str, statement: str = "", notice: str = ""
    ) -> None:
        """See ``Voice``."""
        self._send(
            registry,
            lambda: [
                answer(
                    about_signal(self._definitions[registry], about),
                    state,
                    self._speaker(by),
                    company=company,
                    statement=statement or None,
                    notice=notice or None,
                )
            ],
        )

    def _send(self, registry: str, records: Callable[[], list[dict[str, Any]]]) -> None:
        try:
            send_reviews(self._kafka, self._definitions[registry], records())
        except (PublishError, CannotBeReadError, DefinitionError) as error:
            raise CannotBeSaidError(str(error)) from error

    def _about(self, registry: str, about: str) -> About:
        if "/" in about:
            return about_signal(self._definitions[registry], about)
        subject = find_subject(self._client, registry, about, {})
        return About(subject.about, subject.group, subject.product)

    def _speaker(self, by: str) -> Speaker:
        return Speaker(by, int(self._now() * 1000))
