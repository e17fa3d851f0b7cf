"""CSV, Parquet and NDJSON files to slices of raw columns, in bounded memory."""

from __future__ import annotations

import csv
import hashlib
import json
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl

from streams.publish.errors import InputError
from streams.publish.slices import FORM_COLUMN, ROWS_PER_SLICE, Broken, Slice, Table, is_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

_PARQUET_ROWS = 65_536  # read at once; a slice of them goes on at a time
_COUNTED_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_BETWEEN_LINES = b",0,"  # inside an object it is an error, so half an object on each of two lines is found out


def open_source(path: Path, forms: Collection[str], form: str | None = None) -> FileSource:
    """The reader of a file, by the end of its name.

    Args:
        path: a file ``.csv``, ``.parquet``, ``.ndjson`` or ``.jsonl``.
        forms: the names of the registry's forms.
        form: the form of every row. Without it a column ``form`` says it, else the file's name begins
            with a form's (the longest that fits: ``primary_operation-2001.csv``).

    Raises:
        InputError: the file cannot be opened, or is of another kind; there is no such form, or no way to know the form.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if form is not None and form not in forms:
        raise InputError(f"there is no form {form}; there are {', '.join(sorted(forms))}")
    kinds: Mapping[str, type[FileSource]] = {
        ".csv": CsvSource,
        ".parquet": ParquetSource,
        ".ndjson": NdjsonSource,
        ".jsonl": NdjsonSource,
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: {path.suffix or 'no suffix'} cannot be read; {', '.join(kinds)} can")
    begins = [name for name in forms if path.name.startswith(name)]
    return kind(path, form, max(begins, key=len, default=None))


class FileSource:
    """A file of rows; see ``slices.Source``."""

    tabular = True
    delimiter = ","
    decimal_comma = False
    mapping: str | None = None

    def __init__(self, path: Path, form: str | None, form_by_name: str | None) -> None:
        self.path = path
        self.beside = path
        self._form = form
        self._form_by_name = form_by_name

    def fingerprint(self) -> str:
        """The content's SHA-256, and the form asked for."""
        with self.path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()} {self._form or ''}"

    def total_rows(self) -> int:
        """About how many rows there are."""
        raise NotImplementedError

    def slices(self) -> Iterator[Slice]:
        """All rows; see ``slices.Source``."""
        raise NotImplementedError

    def _tables(self, rows: Sequence[int], columns: dict[str, Sequence[Any]]) -> tuple[Table, ...]:
        """The rows as one table per form, each without the column that says the form."""
        said = columns.pop(FORM_COLUMN, None)
        if said is None:
            return (Table(self._form_of(None), rows, columns),)
        groups = self._by_form(said)
        if len(groups) == 1:
            return tuple(Table(form, rows, columns) for form in groups)
        return tuple(
            Table(
                form,
                [rows[place] for place in places],
                {name: [column[place] for place in places] for name, column in columns.items()},
            )
            for form, places in groups.items()
        )

    def _by_form(self, said: Sequence[Any]) -> dict[str | None, Sequence[int]]:
        """The places of each form's rows."""
        if said.count(said[0]) == len(said):
            return {self._form_of(said[0]): range(len(said))}
        groups: dict[str | None, list[int]] = {}
        for place, raw in enumerate(said):
            groups.setdefault(self._form_of(raw), []).append(place)
        return {**groups}

    def _form_of(self, said: object) -> str | None:
        """The form of a row that says this."""
        return self._form or (None if is_absent(said) else str(said).strip()) or self._form_by_name

    def _need_a_form(self, columns: Collection[str]) -> None:
        if self._form is None and self._form_by_name is None and FORM_COLUMN not in columns:
            raise InputError(
                f"{self.path}: which form is it? Say so (--form), add a column {FORM_COLUMN}, or let the file's name "
                "begin with the form's"
            )


class CsvSource(FileSource):
    """Text with a header, ``,`` or ``;`` between values; UTF-8, with or without a mark.

    Python's own reader, for it tells a row with too few or too many values from one with empty ones.
    """

    def __init__(self, path: Path, form: str | None, form_by_name: str | None) -> None:
        super().__init__(path, form, form_by_name)
        with path.open(encoding="utf-8", errors="replace") as file:
            header = file.readline()
        self.delimiter = ";" if header.count(";") > header.count(",") else ","
        self.decimal_comma = self.delimiter == ";"

    def total_rows(self) -> int:
        """Lines but the header's; a little more than the rows where a value goes over several lines."""
        return max(0, _count_lines(self.path) - 1)

    def slices(self) -> Iterator[Slice]:
        """All rows; a row with too few or too many values is broken, blank lines are left out."""
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            try:
                yield from self._slices(filter(None, reader))
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{self.path}, after line {reader.line_num}: is not UTF-8; save the file as UTF-8"
                ) from error
            except csv.Error as error:
                raise InputError(f"{self.path}, line {reader.line_num}: {error}") from error

    def _slices(self, lines: Iterator[list[str]]) -> Iterator[Slice]:
        header = [name.strip() for name in next(lines, [])]
        if not header:
            raise InputError(f"{self.path}: is empty; there is no header")
        if twice := sorted({name or "(no name)" for name in header if header.count(name) > 1}):
            raise InputError(f"{self.path}: columns that stand twice: {', '.join(twice)}")
        self._need_a_form(header)
        width, last = len(header), 0
        while chunk := list(islice(lines, ROWS_PER_SLICE)):
            rows: Sequence[int] = range(last + 1, last + len(chunk) + 1)
            last = rows[-1]
            broken: list[Broken] = []
            if set(map(len, chunk)) != {width}:
                numbered = list(zip(rows, chunk, strict=True))
                for row, line in numbered:
                    if len(line) != width:
                        rule = f"has {len(line)} values for {width} columns"
                        broken.append(Broken(row, rule, self.delimiter.join(line)))
                rows = [row for row, line in numbered if len(line) == width]
                chunk = [line for line in chunk if len(line) == width]
            columns: dict[str, Sequence[Any]] = (
                dict(zip(header, zip(*chunk, strict=True), strict=True)) if chunk else {}
            )
            yield Slice(last, self._tables(rows, columns) if chunk else (), tuple(broken))


class ParquetSource(FileSource):
    """Columns with types; nothing is read as text that was not."""

    def total_rows(self) -> int:
        """The number in the file's own metadata."""
        return int(self._guarded(lambda: pl.scan_parquet(self.path).select(pl.len()).collect().item()))

    def slices(self) -> Iterator[Slice]:
        """All rows."""
        columns = self._guarded(lambda: pl.scan_parquet(self.path).collect_schema().names())
        self._need_a_form(columns)
        for start in range(0, self.total_rows(), _PARQUET_ROWS):
            part = pl.scan_parquet(self.path).slice(start, _PARQUET_ROWS)
            yield from self.slices_of(self._guarded(part.collect), start)

    def slices_of(self, frame: pl.DataFrame, rows_before: int) -> Iterator[Slice]:
        """A data frame's rows as slices; ``rows_before`` were in others."""
        for part in frame.iter_slices(ROWS_PER_SLICE):
            rows = range(rows_before + 1, rows_before + part.height + 1)
            rows_before = rows[-1]
            columns: dict[str, Sequence[Any]] = {column.name: column.to_list() for column in part.get_columns()}
            yield Slice(rows[-1], self._tables(rows, columns))

    def _guarded(self, read: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is read
        try:
            return read()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError(f"{self.path}: is not a Parquet file that can be read: {error}") from error


class NdjsonSource(FileSource):
    """One JSON object a line; a line that is none is broken, and the rest goes on."""

    tabular = False

    def total_rows(self) -> int:
        """Lines, blank ones included."""
        return _count_lines(self.path)

    def slices(self) -> Iterator[Slice]:
        """All rows; blank lines are left out."""
        last = 0
        with self.path.open("rb") as file:
            if file.read(len(_BOM)) != _BOM:
                file.seek(0)
            while lines := list(islice(file, ROWS_PER_SLICE)):
                lines = [line for line in lines if not line.isspace()]
                first, last = last + 1, last + len(lines)
                rows, objects, broken = _objects(lines, first)
                if lines:
                    yield Slice(last, self._tables_of(rows, objects), broken)

    def _tables_of(self, rows: Sequence[int], objects: list[dict[str, Any]]) -> tuple[Table, ...]:
        """Objects of one form have the same keys, mostly, so they are put together before they become columns."""
        if not objects:
            return ()
        groups = self._by_form([item.pop(FORM_COLUMN, None) for item in objects])
        if len(groups) == 1:
            return tuple(Table(form, rows, _columns(objects)) for form in groups)
        return tuple(
            Table(form, [rows[place] for place in places], _columns([objects[place] for place in places]))
            for form, places in groups.items()
        )


def _objects(lines: list[bytes], first_row: int) -> tuple[Sequence[int], list[dict[str, Any]], tuple[Broken, ...]]:
    """The lines' objects with their row numbers, and the lines that hold none.

    All lines are parsed at once, which shares the keys' texts among them: half the time.
    """
    try:
        parsed = json.loads((b"[" + _BETWEEN_LINES.join(lines) + b"]").decode())
    except (ValueError, RecursionError):
        parsed = ()
    objects = parsed[::2]
    if len(parsed) == 2 * len(lines) - 1 and set(map(type, objects)) == {dict}:
        return range(first_row, first_row + len(lines)), objects, ()
    rows, objects, broken = [], [], []
    for row, line in enumerate(lines, first_row):
        try:
            parsed = json.loads(line.decode().rstrip("\r\n"))
        except UnicodeDecodeError:
            broken.append(Broken(row, "is not UTF-8", _text(line)))
        except json.JSONDecodeError as error:
            broken.append(Broken(row, f"is not JSON at character {error.pos + 1}: {error.msg}", _text(line)))
        except (ValueError, RecursionError):
            broken.append(Broken(row, "is JSON with too deep a nesting or too long a number", _text(line)))
        else:
            if isinstance(parsed, dict):
                rows.append(row)
                objects.append(parsed)
            else:
                broken.append(Broken(row, "is not a JSON object", _text(line)))
    return rows, objects, tuple(broken)


def _columns(objects: list[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    """Objects to columns; what an object does not have is None."""
    names = tuple(objects[0])
    if len(names) > 1 and sum(map(len, objects)) == len(names) * len(objects):
        try:
            return dict(zip(names, zip(*map(itemgetter(*names), objects), strict=True), strict=True))
        except KeyError:
            pass  # as many keys, but others
    every = dict.fromkeys(chain.from_iterable(objects))
    return {name: [item.get(name) for item in objects] for name in every}


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r\n")


def _count_lines(path: Path) -> int:
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(_COUNTED_BYTES):
            count += block.count(b"\n")
            last = block
    return count + (not last.endswith(b"\n"))
