"""What a company is told of a signal on its feed: the portal's projection, with nothing that needs the database.

So it says nothing of what others' products would have made one expect, of no hospital and of no lot: for these the
company looks at its pages, where the controller's rules about them are seen to, and the reading is kept.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from schemas.definition.monitors import BETWEEN
from sinks.clickhouse.queries.company_database.entitled import NotEntitledError, entitle
from sinks.clickhouse.queries.signals import StatedSignal
from sinks.portal.projection import project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.feeds.telling import Projection

NOT_HERE = "what others are compared with is on the company's pages"
_1970 = date(1970, 1, 1)
_DAYS = frozenset({"day", "known_day"})
_ONLY_ON_PAGES = frozenset({"hospitals", "lots"})


def feed_projection(definition: RegistryDefinition, names: Mapping[str, str], today: Callable[[], date]) -> Projection:
    """The projection for companies with a contract in force.

    Args:
        definition: the registry.
        names: companies' names, as the catalogues have them, by code.
        today: the day.
    """

    def told(signal: Mapping[str, Any], company: str) -> Mapping[str, Any] | None:
        try:
            entitled = entitle(definition, names[company], today())
        except NotEntitledError:
            return None
        found = project(_stated(signal), entitled, others_not_compared=NOT_HERE)
        if found is None:
            return None
        return {name: value for name, value in found.as_json().items() if name not in _ONLY_ON_PAGES}

    return told


def entitled_makers(
    definition: RegistryDefinition, names: Mapping[str, str], today: Callable[[], date]
) -> Callable[[str], Iterable[str]]:
    """Who makes a product, or a part of a construct, and has a contract in force: codes of companies."""

    def makers(product: str) -> Iterable[str]:
        day = today()
        for company, name in names.items():
            try:
                own = entitle(definition, name, day).own
            except NotEntitledError:
                continue
            if not {code for codes in own.values() for code in codes}.isdisjoint(product.split(BETWEEN)):
                yield company

    return makers


def _stated(signal: Mapping[str, Any]) -> StatedSignal:
    """A ``Signal`` as queries give it, its days as days."""
    return StatedSignal(**{name: _with_days(signal[name]) for name in StatedSignal.__dataclass_fields__})


def _with_days(value: Any) -> Any:  # noqa: ANN401 - any field of a signal
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return value
    return [
        {name: _1970 + timedelta(days=one) if name in _DAYS and one is not None else one for name, one in part.items()}
        for part in value
    ]
