"""Statements past SQLAlchemy, whose way through costs more than SQLite's own work.

Same connection, same transaction; the driver's errors come out bare (see `Database`). PostgreSQL's
own work costs more than SQLAlchemy's, which knows when a connection is lost.
"""

from __future__ import annotations

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
    """For each row in turn; on PostgreSQL in one exchange with the server for all."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        driver_of(connection).executemany(statement.text, rows)
    else:
        connection.execute(statement, rows)


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


def driver_of(connection: Connection) -> Any:
    """sqlite3's own connection."""
    return connection.connection.driver_connection
