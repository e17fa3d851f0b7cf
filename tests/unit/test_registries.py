"""The bundled registries: whole, in both languages, and their declarations held against journeys planned by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from deploy.demo.history import HistoryPlan, generate
from schemas.compatibility import check
from schemas.definition.folder import load_registries
from tests.demo_support import totals, worked_out
from tests.reference_journeys import Listed

REGISTRIES = load_registries()
SMALL = HistoryPlan(700, 9, 7, 5, 10, unresolved=6, emigrations=6, opt_outs=4, lifted=2, seed=4)
START = date(2020, 1, 15)
EPOCH = date(1970, 1, 1)

Row = dict[str, Any]


def row(form: str, person: str, number: int, day: int, **fields: Any) -> Row:
    """A registration of a form, some days after the start, recorded ``recorded`` days later (by default none)."""
    occurred = START + timedelta(days=day)
    recorded = datetime(occurred.year, occurred.month, occurred.day, 12, tzinfo=UTC)
    return {
        "form": form,
        "person": person,
        "registration_id": f"{form}-{number}",
        "occurred_on": occurred,
        "recorded_at": recorded + timedelta(days=fields.pop("recorded", 0)),
        "retracted": False,
        **fields,
    }


def year_of(day: int) -> int:
    return (EPOCH + timedelta(days=day)).year


def test_the_bundled_registries_are_right_and_released() -> None:
    assert sorted(REGISTRIES) == ["biologics", "hip", "hiv", "metabolic", "senior_alert"]
    assert [problem for definition in REGISTRIES.values() for problem in check(definition)] == []


@pytest.mark.parametrize("name", list(REGISTRIES))
def test_every_registry_shows_at_least_what_was_promised(name: str) -> None:
    definition = REGISTRIES[name]
    indicators = {indicator for cohort in definition.indicators.cohorts.values() for indicator in cohort.indicators}
    promised = {
        "biologics": {"treatments", "low_activity", "reactions"},
        "hip": {"operations", "reoperated_2y", "died_90d", "cemented", "days_to_registration", "registered_late"},
        "hiv": {"at_goal", "on_treatment", "cd4"},
        "metabolic": {
            "systolic_at_most_140", "mean_cholesterol", "smokers", "pressure_at_goal_before", "myocardial_infarctions",
        },
        "senior_alert": {"planned", "performed", "followed_up", "chain_completed"},
    }  # fmt: skip
    assert promised[name] <= indicators
    assert set(definition.indicators.lists) == {
        "biologics": {"to_code"},
        "hip": set(),
        "hiv": {"not_at_goal", "never_seen"},
        "metabolic": set(),
        "senior_alert": {"open_chains", "without_plan"},
    }.get(name)


@pytest.mark.parametrize("name", list(REGISTRIES))
def test_a_registration_touches_few_cells(name: str) -> None:
    """A vector per cohort of its form, and a cell by value for each median: so few, or the stream slows down."""
    definition = REGISTRIES[name]
    touched: dict[str, int] = {}
    for cohort in definition.indicators.cohorts.values():
        medians = sum(indicator.kind == "median" for indicator in cohort.indicators.values())
        # cohorts of one form that only one test belongs to exclude each other
        if name != "metabolic" or cohort.form != "measurement":
            touched[cohort.form] = touched.get(cohort.form, 0) + 1 + medians
    assert all(cells <= 4 for cells in touched.values())
    cohorts = REGISTRIES["metabolic"].indicators.cohorts.values()
    assert len({str(cohort.where) for cohort in cohorts if cohort.form == "measurement"}) == 3


OPERATION: Row = {
    "unit": "U01", "side": "left", "cup": "CUP01", "cup_lot": "L1", "stem": "STEM01", "stem_lot": None, "head": None,
    "head_lot": None, "fixation": "cemented", "age": 70, "sex": "female", "diagnosis": "M160",
}  # fmt: skip
REOPERATION: Row = {
    "unit": "U02", "side": "left", "components_removed": [], "primary_registration_id": None, "new_cup": None,
    "new_stem": None, "new_head": None, "reason": "infection",
}  # fmt: skip


def test_hip_counts_what_was_planned_by_hand() -> None:
    definition = REGISTRIES["hip"]
    result = worked_out(
        definition,
        [
            row("primary_operation", "A", 1, 0, **OPERATION, recorded=30),  # not late
            row("reoperation", "A", 1, 730, **REOPERATION),  # on the last day of the two years
            row("primary_operation", "B", 2, 0, **{**OPERATION, "fixation": "hybrid"}, recorded=31),
            row("reoperation", "B", 2, 731, **REOPERATION),  # a day too late
            row("primary_operation", "C", 3, 0, **OPERATION, recorded=2),
            row("reoperation", "C", 3, 5, **{**REOPERATION, "side": "right"}),  # of another hip: unresolved
            row("death", "C", 1, 90),  # on the last of the ninety days
            row("primary_operation", "D", 4, 0, **{**OPERATION, "sex": "male"}, recorded=400),
            row("death", "D", 2, 91),
            row("reoperation", "E", 4, 3, **{**REOPERATION, "primary_registration_id": "primary_operation-9"}),
        ],
    )
    assert totals(definition, result, "primary_operations") == {
        "operations": (4,),
        "reoperated_2y": (4, 1),
        "died_90d": (4, 1),
        "cemented": (4, 3),
    }
    # follow-up by cup: 730 and 731 days to the reoperations, 90 and 91 to the deaths; nobody is open
    assert totals(definition, result, "cups") == {
        "cup_operations": (4,),
        "cup_reoperated_2y": (4, 1),
        "cup_reoperation_rate": (4, 2, 730 + 731 + 90 + 91, 0, 0),
    }
    assert totals(definition, result, "registrations") == {"days_to_registration": (4,), "registered_late": (4, 2)}
    days = {bucket: n for (*_, indicator, bucket), (n, *_) in result.cells.items() if indicator}
    assert days == {30: 1, 31: 1, 2: 1, 400: 1}
    assert {key[3] for key in result.listed} == {"reoperation-3", "reoperation-4"}


def test_the_first_revision_ends_all_exposures_of_a_hip_and_what_stays_in_is_still_carried() -> None:
    head_only = {**REOPERATION, "components_removed": ["head"], "new_head": "HEAD02"}
    cup_too = {**REOPERATION, "components_removed": ["cup", "head"], "new_cup": "CUP02"}
    result = worked_out(
        REGISTRIES["hip"],
        [
            row("primary_operation", "A", 1, 0, **{**OPERATION, "head": "HEAD01"}),
            row("reoperation", "A", 1, 100, **head_only),
            row("reoperation", "A", 2, 200, **cup_too),
            row("reoperation", "A", 3, 250, **REOPERATION),
            row("reoperation", "A", 4, 300, **cup_too),
            row("emigration", "A", 1, 400),
        ],
    )
    start = (START - EPOCH).days
    found = {
        (group, number): (one.product, one.start - start, one.end and one.end - start, one.end_reason, one.outcomes)
        for (group, _, number), one in result.exposures.items()
    }
    assert found == {
        ("cup", "primary_operation-1"): ("CUP01", 0, 100, "revision", 1),
        ("stem", "primary_operation-1"): ("STEM01", 0, 100, "revision", 1),
        ("head", "primary_operation-1"): ("HEAD01", 0, 100, "revision", 1),
        ("construct", "primary_operation-1"): ("CUP01 + STEM01", 0, 100, "revision", 1),
        ("revision_head", "reoperation-1"): ("HEAD02", 100, 200, "revision", 1),
        ("revision_cup", "reoperation-2"): ("CUP02", 200, 300, "revision", 2),  # on days 250 and 300
        ("revision_cup", "reoperation-4"): ("CUP02", 300, 400, "emigration", 0),
    }
    primary = {group: one for (group, _, number), one in result.exposures.items() if number == "primary_operation-1"}
    assert {group: one.carried_until and one.carried_until - start for group, one in primary.items()} == {
        "cup": 200, "stem": None, "head": 100, "construct": 200,
    }  # fmt: skip
    assert {group: one.specific for group, one in primary.items()} == {"cup": 0, "stem": 0, "head": 1, "construct": 0}


def test_whose_failure_it_was_is_not_known_where_nothing_was_taken_out_for_a_mechanical_reason() -> None:
    rows = [
        row("primary_operation", "A", 1, 0, **OPERATION),
        row("reoperation", "A", 1, 100, **REOPERATION),
        row("reoperation", "A", 2, 200, **{**REOPERATION, "reason": "loosening"}),
        row("reoperation", "A", 3, 300, **{**REOPERATION, "reason": "wear", "components_removed": ["stem"]}),
    ]
    exposures = worked_out(REGISTRIES["hip"], rows).exposures
    found = {group: (one.outcomes, one.specific, one.unknown) for (group, *_), one in exposures.items()}
    assert found == {"cup": (3, 0, 1), "stem": (3, 1, 1), "construct": (3, 1, 1)}


def test_the_invented_hip_history_shows_its_golden_case_and_its_queue() -> None:
    definition, history = REGISTRIES["hip"], generate(SMALL)
    rows = [one for one in history.rows if one["registration_id"] not in history.faulty_ids]
    result = worked_out(definition, rows)
    # retracted, opted out, registered anew
    assert totals(definition, result, "primary_operations")["operations"] == (700 - 5 - 4 + 2,)
    assert {number for name, _, _, number in result.listed if name == "unresolved"} == history.unresolved_ids
    interop = [one for (group, *_), one in result.exposures.items() if group == "cup" and one.product == "INTEROP"]
    assert len(interop) == 30
    ended = [one for one in interop if one.end is not None]
    assert [(one.end_reason, one.outcomes) for one in ended] == [("revision", 1)] * 5
    # days of the five from operation to reoperation: 100, 105, 95, 110, 92
    assert sorted(one.end - one.start for one in ended if one.end) == [92, 95, 100, 105, 110]


PERSON = {"unit": "C01", "birth_year": 1946, "sex": "female", "smoker": None, "followed_until": None}


def measured(person: str, number: int, day: int, test: str, value: float) -> Row:
    return row("measurement", person, number, day, unit="C01", test=test, value=value)


def test_metabolic_counts_what_was_planned_by_hand() -> None:
    definition = REGISTRIES["metabolic"]
    infarction = {"unit": "C01", "event": "myocardial_infarction"}
    result = worked_out(
        definition,
        [
            row("person", "A", 1, 0, **{**PERSON, "smoker": True, "followed_until": START + timedelta(days=500)}),
            row("person", "B", 2, 0, **{**PERSON, "smoker": False}),
            row("person", "C", 3, 0, **PERSON),
            row("person", "D", 4, 0, **PERSON),
            measured("A", 1, 0, "sbp", 150.0),
            measured("A", 2, 30, "sbp", 140.0),  # the year's latest
            measured("A", 3, 60, "sbp", 13_682.0),  # nobody's
            measured("B", 4, 0, "sbp", 141.0),
            measured("B", 5, 400, "sbp", 120.0),  # of the next year
            measured("A", 6, 0, "chol", 200.4),
            measured("B", 7, 0, "chol", 180.5),  # counts as 181
            measured("A", 8, 0, "smoke", 1.0),
            measured("B", 9, 0, "smoke", 0.0),
            measured("A", 10, 0, "hdl", 50.0),
            row("event", "A", 1, 600, **infarction),  # after the end of follow-up
            row("event", "B", 2, 100, **infarction),
            row("event", "B", 3, 200, **infarction),
            row("event", "C", 4, -10, **infarction),  # not at risk of a first one
            row("event", "D", 5, 50, unit="C01", event="stroke"),
        ],
    )
    by_year = totals(definition, result, "blood_pressure", by_period=True)
    assert by_year == {
        (2020, "systolic_at_most_140"): (2, 1),
        (2020, "mean_systolic"): (2, 281, 140**2 + 141**2),
        (2021, "systolic_at_most_140"): (1, 1),
        (2021, "mean_systolic"): (1, 120, 120**2),
    }
    assert totals(definition, result, "cholesterol") == {"mean_cholesterol": (2, 381, 200**2 + 181**2)}
    assert totals(definition, result, "smoking") == {"smokers": (2, 1)}
    assert totals(definition, result, "persons") == {
        "persons_followed": (4,),
        "smokers_at_start": (2, 1),
        # A until day 500, B until the infarction on day 100, D open since the start
        "myocardial_infarctions": (3, 1, 600, 1, (START - EPOCH).days),
    }
    # born in 1946: 74 in all of 2020, 75 in 2021
    assert {(year_of(period), by) for _, _, period, by, *_ in result.cells} == {
        (2020, ("female", "65-74")),
        (2021, ("female", "75+")),
    }


def test_metabolic_tells_the_latest_pressure_before_an_event() -> None:
    definition = REGISTRIES["metabolic"]

    def happened(person: str, number: int, day: int, event: str) -> Row:
        return row("event", person, number, day, unit="C01", event=event)

    result = worked_out(
        definition,
        [
            measured("A", 1, 0, "sbp", 150.0),
            measured("A", 2, 30, "sbp", 140.0),
            happened("A", 1, 100, "stroke"),  # at the goal, whatever came before
            measured("B", 3, 0, "sbp", 120.0),
            measured("B", 4, 10, "sbp", 141.0),
            happened("B", 2, 740, "myocardial_infarction"),  # 730 days after the latest, which is above
            measured("C", 5, 0, "sbp", 120.0),
            happened("C", 3, 731, "stroke"),  # a day too long after it: not counted
            measured("D", 6, 20, "sbp", 130.0),
            measured("D", 7, 50, "sbp", 13_682.0),  # nobody's
            happened("D", 4, 60, "stroke"),  # at the goal
            happened("E", 5, 50, "stroke"),
            measured("E", 8, 51, "sbp", 120.0),  # after it: not counted
            measured("F", 9, 50, "sbp", 130.0),
            happened("F", 6, 50, "stroke"),  # at the goal, on the same day
            measured("G", 10, 50, "sbp", 130.0),
            happened("G", 7, 60, "angina"),  # neither infarction nor stroke
            measured("H", 11, 50, "dbp", 80.0),
            happened("H", 8, 60, "stroke"),  # not the systolic: not counted
        ],
    )
    assert totals(definition, result, "events") == {"pressure_at_goal_before": (4, 3)}  # A, B, D, F; all but B


VISIT = {"unit": "I01", "contact": "doctor", "cd4": 400, "drugs": ["J05AR06"], "missed_doses": 0, "on_treatment": True}


def test_whoever_is_at_the_goal_since_the_last_sample_need_not_be_called() -> None:
    result = worked_out(
        REGISTRIES["hiv"],
        [
            row("diagnosis", "A", 1, 0, unit="I01", sex="male", birth_year=1970, viral_load=9_000, cd4=300),
            row("visit", "A", 1, 10, **VISIT, viral_load=9_000),
            row("visit", "A", 2, 100, **VISIT, viral_load=49),
            row("visit", "B", 3, 10, **VISIT, viral_load=20),
            row("visit", "B", 4, 100, **VISIT, viral_load=50),
            row("visit", "B", 5, 110, **VISIT, viral_load=None),  # no sample: what is known is older
            row("visit", "C", 6, 10, **VISIT, viral_load=700),
            row("death", "C", 1, 20),
            row("visit", "D", 7, 10, **VISIT, viral_load=700),
            row("emigration", "D", 1, 10),
            row("diagnosis", "E", 2, 0, unit="I02", sex="female", birth_year=1980, viral_load=None, cd4=None),
        ],
    )
    day = (START - EPOCH).days
    assert result.listed == {
        ("not_at_goal", "B", "visit", "visit-4"): Listed("I01", day + 100, ("50", "400", "true", "0")),
        ("never_seen", "E", "diagnosis", "diagnosis-2"): Listed("I02", day, ("", "")),
    }


def test_hiv_tells_persons_apart_by_the_age_that_they_reach_in_the_year() -> None:
    result = worked_out(
        REGISTRIES["hiv"],
        [
            row("diagnosis", "A", 1, 0, unit="I01", sex="male", birth_year=1981, viral_load=9_000, cd4=300),
            row("visit", "A", 1, 10, **VISIT, viral_load=49),
            row("visit", "A", 2, 400, **VISIT, viral_load=49),
            row("diagnosis", "B", 2, 0, unit="I01", sex="male", birth_year=1980, viral_load=9_000, cd4=300),
            row("visit", "B", 3, 10, **VISIT, viral_load=49),
            row("visit", "C", 4, 10, **VISIT, viral_load=49),
        ],
    )
    persons = [(year_of(period), by, n) for (_, _, period, by, name, _), (n, *_) in result.cells.items() if not name]
    # A is 39 in 2020, 40 in 2021; B is 40 in 2020; of C nothing is known
    assert sorted(persons) == [
        (2020, ("", ""), 1),
        (2020, ("male", "30-39"), 1),
        (2020, ("male", "40-49"), 1),
        (2021, ("male", "40-49"), 1),
    ]


RISK = {"unit": "S01", "area": "fall", "at_risk": True, "age": 80, "sex": "female", "score": 5, "care": "hospital"}
STEP = {"unit": "S01", "area": "fall"}


def chain(person: str, number: int, day: int, steps: int, *, named: bool = False) -> list[Row]:
    """A risk and its first links, a day apart."""
    links: list[Row] = [
        row("planned_action", person, number, day + 1, **STEP, assessment_id=f"risk_assessment-{number}"),
        row("performed_action", person, number, day + 2, **STEP, plan_id=f"planned_action-{number}"),
        row("outcome", person, number, day + 3, **STEP, harmed=False, assessment_id=f"risk_assessment-{number}"),
    ]
    if not named:
        links = [
            {name: None if name.endswith("_id") and name[0] in "ap" else v for name, v in r.items()} for r in links
        ]
    return [row("risk_assessment", person, number, day, **RISK), *links[:steps]]


@pytest.mark.parametrize("named", [True, False])
def test_chains_are_told_apart_and_open_ones_listed(named: bool) -> None:
    definition = REGISTRIES["senior_alert"]
    rows = [
        *chain("A", 1, 0, 3, named=named),  # whole
        *chain("B", 2, 0, 2, named=named),  # open
        *chain("C", 3, 0, 0, named=named),  # open, without a plan
        *chain("D", 4, 0, 1, named=named),  # open, then assessed anew
        *chain("D", 5, 50, 3, named=named),  # whole: its links are not the first chain's
        *chain("E", 6, 0, 1, named=named),
        row("death", "E", 1, 30),
        row("risk_assessment", "F", 7, 0, **{**RISK, "at_risk": False}),
        row("outcome", "C", 7, 20, **STEP, harmed=True, assessment_id=None),  # a fall that nobody prevented
        row("outcome", "B", 8, 20, **{**STEP, "area": "malnutrition"}, harmed=True, assessment_id=None),
    ]
    result = worked_out(definition, rows)
    assert totals(definition, result, "assessments") == {
        "assessed": (7,),
        "at_risk": (7, 6),
        "planned": (6, 5),
        "performed": (6, 3),
        "followed_up": (6, 3),
        "chain_completed": (6, 2),
        "harmed": (3, 1),
    }
    assert {(name, number) for name, _, _, number in result.listed} == {
        ("open_chains", "risk_assessment-2"),
        ("open_chains", "risk_assessment-3"),
        ("without_plan", "risk_assessment-3"),
        ("unresolved", "outcome-8"),
    }


TREATMENT: Row = {
    "unit": "R01", "birth_year": 1960, "sex": "female", "drug": "ALV", "atc": "L04AB04", "batch": "A1",
    "indication": "M05.9", "user": "new", "stopped_on": None, "stop_reason": None,
}  # fmt: skip
REACTION: Row = {
    "unit": "R01", "drug": "ALV", "reaction_text": "utslag", "reaction_code": "DER", "reporter": "doctor",
    "seriousness": [], "same_event_as": None,
}  # fmt: skip


def test_reactions_count_once_and_while_on_the_drug_that_they_suspect() -> None:
    definition = REGISTRIES["biologics"]
    stop = START + timedelta(days=100)
    result = worked_out(
        definition,
        [
            row("treatment", "A", 1, 0, **TREATMENT, recorded=1),
            row("treatment", "A", 1, 0, **{**TREATMENT, "stopped_on": stop, "stop_reason": "other"}, recorded=110),
            row("adverse_reaction", "A", 1, 0, **REACTION),  # on the first day
            row("adverse_reaction", "A", 2, 5, **{**REACTION, "drug": "BRA"}),  # suspects what A is not on
            row("adverse_reaction", "A", 3, 190, **{**REACTION, "seriousness": ["death"]}),  # the window's last day
            row("adverse_reaction", "A", 4, 191, **{**REACTION, "reaction_code": None}),
            row("adverse_reaction", "A", 5, 191, **{**REACTION, "reporter": "patient"}),
            row("adverse_reaction", "A", 6, 0, **{**REACTION, "same_event_as": "adverse_reaction-1"}),  # one event
            row("adverse_reaction", "A", 7, 1, **REACTION),
            {**row("adverse_reaction", "A", 7, 1, **REACTION, recorded=2), "retracted": True},
            row("treatment", "B", 2, 0, **{**TREATMENT, "sex": "male", "birth_year": 1980, "user": "prevalent"}),
            row("death", "B", 1, 50),
            row("adverse_reaction", "C", 8, 9, **REACTION),  # of whom the register knows no treatment
        ],
    )
    assert totals(definition, result, "reactions") == {
        "reactions": (6,), "serious": (6, 1), "told_by_patients": (6, 1),
    }  # fmt: skip
    by = {by: values[0] for (cohort, _, _, by, *_), values in result.cells.items() if cohort == "reactions"}
    assert by[("ALV", "DER", "female", "45-64")] >= 1
    assert by[("ALV", "", "female", "45-64")] == 1
    assert by[("ALV", "DER", "", "")] == 1
    day = (START - EPOCH).days
    (woman, man) = (result.exposures[key] for key in sorted(result.exposures) if key[0] == "drug")
    assert (woman.by, woman.end, woman.end_reason) == (("new", "female", "45-64"), day + 190, "stopped")
    assert (woman.outcomes, woman.first_outcome, woman.lot) == (2, day, "A1")
    assert (man.by, man.end, man.end_reason) == (("prevalent", "male", "<45"), day + 50, "death")
    assert {number for _, _, _, number in result.listed} == {"adverse_reaction-4"}
    # the same reports are watched; they follow nobody, so nothing ends them and nothing comes of them
    watched = {number: one for (group, _, number), one in result.exposures.items() if group == "reactions"}
    assert watched.keys() == {f"adverse_reaction-{number}" for number in (1, 2, 3, 4, 5, 8)}
    first = watched["adverse_reaction-1"]
    assert (first.product, first.by, first.start) == ("ALV", ("DER", "female", "45-64"), day)
    assert (first.end, first.end_reason, first.outcomes) == (None, "", 0)
    assert watched["adverse_reaction-4"].by == ("", "female", "45-64")


def test_disease_activity_is_of_the_years_latest_visit() -> None:
    definition = REGISTRIES["biologics"]
    visit = {"unit": "R01", "tender_joints": None, "swollen_joints": None, "global_health": None}
    result = worked_out(
        definition,
        [
            row("treatment", "A", 1, 0, **TREATMENT),
            row("disease_activity", "A", 1, 179, **visit, das28=2.0),
            row("disease_activity", "A", 2, 180, **visit, das28=3.2),  # low at the bound, no remission
            row("disease_activity", "B", 3, 10, **visit, das28=2.5),
            row("disease_activity", "C", 4, 10, **visit, das28=3.3),
        ],
    )
    assert totals(definition, result, "visits") == {
        "low_activity": (3, 2), "low_activity_treated": (1, 1), "remission": (3, 1),
    }  # fmt: skip
