"""The rows that were refused, kept in `wdh_quarantine` where an operator can read and export them.

A row is open until it is replayed (see `io.replay`) or its file is loaded with other content.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

    from .warehouse_loader import Warehouse


@dataclass(frozen=True)
class QuarantinedRow:
    """One refused row.

    file: relative to the landing folder. row_number: as Excel numbers it, from 1. column, value:
    the cell that is to blame; None where no single one is. cells: all of the row as JSON,
    heading -> text. replayed_at: when it was loaded after all.
    """

    id: int
    domain: str
    file: str
    sheet: str
    row_number: int
    column: str | None
    value: str | None
    reason: str
    cells: str
    sha256: str
    run_id: str | None
    created_at: datetime
    replayed_at: datetime | None


class Quarantine:
    """Reads `wdh_quarantine`. Where there is no warehouse yet there are no rows."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def rows(
        self, domain: str, *, file: str | None = None, limit: int | None = None
    ) -> list[QuarantinedRow]:
        """The open rows, by file and row. Raises WarehouseError."""
        with self._warehouse.reading() as connection:
            return [] if connection is None else list(open_rows(connection, domain, file, limit))

    def counts(self, domain: str) -> dict[str, dict[str, int]]:
        """Open rows by file and reason. Raises WarehouseError."""
        from sqlalchemy import func, select

        from .tables import quarantine as t

        counted: dict[str, dict[str, int]] = {}
        with self._warehouse.reading() as connection:
            if connection is None:
                return {}
            query = (
                select(t.c.file, t.c.reason, func.count())
                .where(t.c.domain == domain, t.c.replayed_at.is_(None))
                .group_by(t.c.file, t.c.reason)
                .order_by(t.c.file, t.c.reason)
            )
            for file, reason, count in connection.execute(query):
                counted.setdefault(file, {})[reason] = count
        return counted

    def export(self, domain: str, stream: TextIO, *, file: str | None = None) -> int:
        """Write the open rows as CSV with a heading; returns how many. Raises WarehouseError."""
        writer = csv.writer(stream)
        writer.writerow(field.name for field in fields(QuarantinedRow))
        written = 0
        with self._warehouse.reading() as connection:
            if connection is None:
                return 0
            for row in open_rows(connection, domain, file):
                writer.writerow(astuple(row))
                written += 1
        return written


def open_rows(
    connection: Connection, domain: str, file: str | None = None, limit: int | None = None
) -> Iterator[QuarantinedRow]:
    """The open rows of a domain, or of one of its files, by file and row."""
    from sqlalchemy import select

    from .tables import quarantine as t

    query: Select[Any] = (
        select(t)
        .where(t.c.domain == domain, t.c.replayed_at.is_(None))
        .order_by(t.c.file, t.c.row_number, t.c.id)
        .limit(limit)
    )
    if file is not None:
        query = query.where(t.c.file == file)
    for row in connection.execute(query).mappings():
        yield _row(row)


def mark_replayed(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Close these rows; in the caller's transaction."""
    from sqlalchemy import bindparam, update

    from .tables import quarantine as t

    if ids:
        query = update(t).where(t.c.id == bindparam("row_id")).values(replayed_at=now)
        connection.execute(query, [{"row_id": row_id} for row_id in ids])


def _row(row: Mapping[Any, Any]) -> QuarantinedRow:
    values = dict(row)
    return QuarantinedRow(column=values.pop("column_name"), **values)
