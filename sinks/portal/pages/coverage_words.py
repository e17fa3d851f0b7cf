"""What is said of coverage: shares and bounds, whether a target is reached, what a definition means, what to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sinks.portal.texts import NOTHING

if TYPE_CHECKING:
    from schemas.definition.coverage import CoverageDefinition
    from sinks.clickhouse.queries.coverage import CoverageRow
    from sinks.clickhouse.queries.coverage_shares import Bounds, Share
    from sinks.portal.portal import Asked
    from sinks.portal.texts import Texts


def meaning_words(t: Texts, definition: CoverageDefinition, asked: Asked) -> str:
    """What a definition of coverage is a share of."""
    counts = asked.definition.coverage.counts if asked.definition.coverage else {}
    reference = " + ".join(t.of(counts[one]) for one in definition.reference)
    found = t("registrations") if definition.found is None else t.of(counts[definition.found])
    match definition.share_of:
        case "units":
            return t(
                "Of the units that the source knows something of (%(reference)s), those that registered anything in "
                "the period.",
                reference=reference,
            )
        case "registering_units":
            return t(
                "Of what the source counts (%(reference)s) at units that registered anything in the period: %(found)s.",
                reference=reference,
                found=found,
            )
        case "everything":
            return t("Of all that the source counts (%(reference)s): %(found)s.", reference=reference, found=found)


def target_words(t: Texts, row: CoverageRow) -> str:
    """Whether the target is reached; empty where there is none."""
    if row.target is None:
        return ""
    said = {
        True: t("the target of %(target)s is reached", target=t.share(row.target, 0)),
        False: t("the target of %(target)s is not reached", target=t.share(row.target, 0)),
        None: t("whether the target of %(target)s is reached cannot be told", target=t.share(row.target, 0)),
    }
    return said[row.reached]


def state_words(t: Texts, row: CoverageRow) -> str:
    """Why nothing can be compared; empty where it can."""
    return {"compared": "", "too early": t("too early"), "no counts": t("no counts")}[row.state]


def state_or_share(t: Texts, row: CoverageRow, *, adjusted: bool = False) -> str:
    """The share, or why there is none."""
    if row.state != "compared":
        return state_words(t, row)
    return share_words(t, (row.adjusted if adjusted else None) or row.share)


def share_words(t: Texts, share: Share | None) -> str:
    """A share, or between which two it lies."""
    if share is None:
        return NOTHING
    low, high = t.share(share.low), t.share(share.high)
    return low if low == high else t("%(lower)s to %(upper)s", lower=low, upper=high)


def share_cell(t: Texts, row: CoverageRow, share: Share | None) -> float | str | None:
    """A share as a number where it is one; bounds and what cannot be judged in words."""
    if row.state != "compared":
        return state_words(t, row)
    if share is None:
        return None
    return share.low if share.low == share.high else share_words(t, share)


def limits_of(share: Share | None) -> tuple[float | None, float | None]:
    """The 95 % limits of a share."""
    return (None, None) if share is None else (share.lower, share.upper)


def bounds_cell(t: Texts, bounds: Bounds) -> int | str:
    """A number, or between which two it lies."""
    if bounds.low == bounds.high:
        return bounds.low
    return t("%(lower)s to %(upper)s", lower=t.number(bounds.low), upper=t.number(bounds.high))


def remarks_words(t: Texts, row: CoverageRow) -> str:
    """What is to be known of a row."""
    said = []
    if row.early:
        said.append(t("%(number)s months too early", number=row.early))
    if row.uncompared:
        said.append(t("%(number)s registered in months without counts", number=t.number(row.uncompared)))
    if row.over:
        said.append(t("* more than the source has, at %(number)s units", number=row.over))
    return "; ".join(said)
