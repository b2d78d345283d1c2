from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import DagsterEventType, DagsterInstance

from work_data_hub.alerting import Alert, AlertRouter
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.sink import Deadline
from work_data_hub.observability.dagster_api import run_log
from work_data_hub.observability.feed import FeedReport, advance

from .dagster_runs import (
    a_retry_of,
    create_run,
    failed_at,
    nightly,
    purposeful,
    report,
    run,
    succeeded_at,
)
from .stores import filled, firing, incidents

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def advanced(
    instance: DagsterInstance, router: AlertRouter, *, now: datetime = NOW, **given: Any
) -> FeedReport:
    return advance(instance, router, now=now, deadline=Deadline(60), **given)


def test_a_failed_run_opens_an_incident_with_step_error_and_link(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    run_id = run(instance, nightly, tags={"dagster/schedule_name": "daily"})
    advanced(instance, router, now=datetime.now(UTC))
    (incident,) = firing(router)
    assert filled(incident.labels) == {
        "alertname": "RunFailed",
        "location": "sales",
        "job": "nightly",
        "severity": "critical",
    }
    assert incident.annotations["step"] == "load"
    assert incident.annotations["error"].startswith("KeyError: 'plan'\n")
    assert "ValueError: row 1 has no plan" in incident.annotations["error"]
    assert incident.annotations["schedule"] == "daily"
    assert incident.annotations["run_url"] == f"http://127.0.0.1:3000/runs/{run_id}"


def test_the_next_success_of_the_job_closes_it(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - 2 * MINUTE)
    advanced(instance, router)
    succeeded_at(instance, NOW - MINUTE)
    assert advanced(instance, router).recovered == 1
    assert firing(router) == []
    (incident,) = incidents(router)
    assert incident.resolved_at == NOW - MINUTE


def test_a_success_closes_its_own_partition_and_no_other(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for partition in ("a", "b"):
        failed_at(instance, NOW - 2 * MINUTE, tags={"dagster/partition": partition})
    failed_at(instance, NOW - 2 * MINUTE)
    succeeded_at(instance, NOW - MINUTE, tags={"dagster/partition": "a"})
    advanced(instance, router)
    assert sorted(i.labels.get("partition", "") for i in firing(router)) == ["", "b"]
    succeeded_at(instance, NOW)
    advanced(instance, router)
    assert [i.labels.get("partition", "") for i in firing(router)] == ["b"]


def test_a_success_elsewhere_closes_nothing(instance: DagsterInstance, router: AlertRouter) -> None:
    failed_at(instance, NOW - 2 * MINUTE)
    succeeded_at(instance, NOW - MINUTE, location="other")
    succeeded_at(instance, NOW - MINUTE, purposeful)
    advanced(instance, router)
    assert len(firing(router)) == 1


def test_a_cancelled_run_opens_and_closes_nothing(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - 2 * MINUTE)
    for job in (nightly, purposeful):
        cancelled = create_run(instance, job)
        report(instance, cancelled, DagsterEventType.RUN_CANCELED, at=NOW - MINUTE)
    advanced(instance, router)
    assert [incident.labels["job"] for incident in firing(router)] == ["nightly"]


def test_a_worker_that_died_and_a_run_that_never_started_are_failed_runs(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    died = create_run(instance, nightly)
    report(instance, died, DagsterEventType.STEP_START, at=NOW, step_key="load")
    instance.report_run_failed(died, "Run worker died with exit code 137")
    never_started = create_run(instance, purposeful)
    instance.report_run_failed(never_started, "Run timed out waiting to start")
    advanced(instance, router, now=datetime.now(UTC))
    told = {incident.labels["job"]: incident.annotations["summary"] for incident in firing(router)}
    assert told == {
        "nightly": "load: Run worker died with exit code 137",
        "purposeful": "Run timed out waiting to start",
    }


def test_a_failure_after_the_success_of_an_older_run_stays_open(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW)
    succeeded_at(instance, NOW - MINUTE)  # committed late
    advanced(instance, router)
    assert len(firing(router)) == 1


def test_failing_and_recovering_in_one_round_ends_as_it_did_in_dagster(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for step, happened in enumerate([succeeded_at, failed_at, succeeded_at, succeeded_at]):
        happened(instance, NOW - HOUR / 2 + step * MINUTE)
    failed_at(instance, NOW, purposeful)
    assert advanced(instance, router).told == 2
    assert [incident.labels["job"] for incident in firing(router)] == ["purposeful"]
    (closed,) = [i for i in incidents(router) if i.labels["job"] == "nightly"]
    assert closed.resolved_at == NOW - HOUR / 2 + 2 * MINUTE


def test_a_success_that_was_committed_late_hides_no_later_one(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - MINUTE)
    succeeded_at(instance, NOW - 2 * MINUTE)
    succeeded_at(instance, NOW)
    advanced(instance, router)
    assert firing(router) == []


def test_a_job_that_keeps_succeeding_costs_the_store_one_write_a_batch(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(30):
        succeeded_at(instance, NOW - minute * MINUTE)
    closed: list[datetime] = []

    def resolve_all(resolutions: Iterable[tuple[Mapping[str, str], datetime]]) -> int:
        closed.extend(at for _, at in resolutions)
        return 0

    monkeypatch.setattr(router, "resolve_all", resolve_all)
    advanced(instance, router)
    assert closed == [NOW - 29 * MINUTE]


def test_a_store_that_is_down_loses_nothing(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    advanced(instance, router)
    failed_at(instance, NOW)

    def down(alerts: list[Alert]) -> None:
        raise StoreUnavailable("down for a minute")

    with monkeypatch.context() as patched:
        patched.setattr(router, "publish_all", down)
        with pytest.raises(StoreUnavailable):
            advanced(instance, router)
    assert firing(router) == []
    assert advanced(instance, router).told == 1
    assert len(firing(router)) == 1


def test_dying_between_publishing_and_moving_the_cursor_tells_nothing_twice(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    advanced(instance, router)
    failed_at(instance, NOW)

    def dies(name: str, value: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(router.store, "set_cursor", dies)
        with pytest.raises(KeyboardInterrupt):
            advanced(instance, router)
    advanced(instance, router)
    (incident,) = firing(router)
    assert incident.event_count == 1


def test_two_feeds_of_one_instance_tell_each_failure_once(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW)
    cursor = f"feed:{run_log.storage_id(instance)}"
    advanced(instance, router)
    first = router.store.get_cursor(cursor)
    failed_at(instance, NOW)
    advanced(instance, router)
    assert first is not None
    router.store.set_cursor(cursor, first)  # the slower feed writes last
    advanced(instance, router)
    (incident,) = firing(router)
    assert incident.event_count == 2


def test_a_backlog_is_told_in_batches_and_whole(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for number in range(7):
        failed_at(instance, NOW, tags={"dagster/partition": str(number)})
    succeeded_at(instance, NOW, tags={"dagster/partition": "3"})
    told = advanced(instance, router, batch=2)
    assert (told.told, told.recovered, told.behind) == (7, 1, False)
    assert len(firing(router)) == 6


def test_a_round_ends_with_its_deadline_and_the_next_goes_on_there(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for number in range(3):
        failed_at(instance, NOW, tags={"dagster/partition": str(number)})
    reports = [advance(instance, router, now=NOW, deadline=Deadline(0), batch=2) for _ in range(2)]
    assert [(done.told, done.behind) for done in reports] == [(2, True), (1, False)]


def test_an_instance_never_seen_before_is_told_of_its_last_hour(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - HOUR - MINUTE, tags={"dagster/partition": "history"})
    failed_at(instance, NOW - HOUR + MINUTE, tags={"dagster/partition": "news"})
    advanced(instance, router)
    assert [incident.labels["partition"] for incident in firing(router)] == ["news"]


def test_it_reads_the_storage_of_dagster_dev_alike(
    stored_instance: DagsterInstance, router: AlertRouter
) -> None:
    advanced(stored_instance, router)
    failed_at(stored_instance, NOW, tags={"dagster/max_retries": "0"})
    failed_at(stored_instance, NOW, purposeful)
    done = advanced(stored_instance, router, batch=1)
    assert (done.told, done.held) == (1, 1)
    assert advanced(stored_instance, router, now=NOW + HOUR).told == 1
    succeeded_at(stored_instance, NOW + HOUR)
    advanced(stored_instance, router, now=NOW + HOUR)
    assert [incident.labels["job"] for incident in firing(router)] == ["purposeful"]


def test_a_weekend_without_a_daemon_is_told_on_monday(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    advanced(instance, router)
    for hour in range(60):
        failed_at(instance, NOW + hour * HOUR, tags={"dagster/partition": str(hour)})
    assert advanced(instance, router, now=NOW + 61 * HOUR).told == 60


def test_a_new_instance_under_an_old_store_has_its_own_cursor(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for _ in range(5):
        failed_at(instance, NOW)
    advanced(instance, router)
    with DagsterInstance.ephemeral() as fresh:
        failed_at(fresh, NOW, purposeful)
        advanced(fresh, router)
    assert sorted(i.labels["job"] for i in firing(router)) == ["nightly", "purposeful"]


def test_ids_that_are_given_out_again_hide_no_failure(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    runs = [failed_at(instance, NOW - MINUTE) for _ in range(3)]
    advanced(instance, router)
    for run_id in runs:
        instance.delete_run(run_id)
    failed_at(instance, NOW, purposeful)  # under an id that the cursor has passed
    advanced(instance, router)
    assert sorted(i.labels["job"] for i in firing(router)) == ["nightly", "purposeful"]


def test_a_failure_held_for_hours_is_still_held_after_events_were_deleted(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = retrying_instance
    first = failed_at(instance, NOW)
    advanced(instance, router)
    retry = create_run(instance, nightly, **a_retry_of(first))
    instance.add_run_tags(first, {"dagster/auto_retry_run_id": retry.run_id})
    later = failed_at(instance, NOW + 3 * HOUR, purposeful, tags={"dagster/max_retries": "0"})
    advanced(instance, router, now=NOW + 3 * HOUR)
    instance.delete_run(later)
    assert advanced(instance, router, now=NOW + 3 * HOUR).held == 1
    report(instance, retry, DagsterEventType.RUN_CANCELED, at=NOW + 4 * HOUR)
    assert advanced(instance, router, now=NOW + 4 * HOUR).told == 1


def test_a_held_failure_that_is_read_again_is_held_once(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = retrying_instance
    advanced(instance, router)
    failed_at(instance, NOW)
    later = failed_at(instance, NOW, purposeful, tags={"dagster/max_retries": "0"})
    assert advanced(instance, router).held == 1
    instance.delete_run(later)
    assert advanced(instance, router).held == 1
    assert advanced(instance, router, now=NOW + HOUR).told == 1


def test_a_cursor_of_garbage_starts_an_hour_ago(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - MINUTE)
    router.store.set_cursor(f"feed:{run_log.storage_id(instance)}", "nan")
    assert advanced(instance, router).told == 1


def test_a_run_that_somebody_deleted_is_told_no_more(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    instance.delete_run(failed_at(instance, NOW))
    failed_at(instance, NOW, purposeful)
    assert advanced(instance, router).told == 1


def test_a_round_without_news_writes_nothing(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_at(instance, NOW)
    advanced(instance, router)
    for name in ("publish_all", "resolve_all"):
        monkeypatch.delattr(type(router), name)
    monkeypatch.delattr(type(router.store), "set_cursor")
    assert advanced(instance, router) == FeedReport(told=0, recovered=0, held=0, behind=False)


def test_a_failure_that_dagster_retries_is_told_once_by_its_last_attempt(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = retrying_instance
    first = failed_at(instance, NOW)
    held = advanced(instance, router)
    assert (held.told, held.held) == (0, 1)
    retry = create_run(instance, nightly, **a_retry_of(first))
    instance.add_run_tags(first, {"dagster/auto_retry_run_id": retry.run_id})
    assert advanced(instance, router, now=NOW + HOUR).held == 1
    report(instance, retry, DagsterEventType.RUN_FAILURE, at=NOW + HOUR)
    done = advanced(instance, router, now=NOW + HOUR + MINUTE)
    assert (done.told, done.held) == (1, 0)
    (incident,) = firing(router)
    assert incident.annotations["run_id"] == retry.run_id
    assert incident.annotations["root_run_id"] == first
    assert incident.annotations["attempt"] == "2"
    assert incident.event_count == 1


def test_a_failure_that_its_retry_made_good_is_never_told(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = retrying_instance
    first = failed_at(instance, NOW)
    advanced(instance, router)
    retry = create_run(instance, nightly, **a_retry_of(first))
    instance.add_run_tags(first, {"dagster/auto_retry_run_id": retry.run_id})
    report(instance, retry, DagsterEventType.RUN_SUCCESS, at=NOW + MINUTE)
    done = advanced(instance, router, now=NOW + 2 * MINUTE)
    assert (done.told, done.held) == (0, 0)
    assert incidents(router) == []


def test_a_retry_that_never_comes_is_told_of_after_5_minutes(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(retrying_instance, NOW)
    assert advanced(retrying_instance, router, now=NOW + 5 * MINUTE - SECOND).told == 0
    assert advanced(retrying_instance, router, now=NOW + 5 * MINUTE).told == 1
    (incident,) = firing(router)
    assert incident.started_at == NOW


def test_a_retry_that_comes_late_and_fails_is_told_again_after_a_recovery(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = retrying_instance
    first = failed_at(instance, NOW)
    advanced(instance, router, now=NOW + 5 * MINUTE)
    succeeded_at(instance, NOW + 6 * MINUTE)
    advanced(instance, router, now=NOW + 6 * MINUTE)
    assert firing(router) == []
    retry = create_run(instance, nightly, **a_retry_of(first))
    report(instance, retry, DagsterEventType.RUN_FAILURE, at=NOW + 7 * MINUTE)
    advanced(instance, router, now=NOW + 8 * MINUTE)
    assert len(firing(router)) == 1


def test_a_retry_that_dagster_gives_up_is_told_of_without_a_new_event(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    first = failed_at(retrying_instance, NOW)
    advanced(retrying_instance, router)
    retrying_instance.add_run_tags(first, {"dagster/will_retry": "false"})
    assert advanced(retrying_instance, router, now=NOW + SECOND).told == 1


def test_a_retry_that_is_cancelled_is_told_of(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = retrying_instance
    first = failed_at(instance, NOW)
    advanced(instance, router)
    retry = create_run(instance, nightly, **a_retry_of(first))
    instance.add_run_tags(first, {"dagster/auto_retry_run_id": retry.run_id})
    report(instance, retry, DagsterEventType.RUN_CANCELED, at=NOW + MINUTE)
    assert advanced(instance, router, now=NOW + 2 * MINUTE).told == 1


def test_a_held_failure_that_another_run_made_good_is_told_as_over(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(retrying_instance, NOW)
    advanced(retrying_instance, router)
    succeeded_at(retrying_instance, NOW + MINUTE)
    assert advanced(retrying_instance, router, now=NOW + 2 * MINUTE).held == 1
    assert advanced(retrying_instance, router, now=NOW + 6 * MINUTE).told == 1
    assert firing(router) == []
    (incident,) = incidents(router)
    assert incident.resolved_at == NOW + MINUTE
