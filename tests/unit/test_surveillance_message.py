"""A signal as the message that goes out: the Inter-op cup's, whose numbers are those of the reference fixture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.codec import NotARegistrationError, decode_event
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.declared import Watched
from streams.surveillance.kept import Stated
from streams.surveillance.message import message_of
from streams.surveillance.signals import Erased, Version
from streams.surveillance.watch import Told, Watch
from streams.worker.surveillance import NewerExposuresError, Surveillance
from tests.unit.test_surveillance_interop import _EXPECTED, CLINICS, history, monitor

EPOCH = 1 << 48


def reported(clinic: str, day: int) -> list[Change]:
    """Two operations of a day, recorded at once: the clinic is reported through to it. A flat rate sees no others."""
    other = Exposure("OTHER", "", clinic, "left", ("F",), day, None, "", 0, None, recorded=day)
    return [Change(f"{clinic}{day}{which}", f"{clinic}{day}{which}", None, other) for which in "ab"]


def played() -> tuple[Watch, list[Stated]]:
    watch = Watch(Watched(monitor(), "cups", specific=False, deaths=frozenset({"death"}), left_out=frozenset()))
    stated: list[Stated] = []
    for offset, (day, change) in enumerate(history(CLINICS)):
        changes = [change, *(one for clinic in CLINICS for one in reported(clinic, day))]
        stated += watch.take([Told(Version(3, EPOCH + offset), changes)]).stated
    return watch, stated


def said(watch: Watch, stated: Stated) -> dict[str, Any]:
    found: dict[str, Any] = decode_event("signal", message_of("hip", "0123456789ab", watch, stated))
    return found


def test_what_it_is_and_by_which_submission_it_was_known() -> None:
    watch, stated = played()
    messages = [said(watch, one) for one in stated]
    own = {
        "registry": "hip", "generation": "0123456789ab", "monitor": "cup", "group": "cups", "definition": "a1b2",
        "id": "cup/INTEROP/0", "product": "INTEROP", "number": 0, "partition": 3, "reasons": [], "erased": [],
    }  # fmt: skip
    assert [{key: one[key] for key in own} for one in messages] == [own] * 7
    assert [(one["message"], one["state"], one["level"]) for one in messages] == [
        (1, "raised", "watch"), (2, "raised", "alarm"),
        # the implants of days 162, 168 and 174, the reoperations of days 200 and 212
        *((number, "updated", "alarm") for number in range(3, 8)),
    ]  # fmt: skip
    # the second reoperation, on day 141, is the 26th registration: 24 implants (0 to 138) and one reoperation before
    assert messages[0]["version"] == EPOCH + 25
    assert messages[-1]["version"] == EPOCH + 34, "the last of 30 implants and 5 reoperations"
    assert messages[-1]["versions"] == [{"partition": 3, "version": EPOCH + 34}]


def test_levels_and_paths_are_the_fixture_s() -> None:
    watch, stated = played()
    last = said(watch, stated[-1])
    watch_level, alarm_level = last["levels"]
    for level, row, threshold, version in ((watch_level, 1, 4.2, 25), (alarm_level, 2, 6.6, 29)):
        day, observed, expected, statistic, *_ = _EXPECTED[row]
        assert (level["known_day"], level["day"], level["observed"], level["threshold"]) == (
            day,
            day,
            observed,
            threshold,
        )
        assert (level["known_partition"], level["known_version"]) == (3, EPOCH + version)
        assert (level["expected"], level["statistic"]) == pytest.approx((expected, statistic), abs=1e-6)
    assert (watch_level["level"], alarm_level["level"]) == ("watch", "alarm")
    for path in (last["known"], last["hindsight"][:-1]):
        for point, (day, observed, expected, statistic, rate, tail) in zip(path, _EXPECTED, strict=True):
            assert (point["day"], point["observed"], point["basis"]) == (day, observed, "flat")
            assert (point["watch"], point["alarm"]) == (4.2, 6.6)
            found = (point["expected"], point["statistic"], point["tail"])
            assert found == pytest.approx((expected, statistic, tail), abs=1e-6)
            assert point["rate"] == pytest.approx(rate, abs=1e-4)
            assert point["lower"] < point["rate"] < point["upper"]
    assert [one["version"] - EPOCH for one in last["known"]] == [19, 25, 29, 33, 34]
    assert {one["partition"] for one in last["known"]} == {3}


def test_units_comparator_and_what_stands_beside() -> None:
    watch, stated = played()
    last = said(watch, stated[-1])
    numbers = [(one["unit"], one["exposures"], one["observed"], one["through"], one["lag"]) for one in last["units"]]
    assert numbers == [  # as of the unit tests of the numbers per unit
        ("C0", 6, 2, 212, 0), ("C1", 6, 2, 212, 0), ("C2", 6, 1, 212, 0), ("C3", 6, 0, 212, 0), ("C4", 6, 0, 212, 0),
    ]  # fmt: skip
    assert sum(one["component_years"] for one in last["units"]) == pytest.approx(9.626283, abs=1e-6)
    for one in last["units"]:  # six uses each are fewer than 15
        for name in ("exposures", "observed", "expected"):
            assert one[f"learning_{name}"] == one[name]
        assert one["learning_years"] == one["component_years"]
        assert one["factor"] == 1.0
    (comparator,) = last["comparator"]
    assert comparator["basis"] == "flat"
    assert (comparator["observed"], comparator["left_out"]) == (0, [])
    # as the history has them: the implants of days 12, 36, 66, 90 and 120
    assert [(one["unit"], one["start"], one["stop"], one["number"]) for one in last["happened"]] == [
        ("C0", 90, 200, 1), ("C0", 120, 212, 1), ("C1", 36, 141, 1), ("C1", 66, 161, 1), ("C2", 12, 112, 1),
    ]  # fmt: skip
    assert last["cause"] == "product"
    assert last["bounds"][0] == last["hindsight"][-1]["statistic"]
    assert last["bounds"] == sorted(last["bounds"])
    assert {"e_process", "bk_cusum"} <= {one["name"] for one in last["methods"]}


def test_what_is_not_known_is_null_and_what_is_no_more_is_told() -> None:
    watch, stated = played()
    signal = stated[-1].signal
    (level, *_) = signal.levels
    frozen = signal.known[1]
    other = replace(
        signal, state="withdrawn", reasons=("r1 was retracted",), levels=(level._replace(day=None),),
        units=(signal.units[0]._replace(through=None, unit="gone"),), erased=Erased(2, 1, frozen),
    )  # fmt: skip
    found = said(watch, Stated(other, 7))
    assert (found["message"], found["state"], found["reasons"]) == (7, "withdrawn", ["r1 was retracted"])
    assert found["levels"][0]["day"] is None
    assert (found["units"][0]["through"], found["units"][0]["lag"]) == (None, None)
    assert found["erased"] == [
        {"persons": 2, "outcomes": 1, "frozen_version": EPOCH + 25, "frozen_statistic": frozen.point.statistic}
    ]


def test_exposures_that_are_written_in_a_way_not_known_are_never_left_out() -> None:
    work = Surveillance("hip", "0123456789ab", {})
    with pytest.raises(NewerExposuresError, match=r"exposures\.hip has exposures .* Deploy the same version"):
        work.decode(b"\x00\x12\x34\x56\x78 of another version")
    for junk in (b"junk", b"", None):
        with pytest.raises(NotARegistrationError):
            work.decode(junk)
