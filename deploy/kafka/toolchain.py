"""Finds Java and Maven, and fetches with them the programs that the poms beside this file name."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

OLDEST_JAVA = 17  # the schema registry is compiled for it; the broker would run on 11
HOW_TO_GET_JAVA = (
    f"install a Java runtime {OLDEST_JAVA} or newer (Debian, Ubuntu: openjdk-17-jre-headless), "
    "or point JAVA_HOME at one"
)
FETCH_SECONDS = 600.0


class ToolchainError(RuntimeError):
    """Java or Maven is missing, too old, or could not do its part; the message says what to do."""


def find_java() -> str:
    """The ``java`` program: that of ``JAVA_HOME`` where it is set, else the first on the PATH.

    Raises:
        ToolchainError: There is none, it does not run, or it is older than ``OLDEST_JAVA``.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home, "bin", "java"))) if home else shutil.which("java")
    if java is None:
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise ToolchainError(f"a real Kafka broker needs Java, and there is no java {where}: {HOW_TO_GET_JAVA}")
    said = run([java, "-version"], timeout_seconds=60.0)
    version = re.search(r'version "(?:1\.)?(\d+)', said.stdout)  # Java 8 calls itself 1.8
    if said.returncode != 0 or version is None:
        raise ToolchainError(f"{java} -version does not work ({said.stdout.strip()!r}): {HOW_TO_GET_JAVA}")
    if int(version[1]) < OLDEST_JAVA:
        raise ToolchainError(f"{java} is Java {version[1]}, too old for a real Kafka broker: {HOW_TO_GET_JAVA}")
    return java


def find_maven() -> str:
    """The ``mvn`` program on the PATH.

    Raises:
        ToolchainError: There is none.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolchainError(
            "a real Kafka broker is fetched by Maven, and there is no mvn on the PATH: "
            "install Maven 3 (Debian, Ubuntu: maven)"
        )
    return maven


def fetch(pom: Path, goal: str) -> Path:
    """What ``pom`` names, fetched once for this user and for this text of the pom.

    Several processes may ask at the same time, and any of them may be killed: the folder is there whole or not at all.

    Args:
        pom: A pom which puts what it fetches into the folder of its property ``into``.
        goal: The goal of Maven's dependency plugin that does it.

    Returns:
        The folder.

    Raises:
        ToolchainError: Maven is missing or failed; its own words are in the message.
    """
    name = f"{pom.stem}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    folder = _cache() / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fetch_into(folder, pom, goal)
    return folder


def _fetch_into(folder: Path, pom: Path, goal: str) -> None:
    maven = find_maven()
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by one that was killed
    log.info("fetching with Maven, once", what=pom.name, into=str(folder))
    done = run([maven, "-q", "-B", "-f", str(pom), f"dependency:{goal}", f"-Dinto={partial}"], FETCH_SECONDS)
    if done.returncode != 0:
        raise ToolchainError(
            f"Maven could not fetch what {pom} names: check that it reaches its repository (~/.m2/settings.xml has its "
            f"mirror and proxy) and try again. It said:\n{done.stdout.strip()}"
        )
    partial.rename(folder)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guldadra" / "kafka"


def run(argv: list[str], timeout_seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever its exit code; ``stdout`` of the result has its output and its errors.

    Raises:
        ToolchainError: It could not be run, or did not end in time.
    """
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # java -version answers there
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolchainError(f"cannot run {argv[0]}: {error}") from error
