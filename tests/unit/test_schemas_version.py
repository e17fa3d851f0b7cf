"""Versions: known values, order, bounds; and the topics' names and settings, which the outside relies on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.version import MAX_EPOCH, epoch_and_offset, version_of

epochs, offsets = st.integers(0, 65_535), st.integers(0, 281_474_976_710_655)


def test_known_versions() -> None:
    assert version_of(0, 0) == 0
    assert version_of(0, 7) == 7
    assert version_of(1, 0) == 281_474_976_710_656
    assert version_of(3, 5) == 844_424_930_131_973
    assert version_of(65_535, 281_474_976_710_655) == 18_446_744_073_709_551_615
    assert MAX_EPOCH == 65_535


@given(epochs, offsets)
def test_a_version_stands_for_its_epoch_and_offset(epoch: int, offset: int) -> None:
    assert epoch_and_offset(version_of(epoch, offset)) == (epoch, offset)


@given(st.tuples(epochs, offsets), st.tuples(epochs, offsets))
def test_versions_are_ordered_as_the_log_is(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (version_of(*one) < version_of(*other)) == (one < other)


@pytest.mark.parametrize(("epoch", "offset"), [(-1, 0), (0, -1), (65_536, 0), (0, 281_474_976_710_656)])
def test_what_does_not_fit_is_refused(epoch: int, offset: int) -> None:
    with pytest.raises(ValueError, match=f"epoch {epoch}, offset {offset}"):
        version_of(epoch, offset)


def test_topics_have_the_names_that_the_outside_relies_on() -> None:
    specs = {spec.name: spec for spec in topics.all_topics(["hip", "metabolic"], 12)}
    journeys = ("cells", "exposures", "lists", "signals")
    parts = ("submitted", "accepted", "receipts", *journeys, "counts", "reviews", "reports")
    assert set(specs) == {
        "registry-control",
        "dead-letters",
        *(f"{part}.{registry}" for part in parts for registry in ("hip", "metabolic")),
    }
    assert {spec.partitions for name, spec in specs.items() if "." in name} == {12}
    assert specs["registry-control"].partitions == 1


def test_the_log_is_kept_for_thirty_days_and_control_for_ever() -> None:
    specs = {spec.name: spec.config for spec in topics.all_topics(["hip"], 4)}
    for name in ("submitted.hip", "accepted.hip", "receipts.hip", "cells.hip", "exposures.hip", "dead-letters"):
        assert specs[name]["retention.ms"] == "2592000000"
    assert specs["registry-control"] == {"cleanup.policy": "compact"}
    shorter = topics.topics_of("hip", 4, retention_days=2)
    assert {spec.config["retention.ms"] for spec in shorter} == {"172800000"}


def test_the_time_of_a_submission_is_the_brokers() -> None:
    submitted = topics.topics_of("hip", 4)[0]
    assert submitted.name == topics.submitted("hip")
    assert submitted.config["message.timestamp.type"] == "LogAppendTime"
