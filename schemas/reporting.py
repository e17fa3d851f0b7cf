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
