"""What a company is told of: signals of its own products, and field safety notices about them.

Pages, forms and the API ask here, so that none of them knows more than another.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from schemas.company import company_code
from schemas.definition.monitors import BETWEEN
from schemas.subjects import subject_of
from sinks.clickhouse.queries.awareness import record_reading
from sinks.clickhouse.queries.company_database.choice import parse_choice
from sinks.clickhouse.queries.company_database.hospitals import read_hospitals
from sinks.clickhouse.queries.company_database.lots import LotRow, lots_shown, read_lots
from sinks.clickhouse.queries.company_database.reading import read_company
from sinks.clickhouse.queries.reviews import read_notices
from sinks.clickhouse.queries.signals import read_signals
from sinks.portal.projection import ToldSignal, project, tells_hospitals, why_not_told
from sinks.portal.texts import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sinks.clickhouse.queries.company_database.entitled import Entitled
    from sinks.clickhouse.queries.reviews import Notice
    from sinks.clickhouse.queries.signals import StatedSignal
    from sinks.portal.portal import Asked


class Own(NamedTuple):
    """A signal as the company is told of it, and as it stands, which never leaves."""

    stated: StatedSignal
    told: ToldSignal


def own_signals(asked: Asked, entitled: Entitled, *, naming_hospitals_of: str = "") -> list[Own]:
    """The signals that the company is told of.

    Args:
        asked: by whom.
        entitled: the company.
        naming_hospitals_of: a signal of which the names of the hospitals with carriers are wanted too, where the
            company is told them at all; such a reading is to be logged.

    Raises:
        DatabaseError: the database does not answer, or refuses.
    """

    @cache
    def why_not_compared(kind: str) -> str | None:
        reading = read_company(asked.client, entitled, parse_choice({"kind": [kind]}, entitled), curves=())
        return reading.others[kind].why_not if kind in reading.others else marked("others are not counted")

    @cache
    def lots(kind: str) -> Sequence[LotRow]:
        return read_lots(asked.client, entitled, kind)

    found = []
    for signal in read_signals(asked.client, asked.definition).signals:
        if why_not_told(signal, entitled) is not None:
            continue
        kind = signal.group if signal.group in entitled.own else next(iter(entitled.own))
        product = subject_of(signal.product).name if signal.lot else signal.product
        named = signal.id == naming_hospitals_of and tells_hospitals(signal, entitled)
        told = project(
            signal,
            entitled,
            others_not_compared=why_not_compared(kind),
            lots=lots_shown(lots(kind), product),
            hospitals=read_hospitals(asked.client, entitled, signal.product) if named else (),
        )
        if told is not None:
            found.append(Own(signal, told))
    return found


def own_notices(asked: Asked, entitled: Entitled) -> list[Notice]:
    """The field safety notices about the company's products, the earliest first."""
    own = {code for codes in entitled.own.values() for code in codes}
    return [
        one
        for one in read_notices(asked.client, asked.definition.name)
        if not own.isdisjoint(one.product.split(BETWEEN))
    ]


def keep_reading(asked: Asked, subjects: Iterable[str], channel: str = "page") -> None:
    """Keep that somebody of the company was shown signals or notices: it is aware of them from the first time on."""
    at = asked.portal.moment
    company = company_code(asked.person.company)
    record_reading(
        asked.client, asked.definition.name, company, subjects, at=at, channel=channel, by=asked.person.subject
    )
