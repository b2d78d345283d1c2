"""Statements past SQLAlchemy, whose way through costs more than SQLite's own work.

Same connection, same transaction; the driver's errors come out bare (see `Database`). PostgreSQL's
own work costs more than SQLAlchemy's, which knows when a connection is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause


def execute(connection: Connection, statement: TextClause, values: Mapping[str, Any]) -> Any:
    """A cursor: rowcount, fetchall, iteration over tuples."""
    if connection.dialect.name == "sqlite":
        return driver_of(connection).execute(statement.text, values)
    return connection.execute(statement, values)


def execute_many(
    connection: Connection, statement: TextClause, rows: Sequence[Mapping[str, Any]]
) -> None:
    """An INSERT or UPDATE for each of these rows, of which no two concern the same one.

    On PostgreSQL in one exchange with the server for all. On SQLite in one statement: sqlite3 lets
    go of the interpreter at each, and waits for it behind the threads that talk to sinks.
    """
    if connection.dialect.name != "sqlite":
        if rows:
            connection.execute(statement, rows)
        return
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[begin : begin + _ROWS_AT_ONCE]
        values = [value for row in some for value in row.values()]
        driver_of(connection).execute(_for_all(statement.text, some), values)


def first_of_each(
    connection: Connection, statement: TextClause, rows: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, ...] | None]:
    """The first row that the statement gives for each of these, in turn; None where it gives none.

    On PostgreSQL in one exchange with the server for all.
    """
    driver = driver_of(connection)
    if connection.dialect.name == "sqlite":
        return [driver.execute(statement.text, row).fetchone() for row in rows]
    if not rows:
        return []
    from .postgres import first_of_each

    compiled = statement.compile(dialect=connection.dialect)
    return first_of_each(connection, str(compiled), rows)


def _for_all(sql: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The statement over a table of the values that it names."""
    names = tuple(rows[0])
    given = ",".join(["(" + ",".join("?" * len(names)) + ")"] * len(rows))
    sql = _NAMED.sub(r"given._\1", sql)
    values = f"WITH given({','.join('_' + name for name in names)}) AS (VALUES {given}) "
    if sql.startswith("UPDATE"):
        return values + sql.replace(" WHERE ", " FROM given WHERE ", 1)
    head, named = sql.removesuffix(")").split(" VALUES (")
    return f"{values}{head} SELECT {named} FROM given"  # noqa: S608 - texts of this package


# SQLite takes 32,766 values a statement. https://sqlite.org/limits.html#max_variable_number
_ROWS_AT_ONCE = 500
_NAMED = re.compile(r":(\w+)")


def driver_of(connection: Connection) -> Any:
    """sqlite3's own connection."""
    return connection.connection.driver_connection
