"""How rows get into a table: fast, and with what is there already taken into account.

Everything happens on the caller's connection, in the caller's transaction. PostgreSQL takes rows
by COPY, SQLite by one executemany; both are given rows in key order, which they index faster.
Imports SQLAlchemy: reach it from inside functions only.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    and_,
    delete,
    insert,
    literal,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from .data_table import DATA_SOURCE, primary_key
from .insert_sql import quoted

if TYPE_CHECKING:
    import polars as pl

# Rows of one piece of CSV for COPY: a few MB in memory at a time.
COPY_ROWS = 20_000
# What a number in SQLite, a double, holds of any decimal. https://sqlite.org/floatingpoint.html
SQLITE_DIGITS = 15
_POSITION = "wdh_position"


def insert_rows(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Plain insert. A key that is there already is an error of the database."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, frame)
    else:
        _executemany(connection, _sqlite_insert(table, frame.columns), frame)


def replace_rows(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Insert, each row in the place of the one that has its key. Keys in `frame` are unique."""
    keys = primary_key(table)
    ordered = frame.sort(keys)
    if connection.dialect.name == "postgresql":
        _replace_by_staging(connection, table, ordered)
    else:
        # An upsert: measured faster than DELETE by key and INSERT, and the same in the end.
        others = [name for name in frame.columns if name not in keys]
        values = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in others)
        conflict = f" ON CONFLICT ({', '.join(map(quoted, keys))}) DO UPDATE SET {values}"
        _executemany(connection, _sqlite_insert(table, frame.columns) + conflict, ordered)


def rows_with_known_keys(
    connection: Connection, table: Table, frame: pl.DataFrame, sources: Sequence[str] | None = None
) -> list[int]:
    """Positions, in `frame`, of the rows whose key the table has.

    sources: only where the table's row came from one of these.
    """
    keys = primary_key(table)
    positions_and_keys = frame.select(keys).with_row_index(_POSITION)
    known = _temporary(connection, "wdh_keys", table, positions_and_keys)
    query = select(known.c[_POSITION]).join(table, _same_key(known, table, keys))
    if sources is not None:
        query = query.where(table.c[DATA_SOURCE].in_(sources))
    positions = list(connection.scalars(query))
    known.drop(connection)
    return positions


def _replace_by_staging(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    keys = primary_key(table)
    alike = [c.name for c in frame if c.name not in keys and _all_alike(c)]
    staged = _temporary(connection, "wdh_stage", table, frame.drop(alike))
    connection.execute(delete(table).where(_same_key(staged, table, keys)))
    # What all rows share, as source and time, is said once.
    columns = [
        literal(frame[name][0], table.c[name].type) if name in alike else staged.c[name]
        for name in frame.columns
    ]
    insertion = insert(table).from_select(frame.columns, select(*columns))
    inserted = connection.execute(insertion.execution_options(preserve_rowcount=True))
    assert inserted.rowcount == frame.height, f"{inserted.rowcount} of {frame.height} rows"
    staged.drop(connection)


def _temporary(connection: Connection, name: str, table: Table, frame: pl.DataFrame) -> Table:
    """A temporary table with these rows; their columns are those of `table`, and a position."""
    columns = [
        Column(column, Integer if column == _POSITION else table.c[column].type)
        for column in frame.columns
    ]
    temporary = Table(name, MetaData(), *columns, prefixes=["TEMPORARY"])
    temporary.create(connection)
    insert_rows(connection, temporary, frame)
    if connection.dialect.name == "postgresql":
        # It knows nothing of a new table, and would read all of a large `table` to join the two.
        keys = ", ".join(map(quoted, primary_key(table)))
        connection.exec_driver_sql(f"ANALYZE {name} ({keys})")
    return temporary


def _same_key(one: Table, other: Table, keys: Sequence[str]) -> ColumnElement[bool]:
    return and_(*(one.c[key] == other.c[key] for key in keys))


def _copy(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    target = connection.dialect.identifier_preparer.format_table(table)
    columns = ", ".join(map(quoted, frame.columns))
    cursor: Any = connection.connection.cursor()
    with (
        cursor,
        cursor.copy(f"COPY {target} ({columns}) FROM STDIN (FORMAT csv)".encode()) as copy,
    ):
        for piece in _csv_pieces(frame):
            copy.write(piece)


def _csv_pieces(frame: pl.DataFrame) -> Iterator[memoryview]:
    """COPY's input. Null is nothing, "" an empty text."""
    for piece in frame.iter_slices(COPY_ROWS):
        text = io.BytesIO()
        piece.write_csv(text, include_header=False)
        yield text.getbuffer()


def _sqlite_insert(table: Table, columns: Sequence[str]) -> str:
    names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
    return f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({marks})"  # noqa: S608


def _executemany(connection: Connection, sql: str, frame: pl.DataFrame) -> None:
    cursor: Any = connection.connection.cursor()
    cursor.executemany(sql, _sqlite_rows(frame))
    changed = max(cursor.rowcount, 0)  # -1 for no rows at all
    assert changed == frame.height, f"{changed} of {frame.height} rows"
    cursor.close()


def _sqlite_rows(frame: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    return zip(*map(_sqlite_cells, frame), strict=True)


def _sqlite_cells(column: pl.Series) -> list[Any]:
    """Where all cells are alike they are one object, made once."""
    if _all_alike(column):
        return _for_sqlite(column[:1]).to_list() * len(column)
    return _for_sqlite(column).to_list()


def _for_sqlite(column: pl.Series) -> pl.Series:
    """Dates as ISO text, booleans as 0 and 1, decimals (of SQLITE_DIGITS at most) as numbers."""
    import polars as pl

    dtype = column.dtype
    if isinstance(dtype, pl.Decimal):
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime):
        return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    if dtype == pl.Date:
        return column.dt.strftime("%Y-%m-%d")
    return column.cast(pl.Int8) if dtype == pl.Boolean else column


def _all_alike(column: pl.Series) -> bool:
    return bool(len(column)) and column[0] == column[-1] and column.n_unique() == 1
