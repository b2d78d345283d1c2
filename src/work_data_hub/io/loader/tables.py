"""The tables that the loader keeps beside the data: ledger, quarantine, totals.

Imports SQLAlchemy: reach it from inside functions only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine


class UtcTime(TypeDecorator[datetime]):
    """An aware time: timestamptz on PostgreSQL, ISO 8601 text in UTC on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


metadata = MetaData()

files = Table(
    "wdh_files",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("relative_path", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("month", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("size", BigInteger),
    Column("mtime", Double, nullable=False),
    Column("ctime", Double),
    Column("inode", Text),  # unsigned 64 bits on some file systems: no SQL integer holds it
    Column("state", Text, nullable=False),
    Column("sha256", Text),
    Column("sheet", Text),
    Column("table_name", Text),
    Column("failed_runs", Text, nullable=False),  # JSON list of root run ids
    Column("rows_in", Integer, nullable=False),
    Column("loaded", Integer, nullable=False),
    Column("superseded", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("left_over", Integer, nullable=False),
    Column("reason", Text),
    Column("run_id", Text),
    Column("root_run_id", Text),
    Column("updated_at", UtcTime, nullable=False),
    Column("duration_s", Double),
)

quarantine = Table(
    "wdh_quarantine",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), Identity(always=False), primary_key=True
    ),
    Column("domain", Text, nullable=False),
    Column("file", Text, nullable=False),  # relative to the landing folder
    Column("sheet", Text, nullable=False),
    Column("row_number", Integer, nullable=False),  # as Excel numbers it, from 1
    Column("column_name", Text),
    Column("value", Text),
    Column("reason", Text, nullable=False),
    Column("cells", Text, nullable=False),  # JSON: heading -> text, as the reader gave it
    Column("sha256", Text, nullable=False),
    Column("run_id", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("replayed_at", UtcTime),
    Index("wdh_quarantine_file", "domain", "file"),
)

# What was ever loaded, counted: see totals.py.
totals = Table(
    "wdh_totals",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("value", Double, nullable=False),
)
