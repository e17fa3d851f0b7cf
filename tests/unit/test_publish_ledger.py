"""Rows and offsets: what has been acknowledged, in order, and what a receipt says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.version import OffsetRange
from streams.publish.errors import PublishError
from streams.publish.journal import Journal
from streams.publish.ledger import Ledger
from streams.publish.partition import partitions_of

if TYPE_CHECKING:
    from pathlib import Path

MURMUR2 = {
    # Kafka's own test values (org.apache.kafka.common.utils.UtilsTest), as signed 32-bit numbers
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("partitions", [1, 4, 12, 1_000_003])
def test_partitions_are_those_of_java_clients(partitions: int) -> None:
    expected = [(digest & 0x7FFFFFFF) % partitions for digest in MURMUR2.values()]
    assert partitions_of(list(MURMUR2), partitions).tolist() == expected
    for key, partition in zip(MURMUR2, expected, strict=True):
        assert partitions_of([key, key], partitions).tolist() == [partition, partition]


def ledger(*partitions: tuple[list[int], list[int]]) -> Ledger:
    made = Ledger(len(partitions))
    for number, (rows, offsets) in enumerate(partitions):
        made.rows[number].extend(rows)
        made.offsets[number].extend(offsets)
    return made


def test_the_last_row_is_the_one_before_the_first_that_is_still_on_its_way() -> None:
    assert ledger(([], []), ([], [])).last_row(7) == 7  # nothing was sent: all rows were refused
    assert ledger(([1, 4], [0, 1]), ([2, 3], [0, 1])).last_row(9) == 9
    assert ledger(([1, 4], [0]), ([2, 3], [0, 1])).last_row(9) == 3
    assert ledger(([1, 4], [0, 1]), ([2, 3], [])).last_row(9) == 1
    assert ledger(([5, 5], [0]), ([2], [0])).last_row(9) == 4  # a moved row: both halves or neither


def test_a_receipt_tells_of_our_submissions_only() -> None:
    ours = ledger(([1, 2, 5], [10, 11, 15]), ([3], [0]))
    assert ours.submissions_between(0, 0, 9) == 0
    assert ours.submissions_between(0, 10, 10) == 1
    assert ours.submissions_between(0, 11, 15) == 2
    assert ours.submissions_between(0, 12, 14) == 0
    assert ours.submissions_between(1, 0, 100) == 1
    assert [ours.row_of(0, offset) for offset in (9, 10, 12, 15, 16)] == [None, 1, None, 5, None]
    assert (ours.sent, ours.acknowledged) == (4, 4)


def test_a_receipt_that_came_before_the_brokers_answer_waits_for_it() -> None:
    ours = ledger(([1, 2, 5], [10, 11]))
    assert ours.has_answer_up_to(0, 11)
    assert not ours.has_answer_up_to(0, 12)  # the submission of row 5 may be there
    ours.offsets[0].append(15)
    assert ours.has_answer_up_to(0, 99)  # nothing of ours is on its way


def test_ranges_are_broken_by_the_submissions_of_others() -> None:
    assert ledger(([1, 2, 3, 4], [5, 6, 8, 9]), ([], []), ([9], [0])).ranges(2) == [
        OffsetRange(0, 2, 5, 6),
        OffsetRange(0, 2, 8, 9),
        OffsetRange(2, 2, 0, 0),
    ]


BEGIN = {0: 3, 1: 0}


def test_a_journal_gives_back_what_was_written_though_more_was_on_its_way(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "rows.csv", "same")
    ours = ledger(([1, 4, 6], [7, 8]), ([2, 3], [0]))
    journal.write(2, 5, ours, BEGIN)
    ours.offsets[1].append(1)
    ours.rows[0].extend([7])
    ours.offsets[0].extend([9, 12])
    journal.write(7, 5, ours, BEGIN)

    found = Journal(tmp_path / "rows.csv", "same").read(2, 5)
    assert found is not None
    assert (found.last_row, found.epoch, found.receipts_begin) == (7, 5, BEGIN)
    assert [list(rows) for rows in found.ledger.rows] == [[1, 4, 6, 7], [2, 3]]
    assert [list(offsets) for offsets in found.ledger.offsets] == [[7, 8, 9, 12], [0, 1]]


def test_what_was_written_after_the_head_was_last_replaced_is_left_out(tmp_path: Path) -> None:
    """A kill between the two files leaves more submissions than the head knows of."""
    journal = Journal(tmp_path / "rows.csv", "same")
    journal.write(1, 0, ledger(([1], [7]), ([], [])), BEGIN)
    with (tmp_path / "rows.csv.publish.rows").open("ab") as file:
        file.write(b"half an entry and more than that")
    resumed = Journal(tmp_path / "rows.csv", "same")
    found = resumed.read(2, 0)
    assert found is not None
    assert [list(rows) for rows in found.ledger.rows] == [[1], []]
    found.ledger.rows[1].append(2)
    found.ledger.offsets[1].append(5)
    resumed.write(2, 0, found.ledger, BEGIN)
    again = Journal(tmp_path / "rows.csv", "same").read(2, 0)
    assert again is not None
    assert [list(offsets) for offsets in again.ledger.offsets] == [[7], [5]]


@pytest.mark.parametrize(("fingerprint", "partitions", "epoch"), [("other", 2, 0), ("same", 3, 0), ("same", 2, 1)])
def test_a_journal_of_something_else_is_left_out_of_account(
    tmp_path: Path, fingerprint: str, partitions: int, epoch: int
) -> None:
    Journal(tmp_path / "rows.csv", "same").write(1, 0, ledger(([1], [7]), ([], [])), BEGIN)
    assert Journal(tmp_path / "rows.csv", fingerprint).read(partitions, epoch) is None


@pytest.mark.parametrize("damage", ["rows.csv.publish.json", "rows.csv.publish.rows"])
def test_a_damaged_journal_is_none(tmp_path: Path, damage: str) -> None:
    Journal(tmp_path / "rows.csv", "same").write(1, 0, ledger(([1], [7]), ([], [])), BEGIN)
    (tmp_path / damage).write_bytes(b"{")
    assert Journal(tmp_path / "rows.csv", "same").read(2, 0) is None


def test_a_journal_that_is_done_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "rows.csv", "same")
    assert journal.due
    journal.write(1, 0, ledger(([1], [7]), ([], [])), BEGIN)
    assert not journal.due
    journal.remove()
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"rows\.csv\.publish\.rows: No such file or directory"):
        Journal(tmp_path / "gone" / "rows.csv", "same").write(1, 0, ledger(([1], [7])), {0: 0})
