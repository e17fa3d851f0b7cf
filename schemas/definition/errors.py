"""The one error that a wrong declaration raises: it names the file and the place in it."""

from __future__ import annotations

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


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - YAML is what it is until a model has read it
    """Read one YAML file.

    Raises:
        DefinitionError: the file is missing or is not YAML; the message has the line.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError([f"{path}: {error.strerror}"]) from error
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
