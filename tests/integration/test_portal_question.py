"""The page of the ad-hoc question, over a real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse.client import connect
from sinks.clickhouse.queries.access_log import read_readings
from sinks.portal.identity import Person
from tests.clickhouse_support import AcceptedLog, insert, migrated
from tests.portal_support import NOW, Browser, browser, portal
from tests.support import patient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.database import EmbeddedDatabase


@pytest.fixture(scope="module")
def visitor(embedded_database: EmbeddedDatabase) -> Iterator[Browser]:
    with connect(embedded_database.url) as client:
        definition = migrated(client, "metabolic")
        log = AcceptedLog(definition)
        for number, unit in enumerate(["C01"] * 8 + ["C02"] * 3 + ["C03"] + ["C04"] * 6):
            log.add("measurement", number, patient=patient(number), unit=unit, test="sbp", value=140.0 + number)
        insert(client, definition, log.batch())
        name = definition.name
        clinic = Person("k", "Karin", "clinic", units=frozenset({(name, "C02")}), since=NOW)
        other = Person("o", "Olle", "clinic", units=frozenset({("hip", "U01")}), since=NOW)
        registrar = Person("r", "Rolf", "registrar", registries=frozenset({name}))
        found = browser(portal({name: definition}, client, ready=(clinic, other, registrar)))
        found.headers["x-registry"] = name
        yield found


def page(visitor: Browser, query: str, who: str = "k", files: str = "") -> str:
    visitor.log_in(who)
    language = "" if "lang=" in query else "&lang=en"  # else it would be that of the test before
    answer = visitor.get(f"/r/{visitor.headers['x-registry']}/question{files}?{query}{language}")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_first_one_chooses_a_form(visitor: Browser) -> None:
    assert '<option value="measurement"' in page(visitor, "")


def test_the_answer_has_the_people_behind_it_and_hides_small_rows_of_others(visitor: Browser) -> None:
    rows = page(visitor, "form=measurement&by=unit", files="/files/answer.csv").splitlines()
    assert rows[0] == "unit,people,registrations"
    found = {row.split(" ")[0].split(",")[0]: row.split(",")[1:] for row in rows[1:]}
    # C02 is the clinic's own; C04 taken from the total would tell of C03
    assert found == {"C01": ["8", "8"], "C02": ["3", "3"], "C03": ["", ""], "C04": ["", ""]}


def test_the_controllers_people_see_all_of_their_registry(visitor: Browser) -> None:
    rows = page(visitor, "form=measurement&by=unit", "r", files="/files/answer.csv").splitlines()
    assert [row.split(",")[-1] for row in rows[1:]] == ["8", "3", "1", "6"]


def test_it_is_written_down_where_the_controllers_people_are_shown_few_persons(visitor: Browser) -> None:
    name = visitor.headers["x-registry"]
    client = visitor.app.state.portal.client  # type: ignore[attr-defined] # of the application
    for who, query in (("r", "where=value:gt:151&by=unit"), ("r", "where=value:gt:100"), ("k", "by=unit")):
        page(visitor, f"form=measurement&{query}", who)
    # above 151 there are six, all at C04; and of what a clinic is shown nothing is written down
    assert not [one for one in read_readings(client, name) if "gt%3A15" in one.about and "gt%3A150" not in one.about]
    page(visitor, "form=measurement&where=value:gt:150&by=unit", "r")  # and the one at C03
    (found,) = [one for one in read_readings(client, name) if "where=value%3Agt%3A150" in one.about]
    assert (found.subject, found.people, found.area, found.purpose) == ("r", 1, "question", "a question in numbers")
    assert found.about.startswith(f"/r/{name}/question?form=measurement")
    assert {one.subject for one in read_readings(client, name)} == {"r"}, "a clinic is shown no few persons"


def test_the_form_is_filled_in_with_what_was_asked(visitor: Browser) -> None:
    shown = page(visitor, "form=measurement&where=value:gt:145&of=value:gt:150&by=unit&value=value&counted=persons")
    assert 'value="145"' in shown
    assert '<option value="gt" selected' in shown
    assert "This question as a link" in shown


def test_in_swedish(visitor: Browser) -> None:
    assert "personer" in page(visitor, "form=measurement&by=unit&lang=sv")


def test_what_makes_no_sense_is_said_on_the_page(visitor: Browser) -> None:
    visitor.log_in("k")
    answer = visitor.get(f"/r/{visitor.headers['x-registry']}/question?form=measurement&where=value:gt:high")
    assert answer.status_code == 400
    assert "value is a number, not high" in answer.text


def test_a_clinic_of_another_registry_may_not_ask(visitor: Browser) -> None:
    visitor.log_in("o")
    assert visitor.get(f"/r/{visitor.headers['x-registry']}/question?form=measurement").status_code == 403
