"""How a register stands against what it must fulfil: facts out of the definition and the database, and what they prove.

What is asked is in ``schemas.requirements``. A verdict rests on facts that anybody can look up, or says that the
registry has to attest it; nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from schemas.requirements import REQUIREMENTS, STAGES
from sinks.clickhouse import sql
from sinks.clickhouse.generations import current_generation
from sinks.clickhouse.queries.coverage import read_coverage
from sinks.clickhouse.queries.coverage_counts import NoCoverageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from schemas.definition.registry import RegistryDefinition
    from schemas.requirements import RequirementName, Stage
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.coverage import CoverageRow

State = Literal["met", "not met", "to be attested", "not asked"]

TARGET = 0.8
"""What coverage of an established register must reach where it declares no target: the review's goal."""
_CODED = 0.9
_WITHOUT_CODES = frozenset(
    {"registration_id", "patient", "lot", "serial", "implant_reference", "source_text", "product"}
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a register.

    Attributes:
        controller: whether somebody answers for it.
        purposes: how many it states.
        opt_out: whether it tells patients that they may refuse.
        indicators: how many it declares.
        directed: how many of these have a direction that is better.
        targeted: how many have a target too.
        live: whether derived values are there to be read.
        forms: how many it has.
        unreleased: how many of them have no released version.
        received: submissions that came in.
        refused: refused ones among them.
        held_against: whether it declares what coverage is measured against.
        coverage: the country's share in the latest period that can be judged; None where none can.
        coverage_year: the first day of that period.
        coverage_target: what it must reach.
        variables: how many the forms have.
        described: how many say what they mean.
        texts: how many are texts that could have codes.
        coded: how many of these have.
    """

    controller: bool
    purposes: int
    opt_out: bool
    indicators: int
    directed: int
    targeted: int
    live: bool
    forms: int
    unreleased: int
    received: int
    refused: int
    held_against: bool
    coverage: float | None
    coverage_year: date | None
    coverage_target: float
    variables: int
    described: int
    texts: int
    coded: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A register's scorecard.

    Attributes:
        stage: its own.
        facts: what the verdicts rest on.
        states: by requirement, then by stage.
    """

    stage: Stage
    facts: Facts
    states: Mapping[RequirementName, Mapping[Stage, State]]

    @property
    def next_stage(self) -> Stage | None:
        """The stage after its own; None for an established register."""
        following = STAGES[STAGES.index(self.stage) + 1 :]
        return following[0] if following else None

    def open(self, stage: Stage) -> list[RequirementName]:
        """What is not met at a stage, or still has to be attested."""
        return [name for name, states in self.states.items() if states[stage] in ("not met", "to be attested")]


def read_scorecard(client: Client, definition: RegistryDefinition) -> Scorecard:
    """How a register stands.

    Raises:
        DatabaseError: the database does not answer, or is not migrated.
    """
    facts = _facts(client, definition)
    attested = definition.registry.attested
    states: dict[RequirementName, dict[Stage, State]] = {
        name: {stage: judged(name, stage, facts, attested=name in attested) for stage in STAGES}
        for name in REQUIREMENTS
    }
    return Scorecard(definition.registry.stage, facts, states)


def judged(name: RequirementName, stage: Stage, facts: Facts, *, attested: bool) -> State:
    """Whether a requirement is met at a stage.

    Args:
        name: the requirement.
        stage: whose demands count.
        facts: what is known.
        attested: whether the registry says how it fulfils what facts cannot tell.
    """
    requirement = REQUIREMENTS[name]
    if stage not in requirement.asks:
        return "not asked"
    if not _proven(name, stage, facts):
        return "not met"
    return "met" if attested or not requirement.attested else "to be attested"


def _proven(name: RequirementName, stage: Stage, facts: Facts) -> bool:
    """Whether the facts speak for it, as far as facts can."""
    new, established = stage == "new", stage == "established"
    measured = facts.held_against and (new or facts.coverage is not None)
    open_to_all = facts.unreleased == 0 and facts.described == facts.variables
    proven: Mapping[RequirementName, bool] = {
        "feedback": facts.indicators > 0 and (new or facts.live) and (not established or facts.targeted > 0),
        "platform": facts.unreleased == 0 and (new or facts.received > facts.refused),
        "release": facts.controller and facts.purposes > 0 and facts.opt_out,
        "coverage": measured and (not established or (facts.coverage or 0.0) >= facts.coverage_target),
        "comparison": facts.directed > 0 if new else facts.targeted > 0 and facts.live,
        "terminology": facts.described == facts.variables and (new or facts.coded >= _CODED * facts.texts),
        "research": open_to_all,
    }
    return proven.get(name, True)  # of the others facts say nothing


def _facts(client: Client, definition: RegistryDefinition) -> Facts:
    registry = definition.registry
    indicators = [one for cohort in definition.indicators.cohorts.values() for one in cohort.indicators.values()]
    directed = [one for one in indicators if one.direction is not None]
    fields = [field for form in definition.forms.values() for field in form.fields]
    texts = [field for field in fields if field.kind == "string" and field.role not in _WITHOUT_CODES]
    receipts = sql.table(sql.database_of(registry.name), "receipts")
    received, refused = client.rows(f"SELECT sum(received), sum(refused) FROM {receipts} FINAL")[0]
    coverage, target = _coverage(client, definition)
    share = None if coverage is None else coverage.adjusted or coverage.share
    return Facts(
        controller=registry.controller is not None,
        purposes=len(registry.purposes),
        opt_out=registry.opt_out is not None,
        indicators=len(indicators),
        directed=len(directed),
        targeted=sum(one.target is not None for one in directed),
        live=current_generation(client, registry.name) is not None,
        forms=len(definition.forms),
        unreleased=sum(not definition.released.get(name) for name in definition.forms),
        received=received,
        refused=refused,
        held_against=definition.coverage is not None,
        coverage=None if share is None else share.low,
        coverage_year=None if coverage is None else coverage.first_day,
        coverage_target=target,
        variables=len(fields),
        described=sum(bool(field.doc) for field in fields),
        texts=len(texts),
        coded=sum(field.codes is not None for field in texts),
    )


def _coverage(client: Client, definition: RegistryDefinition) -> tuple[CoverageRow | None, float]:
    """The country's latest year that can be judged, by the definition that is of everything, and its target."""
    if definition.coverage is None:
        return None, TARGET
    declared = definition.coverage.definitions
    of_all = next((name for name, one in declared.items() if one.share_of == "everything"), next(iter(declared)))
    target = declared[of_all].target
    try:
        reading = read_coverage(client, definition, place="nation", per="year", only=of_all)
    except NoCoverageError:
        return None, TARGET
    compared = [row for row in reading.rows if row.state == "compared" and row.share is not None]
    return (compared[-1] if compared else None), TARGET if target is None else target
