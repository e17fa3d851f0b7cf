"""One invented year of a national register of prevention for older people, 2010: chains from risk to outcome.

How many chains get how far is planned; the earlier the risk was found, the further. The same plan gives the
same history.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, cast

from deploy.demo.rows import Drawing, Invented, in_order, recorded_after, row_about

if TYPE_CHECKING:
    from datetime import datetime

    from deploy.demo.rows import Row, Submission

FIRST_DAY, LAST_DAY = date(2010, 1, 1), date(2010, 12, 31)

_CARE_OF_UNIT = {
    "hospital": ("S01", "S05", "S08", "S12", "S15", "S18"),
    "primary_care": ("S03", "S11", "S14"),
    "home_care": ("S04", "S10", "S17"),
    "special_housing": ("S02", "S06", "S07", "S09", "S13", "S16", "S19", "S20"),
}
_CARE = {unit: care for care, units in _CARE_OF_UNIT.items() for unit in units}
_UNITS = tuple(sorted(_CARE))
_LAST_ASSESSMENTS = 350  # persons are assessed on one of the first days of the year, so many
_NAMED = 0.7  # share of links that name the link before
_HASTE_DAYS = 120  # how much chance, beside the day, decides which chains get far
_WOMEN = 0.64


@dataclass(frozen=True)
class Area:
    """A risk: its instrument, the sums of points that mean risk and no risk, and what is done about it."""

    instrument: str
    risk: tuple[int, int]
    no_risk: tuple[int, int]
    actions: tuple[str, ...]


AREAS = {
    "fall": Area("downton", (3, 11), (0, 2), ("aids", "environment", "medication_review", "exercise", "information")),
    "pressure_ulcer": Area("modified_norton", (7, 20), (21, 28), ("mattress", "repositioning", "skin_care")),
    "malnutrition": Area("mna_sf", (0, 11), (12, 14), ("meals", "supplements", "oral_care", "information")),
}


@dataclass(frozen=True)
class SeniorAlertPlan:
    """How many persons there are, and how many chains get how far.

    Every person is assessed once for each risk. A chain is an assessment that found a risk; its links are
    plan, action and outcome. Chains still open at the end: those not followed up, less those that were
    assessed anew and those of persons who died or left; and half of the second chains.

    Attributes:
        persons: persons in the register.
        falls: of them at risk of falls.
        ulcers: of them at risk of pressure ulcers.
        malnutrition: of them at risk of malnutrition.
        planned: chains with a plan; the others have no further link.
        performed: of them with an action.
        followed_up: of them with an outcome: the whole chain.
        harmed: of them with harm.
        unprevented: chains without a plan, with harm as their outcome all the same.
        assessed_anew: chains with a plan that were left for a new assessment, which found no risk.
        dead: persons who died while their only chain, which has a plan, was open.
        emigrated: the same of persons who left the country.
        again: persons with a whole chain at whom the same risk is found a second time; every second of
            these chains becomes whole, every second has a plan only.
        stray: actions against a risk that nobody has planned.
        opt_outs: further persons with a chain, who want to be out of the register.
        corrections: assessments that first said no risk, and were corrected.
        duplicates: assessments sent twice.
        retractions: assessments registered for the wrong person, and withdrawn.
        seed: the same seed gives the same history.
    """

    persons: int = 1_200
    falls: int = 720
    ulcers: int = 240
    malnutrition: int = 540
    planned: int = 1_350
    performed: int = 1_200
    followed_up: int = 1_000
    harmed: int = 120
    unprevented: int = 25
    assessed_anew: int = 40
    dead: int = 20
    emigrated: int = 5
    again: int = 60
    stray: int = 6
    opt_outs: int = 4
    corrections: int = 12
    duplicates: int = 10
    retractions: int = 8
    seed: int = 65


@dataclass
class Chain:
    """A risk that was found, and its links so far; ``last`` is the day of the latest."""

    risk: Row
    links: list[Row] = field(default_factory=list)
    closed: bool = False

    @property
    def person(self) -> str:
        """Whose it is."""
        return str(self.risk["person"])

    @property
    def last(self) -> date:
        """The day of its latest link."""
        return cast("date", (self.links or [self.risk])[-1]["occurred_on"])


def generate(plan: SeniorAlertPlan | None = None) -> Invented[SeniorAlertPlan]:
    """Generate the history of a plan (by default the plan's defaults)."""
    plan = plan or SeniorAlertPlan()
    return Invented(plan, in_order(_History(plan).submissions()))


class _History(Drawing):
    """Draws a history."""

    def __init__(self, plan: SeniorAlertPlan) -> None:
        super().__init__(plan.seed)
        self._plan = plan
        self._safe: list[Row] = []

    def submissions(self) -> list[Submission]:
        """All of them, in no order."""
        chains = self._assess()
        whole, begun, untouched = self._carry_on(chains)
        self._again(whole)
        self._leave(chains, begun)
        for chain in untouched[: self._plan.unprevented]:
            self._outcome(chain, harmed=True)
        self._strays()
        self._slips(whole)
        self._opt_outs()
        return self._sent

    def _assess(self) -> list[Chain]:
        """Assess everyone for every risk; the chains are those who are at risk."""
        rng, plan = self._rng, self._plan
        persons = [self._new_person() for _ in range(plan.persons)]
        at_risk = {
            area: set(rng.sample(range(plan.persons), wanted))
            for area, wanted in zip(AREAS, (plan.falls, plan.ulcers, plan.malnutrition), strict=True)
        }
        chains = []
        for number, person in enumerate(persons):
            day = FIRST_DAY + timedelta(days=rng.randrange(_LAST_ASSESSMENTS))
            for area in AREAS:
                row = self._assessment(person, area, day, at_risk=number in at_risk[area])
                if row["at_risk"]:
                    chains.append(Chain(row))
                else:
                    self._safe.append(row)
        return chains

    def _carry_on(self, chains: list[Chain]) -> tuple[list[Chain], list[Chain], list[Chain]]:
        """Give the chains their links: those followed up, those with a plan or more, those with nothing."""
        rng, plan = self._rng, self._plan
        haste = {id(chain): chain.last.toordinal() + rng.uniform(0, _HASTE_DAYS) for chain in chains}
        ordered = sorted(chains, key=lambda chain: haste[id(chain)])
        for chain in ordered[: plan.planned]:
            self._plan_of(chain)
        for chain in ordered[: plan.performed]:
            self._action(chain)
        whole = ordered[: plan.followed_up]
        harmed = set(rng.sample(range(len(whole)), plan.harmed))
        for number, chain in enumerate(whole):
            self._outcome(chain, harmed=number in harmed)
        return whole, ordered[plan.followed_up : plan.planned], ordered[plan.planned :]

    def _again(self, whole: list[Chain]) -> None:
        """A second chain of the same risk, for some of those whose first is whole in time."""
        time_left = LAST_DAY - timedelta(days=90)
        second = self._rng.sample([chain for chain in whole if chain.last <= time_left], self._plan.again)
        for number, first in enumerate(second):
            day = first.last + timedelta(days=self._rng.randint(3, 15))
            chain = Chain(self._assessment(first.person, str(first.risk["area"]), day, at_risk=True, of=first.risk))
            self._plan_of(chain)
            if number % 2 == 0:
                self._action(chain)
                self._outcome(chain, harmed=False)

    def _leave(self, chains: list[Chain], begun: list[Chain]) -> None:
        """Chains that nobody will carry on: assessed anew, the person dead or abroad."""
        rng, plan = self._rng, self._plan
        of_person = defaultdict(list)
        for chain in chains:
            of_person[chain.person].append(chain)
        in_time = [chain for chain in begun if chain.last <= LAST_DAY - timedelta(days=16)]
        alone = [chain for chain in in_time if len(of_person[chain.person]) == 1]
        rng.shuffle(alone)
        gone = alone[: plan.dead + plan.emigrated]
        for number, chain in enumerate(gone):
            day = chain.last + timedelta(days=rng.randint(2, 15))
            form, letter = ("death", "D") if number < plan.dead else ("emigration", "E")
            self._about(form, letter, chain.person, day)
        left = [chain for chain in in_time if chain not in gone]
        for chain in rng.sample(left, plan.assessed_anew):
            day = chain.last + timedelta(days=rng.randint(2, 15))
            self._assessment(chain.person, str(chain.risk["area"]), day, at_risk=False, of=chain.risk)

    def _strays(self) -> None:
        """Actions against a risk that was not found, hence not planned."""
        for safe in self._rng.sample(self._safe, self._plan.stray):
            self._action(Chain(safe))

    def _slips(self, whole: list[Chain]) -> None:
        rng, plan = self._rng, self._plan
        slipped = rng.sample(whole, plan.corrections + plan.duplicates)
        for chain in slipped[: plan.corrections]:
            area = AREAS[str(chain.risk["area"])]
            at = cast("datetime", chain.risk["recorded_at"])
            mistaken = {**chain.risk, "at_risk": False, "score": rng.randint(*area.no_risk)}
            self._sent = [(when, mistaken if row is chain.risk else row) for when, row in self._sent]
            self._send({**chain.risk, "recorded_at": at + timedelta(hours=3)})
        for chain in slipped[plan.corrections :]:
            self._send(dict(chain.risk), cast("datetime", chain.risk["recorded_at"]) + timedelta(days=1))
        for safe in rng.sample(self._safe, plan.retractions):
            day = cast("date", safe["occurred_on"]) + timedelta(days=1)
            mistaken = self._assessment(str(safe["person"]), str(safe["area"]), day, at_risk=True, of=safe)
            at = cast("datetime", mistaken["recorded_at"]) + timedelta(days=2)
            self._send({**mistaken, "recorded_at": at, "retracted": True})

    def _opt_outs(self) -> None:
        for _ in range(self._plan.opt_outs):
            chain = Chain(self._assessment(self._new_person(), "fall", FIRST_DAY, at_risk=True))
            self._plan_of(chain)
            self._about("opt_out", "O", chain.person, chain.last + timedelta(days=30))

    def _new_person(self) -> str:
        return f"A{next(self._numbers['A']):05d}"

    def _about(self, form: str, letter: str, person: str, day: date) -> None:
        recorded = recorded_after(self._rng, day, within_days=14)
        self._send(row_about(form, person, f"{letter}{person[1:]}", day, recorded))

    def _assessment(self, person: str, area: str, day: date, *, at_risk: bool, of: Row | None = None) -> Row:
        """An assessment; ``of`` is an earlier one of the same person, whose facts it keeps."""
        rng, declared = self._rng, AREAS[area]
        unit = str(of["unit"]) if of else _UNITS[int(person[1:]) * 7 % len(_UNITS)]
        facts = {name: of[name] for name in ("age", "birth_year", "sex")} if of else self._facts(person)
        row = row_about(
            "risk_assessment",
            person,
            self._id(unit, "R"),
            day,
            recorded_after(rng, day, within_days=0),
            unit=unit,
            area=area,
            instrument=declared.instrument,
            score=rng.randint(*(declared.risk if at_risk else declared.no_risk)),
            at_risk=at_risk,
            care=_CARE[unit],
            **facts,
        )
        return self._send(row)

    def _facts(self, person: str) -> Row:
        """Age, year of birth and sex, the same at each asking."""
        rng = Random(f"{self._plan.seed} {person}")  # nosec B311
        birth_year = FIRST_DAY.year - min(104, max(60, round(rng.gauss(82, 7))))
        return {
            "age": FIRST_DAY.year - birth_year,
            "birth_year": birth_year,
            "sex": "female" if rng.random() < _WOMEN else "male",
        }

    def _plan_of(self, chain: Chain) -> None:
        actions = AREAS[str(chain.risk["area"])].actions
        chosen = sorted(self._rng.sample(actions, self._rng.randint(1, 3)))
        self._link(chain, "planned_action", "P", 2, actions=chosen, assessment_id=self._named(chain.risk))

    def _action(self, chain: Chain) -> None:
        area = AREAS[str(chain.risk["area"])]
        done = chain.links[0]["actions"] if chain.links else [area.actions[0]]
        named = self._named(chain.links[0]) if chain.links else None
        self._link(chain, "performed_action", "A", 9, actions=done, plan_id=named)

    def _outcome(self, chain: Chain, *, harmed: bool) -> None:
        severity = self._rng.choice(("light", "light", "moderate", "severe")) if harmed else None
        named = self._named(chain.risk)
        self._link(chain, "outcome", "U", 60, harmed=harmed, severity=severity, assessment_id=named)

    def _named(self, before: Row) -> object:
        return before["registration_id"] if self._rng.random() < _NAMED else None

    def _link(self, chain: Chain, form: str, letter: str, within_days: int, **fields: object) -> None:
        """The next link, within some days and the year."""
        unit = str(chain.risk["unit"])
        day = min(LAST_DAY, chain.last + timedelta(days=self._rng.randint(0, within_days)))
        recorded = recorded_after(self._rng, day, within_days=2)
        row = row_about(form, chain.person, self._id(unit, letter), day, recorded, unit=unit)
        row.update(area=chain.risk["area"], **fields)
        chain.links.append(self._send(row))
