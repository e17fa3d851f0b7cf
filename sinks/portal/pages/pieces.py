"""What pages are made of: tables, charts with the table behind them, facts, and forms to choose by.

A page is a function of the request that gives a ``Page``. All its tables can be had as CSV, all its charts as SVG, PNG
and CSV too, at the page's own address with the piece's name and the kind behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - types of attributes that pages read
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["text", "number", "decimal", "share", "day", "link", "html"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: in files.
        title: shown.
        kind: of its values; numbers stand to the right. A text among them stands as it is.
        digits: decimals of ``decimal`` and ``share``.
        note: what it means, where the title does not say.
    """

    name: str
    title: str
    kind: Kind = "text"
    digits: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads on; a file has the text alone."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Written:
    """A value that is written otherwise than its column's others: the page has the text, a file the value."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that is not shown, for it is about too few persons."""


HIDDEN = Hidden()


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: in the address of the file, and of the place on the page.
        title: its caption.
        columns: from the left.
        rows: a value for each column; None where there is none, ``HIDDEN`` where it is not shown.
        note: stands below.
        marked: rows that stand out, by their place.
        file_name: what its file is called, without the kind; the name where empty.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    marked: frozenset[int] = frozenset()
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and the table behind it.

    Attributes:
        name: as of a table.
        title: its caption.
        says: what is to be seen on it, in a sentence, for who does not see it.
        spec: Vega-Lite, with its data in it.
        table: the numbers.
    """

    name: str
    title: str
    says: str
    spec: Mapping[str, Any]
    table: Table

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        data = self.spec.get("data")
        return not (self.table.rows if data is None else data["values"])


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that stands large, with what it is; ``about`` says how it is meant."""

    title: str
    value: str
    about: str = ""
    href: str = ""
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values that may be chosen."""

    value: str
    title: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    Attributes:
        name: in the address.
        title: its label.
        kind: "select", "many" (several of a list), "date", "number", "text", "area", "file", "hidden".
        value: as it is.
        options: to choose from.
        needed: whether it must be filled in.
        hint: stands below.
    """

    name: str
    title: str
    kind: Literal["select", "many", "date", "number", "text", "area", "file", "hidden"]
    value: str = ""
    options: Sequence[Option] = ()
    needed: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that say one thing together, on a line of their own.

    Attributes:
        title: what they say.
        fields: in their order.
    """

    title: str
    fields: Sequence[Field]
    kind: Literal["group"] = "group"


@dataclass(frozen=True, slots=True)
class Form:
    """A form: of method "get" to choose what is shown, of method "post" to say something.

    Attributes:
        name: the place on the page.
        title: its legend.
        fields: in their order, some of them in groups.
        submit: what stands on the button.
        action: where it goes; the page itself where empty.
        method: see above.
        open: whether it is shown at once, or when it is asked for.
    """

    name: str
    title: str
    fields: Sequence[Field | Group]
    submit: str
    action: str = ""
    method: Literal["get", "post"] = "get"
    open: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page with a heading; what is left out is not there.

    Attributes:
        title: its heading; none where empty.
        text: paragraphs.
        warning: what must not be overlooked.
        links: where one may go from here.
        facts, tables, charts, forms: shown in this order, forms first.
    """

    title: str = ""
    text: Sequence[str] = ()
    warning: str = ""
    links: Sequence[Link] = ()
    facts: Sequence[Fact] = ()
    forms: Sequence[Form] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        title: its heading.
        sections: from the top.
        lead: one or two sentences below the heading.
        trail: the pages above it, from the start.
        further: the pages beside and below it, and its own address.
        live: the registry whose news it follows without being loaded anew; empty for none.
        read_as_of: what the numbers are of: the day and the versions, in words.
        notice: the registry's own notice.
        status: of the answer.
        headers: further ones.
    """

    title: str
    sections: Sequence[Section]
    lead: str = ""
    trail: Sequence[Link] = ()
    further: Sequence[Link] = ()
    live: str = ""
    read_as_of: str = ""
    notice: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def chart(self, name: str) -> Chart | None:
        """The chart of a name."""
        return next((one for part in self.sections for one in part.charts if one.name == name), None)

    def table(self, name: str) -> Table | None:
        """The table of a name; that behind a chart, where a chart has it."""
        found = self.chart(name)
        if found is not None:
            return found.table
        return next((one for part in self.sections for one in part.tables if one.name == name), None)
