"""What a load or a probe finds wrong with a file, and the alerts that follow from it."""

from __future__ import annotations

from collections.abc import Sequence

from ..config.data_sources import Validation, load_data_sources
from ..config.settings import get_settings
from ..io.file_load import FailureKind, FileFailure, FilePlan, FileReport
from .data_alerts import DataAlert, Finding, FoundBy, alert_of, over_with, publish_from_run

FAILURES = {
    FailureKind.VANISHED: DataAlert.UNREADABLE_FILE,
    FailureKind.CHANGED: DataAlert.UNREADABLE_FILE,
    FailureKind.UNREADABLE: DataAlert.UNREADABLE_FILE,
    FailureKind.COLUMNS: DataAlert.MISSING_COLUMNS,
    FailureKind.REFUSED_SHARE: DataAlert.ROWS_REFUSED,
}


def findings_in(read: FilePlan | FileFailure, limits: Validation) -> list[Finding]:
    """What is wrong with a file that was read, or could not be."""
    if isinstance(read, FileFailure):
        return [Finding(FAILURES[read.kind], read.error)]
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


def tell_of_reports(files: Sequence[FilePlan | FileFailure], reports: Sequence[FileReport]) -> None:
    """Open and close the alerts of the files of one run. Never raises: see publish_from_run."""
    alerts, over = [], []
    for read, report in zip(files, reports, strict=True):
        domain, file = read.file.domain, report.relative_path
        limits = load_data_sources(get_settings().data_sources_config).domain(domain).validation
        found = findings_in(read, limits)
        over += over_with(found, domain=domain, file=file, found_by=FoundBy.LOAD)
        alerts += [alert_of(f, domain=domain, file=file, found_by=FoundBy.LOAD) for f in found]
    publish_from_run(alerts, resolved=over)
