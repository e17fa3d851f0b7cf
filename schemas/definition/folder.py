"""Find the registries' folders and read them: forms, catalogues, mappings, each problem named by file and key."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from schemas.catalogue import Catalogue, read_catalogue
from schemas.definition.errors import DefinitionError, read_model, read_yaml
from schemas.definition.form import CatalogueCodes, Form, read_form
from schemas.definition.mapping import FormMapping
from schemas.definition.registry import Registry, RegistryDefinition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Result = TypeVar("Result")

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
            name = str((read_yaml(folder / "registry.yaml") or {}).get("name", folder.name))
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

    def attempt(read: Callable[[], Result]) -> Result | None:
        try:
            return read()
        except DefinitionError as error:
            problems.extend(error.problems)
            return None

    path = folder / "registry.yaml"
    registry = attempt(lambda: read_model(Registry, read_yaml(path), path))
    modules = [MODULES / module for module in (registry.modules if registry else ())]
    problems += [f"{path}, modules: there is no module {m.name}" for m in modules if not m.is_dir()]
    catalogues = {
        p.stem: attempt(lambda p=p: read_catalogue(p)) for p in sorted(folder.glob("catalogue/*.csv"))
    }
    forms: dict[str, Form] = {}
    released: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for room in (folder / "forms", *modules):
        for form_path in sorted(room.glob("*.avsc")):
            form = attempt(lambda p=form_path: read_form(p))
            if form is None:
                continue
            problems += _form_problems(form, form_path, forms, catalogues)
            forms[form.name] = form
            released[form.name] = attempt(lambda p=form_path: read_released(p)) or ()
    if not forms:
        problems.append(f"{folder}: no forms/*.avsc")
    mappings = {
        p.stem: attempt(lambda p=p: _read_mapping(p, forms)) or {}
        for p in sorted(folder.glob("mappings/*.yaml"))
    }
    if problems or registry is None:
        raise DefinitionError(problems)
    kept = {name: catalogue for name, catalogue in catalogues.items() if catalogue is not None}
    return RegistryDefinition(folder, registry, forms, released, kept, mappings)


def released_paths(form_path: Path) -> list[Path]:
    """The released versions of a form's file, oldest first: ``released/<form>.<number>.avsc``."""
    paths = form_path.parent.glob(f"released/{form_path.stem}.*.avsc")
    return sorted(paths, key=lambda path: int(path.suffixes[0][1:]))


def read_released(form_path: Path) -> tuple[Mapping[str, Any], ...]:
    """The Avro schemas that were released of a form, oldest first.

    Raises:
        DefinitionError: a file of them cannot be read as a form.
    """
    return tuple(read_form(path).avro for path in released_paths(form_path))


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
            problems.append(
                f"{path}, field {field.name}: the catalogue has no row of kind {field.codes.kind}"
            )
    return problems


def _read_mapping(path: Path, forms: Mapping[str, Form]) -> dict[str, FormMapping]:
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise DefinitionError([f"{path}: name the forms, and below each its fields"])
    problems = []
    mapping: dict[str, FormMapping] = {}
    for name, declared in raw.items():
        form = forms.get(str(name))
        if form is None:
            problems.append(f"{path}, {name}: there is no form {name}; there are {', '.join(forms)}")
            continue
        mapping[form.name] = read_model(FormMapping, {"fields": declared or {}}, path, f"{name}: ")
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
    """Keep the form as it stands as its next released version; None where it is released already."""
    paths = released_paths(form_path)
    current = json.loads(form_path.read_text(encoding="utf-8"))
    if paths and json.loads(paths[-1].read_text(encoding="utf-8")) == current:
        return None
    target = form_path.parent / "released" / f"{form_path.stem}.{len(paths) + 1}.avsc"
    target.parent.mkdir(exist_ok=True)
    target.write_text(form_path.read_text(encoding="utf-8"), encoding="utf-8")
    return target
