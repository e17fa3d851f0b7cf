"""An open exposure put together of its pieces has the bytes that the schema's own writer gives it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import encode_event
from streams.journeys.first_exposure import product_and_lot, since, who

BATCH = {"registry": "hip", "generation": "abcdefabcdef", "partition": 0, "version": 7, "group": "cup"}
Begun = tuple[str, str, tuple[str, ...], int, int]
BEGUN: list[Begun] = [
    # unit, side, strata, first day (of 1970 and before too), day recorded
    ("U01", "left", ("female", "55-64"), 18_262, 18_270),
    ("", "", (), 0, 0),
    ("Enhet å", "right", ("", "<55", "äö"), -1, -2),
    ("U" * 9_000, "left", ("x" * 200,), 2**31 - 1, -(2**31)),
]


def open_exposure(product: str, lot: str, began: Begun) -> dict[str, Any]:
    """The state as the schema names it: nothing has ended it, nothing has come of it."""
    unit, side, by, start, recorded = began
    return {
        "product": product, "lot": lot, "unit": unit, "side": side, "by": by, "start": start,
        "end": None, "end_reason": "", "outcomes": 0, "first_outcome": None,
        "specific": 0, "first_specific": None, "unknown": 0, "carried_until": None,
        "recorded": recorded, "end_recorded": None,
    }  # fmt: skip


@pytest.mark.parametrize("began", BEGUN)
def test_pieces_are_what_the_schemas_own_writer_writes(began: Begun) -> None:
    products = [("CUP01", "L1"), ("STEM01", ""), ("CUP01 + STEM01", "lått")]
    named = [
        {"patient": "pseudonym", "registration_id": "operation-1", "before": [], "after": [state], "opted_out": False}
        for state in (open_exposure(product, lot, began) for product, lot in products)
    ]
    written = encode_event("exposure_batch", {**BATCH, "changes": named})
    for _ in range(2):  # the second time most pieces are known
        whose, as_of = who("pseudonym", "operation-1"), since(*began)
        pieces = [whose + product_and_lot(one) + as_of for one in products]
        assert encode_event("exposure_batch", {**BATCH, "changes": pieces}) == written


def test_what_differs_in_one_piece_alone_is_not_mixed_up() -> None:
    """Pieces are looked up by their values, and each value has its own."""
    first = BEGUN[0]
    others: list[Begun] = [
        ("U02", *first[1:]),
        (first[0], "right", *first[2:]),
        (*first[:2], ("male", "55-64"), *first[3:]),
        (*first[:3], first[3] + 1, first[4]),
        (*first[:4], first[4] + 1),
    ]
    for began in (first, *others, first):
        change = {
            "patient": "p", "registration_id": "r", "before": [], "after": [open_exposure("C", "L", began)],
            "opted_out": False,
        }  # fmt: skip
        pieces = who("p", "r") + product_and_lot(("C", "L")) + since(*began)
        assert encode_event("exposure_batch", {**BATCH, "changes": [pieces]}) == encode_event(
            "exposure_batch", {**BATCH, "changes": [change]}
        )
