"""What is said of signals and carriers, on the real engine, from messages as the loader inserts them; by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from sinks.clickhouse.erasure import erase
from sinks.clickhouse.queries.carriers import Affected, read_carriers
from sinks.clickhouse.queries.cell_sums import CannotBeReadError
from sinks.clickhouse.queries.reviews import (
    Decision,
    FollowUp,
    Standing,
    Subject,
    UnitProgress,
    find_subject,
    read_decisions,
    read_follow_up,
    read_notices,
    read_subjects,
)
from sinks.clickhouse.sql import database_of
from tests.derived_support import Register, days, derived_registry, exposure, made, write
from tests.review_support import SIGNAL, decided, identity, issued, moment, say, stands
from tests.support import patient

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

pytestmark = pytest.mark.embedded

ANNA, BO, CAJA, DORA, EDIT, FRED, GUN, HUGO = (patient(number) for number in range(1, 9))
ALARM = date(2024, 6, 1)


@pytest.fixture
def registry(client: Client, tmp_path: Path) -> RegistryDefinition:
    """Eight persons with CUP1, and what was registered of them until the 20th of June."""
    definition = made(client, derived_registry(tmp_path / "registries"))
    register = Register(definition)
    register.died(FRED, "f died", "2024-06-05")
    register.died(GUN, "g died", "2024-01-15")
    register.died(EDIT, "e died", "2024-06-10")
    register.operated(patient(9), "other", "2024-06-20", cup="CUP2")
    register.load(client)
    write(
        client, definition, 3, cells=[],
        exposures=[
            exposure("a", "2024-01-10", patient=ANNA, lot="L1"),
            exposure("b", "2024-02-01", patient=BO, lot="L2", side="left"),
            exposure("b2", "2024-02-02", patient=BO, side="right"),
            exposure("c", "2024-03-01", patient=CAJA, unit="U2", lot="L1"),
            exposure("d", "2024-05-20", patient=DORA, unit="U2", lot="L2"),
            # taken out in March, dead in June; dead in June; dead long before the alarm
            exposure("e", "2024-01-01", "2024-03-01", patient=EDIT, unit="U2", carried_until=days("2024-03-01")),
            exposure("f", "2024-01-01", "2024-06-05", patient=FRED, unit="U2", carried_until=days("2024-06-05")),
            exposure("g", "2024-01-01", "2024-01-15", patient=GUN, unit="U2", carried_until=days("2024-01-15")),
            exposure("h", "2024-06-10", patient=HUGO),
        ],
    )  # fmt: skip
    return definition


def followed(client: Client, registry: RegistryDefinition, **said: object) -> FollowUp:
    subject = Subject(SIGNAL, "cup", "CUP1", opened_on=ALARM)
    return read_follow_up(client, registry, subject, **{"until": date(2024, 6, 20), **said})  # type: ignore[arg-type]


def test_a_signals_history_is_a_log_in_which_the_first_message_of_an_id_counts(
    client: Client, registry: RegistryDefinition
) -> None:
    said = [
        decided(1, "taken_up", note="the taper?"),
        decided(2, "closed", reason="one surgeon", by="bo"),
        decided(3, "taken_up", about="cup/CUP1/1"),
        decided(4, "taken_up", reason="another clinic too", said_at=moment("2024-05-01")),
    ]
    say(client, registry, *said, offset=10)
    say(client, registry, decided(2, "confirmed"), offset=20)  # an id that was used before says nothing
    say(client, registry, *said, offset=10)  # a replay
    say(client, registry, said[0], epoch=1)  # sent again into the log's next life
    name = registry.name
    history = read_decisions(client, name, SIGNAL)
    assert [(one.state, one.reason, one.by) for one in history] == [
        ("taken_up", "", "anna"),
        ("closed", "one surgeon", "bo"),
        ("taken_up", "another clinic too", "anna"),
    ]
    assert history[0] == Decision(
        identity(1), SIGNAL, "cup", "CUP1", "taken_up", "", "the taper?", "anna", datetime(2024, 6, 1, tzinfo=UTC)
    )
    assert len(read_decisions(client, name)) == 4
    assert [one.about for one in read_subjects(client, name)] == [SIGNAL, "cup/CUP1/1"]
    # without a day of the alarm the first decision's counts, first as the log has it
    assert find_subject(client, name, SIGNAL) == Subject(SIGNAL, "cup", "CUP1", opened_on=ALARM)
    standing = {
        SIGNAL: Standing(date(2024, 4, 1), withdrawn=False), "cup/CUP2/0": Standing(date(2024, 4, 2), withdrawn=True),
        "cup/CUP3/0": Standing(None, withdrawn=False),  # at watch, and nobody has said a word
    }  # fmt: skip
    assert find_subject(client, name, SIGNAL, standing).opened_on == date(2024, 4, 1)
    assert [(one.about, one.opened_on) for one in read_subjects(client, name, standing)] == [
        (SIGNAL, date(2024, 4, 1)), ("cup/CUP1/1", ALARM), ("cup/CUP2/0", date(2024, 4, 2)),
    ]  # fmt: skip
    assert [one.about for one in read_subjects(client, name, standing) if one.withdrawn] == ["cup/CUP2/0"]


def test_how_far_each_unit_is_with_its_carriers(client: Client, registry: RegistryDefinition) -> None:
    assert followed(client, registry).units == [
        UnitProgress("U1", 3, {"to_call": 3}, 2),  # Hugo got his after the alarm, and has until the 24th
        UnitProgress("U2", 3, {"to_call": 2, "dead": 1}, 2),
    ]
    say(
        client, registry,
        stands(1, ANNA, "a", "checked"), stands(2, ANNA, "a", "called"), stands(3, ANNA, "a", "checked"),
        stands(4, BO, "b", "checked"),  # and nothing of his other hip
        stands(5, CAJA, "c", "moved", unit="U3"),
        stands(6, EDIT, "e", "called"),  # who carries it no more
        stands(7, DORA, "d", "called", about="cup/CUP1/1"),
    )  # fmt: skip
    found = followed(client, registry)
    assert found.units == [
        UnitProgress("U1", 3, {"checked": 1, "to_call": 2}, 1),
        UnitProgress("U2", 2, {"to_call": 1, "dead": 1}, 1),
        UnitProgress("U3", 1, {"moved": 1}, 1),
    ]
    assert (found.persons, found.number("checked"), found.erased) == (6, 1, 0)
    assert [one.unit for one in found.overdue] == ["U1", "U2", "U3"]
    # the numbers of who carries it now are without the dead, and so is a reading that asks for none
    assert (found.reading.units["U2"].persons, found.reading.units["U2"].over) == (1, 3)
    now = read_carriers(client, registry, Affected("CUP1", about=SIGNAL), until=date(2024, 6, 20))
    assert [(one.unit, one.put_in_at, one.registration_id, one.state) for one in now.carriers] == [
        ("U1", "U1", "a", "checked"), ("U1", "U1", "b", "checked"), ("U1", "U1", "b2", "to_call"),
        ("U1", "U1", "h", "to_call"), ("U2", "U2", "d", "to_call"), ("U3", "U2", "c", "moved"),
    ]  # fmt: skip
    (moved,) = followed(client, registry, unit="U3").reading.carriers
    assert (moved.registration_id, moved.said_at) == ("c", datetime(2024, 6, 1, tzinfo=UTC))

    # she stays with the unit that she moved to, whoever speaks of her
    say(client, registry, stands(9, CAJA, "c", "called", unit="U2"), offset=50)
    say(client, registry, stands(10, FRED, "f", "checked"), offset=60)  # before he died
    found = followed(client, registry, until=date(2024, 6, 15))
    assert found.units[1:] == [
        UnitProgress("U2", 2, {"to_call": 1, "checked": 1}, 0),
        UnitProgress("U3", 1, {"called": 1}, 0),
    ]
    assert followed(client, registry, overdue_after=20).overdue == []
    say(client, registry, decided(11, "closed", reason="recalled"), offset=70)
    assert followed(client, registry).overdue == []  # nothing is awaited any more


def test_of_a_product_the_latest_state_counts_whatever_it_was_said_about(
    client: Client, registry: RegistryDefinition
) -> None:
    say(
        client, registry,
        stands(1, ANNA, "a", "checked", said_at=moment("2024-06-03")),
        stands(2, ANNA, "a", "called", about="cup/CUP1/1", said_at=moment("2024-06-02")),
    )  # fmt: skip
    first, *_ = read_carriers(client, registry, Affected("CUP1")).carriers
    assert (first.registration_id, first.state) == ("a", "checked")
    other, *_ = read_carriers(client, registry, Affected("CUP1", about="cup/CUP1/1")).carriers
    assert other.state == "called"


def test_a_notice_opens_lists_of_its_lots_and_its_time(client: Client, registry: RegistryDefinition) -> None:
    say(
        client, registry,
        issued(1, lots=["L1", "L9"]),
        issued(
            2, first_day=days("2024-02-02"), last_day=days("2024-05-20"), said_at=moment("2024-06-03"), udi_di="095"
        ),
        stands(3, ANNA, "a", "declined", about=identity(1)),
    )  # fmt: skip
    of_lots, of_time = read_notices(client, registry.name)
    assert (of_lots.lots, of_lots.first_day, of_lots.reference) == (("L1", "L9"), None, "FSN-7")
    assert (of_time.first_day, of_time.last_day, of_time.udi_di) == (date(2024, 2, 2), date(2024, 5, 20), "095")
    subject = find_subject(client, registry.name, identity(1))
    assert (subject.lots, subject.opened_on, subject.about) == (("L1", "L9"), ALARM, identity(1))
    found = read_follow_up(client, registry, subject, until=date(2024, 6, 20))
    # b2, f and h are of no known lot
    assert [(one.registration_id, one.state) for one in found.reading.carriers] == [
        ("a", "declined"), ("b2", "to_call"), ("h", "to_call"), ("f", "dead"), ("c", "to_call"),
    ]  # fmt: skip
    assert found.reading.units["U1"].lot_unknown == 2
    in_time = read_follow_up(client, registry, find_subject(client, registry.name, identity(2)))
    assert [one.registration_id for one in in_time.reading.carriers] == ["b2", "c", "d"]
    with pytest.raises(CannotBeReadError, match=r"(?s)00000000-0000 is the beginning of several.*2 CUP1: FSN-7, Nord"):
        find_subject(client, registry.name, identity(1)[:13])
    with pytest.raises(CannotBeReadError, match="0000 is no signal"):
        find_subject(client, registry.name, "0000")


def test_who_opts_out_leaves_every_number_and_is_erased_but_for_being_counted(
    client: Client, registry: RegistryDefinition
) -> None:
    said = [
        stands(1, ANNA, "a", "called", exposure_version=3, note="in May"),
        stands(2, ANNA, "a", "checked", exposure_version=3),
        stands(3, BO, "b", "checked", exposure_version=3),
        stands(4, BO, "b2", "checked", exposure_version=3),
        stands(5, CAJA, "c", "called", exposure_version=3),
        stands(6, ANNA, "a", "declined", exposure_version=3, about="cup/CUP1/1"),
    ]
    say(client, registry, *said)
    assert [one.states for one in followed(client, registry).units] == [
        {"checked": 2, "to_call": 1}, {"called": 1, "to_call": 1, "dead": 1},
    ]  # fmt: skip
    register = Register(registry, first_offset=10)
    register.opted_out(ANNA, "a out")
    register.opted_out(BO, "b out")
    register.load(client)

    def rows() -> list[str]:
        table = f"{database_of(registry.name)}.reviews"
        return sorted({row[0] for row in client.rows(f"SELECT patient FROM {table} FINAL")})

    def expect(erased: int) -> None:
        found = followed(client, registry)
        assert (found.units[0], found.erased) == (UnitProgress("U1", 1, {"to_call": 1}, 0), erased)

    expect(2)  # persons, not hips or what was said
    assert rows() == [ANNA, BO, CAJA]
    assert erase(client, registry)["reviews"] == 5
    assert rows() == [CAJA]
    expect(2)
    say(client, registry, *said)  # a rewind
    expect(2)
    erase(client, registry)
    expect(2)
    assert rows() == [CAJA]

    # Anna comes back: what is said of her then counts, what was said before is gone for good
    back = Register(registry, first_offset=12)
    back.lifted(ANNA, "a out")
    again = back.operated(ANNA, "a", "2024-01-10")
    back.load(client)
    write(client, registry, again, cells=[], exposures=[exposure("a", "2024-01-10", patient=ANNA)])
    say(client, registry, *said)
    assert followed(client, registry).units[0] == UnitProgress("U1", 2, {"to_call": 2}, 1)
    say(client, registry, stands(7, ANNA, "a", "checked", exposure_version=again), offset=40)
    erase(client, registry)
    assert rows() == [ANNA, CAJA]
    found = followed(client, registry)
    assert (found.units[0].states, found.erased) == ({"checked": 1, "to_call": 1}, 2)
