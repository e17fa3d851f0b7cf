"""An exposure put together of its pieces has the bytes that the schema's own writer gives it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import encode_event
from streams.journeys.exposure_pieces import (
    NO_OPT_OUT,
    NOTHING_BEFORE,
    OPEN_STILL,
    change,
    course,
    made_by,
    product_and_lot,
    recorded,
    since,
    who,
)
from streams.journeys.records import NEVER

BATCH = {
    "registry": "hip", "generation": "abcdefabcdef", "partition": 0, "version": 7, "group": "cup",
    "after": 5, "part": 0,
}  # fmt: skip
Began = tuple[str, str, tuple[str, ...], int]
BEGUN: list[Began] = [
    # unit, side, strata, first day (of 1970 and before too)
    ("U01", "left", ("female", "55-64"), 18_262),
    ("", "", (), 0),
    ("Enhet å", "right", ("", "<55", "äö"), -1),
    ("U" * 9_000, "left", ("x" * 200,), 2**31 - 1),
]
OPEN = {
    "end": None, "end_reason": "", "outcomes": 0, "first_outcome": None,
    "specific": 0, "first_specific": None, "unknown": 0, "carried_until": None,
}  # fmt: skip
COURSES: list[tuple[bytes, dict[str, Any]]] = [
    (OPEN_STILL, OPEN),
    (course(NEVER, "", NEVER, ([], []), 0), OPEN),
    (course(9, "död", 12, ([], []), 0), {**OPEN, "end": 9, "end_reason": "död", "carried_until": 12}),
    (course(9, "", NEVER, ([-3, 5, 5], [5]), 2),
     {**OPEN, "end": 9, "outcomes": 3, "first_outcome": -3, "specific": 1, "first_specific": 5, "unknown": 2}),
    (course(NEVER, "", 7, ([4], []), 0), {**OPEN, "outcomes": 1, "first_outcome": 4, "carried_until": 7}),
]  # fmt: skip


def state(product: str, lot: str, began: Began, became: dict[str, Any], when: tuple[int, int | None]) -> dict[str, Any]:
    """A state as the schema names its fields."""
    unit, side, by, start = began
    own = {"product": product, "lot": lot, "unit": unit, "side": side, "by": by, "start": start}
    return {**own, **became, "recorded": when[0], "end_recorded": when[1]}


def written(changes: list[Any]) -> bytes:
    return encode_event("exposure_batch", {**BATCH, "changes": changes})


@pytest.mark.parametrize("began", BEGUN)
@pytest.mark.parametrize("opted_out", [False, True])
def test_pieces_are_what_the_schemas_own_writer_writes(began: Began, opted_out: bool) -> None:
    named, pieces = [], []
    for _ in range(2):  # the second time the pieces are known
        for product, lot in (("CUP01", "L1"), ("STEM01", ""), ("CUP01 + STEM01", "lått")):
            for became, said in COURSES:
                one = product_and_lot((product, lot)) + since(*began) + became + recorded((18_270, -1))
                said_of_it = state(product, lot, began, said, (18_270, -1))
                for before, after in ((None, one), (one, one), (one, None)):
                    pieces.append(change("pseudonym", "operation-1", before, after, 1 << 48 | 7, opted_out=opted_out))
                    states = {
                        "before": [] if before is None else [said_of_it],
                        "after": [] if after is None else [said_of_it],
                    }
                    named.append({**states, "patient": "pseudonym", "registration_id": "operation-1",
                                  "opted_out": opted_out, "version": 1 << 48 | 7})  # fmt: skip
    assert written(pieces) == written(named)


def test_what_begins_is_a_change_with_nothing_before() -> None:
    one = product_and_lot(("C", "L")) + since(*BEGUN[0]) + OPEN_STILL + recorded((1, None))
    whole = who("p", "r") + NOTHING_BEFORE + one + NO_OPT_OUT + made_by(7)
    assert whole == change("p", "r", None, one, 7, opted_out=False)


def test_what_differs_in_one_piece_alone_is_not_mixed_up() -> None:
    """Pieces are looked up by their values, and each value has its own."""
    first = BEGUN[0]
    others: list[Began] = [
        ("U02", *first[1:]),
        (first[0], "right", *first[2:]),
        (*first[:2], ("male", "55-64"), first[3]),
        (*first[:3], first[3] + 1),
    ]
    for began in (first, *others, first):
        for when in ((18_270, None), (18_271, None), (18_271, 18_270)):
            one = product_and_lot(("C", "L")) + since(*began) + OPEN_STILL + recorded(when)
            named = {
                "patient": "p", "registration_id": "r", "before": [], "opted_out": False, "version": 7,
                "after": [state("C", "L", began, OPEN, when)],
            }  # fmt: skip
            assert written([change("p", "r", None, one, 7, opted_out=False)]) == written([named])
