"""From a file that was read to committed rows: data, ledger and quarantine in one transaction.

Used by the ops and by the command line alike.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .file_read import (
    FailureKind,
    FileFailure,
    FilePlan,
    FileRows,
    process_rows,
    read_file,
    read_rows,
)
from .file_report import FileReport
from .file_transaction import FileTransaction, LoadMode, with_counts
from .loader.kept_rows import failed_rows, replace_open_rows
from .loader.ledger import FileState, entry_of, failure_after, read_entry, write_entry
from .loader.totals import count_file

if TYPE_CHECKING:
    from .loader.warehouse_loader import Warehouse

__all__ = [
    "FailureKind",
    "FileFailure",
    "FilePlan",
    "FileReport",
    "FileRows",
    "LoadMode",
    "fail_file",
    "load_file",
    "process_rows",
    "read_file",
    "read_rows",
]


def load_file(
    warehouse: Warehouse,
    plan: FilePlan,
    *,
    table: str,
    pk: Sequence[str],
    mode: LoadMode | str = LoadMode.DELETE_INSERT,
    plan_only: bool = False,
    run_id: str = "",
    root_run_id: str | None = None,
    now: datetime | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> FileReport:
    """Commit a file, or, with plan_only, say what would be committed and write nothing.

    Content that the ledger has as loaded into this table is not loaded again (`unchanged`); nor,
    with append, is a file that the same root run has loaded. Raises WarehouseError, and then
    nothing of the file is in the warehouse.
    """
    start = clock()
    entry = replace(
        entry_of(plan.file, FileState.LOADED, now or datetime.now(UTC)),
        sha256=plan.rows.sha256,
        sheet=str(plan.rows.sheet),
        table_name=table,
        run_id=run_id,
        root_run_id=root_run_id or run_id,
    )
    transaction = FileTransaction(
        plan=plan,
        entry=entry,
        pk=tuple(pk),
        mode=LoadMode(mode),
        is_postgres=warehouse.is_postgres,
        elapsed_s=lambda: clock() - start,
    )
    if plan_only:
        with warehouse.reading() as connection:
            return transaction.planned(connection)
    with warehouse.writing() as connection:
        return transaction.committed(connection)


def fail_file(
    warehouse: Warehouse,
    failure: FileFailure,
    *,
    plan_only: bool = False,
    run_id: str = "",
    root_run_id: str | None = None,
    now: datetime | None = None,
) -> FileReport:
    """Note in the ledger that a run could not load a file; with plan_only, only say so.

    The rows of a file with too many refused ones are all quarantined, the good ones too: nothing
    is loaded and nothing is lost. Raises WarehouseError.
    """
    entry = replace(
        entry_of(failure.file, FileState.FAILED, now or datetime.now(UTC)),
        sha256=failure.sha256,
        reason=failure.error,
        run_id=run_id,
        root_run_id=root_run_id or run_id,
        duration_s=failure.duration_s,
    )
    plan = failure.plan
    kept = None if plan is None else failed_rows(plan.outcome, plan.rows.frame)
    report = FileReport(
        path=entry.path,
        relative_path=entry.relative_path,
        state=FileState.FAILED,
        rows_in=0 if kept is None else kept.height,
        quarantined=0 if kept is None else kept.height,
        reasons={} if kept is None else dict(Counter(kept["reason"])),
        error=failure.error,
        error_kind=failure.kind,
        duration_s=failure.duration_s,
        ambiguous_percent=plan is not None and plan.outcome.ambiguous_percent,
        refused_share=0.0 if plan is None else plan.outcome.refused_share,
    )
    if plan_only:
        return report
    with warehouse.writing() as connection:
        before = read_entry(connection, entry.domain, entry.path)
        entry = failure_after(before, with_counts(entry, report))
        write_entry(connection, entry)
        if plan is not None and kept is not None:
            replace_open_rows(connection, kept, entry=entry, sheet=plan.rows.sheet)
        count_file(connection, entry.domain, report)
    return replace(report, state=entry.state)
