"""What a company answers about a signal of its own product: sent, shown to both sides, and changing nothing of it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse.queries.access_log import read_readings
from sinks.clickhouse.queries.awareness import read_awareness
from sinks.clickhouse.queries.reviews import read_answers, read_decisions, read_subjects
from sinks.portal.identity import Person
from tests.company_support import Hip, made
from tests.portal_support import Browser, Voices, browser, portal
from tests.review_support import answered, decided, identity, issued, say
from tests.signal_support import INTEROP, state_interop

if TYPE_CHECKING:
    import httpx2

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

SUNDMARK = "sundmark-orthopaedics"  # makes Inter-op
OWN = {"about": INTEROP, "group": "cup", "product": "INTEROP"}
RECALL = identity(77)


@pytest.fixture(scope="module")
def hip(client: Client) -> RegistryDefinition:
    """Thirty of Inter-op at alarm, recalled by its maker; three of Nordfalk's first cup, recalled too."""
    definition = made(client)
    told = Hip(client, definition)
    for implant in range(30):
        told.operated(implant, 6 * implant, cup="INTEROP", unit=f"U{implant % 6 + 1:02}")
    for other in range(3):
        told.operated(100 + other, other)
    told.load()
    state_interop(client, definition)
    notices = (
        issued(77, product="INTEROP", issued_by="Sundmark Orthopaedics", reference="FSN-1"),
        issued(78, product="CUP01", reference="FSN-2"),
    )
    say(client, definition, *notices)
    return definition


@pytest.fixture
def voices() -> Voices:
    return Voices()


@pytest.fixture
def visitor(client: Client, hip: RegistryDefinition, voices: Voices) -> Browser:
    people = (
        Person("s", "Siri", "company", company="Sundmark Orthopaedics"),
        Person("n", "Nils", "company", company="Nordfalk Ortopedi"),
        Person("x", "Xena", "company", company="Skarvik Implants"),  # its contract has run out
        Person("r", "Rolf", "registrar", registries=frozenset({hip.name})),
        Person("m", "Agda", "agency"),
    )
    found = browser(portal({hip.name: hip}, client, ready=people, voice=voices))
    found.log_in("s")
    return found


def answer(visitor: Browser, hip: RegistryDefinition, **said: str) -> httpx2.Response:
    return visitor.say(f"/r/{hip.name}/company/answer", **{"id": INTEROP, **said})


def rows(visitor: Browser, path: str, **query: str) -> list[dict[str, str]]:
    found = visitor.get(path, params=query)
    assert found.status_code == 200, found.text
    return list(csv.DictReader(io.StringIO(found.text)))


def test_a_company_acknowledges_states_and_ties_a_notice(
    visitor: Browser, hip: RegistryDefinition, voices: Voices
) -> None:
    for said in (
        {"state": "acknowledged"},
        {"state": "stated", "statement": " One lot had oil residues. ", "notice": RECALL},
        {"state": "tied", "notice": RECALL, "statement": "not of this form"},
    ):
        sent = answer(visitor, hip, **said)
        assert sent.status_code == 303
        assert sent.headers["location"] == f"/r/{hip.name}/company/signals?id=cup%2FINTEROP%2F0"
    assert voices.answered == [
        (hip.name, INTEROP, "acknowledged", SUNDMARK, "Siri", "", ""),
        (hip.name, INTEROP, "stated", SUNDMARK, "Siri", "One lot had oil residues.", ""),
        (hip.name, INTEROP, "tied", SUNDMARK, "Siri", "", RECALL),
    ]
    assert voices.decided == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"state": "closed"}, 400),
        ({"state": "confirmed"}, 400),
        ({"state": ""}, 400),
        ({"state": "stated", "statement": "  "}, 400),
        ({"state": "tied", "notice": identity(78)}, 400),  # another company's
        ({"state": "tied", "notice": "FSN-1"}, 400),
        ({"state": "acknowledged", "id": "cup/CUP01/0"}, 404),
        ({"state": "acknowledged", "id": ""}, 404),
    ],
)
def test_what_it_may_not_say_is_refused(
    visitor: Browser, hip: RegistryDefinition, voices: Voices, said: dict[str, str], status: int
) -> None:
    assert answer(visitor, hip, **said).status_code == status
    assert voices.answered == []


def test_about_another_s_signal_without_a_contract_or_in_another_role_nobody_answers(
    visitor: Browser, hip: RegistryDefinition, voices: Voices
) -> None:
    for who, status in (("n", 404), ("x", 400), ("r", 403), ("m", 403)):
        visitor.log_in(who)
        assert answer(visitor, hip, state="acknowledged").status_code == status, who
    assert voices.answered == []


def test_a_signal_that_its_unit_explains_is_not_the_company_s_to_answer(
    visitor: Browser, client: Client, hip: RegistryDefinition, voices: Voices
) -> None:
    state_interop(client, hip, id="cup/INTEROP/1", number=1, cause="unit")
    assert answer(visitor, hip, id="cup/INTEROP/1", state="acknowledged").status_code == 404
    assert voices.answered == []


def test_without_the_form_s_token_nothing_is_said(visitor: Browser, hip: RegistryDefinition, voices: Voices) -> None:
    said = {"id": INTEROP, "state": "acknowledged"}
    assert visitor.post(f"/r/{hip.name}/company/answer", data=said).status_code == 403
    assert voices.answered == []


def test_an_answer_is_written_down_with_the_contract_s_purpose(
    visitor: Browser, client: Client, hip: RegistryDefinition
) -> None:
    answer(visitor, hip, state="acknowledged")
    answer(visitor, hip, state="stated", statement="We look into it.")
    found = {one.about: one for one in read_readings(client, hip.name, limit=10_000) if one.area == "company statement"}
    one = found[f"{INTEROP}: stated"]
    assert (one.name, one.bound_to, one.purpose) == ("Siri", "Sundmark Orthopaedics", "surveillance of implants")
    assert [one.read_by for one in read_awareness(client, hip.name, SUNDMARK) if one.subject == INTEROP] == ["s"]


def test_both_sides_see_who_said_what_when_and_the_signal_stays_as_it_was(
    visitor: Browser, client: Client, hip: RegistryDefinition
) -> None:
    page, registry_page = f"/r/{hip.name}/company/signals", f"/r/{hip.name}/signal"
    say(
        client,
        hip,
        decided(1, "taken_up", reason="said in confidence", **OWN),
        answered(2, "acknowledged", company=SUNDMARK, by="Siri", **OWN),
        answered(3, "stated", company=SUNDMARK, by="Siri", statement="One lot had oil residues.", **OWN),
        answered(4, "tied", company=SUNDMARK, by="Siri", notice=RECALL, **OWN),
        answered(5, "stated", company="nordfalk-ortopedi", by="Nils", statement="Not ours.", **OWN),
        offset=100,
    )
    own = rows(visitor, f"{page}/files/said.csv", id=INTEROP)
    assert [(one["day"], one["whose"], one["what"], one["by"], one["statement"], one["notice"]) for one in own] == [
        ("2024-06-01", "the registry", "taken up", "", "", ""),
        ("2024-06-01", "Sundmark Orthopaedics", "acknowledged", "Siri", "", ""),
        ("2024-06-01", "Sundmark Orthopaedics", "answered with a statement", "Siri", "One lot had oil residues.", ""),
        ("2024-06-01", "Sundmark Orthopaedics", "tied to a field safety notice", "Siri", "",
         "Sundmark Orthopaedics: FSN-1"),
    ]  # fmt: skip
    shown = visitor.get(page, params={"id": INTEROP}).text
    assert "said in confidence" not in shown
    assert "Not ours." not in shown
    assert 'value="acknowledged"' not in shown, "it has acknowledged, and may answer on"
    assert 'value="stated"' in shown
    assert "FSN-2" not in shown, "a notice about another's product"

    visitor.log_in("r")
    history = rows(visitor, f"{registry_page}/files/said.csv", id=INTEROP)
    assert [(one["whose"], one["by"], one["reason"]) for one in history][:3] == [
        ("the registry", "anna", "said in confidence"),
        ("Sundmark Orthopaedics", "Siri", ""),
        ("Sundmark Orthopaedics", "Siri", "One lot had oil residues."),
    ]
    (listed,) = [one for one in rows(visitor, f"/r/{hip.name}/signals/files/signals.csv") if one["signal"] == INTEROP]
    assert (listed["state"], listed["level"], listed["decision"]) == ("updated", "alarm", "taken up")
    assert listed["answer"] == "answered with a statement"

    aware = rows(visitor, f"{registry_page}/files/awareness.csv", id=INTEROP)
    assert [(one["company"], one["read_by"]) for one in aware] == [("Sundmark Orthopaedics", "s")]
    visitor.log_in("m")
    assert visitor.get(f"{registry_page}/files/awareness.csv", params={"id": INTEROP}).status_code == 404

    assert [one.state for one in read_decisions(client, hip.name, INTEROP)] == ["taken_up"]
    assert [one.company for one in read_answers(client, hip.name, INTEROP, company=SUNDMARK)] == [SUNDMARK] * 3


def test_an_answer_opens_no_list_of_carriers(client: Client, hip: RegistryDefinition) -> None:
    about = "cup/INTEROP/7"
    say(client, hip, answered(9, "acknowledged", company=SUNDMARK, **{**OWN, "about": about}), offset=200)
    assert about not in {one.about for one in read_subjects(client, hip.name)}


def test_in_swedish_too(visitor: Browser, hip: RegistryDefinition) -> None:
    shown = visitor.get(f"/r/{hip.name}/company/signals", params={"id": INTEROP, "lang": "sv"}).text
    assert "Svara med ett uttalande" in shown
    assert "Vad som har sagts" in shown


def test_hospitals_are_named_without_numbers_where_a_signal_is_looked_at_and_that_is_written_down(
    visitor: Browser, client: Client, hip: RegistryDefinition
) -> None:
    def written() -> Counter[tuple[str, str]]:
        found = read_readings(client, hip.name, limit=10_000)
        return Counter((one.about, one.purpose) for one in found if one.area == "company hospitals")

    name = hip.catalogues["units"].rows["U03"]["name"]
    before = written()
    listed = visitor.get(f"/r/{hip.name}/company/signals").text
    assert name not in listed
    assert name not in visitor.get(f"/api/v1/registries/{hip.name}/company/signals").text
    assert written() == before, "where no hospital is named there is nothing to write down"
    shown = visitor.get(f"/r/{hip.name}/company/signals", params={"id": INTEROP}).text
    assert name in shown  # the registry's controller lets companies know at watch and above
    assert written() - before == {("hospitals with carriers of INTEROP", "surveillance of implants"): 1}
