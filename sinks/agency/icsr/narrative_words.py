"""What a narrative says, in both languages; codes by ICH's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Language = Literal["en", "sv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one language; ``{}`` stands for what is filled in.

    Attributes:
        report: by report type (C.1.3).
        sources: by qualification (C.2.r.4); None for one that is not told.
        sexes: by sex (D.5); None for one that is not told.
        age_groups: by age group (D.2.3).
        roles: by role (G.k.1).
        actions: by action taken (G.k.8).
        recurrences: by result of giving the drug again (G.k.9.i.4).
        seriousness: by the letter of E.i.3.2.
        outcomes: by outcome (E.i.7).
        results: by result of a test (F.r.3.1).
        units: UCUM codes that are no symbols, one and several.
        intervals: those of an interval that is none of time.
    """

    report: Mapping[str, str]
    received: str
    followed_up: str
    sources: Mapping[str | None, str]
    and_: str
    patient: str
    sexes: Mapping[str | None, str]
    age: str
    oldest: str
    age_groups: Mapping[str, str]
    history: str
    drug: str
    roles: Mapping[str, str]
    lot: str
    no_lot: str
    every: str
    from_: str
    until: str
    for_: str
    action: str
    actions: Mapping[str, str]
    reaction: str
    uncoded: str
    after: str
    serious: str
    not_serious: str
    seriousness: Mapping[str, str]
    outcome: str
    outcomes: Mapping[str, str]
    recurrence: str
    recurrences: Mapping[str, str]
    test: str
    results: Mapping[str, str]
    died: str
    died_unknown: str
    causes: str
    autopsy: str
    assessed: str
    left_out: str
    rest: str
    units: Mapping[str, tuple[str, str]]
    intervals: Mapping[str, str]
    quotes: str


_EN = Words(
    report={
        "1": "Spontaneous report",
        "2": "Report from a study",
        "3": "Other report",
        "4": "Report of which the sender does not know how it came about",
    },
    received="{} from {}, first received {}.",
    followed_up="Latest information received {}.",
    sources={
        "1": "a physician",
        "2": "a pharmacist",
        "3": "a health professional",
        "4": "a lawyer",
        "5": "a patient or another who is no health professional",
        None: "a reporter whose qualification is not told",
    },
    and_=" and ",
    patient="The patient is {}.",
    sexes={"1": "a man", "2": "a woman", None: "a person whose sex is not told"},
    age=", {} old",
    oldest=", 90 years old or more",
    age_groups={
        "0": " (foetus)",
        "1": " (newborn)",
        "2": " (infant)",
        "3": " (child)",
        "4": " (adolescent)",
        "5": " (adult)",
        "6": " (elderly)",
    },
    history="History: {}.",
    drug="{}: {}.",
    roles={"1": "Suspect drug", "2": "Concomitant drug", "3": "Interacting drug", "4": "Drug that was not given"},
    lot="batch {}",
    no_lot="batch not known",
    every="once in {}",
    from_="from {}",
    until="until {}",
    for_="for {}",
    action="Action taken with {}: {}.",
    actions={
        "1": "withdrawn",
        "2": "dose reduced",
        "3": "dose increased",
        "4": "dose not changed",
        "0": "not known",
        "9": "not applicable",
    },
    reaction="Reaction: {}.",
    uncoded="in words only",
    after="{} after {} was begun",
    serious="serious: {}",
    not_serious="not serious by any criterion",
    seriousness={
        "a": "it resulted in death",
        "b": "life-threatening",
        "c": "hospitalisation",
        "d": "disability",
        "e": "congenital anomaly",
        "f": "medically important",
    },
    outcome="outcome: {}",
    outcomes={
        "1": "recovered",
        "2": "recovering",
        "3": "not recovered",
        "4": "recovered with sequelae",
        "5": "fatal",
        "0": "not known",
    },
    recurrence="{} given again, {}: {}.",
    recurrences={"1": "it recurred", "2": "it did not recur", "3": "what followed is not known"},
    test="Test {}: {}.",
    results={"1": "positive", "2": "negative", "3": "borderline", "4": "inconclusive"},
    died="The patient died {}.",
    died_unknown="The patient died on a day that is not told.",
    causes="Cause of death: {}.",
    autopsy="By autopsy: {}.",
    assessed="Causality of {} and {}: {}.",
    left_out="words left out, for they may tell who the patient is",
    rest="The rest stands in the elements.",
    units={
        "a": ("year", "years"),
        "mo": ("month", "months"),
        "wk": ("week", "weeks"),
        "d": ("day", "days"),
        "h": ("hour", "hours"),
        "min": ("minute", "minutes"),
        "s": ("second", "seconds"),
        "10.a": ("decade", "decades"),
        "{DF}": ("dosage form", "dosage forms"),
        "{trimester}": ("trimester", "trimesters"),
        "1": ("", ""),
    },
    intervals={"{cyclical}": "in cycles", "{asnecessary}": "as necessary", "{total}": "in all"},
    quotes="“{}”",
)

_SV = Words(
    report={
        "1": "Spontanrapport",
        "2": "Rapport från en studie",
        "3": "Annan rapport",
        "4": "Rapport vars tillkomst avsändaren inte känner",
    },
    received="{} från {}, först mottagen {}.",
    followed_up="Senaste uppgifter mottagna {}.",
    sources={
        "1": "en läkare",
        "2": "en farmaceut",
        "3": "hälso- och sjukvårdspersonal",
        "4": "en jurist",
        "5": "patienten eller någon annan utanför vården",
        None: "en rapportör vars yrke inte är angivet",
    },
    and_=" och ",
    patient="Patienten är {}.",
    sexes={"1": "en man", "2": "en kvinna", None: "en person vars kön inte är angivet"},
    age=", {} gammal",
    oldest=", 90 år gammal eller äldre",
    age_groups={
        "0": " (foster)",
        "1": " (nyfödd)",
        "2": " (spädbarn)",
        "3": " (barn)",
        "4": " (ungdom)",
        "5": " (vuxen)",
        "6": " (äldre)",
    },
    history="Tidigare sjukdomar: {}.",
    drug="{}: {}.",
    roles={
        "1": "Misstänkt läkemedel",
        "2": "Samtidigt läkemedel",
        "3": "Interagerande läkemedel",
        "4": "Läkemedel som inte gavs",
    },
    lot="sats {}",
    no_lot="sats okänd",
    every="en gång på {}",
    from_="från {}",
    until="till {}",
    for_="mot {}",
    action="Åtgärd med {}: {}.",
    actions={
        "1": "utsatt",
        "2": "dosen sänkt",
        "3": "dosen höjd",
        "4": "dosen oförändrad",
        "0": "okänd",
        "9": "inte tillämpligt",
    },
    reaction="Reaktion: {}.",
    uncoded="endast i ord",
    after="{} efter insättning av {}",
    serious="allvarlig: {}",
    not_serious="inte allvarlig enligt något kriterium",
    seriousness={
        "a": "den ledde till döden",
        "b": "livshotande",
        "c": "sjukhusvård",
        "d": "funktionsnedsättning",
        "e": "medfödd missbildning",
        "f": "medicinskt betydelsefull",
    },
    outcome="förlopp: {}",
    outcomes={
        "1": "tillfrisknad",
        "2": "tillfrisknande",
        "3": "inte tillfrisknad",
        "4": "tillfrisknad med men",
        "5": "dödlig utgång",
        "0": "okänt",
    },
    recurrence="{} gavs på nytt, {}: {}.",
    recurrences={"1": "den kom tillbaka", "2": "den kom inte tillbaka", "3": "vad som följde är okänt"},
    test="Prov {}: {}.",
    results={"1": "positivt", "2": "negativt", "3": "gränsvärde", "4": "inte entydigt"},
    died="Patienten dog {}.",
    died_unknown="Patienten dog en dag som inte är angiven.",
    causes="Dödsorsak: {}.",
    autopsy="Enligt obduktion: {}.",
    assessed="Samband mellan {} och {}: {}.",
    left_out="ord utelämnade, för de kan tala om vem patienten är",
    rest="Resten står i elementen.",
    units={
        "a": ("år", "år"),
        "mo": ("månad", "månader"),
        "wk": ("vecka", "veckor"),
        "d": ("dag", "dagar"),
        "h": ("timme", "timmar"),
        "min": ("minut", "minuter"),
        "s": ("sekund", "sekunder"),
        "10.a": ("årtionde", "årtionden"),
        "{DF}": ("dos", "doser"),
        "{trimester}": ("trimester", "trimestrar"),
        "1": ("", ""),
    },
    intervals={"{cyclical}": "i cykler", "{asnecessary}": "vid behov", "{total}": "sammanlagt"},
    quotes="”{}”",
)

WORDS: Mapping[Language, Words] = {"en": _EN, "sv": _SV}
