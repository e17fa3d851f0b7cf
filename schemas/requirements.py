"""What a quality register must fulfil to be funded, by its stage: eight requirements of a new one, eleven at last.

They are those of the 2010 review of the Swedish quality registers, in our words. Where facts can tell, they do
(``sinks.clickhouse.queries.scorecard``); for the rest the registry says in ``registry.yaml`` how it fulfils them:

    attested:
      centre: {sv: Registercentrum Exempel, en: Example Register Centre}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from schemas.definition.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

Stage = Literal["new", "newly established", "established"]
STAGES: tuple[Stage, ...] = get_args(Stage)

RequirementName = Literal[
    "feedback", "centre", "platform", "release", "coverage", "comparison", "terminology", "research",
    "industry", "profession", "dialogue",
]  # fmt: skip


class Requirement(NamedTuple):
    """One requirement.

    Attributes:
        title: what it is about.
        asks: what it asks, by stage; a stage that is not there is not asked.
        attested: whether it takes the registry's own word, beside or in place of facts.
    """

    title: Text
    asks: Mapping[Stage, Text]
    attested: bool


def _from(stage: Stage, sv: str, en: str) -> dict[Stage, Text]:
    return dict.fromkeys(STAGES[STAGES.index(stage) :], Text(sv=sv, en=en))


REQUIREMENTS: Mapping[RequirementName, Requirement] = {
    "feedback": Requirement(
        Text(sv="Återkoppling till dem som registrerar", en="Feedback to those who register"),
        {
            "new": Text(sv="Indikatorer är deklarerade.", en="Indicators are declared."),
            "newly established": Text(
                sv="Indikatorer räknas och visas löpande.", en="Indicators are worked out and shown as data come in."
            ),
            "established": Text(
                sv="Indikatorer visas löpande, per enhet, mot ett målvärde.",
                en="Indicators are shown as data come in, by unit, against a target.",
            ),
        },
        attested=False,
    ),
    "centre": Requirement(
        Text(sv="Registercentrum", en="Register centre"),
        _from("new", "Registret hör till ett registercentrum.", "The register belongs to a register centre."),
        attested=True,
    ),
    "platform": Requirement(
        Text(sv="Gemensam it-plattform", en="Common IT platform"),
        {
            "new": Text(sv="Formulären är utgivna.", en="The forms are released."),
            **_from("newly established", "Registreringar kommer in.", "Registrations come in."),
        },
        attested=False,
    ),
    "release": Requirement(
        Text(sv="Utlämnande av uppgifter enligt lag", en="Giving out data by the law"),
        _from(
            "new",
            "Personuppgiftsansvarig, ändamål och patientens rätt att säga nej är angivna, och en policy för "
            "utlämnande finns.",
            "The controller, the purposes and the patient's right to refuse are stated, and there is a policy for "
            "giving out data.",
        ),
        attested=True,
    ),
    "coverage": Requirement(
        Text(sv="Täckningsgrad", en="Coverage"),
        {
            "new": Text(
                sv="Det är deklarerat vad registret jämförs med.", en="What the register is held against is declared."
            ),
            "newly established": Text(sv="Täckningsgraden mäts.", en="Coverage is measured."),
            "established": Text(sv="Täckningsgraden når målet.", en="Coverage reaches its target."),
        },
        attested=False,
    ),
    "comparison": Requirement(
        Text(sv="Öppna jämförelser", en="Open comparison"),
        {
            "new": Text(
                sv="Minst en indikator har en riktning som är bättre.",
                en="At least one indicator has a direction that is better.",
            ),
            **_from(
                "newly established",
                "Minst en indikator har riktning och målvärde, och riket redovisas öppet.",
                "At least one indicator has a direction and a target, and the country's values are published.",
            ),
        },
        attested=False,
    ),
    "terminology": Requirement(
        Text(sv="Informationsstruktur och terminologi", en="Information structure and terminology"),
        {
            **_from("new", "Varje variabel har en beskrivning.", "Each variable is described."),
            **_from(
                "newly established",
                "Varje variabel har en beskrivning, och nio av tio textvariabler har koder.",
                "Each variable is described, and nine of ten text variables have codes.",
            ),
        },
        attested=False,
    ),
    "research": Requirement(
        Text(sv="Service till forskare", en="Service to researchers"),
        _from(
            "new",
            "Variablerna och deras historia är öppna, och forskare får hjälp.",
            "The variables and their history are public, and researchers are helped.",
        ),
        attested=True,
    ),
    "industry": Requirement(
        Text(sv="Samverkan med industrin", en="Work with industry"),
        _from(
            "newly established",
            "Det finns en policy för samverkan med industrin.",
            "There is a policy for work with industry.",
        ),
        attested=True,
    ),
    "profession": Requirement(
        Text(sv="Förankring i professionen", en="Support of the professions"),
        _from(
            "newly established",
            "Registret är förankrat i de yrkesgrupper som använder det.",
            "The professions that use the register stand behind it.",
        ),
        attested=True,
    ),
    "dialogue": Requirement(
        Text(sv="Dialog med verksamheterna", en="Dialogue with those who give care"),
        _from(
            "established",
            "Registret för dialog om resultat och indikatorer med verksamheterna.",
            "The register talks its results and indicators over with those who give care.",
        ),
        attested=True,
    ),
}
"""All requirements, in the order that they are shown."""
