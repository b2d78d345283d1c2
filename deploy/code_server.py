"""Starts the code location's server in its container; what is here must be so before it serves.

1. An empty landing folder gets the sample workbooks, unless STACK_SAMPLE_DATA is `false`.
2. Runs that a server before this one had started are failed. They were processes of its container,
   so they died with it, and Dagster's own launcher leaves them `STARTED` for ever: nobody would be
   told, and their files would wait for a run that is no more.
3. This process becomes the server.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance

PORT = 4000
MODULE = "work_data_hub.orchestration.repository"
# Dagster writes here which code server a run was given to.
GRPC_INFO_TAG = ".dagster/grpc_info"
DIED = "The container of the code location ended while this run was under way, and the run with it."


def write_sample_into_empty(folder: Path) -> bool:
    """The sample workbooks, where there is nothing at all; True when they were written."""
    from work_data_hub.cli.sample_data import write_sample_data

    if folder.is_dir() and any(folder.iterdir()):
        return False
    write_sample_data(folder)
    return True


def fail_orphaned_runs(instance: DagsterInstance, *, host: str) -> list[str]:
    """The ids of the runs that the code server `host` had under way; each is failed."""
    from dagster import DagsterRunStatus, RunsFilter

    under_way = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    orphans = [
        run
        for run in instance.get_runs(RunsFilter(statuses=under_way))
        if json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("host") == host
    ]
    for run in orphans:
        instance.report_run_failed(run, DIED)
    return [run.run_id for run in orphans]


def main() -> None:
    from dagster import DagsterInstance

    folder = Path(os.environ["WDH_DATA_BASE_DIR"])
    if os.environ.get("STACK_SAMPLE_DATA") != "false" and write_sample_into_empty(folder):
        print(f"sample workbooks written into {folder}", flush=True)
    with DagsterInstance.get() as instance:
        for run_id in fail_orphaned_runs(instance, host=os.environ["STACK_CODE_HOST"]):
            print(f"run {run_id} had died with its container: failed", flush=True)
    # Every address: the container's own, which compose's network alone reaches.
    options = ["--host", "0.0.0.0", "--port", str(PORT), "--module-name", MODULE]  # noqa: S104
    os.execvp("dagster", ["dagster", "api", "grpc", *options])  # noqa: S606, S607


if __name__ == "__main__":
    main()
