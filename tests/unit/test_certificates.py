"""A monitor names the certificate of its thresholds, and one that does not hold is refused."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
import typer
from structlog.testing import capture_logs
from typer.testing import CliRunner

from deploy.certificates import certificates_of
from deploy.cli import schemas as schemas_room
from deploy.serving import certified
from deploy.settings import Settings, SettingsError
from deploy.watching import surveillance_worker
from schemas.definition.errors import DefinitionError
from schemas.definition.folder import BUNDLED, load_registry
from streams.surveillance.declared import watched_by
from tests.deploy_support import forget_settings, logs_as_they_were

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition

    Changed = Callable[..., RegistryDefinition]

NAMES = "certificate: certificate.json"


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """The bundled hip register with other words in one of its files, each time anew."""

    def change(before: str, after: str = "", *, file: str = "monitors.yaml", times: int = -1) -> RegistryDefinition:
        folder = shutil.copytree(BUNDLED / "hip", tmp_path / "registries" / "knee", dirs_exist_ok=True)
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after, times), encoding="utf-8")
        return load_registry(folder)

    return change


def test_every_monitor_of_the_hip_register_has_a_certificate_that_holds() -> None:
    found = certificates_of(load_registry(BUNDLED / "hip"))
    assert list(found.found) == ["cup", "stem", "head", "construct"]
    assert (dict(found.problems), dict(found.missing)) == ({}, {})
    assert found.words("cup").startswith(f"certificate {found.found['cup'].id}, of ")


def test_what_was_not_simulated_as_it_is_declared_is_told() -> None:
    """The certificate was made when all outcomes counted, with the rate of a first year as the prior."""
    found = certificates_of(load_registry(BUNDLED / "hip"))
    otherwise = ("outcome all in place of specific", "rates 2.35 in place of 1")
    assert dict(found.differing) == dict.fromkeys(found.found, otherwise)
    assert found.words("cup").endswith(
        "catalogue-years, but of another monitor than this, whose error rates are not known: outcome all in place of "
        "specific; rates 2.35 in place of 1"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("outcome: specific", "outcome: all"),
        ("rates: [1.0]", "rates: [50.0]"),
        ("rates: [1.0]", "rates: [1.0]\n    baseline: flat"),
        ("rates: [1.0]", "rates: [1.0]\n    unit_shape: 0.01"),
        ("rates: [1.0]", "rates: [1.0]\n    left_out: [CUP01]"),
        ("monitors:\n  cup:", "monitors:\n  more: {exposures: cup, rates: [1.0]}\n  cup:"),
    ],
)
def test_one_of_monitors_that_are_declared_otherwise_now_is_refused(changed: Changed, before: str, after: str) -> None:
    """Each of these changes how often a monitor errs, or how soon it finds anything."""
    found = certificates_of(changed(before, after, times=1))
    assert set(found.problems) == {"cup", "stem", "head", "construct"}
    assert "what is declared now is" in found.words("stem")


def test_it_decides_no_number_and_so_no_hash(changed: Changed) -> None:
    named, unnamed = load_registry(BUNDLED / "hip"), changed(NAMES)
    assert unnamed.monitors.monitors["cup"].certificate is None
    assert named.generation == unnamed.generation
    assert [one.monitor.definition for one in watched_by(named).values()] == [
        one.monitor.definition for one in watched_by(unnamed).values()
    ]


def test_one_that_was_changed_by_hand_is_refused(changed: Changed) -> None:
    found = certificates_of(changed('"catalogue_years": ', '"catalogue_years": 9', file="certificate.json"))
    assert found.found == {}
    assert list(found.problems) == ["cup", "stem", "head", "construct"]
    words = found.words("stem")
    assert "monitors.yaml, monitors.stem.certificate: certificate.json is refused" in words
    assert "its content is that of" in words
    assert "put back the file as it was written, or run `guldadra simulate hip --out FOLDER`" in words


def test_one_of_other_exposures_is_refused(changed: Changed) -> None:
    found = certificates_of(changed("bands: [55, 65, 75, 85]", "bands: [60]"))
    assert set(found.problems) == {"cup", "stem", "head", "construct"}
    assert "what is declared now is" in found.words("cup")


def test_another_registry_with_the_same_exposures_may_name_it(changed: Changed) -> None:
    found = certificates_of(changed("name: hip", "name: knee", file="registry.yaml"))
    assert (len(found.found), dict(found.problems)) == (4, {})


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("watch: [", "watch: [0.5, ", "watch is declared as [0.5, "),
        ("alarm: [", "alarm: [999, ", "alarm is declared as [999, "),
        ("per_year: [", "per_year: [0.01, ", "per_year is declared as [0.01, "),
    ],
)
def test_thresholds_that_are_not_its_own_are_refused(changed: Changed, before: str, after: str, says: str) -> None:
    """The first number of each table is another one."""
    table = re.compile(re.escape(before) + r"[^,\]]+, ")
    monitors = (BUNDLED / "hip" / "monitors.yaml").read_text(encoding="utf-8")
    found = certificates_of(changed(monitors, table.sub(after, monitors)))
    assert says in found.words("cup")
    assert "; the certificate has " in found.words("cup")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("planned: ", "planned: 1", "planned is declared as 1"),
        ("fewest: 2", "fewest: 1", "fewest is declared as 1; the certificate has 2"),
    ],
)
def test_so_is_what_else_decides_levels(changed: Changed, before: str, after: str, says: str) -> None:
    assert says in certificates_of(changed(before, after)).words("cup")


@pytest.mark.parametrize("kind", ["family", "company", "lot", "unit"])
def test_each_kind_of_stream_has_thresholds_of_its_own(changed: Changed, kind: str) -> None:
    found = certificates_of(changed(f"      {kind}: {{", f"      {kind}: {{fewest: 3, "))
    assert f"refused: streams.{kind}: fewest is declared as 3" in found.words("cup")
    assert list(found.found) == ["construct"]


def test_constructs_have_thresholds_of_their_own(changed: Changed) -> None:
    monitors = (BUNDLED / "hip" / "monitors.yaml").read_text(encoding="utf-8")
    components, construct = monitors.split("    exposures: construct")
    found = certificates_of(changed(construct, construct.replace("per_year: [", "per_year: [0.001, ")))
    assert components
    assert list(found.problems) == ["construct"]
    assert list(found.found) == ["cup", "stem", "head"]


def test_a_monitor_without_one_is_told_of_and_one_whose_file_is_missing_is_refused(changed: Changed) -> None:
    found = certificates_of(changed(NAMES, "certificate: lost.json", times=1))
    assert "monitors.cup.certificate: lost.json is refused" in found.words("cup")
    assert "No such file" in found.words("cup")
    none = certificates_of(changed(NAMES, times=1))
    assert none.missing["cup"].startswith(
        "monitor cup has no certificate: its error rates are not known; run `guldadra simulate hip --out FOLDER`"
    )
    assert none.problems == {}


@pytest.mark.parametrize("path", ["../certificate.json", "/certificate.json", '""'])
def test_a_file_outside_the_registry_s_folder_is_refused(changed: Changed, path: str) -> None:
    with pytest.raises(DefinitionError, match=r"monitors\.cup\.certificate"):
        changed(NAMES, f"certificate: {path}", times=1)


def test_surveillance_does_not_start_with_one_that_does_not_hold_and_warns_where_there_is_none(
    changed: Changed,
) -> None:
    settings = Settings(bootstrap="")
    with pytest.raises(SettingsError, match=r"(?s)monitors\.cup\.certificate.*monitors\.construct\.certificate"):
        surveillance_worker(settings, changed('"seed": ', '"seed": 7', file="certificate.json"))
    with capture_logs() as logs, pytest.raises(SettingsError, match="no broker"):
        surveillance_worker(settings, changed(NAMES, times=1))
    assert {(one["log_level"], one["registry"]) for one in logs} == {("warning", "hip")}
    first, *others = [one["event"] for one in logs]
    assert first.startswith("monitor cup has no certificate: its error rates are not known")
    assert [one.split(": ")[0].split(", ")[0] for one in others] == [
        "monitor stem",
        "monitor head",
        "monitor construct",
    ]
    assert all("but of another monitor than this" in one for one in others)


def test_schemas_check_tells_the_same(changed: Changed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    schemas_room.add_to(app)

    def check(definition: RegistryDefinition) -> tuple[int, str]:
        declared = definition.folder / "registry.yaml"
        declared.write_text(declared.read_text(encoding="utf-8").replace("name: hip", "name: knee"), encoding="utf-8")
        monkeypatch.setenv("GULDADRA_REGISTRIES", str(definition.folder))
        with logs_as_they_were():
            result = CliRunner().invoke(app, ["schemas", "check", "knee"])
        return result.exit_code, result.output

    nothing_wrong = "knee: 5 forms, nothing wrong\n"
    code, told = check(changed("certificate: ", "certificate: "))
    assert (code, told.count("but of another monitor than this"), told.endswith(nothing_wrong)) == (0, 4, True)
    code, told = check(changed(NAMES))
    assert (code, told.count("has no certificate"), told.endswith(nothing_wrong)) == (0, 4, True)
    code, told = check(changed("planned: 300", "planned: 50"))
    assert (code, told.count("planned is declared as 50; the certificate has 300")) == (1, 4)


def test_the_portal_is_told_what_certificates_say_and_which_are_refused(tmp_path: Path) -> None:
    hip = load_registry(BUNDLED / "hip")
    told = certified([hip])
    assert {monitor for registry, monitor in told if registry == "hip"} == set(hip.monitors.monitors)
    cup = told["hip", "cup"]
    certificate = certificates_of(hip).found["cup"]
    assert (cup.catalogue_years, cup.budgets) == (certificate.catalogue_years, {"watch": 1.0, "alarm": 0.1})
    assert cup.problem == ""
    assert {"false", "compared", "curves"} <= cup.results.keys()
    assert cup.differing == ("outcome all in place of specific", "rates 2.35 in place of 1")

    folder = tmp_path / "hip"
    shutil.copytree(hip.folder, folder)
    path = folder / "certificate.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 1', '"seed": 2'), encoding="utf-8")
    refused = certified([load_registry(folder)])["hip", "cup"]
    assert refused.id == ""
    assert "is refused" in refused.problem
