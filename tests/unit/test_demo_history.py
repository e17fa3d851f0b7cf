from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import pytest

from deploy.demo.history import FIRST_DAY, INTEROP_STARTS_ON, LAST_DAY, HistoryPlan, generate, live_rows, write_ndjson
from deploy.demo.rows import by_month

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
HIP = SCHEMAS / "registries" / "hip"
SMALL = HistoryPlan(
    primaries=700,
    corrections=9,
    duplicates=7,
    retractions=5,
    faulty=10,
    unresolved=5,
    emigrations=6,
    opt_outs=4,
    lifted=3,
    seed=4,
)
BARE = HistoryPlan(30, 0, 0, 0, 0, 0, 0, 0, 0, 1)
# the review's thirty: day of the reoperation by day of the operation, and when the others were operated
REDONE = {12: 112, 36: 141, 66: 161, 90: 200, 120: 212}
OPERATED = list(range(0, 180, 6))

Row = dict[str, Any]


def catalogue(path: str) -> list[dict[str, str]]:
    with (SCHEMAS / "registries" / path).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


UNITS = catalogue("hip/catalogue/units.csv")
COMPONENTS = catalogue("hip/catalogue/components.csv")
CODES = {("units", None): {row["code"] for row in UNITS}} | {
    ("components", kind): {row["code"] for row in COMPONENTS if row["kind"] == kind} for kind in ("cup", "stem", "head")
}
FORMS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for folder in (HIP / "forms", SCHEMAS / "modules" / "core")
    for path in sorted(folder.glob("*.avsc"))
}
PYTHON_TYPES = {
    "string": str, "int": int, "double": float, "boolean": bool, "date": date, "timestamp-millis": datetime,
}  # fmt: skip


def faults(row: Row) -> list[str]:
    """What is wrong with a row, field by field, read from the form alone."""
    form = FORMS[row["form"]]
    names = {"form", "person"} | {field["name"] for field in form["fields"]} - {"patient"}
    found = sorted(names ^ set(row))
    for field in form["fields"]:
        if field["name"] in row:
            found += [f"{field['name']}: {fault}" for fault in field_faults(field, row[field["name"]])]
    if row["occurred_on"] > row["recorded_at"].date():
        found.append("occurred_on: after it was recorded")
    return found


def field_faults(field: Row, value: Any) -> list[str]:
    declared, values = field["type"], [value]
    if isinstance(declared, list):
        if value is None:
            return []
        declared = declared[1]
    if isinstance(declared, dict) and declared["type"] == "array":
        declared, values = declared["items"], value
    name = declared["logicalType"] if isinstance(declared, dict) else declared
    found = [f"a {type(one).__name__}" for one in values if type(one) is not PYTHON_TYPES[name]]
    if "range" in field and not field["range"][0] <= value <= field["range"][1]:
        found.append("out of range")
    codes = field.get("codes", {})
    if "list" in codes:
        found += [f"code {one}" for one in values if one not in codes["list"]]
    if "pattern" in codes and not re.fullmatch(codes["pattern"], value):
        found.append(f"code {value}")
    if "catalogue" in codes and value not in CODES[codes["catalogue"], codes.get("kind")]:
        found.append(f"unknown {value}")
    return found


class Told:
    """A history as its reader would sort it out, without knowing how it was made."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.by_id: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            self.by_id[row["person"], row["registration_id"]].append(row)
        standing = [group[-1] for group in self.by_id.values() if not group[-1]["retracted"] and not faults(group[0])]
        self.opted_out = {row["person"] for row in standing if row["form"] == "opt_out"}
        standing = [row for row in standing if row["person"] not in self.opted_out]
        self.primaries = [row for row in standing if row["form"] == "primary_operation"]
        self.operated: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.primaries:
            self.operated[row["person"], row["side"]].append(row)
        reoperations = [row for row in standing if row["form"] == "reoperation"]
        self.reoperations = [row for row in reoperations if self.belongs(row)]
        self.unresolved = [row for row in reoperations if not self.belongs(row)]
        self.deaths = {row["person"]: row["occurred_on"] for row in standing if row["form"] == "death"}
        self.interop = [row for row in self.primaries if row["cup"] == "INTEROP"]

    def belongs(self, reoperation: Row) -> bool:
        """Whether it names an operation on its hip, or names none and there is one before it."""
        hip = self.operated[reoperation["person"], reoperation["side"]]
        ids = [row["registration_id"] for row in hip if row["occurred_on"] <= reoperation["occurred_on"]]
        named = reoperation["primary_registration_id"]
        return bool(ids) if named is None else named in ids

    def hips(self, form: str) -> dict[tuple[str, str], list[date]]:
        """Days of the form's standing registrations, in order, by person and side."""
        rows = self.primaries if form == "primary_operation" else self.reoperations
        days = defaultdict(list)
        for row in sorted(rows, key=lambda row: row["occurred_on"]):
            days[row["person"], row["side"]].append(row["occurred_on"])
        return days


@pytest.fixture(scope="module")
def history() -> Any:
    return generate()


@pytest.fixture(scope="module")
def told(history: Any) -> Told:
    return Told(history.rows)


def test_the_same_plan_gives_the_same_history_and_another_seed_another() -> None:
    again = HistoryPlan(**vars(SMALL))
    other = HistoryPlan(**{**vars(SMALL), "seed": 5})
    assert generate(SMALL).rows == generate(again).rows
    assert generate(SMALL).rows != generate(other).rows


@pytest.mark.parametrize("plan", [HistoryPlan(), SMALL, BARE])
def test_the_counts_are_the_plans(plan: HistoryPlan, history: Any) -> None:
    history = history if plan == history.plan else generate(plan)
    first: dict[str, Row] = {}
    seen: Counter[str] = Counter()
    for row in history.rows:
        earlier = first.setdefault(row["registration_id"], row)
        if faults(row):
            seen["faulty"] += 1
        elif earlier is row:
            seen[row["form"]] += 1
        elif row == earlier:
            seen["duplicates"] += 1
        elif row["form"] == "opt_out":
            seen["lifted"] += 1
            assert {**row, "retracted": False, "recorded_at": earlier["recorded_at"]} == earlier
        elif {**row, "recorded_at": earlier["recorded_at"]} == earlier:
            seen["anew"] += 1
        elif row["retracted"]:
            seen["retractions"] += 1
            assert {**row, "retracted": False, "recorded_at": earlier["recorded_at"]} == earlier
        else:
            seen["corrections"] += 1
            assert sum(row[name] != earlier[name] for name in row) == 2  # one field, and when it was recorded
    assert seen["primary_operation"] == plan.primaries
    assert (seen["emigration"], seen["opt_out"], seen["anew"]) == (plan.emigrations, plan.opt_outs, plan.lifted)
    for sort in ("corrections", "duplicates", "retractions", "faulty", "lifted"):
        assert seen[sort] == getattr(plan, sort)
    assert len(history.faulty_ids) == plan.faulty
    told = Told(history.rows)
    assert len(told.primaries) == plan.primaries - plan.retractions - plan.opt_outs + plan.lifted
    assert (len(told.unresolved), len(told.opted_out)) == (plan.unresolved, plan.opt_outs - plan.lifted)
    assert {row["registration_id"] for row in told.unresolved} == history.unresolved_ids
    assert told.opted_out == history.opted_out


def test_the_default_plan_is_three_national_years(told: Told) -> None:
    assert len(told.primaries) == 24_000 - 40 - 8 + 2  # retracted, opted out, taken back
    assert {row["unit"] for row in told.primaries} == CODES["units", None]
    assert {row["cup"] for row in told.primaries} == CODES["components", "cup"]
    days = [row["occurred_on"] for row in told.primaries + told.reoperations] + list(told.deaths.values())
    assert (min(days), max(days)) == (date(1999, 1, 1), date(2001, 12, 31))


def test_rows_keep_the_forms_and_faulty_rows_break_one_rule_each(history: Any) -> None:
    broken = {row["registration_id"]: found for row in history.rows if (found := faults(row))}
    assert set(broken) == history.faulty_ids
    assert all(len(found) == 1 for found in broken.values())
    kinds = Counter(found[0].split(" ")[0] for found in broken.values())
    assert kinds == {"unit:": 5, "cup:": 5, "age:": 5, "occurred_on:": 5, "fixation:": 5}
    misdated = [
        row for row in history.rows if "occurred_on: after it was recorded" in broken.get(row["registration_id"], ())
    ]
    assert all(2099 <= row["occurred_on"].year <= 2101 for row in misdated)


def test_the_inter_op_case_is_planted_to_the_day(told: Told) -> None:
    def day_number(row: Row) -> int:
        day: date = row["occurred_on"]
        return (day - INTEROP_STARTS_ON).days

    operated = {(row["person"], row["side"]): day_number(row) for row in told.interop}
    assert sorted(operated.values()) == OPERATED
    redone = [row for row in told.reoperations if (row["person"], row["side"]) in operated]
    assert {operated[row["person"], row["side"]]: day_number(row) for row in redone} == REDONE
    assert len(redone) == 5
    assert round(100 * len(redone) / len(operated), 1) == 16.7
    assert all(row["reason"] == "loosening" and row["components_removed"] == ["cup"] for row in redone)
    assert {row["primary_registration_id"] for row in redone} <= {row["registration_id"] for row in told.interop}
    assert FIRST_DAY <= INTEROP_STARTS_ON
    assert INTEROP_STARTS_ON + timedelta(days=212) <= LAST_DAY


def test_nothing_else_happens_to_the_thirty(told: Told) -> None:
    persons = {row["person"] for row in told.interop}
    assert len(persons) == 30
    assert not persons & set(told.deaths)
    assert Counter(row["form"] for row in told.rows if row["person"] in persons) == {
        "primary_operation": 30,
        "reoperation": 5,
    }
    assert sum("INTEROP" in (row.get("cup"), row.get("new_cup")) for row in told.rows) == 30
    assert len({row["unit"] for row in told.interop}) == 6
    assert all(row["cup_lot"] for row in told.interop)


def test_inter_op_stands_out_and_the_rest_is_as_registers_are(told: Told) -> None:
    reoperated = told.hips("reoperation")
    events: Counter[str] = Counter()
    years: dict[str, float] = defaultdict(float)
    for row in told.primaries:
        until = min(LAST_DAY, told.deaths.get(row["person"], LAST_DAY))
        if again := reoperated.get((row["person"], row["side"])):
            events[row["cup"]] += 1
            until = min(until, again[0])
        years[row["cup"]] += (until - row["occurred_on"]).days / 365.25
    assert years["INTEROP"] == pytest.approx(9.626283, abs=1e-6)  # 3516 days
    rates = {cup: 100 * events[cup] / years[cup] for cup in years}
    assert rates["INTEROP"] == pytest.approx(51.9411, abs=1e-4)
    del rates["INTEROP"]
    assert max(rates.values()) < 10
    ordinary = 100 * (sum(events.values()) - 5) / (sum(years.values()) - years["INTEROP"])
    assert 0.5 < ordinary < 2.5


def test_what_belongs_to_no_operation_names_one_of_old_or_lies_before_the_only_one(told: Told) -> None:
    registered = {row["registration_id"] for row in told.primaries}
    persons = {row["person"] for row in told.primaries}
    old = [row for row in told.unresolved if row["primary_registration_id"] is not None]
    early = [row for row in told.unresolved if row["primary_registration_id"] is None]
    assert (len(old), len(early)) == (4, 4)
    assert not {row["primary_registration_id"] for row in old} & registered
    assert not {row["person"] for row in old} & persons
    for row in early:
        (operation,) = told.operated[row["person"], row["side"]]
        assert 20 <= (operation["occurred_on"] - row["occurred_on"]).days < 300
    assert all(FIRST_DAY <= row["occurred_on"] <= LAST_DAY for row in told.unresolved)


def test_whoever_emigrates_or_opts_out_has_one_operation_before_and_nothing_after(told: Told) -> None:
    of_person = defaultdict(list)
    for row in told.rows:
        of_person[row["person"]].append(row)
    leavers = [row for row in told.rows if row["form"] in ("emigration", "opt_out") and not row["retracted"]]
    assert Counter(row["form"] for row in leavers) == {"emigration": 14, "opt_out": 8}
    for row in leavers:
        first, *others = of_person[row["person"]]
        assert first["form"] == "primary_operation"
        assert first["cup"] != "INTEROP"
        assert first["recorded_at"].date() <= row["occurred_on"] or row["form"] == "emigration"
        assert first["occurred_on"] < row["occurred_on"]
        if len(others) > 1:  # it is taken back, and the operation registered anew
            assert [(one["form"], one["retracted"]) for one in others] == [
                ("opt_out", False),
                ("opt_out", True),
                ("primary_operation", False),
            ]
            assert {**others[-1], "recorded_at": first["recorded_at"]} == first
    assert sum(len(of_person[row["person"]]) == 4 for row in leavers) == 2


def test_reoperations_come_early_more_often(told: Told) -> None:
    operated = told.hips("primary_operation")
    waits = [(days[0] - operated[hip][0]).days for hip, days in told.hips("reoperation").items() if hip in operated]
    early, next_year = sum(wait <= 90 for wait in waits), sum(90 < wait <= 455 for wait in waits)
    assert early / 90 > 2 * next_year / 365


def test_a_reoperation_follows_an_operation_on_the_same_hip(told: Told) -> None:
    ids = {row["registration_id"]: row for row in told.primaries}
    operated = told.hips("primary_operation")
    for row in told.reoperations:
        assert operated[row["person"], row["side"]][0] < row["occurred_on"]
        if row["primary_registration_id"] is not None:
            primary = ids[row["primary_registration_id"]]
            assert (primary["person"], primary["side"]) == (row["person"], row["side"])


def test_what_a_reoperation_takes_out_fits_what_it_puts_in(told: Told) -> None:
    for row in told.reoperations:
        new = {part for part in ("cup", "stem", "head") if row[f"new_{part}"] is not None}
        removed = set(row["components_removed"])
        assert new in ({part for part in removed if part != "liner"}, set())
        assert len(row["components_removed"]) == len(removed)
        assert (row["procedure"] == "NFU19") == (bool(removed) and not new)


def test_nobody_is_operated_after_death_or_twice_on_one_side(told: Told) -> None:
    assert all(len(days) == 1 for days in told.hips("primary_operation").values())
    assert 0.02 < len(told.deaths) / len({row["person"] for row in told.primaries}) < 0.15
    for row in told.primaries + told.reoperations:
        assert row["occurred_on"] < told.deaths.get(row["person"], date.max)


def test_the_old_die_more(told: Told) -> None:
    def share(rows: list[Row]) -> float:
        return mean(row["person"] in told.deaths for row in rows)

    assert share([row for row in told.primaries if row["age"] >= 80]) > 2 * share(
        [row for row in told.primaries if row["age"] < 70]
    )


def test_some_are_operated_on_both_sides_a_few_on_one_day(told: Told) -> None:
    days = defaultdict(list)
    for row in told.primaries:
        days[row["person"]].append(row["occurred_on"])
    both = [pair for pair in days.values() if len(pair) == 2]
    same_day = [pair for pair in both if pair[0] == pair[1]]
    assert max(len(pair) for pair in days.values()) == 2
    assert 0.05 < len(both) / len(told.primaries) < 0.09
    assert 0 < len(same_day) < len(both) / 10


def test_a_person_stays_the_same_person(told: Told) -> None:
    facts = defaultdict(set)
    for row in told.primaries:
        facts[row["person"]].add((row["sex"], row["birth_year"]))
        assert row["occurred_on"].year - row["birth_year"] - row["age"] in (0, 1)
    assert all(len(known) == 1 for known in facts.values())


def test_the_patients_are_as_in_sweden_around_2000(told: Told) -> None:
    primaries = told.primaries
    assert 0.85 < mean(row["fixation"] == "cemented" for row in primaries) < 0.95
    assert 0.55 < mean(row["sex"] == "female" for row in primaries) < 0.65
    assert 67 < mean(row["age"] for row in primaries) < 73
    assert mean(row["diagnosis"].startswith("M16") for row in primaries) > 0.7


def test_fixation_components_and_procedure_agree(told: Told) -> None:
    emdn = {row["code"]: row["emdn"] for row in COMPONENTS}
    cemented = {"cemented": (True, True), "uncemented": (False, False), "hybrid": (False, True)}
    cemented["reverse_hybrid"] = (True, False)
    procedure = {"cemented": "NFB49", "uncemented": "NFB29", "hybrid": "NFB39", "reverse_hybrid": "NFB39"}
    for row in told.primaries:
        found = (emdn[row["cup"]] == "P0908030101", emdn[row["stem"]] == "P0908040101")
        assert found == cemented[row["fixation"]]
        assert row["procedure"] in (procedure[row["fixation"]], "NFB99")
        assert row["head_lot"] is None or row["head"] is not None


def test_units_differ_in_size_in_what_they_use_and_in_how_late_they_register(told: Told) -> None:
    rows = defaultdict(list)
    for row in told.primaries:
        rows[row["unit"]].append(row)
    sizes = [len(of_unit) for of_unit in rows.values()]
    assert max(sizes) > 3 * median(sizes)
    assert min(sizes) * 3 < median(sizes)
    large = [of_unit for of_unit in rows.values() if len(of_unit) >= 200]
    favourites = [Counter(row["cup"] for row in of_unit).most_common(1)[0] for of_unit in large]
    assert len({cup for cup, _ in favourites}) >= 5
    lags = [median((row["recorded_at"].date() - row["occurred_on"]).days for row in of_unit) for of_unit in large]
    assert max(lags) > 3 * min(lags)


def test_rows_come_in_the_order_of_recording_and_slips_after_what_they_concern(history: Any) -> None:
    first: dict[str, Row] = {}
    last = datetime(1999, 1, 1, tzinfo=UTC)
    for row in history.rows:
        earlier = first.setdefault(row["registration_id"], row)
        if earlier is row or row != earlier:
            assert row["recorded_at"] >= last
            last = row["recorded_at"]
        if earlier is not row:
            assert row["recorded_at"] >= earlier["recorded_at"]
            assert row.get("cup") != "INTEROP"


def test_registration_ids_and_persons_cannot_be_taken_for_identity_numbers(history: Any) -> None:
    for row in history.rows:
        assert re.fullmatch(r"U\d\d-[PR]\d{5}|[DEO]\d{6}", row["registration_id"])
        assert re.fullmatch(r"P\d{6}", row["person"])
    persons = defaultdict(set)
    for row in history.rows:
        persons[row["registration_id"]].add(row["person"])
    assert all(len(of_id) == 1 for of_id in persons.values())


def test_the_file_holds_every_row_in_order(tmp_path: Path) -> None:
    history = generate(SMALL)
    path = tmp_path / "history.ndjson"
    assert write_ndjson(history, path) == len(history.rows)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(history.rows)
    for line, row in zip(lines, history.rows, strict=True):
        assert next(iter(line)) == "form"
        assert line["recorded_at"].endswith("Z")
        read = {
            **line,
            "occurred_on": date.fromisoformat(line["occurred_on"]),
            "recorded_at": datetime.fromisoformat(line["recorded_at"]),
        }
        assert read == row


def test_live_rows_never_end_and_follow_on_the_history() -> None:
    now = datetime(2030, 5, 17, 8, 30, tzinfo=UTC)
    history = generate(SMALL)
    known = {row["person"] for row in history.rows} | {row["registration_id"] for row in history.rows}
    operated: dict[tuple[str, str], date] = {}
    ids, dead = set(), set()
    forms: Counter[str] = Counter()
    live: list[Row] = list(islice(live_rows(SMALL, np.random.default_rng(3), lambda: now), 3000))
    for row in live:
        forms[row["form"]] += 1
        assert faults(row) == []
        assert row["recorded_at"] == now
        assert date(2030, 3, 1) < row["occurred_on"] < now.date()
        assert not {row["person"], row["registration_id"]} & known
        ids.add(row["registration_id"])
        if row["form"] == "primary_operation":
            assert row["cup"] != "INTEROP"
            operated[row["person"], row["side"]] = row["occurred_on"]
        elif row["form"] == "reoperation":
            assert operated[row["person"], row["side"]] < row["occurred_on"]
        else:
            dead.add(row["person"])
            assert row["person"] in {person for person, _ in operated}
        assert row["form"] == "death" or row["person"] not in dead
    assert len(ids) == 3000
    assert forms["primary_operation"] > 2800
    assert forms["reoperation"] > 0
    assert forms["death"] > 0


def test_live_rows_move_with_the_clock() -> None:
    times = (datetime(2030, 1, 1, 12, tzinfo=UTC) + timedelta(days=i) for i in range(100_000))
    rows: list[Row] = list(islice(live_rows(SMALL, np.random.default_rng(3), lambda: next(times)), 500))
    recorded = [row["recorded_at"] for row in rows]
    assert recorded == sorted(set(recorded))
    assert max(row["occurred_on"] for row in rows) > date(2030, 6, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"faulty": -1}, "faulty is -1"),
        # 30 of Inter-op, twice 36 + 60 + 40 slips, 8 unresolved, 14 emigrations, 8 opt-outs
        ({"primaries": 331, "corrections": 36}, "332 or more"),
        ({"opt_outs": 3, "lifted": 4}, "no more than the 3 opt-outs"),
    ],
)
def test_an_impossible_plan_is_refused_with_what_to_give(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HistoryPlan(**change)


def gtin_is_right(gtin: str) -> bool:
    """GS1 General Specifications 7.9: weights 3 and 1 from the left of 14 digits, the sum a multiple of ten."""
    return len(gtin) == 14 and sum(int(digit) * (3, 1)[i % 2] for i, digit in enumerate(gtin)) % 10 == 0


def test_the_gtin_rule_knows_right_from_wrong() -> None:
    assert gtin_is_right("07032069804988")
    assert not gtin_is_right("07032069804989")


def test_components_have_test_gtins_of_their_own_with_right_check_digits() -> None:
    gtins = [row["udi_di"] for row in COMPONENTS]
    assert len(set(gtins)) == len(gtins)
    assert all(gtin_is_right(gtin) for gtin in gtins)
    assert all(gtin.startswith("0952") for gtin in gtins)  # 952: GS1's prefix for demonstrations and examples


def test_the_component_catalogue_is_whole() -> None:
    assert list(COMPONENTS[0]) == ["code", "name", "kind", "company", "family", "udi_di", "emdn"]
    assert Counter(row["kind"] for row in COMPONENTS) == {"cup": 26, "stem": 26, "head": 12}
    assert len({row["code"] for row in COMPONENTS}) == len(COMPONENTS)
    assert len({row["company"] for row in COMPONENTS}) == 10
    assert [row["name"] for row in COMPONENTS if row["code"] == "INTEROP"] == ["Inter-op"]
    prefix = {"cup": "P090803", "stem": "P090804", "head": "P090804"}
    assert all(row["emdn"].startswith(prefix[row["kind"]]) for row in COMPONENTS)
    assert all(all(row.values()) for row in COMPONENTS)


@pytest.mark.parametrize(
    ("registry", "letter", "size"),
    [("biologics", "R", 10), ("hip", "U", 80), ("metabolic", "C", 35), ("hiv", "I", 12), ("senior_alert", "S", 20)],
)
def test_the_unit_catalogues_are_whole(registry: str, letter: str, size: int) -> None:
    units = catalogue(f"{registry}/catalogue/units.csv")
    assert list(units[0]) == ["code", "name", "county", "region"]
    assert [row["code"] for row in units] == [f"{letter}{number:02d}" for number in range(1, size + 1)]
    assert len({row["name"] for row in units}) == size
    regions = defaultdict(set)
    for row in units:
        assert all(row.values())
        regions[row["county"]].add(row["region"])
    assert all(len(of_county) == 1 for of_county in regions.values())


def test_a_history_is_sent_in_parts_as_it_came_to_be_known() -> None:
    def recorded(*moments: str) -> list[Row]:
        return [{"recorded_at": datetime.fromisoformat(moment)} for moment in moments]

    before, july, september = recorded("2001-05-31T23:59"), recorded("2001-07-01", "2001-07-31"), recorded("2001-09-02")
    again = recorded("2001-07-15")  # sent once more, later
    rest = recorded("2002-01-01", "2003-05-05")
    parts = by_month([*before, *july, *september, *again, *rest], date(2001, 6, 2))
    assert parts == {"": before, "-2001-07": july, "-2001-09": [*september, *again], "-2002": rest}
