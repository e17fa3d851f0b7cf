"""Random submissions to the registries of `tests.journey_registries`: so few persons, ids and days that they meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from schemas.definition.form import OPT_OUT
from schemas.version import version_of
from tests.journey_registries import registry
from tests.journey_support import DAY_2000, DAY_MS
from tests.reference_journeys import Submission

if TYPE_CHECKING:
    from schemas.definition.form import FormField

PATIENTS = ("p", "q")
IDS = ("1", "2", "3")
#: New year 2000 and the days about it: a month, a quarter and a year begin, then a month alone, then a quarter.
DAYS = (*range(DAY_2000 - 3, DAY_2000 + 4), DAY_2000 + 31, DAY_2000 + 91)
MOMENTS = [day * DAY_MS + more for day in DAYS[:-2] for more in (0, DAY_MS - 1)]
#: How much later than its day began a registration is recorded, in milliseconds: that day or another, one before too.
RECORDED_LATER = (0, 0, 1, DAY_MS - 1, DAY_MS, 3 * DAY_MS, -1)

VALUES: dict[str, list[Any]] = {
    "string": ["", "A"],
    "int": [-1, 0, 1, 2, 3],
    "long": [-1, 2**53, 2**53 + 1, 500_000_000_000, 1_500_000_000_000],
    "float": [-1.0, -0.15000000596046448, -0.0, 0.45000001788139343, 1.0],
    "double": [-0.25, 0.0, 0.05, 0.1, 49.95, 50.0],
    "boolean": [False, True],
    "date": list(DAYS),
    "timestamp": [*MOMENTS, -1, 0],
}
#: What a field is drawn from where its kind says too little.
FIELDS: dict[str, list[Any]] = {
    "unit": ["U1", "U2"],
    "side": ["left", "right"],
    "cup": ["A", "B"],
    "stem": ["S"],
    "operation_id": list(IDS),
    "risk_id": list(IDS),
    "extreme": [-1.7976931348623157e308, -0.0, 5e-324, 1e-7, 1 / 3, 2.0**53, 1e16, 2.5e22],
    "removed": ["cup", "stem"],
    "codes": ["x", "y"],
    "drug": ["", "a", "abc", "b"],
    "area": ["hip", "heel"],
    "birth_year": [1949, 1950, 1959, 1960],
}
KEPT_BY_ALL = ("registration_id", "patient", "occurred_on", "recorded_at", "retracted")


def values_of(declared: FormField) -> st.SearchStrategy[Any]:
    values = st.sampled_from(FIELDS.get(declared.name, VALUES[declared.kind]))
    if declared.repeated:
        return st.lists(values, max_size=2)
    return st.none() | values if declared.nullable else values


@cache
def bodies(name: str, form: str) -> st.SearchStrategy[dict[str, Any]]:
    """What a registration of the form says, but for what every form has."""
    fields = [one for one in registry(name).forms[form].fields if one.name not in KEPT_BY_ALL]
    return st.fixed_dictionaries({one.name: values_of(one) for one in fields})


@dataclass(frozen=True)
class Move:
    """One submission to come: of these fields, or what an earlier one said (as many submissions back)."""

    form: str
    patient: str
    registration_id: str
    day: int
    retracted: bool
    fields: dict[str, Any]
    again: int | None = None
    moved: bool = False
    recorded_ms: int = 0


@cache
def moves(name: str) -> st.SearchStrategy[Move]:
    """New registrations, duplicates, corrections (of all, or of the day alone), retractions, opting out and back."""
    patients, ids, days = st.sampled_from(PATIENTS), st.sampled_from(IDS), st.sampled_from(DAYS)
    retracted = st.sampled_from([False] * 6 + [True])
    forms = [form for form in registry(name).forms if form != OPT_OUT]
    new = st.sampled_from(forms).flatmap(
        lambda form: st.builds(
            Move,
            st.just(form),
            patients,
            ids,
            days,
            retracted,
            bodies(name, form),
            st.just(None),
            st.just(False),
            st.sampled_from(RECORDED_LATER),
        )
    )
    again = st.builds(
        lambda back, day, moved, retracted: Move("", "", "", day, retracted, {}, back, moved),
        st.integers(0, 5), days, st.booleans(), retracted,
    )  # fmt: skip
    kinds = [new, new, new, again]
    if OPT_OUT in registry(name).forms:
        opt_outs = st.builds(
            Move, st.just(OPT_OUT), patients, st.sampled_from(IDS[:2]), days, st.booleans(), st.just({})
        )
        kinds.append(opt_outs)
    return st.one_of(kinds)


@st.composite
def histories(draw: st.DrawFn, name: str) -> list[Submission]:
    """Submissions with the versions that a log gives: with gaps, and from somewhere on in a new epoch."""
    submissions: list[Submission] = []
    new_epoch = draw(st.integers(0, 25))
    length = draw(st.integers(1, 25))  # a list's own length is mostly short
    for number, move in enumerate(draw(st.lists(moves(name), min_size=length, max_size=length))):
        version = version_of(1, 2 * (number - new_epoch)) if number >= new_epoch else version_of(0, number)
        if move.again is not None and not submissions:
            continue
        if move.again is not None:
            earlier = submissions[max(0, len(submissions) - 1 - move.again)]
            said = {"occurred_on": move.day} if move.moved else {}
            said |= {"retracted": True} if move.retracted else {}
            retracted = earlier.retracted or move.retracted
            again = replace(earlier, version=version, retracted=retracted, fields={**earlier.fields, **said})
            submissions.append(again)
            continue
        fields = {
            "registration_id": move.registration_id,
            "patient": move.patient,
            "occurred_on": move.day,
            "recorded_at": move.day * DAY_MS + move.recorded_ms,
            "retracted": move.retracted,
            **move.fields,
        }
        submissions.append(Submission(version, move.form, move.patient, move.registration_id, move.retracted, fields))
    return submissions
