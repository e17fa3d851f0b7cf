"""The certificates that a registry's monitors name: read, and held against what is declared.

A certificate says how often a monitor lies and how late it is, as it was simulated; so it must be as it was written, be
of all that was declared of the registry's monitors and of the exposures that they watch, and have the thresholds that
are declared. Another registry that declares the same may name the same certificate. What could not be simulated as it
is declared is told beside it: then its error rates are not the monitor's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.definition.errors import DefinitionError, read_text
from schemas.definition.generation import hash_of_watching
from streams.surveillance.simulation.certificate import Certificate, CertificateError, read_certificate
from streams.surveillance.simulation.watching import differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from schemas.definition.monitors import Monitor, Thresholds
    from schemas.definition.registry import RegistryDefinition
    from streams.surveillance.simulation.scene import StreamKind

    _Said = float | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Certificates:
    """What became of a registry's certificates.

    Attributes:
        found: those that hold, by the monitors that name them.
        problems: by monitor, why a certificate does not hold, and what to do.
        missing: by monitor that names none, what that means.
        differing: by monitor, what was simulated otherwise than it is declared; those of which nothing was left out.
    """

    found: Mapping[str, Certificate]
    problems: Mapping[str, str]
    missing: Mapping[str, str]
    differing: Mapping[str, Sequence[str]]

    def words(self, monitor: str) -> str:
        """What there is of one monitor, to stand beside its signals."""
        if monitor in self.found:
            one = self.found[monitor]
            otherwise = "; ".join(self.differing.get(monitor, ()))
            of_another = f", but of another monitor than this, whose error rates are not known: {otherwise}"
            return f"certificate {one.id}, of {one.catalogue_years:,} catalogue-years{of_another if otherwise else ''}"
        return self.problems.get(monitor) or "no certificate, so that its error rates are not known"


def certificates_of(definition: RegistryDefinition) -> Certificates:
    """Read the certificates that a registry's monitors name, and hold them against what is declared."""
    found: dict[str, Certificate] = {}
    problems: dict[str, str] = {}
    missing: dict[str, str] = {}
    differing: dict[str, Sequence[str]] = {}
    anew = f"`guldadra simulate {definition.name} --out FOLDER`"
    for name, monitor in definition.monitors.monitors.items():
        if monitor.certificate is None:
            missing[name] = (
                f"monitor {name} has no certificate: its error rates are not known; run {anew}, copy its "
                f"certificate.json beside monitors.yaml, and say `certificate: certificate.json` in {name}"
            )
            continue
        try:
            one = found[name] = _certificate(definition, monitor)
            if otherwise := differences(one.simulated, monitor.model_dump(mode="json")):
                differing[name] = otherwise
        except (DefinitionError, CertificateError) as error:
            problems[name] = (
                f"{definition.folder / 'monitors.yaml'}, monitors.{name}.certificate: {monitor.certificate} is "
                f"refused: {error}; put back the file as it was written, or run {anew} and declare its thresholds"
            )
    return Certificates(found, problems, missing, differing)


def _certificate(definition: RegistryDefinition, monitor: Monitor) -> Certificate:
    text = read_text(definition.folder / str(monitor.certificate))
    found = read_certificate(text, monitor=hash_of_watching(definition.monitors))
    several = len(definition.monitors.exposures[monitor.exposures].product) > 1
    _hold(found, "construct" if several else "product", monitor.thresholds, monitor.planned, monitor.fewest)
    for kind, own in monitor.streams.items():
        try:
            _hold(found, kind, own.thresholds, own.planned or monitor.planned, own.fewest or monitor.fewest)
        except CertificateError as error:
            raise CertificateError(f"streams.{kind}: {error}") from error
    return found


def _hold(found: Certificate, kind: StreamKind, thresholds: Thresholds, planned: float, fewest: int) -> None:
    """Hold what is declared of a kind of stream against a certificate."""
    solved = found.levels.get(kind)
    if solved is None:
        raise CertificateError(f"no {kind} was simulated, so it has no thresholds for it")
    declared: dict[str, tuple[_Said, _Said]] = {
        **{column: (getattr(solved, column), wanted) for column, wanted in thresholds.model_dump().items()},
        "planned": (solved.planned, planned),
        "fewest": (found.fewest, fewest),
    }
    for column, (has, wanted) in declared.items():
        if has != wanted:
            raise CertificateError(f"{column} is declared as {_plain(wanted)}; the certificate has {_plain(has)}")


def _plain(value: _Said) -> str:
    return f"[{', '.join(f'{one:g}' for one in value)}]" if isinstance(value, tuple) else f"{value:g}"
