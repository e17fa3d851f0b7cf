"""``journey.yaml``: how the registrations of one person belong together.

attributions:                 # outcome form: the form it belongs to
reoperation: {to: primary_operation, reference: primary_registration_id, same: [side]}
values:                       # numbers made of a registration's fields, used like fields
days_to_registration: {form: primary_operation, days_from: occurred_on, to: recorded_at}
persons:                      # facts about the person: what the latest registration of a form says
sex: {form: person, field: sex}
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribution(_Strict):
    """Which earlier registration an outcome belongs to.

    The one that ``reference`` names, where the outcome's field is not null; else the latest (by day,
    then as recorded) of the form ``to``. Either way it must be on the outcome's day or before, and the
    fields ``same`` must be equal (null equals nothing). Where there is none, the outcome is unresolved.
    """

    to: str
    reference: str | None = None
    same: tuple[str, ...] = ()


class DerivedValue(_Strict):
    """Whole days from one date (or time, in UTC) of a registration to another; null where one is null."""

    form: str
    days_from: str
    to: str


class PersonFact(_Strict):
    """A field of the latest registration (by day, then as recorded) of a form, over the whole journey."""

    form: str
    field: str


class JourneyRules(_Strict):
    """The whole of ``journey.yaml``; a registry without the file has none of it."""

    attributions: dict[str, Attribution] = Field(default_factory=dict)
    values: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], DerivedValue] = Field(default_factory=dict)
    persons: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], PersonFact] = Field(default_factory=dict)
