"""One step of a plan: what it does, and the SQL that does it."""

from __future__ import annotations

from dataclasses import dataclass


class MigrationError(Exception):
    """The database and what is declared do not go together; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do to a database. Every step may be done twice: one that was cut short is done again.

    Attributes:
        database: the database it changes.
        description: one line for people.
        sql: its statements, in order.
        loses_data: whether rows are gone afterwards.
        tables: whether tables or views change, not only their reference rows: without these a
            loader cannot work.
    """

    database: str
    description: str
    sql: tuple[str, ...]
    loses_data: bool = False
    tables: bool = True
