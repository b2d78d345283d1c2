"""What a load or a probe finds wrong with a file, and the alerts that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..alerting import Alert
from ..config.data_sources import Validation, load_data_sources
from ..io.connectors.file_connector import DiscoveredFile
from ..io.file_load import FailureKind, FileFailure, FilePlan
from ..io.loader.ledger import FileState, Ledger, LedgerEntry
from ..observability.events import met_in
from ..observability.run import Run
from .data_alerts import (
    DataAlert,
    Finding,
    FoundBy,
    alert_of,
    over_with,
    publish,
    publish_from_run,
)

FAILURES = {
    FailureKind.VANISHED: DataAlert.UNREADABLE_FILE,
    FailureKind.CHANGED: DataAlert.UNREADABLE_FILE,
    FailureKind.UNREADABLE: DataAlert.UNREADABLE_FILE,
    FailureKind.COLUMNS: DataAlert.MISSING_COLUMNS,
    FailureKind.REFUSED_SHARE: DataAlert.ROWS_REFUSED,
    FailureKind.TABLE: DataAlert.ROWS_REFUSED,
    FailureKind.NAME: DataAlert.UNREADABLE_FILE,
}


def findings_in(read: FilePlan | FileFailure, limits: Validation) -> list[Finding]:
    """What is wrong with a file that was read, or could not be."""
    if isinstance(read, FileFailure):
        return [Finding(FAILURES[read.kind], read.error, read.in_chinese)]
    outcome, found = read.outcome, []
    if outcome.rows_in == 0:
        found.append(
            Finding(
                DataAlert.ZERO_ROWS, "the sheet has a heading and no rows", "只有表头，没有数据行"
            )
        )
    elif outcome.rows_in < limits.min_rows:
        summary = f"{outcome.rows_in} rows; at least {limits.min_rows} are expected"
        summary_zh = f"只有 {outcome.rows_in} 行，至少应有 {limits.min_rows} 行"
        found.append(Finding(DataAlert.TOO_FEW_ROWS, summary, summary_zh))
    if outcome.ambiguous_percent:
        summary = (
            "returns without % lie on both sides of 1: those above were read as percent, those "
            "within as fractions"
        )
        summary_zh = "不带 % 的收益率有的大于 1，有的不大于 1：大于 1 的按百分数读，其余按小数读"
        found.append(Finding(DataAlert.AMBIGUOUS_PERCENT, summary, summary_zh))
    return found


def tell_of_load(
    read: FilePlan | FileFailure, file: str, *, as_met: Callable[[Alert], Alert]
) -> None:
    """Open and close the alerts of a file that was just loaded, or not.

    file: relative to the landing folder. as_met: the alert with the run in which that was. Never
    raises: see publish_from_run.
    """
    domain = read.file.domain
    limits = load_data_sources().domain(domain).validation
    found = findings_in(read, limits)
    publish_from_run(
        [as_met(alert_of(f, domain=domain, file=file, found_by=FoundBy.LOAD)) for f in found],
        resolved=over_with(found, domain=domain, file=file, found_by=FoundBy.LOAD),
    )


def died_over_it(run_id: str) -> Finding:
    """What is known of a file whose run ended before it could say more."""
    return Finding(
        DataAlert.UNREADABLE_FILE,
        f"its run {run_id} ended before it could say why; look at its events",
        f"读取它的运行 {run_id} 未及说明原因就结束了；请查看该运行的事件",
    )


def killed_its_run(file: DiscoveredFile, run: Run) -> Alert:
    """A file whose run died over it; the next good load closes it."""
    finding = died_over_it(run.run_id)
    name = str(file.metadata.get("relative_path") or file.path)
    return met_in(alert_of(finding, domain=file.domain, file=name, found_by=FoundBy.LOAD), run)


def withdraw(
    ledger: Ledger, files: Iterable[DiscoveredFile], entries: Mapping[str, LedgerEntry]
) -> list[LedgerEntry]:
    """Close the alerts of files that had failed and are not among `files` any more; those files.

    Removed, renamed or replaced by a newer version: no load will ever speak of them again.
    Raises AlertingError; the ledger then stays as it is.
    """
    there = {file.path for file in files}
    gone = [entry for entry in failed_entries(entries) if entry.path not in there]
    if not gone:
        return []
    over = [
        scope
        for entry in gone
        for scope in over_with(
            [], domain=entry.domain, file=entry.relative_path, found_by=FoundBy.LOAD
        )
    ]
    publish([], resolved=over)
    ledger.withdraw(gone)
    return gone


def failed_entries(entries: Mapping[str, LedgerEntry]) -> list[LedgerEntry]:
    """Those that have an alert open."""
    return [e for e in entries.values() if e.state in (FileState.FAILED, FileState.REFUSED)]
