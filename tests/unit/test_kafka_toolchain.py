"""Java and Maven: what is said where they are missing or wrong, and what a fetch leaves behind."""

import os
import socket
import stat
from pathlib import Path

import pytest

from deploy.embedded.process import ProcessFailedError
from deploy.kafka.launcher import KafkaBroker, SchemaRegistry, available
from deploy.kafka.toolchain import ToolchainError, fetch
from deploy.ports import EPHEMERAL, stable_ports
from tests.kafka_fixtures import require_real_kafka


def program(folder: Path, name: str, script: str) -> Path:
    """A shell script that stands where a program of this name would be installed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ('openjdk version "11.0.21" 2023-10-17', "is Java 11, too old"),
        ('java version "1.8.0_392"', "is Java 8, too old"),
        ("command line is broken", "does not work"),
    ],
)
def test_a_java_that_will_not_do_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, why: str
) -> None:
    java = program(tmp_path / "bin", "java", f"echo '{says}' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    reason = available()
    assert reason is not None
    assert str(java) in reason
    assert why in reason
    assert "openjdk-17" in reason


def test_without_java_or_maven_the_reason_says_which_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no java on the PATH" in (available() or "")

    program(tmp_path, "java", """echo 'openjdk version "21" 2023-09-19' >&2""")
    assert "no mvn on the PATH" in (available() or "")

    program(tmp_path, "mvn", "exit 0")
    assert available() is None


def test_a_test_without_its_broker_is_skipped_with_the_reason_or_fails_where_one_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    monkeypatch.delenv("GULDADRA_REAL_KAFKA", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no java in JAVA_HOME \(/nowhere\)"):
        require_real_kafka()

    monkeypatch.setenv("GULDADRA_REAL_KAFKA", "1")
    with pytest.raises(pytest.fail.Exception, match=r"no java in JAVA_HOME \(/nowhere\)"):
        require_real_kafka()


def test_a_fetch_that_fails_leaves_nothing_and_one_that_works_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    into = 'for argument; do case "$argument" in -Dinto=*) into="${argument#-Dinto=}";; esac; done'

    program(
        tmp_path, "mvn", f'{into}; mkdir -p "$into/jars"; touch "$into/jars/half.jar"; echo no such artifact; exit 1'
    )
    with pytest.raises(ToolchainError, match="no such artifact"):
        fetch(pom, "copy-dependencies")

    program(tmp_path, "mvn", f'{into}; mkdir -p "$into/jars"; touch "$into/jars/whole.jar"')
    folder = fetch(pom, "copy-dependencies")
    assert [path.name for path in folder.glob("jars/*")] == ["whole.jar"]

    program(tmp_path, "mvn", "exit 1")
    assert fetch(pom, "copy-dependencies") == folder

    pom.write_text("<project><!-- another version --></project>")
    with pytest.raises(ToolchainError):
        fetch(pom, "copy-dependencies")


def test_ports_are_free_and_below_those_that_connections_are_given() -> None:
    ports = stable_ports(20)
    assert len(set(ports)) == 20
    assert max(ports) < int(EPHEMERAL.read_text().split()[0])
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for server in (KafkaBroker(tmp_path / "kafka", port=port), SchemaRegistry(tmp_path / "registry", port=port)):
            with pytest.raises(ProcessFailedError, match=f"127.0.0.1:{port} is taken"):
                server.start()
