"""Of any case that may be sent: our validator, our reader and e2br3 agree on it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, NOW, SMALLEST, batch
from tests.icsr_facts import ours, theirs
from tests.icsr_random import any_case

if TYPE_CHECKING:
    from sinks.agency.icsr.model import Case

cases = st.integers(0, 2**64 - 1).map(lambda seed: any_case(Random(seed)))
examples = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@examples
@given(cases)
def test_any_case_is_valid_reads_back_the_same_and_says_the_same_to_others(case: Case) -> None:
    sent = batch(case)
    assert validate(sent, NOW) == []
    written = write(sent)
    reading = read(written)
    assert reading.findings == []
    assert reading.batch == sent
    assert theirs(written) == ours(sent)
    assert write(reading.batch) == written


def test_of_the_smallest_and_the_fullest_case_too() -> None:
    sent = batch(SMALLEST, FULL)
    assert validate(sent, NOW) == []
    written = write(sent)
    reading = read(written)
    assert reading.findings == []
    assert reading.batch == sent
    assert theirs(written) == ours(sent)
