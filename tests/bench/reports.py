"""Case safety reports by themselves, without a broker: written, validated and read, processor time of one core."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sinks.agency.icsr.model import Patient
from sinks.agency.icsr.narrative import with_narrative
from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, NOW, batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinks.agency.icsr.model import Case
    from tests.bench.figures import Figures
    from tests.bench.site import Site

_CASES = 500
_MINUTE = 60.0
_AIM = "> 10,000"


def reports(site: Site, figures: Figures) -> None:
    """An ordinary case (two reactions, a suspect and another drug, two tests), and one with every data element."""
    for name, case in (("an ordinary case", _ordinary()), ("every element", FULL)):
        whole = batch(case)
        message = write(whole)
        if validate(whole, NOW) or read(message).batch != whole:
            raise ValueError(f"{name} may not be sent, or is read otherwise than it was written")
        figures.note(f"reports: {name}, kB", len(message) / 1000)
        for _ in range(site.sizes.rounds):
            written = _per_minute(lambda whole=whole: (write(whole), validate(whole, NOW)))  # type: ignore[misc]
            figures.note(f"reports: {name}, written and validated a minute per core", written, _AIM)
            found = _per_minute(lambda message=message: read(message))  # type: ignore[misc]
            figures.note(f"reports: {name}, read a minute per core", found)
            told = _per_minute(lambda case=case: with_narrative(case, lambda _: {}))  # type: ignore[misc]
            figures.note(f"reports: {name}, told in both languages a minute per core", told)


def _per_minute(act: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(_CASES):
        act()
    return _CASES * _MINUTE / (time.process_time() - began)


def _ordinary() -> Case:
    """What a register knows of a case: no parent, no documents, one dosage of each drug."""
    suspect, other = FULL.drugs[:2]
    return replace(
        FULL,
        documents_available=False,
        documents=(),
        literature=(),
        patient=replace(FULL.patient or Patient(), past_drugs=(), death=None, parent=None),
        reactions=FULL.reactions[:2],
        tests=FULL.tests[:2],
        drugs=(replace(suspect, dosages=suspect.dosages[:1], matrix=suspect.matrix[:2]), other),
    )
