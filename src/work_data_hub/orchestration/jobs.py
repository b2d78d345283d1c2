"""The two trustee jobs, and the run config that both people and sensors hand them."""

from collections.abc import Sequence
from typing import Any

from dagster import in_process_executor, job

from ..config.data_sources import load_data_sources
from ..domain.trustee_performance import DOMAIN
from ..observability import alert_on_failure, alert_on_success
from .ops import (
    discover_files_op,
    load_op,
    process_trustee_performance_op,
    read_and_process_trustee_files_op,
    read_excel_op,
)

HOOKS = {alert_on_failure, alert_on_success}


@job(hooks=HOOKS)
def trustee_performance_job() -> None:
    """The first file that waits, one op a step: find, read, process, load."""
    files = discover_files_op()
    load_op(process_trustee_performance_op(read_excel_op(files)))


# Frames stay in memory between the steps, so all of it runs in one process.
@job(hooks=HOOKS, executor_def=in_process_executor)
def trustee_performance_multi_file_job() -> None:
    """Up to `max_files` files, oldest first; each commits by itself."""
    load_op(read_and_process_trustee_files_op(discover_files_op()))


def build_run_config(
    *,
    paths: Sequence[str] | None = None,
    sheet: int | str = 0,
    max_files: int = 5,
    mode: str = "delete_insert",
    plan_only: bool = True,
    domain: str = DOMAIN,
    pk: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Run config of trustee_performance_multi_file_job.

    paths: the files of this run; without, those that the ledger has not as loaded, oldest first.
    table, and pk where it is not given, come from data_sources.yml; raises ConfigError when that
    cannot be read.
    """
    source = load_data_sources().domain(domain)
    discover: dict[str, Any] = {"domain": domain}
    if paths is not None:
        discover["paths"] = list(paths)
    load = {
        "table": source.table,
        "mode": mode,
        "pk": list(pk or source.pk),
        "plan_only": plan_only,
    }
    return {
        "ops": {
            "discover_files_op": {"config": discover},
            "read_and_process_trustee_files_op": {
                "config": {"sheet": sheet, "max_files": max_files}
            },
            "load_op": {"config": load},
        }
    }
