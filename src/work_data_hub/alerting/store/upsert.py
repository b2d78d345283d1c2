"""INSERT ... ON CONFLICT as text. SQLAlchemy compiles one anew at every execution, a text but once.

SQLite and PostgreSQL read it alike.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.sql.dml import ReturningInsert

__all__ = ["as_text", "insert"]


def as_text(statement: Insert | ReturningInsert[Any]) -> TextClause:
    """The statement, its parameters by the names of the columns; numbers that count up are not."""
    dialect: Any = sqlite.dialect(paramstyle="named")
    table: Any = statement.table
    given = [column.name for column in table.c if column is not table.autoincrement_column]
    return text(str(statement.compile(dialect=dialect, column_keys=given)))
