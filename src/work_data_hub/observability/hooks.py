"""Hooks that tell the router of a step's end from inside its run: a fast local insert, no network.

`@job(hooks={alert_on_failure, alert_on_success})`. They never fail the run. What the store does
not take goes to stderr; Dagster's event log still has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dagster import DagsterEvent, HookContext, HookDefinition, HookExecutionResult

from ..alerting.errors import AlertingError
from . import dagster_api, events
from .local_router import local_router

ON_FAILURE = "alert_on_failure"
ON_SUCCESS = "alert_on_success"


def _step_ended_badly(
    context: HookContext, event_list: Sequence[DagsterEvent]
) -> HookExecutionResult:
    """Publish StepFailed, unless Dagster will run the job again: the last attempt tells."""

    def tell() -> bool:
        failure = dagster_api.step_failure_in(event_list)
        if failure is None or dagster_api.will_be_retried(context):
            return False
        run = dagster_api.run_of_hook(context)
        local_router().publish(events.step_failed(run, failure, at=datetime.now(UTC)))
        return True

    return _without_failing_the_run(ON_FAILURE, tell, context)


def _step_ended_well(
    context: HookContext, event_list: Sequence[DagsterEvent]
) -> HookExecutionResult:
    """Close the step's StepFailed and publish StepSucceeded, a notice."""

    def tell() -> bool:
        if not any(event.is_step_success for event in event_list):
            return False
        run, now = dagster_api.run_of_hook(context), datetime.now(UTC)
        router = local_router()
        router.resolve(events.step_recovered(run, context.step_key), at=now)
        notice = events.step_succeeded(run, context.step_key, at=now)
        router.publish(notice)
        router.resolve(notice.labels, at=now)
        return True

    return _without_failing_the_run(ON_SUCCESS, tell, context)


def _without_failing_the_run(
    name: str, tell: Callable[[], bool], context: HookContext
) -> HookExecutionResult:
    try:
        told = tell()
    except Exception as err:  # noqa: BLE001 - the boundary of one hook
        told = False
        # Only our own errors are known to hold no secret.
        why = str(err) if isinstance(err, AlertingError) else "see the run's own events"
        print(  # noqa: T201
            f"{name}: not told of step {context.step_key} of {context.job_name}, run"
            f" {context.run_id}: {type(err).__name__}: {why}",
            file=sys.stderr,
        )
    return HookExecutionResult(hook_name=name, is_skipped=not told)


alert_on_failure = HookDefinition(
    name=ON_FAILURE, hook_fn=_step_ended_badly, decorated_fn=_step_ended_badly
)
alert_on_success = HookDefinition(
    name=ON_SUCCESS, hook_fn=_step_ended_well, decorated_fn=_step_ended_well
)
