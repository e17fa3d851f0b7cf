"""Three small registries that together say everything that the definition language can say.

Their numbers of days are small and their values few, so that a handful of registrations meets every edge.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.definition.folder import load_registry
from tests.unit.registry_folders import DATE, TIMESTAMP, field, form, optional, write_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.definition.registry import RegistryDefinition

UNIT = field("unit", "string", role="unit")
MAYBE_UNIT = optional("unit", "string", role="unit")
SIDE = optional("side", "string", role="side")


def list_of(name: str, items: str) -> dict[str, Any]:
    """A field that is a list."""
    return field(name, {"type": "array", "items": items}, default=[])


# Implants: attribution by reference and side, exposures with several ends, person-time, opting out.
IMPLANTS_FORMS = (
    form(
        MAYBE_UNIT,
        SIDE,
        optional("cup", "string", role="product"),
        optional("cup_lot", "string", role="lot"),
        optional("stem", "string"),
        optional("sex", "string"),
        optional("age", "int"),
        optional("asa", "int"),
        optional("cemented", "boolean"),
        optional("weight", "double", range=[0, 500]),
        optional("reported_at", TIMESTAMP),
        optional("followed_until", DATE),
        name="operation",
    ),
    form(
        UNIT,
        SIDE,
        optional("operation_id", "string", role="implant_reference"),
        list_of("removed", "string"),
        optional("new_cup", "string"),
        name="reoperation",
    ),
)
IMPLANTS = {
    "journey.yaml": """
attributions:
  reoperation: {to: operation, reference: operation_id, same: [side]}
values:
  days_to_report: {form: operation, days_from: occurred_on, to: reported_at}
  days_followed: {form: operation, days_from: reported_at, to: followed_until}
""",
    "indicators.yaml": """
cohorts:
  operations:
    title: &title {sv: En titel, en: A title}
    form: operation
    by:
      sex: {field: sex}
      age_group: {field: age, bands: [1, 3]}
      cemented: {field: cemented}
      asa: {field: asa}
    indicators:
      operated: {title: *title, kind: count}
      reoperated:
        title: *title
        kind: proportion
        numerator: {followed_by: {form: reoperation, attributed: true, within_days: 2}}
      reoperated_late:
        title: *title
        kind: proportion
        where: {side: {known: true}}
        numerator: {followed_by: {form: reoperation, same: [side], after_days: 2}}
      died_soon_after_revision:
        title: *title
        kind: proportion
        where: {not: {preceded_by: {form: operation, same: [side]}}}
        numerator:
          followed_by:
            form: reoperation
            attributed: true
            where: {removed: {contains: cup}}
            that: {followed_by: {form: death, within_days: 1}, not: {preceded_by: {form: reoperation, same: [side]}}}
      weight: {title: *title, kind: mean, value: weight, resolution: 0.5, where: {age: {gte: 1}}}
  reports:
    title: *title
    form: operation
    where: {any: [{side: {known: false}}, {side: left}]}
    period: quarter
    by: {reported: {field: days_to_report, bands: [0, 2]}}
    indicators:
      days_to_report: {title: *title, kind: median, value: days_to_report}
      days_followed: {title: *title, kind: mean, value: days_followed, resolution: 2}
      reported_late: {title: *title, kind: proportion, numerator: {days_to_report: {gt: 1}}}
  cups:
    title: *title
    form: operation
    period: year
    by: {cup: {field: cup}}
    indicators:
      revision_rate:
        title: *title
        kind: rate
        where: {cup: {known: true}}
        event: {form: reoperation, attributed: true}
        ends: [{form: death}, {form: emigration}, {field: followed_until}]
      revision_rate_at_once:
        title: *title
        kind: rate
        event: {form: reoperation, same: [side], where: {removed: {empty: false}}}
        ends: [{form: death}, {form: reoperation, attributed: true, where: {removed: {empty: true}}}]
        horizon_days: 3
      death_rate: {title: *title, kind: rate, event: {form: death}, horizon_days: 0}
  last_operations:
    title: *title
    form: operation
    where: {cemented: true}
    once_per: person
    period: month
    indicators:
      operated_last: {title: *title, kind: count, where: {latest: {form: reoperation, is: {removed: {contains: stem}}}}}
      next_rate: {title: *title, kind: rate, event: {form: operation}}
  reoperations:
    title: *title
    form: reoperation
    once_per: quarter
    period: quarter
    indicators:
      of_their_own:
        title: *title
        kind: proportion
        numerator: {preceded_by: {form: operation, attributed: true, within_days: 3}}
      of_the_side:
        title: *title
        kind: proportion
        numerator: {preceded_by: {form: operation, same: [side], after_days: 1, where: {cup: A}}}
  revisions:
    title: *title
    form: reoperation
    period: quarter
    by: {side: {field: side}}
    indicators:
      revisions: {title: *title, kind: count}
lists:
  carriers:
    title: *title
    form: operation
    when:
      cup: [A, B]
      not: {any: [{followed_by: {form: death}}, {followed_by: {form: reoperation, attributed: true}}]}
    show: [cup, cup_lot, side, followed_until, reported_at, days_to_report]
""",
    "monitors.yaml": """
exposures:
  cup:
    title: {sv: En titel, en: A title}
    form: operation
    product: cup
    lot: cup_lot
    by: {sex: {field: sex}, age_group: {field: age, bands: [2]}}
    ends:
      - {form: reoperation, attributed: true, where: {removed: {contains: cup}}, reason: revision}
      - {form: death, reason: death}
      - {field: followed_until, reason: lost}
      - {form: emigration, reason: emigration}
    outcomes: {form: reoperation, attributed: true}
    carried_until:
      - {form: reoperation, attributed: true, where: {removed: {contains: cup}}}
      - {field: followed_until, plus_days: 3}
    specific: {removed: {contains: cup}}
    unknown: {removed: {empty: true}}
  construct:
    title: {sv: En titel, en: A title}
    form: operation
    product: [cup, stem]
    ends:
      - {form: reoperation, attributed: true, where: {removed: {empty: false}}, reason: revision}
      - {form: death, reason: death}
    outcomes: {form: reoperation, attributed: true}
    specific: {not: {removed: {empty: true}}}
  stem:
    title: {sv: En titel, en: A title}
    form: operation
    where: {age: {lt: 3}}
    once_per: year
    product: stem
    ends:
      - {form: death, reason: death}
      - {form: operation, same: [side], reason: replaced}
    outcomes: {form: reoperation, same: [side], where: {not: {removed: {empty: true}}}}
  revision_cup:
    title: {sv: En titel, en: A title}
    class: revision
    form: reoperation
    once_per: person
    product: new_cup
    ends:
      - {form: reoperation, same: [side], where: {removed: {contains: cup}}, reason: revision}
    outcomes: {form: reoperation}
""",
}

# Care: values of every type, the latest before, once in a period, facts about the person.
CARE_FORMS = (
    form(
        UNIT,
        optional("load", "double", range=[-10_000, 10_000]),
        optional("ratio", "float", range=[-100_000, 100_000]),
        optional("extreme", "double"),
        optional("cells", "long", range=[-(10**17), 10**17]),
        optional("doses", "int", range=[-1000, 1000]),
        optional("treated", "boolean"),
        optional("drug", "string"),
        optional("next_on", DATE),
        optional("seen_at", TIMESTAMP),
        list_of("codes", "string"),
        list_of("scores", "int"),
        list_of("answers", "boolean"),
        name="visit",
    ),
    form(
        optional("load", "double", range=[-10_000, 10_000]),
        optional("drug", "string"),
        name="sample",
    ),
    form(
        UNIT,
        optional("sex", "string"),
        optional("birth_year", "int", role="birth_year"),
        optional("died_on", DATE),
        name="person",
    ),
)
CARE = {
    "journey.yaml": """
values:
  days_to_next: {form: visit, days_from: seen_at, to: next_on}
  days_lived: {form: person, days_from: occurred_on, to: died_on}
persons:
  sex: {form: person, field: sex}
  birth_year: {form: person, field: birth_year}
  lived: {form: person, field: days_lived}
  treated: {form: visit, field: treated}
""",
    "indicators.yaml": """
cohorts:
  visits:
    title: &title {sv: En titel, en: A title}
    form: visit
    by:
      drug: {field: drug}
      ratio: {field: ratio, bands: [-1, 0, 1]}
      sex: {person: sex}
      born: {person: birth_year, bands: [1950, 1960]}
    indicators:
      all_tests:
        title: *title
        kind: proportion
        where:
          any:
            - {drug: {starts_with: a}}
            - {doses: {in: [1, 2]}, load: {gt: 0.1, lte: 100}}
            - {codes: {contains: x}, scores: {empty: false}}
            - {answers: {contains: false}}
            - all: [{treated: false}, {not: {ratio: {gte: 0}}}]
            - {cells: {eq: 9007199254740993}}
        numerator: {not: {any: [{load: {known: false}}, {scores: {contains: 2}}, {next_on: {known: true}}]}}
      load: {title: *title, kind: median, value: load, resolution: 0.1}
      ratio: {title: *title, kind: mean, value: ratio, resolution: 0.3}
      cells: {title: *title, kind: median, value: cells, resolution: 1000000000000, where: {treated: true}}
      days_to_next: {title: *title, kind: median, value: days_to_next, resolution: 2}
  yearly:
    title: *title
    form: visit
    where: {load: {known: true}}
    once_per: year
    period: year
    by: {lived: {person: lived, bands: [0]}, treated: {person: treated}, age: {person: birth_year, age: true}}
    indicators:
      persons_seen: {title: *title, kind: count}
      at_goal:
        title: *title
        kind: proportion
        where: {treated: true, preceded_by: {form: visit, where: {treated: true}, after_days: 2}}
        numerator: {load: {lt: 50}}
      better:
        title: *title
        kind: proportion
        numerator: {latest: {form: visit, where: {load: {known: true}}, within_days: 3, is: {load: {gte: 50}}}}
  monthly:
    title: *title
    form: visit
    once_per: month
    by: {}
    indicators:
      doses: {title: *title, kind: mean, value: doses}
      sampled:
        title: *title
        kind: proportion
        numerator: {latest: {form: sample, same: [drug], is: {load: {lt: 50}}}}
      not_sampled_that_day:
        title: *title
        kind: proportion
        numerator:
          not: {latest: {form: sample, where: {drug: {known: true}}, within_days: 0, is: {load: {known: true}}}}
  samples:
    title: *title
    form: sample
    period: quarter
    by: {load: {field: load, bands: [50]}}
    indicators:
      samples: {title: *title, kind: count, where: {not: {drug: {in: [abc]}}}}
      sample_followed:
        title: *title
        kind: proportion
        numerator: {followed_by: {form: sample, within_days: 1, same: [drug]}}
      sample_rate: {title: *title, kind: rate, event: {form: visit, same: [drug, load]}, ends: [{form: sample}]}
  persons:
    title: *title
    form: person
    period: year
    by: {age_group: {field: birth_year, age: true, bands: [40, 50]}}
    indicators:
      lived: {title: *title, kind: median, value: days_lived}
      death_rate: {title: *title, kind: rate, event: {form: visit}, ends: [{field: died_on}], horizon_days: 2}
lists:
  to_call:
    title: *title
    form: visit
    where: {load: {known: true}}
    once_per: person
    when: {load: {gte: 50}, not: {followed_by: {form: sample}}}
    show:
      [registration_id, load, ratio, extreme, cells, doses, treated, drug, next_on, seen_at, days_to_next, occurred_on]
  last_of_quarter:
    title: *title
    form: sample
    once_per: quarter
    when: {load: {known: true}}
    show: [load, drug]
  everyone: {title: *title, form: person, when: {registration_id: {known: true}}}
""",
    "monitors.yaml": """
exposures:
  drug:
    title: {sv: En titel, en: A title}
    form: visit
    where: {treated: true}
    product: drug
    by: {sex: {person: sex}, doses: {field: doses}, class: {field: drug, first: 1}}
    ends:
      - {form: visit, reason: seen}
      - {field: next_on, plus_days: 2, reason: planned}
    outcomes: {form: sample, same: [drug], where: {load: {gte: 50}}}
  sampled:
    title: {sv: En titel, en: A title}
    form: sample
    once_per: month
    product: drug
    by: {age_group: {person: birth_year, age: true, bands: [40, 50]}}
    outcomes: {form: visit}
    specific: {any: [{treated: true}, {load: {gte: 50}}]}
    unknown: {load: {known: false}}
""",
}

# Chains: each link belongs to the one before; nobody can opt out.
CHAIN_FORMS = (
    form(UNIT, field("area", "string"), field("at_risk", "boolean"), optional("score", "int"), name="risk"),
    form(UNIT, field("area", "string"), optional("risk_id", "string"), name="planned"),
    form(optional("area", "string"), name="performed"),
    form(UNIT, field("area", "string"), field("harmed", "boolean"), name="outcome"),
)
CHAIN = {
    "journey.yaml": """
attributions:
  planned: {to: risk, reference: risk_id, same: [area]}
  performed: {to: planned, same: [area]}
  outcome: {to: risk}
values:
  no_days: {form: risk, days_from: occurred_on, to: occurred_on}
""",
    "indicators.yaml": """
cohorts:
  risks:
    title: &title {sv: En titel, en: A title}
    form: risk
    by: {area: {field: area}, at_risk: {field: at_risk}}
    indicators:
      completed:
        title: *title
        kind: proportion
        where: {at_risk: true}
        numerator: &completed
          all:
            - followed_by:
                form: planned
                attributed: true
                that:
                  followed_by:
                    form: performed
                    attributed: true
                    that: {followed_by: {form: outcome, after_days: 1}}
            - followed_by: {form: outcome, attributed: true, where: {harmed: false}}
      harmed_first:
        title: *title
        kind: rate
        event: {form: outcome, attributed: true, where: {harmed: true}}
        ends: [{form: risk, same: [area]}, {form: planned, attributed: true}]
  performed:
    title: *title
    form: performed
    indicators:
      after_a_plan:
        title: *title
        kind: proportion
        numerator:
          preceded_by:
            form: planned
            attributed: true
            within_days: 1
            that: {preceded_by: {form: risk, attributed: true, where: {score: {gte: 2}}}}
      after_another:
        title: *title
        kind: proportion
        numerator:
          any:
            - {preceded_by: {form: performed, after_days: 1}}
            - {latest: {form: performed, same: [area], is: {area: hip}}}
lists:
  open:
    title: *title
    form: risk
    where: {at_risk: true}
    when: {not: {any: [*completed, {followed_by: {form: risk, same: [area]}}]}}
    show: [area, score, at_risk, no_days]
""",
}

_REGISTRIES: Mapping[str, tuple[tuple[dict[str, Any], ...], Mapping[str, str], list[str]]] = {
    "implants": (IMPLANTS_FORMS, IMPLANTS, ["core"]),
    "care": (CARE_FORMS, CARE, ["core"]),
    "chain": (CHAIN_FORMS, CHAIN, []),
}
NAMES = tuple(_REGISTRIES)


@cache
def registry(name: str) -> RegistryDefinition:
    """One of the registries, read from a folder as any is."""
    forms, declared, modules = _REGISTRIES[name]
    with tempfile.TemporaryDirectory() as parent:
        return load_registry(written(Path(parent), name, forms, declared, modules=modules))


def written(
    parent: Path,
    name: str,
    forms: tuple[dict[str, Any], ...],
    declared: Mapping[str, str],
    *,
    modules: list[str],
    released: Mapping[str, list[dict[str, Any]]] | None = None,
) -> Path:
    """The folder of a registry with these forms and definitions (by file name, as YAML)."""
    folder = write_registry(parent, name, forms=forms, released=released, registry={"modules": modules})
    for file, text in declared.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder
