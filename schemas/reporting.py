"""Reports to agencies and manufacturers: the words that declarations, deadlines and messages share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

SenderRole = Literal["manufacturer", "icsr_sender", "care_provider"]
"""Whose duty a report is, and so whose deadline: the manufacturer of a device (Regulation (EU) 2017/745, Art. 87),
whoever sends individual case safety reports in the EEA (GVP module VI), a care provider in Sweden (HSLF-FS 2021:52)."""
SENDER_ROLES: tuple[SenderRole, ...] = get_args(SenderRole)

CLASSES: Mapping[SenderRole, tuple[str, ...]] = {
    "manufacturer": ("serious_public_health_threat", "death", "unanticipated_serious_deterioration", "serious"),
    "icsr_sender": ("serious", "non_serious"),
    "care_provider": ("incident",),
}
"""By what each role's time is told, the shortest first."""

Kind = Literal["icsr", "incident", "mir"]
"""What is reported: an individual case safety report of a drug, a care provider's report of an incident with a device,
or the device's manufacturer's (MIR)."""
Addressee = Literal["agency", "manufacturer"]
ADDRESSEES: tuple[Addressee, ...] = get_args(Addressee)
ReportType = Literal["spontaneous", "study", "other", "not_available"]
"""How a case safety report came about (ICH E2B(R3), C.1.3). Solicited reports are a study's."""
SENDERS_OF: Mapping[Kind, tuple[SenderRole, ...]] = {
    "icsr": ("icsr_sender",),
    "incident": ("care_provider",),
    "mir": ("manufacturer",),
}
"""Whose duty each kind may be."""
