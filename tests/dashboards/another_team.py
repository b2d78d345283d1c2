"""A project of another team, as a code location of the demo: a job that does as it is told."""

import time

from dagster import (
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    OpExecutionContext,
    ScheduleDefinition,
    SensorEvaluationContext,
    SkipReason,
    in_process_executor,
    job,
    op,
    sensor,
)


@op(config_schema=str)
def work(context: OpExecutionContext) -> None:
    told = context.op_config
    if told == "fail":
        raise RuntimeError("row 7 has no plan")
    if told == "wait":
        time.sleep(600)


@job(executor_def=in_process_executor)
def nightly() -> None:
    work()


hourly = ScheduleDefinition(
    name="hourly",
    job=nightly,
    cron_schedule="0 * * * *",
    default_status=DefaultScheduleStatus.RUNNING,
)


@sensor(job=nightly, default_status=DefaultSensorStatus.RUNNING)
def orders(_context: SensorEvaluationContext) -> SkipReason:
    return SkipReason("nothing new")


defs = Definitions(jobs=[nightly], schedules=[hourly], sensors=[orders])
