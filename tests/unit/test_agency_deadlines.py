"""When reports are due: the law's own examples, a year counted in another way, and what holds of any case."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reporting import CLASSES, SENDER_ROLES
from sinks.agency.deadlines import AtOnce, Clock, Deadline, Fact, Rules, deadline_of, next_clock
from sinks.agency.working_days import WorkingDays

_STOCKHOLM = ZoneInfo("Europe/Stockholm")
_RULES = Rules()
_DAYS = {"serious_public_health_threat": 2, "death": 10, "unanticipated_serious_deterioration": 10, "serious": 15}

# The Act on public holidays (1989:253) applied to a calendar by hand, without the Sundays that have no name of their
# own; Easter Sunday was 5 April in 2026.
_HOLIDAYS = (
    "2026-01-01", "2026-01-06", "2026-04-03", "2026-04-05", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-24",
    "2026-06-06", "2026-06-20", "2026-10-31", "2026-12-25", "2026-12-26", "2027-01-01", "2027-01-06",
)  # fmt: skip

_ANY_DAY = st.dates(date(2000, 1, 1), date(2060, 12, 31))


def day(text: str) -> date:
    return date.fromisoformat(text)


def due(role: str, classification: str, learnt: date | datetime, rules: Rules = _RULES) -> Deadline:
    return deadline_of(role, Fact(classification, learnt), rules)  # type: ignore[arg-type]


def clock(role: str, *facts: Fact, rules: Rules = _RULES) -> Clock:
    found = next_clock(role, facts, rules)  # type: ignore[arg-type]
    assert found is not None
    return found


# Rows 1 and 2 are the example of MDCG 2023-3 Rev. 2, question 14, and its variation; the guidance prints the nominal
# day, a Saturday, and Art. 3(4) of Regulation 1182/71 moves it. Row 3 is Art. 3(5): a period that begins on a Saturday
# has had two working days on the Tuesday. The nominal days are calendar arithmetic.
@pytest.mark.parametrize(
    ("learnt", "classification", "nominal", "legal"),
    [
        ("2022-07-01", "serious", "2022-07-16", "2022-07-18"),
        ("2022-07-02", "death", "2022-07-12", "2022-07-12"),
        ("2026-03-06", "serious_public_health_threat", "2026-03-08", "2026-03-10"),
        ("2026-03-02", "serious_public_health_threat", "2026-03-04", "2026-03-04"),
        # Worked by hand. Good Friday was 3 April: the two days end on it, Easter Monday is the 6th, so the working
        # days of the period are the Thursday before it and the Tuesday after it.
        ("2026-04-01", "serious_public_health_threat", "2026-04-03", "2026-04-07"),
        # Of two days that end on Maundy Thursday both are worked.
        ("2026-03-31", "serious_public_health_threat", "2026-04-02", "2026-04-02"),
        # Epiphany was a Tuesday.
        ("2025-12-27", "unanticipated_serious_deterioration", "2026-01-06", "2026-01-07"),
        ("2025-12-22", "serious", "2026-01-06", "2026-01-07"),
    ],
)
def test_a_manufacturer_has_a_nominal_and_a_legal_date(
    learnt: str, classification: str, nominal: str, legal: str
) -> None:
    deadline = due("manufacturer", classification, day(learnt))
    assert (deadline.nominal, deadline.legal) == (day(nominal), day(legal))
    assert (deadline.role, deadline.classification, deadline.day_zero) == ("manufacturer", classification, day(learnt))


def test_a_year_of_manufacturers_dates_is_that_of_a_count_from_a_list_of_working_days() -> None:
    known = {day(text) for text in _HOLIDAYS}
    first = day("2026-01-01").toordinal()
    worked = [
        ordinal
        for ordinal in range(first, first + 400)
        if date.fromordinal(ordinal).isoweekday() < 6 and date.fromordinal(ordinal) not in known
    ]
    for learnt in range(first, first + 365):
        for classification, days in _DAYS.items():
            following = worked[bisect_left(worked, learnt + days)]
            second = worked[bisect_right(worked, learnt) + 1]
            deadline = due("manufacturer", classification, date.fromordinal(learnt))
            assert deadline.nominal.toordinal() == learnt + days
            assert deadline.legal is not None
            assert deadline.legal.toordinal() == max(following, second), (deadline, classification)


@pytest.mark.parametrize("set_of_days", [("public",), ("public", "de_facto")])
def test_which_days_are_holidays_is_a_named_set(set_of_days: tuple[str, ...]) -> None:
    working = WorkingDays("SE", set_of_days)
    assert all(day(text) in working for text in ("2026-06-18", "2026-12-23", "2027-01-05", "2026-10-30"))
    assert not any(day(text) in working for text in _HOLIDAYS)
    assert day("2026-03-07") not in working  # a Saturday
    assert day("2026-03-08") not in working  # a Sunday
    eves = [day(text) in working for text in ("2026-06-19", "2026-12-24", "2026-12-31")]
    assert eves == [set_of_days == ("public",)] * 3


def test_eves_make_a_difference_where_they_are_in_the_set() -> None:
    with_eves = Rules(working_days=WorkingDays("SE", ("public", "de_facto")))
    learnt = day("2026-06-09")  # ten days before Midsummer Eve, a Friday
    assert due("manufacturer", "death", learnt).legal == day("2026-06-19")
    assert due("manufacturer", "death", learnt, with_eves).legal == day("2026-06-22")


def test_another_country_has_other_holidays() -> None:
    assert day("2026-10-03") not in WorkingDays("DE")  # Saturday and holiday alike
    assert day("2025-10-03") not in WorkingDays("DE")  # German Unity Day, a Friday
    assert day("2025-10-03") in WorkingDays("SE")
    for country, kinds in (("XX", ("public",)), ("SE", ("feasts",))):
        with pytest.raises(ValueError, match=f"no set of public holidays is known of {country} and {kinds[0]}"):
            WorkingDays(country, kinds)


@pytest.mark.parametrize(
    ("classification", "learnt", "last"),
    [
        ("serious", "2026-03-06", "2026-03-21"),  # a Saturday all the same
        ("serious", "2025-12-22", "2026-01-06"),  # Epiphany all the same
        ("non_serious", "2026-01-01", "2026-04-01"),  # 30 in January, 28, 31, and one in April
        ("non_serious", "2027-12-01", "2028-02-29"),  # 30, 31 and 29
    ],
)
def test_a_case_safety_report_is_due_after_plain_calendar_days(classification: str, learnt: str, last: str) -> None:
    deadline = due("icsr_sender", classification, day(learnt))
    assert deadline.nominal == deadline.legal == day(last)


def test_a_care_provider_reports_at_once_which_names_no_day() -> None:
    in_days = due("care_provider", "incident", day("2026-03-06"))
    assert (in_days.nominal, in_days.legal, in_days.moment) == (day("2026-03-09"), None, None)
    assert in_days.days_left(day("2026-03-06")) == 3
    assert in_days.legal_days_left(day("2026-03-06")) is None


def test_a_target_in_hours_is_of_time_not_of_the_clock_on_the_wall() -> None:
    a_day = Rules(at_once=AtOnce(hours=24))
    # Clocks went from 02:00 to 03:00 on 29 March 2026.
    across = due("care_provider", "incident", datetime(2026, 3, 28, 12, tzinfo=_STOCKHOLM), a_day)
    assert across.moment == datetime(2026, 3, 29, 13, tzinfo=_STOCKHOLM)
    assert across.nominal == day("2026-03-29")
    from_midnight = due("care_provider", "incident", day("2026-06-01"), Rules(at_once=AtOnce(hours=36)))
    assert from_midnight.moment == datetime(2026, 6, 2, 12, tzinfo=_STOCKHOLM)


def test_day_zero_is_that_of_the_zone() -> None:
    late = datetime(2026, 3, 5, 23, 30, tzinfo=UTC)  # half past midnight in Stockholm
    assert due("manufacturer", "death", late).day_zero == day("2026-03-06")
    assert due("manufacturer", "death", late, Rules(zone=ZoneInfo("UTC"))).day_zero == day("2026-03-05")
    with pytest.raises(ValueError, match="learnt is a time without a zone"):
        due("manufacturer", "death", datetime(2026, 3, 5, 23, 30))  # noqa: DTZ001 - that is the mistake


@pytest.mark.parametrize(("on", "left", "legal"), [("2022-07-15", 1, 3), ("2022-07-16", 0, 2), ("2022-07-19", -3, -1)])
def test_days_left_are_those_on_a_day_that_is_given(on: str, left: int, legal: int) -> None:
    deadline = due("manufacturer", "serious", day("2022-07-01"))
    assert (deadline.days_left(day(on)), deadline.legal_days_left(day(on))) == (left, legal)


def test_of_several_facts_the_earliest_date_wins() -> None:
    found = clock(
        "icsr_sender", Fact("non_serious", day("2026-01-01")), Fact("serious", day("2026-01-11"))
    )  # 1 April, and 26 January
    assert found.steering.nominal == day("2026-01-26")
    assert not found.follow_up
    late = clock("icsr_sender", Fact("non_serious", day("2026-01-01")), Fact("serious", day("2026-03-25")))
    assert late.steering.nominal == day("2026-04-01")
    assert late.steering.classification == "non_serious"


def test_the_legal_date_may_be_that_of_another_fact() -> None:
    # A threat known on a Friday: nominally Sunday, legally Tuesday the 10th. A death known on 27 February: Monday the
    # 9th, which is a working day.
    found = clock(
        "manufacturer",
        Fact("serious_public_health_threat", day("2026-03-06")),
        Fact("death", day("2026-02-27")),
    )
    assert (found.steering.classification, found.steering.nominal) == (
        "serious_public_health_threat",
        day("2026-03-08"),
    )
    assert (found.binding.classification, found.binding.legal) == ("death", day("2026-03-09"))


def test_a_new_serious_fact_about_what_was_reported_starts_a_follow_up() -> None:
    told = Fact("serious", day("2026-01-01"), told=True)
    assert next_clock("icsr_sender", [told], _RULES) is None
    assert next_clock("icsr_sender", [], _RULES) is None
    found = clock("icsr_sender", told, Fact("serious", day("2026-02-01")))
    assert found.follow_up
    assert (found.steering.day_zero, found.steering.nominal) == (day("2026-02-01"), day("2026-02-16"))


def test_of_two_targets_on_one_day_the_earlier_hour_wins() -> None:
    rules = Rules(at_once=AtOnce(hours=12))
    hours = [datetime(2026, 3, 2, hour, tzinfo=_STOCKHOLM) for hour in (9, 7, 8)]
    for order in permutations(hours):
        found = clock("care_provider", *(Fact("incident", hour) for hour in order), rules=rules)
        assert found.steering.moment == datetime(2026, 3, 2, 19, tzinfo=_STOCKHOLM)


@pytest.mark.parametrize(
    ("role", "classification", "told"),
    [
        ("care_provider", "serious", "care_provider has no class serious; it has incident"),
        ("icsr_sender", "death", "icsr_sender has no class death; it has serious, non_serious"),
    ],
)
def test_a_role_has_its_own_classes(role: str, classification: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        due(role, classification, day("2026-01-01"))


@pytest.mark.parametrize("target", [{}, {"days": 1, "hours": 1}, {"hours": 0}, {"days": -1}])
def test_a_target_is_in_days_or_in_hours(target: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at_once is a number of days or of hours"):
        AtOnce(**target)


def test_a_period_has_a_day() -> None:
    with pytest.raises(ValueError, match="days is 0, and a period has one day at least"):
        WorkingDays().last_day(day("2026-01-01"), 0)


@given(learnt=_ANY_DAY, days=st.integers(1, 120))
def test_a_legal_period_ends_on_a_working_day_and_not_a_day_later_than_it_must(learnt: date, days: int) -> None:
    working = WorkingDays()
    last = working.last_day(learnt, days)
    period = [learnt + timedelta(days=n) for n in range(1, (last - learnt).days + 1)]
    worked = [one for one in period if one in working]
    nominal = learnt + timedelta(days=days)
    assert last >= nominal
    assert worked[-1] == last
    assert len(worked) >= min(days, 2)
    # Had it ended on the working day before, it would have been too short, or have had fewer than two.
    before = worked[-2] if len(worked) > 1 else learnt
    assert before < nominal or len(worked) - 1 < 2
    assert (last - nominal).days <= 5  # the longest run of Swedish days off is Good Friday to Easter Monday


_FACTS = {
    role: st.lists(st.builds(Fact, st.sampled_from(CLASSES[role]), _ANY_DAY, st.booleans()), min_size=1, max_size=6)
    for role in SENDER_ROLES
}


@given(data=st.data(), role=st.sampled_from(SENDER_ROLES))
def test_a_clock_is_the_earliest_of_its_facts_in_any_order(data: st.DataObject, role: str) -> None:
    facts = data.draw(_FACTS[role])  # type: ignore[index]
    found = next_clock(role, facts, _RULES)  # type: ignore[arg-type]
    running = [due(role, one.classification, one.learnt) for one in facts if not one.told]
    if not running:
        assert found is None
        return
    assert found is not None
    assert found.steering.nominal == min(one.nominal for one in running)
    legal = [one.legal for one in running if one.legal is not None]
    assert found.binding.legal == (min(legal) if legal else None)
    assert found.follow_up == any(one.told for one in facts)
    assert next_clock(role, reversed(facts), _RULES) == found  # type: ignore[arg-type]


@given(data=st.data(), role=st.sampled_from(SENDER_ROLES))
def test_knowing_more_never_puts_a_deadline_off(data: st.DataObject, role: str) -> None:
    facts = [Fact(one.classification, one.learnt) for one in data.draw(_FACTS[role])]  # type: ignore[index]
    fewer, more = clock(role, *facts[:1]), clock(role, *facts)
    assert more.steering.nominal <= fewer.steering.nominal
    if fewer.binding.legal is not None:
        assert more.binding.legal is not None
        assert more.binding.legal <= fewer.binding.legal
