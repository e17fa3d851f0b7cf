"""What reports come to: the way of one, what may not happen, and that nothing but the log's order decides."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_event, encode_event
from schemas.report import STEPS, case_id, is_case_id, report_faults
from sinks.agency.cases import case_number, message_id, step_id
from sinks.agency.clocks import clock_of
from sinks.agency.deadlines import Rules
from sinks.agency.outbox import WAITS_FOR, Case, IllegalStepError, Receipt, apply, fold, taken
from tests.agency_support import CASE, days, follow_up, identity, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sinks.agency.outbox import Report

NUMBER = "19121212-1212"
_OWN_ID = f"{CASE}.A1.1"
_BY_THE_WAY = ("drafted", "checked", "attempted", "sent", "acknowledged")


def after(*taken_steps: Mapping[str, Any]) -> Case:
    case = Case(CASE)
    for one in taken_steps:
        case = apply(case, one)
    return case


def way(*names: str, start: int = 1, **said: Any) -> list[dict[str, Any]]:
    return [step(start + place, name, **said) for place, name in enumerate(names)]


def state(case: Case, version: int = 1, addressee: str = "agency") -> str:
    return case.reports[version, addressee].state


def refused(case: Case, record: Mapping[str, Any]) -> str:
    with pytest.raises(IllegalStepError) as caught:
        apply(case, record)
    return str(caught.value)


# The message


@pytest.mark.parametrize("name", STEPS)
def test_each_step_may_be_sent_and_is_read_as_it_was_written(name: str) -> None:
    record = step(1, name)
    assert report_faults(record) == []
    assert decode_event("report", encode_event("report", record)) == record


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (step(1, "posted"), "step is none of drafted, assigned, returned, checked"),
        (step(1, "checked", id="1"), "id is not a UUID in lower case"),
        (step(1, "checked", case="SE-exempel-1"), "case is no case id (country-organisation-number)"),
        (step(1, "checked", addressee="ministry"), "addressee is none of agency, manufacturer"),
        (step(1, "checked", by=" "), "by is empty"),
        (step(1, "checked", version=0), "case_version is not from 1 to 1000"),
        (step(1, "checked", edition=1_001), "edition is not from 1 to 1000"),
        (step(1, "checked", reason="fine"), "reason has no place where a report is checked"),
        (step(1, "sent", message_id=None), "message_id is needed where a report is sent"),
        (step(1, "sent", message_id="x" * 101), "message_id is longer than 100 characters"),
        (step(1, "rejected", reason="  "), "reason is needed where a report is rejected"),
        (step(1, "rejected", reason=f"of {NUMBER}"), "reason holds a personal identity number"),
        (step(1, "withdrawn", reason="x" * 2_001), "reason is longer than 2000 characters"),
        (step(1, "acknowledged", code=None), "code is needed where a report is acknowledged"),
        (step(1, "checked", said_at=2**62), "said_at lies outside what can be kept"),
        (step(1, "drafted", content=b""), "content is needed where a report is drafted"),
        (step(1, "drafted", content=bytes(3 * 1024 * 1024 + 1)), "content is larger than 3145728 bytes"),
        (step(1, "drafted", kind="letter"), "kind is none of icsr, incident, mir"),
        (step(1, "drafted", sender="care_provider"), "sender of kind icsr is icsr_sender"),
        (step(1, "drafted", classes=["death"]), "classes of icsr_sender are serious, non_serious"),
        (step(1, "drafted", learnt_on=None), "learnt_on goes with classes"),
        (
            step(1, "drafted", classes=[], learnt_on=None),
            "classes are needed of an initial report, which has a deadline",
        ),
        (step(1, "drafted", type="second"), "type is none of initial, follow_up, amendment, nullification"),
        (step(1, "drafted", nullified_as="error"), "nullified_as goes with a nullification"),
        (step(1, "drafted", type="nullification"), "nullified_as goes with a nullification"),
        (step(1, "drafted", type="nullification", nullified_as="opt_out"), "nullified_as is none of error, duplicate"),
        (
            step(1, "drafted", type="nullification", nullified_as="duplicate"),
            "duplicate_of goes with a nullification as duplicate",
        ),
        (
            step(1, "drafted", type="nullification", nullified_as="duplicate", duplicate_of=CASE),
            "duplicate_of is no other case's id",
        ),
        (step(1, "drafted", patient="anna"), "patient is not a pseudonym"),
        (step(1, "drafted", sources=[f"visit/{NUMBER}"]), "sources holds a personal identity number"),
    ],
)
def test_each_rule_of_the_message_is_told_by_field_and_never_by_value(record: dict[str, Any], told: str) -> None:
    (fault,) = report_faults(record)
    assert str(fault).startswith(told)
    assert NUMBER not in str(fault)


# The names


def test_a_case_has_a_worldwide_unique_id_which_tells_nothing() -> None:
    own = {
        "registry": "biologics",
        "kind": "icsr",
        "form": "adverse_reaction",
        "patient": "k1-" + "a" * 26,
        "registration_id": "R-1",
    }
    number = case_number(**own)
    assert number == case_number(**own)
    others = [case_number(**{**own, name: f"{value}x"}) for name, value in own.items()]
    assert len({number, *others}) == 6
    made = case_id("SE", "EXEMPEL", number)
    assert made == f"SE-EXEMPEL-{number}"
    assert is_case_id(made)
    assert len(message_id(case_id("SE", "A" * 30, "B" * 40), 1_000, "manufacturer", 1_000)) <= 100


@pytest.mark.parametrize(
    "parts", [("se", "A", "1"), ("SWE", "A", "1"), ("SE", "A-B", "1"), ("SE", "", "1"), ("SE", "A", "å")]
)
def test_what_is_no_case_id_is_refused(parts: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="is no case id: two capitals, then organisation and number"):
        case_id(*parts)


def test_a_step_that_a_machine_takes_again_has_its_id_again() -> None:
    once = step_id(step(1, "attempted"), 1)
    assert once == step_id(step(2, "attempted", said_at=5), 1)
    others = [
        step_id(step(1, "attempted"), 2),
        step_id(step(1, "sent"), 1),
        step_id(step(1, "attempted", version=2), 1),
        step_id(step(1, "attempted", edition=2), 1),
        step_id(step(1, "attempted", addressee="manufacturer"), 1),
        step_id(step(1, "attempted", case="SE-EXEMPEL-K2"), 1),
    ]
    assert len({once, *others}) == 7
    assert report_faults(step(1, "attempted", id=once)) == []


# The way of a report


@pytest.mark.parametrize(
    ("names", "state_then", "waits_for"),
    [
        (["drafted"], "drafted", "check"),
        (["drafted", "returned"], "returned", "draft"),
        (["drafted", "checked"], "checked", "sending"),
        (["drafted", "checked", "attempted"], "unknown", "reconciliation"),
        (["drafted", "checked", "attempted", "sent"], "sent", "acknowledgement"),
        (["drafted", "checked", "attempted", "sent", "acknowledged"], "acknowledged", None),
        (["drafted", "checked", "attempted", "sent", "rejected"], "rejected", "correction"),
        (["drafted", "checked", "attempted", "failed"], "checked", "sending"),
        (["drafted", "withdrawn"], "withdrawn", None),
        (["drafted", "checked", "withdrawn"], "withdrawn", None),
        (["drafted", "checked", "attempted", "failed", "withdrawn"], "withdrawn", None),
        # The outcome of an attempt is not known until the addressee answers, which says it.
        (["drafted", "checked", "attempted", "acknowledged"], "acknowledged", None),
        (["drafted", "checked", "attempted", "rejected"], "rejected", "correction"),
        # Sent again, under the same id: what became of the first time is still not known.
        (["drafted", "checked", "attempted", "attempted"], "unknown", "reconciliation"),
        (["drafted", "checked", "attempted", "attempted", "failed"], "unknown", "reconciliation"),
        (["drafted", "checked", "attempted", "attempted", "failed", "failed"], "checked", "sending"),
        (["drafted", "checked", "attempted", "failed", "attempted", "sent"], "sent", "acknowledgement"),
        (["drafted", "checked", "attempted", "sent", "attempted"], "sent", "acknowledgement"),
        (["drafted", "checked", "attempted", "sent", "attempted", "failed"], "sent", "acknowledgement"),
    ],
)
def test_a_report_goes_its_way(names: list[str], state_then: str, waits_for: str | None) -> None:
    case = after(*way(*names))
    found = case.reports[1, "agency"]
    assert found.state == state_then
    assert WAITS_FOR[found.state] == waits_for
    assert [one["step"] for one in case.log] == names


@pytest.mark.parametrize(
    ("names", "then", "told"),
    [
        ([], "checked", "checked: there is no draft of version 1 to the agency"),
        (["drafted"], "attempted", "version 1 to the agency is drafted, not checked or unknown or sent"),
        (["drafted"], "sent", "is drafted, not unknown or sent"),
        (["drafted"], "acknowledged", "is drafted, not unknown or sent"),
        (["drafted", "returned"], "checked", "is returned, not drafted"),
        (["drafted", "checked"], "checked", "is checked, not drafted"),
        (["drafted", "checked"], "sent", "is checked, not unknown or sent"),
        (["drafted", "checked"], "failed", "is checked, not unknown or sent"),
        (["drafted", "checked", "attempted"], "withdrawn", "is unknown, not drafted or returned or checked"),
        (["drafted", "checked", "attempted"], "returned", "is unknown, not drafted or checked"),
        (["drafted", "checked", "attempted", "sent"], "withdrawn", "is sent, not drafted or returned or checked"),
        (["drafted", "checked", "attempted", "sent"], "failed", "no attempt to send version 1 to the agency is open"),
        (list(_BY_THE_WAY), "rejected", "is acknowledged, not unknown or sent"),
        (list(_BY_THE_WAY), "attempted", "is acknowledged, not checked or unknown or sent"),
        (["drafted", "withdrawn"], "checked", "is withdrawn, not drafted"),
    ],
)
def test_a_step_out_of_its_place_is_refused(names: list[str], then: str, told: str) -> None:
    assert told in refused(after(*way(*names)), step(99, then))


def test_a_step_of_another_edition_or_case_is_refused() -> None:
    drafted = after(*way("drafted", "returned"), step(3, "drafted", edition=2))
    assert refused(drafted, step(4, "checked")) == "checked: is of edition 1, and 2 is the last"
    assert "is of the case SE-EXEMPEL-K2, not SE-EXEMPEL-K1" in refused(
        drafted, step(4, "checked", case="SE-EXEMPEL-K2")
    )
    assert "addressee is none of" in refused(drafted, step(4, "checked", addressee="ministry"))


def test_four_eyes_are_those_of_two_persons() -> None:
    drafted = after(step(1, "drafted", four_eyes=True, by="anna"))
    assert "needs another person than the one who drafted it" in refused(drafted, step(2, "checked", by="anna"))
    checked = apply(drafted, step(2, "checked", by="berit"))
    assert checked.reports[1, "agency"].checked_by == "berit"
    # Whoever drafts it anew is its drafter from then on, and what was checked is checked no more.
    anew = after(
        step(1, "drafted", four_eyes=True, by="anna"),
        step(2, "checked", by="berit"),
        step(3, "drafted", four_eyes=True, by="berit", edition=2),
    )
    assert (state(anew), anew.reports[1, "agency"].checked_by) == ("drafted", None)
    assert "needs another person" in refused(anew, step(4, "checked", by="berit", edition=2))
    assert state(apply(anew, step(4, "checked", by="anna", edition=2))) == "checked"


def test_what_a_machine_drafted_has_four_eyes_once_two_persons_have_checked_it() -> None:
    drafted = after(step(1, "drafted", four_eyes=True, by="guldadra"))
    once = apply(drafted, step(2, "checked", by="anna"))
    assert (state(once), once.reports[1, "agency"].checked_by) == ("drafted", "anna")
    assert "needs another person than the one who checked it first" in refused(once, step(3, "checked", by="anna"))
    assert "is drafted, not checked" in refused(once, step(3, "attempted"))
    assert state(apply(once, step(3, "checked", by="berit"))) == "checked"
    returned = apply(once, step(3, "returned", by="berit"))
    assert returned.reports[1, "agency"].checked_by is None


def test_two_eyes_are_a_persons_all_the_same() -> None:
    drafted = after(step(1, "drafted", by="guldadra"))
    for name in ("checked", "returned"):
        assert refused(drafted, step(2, name, by="guldadra")) == f"{name}: a person checks reports"
    assert state(apply(after(step(1, "drafted", by="anna")), step(2, "checked", by="anna"))) == "checked"


def test_nothing_is_sent_under_another_id() -> None:
    checked = after(*way("drafted", "checked"))
    for name in ("attempted",):
        told = refused(checked, step(3, name, message_id=f"{CASE}.A1.2"))
        assert told == f"attempted: version 1 to the agency has the message id {_OWN_ID}, and no other"
    attempted = apply(checked, step(3, "attempted"))
    for name in ("sent", "failed", "acknowledged", "rejected", "attempted"):
        assert f"has the message id {_OWN_ID}" in refused(attempted, step(4, name, message_id="else"))


def test_what_was_rejected_is_corrected_and_sent_under_an_id_of_its_own() -> None:
    case = after(*way("drafted", "checked", "attempted", "rejected"))
    assert refused(case, step(5, "drafted")) == "drafted: the next edition of version 1 to the agency is 2"
    assert "version 1 is rejected: draft its next edition instead" in refused(case, follow_up(5, 2))
    corrected = [
        step(5, "drafted", edition=2),
        *way("checked", "attempted", "sent", "acknowledged", start=6, edition=2),
    ]
    for one in corrected:
        case = apply(case, one)
    found = case.reports[1, "agency"]
    assert (found.state, found.edition) == ("acknowledged", 2)
    assert [(one.message_id, one.accepted, one.code) for one in found.receipts] == [
        (f"{CASE}.A1.1", False, "CR"),
        (f"{CASE}.A1.2", True, "CA"),
    ]
    assert len(case.log) == 9  # nothing of the first edition is gone


def test_one_incident_has_two_addressees_with_a_receipt_each() -> None:
    said: dict[str, Any] = {"kind": "incident", "sender": "care_provider", "classes": ["incident"]}
    both = [
        step(1, "drafted", **said),
        step(2, "drafted", addressee="manufacturer", **said),
        *way("checked", "attempted", "sent", start=3),
        *way("checked", "attempted", start=6, addressee="manufacturer"),
        step(8, "acknowledged", reference="LV-7"),
    ]
    case = after(*both)
    assert (state(case), state(case, addressee="manufacturer")) == ("acknowledged", "unknown")
    assert case.reports[1, "agency"].receipts == (
        Receipt(_OWN_ID, accepted=True, code="CA", reference="LV-7", reason=None, said_at=both[-1]["said_at"]),
    )
    assert case.reports[1, "manufacturer"].receipts == ()
    case = apply(case, step(9, "rejected", addressee="manufacturer"))
    assert (state(case), state(case, addressee="manufacturer")) == ("acknowledged", "rejected")
    assert case.reports[1, "manufacturer"].receipts[0].message_id == f"{CASE}.M1.1"


# Versions of a case


def test_a_case_has_versions_one_after_the_other() -> None:
    assert refused(after(), follow_up(1, 1)) == "drafted: version 1 to the agency is initial, for no other was sent"
    assert refused(after(), step(1, "drafted", version=2)) == "drafted: the next version to the agency is 1"
    assert (
        refused(after(), step(1, "drafted", edition=2)) == "drafted: the first edition of version 1 to the agency is 1"
    )
    drafted = after(step(1, "drafted"))
    assert "version 1 is drafted: draft its next edition instead" in refused(drafted, follow_up(2, 2))
    sent = after(*way(*_BY_THE_WAY))
    assert "version 2 to the agency is not initial, for one was" in refused(sent, step(6, "drafted", version=2))
    assert "takes no other edition" in refused(sent, step(6, "drafted", edition=2))
    assert "the case is of kind icsr, by icsr_sender" in refused(
        sent, follow_up(6, 2, kind="incident", sender="care_provider", classes=["incident"])
    )
    assert state(apply(sent, follow_up(6, 2)), 2) == "drafted"
    amended = apply(sent, follow_up(6, 2, type="amendment", classes=[], learnt_on=None))
    assert amended.reports[2, "agency"].type == "amendment"


def test_a_later_version_is_not_sent_before_the_earlier_one_has_gone() -> None:
    unknown = after(*way("drafted", "checked", "attempted"), follow_up(4, 2), step(5, "checked", version=2))
    told = refused(unknown, step(6, "attempted", version=2))
    assert told == "attempted: version 1 comes first, and is unknown"
    reconciled = apply(unknown, step(6, "acknowledged"))
    assert state(apply(reconciled, step(7, "attempted", version=2)), 2) == "unknown"


def test_a_nullification_is_for_errors_and_duplicates_and_is_the_last_version() -> None:
    said: dict[str, Any] = {"type": "nullification", "classes": [], "learnt_on": None}
    error: dict[str, Any] = {"nullified_as": "error"}
    duplicate: dict[str, Any] = {"nullified_as": "duplicate", "duplicate_of": "SE-EXEMPEL-K2"}
    assert "version 1 to the agency is initial, for no other was sent" in refused(
        after(), step(1, "drafted", **said, **error)
    )
    sent = after(*way(*_BY_THE_WAY))
    for why in (error, duplicate):
        nullified = apply(sent, step(6, "drafted", version=2, **said, **why))
        for one in way("checked", "attempted", "sent", start=7, version=2):
            nullified = apply(nullified, one)
        assert refused(nullified, follow_up(10, 3)) == "drafted: version 2 nullified the case"
    assert "nullified_as goes with a nullification" in refused(sent, step(6, "drafted", version=2, **said))
    # One that was only drafted may be withdrawn, and the case goes on.
    withdrawn = after(
        *way(*_BY_THE_WAY), step(6, "drafted", version=2, **said, **error), step(7, "withdrawn", version=2)
    )
    assert state(apply(withdrawn, follow_up(8, 3)), 3) == "drafted"


def test_a_case_whose_first_version_was_withdrawn_begins_again() -> None:
    withdrawn = after(*way("drafted", "withdrawn"))
    assert "version 2 to the agency is initial" in refused(withdrawn, follow_up(3, 2))
    assert "is withdrawn, and takes no other edition" in refused(withdrawn, step(3, "drafted", edition=2))
    again = apply(withdrawn, step(3, "drafted", version=2))
    assert again.latest("agency") == again.reports[2, "agency"]


# Clocks


def test_a_clock_runs_until_the_addressee_is_known_to_have_it() -> None:
    rules = Rules()
    assert clock_of(after(), "agency", rules) is None
    for names in (["drafted"], ["drafted", "checked", "attempted"], ["drafted", "checked", "attempted", "rejected"]):
        clock = clock_of(after(*way(*names)), "agency", rules)
        assert clock is not None
        assert (clock.steering.nominal, clock.follow_up) == (date(2026, 1, 16), False)
    for names in (["drafted", "checked", "attempted", "sent"], list(_BY_THE_WAY), ["drafted", "withdrawn"]):
        assert clock_of(after(*way(*names)), "agency", rules) is None
    follows = clock_of(after(*way(*_BY_THE_WAY), follow_up(6, 2)), "agency", rules)
    assert follows is not None
    assert (follows.steering.nominal, follows.follow_up) == (date(2026, 2, 16), True)
    amended = follow_up(6, 2, type="amendment", classes=[], learnt_on=None)
    assert clock_of(after(*way(*_BY_THE_WAY), amended), "agency", rules) is None


def test_each_addressee_has_a_clock_of_its_own() -> None:
    said: dict[str, Any] = {
        "kind": "mir",
        "sender": "manufacturer",
        "classes": ["death"],
        "learnt_on": days("2026-03-06"),
    }
    case = after(step(1, "drafted", **said), *way("checked", "attempted", "sent", start=2))
    case = apply(case, step(5, "drafted", addressee="manufacturer", **said))
    assert clock_of(case, "agency", Rules()) is None
    other = clock_of(case, "manufacturer", Rules())
    assert other is not None
    assert (other.steering.role, other.binding.legal) == ("manufacturer", date(2026, 3, 16))


# The log


def test_the_same_step_again_changes_nothing() -> None:
    first = step(1, "drafted")
    drafted = after(first)
    assert apply(drafted, {**first, "by": "berit"}) is drafted  # the first counts


def test_what_is_refused_is_kept_beside_and_counts_no_second_time() -> None:
    early = step(2, "checked")
    case = fold(CASE, [(1, early), (2, step(1, "drafted")), (3, early)])
    assert state(case) == "drafted"
    assert [(one["id"], why) for one, why in case.refused] == [
        (identity(2), "checked: there is no draft of version 1 to the agency")
    ]
    assert refused(case, early) == "checked: there is no draft of version 1 to the agency"


def _anything(random: Random, number: int, *, four_eyes: bool) -> dict[str, Any]:
    name = random.choices(STEPS, weights=[1 if one in ("withdrawn", "returned") else 8 for one in STEPS])[0]
    said: dict[str, Any] = {
        "version": random.choice([1, 1, 1, 2, 3]),
        "edition": random.choice([1, 1, 1, 2, 3]),
        "addressee": random.choice(["agency", "agency", "manufacturer"]),
        "by": random.choice(["anna", "berit", "guldadra"]),
    }
    if name == "drafted":
        said |= {"four_eyes": four_eyes, "type": "follow_up" if said["version"] > 1 else "initial"}
    elif name in ("attempted", "sent", "failed", "acknowledged", "rejected") and random.random() < 0.1:
        said["message_id"] = "else"
    return step(number, name, **said)


def _log(seed: int) -> list[dict[str, Any]]:
    """Steps as anybody might write them: mostly one that is legal where it stands, else any at all.

    Of a seed, not drawn one by one: what matters is that they are many and meet each other.
    """
    random = Random(seed)
    four_eyes = random.random() < 0.5
    case, log = Case(CASE), []
    for number in range(1, random.randint(2, 30)):
        candidates = [_anything(random, number, four_eyes=four_eyes) for _ in range(12)]
        legal = [one for one in candidates if taken(case, one).refused == case.refused]
        record = random.choice(legal if legal and random.random() < 0.8 else candidates)
        case = taken(case, record)
        log.append(record)
    return log


_SEEDS = st.integers(0, 2**32)


@given(seed=_SEEDS)
def test_replays_duplicates_and_any_order_come_to_the_same(seed: int) -> None:
    random, log = Random(seed), _log(seed)
    messages = list(enumerate(log, start=10))
    one_by_one = Case(CASE)
    for record in log:
        one_by_one = taken(one_by_one, record)
    assert fold(CASE, messages) == one_by_one
    replayed = [*messages, *random.choices(messages, k=len(messages))]
    # Whoever was not sure that it had sent a step sends it again, later in the log.
    last = messages[-1][0]
    sent_again = [(random.randint(last + 1, last + 50), record) for _, record in random.choices(messages, k=5)]
    scattered = [*replayed, *sent_again]
    random.shuffle(scattered)
    assert fold(CASE, scattered) == one_by_one


@given(seed=_SEEDS)
def test_whatever_is_written_nothing_is_sent_unchecked_or_under_two_ids(seed: int) -> None:
    log = _log(seed)
    case = fold(CASE, enumerate(log))
    assert len(case.log) + len(case.refused) == len(log)
    for (version, addressee), found in case.reports.items():
        own = [one for one in case.log if (one["case_version"], one["addressee"]) == (version, addressee)]
        _is_sound(own, found)


def _is_sound(own: Iterable[Mapping[str, Any]], found: Report) -> None:
    ids: dict[int, set[str]] = {}
    drafter = checker = None
    for one in own:
        if one["step"] == "drafted":
            drafter, checker = one, None
        elif one["step"] == "checked":
            checker = one
        elif one["step"] == "returned":
            checker = None
        elif one["step"] == "attempted":
            assert drafter is not None
            assert checker is not None
            assert checker["by"] != "guldadra"
            assert not drafter["four_eyes"] or checker["by"] != drafter["by"]
            ids.setdefault(one["edition"], set()).add(one["message_id"])
    assert all(len(one) == 1 for one in ids.values())
    assert len(set().union(*ids.values())) == len(ids)
    editions = [one["edition"] for one in own if one["step"] == "drafted"]
    assert all(later == earlier + 1 for earlier, later in pairwise([0, *editions]))
    assert found.edition == editions[-1]
    if found.told or found.state == "unknown":
        assert ids.get(found.edition)
