"""A registration's exposures to products, as Python source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.definition.monitors import BETWEEN
from streams.journeys.records import DAY, ID

if TYPE_CHECKING:
    from schemas.definition.indicators import End, Following
    from schemas.definition.monitors import Group
    from streams.journeys.anchor_code import AnchorCode


class ExposureCode:
    """Writes the exposures of one registry."""

    def __init__(self, anchor: AnchorCode) -> None:
        self._anchor = anchor
        self._code = anchor.code

    def of(self, name: str, exposure: Group) -> list[str]:
        """The anchor's exposure to the product that it names."""
        form = exposure.form
        code = self._code
        lot = "''" if exposure.lot is None else f"({code.place(form, exposure.lot, 'a')} or '')"
        side, labels = code.role(form, "side", "a"), self._anchor.labels(exposure, exposure.by)
        recorded = self._anchor.once(code.recorded("a"), exposure)
        parts = [code.place(form, field, "a") for field in exposure.product]
        named = parts[0]
        if len(parts) > 1:
            known = " and ".join(f"{part} is not None" for part in parts)
            named = f"{f' + {BETWEEN!r} + '.join(parts)} if {known} else None"
        product = [f"product = {named}", "if product is not None:"]
        since = self._anchor.once(f"since(unit, {side}, {labels}, a[{DAY}])", exposure)
        outcomes = exposure.outcomes
        ends: list[Following | End] = [*exposure.ends, *exposure.carried_until]
        ends += [] if outcomes is None else [outcomes]
        may_end = self._anchor.may_end(ends)
        if may_end is None and not self._anchor.alone:  # reports
            state = f"product_and_lot((product, {lot})) + {since} + OPEN_STILL + recorded(({recorded}, None))"
            return [*product, f"    {self._anchor.found_exposure(name, state)}"]
        if may_end is None:  # as for a journey of one registration
            who = self._anchor.once(f"who(patient, a[{ID}]) + NOTHING_BEFORE", exposure)
            rest = self._anchor.once(
                f"{since} + OPEN_STILL + recorded(({recorded}, None)) + NO_OPT_OUT + made_by(version)", exposure
            )
            found = f"{who} + product_and_lot((product, {lot})) + {rest}"
            return [*product, f"    exposures[{name!r}].append((version, {found}))"]
        of_outcome = ("" if outcomes is None else str(outcomes.form), "r")
        specific = "False" if exposure.specific is None else code.expression(exposure.specific, *of_outcome)
        unknown = "False" if exposure.unknown is None else code.expression(exposure.unknown, *of_outcome)
        ended, found = self._ended(exposure), self._outcomes(outcomes, form)
        carried = self._anchor.first_day(exposure.carried_until, exposure) if exposure.carried_until else "end"
        state = f"product_and_lot((product, {lot})) + {since} + became + recorded(({recorded}, end_recorded))"
        return [
            *product,
            f"    end, reason, end_recorded = {ended}",
            f"    carried = {carried}",
            f"    found = {found}",
            "    days, unknown = NO_DAYS, 0",
            "    if found:",
            f"        days = [r[{DAY}] for r in found], [r[{DAY}] for r in found if {specific}]",
            f"        unknown = sum([1 for r in found if {unknown} and not {specific}])",
            "    became = course(end, reason, carried, days, unknown)",
            f"    {self._anchor.found_exposure(name, state)}",
        ]

    def _ended(self, exposure: Group) -> str:
        """The expression of (day, reason, day recorded) of an exposure's end."""
        may_end = self._anchor.may_end(exposure.ends)
        if may_end is None:
            return "NOT_ENDED"
        ends = "".join(f"({self._anchor.first(one, exposure)}, {one.reason!r}), " for one in exposure.ends)
        return self._anchor.once(f"(ended(({ends})) if {may_end} else NOT_ENDED)", exposure)

    def _outcomes(self, outcomes: Following | None, form: str) -> str:
        """The expression of the outcomes that come while exposed; ``end`` is its last day."""
        place = -1 if outcomes is None else self._anchor.records.form_at(str(outcomes.form))
        if outcomes is None or place in self._code.missing:
            return "NONE"
        following = self._code.following(outcomes, form)
        return f"[r for r in {following}(a, F, T) if r[{DAY}] <= end] if F[{place}] else NONE"
