"""Hooks that tell the router of a step's end from inside its run: a fast local insert, no network.

`@job(hooks={alert_on_failure, alert_on_success})`. They never fail the run. What the store does
not take goes to stderr; Dagster's event log still has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dagster import DagsterEvent, HookContext, HookDefinition

from ..alerting.errors import AlertingError
from . import events
from .dagster_api import ownership, run_log, step_logs
from .local_router import local_router
from .run import Ownership

Tell = Callable[[HookContext, Sequence[DagsterEvent]], bool]


def _tell_failure(context: HookContext, step_events: Sequence[DagsterEvent]) -> bool:
    """Publish StepFailed, unless Dagster will run the job again: the last attempt tells."""
    failure = run_log.step_failure_in(step_events)
    if failure is None or run_log.will_be_retried(context):
        return False
    run = run_log.run_of_hook(context)
    if run.is_silent:
        return False
    router = local_router()
    owned = Ownership(run.owner, run.team).or_else(ownership.of_hook(context))
    from .log_excerpt import log_excerpt

    excerpt = log_excerpt(router.redact(step_logs.own_stderr_end()), context.step_key)
    now = datetime.now(UTC)
    router.publish(events.step_failed(run, failure, at=now, ownership=owned, log_excerpt=excerpt))
    return True


def _tell_success(context: HookContext, step_events: Sequence[DagsterEvent]) -> bool:
    """Close the step's StepFailed, and publish StepSucceeded, which is over at once."""
    if not any(event.is_step_success for event in step_events):
        return False
    run, now = run_log.run_of_hook(context), datetime.now(UTC)
    if run.is_silent:
        return False
    router = local_router()
    notice = events.step_succeeded(run, context.step_key, at=now)
    router.publish(notice)
    router.resolve_all([(events.step_recovered(run, context.step_key), now), (notice.labels, now)])
    return True


def _never_failing(name: str, tell: Tell) -> Tell:
    def told(context: HookContext, step_events: Sequence[DagsterEvent]) -> bool:
        try:
            return tell(context, step_events)
        except Exception as err:  # noqa: BLE001 - the boundary of one hook
            # Only our own errors are known to hold no secret.
            why = str(err) if isinstance(err, AlertingError) else "see the run's own events"
            print(  # noqa: T201
                f"{name}: not told of step {context.step_key} of {context.job_name}, run"
                f" {context.run_id}: {type(err).__name__}: {why}",
                file=sys.stderr,
            )
            return False

    return told


def _hook(name: str, tell: Tell) -> HookDefinition:
    return run_log.step_hook(name, _never_failing(name, tell))


alert_on_failure = _hook("alert_on_failure", _tell_failure)
alert_on_success = _hook("alert_on_success", _tell_success)
