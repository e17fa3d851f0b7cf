"""Find the registries' folders and read them: forms, catalogues, mappings, each problem named by file and key."""

from __future__ import annotations

import re
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from schemas.catalogue import Catalogue, read_catalogue
from schemas.definition.checks import indicator_problems, journey_problems, monitor_problems
from schemas.definition.companies import company_problems
from schemas.definition.condition_checks import Known
from schemas.definition.coverage import Coverage
from schemas.definition.coverage_checks import coverage_problems
from schemas.definition.errors import DefinitionError, read_json, read_model, read_text, read_yaml
from schemas.definition.form import CatalogueCodes, Form, read_form
from schemas.definition.generation import generation_of
from schemas.definition.indicators import Indicators
from schemas.definition.journey import JourneyRules
from schemas.definition.mapping import FormMapping
from schemas.definition.monitors import Monitors
from schemas.definition.registry import Registry, RegistryDefinition
from schemas.definition.reporting import Reporting
from schemas.definition.reporting_checks import reporting_problems
from schemas.definition.stream_checks import stream_problems
from schemas.ownership import OWNERSHIP, Ownership, ownership_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Result = TypeVar("Result")
Declared = TypeVar("Declared", JourneyRules, Indicators, Monitors, Reporting)

BUNDLED = Path(str(files("schemas"))) / "registries"
MODULES = Path(str(files("schemas"))) / "modules"


def find_folders(extra: Iterable[Path] = ()) -> dict[str, Path]:
    """The folders of all registries by name: the bundled ones, then those of ``extra``.

    An entry of ``extra`` is a registry's folder itself or a folder that holds several.

    Raises:
        DefinitionError: an entry holds no registry, or two registries have one name.
    """
    found: dict[str, Path] = {}
    for place in (BUNDLED, *extra):
        inside = [place] if (place / "registry.yaml").is_file() else sorted(place.glob("*/"))
        registries = [folder for folder in inside if (folder / "registry.yaml").is_file()]
        if not registries:
            raise DefinitionError([f"{place}: no registry.yaml here, nor one folder down"])
        for folder in registries:
            declared = read_yaml(folder / "registry.yaml")
            name = str(declared.get("name", folder.name)) if isinstance(declared, dict) else folder.name
            if name in found:
                raise DefinitionError([f"{folder}: the name {name} is taken by {found[name]}"])
            found[name] = folder
    return found


def load_registries(extra: Iterable[Path] = ()) -> dict[str, RegistryDefinition]:
    """Read all registries, bundled and outside.

    Raises:
        DefinitionError: with the problems of all of them.
    """
    problems: list[str] = []
    loaded: dict[str, RegistryDefinition] = {}
    for name, folder in find_folders(extra).items():
        try:
            loaded[name] = load_registry(folder)
        except DefinitionError as error:
            problems += error.problems
    if problems:
        raise DefinitionError(problems)
    return loaded


def load_registry(folder: Path) -> RegistryDefinition:
    """Read one registry's folder.

    Raises:
        DefinitionError: one line per problem, with the file and the key, field or line.
    """
    problems: list[str] = []
    path = folder / "registry.yaml"
    registry = _attempt(problems, _read_registry, path)
    modules = [MODULES / module for module in (registry.modules if registry else ())]
    problems += [f"{path}, modules: there is no module {m.name}" for m in modules if not m.is_dir()]
    paths = [p for p in sorted(folder.glob("catalogue/*.csv")) if p.stem != OWNERSHIP]
    catalogues = {p.stem: _attempt(problems, read_catalogue, p) for p in paths}
    whose = partial(ownership_of, [one for one in catalogues.values() if one is not None])
    ownership = _attempt(problems, whose, folder / "catalogue" / f"{OWNERSHIP}.csv") or Ownership()
    forms: dict[str, Form] = {}
    released: dict[str, tuple[Mapping[str, Any], ...]] = {}
    form_paths = [p for room in (folder / "forms", *modules) for p in sorted(room.glob("*.avsc"))]
    for form_path in form_paths:
        form = _attempt(problems, read_form, form_path)
        if form is None:
            continue
        problems += _form_problems(form, form_path, forms, catalogues)
        forms[form.name] = form
        released[form.name] = _attempt(problems, read_released, form_path) or ()
    if not list(folder.glob("forms/*.avsc")):
        problems.append(f"{folder}: no forms/*.avsc")
    mappings = {
        p.stem: _attempt(problems, lambda path: _read_mapping(path, forms), p) or {}
        for p in sorted(folder.glob("mappings/*.yaml"))
    }
    rules = _declared(problems, JourneyRules, folder / "journey.yaml")
    indicators = _declared(problems, Indicators, folder / "indicators.yaml")
    monitors = _declared(problems, Monitors, folder / "monitors.yaml")
    reporting = _declared(problems, Reporting, folder / "reporting.yaml")
    path = folder / "coverage.yaml"
    coverage = _attempt(problems, _read_coverage, path) if path.exists() else None
    known = Known(forms, rules)
    if not problems:  # what stands in them is held against forms that are sound
        problems += [f"{folder / 'journey.yaml'}, {one}" for one in journey_problems(known)]
        problems += [f"{folder / 'indicators.yaml'}, {one}" for one in indicator_problems(known, indicators)]
        problems += [f"{folder / 'monitors.yaml'}, {one}" for one in monitor_problems(known, monitors)]
        problems += [f"{path}, {one}" for one in coverage_problems(known, coverage)] if coverage else []
        problems += [f"{folder / 'reporting.yaml'}, {one}" for one in reporting_problems(known, reporting)]
    sound = {name: catalogue for name, catalogue in catalogues.items() if catalogue is not None}
    if not problems:  # of groups and fields that are there
        problems += [f"{folder / 'monitors.yaml'}, {one}" for one in stream_problems(known, monitors, sound)]
    if problems or registry is None:
        raise DefinitionError(problems)
    generation = generation_of(forms, rules, indicators, monitors)
    definition = RegistryDefinition(
        folder,
        registry,
        forms,
        released,
        sound,
        mappings,
        rules,
        indicators,
        monitors,
        generation,
        coverage,
        ownership,
        reporting,
    )
    if problems := [f"{folder / 'registry.yaml'}, {one}" for one in company_problems(definition)]:
        raise DefinitionError(problems)
    return definition


def _declared(problems: list[str], model: type[Declared], path: Path) -> Declared:
    """What an optional file declares; nothing where it is not there or has faults, which are added to the others."""
    if not path.exists():
        return model()
    return _attempt(problems, lambda path: read_model(model, read_yaml(path) or {}, path), path) or model()


def _attempt(problems: list[str], read: Callable[[Path], Result], path: Path) -> Result | None:
    """What the file says, or None and its problems added to the others."""
    try:
        return read(path)
    except DefinitionError as error:
        problems += error.problems
        return None


def _read_registry(path: Path) -> Registry:
    return read_model(Registry, read_yaml(path), path)


def _read_coverage(path: Path) -> Coverage:
    return read_model(Coverage, read_yaml(path) or {}, path)


def released_paths(form_path: Path) -> list[Path]:
    """The released versions of a form's file, oldest first: ``released/<form>.<number>.avsc``.

    Raises:
        DefinitionError: their numbers are not 1, 2, 3, …: one has been lost, or has another name.
    """
    numbered = re.compile(rf"{re.escape(form_path.stem)}\.([1-9][0-9]*)\.avsc")
    paths: dict[int, Path] = {}
    for path in form_path.parent.glob(f"released/{form_path.stem}.*.avsc"):
        match = numbered.fullmatch(path.name)
        if match is None:
            raise DefinitionError([f"{path}: a released version is named {form_path.stem}.<number>.avsc"])
        paths[int(match[1])] = path
    if missing := sorted(set(range(1, len(paths) + 1)) - paths.keys()):
        raise DefinitionError(
            [f"{form_path.parent / 'released'}: {form_path.stem}.{n}.avsc is missing" for n in missing]
        )
    return [paths[number] for number in sorted(paths)]


def read_released(form_path: Path) -> tuple[Mapping[str, Any], ...]:
    """The Avro schemas that were released of a form, oldest first.

    Raises:
        DefinitionError: a file of them cannot be read as a form, or is another form's.
    """
    forms = [(path, read_form(path)) for path in released_paths(form_path)]
    strangers = [
        f"{path}: holds the form {form.name}, not {form_path.stem}"
        for path, form in forms
        if form.name != form_path.stem
    ]
    if strangers:
        raise DefinitionError(strangers)
    return tuple(form.avro for _, form in forms)


def _form_problems(
    form: Form, path: Path, forms: Mapping[str, Form], catalogues: Mapping[str, Catalogue | None]
) -> list[str]:
    problems = []
    if form.name != path.stem:
        problems.append(f"{path}: the record's name {form.name} differs from the file's")
    if form.name in forms:
        problems.append(f"{path}: there are two forms {form.name}")
    for field in form.fields:
        if not isinstance(field.codes, CatalogueCodes):
            continue
        if field.codes.catalogue not in catalogues:
            problems.append(f"{path}, field {field.name}: there is no catalogue/{field.codes.catalogue}.csv")
            continue
        catalogue = catalogues[field.codes.catalogue]
        if catalogue and not catalogue.codes(field.codes.kind):
            problems.append(f"{path}, field {field.name}: the catalogue has no row of kind {field.codes.kind}")
    return problems


def _read_mapping(path: Path, forms: Mapping[str, Form]) -> dict[str, FormMapping]:
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise DefinitionError([f"{path}: name the forms, and below each its fields"])
    problems: list[str] = []
    mapping: dict[str, FormMapping] = {}
    for name, declared in raw.items():
        form = forms.get(str(name))
        if form is None:
            problems.append(f"{path}, {name}: there is no form {name}; there are {', '.join(forms)}")
            continue
        try:
            mapping[form.name] = read_model(FormMapping, {"fields": declared or {}}, path, f"{name}: ")
        except DefinitionError as error:
            problems += error.problems
            continue
        known = {field.name for field in form.fields}
        for field, column in mapping[form.name].fields.items():
            problems += [
                f"{path}, {name}.{field}: the form has no field {wanted}"
                for wanted in (field, column.keep_source_in)
                if wanted is not None and wanted not in known
            ]
    if problems:
        raise DefinitionError(problems)
    return mapping


def write_released(form_path: Path) -> Path | None:
    """Keep the form as it stands as its next released version; None where it is released already.

    Raises:
        DefinitionError: the form or a released version cannot be read.
    """
    paths = released_paths(form_path)
    current = read_json(form_path)
    if paths and read_json(paths[-1]) == current:
        return None
    target = form_path.parent / "released" / f"{form_path.stem}.{len(paths) + 1}.avsc"
    target.parent.mkdir(exist_ok=True)
    target.write_text(read_text(form_path), encoding="utf-8")
    return target
