"""What processes say of themselves, asked as the portal asks: well, not well, silent, or talking nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.observe import Observed
from deploy.ports import stable_ports
from sinks.clickhouse import metrics as loading
from sinks.portal.processes import Process, of_registry, read_processes
from streams.intake import metrics as deciding

if TYPE_CHECKING:
    from collections.abc import Callable


def answering(good: bool, **facts: Any) -> Callable[[], tuple[bool, dict[str, Any]]]:
    return lambda: (good, facts)


def asked(health: Callable[[], tuple[bool, dict[str, Any]]]) -> Process:
    with Observed("127.0.0.1", 0, health) as observed:
        (found,) = read_processes({"one": f"http://127.0.0.1:{observed.port}/health"})
    return found


def test_intake_tells_what_waits_per_partition_and_which_registry_is_stopped() -> None:
    deciding.LAG.labels("flow_of_tests", 3).set(17)
    loading.DEAD_LETTERS.labels("accepted.flow_of_tests").inc(2)
    found = asked(answering(True, process="intake", lag=17, stopped={"hip": "stopped by Rolf"}, last_error=None))
    assert (found.kind, found.healthy, found.lag, found.last_error) == ("intake", True, 17, "")
    assert found.stopped == {"hip": "stopped by Rolf"}
    assert found.waiting["flow_of_tests", 3] == 17
    assert found.dead_letters["accepted.flow_of_tests"] == 2


def test_a_process_that_is_not_well_tells_why() -> None:
    partitions = {0: "live", 1: "waiting"}
    found = asked(
        answering(
            False, process="process", registry="hip", lag=4, caught_up=False, partitions=partitions, last_error="x"
        )
    )
    assert (found.healthy, found.registry, found.caught_up, found.last_error) == (False, "hip", False, "x")
    assert found.partitions == partitions


def test_who_does_not_answer_or_talks_nonsense_is_not_well() -> None:
    port = stable_ports(1)[0]
    found = read_processes({"silent": f"http://127.0.0.1:{port}/health"})
    assert found == [Process("silent")]
    with Observed("127.0.0.1", 0, answering(True)) as observed:
        address = f"http://127.0.0.1:{observed.port}"
        elsewhere, metrics = read_processes({"a": f"{address}/elsewhere", "b": f"{address}/metrics"})
    assert (elsewhere.healthy, metrics.healthy) == (False, False)
    strange = asked(answering(True, lag="many", stopped=["hip"], partitions=None, process=7))
    assert (strange.healthy, strange.lag, strange.stopped, strange.partitions, strange.kind) == (True, None, {}, {}, "")


def test_a_registry_sees_its_own_processes_and_those_of_all() -> None:
    processes = [Process("intake"), Process("a", registry="hip"), Process("b", registry="hiv")]
    assert [one.name for one in of_registry(processes, "hip")] == ["intake", "a"]
    assert read_processes({}) == []
