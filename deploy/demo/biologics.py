"""Five invented years of a register of biological treatment, 2006 to 2010: 720 persons on eight drugs, ten clinics.

How many reports each drug has of each reaction is planned (``biologics_reports.csv``). Two pairs are worth finding:
hepatitis with Fenorel, of which there are four times as many as there should be; and tuberculosis with Cedrana, whose
six reports are hidden by the sixty of Domitra. Everything else is drawn; the same plan gives the same history.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, cast

from deploy.demo.rows import Drawing, Invented, in_order, recorded_after, row_about

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.demo.rows import Row, Submission

WINDOW_DAYS = 90
"""How long after the stop a person is on a drug (monitors.yaml)."""

_BEGINS, _ENDS = date(2006, 1, 1), date(2010, 12, 31)
_UNITS = [f"R{number:02d}" for number in range(1, 11)]
_ATC = {
    "ALV": "L04AB04", "BRA": "L04AB02", "CED": "L04AB01", "DOM": "L04AB05", "ELS": "L04AC03", "FEN": "L04AB06",
    "GRI": "L04AC07", "HEL": "L04AA24",
}  # fmt: skip
_IN_WORDS = {
    "BRO": "hosta och slem i två veckor", "CAR": "andfådd, svullna ben", "DER": "kliande utslag", "GUT": "diarré",
    "HEA": "ont i huvudet", "HEP": "höga levervärden", "INJ": "rodnad där sprutan tas", "LEU": "låga vita",
    "NAU": "illamående", "NEU": "domnade fötter", "PNE": "lunginflammation", "PSO": "psoriasis i händerna",
    "TUB": "tuberkulos", "URI": "urinvägsinfektion",
}  # fmt: skip
_OFTEN_SERIOUS = frozenset({"CAR", "HEP", "PNE", "TUB"})
_VERSION = "example 1.0"
_WOMEN, _PREVALENT, _STOPPED, _SERIOUS, _BY_PATIENT = 0.7, 0.3, 0.4, 0.7, 0.25


@dataclass(frozen=True)
class BiologicsPlan:
    """What happens beside the planned reports, none of which changes how many of them count.

    Attributes:
        told_twice: events that a doctor has reported and the patient reports too.
        uncoded: further reports whose words nobody has coded yet.
        corrections: reports first registered with another reaction.
        retractions: further reports, registered for the wrong person and nullified.
        duplicates: reports sent twice.
        too_late: reports of what began more than 90 days after the stop.
        restarts: persons who stop and take the same drug again within the 90 days.
        deaths: persons who die after all that is known of them.
        emigrations: persons who leave the country after that.
        pregnancies: women who become pregnant.
        opt_outs: further persons with a report each, registered and then out of the register.
        seed: the same seed gives the same history.
    """

    told_twice: int = 25
    uncoded: int = 15
    corrections: int = 12
    retractions: int = 10
    duplicates: int = 8
    too_late: int = 9
    restarts: int = 20
    deaths: int = 10
    emigrations: int = 5
    pregnancies: int = 8
    opt_outs: int = 6
    seed: int = 2010


@dataclass(frozen=True)
class DrugPlan:
    """One line of ``biologics_reports.csv``: how many persons get the drug, and the reports of it by reaction."""

    drug: str
    persons: int
    reports: Mapping[str, int]


def read_reports() -> list[DrugPlan]:
    """The plan of the drugs."""
    path = resources.files("deploy.demo") / "biologics_reports.csv"
    with path.open(encoding="utf-8") as lines:
        return [
            DrugPlan(row.pop("drug"), int(row.pop("persons")), {code: int(number) for code, number in row.items()})
            for row in csv.DictReader(lines)
        ]


def generate(plan: BiologicsPlan | None = None) -> Invented[BiologicsPlan]:
    """Generate the history of a plan (by default the plan's defaults)."""
    plan = plan or BiologicsPlan()
    return Invented(plan, in_order(_History(plan).submissions()))


@dataclass
class _Person:
    """Who is on one drug; ``last`` is the latest day on which anything is known to have happened."""

    name: str
    unit: str
    drug: str
    woman: bool
    born: int
    start: date
    stop: date | None
    last: date
    reports: list[Row] = field(default_factory=list)

    @property
    def on_drug_until(self) -> date:
        return _ENDS if self.stop is None else min(_ENDS, self.stop + timedelta(days=WINDOW_DAYS))


class _History(Drawing):
    """Draws a history."""

    def __init__(self, plan: BiologicsPlan) -> None:
        super().__init__(plan.seed)
        self._plan = plan
        self._late: set[str] = set()

    def submissions(self) -> list[Submission]:
        """All of them, in no order."""
        persons, reports = [], []
        for drug in read_reports():
            on_it = [self._person(drug.drug) for _ in range(drug.persons)]
            persons += on_it
            for reaction, number in drug.reports.items():
                reports += [self._report(self._rng.choice(on_it), reaction) for _ in range(number)]
        self._rng.shuffle(reports)
        self._slips(persons, reports)
        self._restarts(persons)
        self._leave(persons)
        self._opt_outs()
        return self._sent

    def _person(self, drug: str) -> _Person:
        """A person, the treatment, its stop if there is one, and visits about twice a year."""
        rng = self._rng
        start = _BEGINS + timedelta(days=rng.randrange(1_400))
        stop = start + timedelta(days=rng.randint(60, 400)) if rng.random() < _STOPPED else None
        person = _Person(
            f"B{next(self._numbers['person']):04d}", rng.choice(_UNITS), drug, rng.random() < _WOMEN,
            start.year - rng.randint(22, 80), start, stop, start,
        )  # fmt: skip
        self._treat(person, "prevalent" if rng.random() < _PREVALENT else "new")
        day = start
        while (day := day + timedelta(days=rng.randint(150, 320))) < _ENDS - timedelta(days=60):
            self._visit(person, day)
        return person

    def _treat(self, person: _Person, user: str) -> None:
        """The treatment as registered at its start; its stop, when it comes, as a correction."""
        rng = self._rng
        known = rng.random() < 0.9  # noqa: PLR2004 - of nine doses in ten the batch is known
        treatment = row_about(
            "treatment",
            person.name,
            self._id(person.unit, "T"),
            person.start,
            recorded_after(rng, person.start, within_days=9),
            unit=person.unit,
            birth_year=person.born,
            sex="female" if person.woman else "male",
            drug=person.drug,
            atc=_ATC[person.drug],
            batch=f"{person.drug}{rng.randint(100, 140)}" if known else None,
            indication=rng.choice(("M05.9", "M06.9", "L40.5", "M45.9")),
            user=user,
            stopped_on=None,
            stop_reason=None,
        )
        self._send(treatment)
        if person.stop is not None:
            recorded = recorded_after(rng, person.stop + timedelta(days=10), within_days=9)
            reason = rng.choice(("adverse_reaction", "no_effect", "no_effect", "remission", "other"))
            self._send({**treatment, "recorded_at": recorded, "stopped_on": person.stop, "stop_reason": reason})
            person.last = max(person.last, person.stop)

    def _visit(self, person: _Person, day: date) -> None:
        rng = self._rng
        on_drug = day <= person.on_drug_until
        score = round(min(9.4, max(0.6, rng.gauss(2.9 if on_drug else 4.1, 1.0))), 1)
        self._send(
            row_about(
                "disease_activity",
                person.name,
                self._id(person.unit, "V"),
                day,
                recorded_after(rng, day, within_days=5),
                unit=person.unit,
                das28=score,
                tender_joints=rng.randrange(round(score * 2) + 1),
                swollen_joints=rng.randrange(round(score * 2) + 1),
                global_health=min(100, round(score * 12)),
            )
        )
        person.last = max(person.last, day)

    def _report(self, person: _Person, reaction: str | None, day: date | None = None) -> Row:
        rng = self._rng
        day = day or person.start + timedelta(days=rng.randrange((person.on_drug_until - person.start).days - 40))
        words = _IN_WORDS[reaction or rng.choice(list(_IN_WORDS))]
        serious = reaction in _OFTEN_SERIOUS and rng.random() < _SERIOUS
        report = row_about(
            "adverse_reaction",
            person.name,
            self._id(person.unit, "A"),
            day,
            recorded_after(rng, day, within_days=20),
            unit=person.unit,
            drug=person.drug,
            batch=None,
            concomitant_drugs=rng.sample(("L04AX03", "M01AE01", "N02BE01"), rng.randrange(3)),
            reaction_text=words,
            reaction_code=reaction,
            reaction_code_version=None if reaction is None else _VERSION,
            seriousness=["hospitalisation"] if serious else [],
            outcome=rng.choice(("recovered", "recovered", "recovering", "unknown")),
            dechallenge=None,
            rechallenge=None,
            reporter="patient" if rng.random() < _BY_PATIENT else "doctor",
            same_event_as=None,
        )
        person.reports.append(report)
        person.last = max(person.last, day)
        return self._send(report)

    def _slips(self, persons: list[_Person], reports: list[Row]) -> None:
        """What must not change the planned counts; each takes reports of its own."""
        rng, plan = self._rng, self._plan
        told = iter(reports)
        for report in [next(told) for _ in range(plan.told_twice)]:
            report["reporter"] = "doctor"
            again = {**report, "registration_id": self._id(str(report["unit"]), "A"), "reporter": "patient"}
            again["same_event_as"] = report["registration_id"]
            self._send({**again, "recorded_at": cast("datetime", report["recorded_at"]) + timedelta(days=3)})
        for report in [next(told) for _ in range(plan.corrections)]:
            first = {**report, "reaction_code": "PSO" if report["reaction_code"] != "PSO" else "DER"}
            self._sent = [(at, first if row is report else row) for at, row in self._sent]
            self._send({**report, "recorded_at": cast("datetime", report["recorded_at"]) + timedelta(days=2)})
        for report in [next(told) for _ in range(plan.duplicates)]:
            self._send(dict(report), cast("datetime", report["recorded_at"]) + timedelta(days=1))
        for person in rng.sample(persons, plan.retractions):
            wrong = self._report(person, "HEP")
            withdrawn = cast("datetime", wrong["recorded_at"]) + timedelta(days=4)
            self._send({**wrong, "recorded_at": withdrawn, "retracted": True})
        for person in rng.sample(persons, plan.uncoded):
            self._report(person, None)
        self._too_late(persons, told)

    def _too_late(self, persons: list[_Person], reports: Iterator[Row]) -> None:
        """Planned reports whose onset turns out to lie after the window: the person stopped early enough."""
        stopped = {
            person.name: person
            for person in persons
            if person.stop is not None and person.on_drug_until < _ENDS - timedelta(days=90)
        }
        left = self._plan.too_late
        for report in reports:
            person = stopped.pop(str(report["person"]), None)
            if left and person is not None:
                day = person.on_drug_until + timedelta(days=self._rng.randint(1, 40))
                at = recorded_after(self._rng, day, within_days=20)
                self._sent = [(when, row) for when, row in self._sent if row is not report]
                report.update(occurred_on=day, recorded_at=at)
                self._send(report)
                person.last = max(person.last, day)
                self._late.add(person.name)
                left -= 1

    def _restarts(self, persons: list[_Person]) -> None:
        """The same drug again before the window is over, so that two exposures overlap."""
        stopped = [one for one in persons if one.stop is not None and one.on_drug_until < _ENDS - timedelta(days=200)]
        quiet = [one for one in stopped if one.name not in self._late]
        for person in self._rng.sample(quiet, self._plan.restarts):
            person.start = cast("date", person.stop) + timedelta(days=self._rng.randint(10, 80))
            person.stop = None
            self._treat(person, "prevalent")

    def _leave(self, persons: list[_Person]) -> None:
        """Deaths, emigrations and pregnancies, each of another person."""
        rng, plan = self._rng, self._plan
        young = [one for one in persons if one.woman and one.start.year - one.born < 40]  # noqa: PLR2004 - years
        mothers = rng.sample(young, plan.pregnancies)
        for person in mothers:
            day = person.start + timedelta(days=rng.randint(20, 40))
            ended = day + timedelta(days=200) if person.start.year < _ENDS.year - 1 else None
            recorded = recorded_after(rng, ended or day, within_days=9)
            self._send(
                row_about(
                    "pregnancy", person.name, self._id(person.unit, "P"), day, recorded, unit=person.unit,
                    drug=person.drug, gestation_weeks=rng.randint(2, 8), ended_on=ended,
                    outcome="live_birth" if ended else None, congenital_anomaly=False if ended else None,
                )
            )  # fmt: skip
        others = [one for one in persons if one not in mothers and one.last < _ENDS - timedelta(days=30)]
        for number, person in enumerate(rng.sample(others, plan.deaths + plan.emigrations)):
            form = "death" if number < plan.deaths else "emigration"
            day = max(person.last, person.start) + timedelta(days=rng.randint(5, 25))
            recorded = recorded_after(rng, day, within_days=5)
            self._send(row_about(form, person.name, f"{form[0].upper()}{person.name[1:]}", day, recorded))

    def _opt_outs(self) -> None:
        """Further persons, whose reports of tuberculosis with Cedrana count no more."""
        for _ in range(self._plan.opt_outs):
            person = self._person("CED")
            self._report(person, "TUB")
            out = date(2010, 12, 20)
            recorded = recorded_after(self._rng, out, within_days=2)
            self._send(row_about("opt_out", person.name, f"O{person.name[1:]}", out, recorded))
