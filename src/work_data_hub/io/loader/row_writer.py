"""How rows get into a table: fast, and with what is there already taken into account.

Everything happens on the caller's connection, in the caller's transaction. PostgreSQL takes rows
by COPY; both are given rows in key order, which they index faster.
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
    delete,
    insert,
    literal,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from .data_table import DATA_SOURCE, primary_key
from .insert_sql import quoted
from .sqlite_rows import alike, write_to_sqlite

if TYPE_CHECKING:
    import polars as pl

# Rows of one piece of CSV for COPY: a few MB in memory at a time.
COPY_ROWS = 20_000
# As many months as a file has at most, and a statement easily takes.
FEW_MONTHS = 100
_POSITION = "wdh_position"


def insert_rows(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Plain insert. A key that is there already is an error of the database."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, frame)
    else:
        write_to_sqlite(connection, table, frame)


def replace_rows(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Insert, each row in the place of the one that has its key. Keys in `frame` are unique."""
    keys = primary_key(table)
    ordered = frame.sort(keys)
    if connection.dialect.name == "postgresql":
        _replace_by_staging(connection, table, ordered)
    else:
        write_to_sqlite(connection, table, ordered, keys=keys)


def rows_with_known_keys(
    connection: Connection, table: Table, frame: pl.DataFrame, sources: Sequence[str] | None = None
) -> list[int]:
    """Positions, in `frame`, of the rows whose key the table has.

    sources: only where the table's row came from one of these.
    """
    positions_and_keys = frame.select(primary_key(table)).with_row_index(_POSITION)
    known = _temporary(connection, "wdh_keys", table, positions_and_keys)
    query = select(known.c[_POSITION]).where(*_same_key(connection, known, table, frame))
    if sources is not None:
        query = query.where(table.c[DATA_SOURCE].in_(sources))
    positions = list(connection.scalars(query))
    known.drop(connection)
    return positions


def _replace_by_staging(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    # What all rows share, as month, source and time, is said once. One key is always staged.
    shared = [c.name for c in frame if c.name != primary_key(table)[-1] and alike(c)]
    staged = _temporary(connection, "wdh_stage", table, frame.drop(shared))
    connection.execute(delete(table).where(*_same_key(connection, staged, table, frame)))
    columns = [
        literal(frame[name][0], table.c[name].type) if name in shared else staged.c[name]
        for name in frame.columns
    ]
    insertion = insert(table).from_select(frame.columns, select(*columns).select_from(staged))
    inserted = connection.execute(insertion.execution_options(preserve_rowcount=True))
    assert inserted.rowcount == frame.height, f"{inserted.rowcount} of {frame.height} rows"
    staged.drop(connection)


def _temporary(connection: Connection, name: str, table: Table, frame: pl.DataFrame) -> Table:
    """A temporary table with these rows; their columns are those of `table`, and a position."""
    columns = [
        Column(column, Integer if column == _POSITION else table.c[column].type)
        for column in frame.columns
    ]
    like = connection.dialect.identifier_preparer.format_table(table)
    chosen = ", ".join(f"0 AS {_POSITION}" if c == _POSITION else quoted(c) for c in frame.columns)
    # Made from the table that is there: other collations, say, could not be compared with it.
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {name} AS SELECT {chosen} FROM {like} LIMIT 0"  # noqa: S608
    )
    temporary = Table(name, MetaData(), *columns)
    insert_rows(connection, temporary, frame)
    if connection.dialect.name == "postgresql":
        # It knows nothing of a new table, and would search all of it for each row of the other.
        connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    return temporary


def _same_key(
    connection: Connection, one: Table, table: Table, frame: pl.DataFrame
) -> list[ColumnElement[bool]]:
    """That a row of `one` has the key of a row of `table`.

    frame: what `one` was filled from; a key that it holds but `one` does not is alike in all rows.
    """
    first, *_ = keys = primary_key(table)
    same = [
        one.c[key] == table.c[key] if key in one.c else table.c[key] == frame[key][0]
        for key in keys
    ]
    if connection.dialect.name == "postgresql" and first in one.c:
        months = frame[first].unique().to_list()
        if len(months) <= FEW_MONTHS:
            # The index then gives these alone, however large the table is.
            same.append(table.c[first].in_(months))
    return same


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
