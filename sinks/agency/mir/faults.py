"""Whether a manufacturer's incident report may be sent: what is mandatory, when, and how long it may be.

From the form's helptext as far as it is known: which elements each type of report needs, 4,000 characters of free text,
so many codes of each annex. A fault names the element by its number on the form, and the rule; never the value.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from schemas.identity import hides_identity_number
from schemas.rules import Fault
from sinks.agency.mir.elements import elements_of
from sinks.agency.mir.model import NOT_CUMULATIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sinks.agency.mir.model import Codes, Mir, SimilarIncidents, Span, Udi

LONGEST_TEXT = 4_000
"""Characters of a free text, about a page."""
_PERIODS = 4
_ENTITIES = ("GS1", "HIBCC", "ICCBBA", "IFA")
_COUNTRY = re.compile(r"[A-Z]{2}")
_BRIEFEST_DIGITS, _LONGEST_DIGITS = 2, 7


def mir_faults(mir: Mir) -> list[Fault]:
    """The faults of a report, in the form's order as far as may be; none where it is ready to be sent."""
    return [
        *_texts(mir),
        *_dates(mir),
        *_references(mir),
        *_submitter(mir),
        *_device(mir),
        *_incident(mir),
        *_analysis(mir),
        *_similar(mir),
    ]


def _texts(mir: Mir) -> Iterator[Fault]:
    for element in elements_of(mir):
        text = element.value
        if text is None:
            continue
        if not text.strip():
            yield Fault(element.number, "is empty")
        elif len(text) > LONGEST_TEXT:
            yield Fault(element.number, f"is longer than {LONGEST_TEXT} characters")
        elif hides_identity_number(text):
            yield Fault(element.number, "holds a personal identity number")


def _dates(mir: Mir) -> Iterator[Fault]:
    own = mir.administration
    yield from _span("1.2(b)", own.occurred)
    if own.aware_of_incident < own.occurred.first:
        yield Fault("1.2(c)", "lies before the incident (1.2(b))")
    if own.aware_of_reportability < own.aware_of_incident:
        yield Fault("1.2(d)", "lies before the manufacturer knew of the incident (1.2(c))")
    if own.submitted_on < own.aware_of_reportability:
        yield Fault("1.2(a)", "lies before the manufacturer knew that it is reportable (1.2(d))")
    if (own.type in ("initial", "follow_up")) != (own.next_report_on is not None):
        yield Fault("1.2(f)", "belongs to initial and follow-up reports, which need it")
    elif own.next_report_on is not None and own.next_report_on <= own.submitted_on:
        yield Fault("1.2(f)", "is not after this report's day (1.2(a))")


def _span(number: str, span: Span | None) -> Iterator[Fault]:
    if span is not None and span.last < span.first:
        yield Fault(number, "ends before it begins")


def _references(mir: Mir) -> Iterator[Fault]:
    own = mir.administration
    if own.type in ("follow_up", "final", "final_not_reportable") and own.agency_reference is None:
        yield Fault("1.1(c)", "is needed of a follow-up or final report: Unknown where the agency gave none")
    if own.submitter == "other" and own.submitter_role is None:
        yield Fault("1.3.1(a)", "needs the role of a submitter that is neither manufacturer nor representative")
    if not own.reference.strip():
        yield Fault("1.3.1(b)", "is needed: the manufacturer's own number of the incident")


def _submitter(mir: Mir) -> Iterator[Fault]:
    own = mir.administration
    if own.submitter == "authorised_representative" and own.representative is None:
        yield Fault("1.3.3", "is needed, for the representative submits the report")
    if (own.submitter == "other") != (own.other_submitter is not None):
        yield Fault("1.3.4", "goes with another submitter")
    for number, one in (
        ("1.3.2", own.manufacturer),
        ("1.3.3", own.representative),
        ("1.3.4", own.other_submitter),
    ):
        if one is not None and not _COUNTRY.fullmatch(one.country):
            yield Fault(number, "has a country that is no code of two capitals")


def _device(mir: Mir) -> Iterator[Fault]:
    own = mir.device
    for number, udi in (("2.1(a)", own.udi_di), ("2.1(c)", own.basic_udi_di), ("2.1(d)", own.unit_of_use_udi_di)):
        yield from _issued(number, udi)
    if own.udi_pi is not None and own.udi_di is None:
        yield Fault("2.1(b)", "says which piece of a device that 2.1(a) does not name")
    if (own.nomenclature is None) != (own.nomenclature_code is None):
        yield Fault("2.2(b)", "goes with the nomenclature (2.2(a))")
    if (own.nomenclature == "other") != (own.nomenclature_other is not None):
        yield Fault("2.2(a)", "goes with the name of a nomenclature that is none of the named")
    for span in (own.implanted, own.explanted):
        yield from _span("2.3", span)
    if own.implanted and own.explanted and own.explanted.last < own.implanted.first:
        yield Fault("2.3", "has a device explanted before it was implanted")
    if len(own.notified_bodies) > 2:  # noqa: PLR2004 - the form has two places
        yield Fault("2.3(p)", "has more than two notified bodies")
    if not all(_COUNTRY.fullmatch(country) for country in own.distributed_in):
        yield Fault("2.5(a)", "has a country that is no code of two capitals")


def _issued(number: str, udi: Udi | None) -> Iterator[Fault]:
    if udi is not None and udi.entity not in _ENTITIES:
        yield Fault(number, f"is issued by none of {', '.join(_ENTITIES)}")


def _incident(mir: Mir) -> Iterator[Fault]:
    own = mir.incident
    yield from _coded("3.2(a)", "A", own.problems, most=6, needed=True)
    yield from _coded("3.3(a)", "E", own.signs, most=6, needed=True)
    yield from _coded("3.3(a)", "F", own.impacts, most=6, needed=True)
    for number, value in (
        ("3.2(b)", own.patients),
        ("3.3(b)", own.age_years),
        ("3.3(d)", own.weight_kg),
        ("3.3(e)", own.height_cm),
    ):
        if value is not None and value < 0:
            yield Fault(number, "is below nought")
    if own.facility_country is not None and not _COUNTRY.fullmatch(own.facility_country):
        yield Fault("3.4", "has a country that is no code of two capitals")


def _coded(number: str, annex: str, codes: Codes, *, most: int | None = None, needed: bool = False) -> Iterator[Fault]:
    """Codes are carried as given: that they are of their annex is seen, not whether they are in that version."""
    if needed and not codes.codes and codes.missing is None:
        yield Fault(number, f"needs a code of annex {annex}, or what there is no code for")
    if codes.codes and codes.version is None:
        yield Fault(number, f"has codes of annex {annex} without the version that they are of")
    if len(set(codes.codes)) != len(codes.codes):
        yield Fault(number, f"has a code of annex {annex} twice")
    if most is not None and len(codes.codes) > most:
        yield Fault(number, f"has more than {most} codes of annex {annex}")
    wanted = re.compile(rf"{annex}[0-9]{{{_BRIEFEST_DIGITS},{_LONGEST_DIGITS}}}")
    if not all(wanted.fullmatch(one) for one in codes.codes):
        yield Fault(number, f"has a code that is none of annex {annex}")


def _analysis(mir: Mir) -> Iterator[Fault]:
    own, kind = mir.analysis, mir.administration.type
    if kind in ("initial", "follow_up", "combined") and own.preliminary is None:
        yield Fault("4.1", "needs the preliminary results and conclusions")
    if mir.concludes and own.root_causes is None:
        yield Fault("4.2(a)", "is needed of a final report")
    if (kind == "final_not_reportable") != (own.not_reportable_because is not None):
        yield Fault("4.2(b)", "belongs to the final report of what is not reportable, which needs it")
    if mir.concludes and own.root_cause_confirmed is None:
        yield Fault("4.2(c)", "is needed of a final report")
    if mir.concludes and own.risk_reviewed is None:
        yield Fault("4.2(d)", "is needed of a final report")
    if own.risk_reviewed is False and own.not_reviewed_because is None:
        yield Fault("4.2(d)", "needs the reason why the risk assessment was not reviewed")
    if own.risk_reviewed and own.risk_adequate is None:
        yield Fault("4.2(d)", "needs whether the risk assessment is adequate")
    yield from _coded("4.2(e)", "B", own.investigations, most=8, needed=mir.concludes)
    yield from _coded("4.2(e)", "C", own.findings, needed=mir.concludes)
    yield from _coded("4.2(e)", "D", own.conclusions, needed=mir.concludes)
    yield from _coded("4.2(f)", "G", own.components, most=6, needed=mir.concludes)
    if own.actions is not None and own.schedule is None:
        yield Fault("4.2(h)", "is needed where there are actions (4.2(g))")


def _similar(mir: Mir) -> Iterator[Fault]:
    own = mir.analysis.similar
    if own is None:
        if mir.concludes:
            yield Fault("4.3.3", "is needed of a final report")
        return
    if (own.counted_by == "other") != (own.counted_by_other is not None):
        yield Fault("4.3.3(b)", "goes with what is counted otherwise")
    if own.cumulative and own.counted_by in NOT_CUMULATIVE:
        yield Fault("4.3.3(b)", "is counted in a way that may not be added up over the periods")
    if len(own.periods) != _PERIODS:
        yield Fault("4.3.3(c)", f"has not {_PERIODS} periods")
    yield from _periods(mir, own)


def _periods(mir: Mir, own: SimilarIncidents) -> Iterator[Fault]:
    number = "4.3.3(c)"
    for period in own.periods:
        if period.last < period.first:
            yield Fault(number, "has a period that ends before it begins")
        for what in ("incidents", "devices"):
            country, eea, world = (getattr(one, what) for one in (period.country, period.eea, period.world))
            if not 0 <= country <= eea <= world:
                yield Fault(number, f"has {what} of a country or of the EEA that are more than all of them")
    for later, earlier in pairwise(own.periods):
        if earlier.last >= later.first:
            yield Fault(number, "has periods that overlap, or not the latest first")
        if own.cumulative and earlier.world.devices > later.world.devices:
            yield Fault(number, "has devices added up over the periods that become fewer")
    if own.periods and own.periods[0].last > mir.administration.submitted_on:
        yield Fault(number, "has a period that ends after this report's day (1.2(a))")
