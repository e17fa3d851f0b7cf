"""The variable catalogue: every variable with its attributes, and what became of it over the versions."""

from pathlib import Path

from schemas.definition.folder import load_registries, load_registry
from schemas.docs import variable_catalogue
from tests.unit.registry_folders import DATE, UNIT, WEIGHT, field, form, optional, write_registry


def row(text: str, name: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(lines) == 1
    return [cell.strip() for cell in lines[0].strip("|").split(" | ")]


def test_a_variable_is_told_with_all_that_was_declared(tmp_path: Path) -> None:
    smoker = optional("smoker", "string", codes={"list": ["yes", "no"]}, question="EQ-1", source="typed in")
    code = field("code", {"type": "array", "items": "string"}, codes={"system": "KVÅ", "pattern": "NF(A|B)"})
    text = variable_catalogue(load_registry(write_registry(tmp_path, forms=[form(UNIT, WEIGHT, smoker, code)])))

    assert text.startswith("# Smallest register (Minsta registret)\n")
    assert "- Controller: Region Test\n" in text
    assert "- Stage: new\n" in text
    assert "## visit\n\nA visit to the clinic.\n" in text
    assert row(text, "weight") == [
        *("`weight`", "double, may be absent", "The weight of the visit.", "", "kg", "0 to 500", "", "", "", "since 1")
    ]
    assert row(text, "unit")[3] == "unit"
    assert row(text, "unit")[6] == "catalogue units"
    assert row(text, "smoker")[6:9] == ["`yes`, `no`", "EQ-1", "typed in"]
    assert row(text, "code")[1] == "list of string"
    assert row(text, "code")[6] == "KVÅ: `NF(A\\|B)`"
    assert row(text, "occurred_on")[1] == "date"


def test_a_variables_history_is_told_over_the_versions(tmp_path: Path) -> None:
    once, again = optional("once", "int"), optional("again", "int")
    ranged = {**WEIGHT, "range": [0, 300]}
    released = {"visit": [form(UNIT, once), form(UNIT, WEIGHT, again), form(UNIT, ranged), form(UNIT, ranged, again)]}
    present = form(UNIT, {**ranged, "unit": "g"}, again, optional("fresh", DATE))
    text = variable_catalogue(load_registry(write_registry(tmp_path, forms=[present], released=released)))

    assert "released versions: 4." in text
    assert row(text, "unit")[-1] == "since 1"
    assert row(text, "weight")[-1] == "since 2; range changed in 3; unit changed since then, not released"
    assert row(text, "again")[-1] == "since 2; left out in 3; back in 4"
    assert row(text, "fresh")[-1] == "not released"
    assert "- No longer recorded: `once` (int, may be absent), in versions 1 to 1. The once of the visit." in text


def test_a_registry_without_controller_and_a_form_never_released_say_so(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, registry={"controller": None, "purposes": ["care"]}, released={})
    text = variable_catalogue(load_registry(folder))
    assert "- Controller: none, so every registration is refused" in text
    assert "- Purposes: care" in text
    assert "released versions: none." in text
    assert row(text, "unit")[-1] == "not released"


def test_what_is_invented_in_the_bundled_data_stands_in_its_catalogue() -> None:
    for definition in load_registries().values():
        text = variable_catalogue(definition)
        for form_name, declared in definition.forms.items():
            assert f"## {form_name}\n" in text
            assert text.count(f"`{declared.full_name}`") == 1
    metabolic = variable_catalogue(load_registries()["metabolic"])
    assert "the calendar and the 35 centres are invented" in metabolic
    assert "kalendern och de 35 enheterna är påhittade" in metabolic
    assert (
        "- Cells by: unit, year, sex `{field: sex}`, age_group `{field: birth_year, age: true, "
        "bands: [35, 45, 55, 65, 75]}` (the age reached in the registration's year)\n"
    ) in metabolic


def test_what_is_derived_is_told_in_both_languages(tmp_path: Path) -> None:
    folder = write_registry(tmp_path, forms=[form(UNIT, WEIGHT, optional("drug", "string"))])
    (folder / "journey.yaml").write_text(
        "values: {stay: {form: visit, days_from: occurred_on, to: recorded_at}}\n", encoding="utf-8"
    )
    (folder / "indicators.yaml").write_text(
        """
cohorts:
  visits:
    title: {sv: Besök, en: Visits}
    form: visit
    where: {weight: {known: true}}
    once_per: year
    period: year
    by: {drug: {field: drug}}
    indicators:
      heavy:
        kind: proportion
        title: {sv: Tunga, en: Heavy}
        where: {drug: [a, b]}
        numerator: {weight: {gt: 90}}
        direction: lower
        target: 0.25
        smallest_shown: 3
      mean_weight:
        kind: mean
        title: {sv: Medelvikt, en: Mean weight}
        value: weight
        resolution: 0.5
        measured_in: kg
      again:
        kind: rate
        title: {sv: Åter, en: Back}
        event: {form: visit}
        horizon_days: 365
        per_years: 100
lists:
  light:
    title: {sv: Lätta, en: Light}
    form: visit
    once_per: person
    when: {weight: {lt: 40}}
    show: [weight]
""",
        encoding="utf-8",
    )
    (folder / "monitors.yaml").write_text(
        """
exposures:
  drug:
    title: {sv: Läkemedel, en: Drug}
    form: visit
    product: drug
    ends: [{form: visit, where: {drug: {known: false}}, reason: stopped}]
    outcomes: {form: visit}
monitors:
  drugs: {exposures: drug, baseline: flat, rates: [1.5], left_out: [d1, d2], thresholds: {alarm: [6.8]}}
""",
        encoding="utf-8",
    )
    definition = load_registry(folder)
    text = variable_catalogue(definition)
    assert "- `stay` of `visit`: whole days from `occurred_on` to `recorded_at`.\n" in text
    assert f"Generation of the values: `{definition.generation}`." in text
    assert "### visits: Visits (Besök)\n" in text
    assert "- Of: `visit` where `{weight: {known: true}}`, the latest of each person and year\n" in text
    assert "- Cells by: unit, year, drug `{field: drug}`\n" in text
    assert row(text, "heavy")[1:] == [
        "Heavy (Tunga)", "proportion", "`{drug: [a, b]}`", "`{weight: {gt: 90}}`", "lower", "0.25", "3",
    ]  # fmt: skip
    assert row(text, "mean_weight")[1:5] == ["Mean weight (Medelvikt)", "mean, kg", "", "`weight` in multiples of 0.5"]
    assert row(text, "again")[2:5] == ["rate per 100 person-years, 365 days at most", "", "`{form: visit}`"]
    assert row(text, "light")[1:] == [
        "Light (Lätta)", "`visit`, the latest of each person", "`{weight: {lt: 40}}`", "`weight`",
    ]  # fmt: skip
    exposure = next(line for line in text.splitlines() if "Drug (Läkemedel)" in line)
    assert "`{form: visit, where: {drug: {known: false}}, reason: stopped}`" in exposure
    assert row(text, "drugs")[1:] == ["`drug`", "all", "flat", "1.5", "4.2", "6.8", "`d1`, `d2`"]


def test_every_indicator_list_and_exposure_of_the_bundled_registries_is_told() -> None:
    for definition in load_registries().values():
        text = variable_catalogue(definition)
        cohorts = definition.indicators.cohorts
        names = [name for cohort in cohorts.values() for name in cohort.indicators]
        for name in (*names, *definition.indicators.lists, *definition.monitors.exposures):
            assert f"| `{name}` |" in text
        assert ("## Monitors" in text) == bool(definition.monitors.monitors)
        for name, monitor in definition.monitors.monitors.items():
            assert row(text.split("## Monitors")[1], name)[1:4] == [
                f"`{monitor.exposures}`", monitor.outcome, monitor.baseline,
            ]  # fmt: skip
            assert all(f"| `{name}`, each {kind} |" in text for kind in monitor.streams)
        titles = [one.title for cohort in cohorts.values() for one in (cohort, *cohort.indicators.values())]
        assert all(f"{title.en} ({title.sv})" in text for title in titles)


def test_pairs_of_drug_and_reaction_and_the_days_after_a_stop_are_told() -> None:
    text = variable_catalogue(load_registries()["biologics"])
    exposures, pairs = text.split("## Exposures\n")[1].split("## Disproportionality\n")
    assert "`{field: stopped_on, plus_days: 90, reason: stopped}`" in row(exposures, "drug")[7]
    told = row(pairs, "reactions")
    assert told[2] == "`adverse_reaction` where `{same_event_as: {known: false}}`"
    assert told[5].startswith("sex `{person: sex}`, age_group ")
    assert [*told[3:5], *told[6:]] == ["`drug`", "`reaction_code`", "evans or ic", "ebgm", "3", "`drug`", "`user`"]


def test_a_registry_that_derives_nothing_says_nothing_of_it(tmp_path: Path) -> None:
    text = variable_catalogue(load_registry(write_registry(tmp_path)))
    assert not [word for word in ("Indicators", "Lists", "Exposures", "Monitors", "Journeys") if word in text]
