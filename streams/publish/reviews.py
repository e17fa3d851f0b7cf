"""What people say of signals, carriers and notices: made into messages, checked, and sent.

A clinic says how it stands with its carriers in a file; nothing of it is sent unless every row is right.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from schemas import topics
from schemas.definition.coverage_checks import UNITS
from schemas.review import (
    ANSWER,
    CARRIER,
    CLOSED,
    DECISION,
    MOVED,
    NOTICE,
    STATES,
    follows,
    group_of,
    review_faults,
    signal_id,
)
from streams.publish.errors import InputError
from streams.publish.send_events import send_events
from streams.publish.whole_file import FileRefusedError, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from streams.control import KafkaConfig

COLUMNS = ("registration_id", "state")
OPTIONAL_COLUMNS = ("unit", "note")
_1970 = date(1970, 1, 1)
_NOTICES = uuid.UUID("0b7a51c4-6d0f-5e0a-9a86-4f0f6a0b1f6e")  # the name space of notices' ids
_NOTHING: Mapping[str, Any] = {
    "reason": None, "note": None, "patient": None, "registration_id": None, "unit": None, "partition": None,
    "exposure_version": None, "lots": [], "udi_di": None, "first_day": None, "last_day": None, "issued_by": None,
    "reference": None, "company": None, "statement": None, "notice": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says it, and when, in milliseconds since 1970."""

    by: str
    said_at: int


@dataclass(frozen=True, slots=True)
class About:
    """A signal or notice, its monitor group and product."""

    about: str
    group: str
    product: str


@dataclass(frozen=True, slots=True)
class Known:
    """A carrier as the readings know it.

    Attributes:
        patient: pseudonym.
        registration_id: with which the product was put in.
        unit: the unit that answers for the person.
        partition: partition of the submissions that the exposure comes from.
        version: the version of the exposure.
    """

    patient: str
    registration_id: str
    unit: str
    partition: int
    version: int


@dataclass(frozen=True, slots=True)
class StateTold:
    """How it stands with the carrier of a registration; with moved, the unit moved to, else whose word it is."""

    registration_id: str
    state: str
    unit: str | None = None
    note: str | None = None


def about_signal(definition: RegistryDefinition, text: str) -> About:
    """The signal that a text names: its monitor, which is called as its group where there is but one; or its pair.

    Raises:
        InputError: it names none of this registry.
    """
    signal = signal_id(text)
    if signal is None:
        raise InputError(f"{text} is no signal: write group/product/number, say cup/CUP01/0")
    groups, monitors = definition.monitors.exposures, definition.monitors.monitors
    group = monitors[signal.group].exposures if signal.group in monitors else signal.group
    pairs = definition.monitors.disproportionality
    if group not in groups and group not in pairs:
        known = ", ".join({**monitors, **groups, **pairs})
        raise InputError(f"{text}: {definition.name} has no monitor group {signal.group}; it has {known}")
    if not follows(definition, group, signal.product):
        raise InputError(f"{text}: {signal.product} is no product of the group {group}; see its catalogue")
    return About(str(signal), group, signal.product)


def decision(
    about: About, state: str, speaker: Speaker, *, reason: str | None = None, note: str | None = None
) -> dict[str, Any]:
    """The record of a decision: taken_up, confirmed, or closed with its reason.

    Raises:
        InputError: it breaks a rule.
    """
    if state == CLOSED and not (reason or "").strip():
        raise InputError(f"{about.about} can be closed with a reason only: say --reason")
    return _checked(_said(about, DECISION, state, speaker) | {"reason": reason or None, "note": note or None})


def carrier_state(
    definition: RegistryDefinition, about: About, carrier: Known, told: StateTold, speaker: Speaker
) -> dict[str, Any]:
    """The record of how it stands with one carrier.

    Raises:
        InputError: it breaks a rule, or names a unit that is none.
    """
    if faults := list(_state_faults(told, _units(definition), carrier)):
        raise InputError("; ".join(faults))
    record = _said(about, CARRIER, told.state, speaker) | {
        "note": told.note or None,
        "patient": carrier.patient,
        "registration_id": carrier.registration_id,
        "unit": told.unit or carrier.unit or None,
        "partition": carrier.partition,
        "exposure_version": carrier.version,
    }
    return _checked(record)


def carrier_states(
    path: Path, definition: RegistryDefinition, about: About, carriers: Iterable[Known], speaker: Speaker
) -> list[dict[str, Any]]:
    """The records that a file says: a CSV file with ``COLUMNS`` and, where wanted, ``OPTIONAL_COLUMNS``.

    Raises:
        InputError: the file cannot be read, or its header is another.
        FileRefusedError: rows are wrong, each named by its line.
    """
    by_registration: dict[str, list[Known]] = {}
    for one in carriers:
        by_registration.setdefault(one.registration_id, []).append(one)
    records: list[dict[str, Any]] = []
    faults: list[str] = []
    first_lines: dict[str, int] = {}
    for line, row in read_rows(path, COLUMNS, OPTIONAL_COLUMNS):
        if isinstance(row, str):
            faults.append(f"line {line}: {row}")
            continue
        told = StateTold(row["registration_id"], row["state"], row["unit"] or None, row["note"] or None)
        if (first := first_lines.setdefault(told.registration_id, line)) != line:
            faults.append(f"line {line}: the registration is that of line {first}")
            continue
        try:
            carrier = the_carrier(by_registration, told.registration_id)
            records.append(carrier_state(definition, about, carrier, told, speaker))
        except InputError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        raise FileRefusedError(path, faults)
    return records


def the_carrier(
    by_registration: Mapping[str, Sequence[Known]], registration_id: str, patient: str | None = None
) -> Known:
    """The one carrier of a registration; with the pseudonym, where two patients' registrations have the same id.

    Raises:
        InputError: there is none, or more than one.
    """
    of_registration = by_registration.get(registration_id, ())
    found = [one for one in of_registration if patient in (None, one.patient)]
    if len(found) == 1:
        return found[0]
    if len({one.patient for one in found}) > 1:
        whose = "say whose with --patient, or whose list it is with --unit"
        raise InputError(f"registration {registration_id} is of several carriers: {whose}")
    if found:  # one registration with two of the product: one call
        return max(found, key=lambda one: one.version)
    whose = f" of {patient}" if patient else ""
    raise InputError(f"registration {registration_id}{whose} is of no carrier: `guldadra trace` lists them")


def notice(
    definition: RegistryDefinition,
    product: str,
    speaker: Speaker,
    *,
    issued_by: str,
    reference: str,
    lots: Sequence[str] = (),
    udi_di: str | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    note: str | None = None,
) -> dict[str, Any]:
    """The record of a field safety notice; the same notice has the same id, and opens its lists once.

    Raises:
        InputError: it breaks a rule, or nobody follows such a product.
    """
    group = group_of(definition, product)
    if group is None:
        raise InputError(f"{definition.name} follows no product {product}: write its code as the catalogue has it")
    _refuse_other_udi(definition, product, udi_di)
    days = [None if day is None else (day - _1970).days for day in (first_day, last_day)]
    said = {
        "lots": sorted(set(lots)),
        "udi_di": udi_di,
        "first_day": days[0],
        "last_day": days[1],
        "issued_by": issued_by,
        "reference": reference,
    }
    identity = str(uuid.uuid5(_NOTICES, json.dumps([definition.name, product, *said.values()])))
    about = About(identity, group, product)
    return _checked(_said(about, NOTICE, STATES[NOTICE][0], speaker, identity) | said | {"note": note or None})


def answer(
    about: About, state: str, speaker: Speaker, *, company: str, statement: str | None = None, notice: str | None = None
) -> dict[str, Any]:
    """The record of what a company answers: that it knows of a signal, what it states, which notice it ties to it.

    Whose product it is, and that the company may speak, is for the caller to see to.

    Args:
        about: the signal.
        state: acknowledged, stated or tied.
        speaker: who says it for the company.
        company: its code.
        statement: what it states.
        notice: a field safety notice, by its id.

    Raises:
        InputError: it breaks a rule.
    """
    said = {"company": company, "statement": statement or None, "notice": notice or None}
    return _checked(_said(about, ANSWER, state, speaker) | said)


def send_reviews(
    kafka: KafkaConfig,
    definition: RegistryDefinition,
    records: Sequence[Mapping[str, Any]],
    on_sent: Callable[[int], None] = lambda _: None,
) -> int:
    """Send what was said, and wait until the broker has it all; the life of the log it was sent in.

    Args:
        kafka: librdkafka's settings.
        definition: the registry.
        records: as the functions here make them; any may be sent again.
        on_sent: told how many the broker has, now and then.

    Raises:
        RegistryClosedError: the registry may not be published to; the message says what to do.
        BrokerError: the broker does not answer, or did not take everything.
    """
    keyed = [(str(record["group"]), record) for record in records]
    return send_events(kafka, definition, topics.reviews(definition.name), "review", keyed, on_sent=on_sent)


def _said(about: About, kind: str, state: str, speaker: Speaker, identity: str | None = None) -> dict[str, Any]:
    return {
        **_NOTHING,
        "id": identity or str(uuid.uuid4()),
        "said_at": speaker.said_at,
        "by": speaker.by,
        "kind": kind,
        "state": state,
        "about": about.about,
        "group": about.group,
        "product": about.product,
    }


def _checked(record: dict[str, Any]) -> dict[str, Any]:
    if faults := review_faults(record):
        raise InputError("; ".join(map(str, faults)))
    return record


def _state_faults(told: StateTold, units: frozenset[str] | None, carrier: Known) -> Iterator[str]:
    if told.state not in STATES[CARRIER]:
        yield f"state {told.state!r} is none of {', '.join(STATES[CARRIER])}"
    if told.unit and units is not None and told.unit not in units:
        yield f"unit {told.unit!r} is not in the catalogue of units"
    if told.state == MOVED and (told.unit or carrier.unit) == carrier.unit:
        yield "moved needs the unit that the carrier has moved to, another than before"


def _units(definition: RegistryDefinition) -> frozenset[str] | None:
    return definition.catalogues[UNITS].codes() if UNITS in definition.catalogues else None


def _refuse_other_udi(definition: RegistryDefinition, product: str, udi_di: str | None) -> None:
    for catalogue in definition.catalogues.values():
        known = catalogue.rows.get(product, {}).get("udi_di", "")
        if udi_di and known and known != udi_di:
            raise InputError(f"the catalogue has UDI-DI {known} for {product}, not {udi_di}: which of them is meant?")
