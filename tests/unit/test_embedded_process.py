import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.embedded.process import ChildProcess, ProcessFailedError


def child(tmp_path: Path, code: str, grace_seconds: float = 10.0, **env: str) -> ChildProcess:
    return ChildProcess("test", [sys.executable, "-c", code], tmp_path / "logs" / "test.log", env, grace_seconds)


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_runs_the_program_itself_with_its_variables_and_log(tmp_path: Path) -> None:
    process = child(tmp_path, "import os; print(os.getpid(), os.environ['COLOUR'], flush=True)", COLOUR="red")
    process.start(lambda: "red" in process.log_tail())
    assert process.log_tail() == f"{process.pid} red"
    wait_for(lambda: not process.alive())
    assert process.exit_code == 0
    process.stop()


def test_the_log_tail_is_of_this_start_only(tmp_path: Path) -> None:
    process = child(tmp_path, "print('x' * 5)")
    for _ in range(2):
        process.start()
        wait_for(lambda: not process.alive())
        assert process.log_tail() == "xxxxx"
        process.stop()
    assert process.log_file.read_text() == "xxxxx\nxxxxx\n"


def test_a_process_that_ends_before_it_is_ready_tells_its_last_words(tmp_path: Path) -> None:
    process = child(tmp_path, "import sys; sys.exit('no licence')")
    with pytest.raises(
        ProcessFailedError, match=r"test process ended with code 1 before it was ready(.|\n)*no licence"
    ):
        process.start(lambda: False)
    assert not process.alive()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = ChildProcess("test", ["/no/such/program"], tmp_path / "test.log")
    with pytest.raises(ProcessFailedError, match="cannot start /no/such/program: No such file"):
        process.start(lambda: False)


def test_a_process_that_is_never_ready_is_stopped(tmp_path: Path) -> None:
    process = child(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    with pytest.raises(ProcessFailedError, match=r"not ready within 1 s") as caught:
        process.start(lambda: False, timeout_seconds=1)
    assert not runs(int(str(caught.value).splitlines()[-1]))


def test_stop_lets_the_process_finish(tmp_path: Path) -> None:
    code = """
import signal, sys, time
def finish(*_):
    print('finished the batch', flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, finish)
print('ready', flush=True)
time.sleep(60)
"""
    process = child(tmp_path, code)
    process.start(lambda: "ready" in process.log_tail())
    assert process.stop() == 3
    assert process.log_tail() == "ready\nfinished the batch"
    assert process.stop() is None


def test_stop_kills_a_process_that_will_not_end(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    process = child(tmp_path, code, grace_seconds=0.2)
    process.start(lambda: "ready" in process.log_tail())
    assert process.stop() == -signal.SIGKILL


PARENT = """
import sys, time
from pathlib import Path
from deploy.embedded.process import ChildProcess
program = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
process = ChildProcess("grandchild", program, Path(sys.argv[1]) / "log")
process.start(lambda: "up" in process.log_tail())
print(process.pid, flush=True)
time.sleep(60)
"""


def test_it_dies_with_its_parent_even_by_kill_9(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(next(line for line in parent.stdout if line.strip().isdigit()))
        assert runs(pid)
        parent.kill()
    wait_for(lambda: not runs(pid))


def test_a_start_from_a_worker_thread_is_refused(tmp_path: Path) -> None:
    refused: list[str] = []

    def start() -> None:
        with pytest.raises(RuntimeError, match="main thread") as caught:
            child(tmp_path, "pass").start()
        refused.append(str(caught.value))

    worker = threading.Thread(target=start)
    worker.start()
    worker.join()
    assert len(refused) == 1


def test_a_ctrl_c_in_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    with child(tmp_path, "import time; time.sleep(60)") as process:
        assert os.getsid(process.pid) != os.getsid(0)
