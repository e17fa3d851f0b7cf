"""What companies are told of signals and reviews, and what they are not."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from schemas.codec import NotARegistrationError
from schemas.company import companies_of, company_code, makers
from schemas.definition.errors import DefinitionError
from sinks.feeds.event import FeedEvent, read_event
from sinks.feeds.telling import Telling
from tests.feed_support import SAID_AT, companies, in_short, project, registry_with_companies, review, signal

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition

NOTICE = "0b7a51c4-6d0f-5e0a-9a86-4f0f6a0b1f6e"


@pytest.fixture
def definition() -> RegistryDefinition:
    return registry_with_companies()


def telling(definition: RegistryDefinition) -> Telling:
    return Telling(
        definition.name, definition.generation, companies(definition), project, lambda one: makers(definition, one)
    )


class Told:
    """All that is told of what is heard, in order."""

    def __init__(self, definition: RegistryDefinition) -> None:
        self.definition = definition
        self.telling = telling(definition)
        self.events: list[FeedEvent] = []

    def signal(self, product: str = "CUP01", message: int = 1, **said: Any) -> list[FeedEvent]:
        found = list(self.telling.of_signal(signal(self.definition, product, message, **said), SAID_AT))
        self.events += found
        return found

    def review(self, kind: str, state: str, about: str, **said: Any) -> list[FeedEvent]:
        found = list(self.telling.of_review(review(self.definition, kind, state, about, **said)))
        self.events += found
        return found


def test_each_company_is_told_of_its_own_products_alone(definition: RegistryDefinition) -> None:
    told = Told(definition)
    first, second = companies(definition)
    assert [one.company for one in told.signal("CUP01")] == [first]
    assert [one.company for one in told.signal("CUP02")] == [second]
    assert in_short(told.events) == [("signal.raised", "cup/CUP01/0"), ("signal.raised", "cup/CUP02/0")]
    assert told.events[0].data == {"signal": "cup/CUP01/0", "product": "CUP01", "level": "watch", "message": 1}


def test_a_signal_put_to_the_unit_is_never_heard_of_nor_are_decisions_on_it(definition: RegistryDefinition) -> None:
    told = Told(definition)
    assert told.signal(cause="unit") == []
    assert told.review("decision", "taken_up", "cup/CUP01/0") == []
    assert told.signal(message=2, cause="unit", state="withdrawn") == []
    assert told.signal(message=3, state="withdrawn") == [], "nor that it is over"


def test_once_it_was_told_a_signal_that_is_put_to_the_unit_is_taken_back_once(definition: RegistryDefinition) -> None:
    told = Told(definition)
    told.signal()
    (gone,) = told.signal(message=2, cause="unit")
    assert (gone.type, gone.data["state"]) == ("guldadra.signal.withdrawn", "withdrawn")
    assert "unit" not in json.dumps(gone.data)
    assert told.signal(message=3, cause="unit") == []
    assert told.review("decision", "confirmed", "cup/CUP01/0") == []
    assert in_short(told.signal(message=4)) == [("signal.raised", "cup/CUP01/0")], "to the company it begins anew"
    assert in_short(told.review("decision", "confirmed", "cup/CUP01/0")) == [("review.confirmed", "cup/CUP01/0")]


def test_of_a_decision_it_is_told_that_it_was_made_never_by_whom_or_why(definition: RegistryDefinition) -> None:
    told = Told(definition)
    told.signal()
    (event,) = told.review("decision", "closed", "cup/CUP01/0", reason="said in confidence", note="and more")
    assert event.company == companies(definition)[0]
    assert event.data == {
        "about": "cup/CUP01/0", "product": "CUP01", "decision": "closed", "said_on": "2023-11-14",
    }  # fmt: skip


def test_a_company_hears_its_own_answers_without_text_or_person_and_no_other_s(definition: RegistryDefinition) -> None:
    told = Told(definition)
    first, second = companies(definition)
    assert told.review("answer", "acknowledged", "cup/CUP01/0", company=first) == [], "before it was told of it"
    told.signal()
    (event,) = told.review("answer", "stated", "cup/CUP01/0", company=first, statement="One lot was out of measure.")
    assert (event.company, event.type, event.subject) == (first, "guldadra.review.stated", "cup/CUP01/0")
    assert event.data == {
        "about": "cup/CUP01/0", "product": "CUP01", "answer": "stated", "notice": None, "said_on": "2023-11-14",
    }  # fmt: skip
    assert told.review("answer", "stated", "cup/CUP01/0", company=second, statement="Not ours.") == []
    (tied,) = told.review("answer", "tied", "cup/CUP01/0", company=first, notice=NOTICE)
    assert tied.data["notice"] == NOTICE
    (after,) = told.signal(message=2)
    assert after.type == "guldadra.signal.updated", "an answer neither opens nor closes a signal"


def test_a_notice_goes_to_the_makers_and_so_do_decisions_on_it_but_no_carrier(definition: RegistryDefinition) -> None:
    told = Told(definition)
    first, second = companies(definition)
    said = {"lots": ["L1"], "first_day": 19_675, "issued_by": "Älva", "reference": "FSN-7"}  # 2023-11-14
    (event,) = told.review("notice", "issued", NOTICE, **said)
    assert (event.company, event.type, event.subject) == (first, "guldadra.notice.issued", NOTICE)
    assert (event.data["lots"], event.data["first_day"], event.data["last_day"]) == (["L1"], "2023-11-14", None)
    assert in_short(told.review("decision", "taken_up", NOTICE)) == [("review.taken_up", NOTICE)]
    carrier = {"patient": "k1-" + "a" * 26, "registration_id": "op-1", "partition": 0, "exposure_version": 1}
    assert told.review("carrier", "called", NOTICE, **carrier) == []
    of_both = told.review("notice", "issued", str(uuid.uuid4()), product="CUP01 + STEM01", reference="FSN-8")
    assert [one.company for one in of_both] == [first, second]


def test_what_comes_to_the_same_is_told_once_whatever_comes_again(definition: RegistryDefinition) -> None:
    told = Told(definition)
    told.signal()
    told.signal(message=2)
    assert told.signal() == []
    assert told.signal(version=77, versions=[]) == [], "nothing that a company sees is new"
    decided = review(definition, "decision", "confirmed", "cup/CUP01/0")
    told.events += told.telling.of_review(decided)
    assert list(told.telling.of_review(decided)) == []
    after = telling(definition)
    for one in told.events:
        after.recall(one)
    assert list(after.of_signal(signal(definition), SAID_AT)) == []
    assert list(after.of_review(decided)) == [], "nor by the next process"
    after.forget()
    (again,) = after.of_signal(signal(definition), SAID_AT + 9)
    assert again.id == told.events[0].id, "the same has the same id, whenever it is told"


def test_what_a_new_life_of_surveillance_states_is_told_though_a_former_one_stated_the_same(
    definition: RegistryDefinition,
) -> None:
    told = Told(definition)
    told.signal()
    told.signal(message=2, state="withdrawn")
    again = told.signal(life=1)  # else the company would take it for withdrawn
    assert [one.type.rsplit(".")[-1] for one in again] == ["raised"]
    assert told.signal(life=1) == []


def test_what_differs_has_an_id_of_its_own(definition: RegistryDefinition) -> None:
    told = Told(definition)
    told.signal()
    told.signal(message=2)
    told.signal(message=3, level="alarm")
    told.signal("CUP02")
    other = Told(registry_with_companies())
    other.signal()
    ids = [one.id for one in (*told.events, *other.events)]
    assert len(set(ids)) == len(ids) == 5


def test_another_generation_s_signals_are_not_told(definition: RegistryDefinition) -> None:
    assert Told(definition).signal(generation="another") == []


def test_another_registry_s_events_are_no_matter_of_this_one(definition: RegistryDefinition) -> None:
    told, other = Told(definition), Told(registry_with_companies())
    told.signal()
    other.telling.recall(told.events[0])
    assert list(other.telling.of_review(review(definition, "decision", "confirmed", "cup/CUP01/0"))) == []


def test_an_event_is_a_cloud_event_without_offsets_and_comes_back_as_it_was(definition: RegistryDefinition) -> None:
    (event,) = Told(definition).signal()
    raw = json.loads(event.to_json(4))
    assert raw == {
        "specversion": "1.0", "id": event.id, "source": f"/registries/{definition.name}",
        "type": "guldadra.signal.raised", "subject": "cup/CUP01/0", "time": "2023-11-14T22:13:20.000Z",
        "datacontenttype": "application/json", "company": companies(definition)[0], "epoch": 4, "data": event.data,
    }  # fmt: skip
    assert read_event(event.to_json(4)) == (event, 4)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"id": "1"}, "id"), ({"type": "other"}, "type"), ({"time": "yesterday"}, "time"), ({"time": 1}, "time"),
        ({"epoch": -1}, "epoch"), ({"epoch": True}, "epoch"), ({"company": "../x"}, "company"),
        ({"data": "text"}, "data"), ({"source": "/registries/"}, "source"), ({"specversion": "0.3"}, "CloudEvent"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_by_the_name_of_what_is_wrong(
    definition: RegistryDefinition, change: dict[str, Any], named: str
) -> None:
    (event,) = Told(definition).signal()
    raw = {**json.loads(event.to_json(0)), **change}
    with pytest.raises(NotARegistrationError, match=named):
        read_event(json.dumps(raw).encode())


@pytest.mark.parametrize("value", [b"", b"\xff", b"[]", b"null", b"{}"])
def test_junk_is_no_event(value: bytes) -> None:
    with pytest.raises(NotARegistrationError):
        read_event(value)


def test_a_company_s_code_is_its_name_in_plain_letters() -> None:
    assert company_code("Nordlunga Läkemedel") == "nordlunga-lakemedel"
    assert company_code("  Søren & Æble (A/S) ") == "soren-aeble-a-s"
    with pytest.raises(ValueError, match="no letter or digit"):
        company_code("株式会社")


def test_two_companies_that_would_share_a_feed_are_refused(definition: RegistryDefinition) -> None:
    rows = definition.catalogues["components"].rows
    rows["CUP02"]["company"] = rows["CUP01"]["company"].replace("Ä", "A").upper()  # type: ignore[index]  # a dict
    with pytest.raises(DefinitionError, match="have the same code; spell one otherwise"):
        companies_of([definition])


def test_a_company_that_may_not_read_any_more_is_told_nothing_wrong(definition: RegistryDefinition) -> None:
    told = Told(definition)
    told.signal()
    nobody = Telling(
        definition.name,
        definition.generation,
        companies(definition),
        lambda *_: None,
        lambda one: makers(definition, one),
    )
    nobody.recall(told.events[0])
    assert list(nobody.of_signal(signal(definition, message=2), SAID_AT)) == []
