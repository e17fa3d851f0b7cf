"""Files to slices: every row arrives once, as it stands, under its own number, or is named as broken."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from streams.publish.errors import InputError
from streams.publish.read import ParquetSource, open_source
from streams.publish.slices import ROWS_PER_SLICE, Broken

if TYPE_CHECKING:
    from pathlib import Path

FORMS = ("primary_operation", "primary", "death")


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(path: Path, form: str | None = None) -> dict[int, tuple[str | None, dict[str, Any]]]:
    """Every row by its number: its form and its values."""
    found: dict[int, tuple[str | None, dict[str, Any]]] = {}
    for part in open_source(path, FORMS, form).slices():
        for table in part.tables:
            for place, row in enumerate(table.rows):
                assert row not in found
                found[row] = (table.form, {name: column[place] for name, column in table.columns.items()})
    return found


def broken(path: Path) -> list[Broken]:
    return [one for part in open_source(path, FORMS).slices() for one in part.broken]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("text", "comma"), [("a,b\n1,x;y\n", False), ("a;b\n1;x,y\n", True)])
def test_a_csv_file_is_read_whatever_its_mark_and_its_comma(
    tmp_path: Path, mark: bytes, text: str, comma: bool
) -> None:
    path = write(tmp_path / "death.csv", mark + text.encode())
    assert rows(path) == {1: ("death", {"a": "1", "b": "x,y" if comma else "x;y"})}
    assert open_source(path, FORMS).decimal_comma is comma


def test_csv_values_may_hold_commas_quotes_and_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "death.csv", 'a,b\r\n"one, ""two""\nthree",\r\n\r\n4,å\r\n')
    assert rows(path) == {
        1: ("death", {"a": 'one, "two"\nthree', "b": ""}),
        2: ("death", {"a": "4", "b": "å"}),
    }


def test_a_csv_row_of_another_length_is_broken_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "death.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert [values for _, values in rows(path).values()] == [{"a": "1", "b": "2"}, {"a": "7", "b": "8"}]
    assert set(rows(path)) == {1, 4}
    assert broken(path) == [
        Broken(2, "has 1 values for 2 columns", "3"),
        Broken(3, "has 3 values for 2 columns", "4,5,6"),
    ]


def test_a_slice_of_broken_rows_only_is_still_a_slice(tmp_path: Path) -> None:
    path = write(tmp_path / "death.csv", "a,b\n" + "1\n" * 3)
    assert [(part.last_row, part.tables, len(part.broken)) for part in open_source(path, FORMS).slices()] == [
        (3, (), 3)
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"a,b,a\n1,2,3\n", "columns that stand twice: a"),
        (b"a,,\n1,2,3\n", "columns that stand twice: (no name)"),
        (b"a,b\n1,\xe5\n", "is not UTF-8"),
        (b'a,b\n1,"2"x\n', "line 2"),
    ],
)
def test_a_csv_file_that_cannot_be_read_says_where_and_why(tmp_path: Path, content: bytes, told: str) -> None:
    path = write(tmp_path / "death.csv", content)
    with pytest.raises(InputError) as failure:
        rows(path)
    assert str(path) in str(failure.value)
    assert told in str(failure.value)


def test_the_form_is_the_one_asked_for_then_the_columns_then_the_names(tmp_path: Path) -> None:
    by_name = write(tmp_path / "primary_operation-2001.csv", "a\n1\n")
    assert rows(by_name)[1][0] == "primary_operation"
    assert rows(write(tmp_path / "primary.csv", "a\n1\n"))[1][0] == "primary"
    by_column = write(tmp_path / "primary-b.csv", "form,a\ndeath,1\n,2\ndeath,3\n")
    assert rows(by_column) == {
        1: ("death", {"a": "1"}),
        2: ("primary", {"a": "2"}),
        3: ("death", {"a": "3"}),
    }
    assert {form for form, _ in rows(by_column, "primary_operation").values()} == {"primary_operation"}


@pytest.mark.parametrize(
    ("name", "form", "told"),
    [
        ("rows.csv", None, "--form"),
        ("rows.csv", "birth", "there is no form birth; there are death, primary, primary_operation"),
        ("rows.xlsx", "death", ".xlsx cannot be read"),
        ("nowhere/rows.csv", "death", "No such file"),
    ],
)
def test_a_file_without_form_or_reader_is_refused(tmp_path: Path, name: str, form: str | None, told: str) -> None:
    if "/" not in name:
        write(tmp_path / name, "a\n1\n")
    with pytest.raises(InputError, match="^.*" + told):
        rows(tmp_path / name, form)


def test_slices_are_bounded_and_follow_each_other(tmp_path: Path) -> None:
    count = 2 * ROWS_PER_SLICE + 3
    path = write(tmp_path / "death.csv", "a\n" + "".join(f"{row}\n" for row in range(1, count + 1)))
    source = open_source(path, FORMS)
    assert [part.last_row for part in source.slices()] == [ROWS_PER_SLICE, 2 * ROWS_PER_SLICE, count]
    assert all(values == {"a": str(row)} for row, (_, values) in rows(path).items())
    assert source.total_rows() == count
    assert [part.last_row for part in source.slices()][-1] == count  # the same again


def test_parquet_keeps_its_types_over_several_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.publish.read._PARQUET_ROWS", 300)
    count = 700
    frame = pl.DataFrame(
        {
            "form": ["death" if row % 2 else "primary" for row in range(count)],
            "number": range(count),
            "value": [None if row == 5 else row / 2 for row in range(count)],
            "day": [date(2001, 1, 1)] * count,
            "moment": [datetime(2001, 1, 1, 12)] * count,  # noqa: DTZ001 - Parquet without a zone
            "items": [["a", "b"]] * count,
        }
    )
    path = tmp_path / "rows.parquet"
    frame.write_parquet(path)
    found = rows(path)
    assert sorted(found) == list(range(1, count + 1))
    assert found[6] == (
        "death",
        {"number": 5, "value": None, "day": date(2001, 1, 1), "moment": datetime(2001, 1, 1, 12), "items": ["a", "b"]},  # noqa: DTZ001 - as above
    )
    assert all(values["number"] == row - 1 for row, (_, values) in found.items())
    assert open_source(path, FORMS).total_rows() == count


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "death.parquet", "PAR1 but nothing else")
    with pytest.raises(InputError, match="is not a Parquet file"):
        ParquetSource(path, None, "death").total_rows()


def test_ndjson_rows_may_differ_in_their_keys_and_forms(tmp_path: Path) -> None:
    lines = [
        {"form": "death", "a": 1},
        {"a": True, "form": "death", "b": ["x"]},
        {"form": "primary", "c": 1.5},
        {"form": "death", "a": None},
    ]
    path = write(tmp_path / "rows.ndjson", "\ufeff" + "\n\n".join(map(json.dumps, lines)))
    assert rows(path) == {
        1: ("death", {"a": 1, "b": None}),
        2: ("death", {"a": True, "b": ["x"]}),
        3: ("primary", {"c": 1.5}),
        4: ("death", {"a": None, "b": None}),
    }


BAD_LINES = [
    (b'{"a": 1', "is not JSON at character 8"),
    (b'{"a": 1}{"a": 2}', "is not JSON at character 9"),
    (b'{"a": 1}, {"a": 2}', "is not JSON at character 9"),
    (b"[1]", "is not a JSON object"),
    (b"null", "is not a JSON object"),
    (b"0", "is not a JSON object"),
    (b'{"a": "\xff"}', "is not UTF-8"),
    (b"[" * 200_000, "is JSON with too deep a nesting"),
    (b'{"a": ' + b"9" * 5_000 + b"}", "is JSON with too deep a nesting or too long a number"),
]


@pytest.mark.parametrize(("line", "rule"), BAD_LINES)
def test_a_broken_line_is_named_and_the_rest_goes_on(tmp_path: Path, line: bytes, rule: str) -> None:
    path = write(tmp_path / "death.ndjson", b'{"a": "before"}\n' + line + b'\n{"a": "after"}\n')
    assert rows(path) == {1: ("death", {"a": "before"}), 3: ("death", {"a": "after"})}
    ((row, told, text),) = broken(path)
    assert (row, text) == (2, line.decode(errors="replace"))
    assert told.startswith(rule)


def test_lines_that_only_make_sense_together_are_broken(tmp_path: Path) -> None:
    """Joined with commas the middle lines would be sound JSON, with as many objects as there are lines."""
    path = write(tmp_path / "death.ndjson", '{"a": 1}, {"a": 2}\n{"a": 3\n"b": 4}\n{"a": 5}\n')
    assert rows(path) == {4: ("death", {"a": 5})}
    assert [one.row for one in broken(path)] == [1, 2, 3]
