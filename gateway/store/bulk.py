"""Many rows at once: inserts past SQLAlchemy's work for each row, and lists cut to what one IN takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlmodel import SQLModel

IN_MAX = 500

_Convert = Any  # what SQLAlchemy calls a bind processor, or None


def table_of(model: type[SQLModel]) -> Table:
    """The table under a model, for bulk statements."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def slices(values: Iterable[Any], size: int = IN_MAX) -> Iterator[Sequence[Any]]:
    """`values` in runs short enough for one IN."""
    run = list(values)
    for start in range(0, len(run), size):
        yield run[start : start + size]


class Bulk:
    """INSERT of many rows into one table.

    The statement and the conversions of values are SQLAlchemy's own, taken once for each dialect; what is left out is its
    bookkeeping for each row, which cost more than the database did.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._made: dict[str, tuple[str, bool, list[tuple[str, _Convert]]]] = {}

    def insert(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Inserts `rows`, each with a value for every column."""
        if not rows:
            return
        statement, is_positional, columns = self._made.get(connection.dialect.name) or self._make(connection)
        if is_positional:
            connection.exec_driver_sql(
                statement,
                [tuple(c(row[name]) if c and row[name] is not None else row[name] for name, c in columns) for row in rows],
            )
        else:
            converted = [(name, convert) for name, convert in columns if convert]
            for row in rows:
                row.update({name: convert(row[name]) for name, convert in converted if convert})
            connection.exec_driver_sql(statement, rows)

    def _make(self, connection: Connection) -> tuple[str, bool, list[tuple[str, _Convert]]]:
        dialect = connection.dialect
        compiled = insert(self._table).compile(dialect=dialect)
        columns = [(column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in self._table.c]
        made = (str(compiled), bool(compiled.positional), columns)
        self._made[dialect.name] = made
        return made
