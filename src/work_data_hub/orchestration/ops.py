"""The ops: thin wrappers over `io`, which know of Dagster what the pipeline must not.

A file that cannot be read is not raised where it is met: the others load first, then load_op fails
the run and names it.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from dagster import (
    Config,
    Failure,
    In,
    OpExecutionContext,
    Out,
    Output,
    op,
)
from pydantic import Field, field_validator

from ..alerting import Alert
from ..alerting.errors import AlertingError
from ..config.data_sources import DomainConfig, load_data_sources
from ..config.settings import get_settings
from ..domain.trustee_performance import DOMAIN
from ..io.connectors.file_connector import DataSourceConnector, DiscoveredFile
from ..io.errors import (
    FileUnreadable,
    LandingFolderMissing,
    LandingFolderUnreadable,
    RowsRefusedByTable,
    WarehouseError,
)
from ..io.file_load import (
    FailureKind,
    FileFailure,
    FilePlan,
    FileReport,
    FileRows,
    LoadMode,
    fail_file,
    load_file,
    process_rows,
    read_file,
    read_rows,
)
from ..io.file_read import PROBLEM, PROBLEM_IN_CHINESE
from ..io.loader.ledger import Ledger
from ..io.loader.pending import waiting_for_a_run
from ..io.loader.warehouse_loader import Warehouse
from ..observability.dagster_api import ownership, run_log
from ..observability.events import met_in
from ..observability.run import Ownership
from .data_alerts import landing_folder_found, landing_folder_missing, publish_from_run
from .load_findings import failed_entries, tell_of_load, withdraw
from .load_metadata import WAREHOUSE_ASSET, files_failed, materialization

MAX_FILES = 20

# Who wants to know how far a run is: called with a file's name and what happens to it now.
progress: ContextVar[Callable[[str, str], None]] = ContextVar(
    "progress", default=lambda _file, _step: None
)


class DiscoverFilesConfig(Config):
    """domain: of data_sources.yml. paths: these files, whatever the ledger says of them."""

    domain: str = DOMAIN
    paths: list[str] | None = None


class ReadProcessConfig(Config):
    """sheet: a visible sheet's number from 0, or a name. max_files: files of one run."""

    sheet: Any = 0
    max_files: int = Field(default=5, ge=1, le=MAX_FILES)

    @field_validator("sheet")
    @classmethod
    def _number_or_name(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("sheet is a number, from 0, or a name")
        return value


class LoadConfig(Config):
    """table, pk: of data_sources.yml. plan_only: nothing is written."""

    table: str = Field(min_length=1)
    mode: str = LoadMode.DELETE_INSERT.value
    pk: list[str] = Field(min_length=1)
    plan_only: bool = True

    @field_validator("mode")
    @classmethod
    def _known(cls, value: str) -> str:
        return LoadMode(value).value


@op(out=Out(list))
def discover_files_op(
    context: OpExecutionContext, config: DiscoverFilesConfig
) -> list[DiscoveredFile]:
    """The files of this run, oldest first.

    Without `paths`: every selected file that the ledger has not as loaded or refused. A path that
    is gone stays in the list: load_op names it. A missing landing folder is an alert and fails
    the run.
    """
    try:
        files = DataSourceConnector().discover(config.domain)
    except LandingFolderMissing as err:
        publish_from_run([_as_met(context)(landing_folder_missing(config.domain, err))])
        raise Failure(str(err), allow_retries=False) from err
    publish_from_run([], resolved=[landing_folder_found(config.domain)])
    if config.paths is not None:
        known = {file.path: file for file in files}
        return [known.get(path) or _undiscovered(config.domain, path) for path in config.paths]
    with Warehouse.open(get_settings().warehouse_url) as warehouse:
        waiting = waiting_for_a_run(files, Ledger(warehouse).entries(config.domain))
    context.log.info(f"{len(waiting)} of {len(files)} files wait to be loaded")
    return waiting


@op(ins={"files": In(list)}, out=Out(object))
def read_excel_op(
    context: OpExecutionContext, config: ReadProcessConfig, files: list[DiscoveredFile]
) -> FileRows | FileFailure | None:
    """The rows of the first file, or why it has none; None when no file waits."""
    taken = _first(context, files, 1)
    if not taken:
        return None
    return read_rows(taken[0], _source(taken[0].domain), sheet=config.sheet)


@op(ins={"rows": In(object)}, out=Out(list))
def process_trustee_performance_op(rows: object) -> list[FilePlan | FileFailure]:
    """The records and refusals of a file that was read."""
    if isinstance(rows, FileRows):
        return [process_rows(rows, _source(rows.file.domain))]
    return [rows] if isinstance(rows, FileFailure) else []


@op(ins={"files": In(list)}, out=Out(list))
def read_and_process_trustee_files_op(
    context: OpExecutionContext, config: ReadProcessConfig, files: list[DiscoveredFile]
) -> list[FilePlan | FileFailure]:
    """The first `max_files` files, read and processed, or why not. Names those left for later."""
    read: list[FilePlan | FileFailure] = []
    for file in _first(context, files, config.max_files):
        progress.get()(_name(file), "read")
        read.append(read_file(file, _source(file.domain), sheet=config.sheet))
    return read


@op(ins={"files": In(list)}, out=Out(list))
def load_op(
    context: OpExecutionContext, config: LoadConfig, files: list[FilePlan | FileFailure]
) -> Iterator[Any]:
    """Each file in one transaction of its own; then fails the run if any of them failed.

    Yields a materialization of the table (rows, refusals, duration, source files), then the
    reports, also where the run is failed afterwards. Raises WarehouseError at once: the files
    that are not loaded by then stay to be loaded.
    """
    start = time.perf_counter()
    reports: list[FileReport] = []
    outage: WarehouseError | None = None
    try:
        with Warehouse.open(get_settings().warehouse_url) as warehouse:
            for file in files:
                progress.get()(_name(file.file), "load")
                reports.append(_load(context, config, warehouse, file))
            if files and not config.plan_only:
                _withdraw_what_is_gone(context, warehouse, [file.file for file in files])
    except WarehouseError as err:
        outage = err
    if not config.plan_only and any(not report.failed for report in reports):
        yield materialization(config.table, reports, time.perf_counter() - start)
    if outage is not None:
        raise outage
    yield Output(reports)
    if failed := [report for report in reports if report.failed]:
        raise files_failed(failed, of=len(reports))


def _load(
    context: OpExecutionContext,
    config: LoadConfig,
    warehouse: Warehouse,
    file: FilePlan | FileFailure,
) -> FileReport:
    """One file: committed, and at once told of. Rows that the table refuses fail their file."""
    run = run_log.run_of_op(context)
    run_id, root_run_id = (run.run_id, run.root_run_id) if run is not None else ("", "")
    if isinstance(file, FilePlan):
        try:
            report = load_file(
                warehouse,
                file,
                table=config.table,
                pk=config.pk,
                mode=config.mode,
                plan_only=config.plan_only,
                run_id=run_id,
                root_run_id=root_run_id,
            )
        except RowsRefusedByTable as err:
            file = FileFailure(
                file.file,
                FailureKind.TABLE,
                str(err),
                f"仓库的表不接受该文件的行，请对照 data_sources.yml 检查该表：{err.said}",
                file.duration_s,
                file.rows.sha256,
            )
    if isinstance(file, FileFailure):
        report = fail_file(
            warehouse, file, plan_only=config.plan_only, run_id=run_id, root_run_id=root_run_id
        )
    if not config.plan_only:
        tell_of_load(file, report.relative_path, as_met=_as_met(context))
    context.log.info(_sentence(report, plan_only=config.plan_only))
    return report


def _as_met(context: OpExecutionContext) -> Callable[[Alert], Alert]:
    """Gives an alert with the run of this op, and who looks after what it loads."""
    run = run_log.run_of_op(context)
    if run is None:
        return lambda alert: alert
    owned = Ownership(run.owner, run.team).or_else(ownership.of_op(context, WAREHOUSE_ASSET))
    return lambda alert: met_in(alert, run, owned)


def _withdraw_what_is_gone(
    context: OpExecutionContext, warehouse: Warehouse, taken: list[DiscoveredFile]
) -> None:
    """Close the alerts of files that had failed and are gone.

    The run's files are committed by now: a landing folder that cannot be looked at fails it no
    more. The next run, or the next tick of a sensor, does.
    """
    domain, ledger = taken[0].domain, Ledger(warehouse)
    entries = ledger.entries(domain)
    if not failed_entries(entries):
        return
    try:
        withdraw(ledger, [*DataSourceConnector().discover(domain), *taken], entries)
    except LandingFolderMissing as err:
        publish_from_run([_as_met(context)(landing_folder_missing(domain, err))])
        context.log.error(f"alerts of files that are gone stay open: {err}")
    except LandingFolderUnreadable as err:
        context.log.error(f"alerts of files that are gone stay open: {err}")
    except AlertingError as err:
        print(f"alerts of files that are gone stay open: {err}", file=sys.stderr)  # noqa: T201


def _source(domain: str) -> DomainConfig:
    return load_data_sources().domain(domain)


def _first(
    context: OpExecutionContext, files: list[DiscoveredFile], count: int
) -> list[DiscoveredFile]:
    if left := files[count:]:
        context.log.warning(
            f"{len(left)} files wait for the next run: {', '.join(map(_name, left))}"
        )
    return files[:count]


def _undiscovered(domain: str, path: str) -> DiscoveredFile:
    """A file that was asked for by path and is not among the selected ones, or gone."""
    try:
        return DataSourceConnector().describe(domain, path)
    except FileUnreadable as err:
        why = {PROBLEM: err.problem, PROBLEM_IN_CHINESE: err.in_chinese}
        return DiscoveredFile(domain, path, 0, 0, {"modified_time": 0.0, **why})


def _name(file: DiscoveredFile) -> str:
    return str(file.metadata.get("relative_path") or file.path)


def _sentence(report: FileReport, *, plan_only: bool) -> str:
    if report.error is not None:
        return f"{report.relative_path}: nothing loaded: {report.error}"
    if report.unchanged:
        return f"{report.relative_path}: the same content is loaded already"
    verb = "would load" if plan_only else "loaded"
    return (
        f"{report.relative_path}: {report.rows_in} rows, {verb} {report.loaded}, superseded"
        f" {report.superseded}, quarantined {report.quarantined}, left over {report.left_over}"
    )
