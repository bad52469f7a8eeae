"""Many rows at once, past SQLAlchemy's work for each row and each statement: half the cost of keeping a mail was that.

Statements, names and conversions of values are SQLAlchemy's own, taken once for each dialect; what runs is the driver's
cursor, inside the transaction that SQLAlchemy began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, Column, Connection, DateTime, LargeBinary, Table, TypeDecorator, insert
from sqlmodel import SQLModel

from gateway.store.tables import Id

IN_MAX = 512

_Convert = Any  # what SQLAlchemy calls a bind or result processor, or None


def table_of(model: type[SQLModel]) -> Table:
    """The table under a model, for bulk statements."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def slices(values: Iterable[Any], size: int = IN_MAX) -> Iterator[Sequence[Any]]:
    """`values` in runs short enough for one IN."""
    run = list(values)
    for start in range(0, len(run), size):
        yield run[start : start + size]


class _Insert(NamedTuple):
    statement: str
    is_positional: bool
    columns: list[tuple[str, _Convert]]


def _converter(column: Column[Any], connection: Connection) -> _Convert:
    kind = column.type
    if connection.dialect.name == "sqlite":
        # A dozen ids and four times a mail: SQLAlchemy's way to the same values is three calls each. The driver takes int, str
        # and bytearray as they are; for bytes, bool and members of an enum it looks for an adapter first, which costs more.
        if isinstance(kind, Id):
            return _bytes_of
        if isinstance(kind, TypeDecorator) and isinstance(kind.impl, DateTime):
            return _text_of
        if isinstance(kind, Boolean):
            return int
        if isinstance(kind, LargeBinary):
            return bytearray
    return kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)


def _bytes_of(value: UUID | None) -> bytearray | None:
    return bytearray(value.int.to_bytes(16)) if value is not None else None


def _text_of(value: datetime | None) -> str | None:
    """As SQLAlchemy stores an instant in SQLite: UTC, with microseconds and without a zone."""
    if value is None:
        return None
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError("an instant without a zone")
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[:26]


class Bulk:
    """INSERT of many rows into one table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._made: dict[str, _Insert] = {}

    def insert(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Inserts `rows`, each with a value for every column."""
        if not rows:
            return
        made = self._made.get(connection.dialect.name) or self._make(connection)
        if not made.is_positional:
            converted = [(name, convert) for name, convert in made.columns if convert]
            for row in rows:
                row.update({name: convert(row[name]) for name, convert in converted})
            connection.connection.cursor().executemany(made.statement, rows)
            return
        values = [tuple([row[name] if c is None else c(row[name]) for name, c in made.columns]) for row in rows]
        connection.connection.cursor().executemany(made.statement, values)

    def _make(self, connection: Connection) -> _Insert:
        dialect = connection.dialect
        compiled = insert(self._table).compile(dialect=dialect)
        columns = [(column.name, _converter(column, connection)) for column in self._table.c]
        made = self._made[dialect.name] = _Insert(str(compiled), bool(compiled.positional), columns)
        return made


class Lookup:
    """SELECT of some columns by forum and a list of values of one column.

    `more` is one more condition, with a "%s" for each value that is compared with one of the columns `given`.
    """

    def __init__(
        self, columns: Sequence[Column[Any]], by: Column[Any], more: str = "", given: Sequence[Column[Any]] = ()
    ) -> None:
        self._columns = columns
        names = ", ".join(column.name for column in columns)
        self._head = f"SELECT {names} FROM {by.table.name} WHERE forum_id = %s AND {by.name}"  # noqa: S608 - names of our own
        self._forum: Column[Any] = by.table.c.forum_id
        self._more = more
        self._given = given
        self._converts: dict[str, tuple[list[_Convert], list[_Convert]]] = {}

    def find(self, connection: Connection, forum_id: Any, values: Iterable[str], *given: Any) -> Iterator[list[Any]]:
        """The rows, in no order. Values must be text; `given` is of the types of those columns."""
        binds, converts = self._converts.get(connection.dialect.name) or self._make(connection)
        forum, *rest = [one if bind is None else bind(one) for one, bind in zip((forum_id, *given), binds, strict=True)]
        cursor = connection.connection.cursor()
        for run in slices(values):
            if connection.dialect.name == "sqlite":
                # Padded with one of its own values, again for the cache of statements.
                size = 1 << (len(run) - 1).bit_length()
                marks = ", ".join("?" * size)
                sql = f"{self._head} IN ({marks}){self._more}".replace("%s", "?")
                cursor.execute(sql, (forum, *run, *([run[0]] * (size - len(run))), *rest))
            else:
                cursor.execute(f"{self._head} = ANY(%s){self._more}", (forum, list(run), *rest))
            for row in cursor.fetchall():
                yield [value if convert is None else convert(value) for value, convert in zip(row, converts, strict=True)]

    def _make(self, connection: Connection) -> tuple[list[_Convert], list[_Convert]]:
        dialect = connection.dialect
        binds = [_converter(column, connection) for column in (self._forum, *self._given)]
        converts = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in self._columns]
        self._converts[dialect.name] = (binds, converts)
        return binds, converts
