"""Real jobs, a real instance to run them in, and events of a chosen time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    Failure,
    JobDefinition,
    RetryPolicy,
    in_process_executor,
    job,
    op,
)
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin


@op
def extract() -> int:
    return 1


@op
def load(rows: int) -> None:
    try:
        {}["plan"]
    except KeyError as err:
        raise ValueError(f"row {rows} has no plan") from err


@op
def stop_on_purpose() -> None:
    raise Failure(description="the trustee sent last month's file", metadata={"rows": 3})


@op(retry_policy=RetryPolicy(max_retries=1))
def always_down() -> None:
    raise ConnectionError("bank is down")


@job(executor_def=in_process_executor)
def nightly() -> None:
    load(extract())


@job(executor_def=in_process_executor)
def purposeful() -> None:
    stop_on_purpose()


@job(executor_def=in_process_executor)
def patient() -> None:
    always_down()


@job(executor_def=in_process_executor)
def sound() -> None:
    extract()


def create_run(
    instance: DagsterInstance,
    job_def: JobDefinition,
    *,
    tags: Mapping[str, str] | None = None,
    location: str = "sales",
    **given: Any,
) -> DagsterRun:
    """A run that waits to be started, as if launched from a code location."""
    target = LoadableTargetOrigin(executable_path=sys.executable, python_file="sales.py")
    code = InProcessCodeLocationOrigin(target, location_name=location)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(code, "__repository__"), job_def.name)
    return instance.create_run_for_job(job_def, tags=tags, remote_job_origin=origin, **given)


def a_retry_of(run_id: str) -> dict[str, Any]:
    """What Dagster gives a run that it starts in place of a failed one."""
    tags = {
        "dagster/root_run_id": run_id,
        "dagster/parent_run_id": run_id,
        "dagster/retry_number": "1",
    }
    return {"tags": tags, "root_run_id": run_id, "parent_run_id": run_id}


def run(instance: DagsterInstance, job_def: JobDefinition, **given: Any) -> str:
    """Run the job to its end, whatever that is; the run's id."""
    created = create_run(instance, job_def, **given)
    execute_run(InMemoryJob(job_def), created, instance, raise_on_error=False)
    return created.run_id


def report(
    instance: DagsterInstance,
    reported: DagsterRun,
    event_type: DagsterEventType,
    *,
    at: datetime,
    message: str = "",
    step_key: str | None = None,
    data: Any = None,
) -> None:
    """Write an event of a run as its worker would have, at the time given."""
    event = DagsterEvent(
        event_type.value,
        reported.job_name,
        step_key=step_key,
        message=message,
        event_specific_data=data,
    )
    entry = EventLogEntry(
        error_info=None,
        level=20,
        user_message="",
        run_id=reported.run_id,
        timestamp=at.timestamp(),
        step_key=step_key,
        job_name=reported.job_name,
        dagster_event=event,
    )
    instance.handle_new_event(entry)


def failed_at(
    instance: DagsterInstance, at: datetime, job_def: JobDefinition = nightly, **given: Any
) -> str:
    """A run that failed then, without being run; its id."""
    created = create_run(instance, job_def, **given)
    report(instance, created, DagsterEventType.RUN_FAILURE, at=at, message="the worker died")
    return created.run_id


def succeeded_at(
    instance: DagsterInstance, at: datetime, job_def: JobDefinition = nightly, **given: Any
) -> str:
    """A run that succeeded then, without being run; its id."""
    created = create_run(instance, job_def, **given)
    report(instance, created, DagsterEventType.RUN_SUCCESS, at=at)
    return created.run_id
