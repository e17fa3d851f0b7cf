"""The one error that a wrong declaration raises: it names the file and the place in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pathlib import Path


Model = TypeVar("Model", bound=BaseModel)


class DefinitionError(Exception):
    """A registry's declaration cannot be used.

    Attributes:
        problems: one line per fault, each beginning with the file and the key or line at fault.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_text(path: Path) -> str:
    """Read one UTF-8 file, with or without a byte order mark, line ends as they stand.

    Raises:
        DefinitionError: the file is missing, or not UTF-8; the message has the line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DefinitionError([f"{path}: {error.strerror}"]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DefinitionError([f"{path}, line {line}: is not UTF-8; save the file in that encoding"]) from error


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is what it is until a model has read it
    """Read one JSON file; a key that stands twice in one object is a fault, for one of the two would be lost.

    Raises:
        DefinitionError: the file is missing or is not JSON; the message has the line.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = sorted({key for key, _ in pairs if [name for name, _ in pairs].count(key) > 1})
            raise DefinitionError([f"{path}: the key {key} stands twice in one object" for key in twice])
        return found

    try:
        return json.loads(read_text(path), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise DefinitionError([f"{path}, line {error.lineno}: {error.msg}"]) from error


class _OnceLoader(yaml.CSafeLoader):
    """YAML's safe reader (libyaml's, ten times as quick), which lets the last of two equal keys win: here a fault."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice, then read on as ever."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - YAML is what it is until a model has read it
    """Read one YAML file.

    Raises:
        DefinitionError: the file is missing or is not YAML; the message has the line.
    """
    text = read_text(path)
    try:
        return yaml.load(text, _OnceLoader)  # noqa: S506 - a SafeLoader  # nosec B506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise DefinitionError([f"{path}{where}: {getattr(error, 'problem', error)}"]) from error


def read_model(model: type[Model], raw: object, path: Path, prefix: str = "") -> Model:
    """Validate what a file said against its model.

    Raises:
        DefinitionError: with one line per fault, each naming file and key.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise DefinitionError(
            [
                f"{path}, {prefix}{'.'.join(str(step) for step in fault['loc']) or 'top level'}: {fault['msg']}"
                for fault in error.errors()
            ]
        ) from error
