"""Real workbooks in a real folder, and how they are read and loaded in the tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook

from work_data_hub.config.data_sources import DomainConfig, load_data_sources
from work_data_hub.io.connectors.discovered_file import DiscoveredFile
from work_data_hub.io.file_load import (
    FileFailure,
    FilePlan,
    FileReport,
    fail_file,
    load_file,
    read_file,
)
from work_data_hub.io.loader.warehouse_loader import Warehouse

DOMAIN = "trustee_performance"
TABLE = "trustee_performance"
HEADINGS = ("年", "月", "计划代码", "公司代码", "收益率", "净值", "规模")
TODAY = date(2025, 3, 10)
NOW = datetime(2025, 3, 10, 2, 0, tzinfo=UTC)

Row = Sequence[Any]


def config() -> DomainConfig:
    return load_data_sources().domain(DOMAIN)


def row(plan: str, *, month: int = 11, company: str = "C1", value: Any = "1.5") -> Row:
    """A good row of 2024; `value` is its net asset value."""
    return (2024, month, plan, company, "5.5%", value, "1,000.25")


@dataclass(frozen=True)
class Landing:
    """A landing folder."""

    root: Path

    def workbook(
        self,
        name: str,
        rows: Sequence[Row],
        *,
        month: int = 11,
        version: int = 0,
        mtime: float = 1_700_000_000.0,
        headings: Sequence[str] = HEADINGS,
    ) -> DiscoveredFile:
        """Write (again) a workbook, as discovery would find it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        book = Workbook(str(path), {"in_memory": True})
        sheet = book.add_worksheet()
        for number, cells in enumerate([headings, *rows]):
            sheet.write_row(number, 0, cells)
        book.close()
        return self.found(name, month=month, version=version, mtime=mtime)

    def found(
        self, name: str, *, month: int = 11, version: int = 0, mtime: float = 1_700_000_000.0
    ) -> DiscoveredFile:
        path = self.root / name
        os.utime(path, (mtime, mtime))
        status = path.stat()
        metadata = {
            "modified_time": status.st_mtime,
            "size": status.st_size,
            "ctime": status.st_ctime,
            "inode": status.st_ino,
            "version": version,
            "filename": path.name,
            "relative_path": name,
        }
        return DiscoveredFile(DOMAIN, str(path), 2024, month, metadata)


def plan_of(file: DiscoveredFile, *, pk: Sequence[str] | None = None) -> FilePlan:
    """The file, read and processed; it must be loadable."""
    settings = config() if pk is None else config().model_copy(update={"pk": tuple(pk)})
    read = read_file(file, settings, today=TODAY, processed_at=NOW)
    assert isinstance(read, FilePlan), read
    return read


def load(
    warehouse: Warehouse, file: DiscoveredFile, *, run: str = "run-1", **options: Any
) -> FileReport:
    """From path to committed rows, as the ops do it."""
    read = read_file(file, config(), today=TODAY, processed_at=NOW)
    if isinstance(read, FileFailure):
        return fail_file(warehouse, read, run_id=run, now=NOW)
    common: dict[str, Any] = {"table": TABLE, "pk": config().pk, "run_id": run, "now": NOW}
    return load_file(warehouse, read, **(common | options))


def table_rows(warehouse: Warehouse, columns: str, table: str = TABLE) -> list[tuple[Any, ...]]:
    """The rows of the data table, in order of these columns."""
    with warehouse.reading() as connection:
        assert connection is not None
        query = f'SELECT {columns} FROM "{table}" ORDER BY {columns}'
        return [tuple(found) for found in connection.exec_driver_sql(query)]
