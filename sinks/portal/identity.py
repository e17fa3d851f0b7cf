"""Who somebody is and what they are bound to, as the provider of identities says in its claims.

A claim is taken for what it is or not at all: a role that is not known, a company's account without a company or a
clinic's without a unit make nobody of somebody, and nobody may read what is not public.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["public", "company", "clinic", "registrar", "vigilance", "agency", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

_BOUND_TO: Mapping[Role, str] = {
    "company": "company",
    "clinic": "units",
    "registrar": "registries",
    "vigilance": "registries",
}


class ClaimsError(ValueError):
    """What is claimed makes no identity; the message says what is missing, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        subject: what the provider calls them; the same at every log-in.
        name: shown to themselves, and written into decisions.
        role: one, by which all access is decided.
        company: whose components a company's account sees; empty for other roles.
        units: what a clinic's account may see, as (registry, unit).
        registries: what registrars and vigilance officers may see.
        since: when they logged in, in seconds since 1970.
        strong: whether the provider says that the log-in was strong (two factors, e-identification).
    """

    subject: str
    name: str
    role: Role
    company: str = ""
    units: frozenset[tuple[str, str]] = frozenset()
    registries: frozenset[str] = frozenset()
    since: int = 0
    strong: bool = False

    def units_of(self, registry: str) -> tuple[str, ...]:
        """The units of a registry that a clinic's account is bound to, in order."""
        return tuple(sorted(unit for of, unit in self.units if of == registry))

    def as_claims(self) -> dict[str, Any]:
        """What ``person_of`` makes the same person of."""
        return {
            "sub": self.subject,
            "name": self.name,
            "role": self.role,
            "company": self.company,
            "units": sorted("/".join(one) for one in self.units),
            "registries": sorted(self.registries),
            "auth_time": self.since,
            "strong": self.strong,
        }


PUBLIC = Person("", "", "public")
"""Whoever is not logged in."""


def person_of(claims: Mapping[str, Any], *, strong_levels: frozenset[str] = frozenset()) -> Person:
    """The person that claims tell of.

    Args:
        claims: ``sub``, ``name``, ``role``, and what the role is bound to: ``company`` (its name in the catalogue),
            ``units`` (``hip/U11`` …) or ``registries`` (``hip`` …); ``auth_time`` in seconds since 1970, ``acr``.
        strong_levels: the values of ``acr`` that are a strong log-in.

    Raises:
        ClaimsError: something is missing or not of its kind.
    """
    role = claims.get("role")
    if role not in ROLES or role == "public":
        raise ClaimsError(f"the claim role must be one of {', '.join(ROLES[1:])}")
    subject = _text(claims, "sub")
    if not subject:
        raise ClaimsError("the claim sub is missing")
    units = frozenset(_unit(one) for one in _texts(claims, "units"))
    person = Person(
        subject=subject,
        name=_text(claims, "name") or subject,
        role=role,
        company=_text(claims, "company") if role == "company" else "",
        units=units if role == "clinic" else frozenset(),
        registries=frozenset(_texts(claims, "registries")) if role in {"registrar", "vigilance"} else frozenset(),
        since=_moment(claims),
        strong=claims.get("strong") is True or claims.get("acr") in strong_levels,
    )
    bound = _BOUND_TO.get(role)
    if bound and not getattr(person, bound):
        raise ClaimsError(f"the claim {bound} is missing, and an account of role {role} is bound to it")
    return person


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise ClaimsError(f"the claim {name} must be text")
    return value


def _texts(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = claims.get(name, ())
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ClaimsError(f"the claim {name} must be a list of texts")
    return tuple(value)


def _unit(said: str) -> tuple[str, str]:
    registry, separator, unit = said.partition("/")
    if not (separator and registry and unit):
        raise ClaimsError("each of the claim units must be a registry and a unit with a slash between")
    return registry, unit


def _moment(claims: Mapping[str, Any]) -> int:
    value = claims.get("auth_time", 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ClaimsError("the claim auth_time must be seconds since 1970")
    return value
