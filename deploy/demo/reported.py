"""The demo's way to the agency: a serious reaction is registered once, and its report goes all its way.

The folder that an agency's client would watch is on this machine, and who answers is invented.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from deploy.demo.rows import row_about
from deploy.observe import wait_until
from deploy.report_desk import Desk, standing_of
from deploy.report_tables import standing_table
from deploy.settings import AgencySettings
from sinks.agency import people
from sinks.agency.icsr import codes
from streams.publish.publisher import Publisher

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from deploy.stack import EmbeddedStack
    from sinks.agency.standing import Standing

REPORTING = "biologics"
AGENCY_FOLDER = "agency"
_PATIENCE_S = 30.0
_CHECKED_BY = "Vera Lind"
_SPACE = "2.16.840.1.113883.3.989.2.1.3."
_ANSWER = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<{codes.ACKNOWLEDGEMENT} xmlns="{codes.HL7}" ITSVersion="XML_1.0"><id extension="ANSWER-1" root="{_SPACE}20"/>'
    f'<{codes.ACKNOWLEDGED_MESSAGE}><id extension="AG-2026-1" root="{_SPACE}19"/><acknowledgement typeCode="CA">'
    f'<targetMessage><id extension="{{case}}" root="{codes.REPORT_ID}"/></targetMessage></acknowledgement>'
    f'</{codes.ACKNOWLEDGED_MESSAGE}><acknowledgement typeCode="AA"><targetBatch>'
    f'<id extension="{{message}}" root="{codes.BATCH_NUMBER}"/></targetBatch></acknowledgement>'
    f"</{codes.ACKNOWLEDGEMENT}>"
)


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of the report.

    Attributes:
        case: its id.
        state: as it was left.
        drafted_s: seconds from the registration to the draft.
        sent_s: seconds from the check to the message in the agency's folder.
        answered_s: seconds from the agency's answer to the state acknowledged.
        message: the file.
        standing: how it stands at the end.
    """

    case: str
    state: str
    drafted_s: float
    sent_s: float
    answered_s: float
    message: str
    standing: tuple[Standing, ...]

    def as_json(self) -> dict[str, object]:
        """For ``guldadra demo --json``."""
        return {name: getattr(self, name) for name in ("case", "state", "drafted_s", "sent_s", "answered_s", "message")}


def tried_out(folder: Path) -> AgencySettings:
    """Who sends in the demo: nobody, to nobody, by a folder."""
    return AgencySettings(
        organisation="EXEMPEL", name="Exempelregistret", test_sender="EXEMPELTEST", test_receiver="AGENCYTEST",
        gateway=folder.absolute(),
    )  # fmt: skip


def report_one(stack: EmbeddedStack) -> Reported:
    """Register a serious reaction of a person on a drug, and follow its report to the agency and back."""
    settings, name = stack.settings, REPORTING
    definition = settings.definitions((name,))[name]
    gateway = settings.data / AGENCY_FOLDER
    store = settings.store({name: definition})
    with Publisher(settings.kafka_config(), definition, store, settings.key(name), mapping="demo") as publisher:
        treatment, reaction = _rows(datetime.now(UTC).date() - timedelta(days=3))
        publisher.register(str(treatment.pop("form")), treatment)
        publisher.flush()
        begun = time.monotonic()
        publisher.register(str(reaction.pop("form")), reaction)
        publisher.flush()
        wait_until(lambda: bool(_standing(stack)), _PATIENCE_S)
    drafted_s = time.monotonic() - begun
    found = _standing(stack)
    if not found:
        return Reported("", "missing", drafted_s, 0, 0, "", ())
    desk = Desk(settings, definition, stack.client)
    begun = time.monotonic()
    desk.say(lambda: people.checked(desk.act(found[0].case, "agency", _CHECKED_BY)))
    wait_until(lambda: any((gateway / "out").iterdir()), _PATIENCE_S)
    sent_s = time.monotonic() - begun
    messages = sorted((gateway / "out").iterdir())
    begun = time.monotonic()
    for message in messages:
        answer = _ANSWER.format(case=found[0].case, message=message.stem)
        beside = gateway / "in" / f"{message.stem}.ack.tmp"
        beside.write_text(answer, encoding="utf-8")
        beside.rename(beside.with_suffix(".xml"))
    wait_until(lambda: _standing(stack)[0].report.state == "acknowledged", _PATIENCE_S)
    (standing,) = _standing(stack)
    return Reported(
        standing.case,
        standing.report.state,
        round(drafted_s, 2),
        round(sent_s, 2),
        round(time.monotonic() - begun, 2),
        str(messages[0]) if messages else "",
        (standing,),
    )


def show_reported(console: Console, reported: Reported) -> None:
    """The way of the report, and how it stands."""
    console.print(
        f"a serious adverse reaction registered: its report was drafted {reported.drafted_s:.1f} s later, checked by "
        f"{_CHECKED_BY}, in the agency's folder {reported.sent_s:.1f} s after that, and {reported.state} "
        f"{reported.answered_s:.1f} s after the answer; what it says: guldadra report read {reported.message}",
        soft_wrap=True,
    )
    console.print(standing_table(f"{REPORTING}: reports", reported.standing))


def _standing(stack: EmbeddedStack) -> list[Standing]:
    return standing_of(stack.client, REPORTING, stack.settings)


def _rows(day: date) -> tuple[dict[str, object], dict[str, object]]:
    """A treatment of an invented person, and a reaction to it."""
    recorded = datetime.now(UTC) - timedelta(minutes=1)
    begun = day - timedelta(days=200)
    treatment = row_about(
        "treatment", "B9001", "R01-T90001", begun, recorded, unit="R01", birth_year=1961, sex="female", drug="FEN",
        atc="L04AB06", batch="FEN117", indication="M05.9", user="new", stopped_on=None, stop_reason=None,
    )  # fmt: skip
    reaction = row_about(
        "adverse_reaction", "B9001", "R01-A90001", day, recorded, unit="R01", drug="FEN", batch=None,
        concomitant_drugs=["L04AX03"], reaction_text="höga levervärden", reaction_code="HEP",
        reaction_code_version="example 1.0", seriousness=["hospitalisation"], outcome="recovering",
        dechallenge="abated", rechallenge=None, reporter="doctor", same_event_as=None,
    )  # fmt: skip
    return treatment, reaction
