"""How rows get into SQLite: many to a statement, and what all rows share given once.

The driver's price is one a statement and one a value, and it is most of the time that rows take.
Imports SQLAlchemy: reach it from inside functions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

from .insert_sql import quoted

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection, Table

# Half the time of one row a statement; with more rows nothing is gained.
STATEMENT_ROWS = 20
# What a number in SQLite, a double, holds of any decimal. https://sqlite.org/floatingpoint.html
SQLITE_DIGITS = 15


def write_to_sqlite(
    connection: Connection, table: Table, frame: pl.DataFrame, *, keys: Sequence[str] = ()
) -> None:
    """Insert; with `keys`, each row in the place of the one that has its key.

    An upsert: measured faster than DELETE by key and INSERT, and the same in the end.
    """
    cursor: Any = connection.connection.cursor()
    changed = 0
    whole = frame.height - frame.height % STATEMENT_ROWS
    for piece, rows in ((frame[:whole], STATEMENT_ROWS), (frame[whole:], 1)):
        if piece.height:
            shared = [column.name for column in piece if alike(column)]
            own = [name for name in piece.columns if name not in shared]
            cursor.executemany(
                _statement(table, shared, own, rows=rows, keys=keys),
                _parameters(piece.select(shared), piece.select(own), rows=rows),
            )
            changed += cursor.rowcount
    assert changed == frame.height, f"{changed} of {frame.height} rows"
    cursor.close()


def alike(column: pl.Series) -> bool:
    """Whether all cells are the same, and there are any."""
    return bool(len(column)) and column[0] == column[-1] and column.n_unique() == 1


def _statement(
    table: Table, shared: Sequence[str], own: Sequence[str], *, rows: int, keys: Sequence[str]
) -> str:
    """Its parameters: those of the shared columns once, then the others' row after row."""
    once = [f"?{place + 1}" for place in range(len(shared))]
    numbers = count(len(shared) + 1)
    values = [", ".join((*once, *(f"?{next(numbers)}" for _ in own))) for _ in range(rows)]
    columns = [*shared, *own]
    names = ", ".join(map(quoted, columns))
    sql = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({'), ('.join(values)})"  # noqa: S608
    if not keys:
        return sql
    others = [quoted(name) for name in columns if name not in keys]
    new = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"{sql} ON CONFLICT ({', '.join(map(quoted, keys))}) DO UPDATE SET {new}"


def _parameters(shared: pl.DataFrame, own: pl.DataFrame, *, rows: int) -> Iterator[tuple[Any, ...]]:
    """What `_statement` asks for, a tuple for each `rows` rows."""
    once = [repeat(_cells(column[:1])[0], len(column) // rows) for column in shared]
    cells = [_cells(column) for column in own]
    return zip(*once, *(column[row::rows] for row in range(rows) for column in cells), strict=True)


def _cells(column: pl.Series) -> list[Any]:
    """Dates as ISO text, booleans as 0 and 1, decimals (of SQLITE_DIGITS at most) as numbers."""
    import polars as pl

    dtype = column.dtype
    if isinstance(dtype, pl.Decimal):
        column = column.cast(pl.Float64)
    elif isinstance(dtype, pl.Datetime):
        column = column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    elif dtype == pl.Date:
        column = column.dt.strftime("%Y-%m-%d")
    elif dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    return column.to_list()
