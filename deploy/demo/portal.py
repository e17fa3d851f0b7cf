"""The demo's portal, a process of its own: ready identities stand in for a provider.

``python -m deploy.demo.portal`` is how they are had, and the only way: `guldadra serve` knows none. They are refused
but on loopback, with a database on loopback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deploy.cli.start import start
from deploy.serving import serve
from deploy.settings import SettingsError
from sinks.portal.identity import Person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.settings import Settings

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def identities() -> Sequence[Person]:
    """One of every role, or two, all invented."""
    every = frozenset({"hip", "hiv", "senior_alert", "metabolic", "biologics"})
    own = frozenset({("hip", "U11"), ("hiv", "I01"), ("senior_alert", "S01")})
    return (
        Person("sundmark", "Ylva Sund, Sundmark Orthopaedics", "company", company="Sundmark Orthopaedics"),
        Person("nordfalk", "Nils Falk, Nordfalk Ortopedi", "company", company="Nordfalk Ortopedi"),
        Person("clinic", "Karin Rim, U11", "clinic", units=own, strong=True),
        Person("registrar", "Rolf Strand", "registrar", registries=every),
        Person("vigilance", "Vera Lind", "vigilance", registries=every),
        Person("agency", "Agda Myr", "agency"),
        Person("admin", "Adam Drift", "admin"),
    )


def main() -> None:
    """Serve the demo's portal.

    Raises:
        SettingsError: the database is not on this machine.
    """
    settings: Settings = start(process=True)
    if urlsplit(settings.clickhouse_url).hostname not in _LOOPBACK:
        raise SettingsError("ready identities are for the demo: the database must be on this machine")
    serve(settings, ready=identities())


if __name__ == "__main__":
    main()
