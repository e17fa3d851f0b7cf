"""What a simulation came to, kept as a file that a monitor can name: the thresholds, and how they were come by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from streams.surveillance.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.surveillance.simulation.scene import StreamKind

VERSION = 3
_LENGTH = 16


class CertificateError(Exception):
    """A certificate cannot be read, or is not as it was written."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate.

    Attributes:
        registry: whose monitors.
        monitor: hash of what is declared of them and of the exposures that they watch, but for thresholds.
        simulated: how the monitors of the simulation watched, by the names that monitors are declared with; where that
            is not as they are declared, error rates are not theirs.
        seed: of the random numbers.
        catalogue_years: how many were simulated.
        plan: the registry that was invented.
        fewest: outcomes that it takes for any level.
        levels: thresholds by kind of stream, as the monitor takes them.
        results: methods with their error rates, as they are printed.
    """

    registry: str
    monitor: str
    simulated: dict[str, Any]
    seed: int
    catalogue_years: int
    plan: dict[str, Any]
    fewest: int
    levels: dict[StreamKind, Levels]
    results: dict[str, Any]

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits of a hash of all that it says."""
        return hashlib.sha256(_text(self._content()).encode()).hexdigest()[:_LENGTH]

    def written(self) -> str:
        """The file."""
        return json.dumps({"version": VERSION, "id": self.id, **self._content()}, indent=1, ensure_ascii=False) + "\n"

    def _content(self) -> dict[str, Any]:
        return {
            "registry": self.registry,
            "monitor": self.monitor,
            "simulated": self.simulated,
            "seed": self.seed,
            "catalogue_years": self.catalogue_years,
            "plan": self.plan,
            "fewest": self.fewest,
            "levels": {kind: asdict(levels) for kind, levels in self.levels.items()},
            "results": self.results,
        }


def read_certificate(text: str, *, monitor: str | None = None) -> Certificate:
    """A certificate from its file.

    Args:
        text: of the file.
        monitor: hash of what is declared now; None where it does not matter.

    Raises:
        CertificateError: it is no certificate of this version, was changed since it was written, or is of a monitor
            that is declared otherwise now.
    """
    try:
        said = json.loads(text)
        version, name = said.pop("version"), said.pop("id")
        if version != VERSION:
            raise CertificateError(f"the certificate is of version {version}, not {VERSION}")
        found = Certificate(**{**said, "levels": {kind: _levels(of) for kind, of in said["levels"].items()}})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CertificateError(f"this is no certificate: {error}") from error
    if found.id != name:
        raise CertificateError(f"the certificate says that it is {name}, but its content is that of {found.id}")
    if monitor is not None and found.monitor != monitor:
        raise CertificateError(f"the certificate is of monitor {found.monitor}; what is declared now is {monitor}")
    return found


def as_json(said: object) -> dict[str, Any]:
    """What is said as it comes back from a file: lists for tuples, texts for keys."""
    found: dict[str, Any] = json.loads(json.dumps(said))
    return found


def _levels(said: Mapping[str, Any]) -> Levels:
    tables = {column: tuple(said[column]) for column in ("per_year", "watch", "alarm")}
    return Levels(**tables, planned=said["planned"])


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)
