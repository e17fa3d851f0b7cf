"""What a company's machine is told by the feed: server-sent events read into records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from sinks.portal.api.answers import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Told(Frozen):
    """A CloudEvent of the feed; see docs/feeds.md for what its data holds."""

    id: str
    source: str = Field(examples=["/registries/hip"])
    type: str = Field(examples=["guldadra.signal.raised"])
    subject: str = Field(examples=["cup/CUP01/0"])
    time: str
    company: str
    epoch: int
    data: dict[str, Any]


def told_of(lines: Iterable[str]) -> Iterator[Told]:
    """The events of a stream's lines. Comments, and what has no id such as the stream's last word, are left out."""
    identity, data = "", ""
    for line in lines:
        if not line:
            if identity and data:
                yield Told.model_validate_json(data)
            identity, data = "", ""
        elif line.startswith("id: "):
            identity = line.removeprefix("id: ")
        elif line.startswith("data: "):
            data += line.removeprefix("data: ")
