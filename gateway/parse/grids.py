"""Which tables of a mail are tables: those with short cells in rows and columns. The others place things on a page.

In: the tags of clean HTML, in order. Out: one bool a table, in the order in which they begin. A table in which another
stands, or with one column, or wider than a page, is no grid; its cells are read one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_CELL_MAX: Final = 60
_WIDTH_MAX: Final = 110
_COLUMNS_MAX: Final = 40
_NOT_IN_CELLS: Final = frozenset({"blockquote", "pre", "li", "h1", "h2", "h3"})
_BREAKS: Final = frozenset({"br", "div", "p", "hr"})


@dataclass(slots=True, kw_only=True)
class _Table:
    """What was seen of one table: the widest line of each column."""

    number: int
    widths: list[int] = field(default_factory=list)
    column: int = -1
    line: int = 0
    is_grid: bool = True


def find_grids(tags: Iterable[tuple[str, bool, str]]) -> list[bool]:
    """For each table, whether it is shown as rows and columns; `tags` are (name, is_end, text)."""
    verdicts: list[bool] = []
    tables: list[_Table] = []
    for name, is_end, text in tags:
        if name == "table" and not is_end:
            if tables:
                tables[-1].is_grid = False
            tables.append(_Table(number=len(verdicts)))
            verdicts.append(False)
        elif tables:
            if name == "table":
                table = tables.pop()
                verdicts[table.number] = table.is_grid and len(table.widths) >= 2 and sum(table.widths) <= _WIDTH_MAX
            else:
                _look(tables[-1], name, text, is_end=is_end)
    return verdicts


def _look(table: _Table, name: str, text: str, *, is_end: bool) -> None:
    if name == "tr":
        table.column = -1
    elif name in ("td", "th") and not is_end:
        table.column += 1
        table.line = 0
        if table.column >= _COLUMNS_MAX:
            table.is_grid = False
        elif table.column == len(table.widths):
            table.widths.append(0)
    elif name in _BREAKS:
        table.line = 0
    elif name in _NOT_IN_CELLS:
        table.is_grid = False
    elif not name and 0 <= table.column < len(table.widths):
        table.line += len(" ".join(text.split()))
        table.widths[table.column] = max(table.widths[table.column], table.line)
        if table.line > _CELL_MAX:
            table.is_grid = False
