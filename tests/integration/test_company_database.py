"""The company database on the real engine: cases worked by hand, and a random history against a slow reading."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sinks.clickhouse.client import connect
from sinks.clickhouse.queries.company_database.choice import FAILURES
from sinks.clickhouse.queries.company_database.curves import GRID
from streams.statistics.survival import aalen_johansen, kaplan_meier
from tests.company_support import FIRST, Hip, Piece, by, made, people_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.company_database.choice import Failure
    from sinks.clickhouse.queries.company_database.reading import CompanyReading, Row

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def definition(client: Client) -> RegistryDefinition:
    return made(client)


@pytest.fixture
def hip(client: Client, definition: RegistryDefinition) -> Hip:
    return Hip(client, definition)


def row(reading: CompanyReading, component: str | None) -> Row:
    return next(one for one in reading.country if one.component == component)


def test_the_inter_op_case(hip: Hip) -> None:
    """An implant every sixth day, five of them reoperated: the project's golden case."""
    for implant in range(30):
        hip.operated(implant, 6 * implant, cup="INTEROP")
    for implant, day in {2: 112, 6: 141, 11: 161, 15: 200, 20: 212}.items():
        hip.reoperated(implant, day)
    hip.load()
    reading = hip.read(hip.entitled("Sundmark Orthopaedics"), until=212)
    found = row(reading, "INTEROP")
    assert (found.name, found.pieces, found.people, found.in_use) == ("Inter-op", 30, 30, 25)
    assert found.reasons == {"loosening": 5}
    for failure in FAILURES:
        failures = found.failures[failure]
        assert failures.number == 5
        assert failures.component_years == pytest.approx(9.626283, abs=1e-6)
        assert failures.rate == pytest.approx(51.9411, abs=1e-4)
        assert failures.lower == pytest.approx(16.87, abs=0.01)
        assert failures.upper == pytest.approx(121.21, abs=0.01)
    # too few are at risk to say when
    assert found.survival("reoperation").after == (None, None, None, None)
    assert found.survival("reoperation").curve == ()


def test_reoperation_revision_and_the_product_s_own_are_told_apart(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.reoperated(1, 100, registration_id="r1", components_removed=[], reason="infection")
    hip.reoperated(1, 200, registration_id="r2", components_removed=["head"], reason="dislocation")
    hip.operated(2, 0)
    hip.reoperated(2, 300, components_removed=["cup", "liner"], reason="wear")
    hip.operated(3, 50)
    hip.died(3, 150)
    hip.operated(4, 100)
    hip.moved(4, 300)
    hip.load()
    reading = {
        failure: row(hip.read(hip.entitled(), {"failure": [failure]}, until=400), "CUP01") for failure in FAILURES
    }
    found = reading["reoperation"]
    assert (found.pieces, found.people, found.in_use) == (4, 4, 2)  # the cup of 1 is still there, and 4's abroad
    days = {name: round(one.component_years * 365.25) for name, one in found.failures.items()}
    assert {name: one.number for name, one in found.failures.items()} == {
        "reoperation": 2, "revision": 2, "specific": 1,
    }  # fmt: skip
    # until the first reoperation, the first revision, the first of its own or the revision that ended it
    assert days == {
        "reoperation": 100 + 300 + 100 + 200, "revision": 200 + 300 + 100 + 200, "specific": 200 + 300 + 100 + 200,
    }  # fmt: skip
    assert found.reasons == {"infection": 1, "wear": 1}
    assert reading["revision"].reasons == {"dislocation": 1, "wear": 1}
    assert reading["specific"].reasons == {"wear": 1}
    assert list(found.timed) == ["reoperation"]


def test_of_two_outcomes_on_one_day_the_reason_is_that_of_its_own(hip: Hip) -> None:
    hip.operated(1, 0, registration_id="left", side="left")
    hip.operated(1, 0, registration_id="right", side="right", cup="CUP02")
    hip.reoperated(1, 50, registration_id="a", side="left", reason="infection")
    hip.reoperated(1, 50, registration_id="b", side="right", reason="wear")
    hip.operated(2, 0, registration_id="first", cup="CUP03")
    hip.reoperated(2, 60, registration_id="c", reason="pain", primary_registration_id="first")
    hip.load()
    reading = hip.read(hip.entitled(), until=100)
    assert {one.component: one.reasons for one in reading.country} == {
        None: {"infection": 1, "pain": 1, "wear": 1}, "CUP01": {"infection": 1}, "CUP02": {"wear": 1},
        "CUP03": {"pain": 1},
    }  # fmt: skip


def test_this_year_and_last_are_told_of_the_country(hip: Hip) -> None:
    hip.operated(1, 10)
    hip.operated(2, 370)
    hip.operated(3, 740)
    hip.operated(4, 760)  # after the day of the reading
    hip.reoperated(1, 400, components_removed=[])
    hip.reoperated(2, 745)
    hip.load()
    found = row(hip.read(hip.entitled(), until=750), "CUP01")
    assert (found.put_in_this_year, found.put_in_last_year) == (1, 1)
    told = {name: (one.this_year, one.last_year) for name, one in found.failures.items()}
    assert told == {"reoperation": (1, 1), "revision": (1, 0), "specific": (1, 0)}


def test_what_lies_after_the_day_of_the_reading_is_not_known(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.reoperated(1, 100)
    hip.died(1, 200)
    hip.load()
    found = row(hip.read(hip.entitled(), until=99), "CUP01")
    assert (found.failures["revision"].number, found.in_use, found.reasons) == (0, 1, {})
    assert round(found.failures["revision"].component_years * 365.25) == 99


def test_an_opt_out_leaves_the_person_out_at_once(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.operated(2, 0)
    hip.load()
    hip.opted_out(2)
    insert_only(hip)
    assert row(hip.read(hip.entitled(), until=10), "CUP01").people == 1


def insert_only(hip: Hip) -> None:
    """Load registrations without deriving anything of them."""
    from tests.clickhouse_support import insert  # noqa: PLC0415 - one test's

    insert(hip.client, hip.definition, hip.log.batch())


def test_an_empty_register_has_no_rows(hip: Hip) -> None:
    reading = hip.read(hip.entitled())
    assert (reading.until, reading.country, reading.others) == (None, (), {})


def test_a_month_narrows_the_country_s_numbers(hip: Hip) -> None:
    for number, day in enumerate((0, 30, 31, 58, 59)):  # 2001-01-01, -31, -02-01, -28, -03-01
        hip.operated(number, day)
    hip.load()
    reading = hip.read(hip.entitled(), {"from": ["2001-02"], "until": ["2001-02"]}, until=100)
    assert row(reading, None).pieces == 2


UNITS = {"U01": 9, "U02": 5, "U03": 3, "U17": 6, "U18": 2}  # of two regions


def test_clinics_with_few_are_among_others_of_their_region(hip: Hip) -> None:
    number = 0
    for unit, people in UNITS.items():
        for _ in range(people):
            number += 1
            hip.operated(number, number, unit=unit)
    hip.load()
    regions = {unit: hip.definition.catalogues["units"].rows[unit]["region"] for unit in UNITS}
    assert len(set(regions.values())) == 2
    reading = hip.read(hip.entitled(), {"by": ["component_clinic"]}, until=100)
    ((total, total_below), (head, below)) = reading.grouped()
    assert (total.component, head.component, head.pieces) == (None, "CUP01", 25)
    # U03 alone would be found: U02, the next smallest, goes with it; and of the other region both
    assert [(one.place, one.unit, one.pieces) for one in below] == [
        ("clinic", "U01", 9), ("region", regions["U17"], 8), ("region", regions["U01"], 8),
    ]  # fmt: skip
    assert [one.pieces for one in total_below] == [9, 8, 8]
    assert all(one.put_in_this_year is None and one.failures["revision"].this_year is None for one in below)
    by_clinic = hip.read(hip.entitled(), {"by": ["clinic_component"]}, until=100)
    clinics = {clinic.unit: [one.component for one in below] for clinic, below in by_clinic.grouped()}
    assert clinics == {"U01": ["CUP01"], regions["U01"]: ["CUP01"], regions["U17"]: ["CUP01"]}


def test_a_clinic_that_is_asked_for_is_told_of_the_years_in_which_it_is_shown(hip: Hip) -> None:
    for number in range(6):
        hip.operated(number, number, unit="U01")
        hip.operated(20 + number, number, unit="U02")
        hip.operated(40 + number, 370 + number, unit="U02")
    hip.operated(60, 370, unit="U01")
    hip.load()
    reading = hip.read(hip.entitled(), {"unit": ["U01"], "by": ["component_clinic"]}, until=400)
    (clinic,) = [one for one in reading.places if one.component == "CUP01"]
    assert (clinic.unit, clinic.pieces, clinic.among_others) == ("U01", 6, (2002,))
    assert [one.pieces for one in reading.chosen] == [6, 6]
    assert row(reading, "CUP01").pieces == 19


def test_others_are_shown_where_they_are_enough(hip: Hip) -> None:
    number = 0
    for cup in ("CUP01", "CUP05", "CUP08", "CUP11"):
        for _ in range(8):
            number += 1
            hip.operated(number, 0, cup=cup)
    hip.operated(100, 40, cup="CUP05")  # in February a single other company has one
    hip.reoperated(10, 50)
    hip.load()
    others = hip.read(hip.entitled(), until=100).others["cup"]
    assert others.row is not None
    assert (others.row.pieces, others.row.people, others.row.failures["revision"].number) == (24, None, 1)
    assert others.left_out == ("2001-02",)
    few = hip.read(hip.entitled(fewest_others=4), until=100).others["cup"]
    assert (few.row, few.why_not) == (None, "too few other companies have any")
    much = hip.read(hip.entitled(largest_share=0.3), until=100).others["cup"]
    assert much.why_not == "one company has too large a share of what the others have"
    of_february = hip.read(hip.entitled(), {"from": ["2001-02"], "until": ["2001-02"]}, until=100).others["cup"]
    assert (of_february.row, of_february.why_not) == (None, "others have none of what is asked")


def test_a_product_that_changed_hands_is_read_about_by_its_owner_now(hip: Hip) -> None:
    hip.operated(1, 0, cup="CUP18")
    hip.load()
    assert row(hip.read(hip.entitled("Tornquist Rosell"), until=10), "CUP18").pieces == 1


REASONS = ("loosening", "infection", "dislocation", "wear")
PRODUCTS = ("CUP01", "CUP02", "CUP05", "CUP08", "CUP11", "CUP14")
CLINICS = ("U01", "U02", "U03", "U17", "U18", "U40")
REMOVED = ((), ("head",), ("cup",), ("cup", "stem"), ("stem",))
BANDS = ((55, "<55"), (65, "55-64"), (75, "65-74"), (85, "75-84"))
UNTIL = 1_400


def random_history(hip: Hip, seed: int, people: int) -> list[Piece]:
    """Three years of operations, and until a year later what became of them."""
    rng = random.Random(seed)
    pieces: list[Piece] = []
    for person in range(1, people + 1):
        sex = rng.choice(["female", "female", "male"])
        gone = rng.randint(0, UNTIL + 100) if rng.random() < 0.25 else None
        opted_out = rng.random() < 0.05
        left = gone if gone is not None else UNTIL + 200
        what = rng.choice(["died", "moved"])
        sides = rng.sample(["left", "right"], k=rng.choice([1, 1, 1, 2]))
        for number, side in enumerate(sides):
            start = rng.randint(0, min(1_095, left))
            age, diagnosis = rng.randint(40, 95), rng.choice(["M16.1", "M16.9", "S72.0", "M87.0"])
            cup, unit = rng.choice(PRODUCTS), rng.choices(CLINICS, [8, 5, 2, 4, 1, 1])[0]
            identity = f"op-{person}-{number}"
            hip.operated(person, start, registration_id=identity, side=side, cup=cup, unit=unit, sex=sex, age=age,
                         diagnosis=diagnosis)  # fmt: skip
            band = next((name for limit, name in BANDS if age < limit), "85+")
            values = {"sex": sex, "age_group": band, "diagnosis": diagnosis[:3]}
            piece = Piece(person, identity, cup, unit, start, values)
            piece.ends += [(gone, what)] if gone is not None else []
            days = rng.sample(range(start, UNTIL + 101), k=rng.choice([0, 0, 0, 1, 2]))
            for again, day in enumerate(sorted(days)):
                removed, reason = rng.choice(REMOVED), rng.choice(REASONS)
                named = identity if rng.random() < 0.5 else None
                hip.reoperated(person, day, registration_id=f"re-{identity}-{again}", side=side, reason=reason,
                               components_removed=list(removed), primary_registration_id=named)  # fmt: skip
                piece.outcomes.append((day, bool(removed), "cup" in removed, reason))
            if not opted_out:
                pieces.append(piece)
        if gone is not None:
            (hip.died if what == "died" else hip.moved)(person, gone)
        if opted_out:
            hip.opted_out(person)
    hip.load()
    return pieces


@pytest.fixture(scope="module")
def history(client: Client) -> tuple[Hip, list[Piece]]:
    hip = Hip(client, made(client))  # a register of its own, which no other test empties
    return hip, random_history(hip, 20, 700)


def numbers(found: Row) -> dict[str, Any]:
    return {
        "pieces": found.pieces,
        "people": found.people,
        "reasons": dict(found.reasons),
        **{name: (one.number, round(one.component_years * 365.25)) for name, one in found.failures.items()},
    }


def slow(pieces: list[Piece], failure: Failure) -> dict[str, Any]:
    fared = {name: [one.fared(name, UNTIL) for one in pieces] for name in FAILURES}
    return {
        "pieces": len(pieces),
        "people": people_of(pieces),
        "reasons": dict(Counter(reason for _, end, reason in fared[failure] if end == "failed")),
        **{
            name: (sum(end == "failed" for _, end, _ in its), sum(days for days, _, _ in its))
            for name, its in fared.items()
        },
    }


OWN = ("CUP01", "CUP02")


@pytest.mark.parametrize("failure", FAILURES)
def test_a_random_history_is_what_a_slow_reading_finds(history: tuple[Hip, list[Piece]], failure: Failure) -> None:
    hip, pieces = history
    reading = hip.read(hip.entitled(fewest_at_risk=10), {"failure": [failure]}, until=UNTIL)
    for component in (None, *OWN):
        own = [one for one in pieces if one.product == component or (component is None and one.product in OWN)]
        found = row(reading, component)
        assert numbers(found) == slow(own, failure)
        assert_curve(found, own, failure)
    others = reading.others["cup"]
    assert others.row is not None
    shown = [
        one for one in pieces
        if one.product not in OWN and (FIRST + timedelta(days=one.start)).strftime("%Y-%m") not in others.left_out
    ]  # fmt: skip
    assert {**numbers(others.row), "people": 0, "reasons": {}} == {**slow(shown, failure), "people": 0, "reasons": {}}
    assert_curve(others.row, shown, failure)


def assert_curve(found: Row, pieces: list[Piece], failure: Failure) -> None:
    """The curve is Kaplan-Meier's and Aalen-Johansen's of the very times, where ten or more are at risk."""
    fared = [one.fared(failure, UNTIL) for one in pieces]
    days, ends = [day for day, _, _ in fared], [("followed", "failed", "died").index(end) for _, end, _ in fared]
    curve = kaplan_meier(days, [end == 1 for end in ends])
    survival = found.survival(failure)
    at_risk = {years: sum(day >= years * 365.25 for day in days) for years in GRID}
    assert {point.years: point.at_risk for point in survival.curve} == {y: n for y, n in at_risk.items() if n >= 10}
    for point in survival.curve:
        at = point.years * 365.25
        assert point.failed == pytest.approx(1 - curve.at(at))
        incidence = aalen_johansen(days, ends, 1, at=at)
        assert (point.incidence, point.incidence_lower or 0) == pytest.approx(
            (incidence.incidence, incidence.lower if incidence.incidence else 0)
        )
    assert [one is not None for one in survival.after] == [at_risk[float(years)] >= 10 for years in (1, 3, 5, 10)]


def test_clinics_are_what_a_slow_reading_finds_in_the_years_in_which_they_are_shown(
    history: tuple[Hip, list[Piece]],
) -> None:
    hip, pieces = history
    reading = hip.read(hip.entitled(), {"by": ["component_clinic"]}, until=UNTIL)
    shown = 0
    for component in OWN:
        own = [one for one in pieces if one.product == component]
        rows = [one for one in reading.places if one.component == component]
        assert sum(one.pieces for one in rows) == len(own)
        for clinic, its in by(own, "unit").items():
            found = next((one for one in rows if (one.place, one.unit) == ("clinic", clinic)), None)
            if found is not None:
                kept = [one for one in its if one.year not in found.among_others]
                assert numbers(found) == slow(kept, "reoperation")
                years = Counter(one.year for one in kept)
                assert all(people_of([one for one in kept if one.year == year]) >= 5 for year in years)
                shown += 1
    assert shown >= 6


@pytest.mark.parametrize(
    ("fact", "values"), [("sex", ["male"]), ("age_group", ["<55", "55-64"]), ("diagnosis", ["S72"])]
)
def test_patients_are_told_apart_where_enough_are_alike(
    history: tuple[Hip, list[Piece]], fact: str, values: list[str]
) -> None:
    hip, pieces = history
    reading = hip.read(hip.entitled(smallest=4), {fact: values, "by": ["clinic_component"]}, until=UNTIL)
    for component in OWN:
        found = row(reading, component)
        own = [one for one in pieces if one.product == component and one.values[fact] in values]
        kept = [one for one in own if one.year not in found.not_shown]
        assert numbers(found) == slow(kept, "reoperation")
    others = reading.others["cup"]
    assert others.row is not None
    cut = {int(month[:4]) for month in others.left_out} | set(others.not_shown)
    theirs = [one for one in pieces if one.product not in OWN and one.values[fact] in values and one.year not in cut]
    assert others.row.pieces == len(theirs)


def test_no_difference_of_two_answers_is_a_few_people(history: tuple[Hip, list[Piece]]) -> None:
    """An attacker asks at random, and holds each answer against each that it may be a part of."""
    hip, pieces = history
    assert found_by_differences(hip, pieces, smallest=5) == []
    assert found_by_differences(hip, pieces, smallest=1) != []


def found_by_differences(hip: Hip, pieces: list[Piece], *, smallest: int) -> list[tuple[str, str]]:
    rng = random.Random(3)
    entitled = hip.entitled(smallest=smallest)
    answers: dict[tuple[str, ...], tuple[frozenset[int], int]] = {}
    for _ in range(25):
        query = {"by": [rng.choice(["component", "component_clinic", "clinic_component"])]}
        if rng.random() < 0.6:
            query |= {"from": [str(rng.choice([2001, 2002]))], "until": [str(rng.choice([2002, 2003]))]}
        if rng.random() < 0.7:
            query |= rng.choice(
                [
                    {"sex": ["male"]},
                    {"sex": ["female"]},
                    {"age_group": ["<55"]},
                    {"diagnosis": ["M16"]},
                    {"unit": ["U01"]},
                ]
            )
        reading = hip.read(entitled, query, until=UNTIL, others=False, curves=())
        for one in (*reading.country, *reading.chosen, *reading.places):
            if one.component:
                meant = what_is_meant(one, query, pieces)
                if meant is not None:
                    answers[(str(query), str(one.component), one.place, one.unit)] = (meant, one.pieces)
    found = []
    people = {place: one.person for place, one in enumerate(pieces)}
    for wide_name, (wide, more) in answers.items():
        for narrow_name, (narrow, fewer) in answers.items():
            left = wide - narrow
            if narrow < wide and more - fewer == len(left) and 0 < len({people[place] for place in left}) < 5:
                found.append((str(wide_name), str(narrow_name)))
    return found


def what_is_meant(found: Row, query: dict[str, list[str]], pieces: list[Piece]) -> frozenset[int] | None:
    """The pieces that a row is about, as whoever asked would understand it; None of rows of other clinics."""
    if found.place not in ("country", "clinic"):
        return None
    first, last = int(query.get("from", ["2001"])[0]), int(query.get("until", ["2004"])[0])
    fact = next((key for key in ("sex", "age_group", "diagnosis") if key in query), None)
    return frozenset(
        place
        for place, one in enumerate(pieces)
        if one.product == found.component
        and first <= one.year <= last
        and one.year not in found.not_shown
        and (fact is None or one.values[fact] in query[fact])
        and (found.place == "country" or (one.unit == found.unit and one.year not in found.among_others))
    )


def test_the_day_of_the_reading_is_the_latest_that_anything_happened_on(hip: Hip) -> None:
    hip.operated(1, 0)
    hip.died(2, 40)
    hip.load()
    assert hip.read(hip.entitled()).until == date(2001, 2, 10)
