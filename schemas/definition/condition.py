"""The condition language: one YAML text, read as a closure by the stream and as SQL by ClickHouse.

Small and closed. A mapping of fields to tests holds where all of them hold; ``all``, ``any`` and ``not``
combine. Logic has two values: a test of a field that is null is false, but for ``known: false``.

    fixation: cemented                          # equals
    fixation: [cemented, hybrid]                # one of
    systolic: {gt: 150, lte: 300}
    diagnosis: {starts_with: M16}
    components_removed: {contains: cup}         # of a list; {empty: true} likewise
    bmi: {known: true}

Of a registration within its journey one may say as well (`JourneyCondition`):

    followed_by: {form: reoperation, within_days: 730, attributed: true, where: …, that: …}
    preceded_by: {form: risk_assessment, where: …}
    latest: {form: visit, where: …, within_days: 365, is: {viral_load: {lt: 50}}}

``followed_by``: there is a registration of the form on the same day or later (of the registration's own
form: later in their order) for which ``where`` and, seen from there, ``that`` hold. ``preceded_by`` is its mirror.
``latest``: the last one on the same day or before (never itself) for which ``where`` holds is there, and ``is``
holds for it. ``within_days`` counts calendar days and includes the last one.

Registrations of a form are in the order of their days, those of one day as they were recorded, then by id: in an order
that is their own, which sending one again does not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError, model_validator


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not isfinite(value)):
        raise ValueError(f"{value} is no text, number or truth value")
    return value


def _parsed(raw: object) -> object:
    return parse(raw)  # below, for it needs the models, which need it


Scalar = Annotated[str | int | float | bool, BeforeValidator(_scalar)]
Days = Annotated[int, Field(ge=0, le=36_525)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


Model = TypeVar("Model", bound=_Strict)


class Test(_Strict):
    """What is asked of one field; all that is given must hold."""

    eq: Scalar | None = None
    one_of: Annotated[tuple[Scalar, ...] | None, Field(alias="in", strict=False, min_length=1)] = None
    gt: FiniteFloat | None = None
    gte: FiniteFloat | None = None
    lt: FiniteFloat | None = None
    lte: FiniteFloat | None = None
    starts_with: str | None = None
    contains: Scalar | None = None
    empty: bool | None = None
    known: bool | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Test:
        if not self.asked:
            raise ValueError("asks nothing")
        if "known" in self.asked and len(self.asked) > 1:
            raise ValueError("known stands alone: every other test is false where the field is null")
        return self

    @property
    def asked(self) -> dict[str, Any]:
        """The tests given, by name."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class FieldTest(_Strict):
    """One field (or declared value) and what is asked of it."""

    kind: Literal["field"] = "field"
    field: str
    test: Test


class All(_Strict):
    """Holds where all parts hold; also where there are none."""

    kind: Literal["all"] = "all"
    parts: Annotated[tuple[Condition, ...], Field(strict=False)]


class AnyOf(_Strict):
    """Holds where one part holds."""

    kind: Literal["any"] = "any"
    parts: Annotated[tuple[Condition, ...], Field(strict=False)]


class Not(_Strict):
    """Holds where its part does not."""

    kind: Literal["not"] = "not"
    part: Condition


class Related(_Strict):
    """Another registration of the same journey, before or after the one looked at.

    Attributes:
        kind: which of the two.
        form: the form that it is a registration of.
        where: what must hold for it by itself.
        within_days: how far away at most, the last day included.
        after_days: how far away at least.
        same: fields of both that must be equal (null equals nothing).
        attributed: whether the later one must be attributed to the earlier one (``journey.yaml``).
        that: what must hold for it within the journey.
    """

    kind: Literal["followed_by", "preceded_by"]
    form: str
    where: Annotated[Condition | None, BeforeValidator(_parsed)] = None
    within_days: Days | None = None
    after_days: Days | None = None
    same: Annotated[tuple[str, ...], Field(strict=False)] = ()
    attributed: bool = False
    that: Annotated[Condition | None, BeforeValidator(_parsed)] = None

    @model_validator(mode="after")
    def _days_fit(self) -> Related:
        if self.within_days is not None and self.after_days is not None and self.after_days > self.within_days:
            raise ValueError(f"nothing is {self.after_days} days away or more and within {self.within_days}")
        return self


class Latest(_Strict):
    """The last registration of a form at or before the one looked at, and what must hold for it."""

    kind: Literal["latest"] = "latest"
    form: str
    where: Annotated[Condition | None, BeforeValidator(_parsed)] = None
    within_days: Days | None = None
    same: Annotated[tuple[str, ...], Field(strict=False)] = ()
    holds: Annotated[Condition, BeforeValidator(_parsed), Field(alias="is")]


Condition = Annotated[FieldTest | All | AnyOf | Not | Related | Latest, Field(discriminator="kind")]
for _model in (All, AnyOf, Not, Related, Latest):
    _model.model_rebuild()

_KINDS: Mapping[str, type[_Strict]] = {"followed_by": Related, "preceded_by": Related, "latest": Latest}


def parse(raw: object) -> object:
    """A condition as YAML has it, in the shape of the models.

    Raises:
        ValueError: it is no condition; the message says what is wrong.
    """
    if raw is None or isinstance(raw, BaseModel):
        return raw
    if not isinstance(raw, Mapping) or not raw:
        raise ValueError("a condition is a mapping: of fields to tests, or all, any, not, followed_by, …")
    parts = [_parse_part(str(key), value) for key, value in raw.items()]
    return parts[0] if len(parts) == 1 else All(parts=tuple(parts))  # type: ignore[arg-type]  # models all


def _parse_part(key: str, value: object) -> object:
    if key in ("all", "any"):
        if not isinstance(value, list) or not value:
            raise ValueError(f"{key} is a list of conditions")
        if None in value:
            raise ValueError(f"{key} has an empty line")
        parts: Any = tuple(parse(part) for part in value)
        return All(parts=parts) if key == "all" else AnyOf(parts=parts)
    if key == "not":
        if value is None:
            raise ValueError("not has no condition")
        return Not(part=parse(value))  # type: ignore[arg-type]
    if key in _KINDS:
        if not isinstance(value, Mapping):
            raise ValueError(f"{key} names a form, and what is asked of its registration")
        return _validated(_KINDS[key], {**value, "kind": key}, key)
    return FieldTest(field=key, test=_parse_test(key, value))


def _parse_test(field: str, value: object) -> Test:
    if isinstance(value, Mapping):
        return _validated(Test, dict(value), field)
    if isinstance(value, list):
        return _validated(Test, {"in": tuple(value)}, field)
    if value is None:
        raise ValueError(f"{field}: null equals nothing: write {{known: false}}")
    return _validated(Test, {"eq": value}, field)


def _validated(model: type[Model], raw: object, at: str) -> Model:
    """The model, or ValueError with all faults in one line, each with its key."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        told = [
            f"{'.'.join((at, *map(str, fault['loc'])))}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise ValueError("; ".join(told)) from error


def fields_only(condition: Condition) -> bool:
    """Whether it looks at nothing but the registration itself."""
    return all(isinstance(part, FieldTest | All | AnyOf | Not) for part in walk(condition))


def walk(condition: Condition) -> list[Condition]:
    """The condition and all its parts that speak of the same registration (not those of related ones)."""
    if isinstance(condition, All | AnyOf):
        return [condition, *(one for part in condition.parts for one in walk(part))]
    if isinstance(condition, Not):
        return [condition, *walk(condition.part)]
    return [condition]
