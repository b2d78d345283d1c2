"""The statements of publish() past SQLAlchemy, whose way through costs more than SQLite's own work.

Same connection, same transaction; the driver's errors come out bare (see `Database`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, TextClause


def execute(connection: Connection, statement: TextClause, values: Mapping[str, Any]) -> Any:
    """A cursor: rowcount, fetchall, iteration over tuples.

    PostgreSQL's own work costs more than SQLAlchemy's, which knows when a connection is lost.
    """
    if connection.dialect.name == "sqlite":
        return driver_of(connection).execute(statement.text, values)
    return connection.execute(statement, values)


def driver_of(connection: Connection) -> Any:
    """sqlite3's own connection."""
    return connection.connection.driver_connection
