"""The contract with Dagster: each call that is not public answers as this package reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterEventType, DagsterInstance
from dagster._core.execution.plan.objects import StepSuccessData

from work_data_hub.observability.dagster_api import run_log
from work_data_hub.observability.run import Change, Ending

from .dagster_runs import (
    a_retry_of,
    create_run,
    failed_at,
    nightly,
    patient,
    purposeful,
    report,
    run,
    sound,
    succeeded_at,
)

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)


@pytest.fixture
def instance(stored_instance: DagsterInstance) -> DagsterInstance:
    """The storage that keeps a file for each run and an index over them: the more peculiar one."""
    return stored_instance


def test_an_instance_keeps_its_name_and_another_has_another(instance: DagsterInstance) -> None:
    with DagsterInstance.ephemeral() as other:
        assert run_log.storage_id(instance) == run_log.storage_id(instance)
        assert run_log.storage_id(instance) != run_log.storage_id(other)


def test_it_knows_whether_dagster_retries_runs(instance: DagsterInstance) -> None:
    assert run_log.retries_enabled(instance)
    with DagsterInstance.ephemeral() as other:
        assert not run_log.retries_enabled(other)


def test_a_failure_carries_its_step_and_the_chain_of_exceptions(instance: DagsterInstance) -> None:
    run_id = run(instance, nightly)
    (change,), more = run_log.changes_after(instance, 0, limit=100)
    assert (change.change, change.run_id, more) == (Change.FAILED, run_id, False)
    assert change.step is not None
    assert change.step.step == "load"
    assert [raised.kind for raised in change.step.raised] == [
        "DagsterExecutionStepExecutionError",
        "ValueError",
        "KeyError",
    ]
    assert str(change.step.raised[1]) == "ValueError: row 1 has no plan"
    assert str(change.step.raised[2]) == "KeyError: 'plan'"
    assert "dagster_runs.py" in change.step.raised[2].stack[-1]
    assert abs(change.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_failure_on_purpose_says_what_its_author_wrote(instance: DagsterInstance) -> None:
    run(instance, purposeful)
    (change,), _ = run_log.changes_after(instance, 0, limit=100)
    assert change.step is not None
    assert str(change.step.raised[-1]) == "Failure: the trustee sent last month's file"


def test_a_step_that_used_up_its_retries_shows_what_it_raised(instance: DagsterInstance) -> None:
    run(instance, patient)
    (change,), _ = run_log.changes_after(instance, 0, limit=100)
    assert change.step is not None
    assert str(change.step.raised[-1]) == "ConnectionError: bank is down"


def test_failures_and_successes_come_in_the_order_of_the_log(instance: DagsterInstance) -> None:
    ids = [
        failed_at(instance, NOW),
        succeeded_at(instance, NOW),
        failed_at(instance, NOW),
        succeeded_at(instance, NOW),
    ]
    changes, more = run_log.changes_after(instance, 0, limit=100)
    assert [change.run_id for change in changes] == ids
    assert not more
    rest, _ = run_log.changes_after(instance, changes[1].event_id, limit=100)
    assert [change.run_id for change in rest] == ids[2:]


def test_a_full_page_of_failures_lets_no_later_success_through(instance: DagsterInstance) -> None:
    failures = [failed_at(instance, NOW) for _ in range(3)]
    success = succeeded_at(instance, NOW)
    seen: list[str] = []
    after, more = 0, True
    while more:
        changes, more = run_log.changes_after(instance, after, limit=2)
        after = changes[-1].event_id
        seen += [change.run_id for change in changes]
    assert seen == [*failures, success]


def test_the_newest_event_is_found_whatever_its_kind(instance: DagsterInstance) -> None:
    assert run_log.newest_event_id(instance) == 0
    failed_at(instance, NOW - timedelta(hours=2))
    (old,), _ = run_log.changes_after(instance, 0, limit=10)
    succeeded_at(instance, NOW)
    assert run_log.newest_event_id(instance) > old.event_id
    assert run_log.newest_event_id_before(instance, NOW) == old.event_id
    assert run_log.newest_event_id_before(instance, NOW - timedelta(hours=3)) == 0


def test_a_run_tells_where_it_came_from(instance: DagsterInstance) -> None:
    tags = {
        "dagster/partition": "2024-11-01",
        "dagster/schedule_name": "daily",
        "dagster/sensor_name": "files",
        "dagster/backfill": "abcd",
        "dagster/will_retry": "true",
        "dagster/auto_retry_run_id": "next",
        "dagster/retry_number": "2",
        "dagster/failure_reason": "STEP_FAILURE",
    }
    made = create_run(instance, sound, tags=tags, location="sales")
    found = run_log.runs_by_id(instance, [made.run_id, "no-such-run"])
    assert list(found) == [made.run_id]
    facts = found[made.run_id]
    assert facts.work == ("sales", "sound", "2024-11-01")
    assert (facts.schedule, facts.sensor, facts.backfill) == ("daily", "files", "abcd")
    assert (facts.will_retry, facts.retry_run_id, facts.retry_number) == (True, "next", "2")
    assert (facts.failure_reason, facts.root_run_id) == ("STEP_FAILURE", made.run_id)
    assert not facts.finished


def test_a_run_out_of_no_location_and_partition_has_none(instance: DagsterInstance) -> None:
    result = sound.execute_in_process(instance=instance)
    facts = run_log.runs_by_id(instance, [result.run_id])[result.run_id]
    assert facts.work == ("", "sound", "")
    assert facts.will_retry is None
    assert facts.succeeded
    assert facts.finished
    assert not facts.failed


def test_a_range_of_partitions_is_named_by_its_ends(instance: DagsterInstance) -> None:
    tags = {
        "dagster/asset_partition_range_start": "2024-01",
        "dagster/asset_partition_range_end": "2024-03",
    }
    made = create_run(instance, sound, tags=tags)
    facts = run_log.runs_by_id(instance, [made.run_id])[made.run_id]
    assert facts.partition == "2024-01...2024-03"


def test_failures_are_found_again_by_their_ids(instance: DagsterInstance) -> None:
    run_id = failed_at(instance, NOW)
    deleted = failed_at(instance, NOW)
    changes, _ = run_log.changes_after(instance, 0, limit=10)
    instance.delete_run(deleted)
    again = run_log.failures_by_id(instance, [change.event_id for change in changes])
    assert [change.run_id for change in again] == [run_id]
    assert run_log.failures_by_id(instance, []) == []


def test_a_worker_that_died_leaves_the_step_it_was_in(instance: DagsterInstance) -> None:
    made = create_run(instance, nightly)
    started, succeeded = DagsterEventType.STEP_START, DagsterEventType.STEP_SUCCESS
    report(instance, made, started, at=NOW, step_key="extract")
    report(instance, made, succeeded, at=NOW, step_key="extract", data=StepSuccessData(9.0))
    report(instance, made, started, at=NOW, step_key="load")
    instance.report_engine_event("Run execution process exited with code 9", made)
    instance.report_run_failed(made)
    instance.report_engine_event("Process for run exited", made)
    ending = run_log.ending(instance, made.run_id)
    assert ending.step is not None
    assert (ending.step.step, ending.step.raised) == ("load", ())
    assert ending.last_words == "Run execution process exited with code 9"


def test_what_the_engine_said_before_the_step_began_is_no_reason(instance: DagsterInstance) -> None:
    made = create_run(instance, nightly)
    instance.report_engine_event("Launched run worker", made)
    report(instance, made, DagsterEventType.STEP_START, at=NOW, step_key="load")
    assert run_log.ending(instance, made.run_id).last_words == ""


def test_a_failed_step_is_found_in_the_runs_own_log(instance: DagsterInstance) -> None:
    ending = run_log.ending(instance, run(instance, nightly))
    assert ending.step is not None
    assert ending.step.step == "load"
    assert str(ending.step.raised[-1]) == "KeyError: 'plan'"


def test_a_run_that_never_started_has_no_failed_step(instance: DagsterInstance) -> None:
    made = create_run(instance, nightly)
    instance.report_engine_event("Launched run worker", made)
    assert run_log.ending(instance, made.run_id) == Ending(None, "")


def test_dagster_tags_a_failure_by_whether_it_will_retry_it(instance: DagsterInstance) -> None:
    first = run(instance, nightly)
    last = run(instance, nightly, **a_retry_of(first))
    runs = run_log.runs_by_id(instance, [first, last])
    assert (runs[first].will_retry, runs[last].will_retry) == (True, False)
    assert runs[last].root_run_id == first
