"""Two sensors: files that arrived become runs, and the newest file is probed before it is due."""

import time
from collections.abc import Sequence

from dagster import (
    DagsterInstance,
    DagsterInvariantViolationError,
    DefaultSensorStatus,
    RunRequest,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from ..config.data_sources import load_data_sources
from ..config.settings import get_settings
from ..domain.trustee_performance import DOMAIN
from ..io.connectors.file_connector import DataSourceConnector, DiscoveredFile
from ..io.errors import LandingFolderMissing
from ..io.loader.ledger import Ledger
from ..io.loader.pending import pending
from ..io.loader.warehouse_loader import Warehouse
from ..observability.local_router import local_router
from .data_alerts import DataAlert, landing_folder_found, landing_folder_missing, publish
from .file_requests import batches, crashed, modified_s, watermark
from .jobs import build_run_config, trustee_performance_multi_file_job
from .load_findings import died_over_it, killed_its_run, withdraw
from .probe import probe_newest
from .probe_counts import count_probe
from .requested_runs import RequestedRuns

NEW_FILES_SENSOR = "trustee_new_files_sensor"
MAX_FILES_A_RUN = 5
# A backlog starts this many runs a tick; the rest follows with the next ticks.
MAX_RUNS_A_TICK = 10

_SETTINGS = get_settings()
_STATUS = DefaultSensorStatus.RUNNING if _SETTINGS.autostart else DefaultSensorStatus.STOPPED


@sensor(
    name=NEW_FILES_SENSOR,
    job=trustee_performance_multi_file_job,
    minimum_interval_seconds=_SETTINGS.new_files_interval_s,
    default_status=_STATUS,
)
def trustee_new_files_sensor(
    context: SensorEvaluationContext,
) -> RunRequest | list[RunRequest] | SkipReason:
    """Requests a load of every file that the ledger has not as dealt with, oldest first.

    The cursor is the largest mtime requested so far, in seconds since the epoch. It decides only
    while the ledger is empty. Opens no file. An error fails the tick and leaves the cursor.
    """
    settings = get_settings()
    files = _discovered()
    cursor = watermark(context.cursor)
    with Warehouse.open(settings.warehouse_url) as warehouse:
        ledger = Ledger(warehouse)
        entries = ledger.entries(DOMAIN)
        if not entries:
            # From here on the ledger is the truth: the cursor of this very tick must not decide
            # over files that are requested now and not loaded yet.
            old = [file for file in files if cursor is not None and modified_s(file) <= cursor]
            new = [file for file in files if cursor is None or modified_s(file) > cursor]
            ledger.enter(seen=old, waiting=new)
            entries = ledger.entries(DOMAIN)
        withdraw(ledger, files, entries)
        waiting = pending(files, entries, now_s=time.time(), settle_s=settings.settle_s)
        if not waiting:
            return SkipReason(f"nothing new among {len(files)} files")
        runs = RequestedRuns(_instance(context), NEW_FILES_SENSOR)
        under_way = runs.paths_under_way()
        idle = [file for file in waiting if file.path not in under_way]
        lost = crashed(idle, entries, runs.ended_badly())
        told = runs.as_told(run.run_id for _, run in lost)
        for file, run in lost:
            # The alert first: a run that the ledger knows of is not looked at again.
            publish([killed_its_run(file, told[run.run_id])])
            ledger.record_failure(
                file,
                run_id=run.run_id,
                root_run_id=run.root_run_id,
                reason=died_over_it(run.run_id).summary,
            )
        if lost:
            entries = ledger.entries(DOMAIN)
            idle = pending(idle, entries)
    if not idle:
        return SkipReason(f"{len(waiting)} files wait for runs that are under way")
    wanted = batches(idle, entries, max_files=MAX_FILES_A_RUN, unused_key=runs.unused_key)
    requested = wanted[:MAX_RUNS_A_TICK]
    marks = [batch.max_mtime for batch in requested]
    context.update_cursor(str(max(marks if cursor is None else [cursor, *marks])))
    if len(wanted) > len(requested):
        context.log.info(f"{len(wanted) - len(requested)} more batches follow with the next ticks")
    sheet = load_data_sources().domain(DOMAIN).sheet
    requests = [
        RunRequest(
            run_key=batch.run_key,
            run_config=build_run_config(
                paths=batch.paths, sheet=sheet, max_files=MAX_FILES_A_RUN, plan_only=False
            ),
        )
        for batch in requested
    ]
    return requests[0] if len(requests) == 1 else requests


@sensor(
    name="trustee_dq_sensor",
    minimum_interval_seconds=_SETTINGS.dq_interval_s,
    default_status=_STATUS,
)
def trustee_dq_sensor(_context: SensorEvaluationContext) -> SkipReason:
    """Probes the newest file as a load would take it, without touching the warehouse.

    Each finding opens an alert, which the next probe that passes closes. Never requests a run.
    """
    try:
        files = _discovered()
    except LandingFolderMissing as err:
        missing = DataAlert.LANDING_FOLDER_MISSING.value
        count_probe(local_router().store, DOMAIN, outcome="found", findings=[missing])
        return SkipReason(str(err))
    return SkipReason(probe_newest(files))


def _discovered() -> Sequence[DiscoveredFile]:
    """The selected files, newest first. A missing folder is an alert, and raised."""
    try:
        files = DataSourceConnector().discover(DOMAIN)
    except LandingFolderMissing as err:
        publish([landing_folder_missing(DOMAIN, err)])
        raise
    publish([], resolved=[landing_folder_found(DOMAIN)])
    return files


def _instance(context: SensorEvaluationContext) -> DagsterInstance | None:
    """None only where a test calls the sensor without an instance: then nothing was requested."""
    try:
        return context.instance
    except DagsterInvariantViolationError:
        return None
