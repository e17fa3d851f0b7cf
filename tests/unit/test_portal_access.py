"""Who may read and do what. The matrix is written down here a second time, by hand, and compared in full."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest

from sinks.portal.access import ACCESS, STRONG_FOR_S, may
from sinks.portal.identity import PUBLIC, ROLES, ClaimsError, Person, person_of
from tests.portal_support import NOW, PEOPLE

if TYPE_CHECKING:
    from collections.abc import Mapping

# area: public company clinic registrar vigilance agency admin
MATRIX: Mapping[str, str] = {
    "start":              "y y y y y y y",
    "variables":          "y y y y y y y",
    "monitors":           "y y y y y y y",
    "published":          "y y y y y y y",
    "company":            "- y - - - - -",
    "company statement":  "- y - - - - -",
    "company hospitals":  "- y - - - - -",
    "feed":               "- y - - - - -",
    "clinic":             "- - y - - - -",
    "carriers":           "- - y - - - -",
    "lists":              "- - y - - - -",
    "flow":               "- - - y - - y",
    "coverage":           "- - y y y y -",
    "indicators":         "- - y y y y -",
    "compliance":         "- - - y - - y",
    "question":           "- - y y y - -",
    "signals":            "- - y y y y -",
    "review":             "- - - y y - -",
    "reports":            "- - - y y y -",
    "report":             "- - - y y y -",
    "report steps":       "- - - y y - -",
    "awareness":          "- - - y y - -",
    "webhooks":           "- - - y - - -",
    "access log":         "- - - y - - y",
}  # fmt: skip
EVERYBODY = {"public": PUBLIC, **PEOPLE}


def asked(area: str, person: Person, **said: str) -> str:
    """Why somebody is refused what is theirs; empty where they are not."""
    refused = may(person, area, **{"registry": "hip", "purpose": "to call", **said}, now=NOW)
    return "" if refused is None else refused.reason


def test_the_table_is_the_matrix_written_by_hand() -> None:
    assert set(ACCESS) == set(MATRIX)
    for area, (role, mark) in (
        (area, one) for area, row in MATRIX.items() for one in zip(ROLES, row.split(), strict=True)
    ):
        reason = asked(area, EVERYBODY[role])
        assert (reason == "") == (mark == "y"), (area, role, reason)


def test_what_is_not_in_the_table_is_refused_to_everybody() -> None:
    for person in EVERYBODY.values():
        assert asked("patients", person) == "role"


def test_nobody_who_is_not_logged_in_learns_more_than_that() -> None:
    assert {asked(area, PUBLIC) for area, row in MATRIX.items() if row.startswith("-")} == {"log in"}


@pytest.mark.parametrize(
    ("role", "area", "where"),
    [
        ("company", "company", {"company": "Skarvik Implants"}),
        ("clinic", "clinic", {"unit": "U03"}),
        ("clinic", "clinic", {"registry": "hiv", "unit": "U01"}),
        ("clinic", "indicators", {"registry": "hiv"}),
        ("clinic", "carriers", {"unit": "U03"}),
        ("registrar", "flow", {"registry": "hiv"}),
        ("registrar", "access log", {"registry": "hiv"}),
        ("vigilance", "review", {"registry": "hiv"}),
        ("agency", "signals", {"company": "Nordfalk Ortopedi"}),
    ],
)
def test_what_is_of_others_is_refused(role: str, area: str, where: Mapping[str, str]) -> None:
    assert asked(area, PEOPLE[role], **where) == "not yours"


@pytest.mark.parametrize("person", EVERYBODY.values(), ids=EVERYBODY)
def test_what_is_public_is_so_for_those_bound_elsewhere_too(person: Person) -> None:
    for area in ("variables", "monitors", "published"):
        assert asked(area, person, registry="metabolic") == ""


def test_what_is_ones_own_is_not() -> None:
    assert asked("company", PEOPLE["company"], company="Nordfalk Ortopedi") == ""
    assert asked("clinic", PEOPLE["clinic"], unit="U02") == ""


def test_person_near_data_take_a_recent_strong_log_in_and_a_purpose() -> None:
    near = [area for area, row in ACCESS.items() if row.strong]
    assert near == ["carriers", "lists"]
    clinic = PEOPLE["clinic"]
    for area, now in product(near, (NOW, NOW + STRONG_FOR_S)):
        assert may(clinic, area, registry="hip", unit="U01", purpose="to call", now=now) is None
    for person, purpose, now, reason in (
        (replace(clinic, strong=False), "to call", NOW, "strong log-in"),
        (clinic, "to call", NOW + STRONG_FOR_S + 1, "strong log-in"),
        (clinic, "to call", NOW - 1, "strong log-in"),  # a log-in of the future is none
        (clinic, "  ", NOW, "purpose"),
        (clinic, None, NOW, "purpose"),
    ):
        refused = may(person, "carriers", registry="hip", unit="U01", purpose=purpose, now=now)
        assert refused is not None
        assert refused.reason == reason


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_claims_make_the_same_person_again(person: Person) -> None:
    assert person_of(person.as_claims()) == person


@pytest.mark.parametrize(
    ("claims", "missing"),
    [
        ({}, "role"),
        ({"sub": "x", "role": "root"}, "role"),
        ({"sub": "x", "role": "public"}, "role"),
        ({"role": "agency"}, "sub"),
        ({"sub": 7, "role": "agency"}, "sub"),
        ({"sub": "x", "role": "company"}, "company"),
        ({"sub": "x", "role": "company", "company": ["Nordfalk"]}, "company"),
        ({"sub": "x", "role": "clinic"}, "units"),
        ({"sub": "x", "role": "clinic", "units": ["hip"]}, "units"),
        ({"sub": "x", "role": "clinic", "units": "hip/"}, "units"),
        ({"sub": "x", "role": "registrar"}, "registries"),
        ({"sub": "x", "role": "registrar", "registries": [7]}, "registries"),
        ({"sub": "x", "role": "agency", "auth_time": "now"}, "auth_time"),
    ],
)
def test_claims_that_make_nobody_are_refused(claims: Mapping[str, object], missing: str) -> None:
    with pytest.raises(ClaimsError, match=missing):
        person_of(claims)


def test_what_a_role_is_not_bound_to_is_not_taken_over() -> None:
    person = person_of(
        {"sub": "x", "role": "agency", "company": "Nordfalk Ortopedi", "units": "hip/U01", "registries": "hip"}
    )
    assert (person.company, person.units, person.registries) == ("", frozenset(), frozenset())


def test_strong_is_what_the_provider_says_of_one_of_the_levels_named() -> None:
    claims = {"sub": "x", "role": "agency", "acr": "loa3"}
    assert person_of(claims, strong_levels=frozenset({"loa3"})).strong
    assert not person_of(claims, strong_levels=frozenset({"loa4"})).strong
    assert not person_of(claims).strong
