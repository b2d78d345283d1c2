"""The multi-file job, run by Dagster in this process: what `wdh run` and `make run` do."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterInstance, ExecuteInProcessResult

    from ..io.connectors.file_connector import DiscoveredFile
    from ..io.file_report import FileReport

OnProgress = Callable[[str, str], None]
# Dagster's own log of a run is kept in its storage; the terminal has the table.
QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Order:
    """What to run. max_files: files of one run. sheet, pk: None takes that of data_sources.yml."""

    domain: str
    max_files: int
    sheet: int | str | None
    mode: str
    plan_only: bool
    pk: tuple[str, ...] | None = None


def waiting_files(domain: str) -> list[DiscoveredFile]:
    """What a run would take, oldest first. Raises PipelineError and ConfigError."""
    from ..config.settings import get_settings
    from ..io.connectors.file_connector import DataSourceConnector
    from ..io.loader.ledger import Ledger
    from ..io.loader.pending import waiting_for_a_run
    from ..io.loader.warehouse_loader import Warehouse

    files = DataSourceConnector().discover(domain)
    with Warehouse.open(get_settings().warehouse_url) as warehouse:
        return waiting_for_a_run(files, Ledger(warehouse).entries(domain))


def withdraw_what_is_gone(domain: str) -> list[str]:
    """Close the alerts of files that had failed and are gone; their names, as `wdh files` has them.

    A run does the same beside what it loads; this is for when there is nothing to load.
    """
    from ..config.settings import get_settings
    from ..io.connectors.file_connector import DataSourceConnector
    from ..io.loader.ledger import Ledger
    from ..io.loader.warehouse_loader import Warehouse
    from ..orchestration.load_findings import withdraw

    files = DataSourceConnector().discover(domain)
    with Warehouse.open(get_settings().warehouse_url) as warehouse:
        ledger = Ledger(warehouse)
        return [e.relative_path for e in withdraw(ledger, files, ledger.entries(domain))]


def run_batches(
    files: Sequence[DiscoveredFile],
    order: Order,
    on_progress: OnProgress,
    *,
    run_anyway: bool = False,
) -> Iterator[list[FileReport]]:
    """One run of the job for each `max_files` of `files`; the reports of each as it ends.

    run_anyway: also without files; the failure of a run before it is over with that.
    on_progress is called with a file's name and what happens to it now. Where DAGSTER_HOME is set
    the runs are kept there, with their alerts; elsewhere they are gone with the process.
    Raises PipelineError when a run ends before its files are dealt with.
    """
    from ..orchestration.ops import progress

    token = progress.set(on_progress)
    try:
        with _instance() as instance:
            for start in range(0, max(len(files), int(run_anyway)), order.max_files):
                batch = files[start : start + order.max_files]
                yield _run(instance, [file.path for file in batch], order)
                if not order.plan_only:
                    _tell(instance)
    finally:
        progress.reset(token)


def _run(instance: DagsterInstance, paths: list[str], order: Order) -> list[FileReport]:
    from ..config.data_sources import load_data_sources
    from ..orchestration.jobs import build_run_config, trustee_performance_multi_file_job

    source = load_data_sources().domain(order.domain)
    config = build_run_config(
        domain=order.domain,
        paths=paths,
        sheet=source.sheet if order.sheet is None else order.sheet,
        max_files=order.max_files,
        mode=order.mode,
        pk=order.pk,
        plan_only=order.plan_only,
    )
    result = trustee_performance_multi_file_job.execute_in_process(
        run_config=config | QUIET,
        instance=instance,
        raise_on_error=False,
        tags=_tags(order),
    )
    reports = _reports(result)
    if reports is None:
        from ..io.errors import PipelineError

        raise PipelineError(f"the run {result.run_id} ended early: {_why(result)}")
    return reports


def _tags(order: Order) -> dict[str, str]:
    """A run in this process belongs to the code location that `dagster dev` loads.

    So what the one opens, the success of the other closes. A dry run opens and closes nothing.
    """
    from ..observability.dagster_api.tags import ALERTS_TAG, REPOSITORY_TAG

    tags = {REPOSITORY_TAG: "__repository__@work_data_hub.orchestration.repository"}
    return tags | {ALERTS_TAG: "off"} if order.plan_only else tags


def _reports(result: ExecuteInProcessResult) -> list[FileReport] | None:
    from dagster import DagsterInvariantViolationError

    try:
        reports: list[FileReport] = result.output_for_node("load_op")
    except DagsterInvariantViolationError:
        return None
    return reports


def _why(result: ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure and (error := event.step_failure_data.error):
            while error.cause is not None:
                error = error.cause
            return error.message.strip()
    return "look at its events in Dagster"


@contextmanager
def _instance() -> Iterator[DagsterInstance]:
    from dagster import DagsterInstance

    if home := os.environ.get("DAGSTER_HOME"):
        os.makedirs(home, exist_ok=True)  # noqa: PTH103 - Dagster takes the path as it is
        with DagsterInstance.get() as instance:
            yield instance
    else:
        with DagsterInstance.ephemeral() as instance:
            yield instance


def _tell(instance: DagsterInstance) -> None:
    """What the alerting sensor does at its next tick, now."""
    from ..observability.definitions import tick
    from ..observability.local_router import local_router

    _log_alerts_to(alerts_log())
    tick(instance, local_router())


def alerts_log() -> Path:
    """Where the log receiver writes during a command: the terminal has the table of alerts."""
    from ..config.settings import get_settings

    return get_settings().state_dir / "alerts.log"


def _log_alerts_to(path: Path) -> None:
    logger = logging.getLogger("work_data_hub.alerts")
    if not logger.handlers:
        path.parent.mkdir(parents=True, exist_ok=True)
        logger.addHandler(logging.FileHandler(path, encoding="utf-8"))
        logger.propagate = False
