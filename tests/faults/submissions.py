"""What is submitted in the drills: the demo's hip history, and on top of it all that people do afterwards.

Corrections that move a registration to another cell, retractions, what is sent twice, opt-outs and their lifting,
reoperations with a reference that fits, fits nothing or is not there; all in an order that nobody planned. The same
size gives the same submissions.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from deploy.demo.history import HistoryPlan, generate
from schemas.codec import wire_header
from schemas.definition.folder import load_registries
from tests.support import patient, present_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Body = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REOPERATED = 0.12
_TWICE = 0.08
_CORRECTED = 0.15
_RETRACTED = 0.06
_OPTED_OUT = 0.04
_LATER = 2_000  # how many submissions later a slip follows, at most
_JITTER = 300


@dataclass(frozen=True, slots=True)
class Submission:
    """One message, and what a drill must know of it: its form, and whether it is to be refused."""

    form: str
    faulty: bool
    key: bytes
    value: bytes


@cache
def submissions(operations: int) -> Sequence[Submission]:
    """The submissions about so many operations, in the order of sending; they are about twice as many."""
    share = operations // 50
    plan = HistoryPlan(
        primaries=operations, corrections=share, duplicates=share, retractions=share, faulty=40, unresolved=share,
        emigrations=share, opt_outs=share, lifted=share // 2,
    )  # fmt: skip
    history = generate(plan)
    dice = random.Random(operations)
    placed: list[tuple[float, str, Body]] = []
    for number, row in enumerate(history.rows):
        body = _avro({**row})
        form = body.pop("form")
        placed.append((number + dice.uniform(0, _JITTER), form, body))
        if body["registration_id"] not in history.faulty_ids:
            placed += ((number + dice.uniform(0, _LATER), *slip) for slip in _slips(dice, form, body))
    placed.sort(key=lambda one: one[0])
    definition = load_registries()["hip"]
    sent = []
    for _, form, body in placed:
        schema = present_schema(definition, form)
        faulty = body["registration_id"] in history.faulty_ids
        value = wire_header(schema.schema_id) + schema.encode(body)
        sent.append(Submission(form, faulty, str(body["patient"]).encode(), value))
    return sent


def _slips(dice: random.Random, form: str, body: Body) -> Iterator[tuple[str, Body]]:
    """What else comes because of a registration, before it or after it, in any order."""
    if form == "primary_operation" and dice.random() < _REOPERATED:
        yield "reoperation", _reoperation(dice, body)
    if form != "opt_out" and dice.random() < _OPTED_OUT:
        yield from _opting_out(dice, form, body)
    if dice.random() < _TWICE:
        yield form, body
    if dice.random() < _CORRECTED:
        yield form, _corrected(dice, form, body)
    if dice.random() < _RETRACTED:
        yield form, {**body, "retracted": True}
        if dice.random() < 0.5:
            yield form, _corrected(dice, form, body)


def _opting_out(dice: random.Random, form: str, body: Body) -> Iterator[tuple[str, Body]]:
    """An opt-out or two, mostly lifted, and sometimes what was registered again."""
    for number in range(dice.choice((1, 1, 2))):
        opt_out = {
            "registration_id": f"N{number}-{body['registration_id']}",
            "patient": body["patient"],
            "occurred_on": body["occurred_on"],
            "recorded_at": body["recorded_at"],
            "retracted": False,
        }
        yield "opt_out", opt_out
        if dice.random() < 0.7:
            yield "opt_out", {**opt_out, "retracted": True}
    if dice.random() < 0.5:
        yield form, body


def _reoperation(dice: random.Random, operation: Body) -> Body:
    own = operation["registration_id"]
    return {
        "registration_id": f"S-{own}",
        "patient": operation["patient"],
        "unit": operation["unit"],
        "occurred_on": operation["occurred_on"] + dice.randint(-60, 900),
        "recorded_at": operation["recorded_at"],
        "retracted": False,
        "side": dice.choice(("left", "right")),
        "reason": dice.choice(("loosening", "infection", "pain")),
        "procedure": "NFC99",
        "components_removed": dice.sample(["cup", "stem", "head"], dice.randint(0, 3)),
        "primary_registration_id": dice.choice((own, own, None, None, "never-registered")),
        "new_cup": dice.choice((None, operation["cup"])),
        "new_stem": dice.choice((None, operation["stem"])),
        "new_head": None,
    }


def _corrected(dice: random.Random, form: str, body: Body) -> Body:
    """Other content, of a kind that changes cells, exposures or lists."""
    day = {"occurred_on": body["occurred_on"] + dice.randint(-200, 200)}
    changes: list[Body] = [day]
    if form in ("primary_operation", "reoperation"):
        changes.append({"side": "left" if body["side"] == "right" else "right"})
    if form == "primary_operation":
        changes += [
            {"sex": "female" if body["sex"] == "male" else "male"},
            {"age": dice.randint(40, 95)},
            {"cup": dice.choice(("CUP01", "CUP02", "CUP03"))},
            {"fixation": dice.choice(("cemented", "uncemented", "hybrid"))},
            {"recorded_at": body["recorded_at"] + 86_400_000 * dice.randint(1, 60)},
        ]
    if form == "reoperation":
        changes += [{"primary_registration_id": None}, {"components_removed": ["cup"]}, {"new_cup": None}]
    return {**body, **dice.choice(changes)}


def _avro(row: dict[str, Any]) -> Body:
    """A history's row in Avro's own numbers, of a person with a pseudonym."""
    number = int(row.pop("person").lstrip("P"))
    return {"patient": patient(number), **{name: _number(value) for name, value in row.items()}}


def _number(value: object) -> object:
    if isinstance(value, datetime):
        return int((value - _EPOCH).total_seconds() * 1000)
    if isinstance(value, date):
        return (value - _EPOCH.date()).days
    return value
