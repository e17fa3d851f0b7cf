"""How the columns of a file become the fields of a form: ``mappings/<name>.yaml``.

A mapping is for those who register from a file of their own making. Where there is none, columns and
fields have the same names and the patient column holds a personal identity number.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar = str | int | float | bool | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Recoding(_Strict):
    """One line of a recoding: a text that equals (or whose part matches) this becomes ``value``."""

    equals: str | None = None
    pattern: str | None = None
    value: Scalar

    @model_validator(mode="after")
    def _one_way(self) -> Recoding:
        if (self.equals is None) == (self.pattern is None):
            raise ValueError("give either equals or pattern")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"pattern is not a regular expression: {error}") from error
        return self


class ColumnMapping(_Strict):
    """Where one field comes from.

    Attributes:
        column: the file's column; the field's own name if left out.
        constant: a value for every row, instead of a column.
        recode: lines tried in order; the first that fits gives the value.
        otherwise: what becomes of a text that no line fits: refuse the row, keep the text, or null.
        keep_source_in: the field that receives the text as it stood.
        date_format: for dates that are not ISO 8601, as ``strptime`` reads them.
        identity: what a patient column holds: a personal identity number (validated, then turned into
            a pseudonym), an opaque id of the source's own (turned into one as it is), or a
            pseudonym made already.
    """

    column: str | None = None
    constant: Scalar = None
    recode: tuple[Recoding, ...] = ()
    otherwise: Literal["refuse", "keep", "null"] = "refuse"
    keep_source_in: str | None = None
    date_format: str | None = None
    identity: Literal["personal_identity_number", "opaque", "pseudonym"] = "personal_identity_number"


class FormMapping(_Strict):
    """The fields of one form by name; fields left out come from the column of their own name."""

    fields: dict[Annotated[str, Field(min_length=1)], ColumnMapping] = Field(default_factory=dict)
