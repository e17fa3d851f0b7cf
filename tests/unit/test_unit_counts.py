"""Files of counts: read whole, each wrong row named by its line, nothing read where one is wrong."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from schemas.definition.folder import load_registries
from streams.publish.errors import InputError
from streams.publish.unit_counts import UnitCount, read_counts
from streams.publish.whole_file import MOST_FAULTS_TOLD, FileRefusedError

if TYPE_CHECKING:
    from pathlib import Path

_HIP = load_registries()["hip"]
_AS_OF = date(2002, 3, 15)
_HEADER = "unit,period,measure,count\n"


def file_of(folder: Path, text: str) -> Path:
    path = folder / "counts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_in_any_order_of_columns_with_either_delimiter(tmp_path: Path) -> None:
    text = "\ufeffperiod;unit;count;measure\n2001-11;U01;12;patient_register\n\n2001-12;U02; < 5 ;patient_register\n"
    assert read_counts(file_of(tmp_path, text), _HIP, _AS_OF) == [
        UnitCount("U01", date(2001, 11, 1), "patient_register", 12),
        UnitCount("U02", date(2001, 12, 1), "patient_register", None, 5),
    ]


def test_a_quoted_line_end_does_not_shift_the_numbers(tmp_path: Path) -> None:
    text = _HEADER + 'U01,2001-11,"patient_register\n",1\nU01,2001-13,patient_register,1\n'
    with pytest.raises(FileRefusedError) as caught:
        read_counts(file_of(tmp_path, text), _HIP, _AS_OF)
    assert caught.value.faults == ("line 4: period '2001-13' is no month, YYYY-MM",)


def test_every_wrong_row_is_named_by_line_with_all_that_is_wrong(tmp_path: Path) -> None:
    rows = [
        "U01,2001-11,patient_register,12",
        "U81,2001-11,patient_register,12",
        "U01,2001-11,patients,12",
        "U01,nov 2001,patient_register,12",
        "U01,2002-03,patient_register,12",
        "U01,2001-10,patient_register,-1",
        "U01,2001-10,patient_register,<1",
        "U01,2001-10,patient_register,1.5",
        "U01,2001-10,patient_register",
        "U01,2001-11,patient_register,13",
        "U99,2001,other,",
    ]
    path = file_of(tmp_path, _HEADER + "\n".join(rows))
    with pytest.raises(FileRefusedError) as caught:
        read_counts(path, _HIP, _AS_OF)
    measures = "there are patient_register, matched, patient_register_only, register_only"
    assert caught.value.faults == (
        "line 3: unit 'U81' is not in the catalogue of units",
        f"line 4: measure 'patients' is not declared; {measures}",
        "line 5: period 'nov 2001' is no month, YYYY-MM",
        "line 6: the month 2002-03 was not over on 2002-03-15, when the source counted",
        "line 7: count '-1' is no whole number, nor <2 or higher",
        "line 8: count '<1' is no whole number, nor <2 or higher",
        "line 9: count '1.5' is no whole number, nor <2 or higher",
        "line 10: 3 values for 4 columns",
        "line 11: unit, period and measure are those of line 2",
        (
            f"line 12: unit 'U99' is not in the catalogue of units; measure 'other' is not declared; {measures}; "
            "period '2001' is no month, YYYY-MM; count '' is no whole number, nor <2 or higher"
        ),
    )
    assert str(caught.value).endswith(f"{path}: nothing was sent")


def test_the_month_before_that_of_the_day_of_counting_was_over(tmp_path: Path) -> None:
    path = file_of(tmp_path, _HEADER + "U01,2002-02,patient_register,0\n")
    assert read_counts(path, _HIP, date(2002, 3, 1))[0].count == 0
    with pytest.raises(FileRefusedError, match="was not over on 2002-02-28"):
        read_counts(path, _HIP, date(2002, 2, 28))


def test_a_flood_of_faults_is_told_in_part_and_counted(tmp_path: Path) -> None:
    path = file_of(tmp_path, _HEADER + "U99,2001-11,patient_register,1\n" * (MOST_FAULTS_TOLD + 7))
    with pytest.raises(FileRefusedError) as caught:
        read_counts(path, _HIP, _AS_OF)
    assert len(caught.value.faults) == MOST_FAULTS_TOLD + 7
    assert f"{path}: 7 further faults" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: the columns are none, not unit, period, measure, count"),
        ("unit,month,measure,count\n", "line 1: the columns are unit, month, measure, count"),
        (_HEADER, "there are no rows in it"),
    ],
)
def test_what_is_no_file_of_counts_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_counts(file_of(tmp_path, text), _HIP, _AS_OF)


def test_a_file_in_another_encoding_and_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(_HEADER.encode() + "Örebro".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8"):
        read_counts(path, _HIP, _AS_OF)
    with pytest.raises(InputError, match=r"none\.csv"):
        read_counts(tmp_path / "none.csv", _HIP, _AS_OF)


def test_a_registry_that_declares_no_coverage_takes_no_counts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"registry metabolic is held against nothing"):
        read_counts(file_of(tmp_path, _HEADER), load_registries()["metabolic"], _AS_OF)
