"""What a company may ask, and may not: contracts, its own products day by day, and links read and refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from schemas.definition.folder import load_registries
from sinks.clickhouse.queries.company_database.choice import Choice, ChoiceError, parse_choice, time_of
from sinks.clickhouse.queries.company_database.entitled import Entitled, NotEntitledError, entitle, kinds_of

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition

TODAY = date(2024, 6, 1)


@pytest.fixture(scope="module")
def hip() -> RegistryDefinition:
    return load_registries()["hip"]


@pytest.fixture(scope="module")
def tornquist(hip: RegistryDefinition) -> Entitled:
    return entitle(hip, "Tornquist Rosell", TODAY)


def test_a_company_reads_about_what_it_owns_on_the_day(hip: RegistryDefinition, tornquist: Entitled) -> None:
    assert tornquist.own == {
        "cup": ("CUP16", "CUP17", "CUP18"), "stem": ("STEM17", "STEM18", "STEM19"), "head": ("HEAD09",),
        "revision_cup": ("CUP16", "CUP17", "CUP18"), "revision_stem": ("STEM17", "STEM18", "STEM19"),
        "revision_head": ("HEAD09",),
    }  # fmt: skip
    before = entitle(hip, "Tornquist Rosell", date(2000, 6, 30))
    assert before.own["cup"] == ("CUP16", "CUP17")
    assert tornquist.contract.purpose == "surveillance of implants"
    assert tornquist.name_of("cup", "CUP18") == "Rosella Hemi"


def test_constructs_are_no_company_s_kind(hip: RegistryDefinition) -> None:
    assert "construct" not in kinds_of(hip)
    assert kinds_of(hip)["cup"].facts == ("sex", "age_group", "diagnosis")


@pytest.mark.parametrize(
    ("company", "day", "reason"),
    [
        ("Skarvik Implants", TODAY, "has no contract with registry hip that is in force on 2024-06-01"),
        ("Skarvik Implants", date(2000, 12, 31), None),
        ("Brandtmark", TODAY, "has no contract"),
        ("Nobody", TODAY, "has no contract"),
        ("Arvenius Orthopaedics", date(1999, 12, 31), "has no contract"),
        ("Arvenius Orthopaedics", date(2000, 1, 1), None),
    ],
)
def test_without_a_contract_in_force_a_company_is_refused(
    hip: RegistryDefinition, company: str, day: date, reason: str | None
) -> None:
    if reason is None:
        assert entitle(hip, company, day).company == company
    else:
        with pytest.raises(NotEntitledError, match=reason):
            entitle(hip, company, day)


def test_a_registry_that_declares_nothing_lets_no_company_in() -> None:
    with pytest.raises(NotEntitledError, match="registry biologics lets no company in"):
        entitle(load_registries()["biologics"], "Nordlunga Läkemedel", TODAY)


def test_who_has_sold_everything_has_nothing_to_read(hip: RegistryDefinition) -> None:
    terms = hip.registry.companies
    assert terms is not None
    (sold, *_) = (one.model_copy(update={"company": "Rosell Protesteknik"}) for one in terms.contracts)
    companies = terms.model_copy(update={"contracts": (sold,)})
    changed = replace(hip, registry=hip.registry.model_copy(update={"companies": companies}))
    assert entitle(changed, "Rosell Protesteknik", date(2000, 6, 30)).own["cup"] == ("CUP18",)
    with pytest.raises(NotEntitledError, match="owns no product"):
        entitle(changed, "Rosell Protesteknik", date(2000, 7, 1))


def test_a_link_is_read_and_written_as_the_same(tornquist: Entitled) -> None:
    asked = {
        "kind": ["stem"], "component": ["STEM19", "STEM17"], "from": ["2022"], "until": ["2024"], "sex": ["female"],
        "unit": ["U02", "U01"], "by": ["clinic_component"], "failure": ["revision"],
    }  # fmt: skip
    choice = parse_choice(asked, tornquist)
    assert choice == Choice(
        registry="hip",
        company="Tornquist Rosell",
        kinds=("stem",),
        components=("STEM17", "STEM19"),
        first=date(2022, 1, 1),
        last=date(2024, 12, 31),
        fact="sex",
        values=("female",),
        units=("U01", "U02"),
        grouping="clinic_component",
        failure="revision",
    )
    query: dict[str, list[str]] = {}
    for key, value in choice.as_query():
        query.setdefault(key, []).append(value)
    assert parse_choice(query, tornquist) == choice


def test_nothing_said_is_the_first_kind_with_all_of_its_components(tornquist: Entitled) -> None:
    choice = parse_choice({"component": [""], "sex": []}, tornquist)
    assert choice == Choice("hip", "Tornquist Rosell", ("cup",))
    assert not choice.is_of_groups


@pytest.mark.parametrize(
    ("fact", "said", "meant"),
    [
        ("age_group", ["85+", "<55"], ("<55", "85+")),
        ("sex", ["unknown"], ("",)),
        ("diagnosis", ["M16", "S72"], ("M16", "S72")),
    ],
)
def test_patients_are_told_apart_by_what_is_declared(
    tornquist: Entitled, fact: str, said: list[str], meant: tuple[str, ...]
) -> None:
    choice = parse_choice({fact: said}, tornquist)
    assert (choice.fact, choice.values) == (fact, meant)


def test_the_country_s_own_numbers_are_of_whole_months(tornquist: Entitled) -> None:
    choice = parse_choice({"from": ["2023-03"], "until": ["2024-02"]}, tornquist)
    assert (choice.first, choice.last) == (date(2023, 3, 1), date(2024, 2, 29))
    assert parse_choice({"until": ["2024-02-29"]}, tornquist).last == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"kind": ["knee"]}, "kind knee: Tornquist Rosell has cup, stem, head"),
        ({"component": ["CUP01"]}, "component CUP01: Tornquist Rosell has CUP16, CUP17, CUP18 among cup"),
        ({"component": ["STEM17"]}, "among cup"),
        ({"sex": ["female"], "diagnosis": ["M16"]}, "sex and diagnosis: patients can be told apart by one of these"),
        ({"sex": ["other"]}, "sex other: there are female, male, unknown"),
        ({"age_group": ["50"]}, "age_group 50: there are <55, 55-64"),
        ({"diagnosis": ["M161"]}, "diagnosis M161: write the first 3 characters of the code"),
        ({"weight": ["1"]}, "nothing is called weight; there are kind, component, from, until"),
        ({"region": ["Region Nowhere"]}, "region Region Nowhere: there are Region Norrvinge"),
        ({"unit": ["U99"]}, "unit U99: there are U01"),
        ({"by": ["patient"]}, "by patient: it is one of component, component_clinic, clinic_component"),
        ({"failure": ["pain"]}, "failure pain: it is one of revision, reoperation, specific"),
        ({"failure": ["revision", "specific"]}, "failure revision, specific"),
        ({"from": ["2024-03-02"]}, "from 2024-03-02: write a year, a month as 2024-05, or the first day of a month"),
        ({"until": ["2024-02-28"]}, "or the last day of a month"),
        ({"from": ["2024-13"]}, "from 2024-13"),
        ({"from": ["0000"]}, "from 0000"),
        ({"from": ["2024", "2023"]}, "from 2024 2023"),
        ({"from": ["2024"], "until": ["2023"]}, "until 2023-12-31 lies before from 2024-01-01"),
        ({"from": ["2024-02"], "by": ["component_clinic"]}, "of whole calendar years, .* choose 2024-01-01"),
        ({"until": ["2024-02"], "sex": ["female"]}, "choose 2024-12-31"),
        ({"until": ["2024-02"], "region": ["Region Norrvinge"]}, "choose 2024-12-31"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can(
    tornquist: Entitled, asked: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(ChoiceError, match=message.replace("+", r"\+")):
        parse_choice(asked, tornquist)


def test_where_years_are_taken_together_so_is_a_period(tornquist: Entitled) -> None:
    five = replace(tornquist, terms=tornquist.terms.model_copy(update={"years": 5}))
    asked = {"from": ["2020"], "until": ["2024"], "by": ["component_clinic"]}
    assert parse_choice(asked, five).last == date(2024, 12, 31)
    with pytest.raises(ChoiceError, match=r"whole 5 calendar years together, .* choose 2020-01-01"):
        parse_choice({**asked, "from": ["2021"]}, five)
    assert [time_of(year, 5) for year in (2019, 2020, 2024)] == [2015, 2020, 2020]
