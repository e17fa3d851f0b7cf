"""What `guldadra status` shows people: every number of a partition's account, in words."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from deploy.status import PartitionAccount, ProcessState, Status
from deploy.tables import status_tables

WELL = PartitionAccount(
    "hip", 0, waiting=1, loading=2, loading_derived=3, decided=4_044, accepted=4_004, refused=40, archived=3_994,
    erased=10, problem="",
)  # fmt: skip


def shown(status: Status) -> list[str]:
    """The tables' lines, their spaces made one."""
    console = Console(file=io.StringIO(), width=110)
    for table in status_tables(status):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_what_is_yet_to_load_and_what_was_erased_is_in_the_table() -> None:
    lines = shown(Status([ProcessState("load", healthy=True, lag=0, last_error=None)], [WELL], {}))
    headings = "registry partition waiting decided accepted refused to load archived erased to load agrees"
    assert lines[lines.index(headings) - 1] == "derived"  # the upper line of the last "to load"
    assert "hip 0 1 4,044 4,004 40 2 3,994 10 3 yes" in lines
    told = " ".join(lines)
    assert (
        "derived to load: cells, exposures, lists, counts and reviews likewise; erased: of persons who opted out"
        in told
    )
    assert "What does not agree" not in told


def test_what_does_not_agree_is_told_below_in_a_sentence() -> None:
    wrong = replace(WELL, partition=1, archived=3_993, problem="4004 accepted, but 3993 in the archive and 10 erased")
    lines = shown(Status([], [WELL, wrong], {"hip": "registry hip is stopped"}))
    assert "hip (STOPPED) 0 1 4,044 4,004 40 2 3,994 10 3 yes" in lines
    assert "hip (STOPPED) 1 1 4,044 4,004 40 2 3,993 10 3 NO" in lines
    assert "│ hip │ 1 │ 4004 accepted, but 3993 in the archive and 10 erased │" in lines
