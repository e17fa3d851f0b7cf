"""Whatever is submitted, and however it is cut, crashed over and given again: the journeys are what a recomputation is.

The recomputation is `tests.reference_journeys`, which works everything out at once and from nothing.
"""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import decode_event
from schemas.definition.form import OPT_OUT
from schemas.topics import exposures
from streams.step import Step
from tests.journey_histories import PATIENTS, histories
from tests.journey_registries import NAMES, registry
from tests.journey_support import Worker, batches_of
from tests.reference_journeys import Submission, counted_from, living, recompute

quick = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])

#: What the worker does next: commits a step or loses it; how many submissions it takes, how many it is given again.
STEPS = st.tuples(
    st.sampled_from(["commit", "commit", "crash"]),
    st.integers(0, 8),
    st.sampled_from([0, 0, 2, 30]),
    st.lists(st.integers(0, 4), max_size=4),
)


def is_right(worker: Worker, name: str, submissions: list[Submission]) -> None:
    """What is kept, and what a reader sees, is what the submissions so far come to."""
    definition = registry(name)
    expected = recompute(definition, submissions)
    theirs = {patient: [one for one in submissions if one.patient == patient] for patient in PATIENTS}
    assert worker.loader.shown() == expected
    assert worker.loader.shown({patient: counted_from(some) for patient, some in theirs.items()}) == expected
    assert worker.kept_cells() == expected.cells
    known = {
        patient
        for patient, some in theirs.items()
        if living(some) or any(one.form == OPT_OUT and not one.retracted for one in some)
    }
    assert worker.kept_patients() == known


def run(name: str, data: st.DataObject) -> None:
    submissions = data.draw(histories(name))
    worker = Worker(name)
    at = 0
    for kind, size, back, cuts in data.draw(st.lists(STEPS, max_size=10)):
        taken = submissions[max(0, at - back) : at + size]
        batches = batches_of(name, taken, cuts)
        if kind == "crash":
            worker.try_step(batches)
            continue
        worker.step(batches)
        at = min(at + size, len(submissions))
        is_right(worker, name, submissions[:at])
    worker.step(batches_of(name, submissions[at:]))
    is_right(worker, name, submissions)


@pytest.mark.parametrize("name", NAMES)
@settings(quick, max_examples=150)
@given(data=st.data())
def test_any_history_however_cut_crashed_and_rewound_comes_to_what_a_recomputation_does(
    name: str, data: st.DataObject
) -> None:
    run(name, data)


@pytest.mark.parametrize("name", NAMES)
@settings(quick, max_examples=80)
@given(data=st.data())
def test_what_was_said_last_of_a_registration_changes_nothing_when_it_is_said_again(
    name: str, data: st.DataObject
) -> None:
    submissions = [one for one in data.draw(histories(name)) if one.form != OPT_OUT]
    last_said = list({(one.form, one.patient, one.registration_id): one for one in submissions}.values())
    worker = Worker(name)
    worker.step(batches_of(name, submissions))
    before = worker.loader.shown()
    highest = max((one.version for one in submissions), default=0)
    sent_again = data.draw(st.permutations(last_said))
    again = [replace(one, version=highest + 1 + place) for place, one in enumerate(sent_again)]
    worker.step(batches_of(name, again))
    assert worker.loader.shown() == before
    assert recompute(registry(name), [*submissions, *again]) == before


@settings(quick, max_examples=150)
@given(data=st.data())
def test_each_exposure_is_said_to_be_made_by_the_submission_that_makes_it_so_when_they_come_one_by_one(
    data: st.DataObject,
) -> None:
    name = "implants"
    submissions = data.draw(histories(name))
    known = data.draw(st.integers(0, len(submissions)))
    one_by_one, together = Worker(name), Worker(name)
    for worker in (one_by_one, together):
        worker.step(batches_of(name, submissions[:known]))
    steps = [one_by_one.step(batches_of(name, [one])) for one in submissions[known:]]
    changed_last = {exposure: version for step in steps for exposure, version in changed_by(step)}
    found = changed_by(together.step(batches_of(name, submissions[known:])))
    # what is in the end as it was before is told of one by one alone
    assert found == [(exposure, changed_last[exposure]) for exposure, _ in found]
    assert [version for _, version in sorted(found, key=lambda one: one[0][0])] == [
        version for group in sorted({exposure[0] for exposure, _ in found}) for version in in_order(found, group)
    ]


def changed_by(step: Step) -> list[tuple[tuple[str, str, str], int]]:
    """The exposures that a step changed, with the version that each is said to be made by, as they are told."""
    batches = [decode_event("exposure_batch", one.value) for one in step.outputs if one.topic == exposures("implants")]
    return [
        ((batch["group"], change["patient"], change["registration_id"]), change["version"])
        for batch in batches
        for change in batch["changes"]
    ]


def in_order(found: list[tuple[tuple[str, str, str], int]], group: str) -> list[int]:
    """The versions of a group, rising."""
    return sorted(version for exposure, version in found if exposure[0] == group)
