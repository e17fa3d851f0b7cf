"""The facts that e2br3, a reader by others, finds in a message, in our model's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import e2br3

from sinks.agency.icsr.values import Moment, NullFlavor

if TYPE_CHECKING:
    from sinks.agency.icsr.model import Batch, Case, Drug, Reaction

_SERIOUSNESS = {
    "death": "results_in_death",
    "life_threatening": "life_threatening",
    "hospitalisation": "hospitalisation",
    "disabling": "disabling",
    "congenital_anomaly": "congenital_anomaly",
    "medically_important": "other_medically_important",
}


def ours(batch: Batch) -> dict[str, Any]:
    """What the model holds of what e2br3 reads."""
    return {
        "N.1.1": batch.kind,
        "N.1.2": batch.number,
        "N.1.3": batch.sender,
        "N.1.4": batch.receiver,
        "N.1.5": _plain(batch.transmitted),
        "N.2.r": [
            {
                "N.2.r.1": message.identifier,
                "N.2.r.2": message.sender,
                "N.2.r.3": message.receiver,
                "N.2.r.4": _plain(message.created),
                **(_our_case(message.case) if message.case else {}),
            }
            for message in batch.messages
        ],
    }


def theirs(xml: bytes) -> dict[str, Any]:
    """The same, as e2br3 reads it."""
    batch = e2br3.parse(xml)
    return {
        "N.1.1": _code(batch.batch_type),
        "N.1.2": batch.batch_number,
        "N.1.3": batch.sender,
        "N.1.4": batch.receiver,
        "N.1.5": _moment(batch.transmission_date),
        "N.2.r": [
            {
                "N.2.r.1": message.message_id,
                "N.2.r.2": message.sender,
                "N.2.r.3": message.receiver,
                "N.2.r.4": _moment(message.creation_date),
                **_their_case(message.icsr),
            }
            for message in batch.messages
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, NullFlavor):
        return f"null {value.value}"
    return value.text if isinstance(value, Moment) else value


def _our_case(case: Case) -> dict[str, Any]:
    patient = case.patient
    assert patient is not None
    age = patient.age
    return {
        "C.1.1": case.report_id,
        "C.1.2": _plain(case.created),
        "C.1.3": case.report_type,
        "C.1.4": _plain(case.first_received),
        "C.1.5": _plain(case.most_recent),
        "C.1.8.1": case.worldwide_id,
        "C.1.11": (case.nullification, case.nullification_reason),
        "C.2.r": [(_plain(source.country), _plain(source.qualification)) for source in case.sources],
        "C.4.r": [
            (_plain(one.reference), one.attachment.media_type if one.attachment else None) for one in case.literature
        ],
        "D.1": _plain(patient.name),
        "D.2.2": (age.value, age.unit) if age else None,
        "D.5": _plain(patient.sex),
        "E.i": [_our_reaction(reaction) for reaction in case.reactions],
        "G.k": [_our_drug(drug) for drug in case.drugs],
        "H.1": case.narrative,
    }


def _our_reaction(reaction: Reaction) -> dict[str, Any]:
    return {
        "E.i.1": (reaction.native_text, reaction.native_language, reaction.translation),
        "E.i.2.1": (reaction.term.code, reaction.term.version) if reaction.term else None,
        "E.i.3.2": [_plain(getattr(reaction, name)) for name in _SERIOUSNESS],
        "E.i.4": _plain(reaction.start),
        "E.i.5": _plain(reaction.end),
        "E.i.7": reaction.outcome,
    }


def _our_drug(drug: Drug) -> dict[str, Any]:
    return {
        "G.k.1": drug.role,
        "G.k.2.2": drug.name,
        "G.k.2.3.r.1": [substance.name for substance in drug.substances],
        "G.k.4.r": [
            (
                dosage.text,
                _plain(dosage.route),
                (dosage.route_term.code, dosage.route_term.version) if dosage.route_term else (None, None),
            )
            for dosage in drug.dosages
        ],
        "G.k.8": drug.action,
        "G.k.9.i": [
            (entry.reaction, [(one.source, one.method, one.result) for one in entry.assessments])
            for entry in drug.matrix
            if entry.assessments
        ],
    }


def _null(value: Any) -> str | None:
    return f"null {value.null_flavor.value}" if isinstance(value, e2br3.Null) else None


def _value(value: Any) -> Any:
    return _null(value) or value


def _code(value: Any) -> Any:
    return _null(value) or (None if value is None else value.code)


def _words(value: Any) -> Any:
    """The original text of a code."""
    return _null(value) or (None if value is None else value.original_text)


def _moment(value: Any) -> Any:
    return _null(value) or (None if value is None else value.raw)


def _their_case(icsr: e2br3.ICSR) -> dict[str, Any]:
    patient = icsr.patient
    return {
        "C.1.1": icsr.safety_report_id,
        "C.1.2": _moment(icsr.creation_date),
        "C.1.3": _code(icsr.report_type),
        "C.1.4": _moment(icsr.first_received_date),
        "C.1.5": _moment(icsr.most_recent_date),
        "C.1.8.1": icsr.worldwide_case_id,
        "C.1.11": (_code(icsr.nullification_amendment), icsr.nullification_reason),
        "C.2.r": [(_code(one.country), _code(one.qualification)) for one in icsr.primary_sources],
        "C.4.r": [
            (_value(one.reference), one.document.media_type if one.document else None) for one in icsr.literature
        ],
        "D.1": _value(patient.name),
        "D.2.2": (patient.age.value, patient.age.unit) if patient.age else None,
        "D.5": _code(patient.sex),
        "E.i": [_their_reaction(reaction) for reaction in icsr.reactions],
        "G.k": [_their_drug(drug) for drug in icsr.drugs],
        "H.1": icsr.narrative,
    }


def _their_reaction(reaction: e2br3.Reaction) -> dict[str, Any]:
    return {
        "E.i.1": (reaction.native_term, reaction.native_language, reaction.translated_term),
        "E.i.2.1": (reaction.meddra_code, reaction.meddra_version),
        "E.i.3.2": [_value(getattr(reaction, name)) for name in _SERIOUSNESS.values()],
        "E.i.4": _moment(reaction.start_date),
        "E.i.5": _moment(reaction.end_date),
        "E.i.7": _code(reaction.outcome),
    }


def _their_drug(drug: e2br3.Drug) -> dict[str, Any]:
    return {
        "G.k.1": _code(drug.role),
        "G.k.2.2": drug.product_name,
        "G.k.2.3.r.1": drug.substances,
        "G.k.4.r": [
            (
                dosage.text,
                _value(dosage.route_text),
                (dosage.route.code, dosage.route.code_system_version) if dosage.route else (None, None),
            )
            for dosage in drug.dosages
        ],
        "G.k.8": _code(drug.action_taken),
        "G.k.9.i": [
            (entry.reaction_index, [(_words(one.source), _words(one.method), one.result) for one in entry.assessments])
            for entry in drug.relatedness
        ],
    }
