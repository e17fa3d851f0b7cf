"""Three invented years of a national HIV register, 2008 to 2010: 400 persons in care at twelve clinics.

How many of each clinic's persons reach the goal in a year is planned (``hiv_goal.csv``), so that the clinics
lie between 47 and 94 % in 2008, between 80 and 100 % in 2010, and the country at 92 % in 2010, as the 2010
review of the quality registers tells of InfCare HIV. Everything else is drawn; the same plan gives the same history.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from itertools import count
from typing import TYPE_CHECKING, cast

from deploy.demo.rows import Drawing, Invented, in_order, recorded_after, row_about

if TYPE_CHECKING:
    from datetime import datetime

    from deploy.demo.rows import Row, Submission

YEARS = (2008, 2009, 2010)
GOAL = 50
"""Copies of HIV RNA per mL of plasma; fewer is the goal."""

_REGISTER_BEGINS = date(2008, 1, 2)
_REGIMENS = (("J05AR06",), ("J05AR03", "J05AG01"), ("J05AR02", "J05AE08", "J05AE03"))
_VISITS_AT_GOAL, _VISITS_ELSE = 2, 4  # a year
_MEN, _UNDETECTABLE, _WITHOUT_SAMPLE = 0.62, 0.8, 0.1
_NEWLY_DIAGNOSED = 10  # every tenth was diagnosed in the register's first weeks


@dataclass(frozen=True)
class HivPlan:
    """What happens beside the planned shares.

    Attributes:
        dead_at_goal: persons at the goal who die after their last visit.
        dead_not_at_goal: persons not at the goal who die after their last visit.
        emigrated_at_goal: persons at the goal who leave the country after their last visit.
        emigrated_not_at_goal: persons not at the goal who leave the country after their last visit.
        never_seen: persons diagnosed in the last year who have not come yet.
        opt_outs: further persons, registered and then out of the register.
        corrections: last visits of a year at the goal, first registered with two digits too many.
        duplicates: visits sent twice.
        retractions: visits registered for the wrong person, and withdrawn.
        seed: the same seed gives the same history.
    """

    dead_at_goal: int = 1
    dead_not_at_goal: int = 2
    emigrated_at_goal: int = 3
    emigrated_not_at_goal: int = 2
    never_seen: int = 6
    opt_outs: int = 3
    corrections: int = 6
    duplicates: int = 5
    retractions: int = 4
    seed: int = 2010


@dataclass(frozen=True)
class ClinicGoal:
    """One line of ``hiv_goal.csv``: the persons of a clinic, and how many of them are at the goal by year."""

    unit: str
    persons: int
    at_goal: tuple[int, ...]


def read_goals() -> list[ClinicGoal]:
    """The plan of the clinics."""
    path = resources.files("deploy.demo") / "hiv_goal.csv"
    with path.open(encoding="utf-8") as lines:
        return [
            ClinicGoal(row["unit"], int(row["persons"]), tuple(int(row[f"at_goal_{year}"]) for year in YEARS))
            for row in csv.DictReader(lines)
        ]


def generate(plan: HivPlan | None = None) -> Invented[HivPlan]:
    """Generate the history of a plan (by default the plan's defaults)."""
    plan = plan or HivPlan()
    return Invented(plan, in_order(_History(plan).submissions()))


class _History(Drawing):
    """Draws a history; ``_last`` has each person's last visit, by whether it is at the goal."""

    def __init__(self, plan: HivPlan) -> None:
        super().__init__(plan.seed)
        self._plan = plan
        self._persons = count(1)
        self._visits: list[Row] = []
        self._last: dict[bool, list[Row]] = {True: [], False: []}

    def submissions(self) -> list[Submission]:
        """All of them, in no order."""
        for clinic in read_goals():
            for rank in range(clinic.persons):
                self._person(clinic, rank)
        for at_goal in (True, False):
            self._rng.shuffle(self._last[at_goal])
        self._slips()
        self._departures()
        self._further_persons()
        return self._sent

    def _person(self, clinic: ClinicGoal, rank: int) -> None:
        """A person of a clinic: the first ``at_goal`` by rank reach the goal, of the rest the first half is treated."""
        person, new = self._new_person(), rank % _NEWLY_DIAGNOSED == 0
        day = self._diagnosis(person, clinic.unit, recently=new)
        at_goal = False
        last: Row = {}
        for year, reached in zip(YEARS, clinic.at_goal, strict=True):
            before, at_goal = at_goal, rank < reached
            treated = rank < reached + (clinic.persons - reached + 1) // 2
            days = self._days(year, _VISITS_AT_GOAL if at_goal else _VISITS_ELSE, after=day)
            for visit_day in days:
                last = self._visit(person, clinic.unit, visit_day, at_goal=at_goal, treated=treated)
                if visit_day != days[-1] and at_goal and not before:  # not there yet
                    last["viral_load"] = self._viral_load(at_goal=False)
            if self._rng.random() < _WITHOUT_SAMPLE:
                talk = self._visit(person, clinic.unit, days[-1] + timedelta(days=3), at_goal=at_goal, treated=treated)
                talk.update(contact="doctor", viral_load=None, cd4=None)
        self._last[at_goal].append(last)

    def _new_person(self) -> str:
        return f"H{next(self._persons):04d}"

    def _days(self, year: int, visits: int, after: date) -> list[date]:
        """The days of a year's visits, some months apart, the first not before ``after`` and two months."""
        begin = max(date(year, 1, 8), after + timedelta(days=60))
        step = (date(year, 12, 10) - begin).days // visits
        return [begin + timedelta(days=i * step + self._rng.randrange(step)) for i in range(visits)]

    def _diagnosis(self, person: str, unit: str, *, recently: bool) -> date:
        rng = self._rng
        day = date(2008, 1, 2) + timedelta(days=rng.randrange(60))
        if not recently:
            day = date(1985, 1, 1) + timedelta(days=rng.randrange(8_300))
        return self._diagnosed(person, unit, day)

    def _diagnosed(self, person: str, unit: str, day: date) -> date:
        rng = self._rng
        self._send(
            row_about(
                "diagnosis",
                person,
                self._id(unit, "D"),
                day,
                recorded_after(rng, max(day, _REGISTER_BEGINS), within_days=5),
                unit=unit,
                birth_year=day.year - rng.randint(18, 60),
                sex="male" if rng.random() < _MEN else "female",
                diagnosis=rng.choice(("B20.6", "B22.7", "B23.8", "B24.9", "Z21.9")),
                viral_load=self._viral_load(at_goal=False) if day.year >= 1997 else None,  # noqa: PLR2004 - first analyses
                cd4=self._cd4(at_goal=False),
            )
        )
        return day

    def _visit(self, person: str, unit: str, day: date, *, at_goal: bool, treated: bool) -> Row:
        rng = self._rng
        visit = row_about(
            "visit",
            person,
            self._id(unit, "V"),
            day,
            recorded_after(rng, day, within_days=9),
            unit=unit,
            contact=rng.choice(("doctor", "nurse", "nurse", "sample") if at_goal else ("doctor", "nurse")),
            viral_load=self._viral_load(at_goal=at_goal),
            cd4=self._cd4(at_goal=at_goal),
            on_treatment=treated,
            drugs=list(rng.choice(_REGIMENS)) if treated else [],
            missed_doses=(0 if at_goal else rng.randint(1, 9)) if treated else None,
        )
        self._send(visit)
        self._visits.append(visit)
        return visit

    def _viral_load(self, *, at_goal: bool) -> int:
        if at_goal:
            return 0 if self._rng.random() < _UNDETECTABLE else self._rng.randrange(20, GOAL)
        return min(2_000_000, GOAL + int(self._rng.lognormvariate(8.5, 2.0)))

    def _cd4(self, *, at_goal: bool) -> int:
        mean, deviation = (620, 180) if at_goal else (330, 130)
        return min(1_500, max(20, round(self._rng.gauss(mean, deviation))))

    def _slips(self) -> None:
        """Corrections, repeats and withdrawals; the first registration of a corrected visit is sent as it was."""
        rng, plan = self._rng, self._plan
        for visit in self._last[True][: plan.corrections]:
            mistyped = {**visit, "viral_load": 5_000}
            at = cast("datetime", visit["recorded_at"])
            self._sent = [(when, mistyped if row is visit else row) for when, row in self._sent]
            self._send({**visit, "recorded_at": at + timedelta(days=2)})
        first_year = [visit for visit in self._visits if cast("date", visit["occurred_on"]).year == YEARS[0]]
        for visit in rng.sample(first_year, plan.duplicates):
            self._send(dict(visit), cast("datetime", visit["recorded_at"]) + timedelta(days=1))
        for visit in self._last[True][-plan.retractions :] if plan.retractions else []:
            day = cast("date", visit["occurred_on"]) + timedelta(days=3)
            at = recorded_after(rng, day, within_days=0)
            other = {**visit, "registration_id": self._id(str(visit["unit"]), "V"), "occurred_on": day}
            other.update(recorded_at=at, viral_load=90_000, cd4=110)
            self._send(other)
            self._send({**other, "recorded_at": at + timedelta(days=4), "retracted": True})

    def _departures(self) -> None:
        plan = self._plan
        corrected = plan.corrections  # the first of those at the goal are spoken of already
        at_goal, others = self._last[True][corrected:], self._last[False]
        self._depart("death", "D", at_goal[: plan.dead_at_goal] + others[: plan.dead_not_at_goal])
        at_goal, others = at_goal[plan.dead_at_goal :], others[plan.dead_not_at_goal :]
        gone = at_goal[: plan.emigrated_at_goal] + others[: plan.emigrated_not_at_goal]
        self._depart("emigration", "E", gone)

    def _depart(self, form: str, letter: str, lasts: list[Row]) -> None:
        for last in lasts:
            person = str(last["person"])
            day = cast("date", last["occurred_on"]) + timedelta(days=self._rng.randint(4, 14))
            recorded = recorded_after(self._rng, day, within_days=20)
            self._send(row_about(form, person, f"{letter}{person[1:]}", day, recorded))

    def _further_persons(self) -> None:
        """Who was diagnosed and has not come, and who was registered and wants to be out."""
        rng, plan, clinics = self._rng, self._plan, read_goals()
        for _ in range(plan.never_seen):
            day = date(2010, 6, 1) + timedelta(days=rng.randrange(200))
            self._diagnosed(self._new_person(), rng.choice(clinics).unit, day)
        for _ in range(plan.opt_outs):
            person, unit = self._new_person(), rng.choice(clinics).unit
            begin = self._diagnosis(person, unit, recently=True)
            for day in self._days(2009, _VISITS_ELSE, after=begin):
                self._visit(person, unit, day, at_goal=False, treated=True)
            out = date(2010, 2, 1) + timedelta(days=rng.randrange(200))
            recorded = recorded_after(rng, out, within_days=2)
            self._send(row_about("opt_out", person, f"O{person[1:]}", out, recorded))
