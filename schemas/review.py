"""What may be said of a signal or a field safety notice, and the rules that its message must satisfy.

A registry decides, a clinic says how it stands with its carriers, a company answers about its own product. An answer
changes nothing of a signal: that takes a decision.

Whoever sends a ``Review`` and whoever loads it read the same rules: the one so that a person learns at once, the
other because anybody may write to a topic. A fault names field and rule, never the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.company import is_company_code
from schemas.definition.coverage_checks import UNITS
from schemas.definition.monitors import BETWEEN, OF
from schemas.identity import PSEUDONYM, hides_identity_number
from schemas.rules import DAYS_HELD, LONGEST_TEXT, MOMENTS_HELD, Fault, check_of
from schemas.subjects import MAKERS, products_of, subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from schemas.definition.registry import RegistryDefinition

DECISION, CARRIER, NOTICE, ANSWER = "decision", "carrier", "notice", "answer"
CONFIRMED, CLOSED = "confirmed", "closed"
TO_CALL, CHECKED, MOVED, DEAD = "to_call", "checked", "moved", "dead"
ACKNOWLEDGED, STATED, TIED = "acknowledged", "stated", "tied"
STATES: Mapping[str, tuple[str, ...]] = {
    DECISION: ("taken_up", CONFIRMED, CLOSED),
    CARRIER: (TO_CALL, "called", CHECKED, "declined", "not_found", MOVED, DEAD),
    NOTICE: ("issued",),
    ANSWER: (ACKNOWLEDGED, STATED, TIED),
}
"""The states of each kind."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIGNAL = re.compile(r"([^/]+)/(.+)/([0-9]{1,9})", re.DOTALL)
_NEEDED: Mapping[str, tuple[str, ...]] = {
    DECISION: (),
    CARRIER: ("patient", "registration_id", "partition", "exposure_version"),
    NOTICE: ("issued_by", "reference"),
    ANSWER: ("company",),
}
_NEEDED_IN: Mapping[str, str] = {CLOSED: "reason", MOVED: "unit", STATED: "statement", TIED: "notice"}
_OWN: Mapping[str, tuple[str, ...]] = {
    DECISION: ("reason",),
    CARRIER: ("patient", "registration_id", "unit", "partition", "exposure_version"),
    NOTICE: ("lots", "udi_di", "first_day", "last_day", "issued_by", "reference"),
    ANSWER: ("company", "statement", "notice"),
}
_TEXTS = ("by", "reason", "note", "registration_id", "unit", "udi_di", "issued_by", "reference", "statement")
_BOUNDS = {
    "said_at": MOMENTS_HELD,
    "first_day": DAYS_HELD,
    "last_day": DAYS_HELD,
    "partition": (0, 65_535),
    "exposure_version": (0, (1 << 63) - 1),
}


class SignalId(NamedTuple):
    """A signal: monitor group, product or another subject's label, and how many signals of it there were before."""

    group: str
    product: str
    number: int

    def __str__(self) -> str:
        """As people and messages write it: group/product/number."""
        return f"{self.group}/{self.product}/{self.number}"


def signal_id(text: str) -> SignalId | None:
    """The signal that a text names, or None; a label may have a slash or " + " in it."""
    found = _SIGNAL.fullmatch(text)
    return SignalId(found[1], found[2], int(found[3])) if found else None


def is_notice_id(text: str) -> bool:
    """Whether a text has the shape of a notice's id."""
    return _UUID.fullmatch(text) is not None


_NAMES: Sequence[tuple[str, Callable[[str], object], str]] = (
    ("patient", PSEUDONYM.fullmatch, "not a pseudonym"),
    ("company", is_company_code, "no company's code"),
    ("notice", is_notice_id, "no notice's id"),
)
"""Fields that name somebody or something, how they must look, and what is said where they do not."""


def group_of(definition: RegistryDefinition, product: str) -> str | None:
    """The first monitor group that follows such a product, as monitors.yaml and the catalogues have it."""
    return next((group for group in definition.monitors.exposures if _names(definition, group, product)), None)


def follows(definition: RegistryDefinition, group: str, label: str) -> bool:
    """Whether a subject's label is one that the group may have: of a product, or each of a construct's, its form's.

    Of a group of reports it is a drug and a reaction.
    """
    pairs = definition.monitors.disproportionality.get(group)
    if pairs is not None:  # a code may have a colon in it
        places = [place for place, one in enumerate(label) if one == OF]
        names = (pairs.drug, pairs.reaction)
        return any(_may_name(definition, pairs.form, names, (label[:at], label[at + 1 :])) for at in places)
    subject = subject_of(label)
    if subject.kind == "unit":
        units = definition.catalogues.get(UNITS)
        return bool(subject.name) and (units is None or subject.name in units.rows)
    if subject.kind in MAKERS:
        return bool(products_of(definition, group, subject))
    return _names(definition, group, subject.name) and (subject.kind != "lot" or bool(subject.lot))


def _names(definition: RegistryDefinition, group: str, product: str) -> bool:
    exposure = definition.monitors.exposures[group]
    codes = product.split(BETWEEN) if len(exposure.product) > 1 else [product]
    return _may_name(definition, exposure.form, exposure.product, codes)


def _may_name(definition: RegistryDefinition, form: str, names: Sequence[str], codes: Sequence[str]) -> bool:
    if len(codes) != len(names):
        return False
    fields = {one.name: one for one in definition.forms[form].fields}
    checks = [check_of(definition, fields[name]) for name in names]
    return all(check is None or check(code) is None for check, code in zip(checks, codes, strict=True))


def review_faults(record: Mapping[str, Any]) -> list[Fault]:
    """The faults of a ``Review`` in Avro's own numbers; none where it may be sent, and loaded.

    Whether the registry has such a group, product or unit is for the sender to see: of that a later declaration may
    think otherwise, and what was said stays said.
    """
    kind = record["kind"]
    if kind not in STATES:
        return [Fault("kind", f"is none of {', '.join(STATES)}")]
    return [*_identity_faults(record), *_kind_faults(record, kind), *_value_faults(record)]


def _identity_faults(record: Mapping[str, Any]) -> Iterator[Fault]:
    if not is_notice_id(record["id"]):
        yield Fault("id", "is not a UUID in lower case")
    about, signal = record["about"], signal_id(record["about"])
    if record["kind"] == NOTICE and about != record["id"]:
        yield Fault("about", "is not the id, by which the notice is known")
    elif record["kind"] == ANSWER and signal is None:
        yield Fault("about", "is no signal (group/product/number), and a company answers about signals alone")
    elif signal is None and not is_notice_id(about):
        yield Fault("about", "is neither a signal (group/product/number) nor a notice's id")
    elif signal is not None and (signal.group, signal.product) != (record["group"], record["product"]):
        yield Fault("about", "is a signal of another group or product")
    for name in ("by", "group", "product"):
        if not record[name].strip():
            yield Fault(name, "is empty")


def _kind_faults(record: Mapping[str, Any], kind: str) -> Iterator[Fault]:
    if record["state"] not in STATES[kind]:
        yield Fault("state", f"of {_one(kind)} is none of {', '.join(STATES[kind])}")
    needed_now = [name for state, name in _NEEDED_IN.items() if state == record["state"]]
    for name in (*_NEEDED[kind], *needed_now):
        if record[name] is None or not str(record[name]).strip():
            yield Fault(name, f"is needed where {_one(kind)} is {record['state']}")
    for other, names in _OWN.items():
        for name in names if other != kind else ():
            if record[name] not in (None, []):
                yield Fault(name, f"belongs to {_one(other)} alone")


def _one(kind: str) -> str:
    return f"an {kind}" if kind == ANSWER else f"a {kind}"


def _value_faults(record: Mapping[str, Any]) -> Iterator[Fault]:
    for name, is_one, what in _NAMES:
        if record[name] is not None and not is_one(record[name]):
            yield Fault(name, f"is {what}")
    for name, text in (*((name, record[name] or "") for name in _TEXTS), *(("lots", lot) for lot in record["lots"])):
        if len(text) > LONGEST_TEXT:
            yield Fault(name, f"is longer than {LONGEST_TEXT} characters")
        elif hides_identity_number(text):
            yield Fault(name, "holds a personal identity number")
    if not all(lot.strip() for lot in record["lots"]):
        yield Fault("lots", "has an empty one, and would mean what is of no known lot")
    for name, (low, high) in _BOUNDS.items():
        if record[name] is not None and not low <= record[name] <= high:
            yield Fault(name, "lies outside what can be kept")
    if None not in (record["first_day"], record["last_day"]) and record["first_day"] > record["last_day"]:
        yield Fault("last_day", "lies before first_day")
