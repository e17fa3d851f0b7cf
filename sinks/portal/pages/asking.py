"""What an address says in its query, held against what makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sinks.portal.guard import AskError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sinks.portal.portal import Asked

Known = TypeVar("Known", bound=str)


def one_of(asked: Asked, name: str, known: Sequence[Known], default: Known) -> Known:
    """One of the values that are known; the default where none is given.

    Raises:
        AskError: another one is given; the message names those that are known.
    """
    said = asked.one(name)
    if not said:
        return default
    for one in known:
        if one == said:
            return one
    words = ", ".join(one for one in known if one)
    raise AskError(asked.texts("Give %(name)s as one of %(known)s.", name=name, known=words))


def day_of(asked: Asked, name: str, known: Iterable[date]) -> date | None:
    """One of the days that are known; None where none is given.

    Raises:
        AskError: another one is given.
    """
    said = asked.one(name)
    if not said:
        return None
    for one in known:
        if one.isoformat() == said:
            return one
    raise AskError(asked.texts("There is nothing of the period %(said)s.", said=said))
