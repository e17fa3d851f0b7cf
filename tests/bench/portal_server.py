"""The portal with people of one registry who are logged in by choosing: ``… portal_server serve REGISTRY``."""

from __future__ import annotations

import sys

from deploy.cli.start import start
from deploy.serving import serve
from sinks.portal.identity import Person

COMPANY = "Nordfalk Ortopedi"


def people(registry: str, unit: str) -> tuple[Person, ...]:
    """One of each role that looks much."""
    own = frozenset({registry})
    return (
        Person("company", "Cilla Falk", "company", company=COMPANY),
        Person("clinic", "Karin Rim", "clinic", units=frozenset({(registry, unit)}), strong=True),
        Person("registrar", "Rolf Strand", "registrar", registries=own),
        Person("vigilance", "Vera Lind", "vigilance", registries=own),
    )


def main() -> None:
    """Serve until ended."""
    registry = sys.argv[-1]
    settings = start(process=True)
    unit = next(iter(settings.definitions()[registry].catalogues["units"].rows))
    serve(settings, ready=people(registry, unit))


if __name__ == "__main__":
    main()
