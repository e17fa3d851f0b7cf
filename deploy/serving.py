"""The wiring of `guldadra serve`: settings, ClickHouse and Kafka given to the portal, and the portal to uvicorn."""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

import uvicorn

from deploy.certificates import certificates_of
from deploy.observe import Observed
from deploy.report_desk import DeskVoice
from deploy.reporting import rules_of
from deploy.settings import PREFIX, SettingsError
from deploy.voice import ReviewVoice
from sinks.feeds.registering import Endpoints
from sinks.portal.app import create_app
from sinks.portal.portal import Certified, Choices, Portal, Provider
from streams.surveillance.simulation.thresholds import BUDGETS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Sequence

    from deploy.settings import Settings
    from schemas.definition.registry import RegistryDefinition
    from sinks.portal.identity import Person

_KEEP_OPEN_S = 5
_LAST_REQUESTS_S = 10
_TURN_S = 0.0005
"""How long a thread that makes a page may keep the others from theirs, those of quick pages and the server's loop."""


def serve(settings: Settings, *, ready: Sequence[Person] = ()) -> None:
    """Answer until told to stop.

    Args:
        settings: as loaded.
        ready: identities to choose from, in the demo.

    Raises:
        SettingsError: one is wrong or missing; the message names it.
        DatabaseError: the database does not answer.
    """
    sys.setswitchinterval(_TURN_S)
    choices = choices_of(settings, ready)
    definitions = settings.definitions()
    with settings.clickhouse() as client:
        voice = ReviewVoice(settings.kafka_config(), client, definitions, time.time)
        portal = Portal(
            definitions,
            client,
            choices,
            time.time,
            voice,
            settings.health,
            certified(definitions.values()),
            Endpoints(settings.keys, settings.webhook_loopback),
            report_voice=DeskVoice(settings, client, definitions),
            report_rules=rules_of(settings.agency),
        )
        app = create_app(portal)
        server = _Server(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.portal_port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_OPEN_S,
                timeout_graceful_shutdown=_LAST_REQUESTS_S,
                proxy_headers=bool(settings.portal_proxies),
                forwarded_allow_ips=settings.portal_proxies or None,
            ),
            app.state.end_streams,
        )

        def health() -> tuple[bool, dict[str, Any]]:
            return server.started, {"process": "serve", "lag": 0, "registries": sorted(definitions)}

        with Observed(settings.host, settings.metrics_port, health):
            server.run()


class _Server(uvicorn.Server):
    """Ends its streams before it waits for the answers in hand: a stream has no end of its own."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], object]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then as uvicorn does."""
        self._end_streams()
        await super().shutdown(sockets)


def certified(definitions: Iterable[RegistryDefinition]) -> dict[tuple[str, str], Certified]:
    """By registry and monitor, what its certificate says, or why it is refused."""
    found: dict[tuple[str, str], Certified] = {}
    budgets = {str(level): a_year for level, a_year in BUDGETS.items()}
    for definition in definitions:
        read = certificates_of(definition)
        for monitor, one in read.found.items():
            otherwise = tuple(read.differing.get(monitor, ()))
            said = Certified(one.id, one.catalogue_years, one.seed, one.results, budgets, differing=otherwise)
            found[definition.name, monitor] = said
        for monitor, problem in read.problems.items():
            found[definition.name, monitor] = Certified(problem=problem)
    return found


def choices_of(settings: Settings, ready: Sequence[Person] = ()) -> Choices:
    """What is decided about the portal.

    Raises:
        SettingsError: one setting is wrong or missing.
    """
    said = settings.provider
    provider = None
    if said is not None:
        provider = Provider(
            issuer=said.issuer,
            client_id=said.client_id,
            client_secret=said.client_secret.get_secret_value(),
            audience=said.audience,
            strong_levels=frozenset(said.strong_levels),
            claims=said.claims,
        )
    secret = settings.portal_secret.get_secret_value()
    if provider is not None and not secret:
        raise SettingsError(
            f"{PREFIX}PORTAL_SECRET: set it to 32 characters or more, the same for every portal process"
        )
    try:
        return Choices(
            secret=secret or secrets.token_urlsafe(48),  # without a provider nobody has a session worth keeping
            provider=provider,
            ready=tuple(ready),
            https=settings.portal_https,
            host=settings.host,
            smallest=settings.portal_smallest,
        )
    except ValueError as error:
        raise SettingsError(f"the portal cannot start: {error}") from error
