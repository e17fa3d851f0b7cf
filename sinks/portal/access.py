"""Who may read and do what: one table. What is not in it is refused, to everybody.

Each page and each answer of the API is an *area*. A row says which roles may, whose data that is, and whether the
reading is written down. Patients, researchers and counties have no role yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sinks.portal.identity import ROLES, Person, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

Whose = Literal["anything", "own company", "own units", "own registries"]

STRONG_FOR_S = 15 * 60
"""How long a strong log-in is recent enough for person-near data."""


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        roles: who may.
        why: what they need it for, in the words of the law's purposes.
        logged: whether each reading is written down: who, what, why and when.
        strong: whether it takes a strong log-in of the last 15 minutes, and a purpose that is stated.
    """

    roles: tuple[Role, ...]
    why: str
    logged: bool = False
    strong: bool = False


_EVERYBODY = ROLES
_OF_THE_REGISTRY: tuple[Role, ...] = ("registrar", "vigilance")
_CARE: tuple[Role, ...] = ("clinic", *_OF_THE_REGISTRY, "agency")

ACCESS: Mapping[str, Row] = {
    # what a registry publishes
    "start": Row(_EVERYBODY, "to find one's way and to log in"),
    "variables": Row(_EVERYBODY, "the variable catalogue is public"),
    "monitors": Row(_EVERYBODY, "how products are watched, and how often that errs, is public"),
    "published": Row(_EVERYBODY, "the nation's indicators are public; the fee never gates them"),
    # the company database
    "company": Row(("company",), "a manufacturer watches its own products, in aggregates"),
    "company statement": Row(("company",), "to acknowledge a signal of one's own and to answer it", logged=True),
    "company hospitals": Row(
        ("company",), "which hospitals have carriers, where the controller so declared", logged=True
    ),
    "feed": Row(("company",), "a manufacturer's machines follow its own products"),
    # clinics
    "clinic": Row(("clinic",), "a clinic's own results, and what is missing or refused"),
    "carriers": Row(("clinic",), "to find and call the own patients", logged=True, strong=True),
    "lists": Row(("clinic",), "the own patients who are to be seen to", logged=True, strong=True),
    # the registry
    "flow": Row(("registrar", "admin"), "that what is sent arrives"),
    "coverage": Row(_CARE, "how much of what is done is registered"),
    "indicators": Row(_CARE, "open comparison of units"),
    "compliance": Row(("registrar", "admin"), "what a registry must fulfil"),
    "question": Row(("clinic", *_OF_THE_REGISTRY), "questions in numbers; small ones are hidden"),
    "signals": Row(_CARE, "what is watched, and who was told when"),
    "review": Row(_OF_THE_REGISTRY, "stages 2 and 3 of a signal", logged=True),
    "reports": Row((*_OF_THE_REGISTRY, "agency"), "that what is to be reported is reported in time"),
    "report": Row((*_OF_THE_REGISTRY, "agency"), "what a report says, which is of a person", logged=True),
    "report steps": Row(_OF_THE_REGISTRY, "to check, assign, code and correct reports", logged=True),
    "awareness": Row(_OF_THE_REGISTRY, "when a company came to know"),
    "webhooks": Row(("registrar",), "the controller registers where machines are told", logged=True),
    # who has read
    "access log": Row(("registrar", "admin"), "the controller's recurring review of access", logged=True),
}
"""The table."""


class Refused(NamedTuple):
    """Why somebody may not.

    Attributes:
        reason: "log in", "role", "not yours", "contract", "strong log-in" or "purpose".
    """

    reason: Literal["log in", "role", "not yours", "contract", "strong log-in", "purpose"]


def may(
    person: Person,
    area: str,
    *,
    registry: str = "",
    unit: str = "",
    company: str = "",
    purpose: str | None = None,
    now: int = 0,
) -> Refused | None:
    """Whether somebody may; None where they may, else why not.

    Args:
        person: who asks.
        area: a row of the table; one that is not there is refused.
        registry: whose data it is; empty where it is of none.
        unit: the unit that it is of; empty where it is of none in particular.
        company: the company that it is of; likewise.
        purpose: what it is wanted for, where that has to be stated.
        now: seconds since 1970.
    """
    row = ACCESS.get(area)
    if row is None or person.role not in row.roles:
        return Refused("log in" if person.role == "public" and row is not None else "role")
    if "public" not in row.roles and not _is_theirs(person, registry, unit, company):
        return Refused("not yours")
    if row.strong and not (person.strong and 0 <= now - person.since <= STRONG_FOR_S):
        return Refused("strong log-in")
    if row.strong and not (purpose and purpose.strip()):
        return Refused("purpose")
    return None


def _is_theirs(person: Person, registry: str, unit: str, company: str) -> bool:
    if company and (person.role != "company" or company != person.company):
        return False
    if person.role == "clinic":
        if unit:
            return (registry, unit) in person.units
        return not registry or any(of == registry for of, _ in person.units)
    if person.role in {"registrar", "vigilance"}:
        return not registry or registry in person.registries
    return True
