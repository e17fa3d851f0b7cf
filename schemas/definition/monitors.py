"""``monitors.yaml``: what products patients are exposed to, from when and until when, and how they are watched.

exposures:
  cup:                          # the monitor group: products that are compared with each other
    title: {sv: Cup, en: Cup}
    form: primary_operation
    product: cup
    lot: cup_lot
    by: {sex: {field: sex}}
    ends:
      - {form: reoperation, attributed: true, where: {components_removed: {empty: false}}, reason: revision}
      - {form: death, reason: death}
    outcomes: {form: reoperation, attributed: true}
    specific: {components_removed: {contains: cup}}
monitors:
  cup:
    exposures: cup
    baseline: flat
    rates: [2.0]
    certificate: certificate.json
    streams:                    # what is watched beside the products themselves
      lot: {thresholds: {watch: [8.0], alarm: [16.0]}, fewest: 3}
disproportionality:             # which pairs of drug and reaction are reported more often than the others
  reactions:
    title: {sv: Misstänkta biverkningar, en: Suspected adverse reactions}
    form: adverse_reaction
    where: {same_event_as: {known: false}}
    drug: drug
    reaction: reaction_code
    by: {sex: {person: sex}}
    exposures: drug
    users: user
    watch: [evans, ic]
    alarm: [ebgm]
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt

from schemas.definition.indicators import Anchors, Breakdown, End, Following, Name, WrittenCondition
from schemas.definition.text import Text  # noqa: TC001 - pydantic reads it at run time

BETWEEN = " + "
"""What stands between the codes of a construct's products."""
OF = ":"
"""What stands between the codes of a drug and a reaction."""
Rule = Literal["evans", "ror", "ic", "ebgm"]
"""How a pair of drug and reaction may be a signal; see ``streams.surveillance.tables``."""


def _several(said: object) -> object:
    return [said] if isinstance(said, str) else said


def _inside(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("a file inside the registry's folder is named, such as certificate.json")
    return path


Inside = Annotated[str, Field(min_length=1), AfterValidator(_inside)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExposureEnd(End):
    """What ends the exposure, and what that is called; of two on one day, the one declared first counts."""

    reason: Name


class Group(Anchors):
    """One monitor group: each of the anchors is one exposure, of the product that it names (not null).

    Attributes:
        product: the field that names the product; of several, the construct that they make together, named by
            their codes with " + " between (a cup and the stem beside it). No exposure where one is null.
        lot: the field with its lot.
        class_name: exposures of different classes are never compared (implants put in at a revision).
        by: what the comparison is stratified by.
        ends: what ends it.
        carried_until: what ends the patient's carrying the product, where that may be later than the end of the
            exposure: a cup stays in when the head is exchanged. Left out, the two are the same, as for a drug.
        outcomes: what is counted while exposed, from the first day to the last, both included; None where nothing is,
            as of reports, which follow nobody.
        specific: which of the outcomes are the product's own (it was removed, or the reason is mapped to it).
        unknown: of which of the others that cannot be told; how many there are is shown.
    """

    title: Text
    product: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
    lot: str | None = None
    class_name: Annotated[Name, Field(alias="class")] = "primary"
    by: dict[Name, Breakdown] = Field(default_factory=dict)
    ends: tuple[ExposureEnd, ...] = ()
    carried_until: tuple[End, ...] = ()
    outcomes: Following | None = None
    specific: WrittenCondition = None
    unknown: WrittenCondition = None


class Exposure(Group):
    """A monitor group of products that patients get, whose outcomes are counted."""

    outcomes: Following


class Thresholds(_Strict):
    """From which statistic on a product is at a level, by its expected outcomes per year; straight between them."""

    per_year: tuple[float, ...] = (0.0,)
    watch: tuple[float, ...] = (4.2,)
    alarm: tuple[float, ...] = (6.6,)


class OwnStream(_Strict):
    """From when on one kind of stream that is watched beside the products is at a level.

    A registry's false signals are counted over all its streams together, so each kind has thresholds of its own.

    Attributes:
        thresholds: of the levels watch and alarm.
        planned: expected outcomes at which its test closes and a new one opens; the monitor's where left out.
        fewest: outcomes that it takes for any level; likewise.
    """

    thresholds: Thresholds
    planned: PositiveFloat | None = None
    fewest: PositiveInt | None = None


class Monitor(_Strict):
    """How the products of one group of exposures are watched, and what beside them.

    A product is always watched, a construct (a product of several fields) too. Beside them, where ``streams`` says so:

    - family, company: all products of the group that their catalogue says are of it, against all others of the group,
      as one, for as long as two or more of them are in use.
    - lot: those of a product that are of one lot, against the product's other lots, whatever the baseline is; the rates
      where these had no outcome. For as long as the product has two lots or more, those of no known lot as one.
    - unit: all that the unit put in, but for products that no other is compared with, against what the other units put
      in. A unit's signal says that it is the unit; it is for the clinic and the registry.

    A confirmed signal of a product, family or company leaves all its products out of others' comparators; that of a
    lot or unit leaves nothing out.

    Attributes:
        exposures: the group.
        outcome: whether all outcomes count, as the AOANJRR does, or the product's own (``specific``).
        baseline: "contemporary", a product is held against all others of its group; "flat", against one declared
            rate; "declared", against a rate for each interval of time since operation.
        rates: first outcomes per 100 component-years: one for all time, or one for each of the intervals. For
            contemporary it is the prior, used until the others have had an outcome.
        left_out: products that no other is compared with.
        thresholds: of the levels watch and alarm, for a product.
        planned: expected outcomes at which a test of a product closes and a new one opens.
        fewest: outcomes of a product that it takes for any level.
        streams: what is watched beside the products; of what is left out nothing is.
        unit_shape: shape of the gamma prior of units; null for the method of moments.
        certificate: the file in the registry's folder that says how the thresholds were come by, and how often they
            lie: what `guldadra simulate` writes. It decides no number.
    """

    exposures: Name
    outcome: Literal["all", "specific"] = "all"
    baseline: Literal["contemporary", "flat", "declared"] = "contemporary"
    rates: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)]
    left_out: tuple[str, ...] = ()
    thresholds: Thresholds = Field(default_factory=Thresholds)
    planned: PositiveFloat = 20.0
    fewest: PositiveInt = 1
    streams: dict[Literal["family", "company", "lot", "unit"], OwnStream] = Field(default_factory=dict)
    unit_shape: PositiveFloat | None = None
    certificate: Inside | None = None


class Prior(_Strict):
    """The prior of EBGM where none can be fitted; DuMouchel's start (1999, Am Stat 53:177) unless another is given.

    True ratios are distributed as p·Gamma(alpha1, rate beta1) + (1 - p)·Gamma(alpha2, rate beta2).
    """

    alpha1: PositiveFloat = 0.2
    beta1: PositiveFloat = 0.1
    alpha2: PositiveFloat = 2.0
    beta2: PositiveFloat = 4.0
    p: Annotated[float, Field(gt=0, lt=1)] = 1 / 3


class Disproportionality(Anchors):
    """Pairs of drug and reaction, each held against all others that are reported: a monitor, and the group it watches.

    Each of the anchors is a report of one drug and one reaction; one whose drug is null is none, one whose reaction is
    null is in no pair yet.

    Attributes:
        drug: the field that names the drug, by the codes of the exposures' product.
        reaction: the field that names the reaction.
        by: what reports are stratified by, so that a drug of the old is not blamed for what comes with age.
        exposures: the group of the treatments with these drugs, for rates per person-year; None for no rates.
        users: the breakdown of these that tells new users from prevalent ones; None where nothing does.
        watch: the rules of which one is enough for watch. IC's lower limit above 0 is what Uppsala goes by (Norén
            2013), Evans' rule what the British did (2001).
        alarm: likewise for alarm. EB05 of 2 or more is DuMouchel's and the FDA's (Szarfman 2002).
        fewest: reports of a pair that it takes for any level; three, as in Evans' rule.
        dominant: the share of a reaction's reports from which on the drug that they are of may hide others.
        unmask: whether a pair that is hidden so is at watch too, where it is without that drug's reports.
        prior: of EBGM where none can be fitted.
        fewest_pairs: reported pairs that it takes to fit one: of fewer, five parameters come no nearer to the true ones
            than the declared prior does (measured on invented registers).
        refit: by what share of the reports that it was fitted on their number must have changed for another fit.
    """

    title: Text
    drug: str
    reaction: str
    by: dict[Name, Breakdown] = Field(default_factory=dict)
    exposures: Name | None = None
    users: Name | None = None
    watch: Annotated[tuple[Rule, ...], Field(min_length=1)] = ("evans", "ic")
    alarm: tuple[Rule, ...] = ("ebgm",)
    fewest: PositiveInt = 3
    dominant: Annotated[float, Field(gt=0, le=1)] = 0.5
    unmask: bool = True
    prior: Prior = Field(default_factory=Prior)
    fewest_pairs: PositiveInt = 100
    refit: PositiveFloat = 0.1

    @property
    def group(self) -> Group:
        """The reports as a monitor group: drugs, and first of the strata the reaction."""
        return Group(
            form=self.form,
            where=self.where,
            once_per=self.once_per,
            title=self.title,
            product=(self.drug,),
            by={"reaction": Breakdown(field=self.reaction), **self.by},
        )


class Monitors(_Strict):
    """The whole of ``monitors.yaml``."""

    exposures: dict[Name, Exposure] = Field(default_factory=dict)
    monitors: dict[Name, Monitor] = Field(default_factory=dict)
    disproportionality: dict[Name, Disproportionality] = Field(default_factory=dict)

    @property
    def groups(self) -> dict[str, Group]:
        """All that journeys tell the changes of, by name: exposures, and the reports of drugs."""
        return {**self.exposures, **{name: pairs.group for name, pairs in self.disproportionality.items()}}

    @property
    def watch_anything(self) -> bool:
        """Whether there is anything for surveillance to do."""
        return bool(self.monitors or self.disproportionality)
