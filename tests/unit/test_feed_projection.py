"""What leaves on a feed is a list of what is allowed, for companies with a contract alone."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from schemas.codec import decode_event, encode_event
from schemas.company import companies_of
from schemas.definition.folder import load_registries
from sinks.feeds.projection import entitled_makers, feed_projection
from tests.feed_support import signal
from tests.unit.test_surveillance_message import played, said

if TYPE_CHECKING:
    from schemas.definition.registry import RegistryDefinition

NORDFALK = "nordfalk-ortopedi"  # makes CUP01, and has a contract since 1999
TODAY = date(2024, 3, 1)
ALLOWED = {
    "registry", "id", "monitor", "definition", "product", "name", "state", "level", "why", "levels", "path",
    "others_not_compared", "methods",
}  # fmt: skip


@pytest.fixture(scope="module")
def hip() -> RegistryDefinition:
    return load_registries()["hip"]


def told(hip: RegistryDefinition, message: dict[str, Any], company: str = NORDFALK, day: date = TODAY) -> Any:
    return feed_projection(hip, companies_of([hip]), lambda: day)(message, company)


def as_cup01() -> dict[str, Any]:
    """The last message about the Inter-op cup, as if it were CUP01."""
    watch, stated = played()
    cup01 = {"product": "CUP01", "products": ["CUP01"], "id": "cup/CUP01/0", "cause": "product"}
    return {**said(watch, stated[-1]), **cup01}


def test_only_what_is_allowed_leaves_and_no_day_place_unit_or_registration(hip: RegistryDefinition) -> None:
    message = as_cup01()
    found = told(hip, message)
    assert set(found) == ALLOWED
    text = json.dumps(found)
    assert str(message["version"]) not in text
    for unit in {one["unit"] for one in message["units"]}:
        assert f'"{unit}"' not in text
    assert {len(one["month"]) for one in found["levels"]} == {len("1970-05")}
    # watch on 1970-05-22 with the second, alarm on 1970-06-11 with the third: see the reference fixture
    assert [(one["level"], one["month"], one["observed"]) for one in found["levels"]] == [
        ("watch", "1970-05", 2), ("alarm", "1970-06", 3),
    ]  # fmt: skip
    assert {one["expected"] for one in (*found["levels"], *found["path"])} == {None}


def test_it_is_told_to_the_maker_with_a_contract_and_to_nobody_else(hip: RegistryDefinition) -> None:
    message = signal(hip)
    names = companies_of([hip])
    assert [company for company in names if told(hip, message, company)] == [NORDFALK]
    assert told(hip, message, day=date(1998, 12, 31)) is None, "before the contract"
    assert told(hip, {**message, "cause": "unit"}) is None
    makers = entitled_makers(hip, names, lambda: TODAY)
    assert list(makers("CUP01")) == [NORDFALK]
    assert list(makers("CUP01 + NONE")) == [NORDFALK]
    skarvik = next(
        code for code, row in hip.catalogues["components"].rows.items() if row["company"] == "Skarvik Implants"
    )
    assert list(makers(skarvik)) == [], "its contract ran out in 2000"


def test_what_the_codec_gives_is_what_is_projected(hip: RegistryDefinition) -> None:
    message = signal(hip)
    assert told(hip, decode_event("signal", encode_event("signal", message))) == told(hip, message)
