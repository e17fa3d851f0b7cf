"""Conditions and what else was declared, back as the YAML that says them: for whoever reads, not for the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from schemas.definition.condition import All, AnyOf, FieldTest, Latest, Not, Related

if TYPE_CHECKING:
    from schemas.definition.condition import Condition, Test
    from schemas.definition.indicators import Breakdown, End, Following


def as_yaml(condition: Condition) -> str:
    """A condition on one line, as it may stand in a file."""
    return in_one_line(written(condition))


def in_one_line(content: object) -> str:
    """YAML in its flow style."""
    text = yaml.safe_dump(content, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")


def written(condition: Condition) -> dict[str, Any]:
    """What YAML would have to say for ``parse`` to give the condition."""
    match condition:
        case FieldTest(field=field, test=test):
            return {field: _asked(test)}
        case All(parts=parts):
            said = [written(part) for part in parts]
            merged = {key: value for one in said for key, value in one.items()}
            return merged if len(merged) == len(said) > 1 else {"all": said}
        case AnyOf(parts=parts):
            return {"any": [written(part) for part in parts]}
        case Not(part=part):
            return {"not": written(part)}
        case Related():
            return {condition.kind: _of_related(condition)}
        case Latest():
            return {"latest": {**_of_related(condition), "is": written(condition.holds)}}


def breakdown_written(breakdown: Breakdown) -> dict[str, Any]:
    """A breakdown as declared, without what is left out."""
    return _said(
        field=breakdown.field,
        person=breakdown.person,
        age=breakdown.age,
        bands=list(breakdown.bands),
        first=breakdown.first,
    )


def following_written(following: Following | End) -> dict[str, Any]:
    """What is found as ``followed_by`` finds it, without what is left out."""
    return _said(
        form=following.form,
        field=getattr(following, "field", None),
        plus_days=getattr(following, "plus_days", None) or None,
        where=following.where and written(following.where),
        same=list(following.same),
        attributed=following.attributed,
        reason=getattr(following, "reason", None),
    )


def _asked(test: Test) -> object:
    asked = test.asked
    if asked.keys() == {"eq"}:
        return asked["eq"]
    if asked.keys() == {"one_of"}:
        return list(asked["one_of"])
    return {"in" if name == "one_of" else name: _plain(value) for name, value in asked.items()}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _of_related(related: Related | Latest) -> dict[str, Any]:
    that = getattr(related, "that", None)
    return _said(
        form=related.form,
        where=related.where and written(related.where),
        within_days=related.within_days,
        after_days=getattr(related, "after_days", None),
        same=list(related.same),
        attributed=getattr(related, "attributed", False),
        that=that and written(that),
    )


def _said(**given: object) -> dict[str, Any]:
    """What was given, without defaults (none of which is 0)."""
    return {name: value for name, value in given.items() if value is not None and value is not False and value != []}
