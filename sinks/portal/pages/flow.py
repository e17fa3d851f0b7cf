"""The registry's flow: what came in, what became of it, what waits, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from fastapi import APIRouter

from sinks.clickhouse import archive
from sinks.clickhouse.queries.flow import Per, arrivals, refusal_reasons
from sinks.clickhouse.status import partition_status
from sinks.portal.charts.over_time import Bar, bars
from sinks.portal.kept import Kept
from sinks.portal.pages.asking import one_of
from sinks.portal.pages.pieces import Chart, Column, Fact, Field, Form, Option, Page, Section, Table
from sinks.portal.pages.serving import add_page
from sinks.portal.pages.words import notice_of, title_of, trail
from sinks.portal.processes import of_registry, read_processes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.clickhouse.archive import ArchiveCounts
    from sinks.clickhouse.queries.flow import Arrival, Reason
    from sinks.clickhouse.status import PartitionStatus
    from sinks.portal.portal import Asked
    from sinks.portal.processes import Process
    from sinks.portal.texts import Texts

_PROCESSES_S = 1.0
_COUNTS_S = 60.0


def router() -> APIRouter:
    """The page's route."""
    routes = APIRouter()
    processes: Kept[list[Process]] = Kept(_PROCESSES_S)
    counts: Kept[ArchiveCounts] = Kept(_COUNTS_S)

    def make(asked: Asked) -> Page:
        portal, definition = asked.portal, asked.definition
        return _page(
            asked,
            of_registry(processes.get("", lambda: read_processes(portal.health)), definition.name),
            counts.get(definition.name, lambda: archive.counts(portal.client, definition)),
        )

    add_page(routes, "/r/{registry}/flow", "flow", make, renewed="for all")
    return routes


def _page(asked: Asked, processes: Sequence[Process], counts: ArchiveCounts) -> Page:
    t, registry = asked.texts, asked.definition.name
    per: Per = one_of(asked, "per", get_args(Per), "hour")
    partitions = partition_status(asked.client, registry)
    stop = next((said for one in processes if (said := one.stopped.get(registry))), "")
    return Page(
        title_of(asked, t("Flow")),
        [
            Section(warning=t("The stop switch is on: %(said)s", said=stop) if stop else "", facts=_facts(
                t, registry, partitions, processes, counts
            )),
            Section(
                t("When it came in"),
                forms=[_form(t, per)],
                charts=_arrivals(asked, arrivals(asked.client, registry, per), per),
            ),
            Section(t("Why it was refused"), tables=[_reasons(t, refusal_reasons(asked.client, registry))]),
            Section(t("Processes"), tables=[_processes(t, registry, processes), _waiting(t, registry, processes)]),
            Section(t("Whether the counts agree"), tables=[_accounts(t, partitions)]),
        ],
        lead=t("What has been published, what became of it, and what waits."),
        trail=trail(asked),
        live=registry,
        notice=notice_of(asked),
    )  # fmt: skip


def _form(t: Texts, per: Per) -> Form:
    options = [Option("hour", t("hours, the last two days")), Option("day", t("days, the last sixty"))]
    return Form("choose", t("Choose"), [Field("per", t("per"), "select", per, options)], t("Show"))


def _facts(
    t: Texts, registry: str, partitions: Sequence[PartitionStatus], processes: Sequence[Process], counts: ArchiveCounts
) -> list[Fact]:
    published, accepted, refused, archived, erased = (
        sum(getattr(one, name) for one in partitions)
        for name in ("received", "accepted", "refused", "archived", "erased")
    )
    broken = [one.partition for one in partitions if not one.conserved]
    share = refused / published if published else None
    waiting = sum(_lag(one, registry) or 0 for one in processes)
    lost = sum(number for one in processes for number in _dead(one, registry))
    failed = [one for one in processes if one.last_error]
    latest = max((one.last_submitted_at for one in partitions if one.last_submitted_at is not None), default=None)
    return [
        Fact(t("published"), t.number(published), t("submissions with a verdict")),
        Fact(t("accepted"), t.number(accepted)),
        Fact(t("refused"), t.number(refused), t("%(share)s of all", share=t.share(share)), alarming=refused > 0),
        Fact(
            t("loaded"),
            t.number(archived),
            t("accepted and to be asked about; %(erased)s erased, of persons who said no", erased=t.number(erased)),
        ),
        Fact(t("sent again"), t.number(counts.duplicates), t("equal to what was there, and counted once")),
        Fact(t("corrected"), t.number(counts.corrected), t("of which the latest counts, withdrawals among them")),
        Fact(t("waiting"), t.number(waiting), t("messages, in all processes"), alarming=False),
        Fact(
            t("conservation"),
            t("agrees") if not broken else t("does not agree"),
            t("published = accepted + refused, accepted = loaded + erased")
            if not broken
            else t("partitions %(numbers)s; a moment's difference is on its way", numbers=", ".join(map(str, broken))),
            alarming=bool(broken),
        ),
        Fact(t("dead letters"), t.number(lost), t("given up since the processes started"), alarming=lost > 0),
        Fact(t("last error"), failed[0].name if failed else t("none"), failed[0].last_error if failed else ""),
        Fact(
            t("latest submission"), t("none yet") if latest is None else t.moment(latest), t("UTC, the broker's time")
        ),
    ]


def _arrivals(asked: Asked, found: Sequence[Arrival], per: Per) -> list[Chart]:
    t = asked.texts
    if not found:
        return []
    accepted, refused = t("accepted"), t("refused")
    rows = [Bar(one.start, series, number) for one in found
            for series, number in ((accepted, one.accepted), (refused, one.refused)) if number]  # fmt: skip
    busiest = max(found, key=lambda one: one.accepted + one.refused)
    table = Table(
        "arrivals",
        t("What came in"),
        [
            Column("start", t("from (UTC)")),
            Column("accepted", accepted, "number"),
            Column("refused", refused, "number"),
        ],
        [(t.moment(one.start), one.accepted, one.refused) for one in reversed(found)],
        note=t(
            "By the broker's time. A refused submission is counted with the accepted one before it in its partition; "
            "what was erased is not counted."
        ),
    )
    says = t(
        "Accepted and refused submissions over time; most, %(number)s, from %(start)s.",
        number=t.number(busiest.accepted + busiest.refused),
        start=t.moment(busiest.start),
    )
    spec = bars(rows, [accepted, refused], per=per, number_title=t("submissions"), language=asked.language)
    return [Chart("arrivals", t("Accepted and refused, by the broker's time"), says, spec, table)]


def _reasons(t: Texts, found: Sequence[Reason]) -> Table:
    return Table(
        "reasons",
        t("Refused, by field and rule"),
        [
            Column("field", t("field")),
            Column("rule", t("rule")),
            Column("submissions", t("submissions"), "number"),
        ],
        [(one.field or t("the submission as a whole"), one.rule, one.submissions) for one in found],
        note=t("Values are never kept of what is refused. A submission that breaks several rules is counted at each."),
    )


def _processes(t: Texts, registry: str, processes: Sequence[Process]) -> Table:
    rows = [
        (
            one.name,
            t("well") if one.healthy else t("not well") if one.kind else t("does not answer"),
            _lag(one, registry),
            ", ".join(f"{number}: {said}" for number, said in sorted(one.partitions.items())),
            sum(_dead(one, registry)),
            one.last_error,
        )
        for one in processes
    ]
    return Table(
        "processes",
        t("Processes"),
        [
            Column("process", t("process")),
            Column("state", t("state")),
            Column("waiting", t("waiting"), "number"),
            Column("partitions", t("partitions")),
            Column("dead_letters", t("dead letters"), "number"),
            Column("last_error", t("last error")),
        ],
        rows,
        note=t("A process that is not well, or does not answer, is marked. An error may be over: it is the latest."),
        marked=frozenset(at for at, one in enumerate(processes) if not one.healthy),
    )


def _waiting(t: Texts, registry: str, processes: Sequence[Process]) -> Table:
    rows = [
        (one.name, topic or one.name, partition, number)
        for one in processes
        for (topic, partition), number in sorted(one.waiting.items())
        if number and _is_of(topic, registry)
    ]
    return Table(
        "waiting",
        t("What waits, per partition"),
        [
            Column("process", t("process")),
            Column("of", t("topic")),
            Column("partition", t("partition"), "number"),
            Column("waiting", t("waiting"), "number"),
        ],
        rows,
        note=t("Partitions where nothing waits are left out."),
    )


def _accounts(t: Texts, partitions: Sequence[PartitionStatus]) -> Table:
    return Table(
        "accounts",
        t("Every partition from submission to archive"),
        [
            Column("partition", t("partition"), "number"),
            Column("published", t("published"), "number"),
            Column("accepted", t("accepted"), "number"),
            Column("refused", t("refused"), "number"),
            Column("loaded", t("loaded"), "number"),
            Column("erased", t("erased"), "number"),
            Column("gaps", t("gaps"), "number", note=t("runs of submissions without a receipt")),
            Column("agrees", t("agrees")),
        ],
        [
            (
                one.partition,
                one.received,
                one.accepted,
                one.refused,
                one.archived,
                one.erased,
                one.gaps,
                t("yes") if one.conserved else t("no"),
            )
            for one in partitions
        ],
        note=t("Where submissions are sent in transactions, their marks make gaps that nothing is lost in."),
        marked=frozenset(at for at, one in enumerate(partitions) if not one.conserved),
    )


def _lag(process: Process, registry: str) -> int | None:
    """What a process has yet to take of a registry; all that it says where it does not tell registries apart."""
    own = [number for (topic, _), number in process.waiting.items() if topic and _is_of(topic, registry)]
    return sum(own) if own else process.lag


def _dead(process: Process, registry: str) -> list[int]:
    return [number for topic, number in process.dead_letters.items() if not topic or _is_of(topic, registry)]


def _is_of(topic: str, registry: str) -> bool:
    return topic in ("", registry) or topic.endswith(f".{registry}")
