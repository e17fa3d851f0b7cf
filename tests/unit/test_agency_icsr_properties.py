"""Of any case that may be sent: our validator, our reader and e2br3 agree on it."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from sinks.agency.icsr.reader import read
from sinks.agency.icsr.validation import validate
from sinks.agency.icsr.writer import write
from tests.icsr_cases import FULL, NOW, SMALLEST, batch
from tests.icsr_facts import ours, theirs
from tests.icsr_random import any_case

if TYPE_CHECKING:
    from lxml.etree import _Element

    from sinks.agency.icsr.model import Case

cases = st.integers(0, 2**64 - 1).map(lambda seed: any_case(Random(seed)))
examples = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


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


def spoil(random: Random, root: _Element) -> None:
    """One thing in the message is no longer as it was."""
    node = random.choice(list(root.iter())[1:])
    parent = node.getparent()
    assert parent is not None
    match random.randrange(7):
        case 0:
            parent.remove(node)
        case 1:
            parent.append(deepcopy(node))
        case 2:
            random.choice(list(root.iter())).append(deepcopy(node))
        case 3:
            node.text = random.choice((None, "", " ", "x" * 300, "\u00a0", "5"))
        case 4:
            node.set("nullFlavor", random.choice(("MSK", "OTH", "", "NINF", "PINF")))
        case 5 if node.attrib:
            del node.attrib[random.choice(sorted(map(str, node.attrib)))]
        case _ if node.attrib:
            name = random.choice(sorted(map(str, node.attrib)))
            node.set(name, random.choice(("", "x", "-1", "1e9", "20260230", "true", "99", "IVL_TS", "urn:x", "\u0661")))


@examples
@given(st.integers(0, 2**64 - 1))
def test_whatever_a_message_says_it_is_read_as_far_as_it_goes(seed: int) -> None:
    """No message of the right name stops reader, validator or writer; what is changed by being written is found."""
    random = Random(seed)
    root = etree.fromstring(write(batch(FULL)))
    for _ in range(random.choice((1, 5, 40))):
        spoil(random, root)
    reading = read(etree.tostring(root))
    findings = validate(reading.batch, NOW)
    again = read(write(reading.batch)).batch
    assert again == reading.batch or findings
    assert read(write(again)).batch == again
