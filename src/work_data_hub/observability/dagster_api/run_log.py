"""Runs and what became of them, out of Dagster's run storage and event log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    EventLogRecord,
    HookContext,
    HookDefinition,
    OpExecutionContext,
    RunsFilter,
    RunStatusChangeRecordsFilter,
)
from dagster._core.definitions.events import HookExecutionResult
from dagster._core.errors import DagsterInvalidPropertyError

from ..run import Change, Ending, Raised, Run, StatusChange, StepFailure
from .origin import location_of
from .tags import (
    ALERTS_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_TAG,
    FAILURE_REASON_TAG,
    OWNER_TAGS,
    PARTITION_RANGE_TAGS,
    PARTITION_TAG,
    RETRY_NUMBER_TAG,
    SCHEDULE_TAG,
    SENSOR_TAG,
    TEAM_TAGS,
    WILL_RETRY_TAG,
)

_EVENT_TYPES = {
    Change.FAILED: DagsterEventType.RUN_FAILURE,
    Change.SUCCEEDED: DagsterEventType.RUN_SUCCESS,
}
# Of a storage that is no SQL.
_PAGE = 1_000
# Asked several times a second; an instance's never changes.
_storage_ids: WeakKeyDictionary[DagsterInstance, str] = WeakKeyDictionary()


def storage_id(instance: DagsterInstance) -> str:
    """Names the instance's storage; another one when `dagster dev` makes a temporary one."""
    if known := _storage_ids.get(instance):
        return known
    storage: Any = instance.run_storage
    # Dagster makes the name when it is first asked for it. Two processes that ask at that moment
    # are told two names; from the second time on both are told the one that came first.
    storage.get_run_storage_id()
    _storage_ids[instance] = found = str(storage.get_run_storage_id())
    return found


def retries_enabled(instance: DagsterInstance) -> bool:
    """Whether Dagster starts failed runs again, and so tags each failure `dagster/will_retry`."""
    return bool(instance.run_retries_enabled)


def newest_event_id(instance: DagsterInstance) -> int:
    """The id of the newest failure or success; 0 for none.

    One query, and no event is read: it is asked several times a second. Both ids are at the end of
    Dagster's index `idx_event_type`, however long the log.
    """
    from . import event_ids

    if event_ids.is_sql(instance):
        return event_ids.newest(instance, _EVENT_TYPES.values())
    newest = [
        record.storage_id
        for event_type in _EVENT_TYPES.values()
        for record in instance.fetch_run_status_changes(event_type, limit=1).records
    ]
    return max(newest, default=0)


def newest_event_id_before(instance: DagsterInstance, moment: datetime) -> int:
    """The id of the newest failure or success that happened before `moment`; 0 for none."""
    newest = [
        record.storage_id
        for event_type in _EVENT_TYPES.values()
        for record in instance.fetch_run_status_changes(
            _filter(event_type, before_timestamp=moment.timestamp()), limit=1
        ).records
    ]
    return max(newest, default=0)


def changes_after(
    instance: DagsterInstance, event_id: int, *, limit: int
) -> tuple[list[StatusChange], bool]:
    """Failures and successes above `event_id` in the order of their ids, and whether more wait.

    Dagster gives one kind of event a query. Where one kind fills its page, the other is cut at
    the same id: a success never overtakes the failure before it.
    """
    changes: list[StatusChange] = []
    horizon: int | None = None
    for change, event_type in _EVENT_TYPES.items():
        page = instance.fetch_run_status_changes(
            _filter(event_type, after_storage_id=event_id), limit=limit, ascending=True
        ).records
        changes += (_status_change(change, record) for record in page)
        if len(page) >= limit:
            last = page[-1].storage_id
            horizon = last if horizon is None else min(horizon, last)
    if horizon is not None:
        changes = [change for change in changes if change.event_id <= horizon]
    return sorted(changes, key=lambda change: change.event_id), horizon is not None


def failures_by_id(instance: DagsterInstance, event_ids: Iterable[int]) -> list[StatusChange]:
    """These failures, in the order of their ids; one whose run was deleted is not among them."""
    return _by_id(instance, Change.FAILED, sorted(event_ids))


def changes_by_id(instance: DagsterInstance, event_ids: Iterable[int]) -> list[StatusChange]:
    """These failures and successes, in the order of their ids, without those of deleted runs."""
    ids = sorted(event_ids)
    found = [found for change in _EVENT_TYPES for found in _by_id(instance, change, ids)]
    return sorted(found, key=lambda change: change.event_id)


def _by_id(instance: DagsterInstance, change: Change, ids: Sequence[int]) -> list[StatusChange]:
    if not ids:
        return []
    page = instance.fetch_run_status_changes(
        _filter(_EVENT_TYPES[change], storage_ids=ids), limit=len(ids), ascending=True
    ).records
    return [_status_change(change, record) for record in page]


def change_ids_after(instance: DagsterInstance, event_id: int) -> Mapping[int, datetime]:
    """Every failure and success above `event_id`: its id, and when it happened.

    The events themselves are not read where the storage is SQL, as Dagster's own all are.
    """
    from . import event_ids

    if event_ids.is_sql(instance):
        return event_ids.after(instance, event_id, _EVENT_TYPES.values())
    changes, more = changes_after(instance, event_id, limit=_PAGE)
    listed = {change.event_id: change.at for change in changes}
    while more:
        changes, more = changes_after(instance, changes[-1].event_id, limit=_PAGE)
        listed |= {change.event_id: change.at for change in changes}
    return listed


def runs_by_id(instance: DagsterInstance, run_ids: Iterable[str]) -> dict[str, Run]:
    """These runs; one that was deleted is not among them."""
    wanted = sorted(set(run_ids))
    if not wanted:
        return {}
    records = instance.get_run_records(filters=RunsFilter(run_ids=wanted))
    return {record.dagster_run.run_id: run_of(record.dagster_run) for record in records}


def ending(instance: DagsterInstance, run_id: str) -> Ending:
    """How a run ended, from its own log: for the failures whose event does not carry the step.

    The step is the first that failed; else, where the worker died, one that never came to its end.
    """
    failed: StepFailure | None = None
    running: dict[str, None] = {}
    last_words = ""
    for record in instance.get_records_for_run(run_id, of_type=_ENDING_EVENTS).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.is_run_failure:
            break
        if event.event_type is DagsterEventType.ENGINE_EVENT:
            last_words = event.message or ""
        elif event.event_type in _STEP_BEGINS and event.step_key:
            running[event.step_key] = None
            last_words = ""
        else:
            running.pop(event.step_key or "", None)
            if event.is_step_failure and failed is None:
                failed = _step_failure(event)
    if failed is None and running:
        failed = StepFailure(next(iter(running)), ())
    return Ending(failed, last_words if failed is not None else "")


_STEP_BEGINS = {DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED}
_ENDING_EVENTS = {
    *_STEP_BEGINS,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.RUN_FAILURE,
}


def failed_steps(
    instance: DagsterInstance, run_id: str, *, hook: str
) -> list[tuple[StepFailure, datetime]]:
    """The steps of a run that failed and on which a hook of this name was called, and when.

    Dagster writes an event for every call of a hook, whatever came of it; the hook's name stands in
    its message only.
    """
    failed: list[tuple[StepFailure, datetime]] = []
    hooked: set[str] = set()
    for record in instance.get_records_for_run(run_id, of_type=_HOOK_EVENTS).records:
        entry = record.event_log_entry
        event = entry.get_dagster_event()
        if event.is_step_failure:
            failed.append((_step_failure(event), datetime.fromtimestamp(entry.timestamp, UTC)))
        elif f'"{hook}"' in (event.message or ""):
            hooked.add(event.step_key or "")
    return [(failure, at) for failure, at in failed if failure.step in hooked]


_HOOK_EVENTS = {
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.HOOK_COMPLETED,
    DagsterEventType.HOOK_SKIPPED,
    DagsterEventType.HOOK_ERRORED,
}


def succeeded_steps(instance: DagsterInstance, run_id: str) -> list[tuple[str, datetime]]:
    """The steps of a run that succeeded, and when."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_SUCCESS).records
    return [
        (
            record.event_log_entry.step_key or "",
            datetime.fromtimestamp(record.event_log_entry.timestamp, UTC),
        )
        for record in records
    ]


def step_hook(
    name: str, tell: Callable[[HookContext, Sequence[DagsterEvent]], bool]
) -> HookDefinition:
    """A hook that is handed the events of a step that ended, and answers whether it did anything.

    Dagster's `failure_hook` and `success_hook` are handed no events; what they hand out for an
    exception is not masked by DAGSTER_REDACT_USER_CODE_ERRORS.
    """

    def hook_fn(context: HookContext, event_list: Sequence[DagsterEvent]) -> HookExecutionResult:
        return HookExecutionResult(hook_name=name, is_skipped=not tell(context, event_list))

    return HookDefinition(name=name, hook_fn=hook_fn, decorated_fn=hook_fn)


def run_of_op(context: OpExecutionContext) -> Run | None:
    """The run that an op is called in; None where a test calls the op without one."""
    try:
        return run_of(context.dagster_run)
    except DagsterInvalidPropertyError:
        return None


def run_of_hook(context: HookContext) -> Run:
    """The run that a hook is called in. No query: it is what the step has in hand."""
    return run_of(context._step_execution_context.dagster_run)


def will_be_retried(context: HookContext) -> bool:
    """Whether Dagster will start this hook's run again, should it end now by a failed step."""
    instance = context.instance
    if not retries_enabled(instance):
        return False
    from dagster._core.events import RunFailureReason
    from dagster._core.execution.retries import auto_reexecution_should_retry_run

    run = context._step_execution_context.dagster_run.with_status(DagsterRunStatus.FAILURE)
    return bool(auto_reexecution_should_retry_run(instance, run, RunFailureReason.STEP_FAILURE))


def step_failure_in(events: Sequence[DagsterEvent]) -> StepFailure | None:
    """The failure among the events that a step ended with; None when it did not fail."""
    return next((_step_failure(event) for event in events if event.is_step_failure), None)


def _filter(event_type: DagsterEventType, **narrowed: Any) -> RunStatusChangeRecordsFilter:
    return RunStatusChangeRecordsFilter(event_type=event_type, **narrowed)  # type: ignore[arg-type]


def _status_change(change: Change, record: EventLogRecord) -> StatusChange:
    entry = record.event_log_entry
    event = entry.get_dagster_event()
    found = StatusChange(
        event_id=record.storage_id,
        change=change,
        run_id=entry.run_id,
        at=datetime.fromtimestamp(entry.timestamp, UTC),
        message=event.message or "",
    )
    data = event.event_specific_data
    if change is Change.SUCCEEDED or data is None:
        return found
    first = data.first_step_failure_event  # type: ignore[union-attr]
    return replace(
        found,
        step=_step_failure(first) if first is not None and first.step_key else None,
        raised=_chain(data.error),  # type: ignore[union-attr]
    )


def _step_failure(event: DagsterEvent) -> StepFailure:
    data = event.step_failure_data
    raised = _chain(data.error)
    if data.user_failure_data is not None and data.user_failure_data.description and raised:
        # dagster.Failure: what its author wrote, in place of the words around it.
        raised = (*raised[:-1], replace(raised[-1], message=data.user_failure_data.description))
    return StepFailure(event.step_key or "", raised)


def _chain(error: Any) -> tuple[Raised, ...]:
    """A SerializableErrorInfo and its causes, outermost first."""
    found: list[Raised] = []
    while error is not None:
        kind = error.cls_name or "Error"
        text = error.message.strip()
        head, colon, tail = text.partition(":")
        # Python writes `package.module.Class: message`.
        named = head.rpartition(".")[2] == kind
        message = tail.strip() if named and colon else "" if named else text
        found.append(Raised(kind, message, tuple(error.stack or ())))
        error = error.cause or error.context
    return tuple(found)


def run_of(run: DagsterRun) -> Run:
    """A run of Dagster's in our own terms."""
    tags = run.tags
    will_retry = tags.get(WILL_RETRY_TAG)
    return Run(
        run_id=run.run_id,
        job=run.job_name,
        location=location_of(run),
        partition=_partition(tags),
        schedule=tags.get(SCHEDULE_TAG, ""),
        sensor=tags.get(SENSOR_TAG, ""),
        backfill=tags.get(BACKFILL_TAG, ""),
        root_run_id=run.root_run_id or run.run_id,
        retry_number=tags.get(RETRY_NUMBER_TAG, ""),
        will_retry=None if will_retry is None else will_retry.lower() == "true",
        retry_run_id=tags.get(AUTO_RETRY_RUN_ID_TAG, ""),
        failure_reason=tags.get(FAILURE_REASON_TAG, ""),
        is_silent=tags.get(ALERTS_TAG) == "off",
        assets=tuple(sorted(key.to_user_string() for key in run.asset_selection or ())),
        finished=run.is_finished,
        succeeded=run.is_success,
        failed=run.is_failure,
        definition=run.job_snapshot_id or "",
        owner=_first(tags, OWNER_TAGS),
        team=_first(tags, TEAM_TAGS),
    )


def _first(tags: Mapping[str, str], names: Iterable[str]) -> str:
    return next((tags[name] for name in names if tags.get(name)), "")


def _partition(tags: Mapping[str, str]) -> str:
    """The partition's key, or first...last of a range; empty for none."""
    if key := tags.get(PARTITION_TAG):
        return key
    first, last = (tags.get(tag, "") for tag in PARTITION_RANGE_TAGS)
    return f"{first}...{last}" if first or last else ""
