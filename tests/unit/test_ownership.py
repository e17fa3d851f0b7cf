"""Whose a product is, day by day; what is wrong in the file or under `companies` is named by line or key."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from schemas.company import is_under_contract
from schemas.definition.errors import DefinitionError
from schemas.definition.folder import load_registry
from tests.unit.registry_folders import UNITS, write_registry

if TYPE_CHECKING:
    from pathlib import Path

PARTS = "code,name,kind,company\nC1,One,cup,Ny AB\nC2,Two,cup,Annan AB\n"
MERGER = "C1,Gammal AB,,2020-12-31\nC1,Ny AB,2021-01-01,\n"


def registry(parent: Path, lines: str | None, **said: Any) -> Path:
    catalogues = {"units": UNITS, "parts": PARTS}
    if lines is not None:
        catalogues["ownership"] = f"code,company,from,until\n{lines}"
    return write_registry(parent, registry=said, catalogues=catalogues)


def test_a_product_belongs_to_one_company_on_any_day(tmp_path: Path) -> None:
    definition = load_registry(registry(tmp_path, MERGER))
    whose = definition.ownership
    assert [whose.owner("C1", day) for day in (date(1950, 1, 1), date(2020, 12, 31), date(2021, 1, 1))] == [
        "Gammal AB", "Gammal AB", "Ny AB",
    ]  # fmt: skip
    assert whose.owner("C2", date(1950, 1, 1)) == "Annan AB"
    assert whose.owner("C3", date(2020, 1, 1)) is None
    assert whose.codes("Ny AB", date(2021, 1, 1)) == ("C1",)
    assert whose.codes("Ny AB", date(2020, 12, 31)) == ()
    assert whose.companies == {"Gammal AB", "Ny AB", "Annan AB"}
    assert whose.changes == (date(2021, 1, 1),)
    assert set(definition.catalogues) == {"units", "parts"}


def test_without_the_file_a_product_is_its_catalogue_s_company_s(tmp_path: Path) -> None:
    whose = load_registry(registry(tmp_path, None)).ownership
    assert whose.owner("C1", date(1950, 1, 1)) == "Ny AB"
    assert whose.changes == ()


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("C9,Ny AB,,\n", "line 2: no catalogue with companies has a product C9"),
        ("U1,Ny AB,,\n", "line 2: no catalogue with companies has a product U1"),
        ("C1, ,,\n", "line 2: company is empty"),
        ("C1,Ny AB,\n", "line 2: 3 values for 4 columns"),
        ("C1,Ny AB,,soon\n", "line 2: until is no day: write it as 2021-01-31"),
        ("C1,Ny AB,2020-01-01,\n", "line 2: from of C1 is empty, for it is the first"),
        ("C1,Ny AB,,2020-12-31\n", "line 2: until of C1 is empty, for it is the last"),
        ("C1,Gammal AB,,\nC1,Ny AB,2021-01-01,\n", "line 2: until of C1 is missing"),
        (
            "C1,Gammal AB,,2020-12-31\nC1,Ny AB,2021-01-02,\n",
            "line 3: from of C1 is 2021-01-01, the day after the line before",
        ),
        (
            "C1,Gammal AB,,2020-12-31\nC1,Mellan AB,2021-01-01,2020-12-31\nC1,Ny AB,2021-01-01,\n",
            "line 3: until of C1 lies before from",
        ),
        ("C1,Gammal AB,,\n", "line 2: C1 is Ny AB's in its catalogue, and must be in its last line"),
        ('C1,"Ny AB,,\n', "unexpected end of data"),
    ],
)
def test_what_leaves_a_product_without_one_owner_is_named_by_line(tmp_path: Path, lines: str, problem: str) -> None:
    folder = registry(tmp_path, lines)
    with pytest.raises(DefinitionError) as caught:
        load_registry(folder)
    (found,) = caught.value.problems
    assert found.startswith(str(folder / "catalogue" / "ownership.csv"))
    assert problem in found


def test_another_header_is_refused(tmp_path: Path) -> None:
    folder = registry(tmp_path, None)
    (folder / "catalogue" / "ownership.csv").write_text("code,company\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"line 1: the columns are code,company,from,until"):
        load_registry(folder)


CONTRACT = {"company": "Ny AB", "from": date(2020, 1, 1), "until": date(2024, 12, 31), "purpose": "watching"}


def declared(parent: Path, **companies: Any) -> Path:
    return registry(parent, MERGER, purposes=["watching"], companies=companies)


def test_a_contract_is_in_force_from_and_until_its_days(tmp_path: Path) -> None:
    again = {**CONTRACT, "from": date(2024, 1, 1), "until": None}
    companies = load_registry(declared(tmp_path, contracts=[CONTRACT, again])).registry.companies
    assert companies is not None
    assert companies.smallest == 5
    found = {day: companies.contract("Ny AB", day) for day in (date(2019, 12, 31), date(2020, 1, 1), date(2030, 1, 1))}
    assert found == {
        date(2019, 12, 31): None, date(2020, 1, 1): companies.contracts[0], date(2030, 1, 1): companies.contracts[1],
    }  # fmt: skip
    assert companies.contract("Annan AB", date(2020, 1, 1)) is None


def test_a_company_is_known_to_be_under_contract_by_its_code_too(tmp_path: Path) -> None:
    definition = load_registry(declared(tmp_path, contracts=[CONTRACT]))
    days = (date(2019, 12, 31), date(2020, 1, 1), date(2024, 12, 31), date(2025, 1, 1))
    assert [is_under_contract(definition, "ny-ab", day) for day in days] == [False, True, True, False]
    assert not is_under_contract(definition, "annan-ab", days[1])
    (parent := tmp_path / "without").mkdir()
    assert not is_under_contract(load_registry(registry(parent, MERGER)), "ny-ab", days[1]), "nothing is declared"


@pytest.mark.parametrize(
    ("companies", "problem"),
    [
        ({"contracts": [{**CONTRACT, "company": "Okänd AB"}]}, "companies.contracts.0.company: no catalogue has"),
        (
            {"contracts": [{**CONTRACT, "purpose": "selling"}]},
            "companies.contracts.0.purpose: 'selling' is none of the registry's purposes: watching",
        ),
        ({"contracts": [{**CONTRACT, "until": date(2019, 1, 1)}]}, "until lies before from"),
        ({"smallest": 0}, "companies.smallest: "),
        ({"largest_share": 1.2}, "companies.largest_share: "),
        ({"names_of_hospitals_at": "always"}, "companies.names_of_hospitals_at: "),
        ({"shown": 5}, "companies.shown: "),
    ],
)
def test_what_is_wrong_about_companies_is_named_by_key(tmp_path: Path, companies: dict[str, Any], problem: str) -> None:
    folder = declared(tmp_path, **companies)
    with pytest.raises(DefinitionError) as caught:
        load_registry(folder)
    (found,) = caught.value.problems
    assert found.startswith(str(folder / "registry.yaml"))
    assert problem in found


def test_a_tariff_is_for_groups_that_there_are(tmp_path: Path) -> None:
    tariff = {"amount": 10, "currency": "SEK", "per": "piece", "of": ["cup"]}
    with pytest.raises(DefinitionError, match=r"tariff\.of: there is no monitor group cup; there are none"):
        load_registry(registry(tmp_path, None, tariff=tariff))
