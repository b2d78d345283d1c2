"""A failed run as Dagster hands it to the body of a run failure sensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagster import (
    CodeLocationSelector,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    JobSelector,
    RepositorySelector,
    RunFailureSensorContext,
    RunsFilter,
    SensorEvaluationContext,
    build_run_status_sensor_context,
)

# What Dagster calls the repository of a location that has but one.
_ONLY_REPOSITORY = "__repository__"


def dagster_runs(instance: DagsterInstance, run_ids: Iterable[str]) -> Mapping[str, DagsterRun]:
    """These runs as they are; one that was deleted is not among them."""
    wanted = sorted(set(run_ids))
    records = instance.get_run_records(RunsFilter(run_ids=wanted)) if wanted else ()
    return {record.dagster_run.run_id: record.dagster_run for record in records}


def failure_context(
    context: SensorEvaluationContext, run: DagsterRun, *, sensor_name: str
) -> RunFailureSensorContext:
    """What a `@run_failure_sensor` would be called with for this run.

    Raises LookupError where the event of its failure is gone.
    """
    failures = context.instance.get_records_for_run(
        run.run_id, of_type=DagsterEventType.RUN_FAILURE
    ).records
    if not failures:
        raise LookupError(f"run {run.run_id} has no event of its failure any more")
    return build_run_status_sensor_context(
        sensor_name=sensor_name,
        dagster_event=failures[-1].event_log_entry.get_dagster_event(),
        dagster_instance=context.instance,
        dagster_run=run,
        context=context,
    ).for_run_failure()


def is_monitored(
    run: DagsterRun, monitored: Sequence[Any], context: SensorEvaluationContext
) -> bool:
    """Whether a stock sensor of this context would take the run.

    monitored: definitions stand for jobs of the sensor's own repository, selectors for those of
    others; nothing at all for every job of its own.
    """
    location, repository = _origin(run)
    here = context.code_location_origin
    own = (here.location_name if here is not None else "", context.repository_name or "")
    if own == (location, repository) and not monitored:
        return True
    return any(_takes(one, run, location, repository, own) for one in monitored)


def _takes(
    monitored: Any, run: DagsterRun, location: str, repository: str, own: tuple[str, str]
) -> bool:
    match monitored:
        case JobSelector():
            given = (monitored.location_name, monitored.repository_name or _ONLY_REPOSITORY)
            return (*given, monitored.job_name) == (location, repository, run.job_name)
        case RepositorySelector():
            return (monitored.location_name, monitored.repository_name) == (location, repository)
        case CodeLocationSelector():
            return bool(monitored.location_name == location)
    return bool(monitored.name == run.job_name) and own == (location, repository)


def _origin(run: DagsterRun) -> tuple[str, str]:
    """Location and repository; empty for a run that came from none (`execute_in_process`)."""
    if run.remote_job_origin is None:
        return "", ""
    origin = run.remote_job_origin.repository_origin
    return origin.code_location_origin.location_name, origin.repository_name
