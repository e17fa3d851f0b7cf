"""What is kept of a monitor comes back as it was, each record by itself, whatever stands beside it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from streams.surveillance.bins import OPEN, Bin
from streams.surveillance.clock import Report
from streams.surveillance.following import Part, Reached
from streams.surveillance.kept import (
    Seen,
    Stated,
    bin_record,
    look_record,
    report_record,
    signal_record,
    sorted_out,
    version_record,
)
from streams.surveillance.levels import Stream
from streams.surveillance.signals import Erased, Look, Version
from tests.unit.test_surveillance_message import played
from tests.unit.test_surveillance_signals import OTHERS, Registry, put_in

KINDS = [
    Bin("A", "L1", "U", ("F", "<55"), 1_000, 1_100, True),
    Bin("A", "L1", "U", ("F", "<55"), 1_000, 1_100, False),
    Bin("A + B", "", "", (), -3_653, OPEN, False),
]
SEEN = Seen(Look(Version(3, 1 << 48), played()[1][-1].signal.known[0].point), Stream(2, 5.0, 12.5, 3.25))


def test_bins_and_reports_come_back_and_those_of_nothing_are_deleted() -> None:
    numbers = dict(zip(KINDS, (1, 30, 2), strict=True))
    reports = {Report("U", "recorded", 11_000): 4, Report("U", "lag", 0): 4, Report("(deaths)", "lag", 300, 7): 1}
    records = [bin_record("cup", kind, number) for kind, number in numbers.items()]
    records += [report_record("cup", report, number) for report, number in reports.items()]
    (name, kept), *more = sorted_out((key, value) for key, value in records if value is not None).items()
    assert (name, more) == ("cup", [])
    assert (kept.bins, kept.reports) == (numbers, reports)
    assert all(isinstance(kind, Bin) and isinstance(kind.stratum, tuple) for kind in kept.bins)
    assert all(isinstance(report, Report) for report in kept.reports)
    # the same key whatever the number is, so that the changelog forgets it
    assert bin_record("cup", KINDS[0], 0) == (bin_record("cup", KINDS[0], 1)[0], None)
    assert report_record("cup", Report("U", "lag", 0), 0) == (report_record("cup", Report("U", "lag", 0), 9)[0], None)
    assert len({bin_record("cup", kind, 1)[0] for kind in KINDS}) == len(KINDS)


def test_monitors_are_kept_apart() -> None:
    records = [
        bin_record("cup", KINDS[0], 1),
        bin_record("stem", KINDS[0], 2),
        version_record("head", 3, Reached(1 << 48)),
    ]
    found = sorted_out((key, value) for key, value in records if value is not None)
    assert {name: (one.bins, one.versions) for name, one in found.items()} == {
        "cup": ({KINDS[0]: 1}, {}), "stem": ({KINDS[0]: 2}, {}), "head": ({}, {3: 1 << 48}),
    }  # fmt: skip
    assert sorted_out([]) == {}


def test_how_far_it_is_comes_back_with_the_part_and_as_it_was_kept_before_there_were_parts() -> None:
    reached = {0: Reached(1 << 48, Part(77, 2)), 5: Reached(0, Part(-1)), 7: Reached(9)}
    records = [version_record("cup", partition, one) for partition, one in reached.items()]
    records += [(version_record("cup", 6, Reached(0))[0], msgspec.msgpack.encode(12))]
    kept = sorted_out(records)["cup"]
    assert kept.versions == {0: 1 << 48, 5: 0, 6: 12, 7: 9}
    assert kept.parts == {0: Part(77, 2), 5: Part(-1), 6: Part(), 7: Part()}


def test_looks_come_back_in_their_order_whatever_the_store_s() -> None:
    looks = [SEEN._replace(look=SEEN.look._replace(at=Version(0, number))) for number in range(300)]
    records = [look_record("cup", "A", place, seen) for place, seen in enumerate(looks)]
    records += [look_record("cup", "B", 0, SEEN)]
    kept = sorted_out(sorted(records, reverse=True))["cup"]
    assert kept.known == {"A": looks, "B": [SEEN]}
    assert isinstance(kept.known["A"][0].look.at, Version)


@pytest.mark.parametrize("place", range(4))
def test_a_signal_comes_back_with_all_its_parts(place: int) -> None:
    signal = played()[1][place].signal.with_known(())
    key, value = signal_record("cup", Stated(signal, place + 1))
    assert sorted_out([(key, value)])["cup"].stated == {"INTEROP": Stated(signal, place + 1)}


def test_so_does_one_that_was_held_against_others_weakened_or_has_lost_who_opted_out() -> None:
    registry = Registry(OTHERS)
    registry.tell({f"o{number}": put_in("OTHER", 1_100 if number < 3 else None) for number in range(400)})
    registry.tell({f"r{number}": put_in() for number in range(10)})
    signals = [*registry.tell({f"r{number}": put_in(outcome=1_010 + number) for number in range(4)})]
    signals += registry.tell({"r9": None}, opted_out=True)
    signals += registry.tell({"r0": None}, opted_out=True)
    signals += registry.tell({f"r{number}": put_in() for number in (1, 2, 3)})
    assert [(one.state, one.erased is not None) for one in signals] == [
        ("raised", False), ("updated", True), ("updated", True), ("weakened", True),
    ]  # fmt: skip
    # the one who has opted out was the first: where the others had had none, 2 · 0.52/36525 - 1 - ln of that = 4.21
    assert signals[-1].reasons[0].startswith("r1 has no outcome")
    assert isinstance(signals[-1].erased, Erased)
    assert [one.outcomes for one in signals[-1].erased.gone] == [0, 1]
    assert signals[0].as_raised.strata
    for signal in signals:
        bare = signal.with_known(())
        kept = sorted_out([signal_record("cup", Stated(bare, 1))])["cup"]
        assert kept.stated == {"BAD": Stated(bare, 1)}


def test_a_signal_that_was_kept_before_it_was_known_who_may_come_back_is_read_too() -> None:
    erased = Erased(2, 1, SEEN.look)
    signal = replace(played()[1][0].signal.with_known(()), erased=erased)
    key, value = signal_record("cup", Stated(signal, 1))
    record = msgspec.msgpack.decode(value)
    record[0]["erased"] = record[0]["erased"][:3]
    for name in ("as_alarmed", "corrected"):  # nor was it known what was corrected, nor any of e-BH's set but itself
        del record[0][name]
    record[0]["beside"] = record[0]["beside"][:6]
    found = sorted_out([(key, msgspec.msgpack.encode(record))])["cup"].stated["INTEROP"].signal
    assert found == replace(
        signal, as_alarmed=None, corrected={}, beside=signal.beside._replace(stream=None, in_set=())
    )


def test_what_is_no_record_is_told() -> None:
    for key, value in ((b"junk", b""), (bin_record("cup", KINDS[0], 1)[0], b"\xc1")):
        with pytest.raises(msgspec.MsgspecError):
            sorted_out([(key, value)])
