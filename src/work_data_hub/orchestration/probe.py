"""The data-quality probe: the newest file, taken as a load would take it, and nothing written."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..config.data_sources import DomainConfig, load_data_sources
from ..domain.trustee_performance import DOMAIN
from ..io.connectors.file_connector import DiscoveredFile
from ..io.file_load import FilePlan, read_file
from ..io.loader.warehouse_loader import build_insert_sql
from ..observability.local_router import local_router
from .data_alerts import DataAlert, Finding, FoundBy, alert_of, over_with, publish
from .load_findings import findings_in
from .probe_counts import count_probe

SECONDS_A_DAY = 86_400


def probe_newest(files: Sequence[DiscoveredFile], *, now_s: float | None = None) -> str:
    """Probe the first of `files`, open or close its alerts, and say in a sentence what was found.

    Raises AlertingError when an alert cannot be stored: the tick then fails.
    """
    if not files:
        count_probe(local_router().store, DOMAIN, outcome="no_file")
        return "no file to probe"
    file = files[0]
    name = str(file.metadata.get("relative_path") or file.path)
    source = load_data_sources().domain(file.domain)
    read = read_file(file, source)
    found = findings_in(read, source.validation)
    found += stale(file, source, now_s=time.time() if now_s is None else now_s)
    publish(
        [alert_of(f, domain=file.domain, file=name, found_by=FoundBy.PROBE) for f in found],
        resolved=over_with(found, domain=file.domain, file=name, found_by=FoundBy.PROBE),
    )
    count_probe(
        local_router().store,
        file.domain,
        outcome="found" if found else "passed",
        findings=[f.kind.value for f in found],
    )
    if found:
        return f"{name}: " + "; ".join(f"{f.kind}: {f.summary}" for f in found)
    assert isinstance(read, FilePlan)
    return f"{name}: no fault; {planned_rows(read, source)} rows would be inserted"


def stale(file: DiscoveredFile, source: DomainConfig, *, now_s: float) -> list[Finding]:
    """The newest file is older than a new one should take to come."""
    limit = source.validation.max_file_age_days
    age_days = (now_s - float(file.metadata["modified_time"])) / SECONDS_A_DAY
    if age_days <= limit:
        return []
    summary = f"the newest file is {age_days:.0f} days old; at most {limit} are expected"
    summary_zh = f"最新的文件是 {age_days:.0f} 天前的，最多应为 {limit} 天"
    return [Finding(DataAlert.STALE_FILE, summary, summary_zh)]


def planned_rows(plan: FilePlan, source: DomainConfig) -> int:
    """How many rows the insert plan of the file holds."""
    frame = plan.outcome.frame
    sql, params = build_insert_sql(source.table, frame.columns, frame.rows())
    return len(params) // len(frame.columns) if sql is not None else 0
