"""Verdicts cut into slices: nothing is lost between a poll and what is written."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_event
from schemas.rules import Fault
from schemas.store import BundledStore
from streams.intake.decide import Accepted, Judge, Refused
from streams.intake.slices import MAX_BYTES, MAX_REGISTRATIONS, cut
from tests.support import NOON_2001, bundled, message

REGISTRY = bundled("metabolic")
NOW = NOON_2001 + 86_400_000


def accepted(number: int, size: int = 100) -> Accepted:
    return Accepted("event", 7, "k1-" + "a" * 26, f"e-{number}", b"x" * size)


def test_a_slice_ends_at_a_thousand_verdicts() -> None:
    verdicts = [(offset, NOW, accepted(offset)) for offset in range(2_500)]
    pieces = list(cut("hip", 3, 1, verdicts))
    assert [len(piece.registrations) for piece in pieces] == [MAX_REGISTRATIONS, MAX_REGISTRATIONS, 500]
    assert [(piece.first_offset, piece.last_offset) for piece in pieces] == [(0, 999), (1000, 1999), (2000, 2499)]


def test_a_slice_ends_at_half_a_megabyte() -> None:
    verdicts = [(offset, NOW, accepted(offset, size=200_000)) for offset in range(7)]
    pieces = list(cut("hip", 0, 0, verdicts))
    assert [len(piece.registrations) for piece in pieces] == [3, 3, 1]
    assert all(piece.written_bytes <= MAX_BYTES + 200_000 for piece in pieces)


def test_a_flood_of_faults_ends_a_slice_too() -> None:
    many: Refused = [Fault(f"field_{number}", "is not one of the form's codes") for number in range(80)]
    pieces = list(cut("hip", 0, 0, [(offset, NOW, many) for offset in range(1_000)]))
    assert sum(len(piece.refusals) for piece in pieces) == 1_000
    assert all(len(piece.receipt()) < 1 << 20 for piece in pieces)


def test_refusals_carry_field_and_rule_and_the_slice_covers_their_offsets() -> None:
    refused: Refused = [Fault("side", "is not one of the form's codes")]
    (piece,) = cut("hip", 2, 5, [(10, NOW, accepted(1)), (12, NOW, refused)])
    assert decode_event("receipt", piece.receipt()) == {
        "registry": "hip", "partition": 2, "epoch": 5, "first_offset": 10, "last_offset": 12, "received": 2,
        "accepted": 1,
        "refusals": [{"offset": 12, "faults": [{"field": "side", "rule": "is not one of the form's codes"}]}],
    }  # fmt: skip
    batch = piece.accepted_batch()
    assert batch is not None
    assert decode_event("accepted_batch", batch)["registrations"] == [
        {"offset": 10, "submitted_at": NOW, "form": "event", "schema_id": 7, "patient": "k1-" + "a" * 26,
         "registration_id": "e-1", "payload": b"x" * 100}
    ]  # fmt: skip


def test_nothing_accepted_makes_no_batch_but_a_receipt() -> None:
    (piece,) = cut("hip", 0, 0, [(0, NOW, [Fault("", "the message is empty")])])
    assert piece.accepted_batch() is None
    assert decode_event("receipt", piece.receipt())["accepted"] == 0


def damaged(draw: Any, value: bytes) -> bytes | None:
    kind = draw(st.sampled_from(["cut", "flip", "append", "none", "junk"]))
    if kind == "cut":
        return value[: draw(st.integers(0, len(value) - 1))]
    if kind == "flip":
        place = draw(st.integers(0, len(value) - 1))
        return value[:place] + bytes([value[place] ^ draw(st.integers(1, 255))]) + value[place + 1 :]
    if kind == "append":
        more: bytes = draw(st.binary(min_size=1, max_size=8))
        return value + more
    junk: bytes = draw(st.binary(max_size=64))
    return None if kind == "none" else junk


@st.composite
def submissions(draw: Any) -> list[tuple[bytes | None, bytes | None]]:
    sent: list[tuple[bytes | None, bytes | None]] = []
    for number in range(draw(st.integers(1, 30))):
        key, value = message(REGISTRY, draw(st.sampled_from(["event", "measurement", "person"])), number)
        kind = draw(st.sampled_from(["good", "good", "keyless", "damaged"]))
        if kind == "good":
            sent.append((key, value))
        elif kind == "keyless":
            sent.append((draw(st.sampled_from([None, b"", b"other"])), value))
        else:
            sent.append((key, damaged(draw, value)))
    return sent


@given(submissions())
def test_any_mixture_gets_exactly_one_verdict_each_and_never_raises(
    sent: list[tuple[bytes | None, bytes | None]],
) -> None:
    judge = Judge(REGISTRY, BundledStore({REGISTRY.name: REGISTRY}))
    verdicts = [(offset, NOW, judge.decide(key, value, NOW)) for offset, (key, value) in enumerate(sent)]
    seen: list[int] = []
    for piece in cut(REGISTRY.name, 0, 0, verdicts):
        receipt = decode_event("receipt", piece.receipt())
        batch = piece.accepted_batch()
        rows = decode_event("accepted_batch", batch)["registrations"] if batch else []
        assert receipt["received"] == receipt["accepted"] + len(receipt["refusals"])
        assert receipt["accepted"] == len(rows)
        seen += [row["offset"] for row in rows] + [refusal["offset"] for refusal in receipt["refusals"]]
        for row in rows:
            key, value = sent[row["offset"]]
            assert value is not None
            assert value[5:] == row["payload"]
            assert key == row["patient"].encode()
    assert sorted(seen) == list(range(len(sent)))
