"""``indicators.yaml``: what is counted of journeys, for whom, and which persons are listed.

A *cohort* says whose registrations form the denominator and what its cells are broken down by: always
unit and period of the registration, then what ``by`` names. Its *indicators* are read off the same
cells, so a registration touches one cell, however many indicators there are.

    cohorts:
      primary_operations:
        title: {sv: Primära operationer, en: Primary operations}
        form: primary_operation
        by:
          sex: {field: sex}
          age_group: {field: age, bands: [55, 65, 75, 85]}  # or {person: birth_year, age: true, bands: […]}
        indicators:
          operations: {kind: count, title: …}
          reoperated_2y:
            kind: proportion
            title: …
            numerator: {followed_by: {form: reoperation, within_days: 730, attributed: true}}
            direction: lower
            target: 0.03
    lists:
      not_at_goal:
        title: …
        form: visit
        where: {viral_load: {known: true}}
        once_per: person
        when: {not: {viral_load: {lt: 50}}}
        show: [viral_load]
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.definition.condition import Condition, Days, parse
from schemas.definition.text import Text

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Period = Literal["month", "quarter", "year"]
WrittenCondition = Annotated[Condition | None, BeforeValidator(parse)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Anchors(_Strict):
    """The registrations that are looked at.

    Attributes:
        form: the form that they are of.
        where: what must hold for one by itself (its own fields only).
        once_per: of one person's in one calendar period (or of all of a person's) only the latest (by
            day, then as recorded) of those for which ``where`` holds.
    """

    form: str
    where: WrittenCondition = None
    once_per: Literal["month", "quarter", "year", "person"] | None = None


class Breakdown(_Strict):
    """What cells are told apart by: a field of the registration, or a fact about the person.

    ``bands`` are the lower bounds of groups of a number: [55, 65] makes "<55", "55-64" and "65+" (of
    whole numbers), and null is "". ``first``: of a text only so many characters count, as the three of an ICD
    code's category. ``age``: of a year of birth (a field with that role) the age counts that the person reaches
    in the year of the registration: the year of its day less the year of birth, in whole years. Other values are
    told apart as they are, null as "".
    """

    field: str | None = None
    person: str | None = None
    age: bool = False
    bands: tuple[int, ...] = ()
    first: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _one_source(self) -> Breakdown:
        if (self.field is None) == (self.person is None):
            raise ValueError("give either field or person")
        if list(self.bands) != sorted(set(self.bands)):
            raise ValueError("bands are lower bounds, in rising order")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The bands' names, lowest first."""
        if not self.bands:
            return ()
        between = [f"{low}-{high - 1}" for low, high in zip(self.bands, self.bands[1:], strict=False)]
        return (f"<{self.bands[0]}", *between, f"{self.bands[-1]}+")


class _Indicator(_Strict):
    """What all kinds have.

    Attributes:
        title: in both languages.
        where: narrows the denominator.
        direction: which way is better, where one is.
        target: what to reach, in the indicator's own unit (a proportion as a share).
        smallest_shown: cells of fewer are not shown outside the unit, nor others from which they could be worked out.
    """

    title: Text
    where: WrittenCondition = None
    direction: Literal["lower", "higher"] | None = None
    target: float | None = None
    smallest_shown: Annotated[int, Field(ge=0)] = 5


class Count(_Indicator):
    """How many registrations."""

    kind: Literal["count"]


class Proportion(_Indicator):
    """The share of the registrations for which ``numerator`` holds."""

    kind: Literal["proportion"]
    numerator: Annotated[Condition, BeforeValidator(parse)]
    target: Annotated[float | None, Field(ge=0, le=1)] = None


class _OfValue(_Indicator):
    """Of a number; registrations where it is null are not in the denominator.

    ``resolution``: the number is counted in whole multiples of this, floor(value / resolution + ½), so that
    what was added can be taken away exactly.
    """

    value: str
    resolution: Annotated[float, Field(gt=0)] = 1.0
    measured_in: str = ""


class Mean(_OfValue):
    """The mean (and standard deviation) of a number."""

    kind: Literal["mean"]


class Median(_OfValue):
    """The median (and quartiles) of a number, from counts by value."""

    kind: Literal["median"]


class Following(_Strict):
    """A later registration, found as ``followed_by`` finds it."""

    form: str
    where: WrittenCondition = None
    same: tuple[str, ...] = ()
    attributed: bool = False


class End(_Strict):
    """What ends follow-up: the first registration of a form (as ``followed_by`` finds it), or a date field.

    ``plus_days``: it ends so many days after the field's day, as a drug may do harm for some time after its stop. A
    field whose day is before the registration's ends nothing.
    """

    form: str | None = None
    where: WrittenCondition = None
    same: tuple[str, ...] = ()
    attributed: bool = False
    field: str | None = None
    plus_days: Days = 0

    @model_validator(mode="after")
    def _one_source(self) -> End:
        if (self.form is None) == (self.field is None):
            raise ValueError("give either form or field")
        if self.field is not None and (self.where or self.same or self.attributed):
            raise ValueError("where, same and attributed go with form")
        if self.form is not None and self.plus_days:
            raise ValueError("plus_days goes with field")
        return self


class Rate(_Indicator):
    """Events per person-time, from the registration's day to the first event or end.

    An event on the day of another end counts. With ``horizon_days`` follow-up stops there, and later
    events do not count. Open follow-up is kept as a number and the sum of its start days (with a
    horizon: as a number by start day), so that person-time at any day is arithmetic.
    """

    kind: Literal["rate"]
    event: Following
    ends: tuple[End, ...] = ()
    horizon_days: Days | None = None
    per_years: Annotated[float, Field(gt=0)] = 1000.0


Indicator = Annotated[Count | Proportion | Mean | Median | Rate, Field(discriminator="kind")]


class Cohort(Anchors):
    """Registrations that form denominators, and the indicators read off their cells."""

    title: Text
    period: Period = "month"
    by: dict[Name, Breakdown] = Field(default_factory=dict)
    indicators: Annotated[dict[Name, Indicator], Field(min_length=1)]

    @model_validator(mode="after")
    def _periods_fit(self) -> Cohort:
        if self.once_per not in (None, "person", self.period):
            raise ValueError(
                f"once_per {self.once_per} counts a person once in that period, so period is {self.once_per} too"
            )
        if taken := sorted({"unit", "period"} & self.by.keys()):
            raise ValueError(f"cells are always by unit and period; by {taken[0]} would say it twice")
        return self


class PatientList(Anchors):
    """Persons to be seen to: those of the anchors for which ``when`` holds, by unit."""

    title: Text
    when: Annotated[Condition, BeforeValidator(parse)]
    show: tuple[str, ...] = ()


class Indicators(_Strict):
    """The whole of ``indicators.yaml``."""

    cohorts: dict[Name, Cohort] = Field(default_factory=dict)
    lists: dict[Name, PatientList] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_free(self) -> Indicators:
        names = [name for cohort in self.cohorts.values() for name in cohort.indicators]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"an indicator's name stands once in a registry: {', '.join(twice)}")
        if UNRESOLVED in self.lists:
            raise ValueError(f"{UNRESOLVED} is the list of outcomes that fit nothing, kept by itself")
        return self


UNRESOLVED = "unresolved"

#: What a cell holds for an indicator of each kind, in this order; a median's, and the open follow-up of a
#: rate with a horizon, stand in cells of their own by ``bucket`` (the value in multiples of the
#: resolution, or the start day), with one number.
PARTS: dict[str, tuple[str, ...]] = {
    "count": ("n",),
    "proportion": ("n", "hits"),
    "mean": ("n", "total", "squares"),
    "median": ("n",),
    "rate": ("n", "events", "closed_days", "open", "open_starts"),
}


def layout(cohort: Cohort) -> dict[str, int]:
    """Where each indicator's numbers begin in the vector of the cohort's cells, in the order declared."""
    places: dict[str, int] = {}
    at = 0
    for name, indicator in cohort.indicators.items():
        places[name] = at
        at += len(PARTS[indicator.kind])
    return places


def width(cohort: Cohort) -> int:
    """How many numbers the vector of the cohort's cells has."""
    return sum(len(PARTS[indicator.kind]) for indicator in cohort.indicators.values())
