"""The contract with Dagster's storage, in numbers: on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
)
from dagster._core.scheduler.instigation import TickStatus

from work_data_hub.observability.dagster_api import instigators, totals
from work_data_hub.observability.dagster_api.instigators import InstigatorReader, Name, Tick
from work_data_hub.observability.dagster_api.totals import ActiveRuns, EndedRun, RunOutcome

from .dagster_runs import (
    create_run,
    failed_at,
    nightly,
    patient,
    report,
    run,
    sound,
    succeeded_at,
)
from .dagster_storages import instance_on, switched, ticked

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with instance_on(tmp_path / "home", postgres=url) as made:
        yield made


def started_at(instance: DagsterInstance, at: datetime, **given: str) -> str:
    created = create_run(instance, nightly, **given)
    report(instance, created, DagsterEventType.RUN_START, at=at)
    return created.run_id


def is_recent(moment: datetime) -> bool:
    return abs(moment - datetime.now(UTC)) < timedelta(minutes=1)


def test_runs_under_way_are_counted_by_job_location_and_status(instance: DagsterInstance) -> None:
    earlier = datetime.now(UTC) - timedelta(minutes=10)
    started_at(instance, earlier)
    started_at(instance, earlier + timedelta(minutes=5))
    started_at(instance, earlier, location="hr")
    create_run(instance, sound)
    report(instance, create_run(instance, sound), DagsterEventType.RUN_ENQUEUED, at=earlier)
    run(instance, nightly)
    run(instance, sound)
    found = {(of.job, of.location, of.status): of for of in totals.active_runs(instance)}
    assert {key: of.count for key, of in found.items()} == {
        ("nightly", "sales", "started"): 2,
        ("nightly", "hr", "started"): 1,
        ("sound", "sales", "not_started"): 1,
        ("sound", "sales", "queued"): 1,
    }
    for key in [("nightly", "sales", "started"), ("sound", "sales", "queued")]:
        assert abs(found[key].since - earlier) < timedelta(seconds=1)
    assert is_recent(found["sound", "sales", "not_started"].since)


def test_a_run_from_no_location_is_under_way_too(instance: DagsterInstance) -> None:
    instance.create_run_for_job(nightly, status=DagsterRunStatus.STARTED)
    (of,) = totals.active_runs(instance)
    assert isinstance(of, ActiveRuns)
    assert (of.job, of.location, of.count) == ("nightly", "", 1)


def test_the_ends_of_runs_come_in_the_order_of_the_log(instance: DagsterInstance) -> None:
    failed = failed_at(instance, NOW)
    succeeded = succeeded_at(instance, NOW)
    canceled = create_run(instance, nightly)
    report(instance, canceled, DagsterEventType.RUN_CANCELED, at=NOW)
    endings, more = totals.endings_after(instance, 0, limit=10)
    assert [(ending.run_id, ending.outcome, ending.at) for ending in endings] == [
        (failed, RunOutcome.FAILURE, NOW),
        (succeeded, RunOutcome.SUCCESS, NOW),
        (canceled.run_id, RunOutcome.CANCELED, NOW),
    ]
    assert not more
    assert totals.ending_by_id(instance, endings[1].event_id) == endings[1]
    instance.delete_run(succeeded)
    assert totals.ending_by_id(instance, endings[1].event_id) is None


def test_a_page_that_is_full_passes_over_nothing(instance: DagsterInstance) -> None:
    ids = [failed_at(instance, NOW) for _ in range(3)]
    ids += [succeeded_at(instance, NOW), failed_at(instance, NOW)]
    seen: list[str] = []
    event_id, more = 0, True
    while more:
        page, more = totals.endings_after(instance, event_id, limit=2)
        seen += [ending.run_id for ending in page]
        event_id = page[-1].event_id if page else event_id
    assert seen == ids


def test_the_newest_end_before_a_moment(instance: DagsterInstance) -> None:
    failed_at(instance, NOW - timedelta(hours=1))
    succeeded_at(instance, NOW)
    (first, second), _ = totals.endings_after(instance, 0, limit=10)
    assert totals.newest_ending_before(instance, NOW) == first.event_id
    assert totals.newest_ending_before(instance, NOW + timedelta(seconds=1)) == second.event_id
    assert totals.newest_ending_before(instance, NOW - timedelta(hours=2)) == 0


def test_an_ended_run_knows_when_it_was_created_and_began(instance: DagsterInstance) -> None:
    run_id = run(instance, sound)
    never_began = failed_at(instance, NOW)
    found = totals.ended_runs(instance, [run_id, never_began, "no-such-run"])
    assert set(found) == {run_id, never_began}
    ended = found[run_id]
    assert isinstance(ended, EndedRun)
    assert (ended.job, ended.location) == ("sound", "sales")
    assert ended.started is not None
    assert is_recent(ended.created)
    assert is_recent(ended.started)
    assert ended.created <= ended.started + timedelta(seconds=1)
    assert found[never_began].started is None


def test_the_steps_of_a_run_that_ended_have_an_outcome_and_a_duration(
    instance: DagsterInstance,
) -> None:
    steps = {of.step_key: of for of in totals.steps_of(instance, run(instance, nightly))}
    assert {key: of.succeeded for key, of in steps.items()} == {"extract": True, "load": False}
    assert all(of.duration_s is not None and 0 <= of.duration_s < 60 for of in steps.values())
    (retried,) = totals.steps_of(instance, run(instance, patient))
    assert not retried.succeeded


def test_an_asset_has_the_time_of_its_last_materialization(instance: DagsterInstance) -> None:
    for key in (["warehouse", "trustee"], ["b"], ["c"], ["d"]):
        instance.report_runless_asset_event(AssetMaterialization(AssetKey(key)))
    instance.report_runless_asset_event(AssetObservation(AssetKey("only_observed")))
    found = totals.asset_times(instance, most=10)
    assert list(found.at) == ["warehouse/trustee", "b", "c", "d"]
    assert all(is_recent(at) for at in found.at.values())
    assert found.others == 0
    bounded = totals.asset_times(instance, most=2)
    assert list(bounded.at) == ["warehouse/trustee", "b"]
    assert bounded.others == 3
    assert bounded.oldest_of_others == found.at["c"]


def test_what_was_observed_since_is_as_old_as_its_materialization(
    instance: DagsterInstance,
) -> None:
    for key in ("a", "b", "c"):
        instance.report_runless_asset_event(AssetMaterialization(AssetKey(key)))
    made = totals.asset_times(instance, most=10).at
    for key in ("a", "b", "only_observed"):
        instance.report_runless_asset_event(AssetObservation(AssetKey(key)))
    assert totals.asset_times(instance, most=10).at == made
    bounded = totals.asset_times(instance, most=1)
    assert (bounded.at, bounded.others) == ({"a": made["a"]}, 3)
    assert bounded.oldest_of_others == made["b"]
    # None of those that are looked at was ever materialized.
    only_last = totals.asset_times(instance, most=3)
    assert (only_last.others, only_last.oldest_of_others) == (1, None)


def test_schedules_and_sensors_have_a_name_a_switch_and_a_last_tick(
    instance: DagsterInstance,
) -> None:
    daily = switched(instance, "daily", started=NOW)
    ticked(instance, daily, NOW + timedelta(days=1), TickStatus.FAILURE)
    ticked(instance, daily, NOW)
    switched(instance, "hourly", on=False)
    watcher = switched(instance, "watcher", schedule=False, location="hr", declared=True)
    ticked(instance, watcher, NOW, TickStatus.SKIPPED)
    found = {of.name: of for of in InstigatorReader(instance).read()}
    assert set(found) == {Name("sales", "daily"), Name("sales", "hourly"), Name("hr", "watcher")}
    of_daily = found[Name("sales", "daily")]
    assert (of_daily.is_schedule, of_daily.running) == (True, True)
    assert of_daily.last_tick == Tick("failure", NOW + timedelta(days=1))
    assert of_daily.evaluated == NOW
    assert (found[Name("sales", "hourly")].running, found[Name("sales", "hourly")].last_tick) == (
        False,
        None,
    )
    of_watcher = found[Name("hr", "watcher")]
    assert (of_watcher.is_schedule, of_watcher.running) == (False, True)
    assert of_watcher.last_tick == Tick("skipped", NOW)
    assert of_watcher.evaluated is None


def test_a_reader_sees_what_changed_since_it_read(instance: DagsterInstance) -> None:
    reader = InstigatorReader(instance)
    daily = switched(instance, "daily", on=False)
    assert [of.running for of in reader.read()] == [False]
    later = NOW + timedelta(hours=1)
    switched(instance, "daily", started=later)
    ticked(instance, daily, later)
    (of,) = reader.read()
    assert (of.running, of.evaluated, of.last_tick) == (True, later, Tick("success", later))
    switched(instance, "new", schedule=False)
    assert len(reader.read()) == 2


def test_an_instance_in_memory_has_no_schedules() -> None:
    with DagsterInstance.ephemeral() as made:
        assert InstigatorReader(made).read() == []


@pytest.mark.parametrize(
    ("cron", "timezone", "due"),
    [
        ("0 2 * * *", "Asia/Shanghai", datetime(2024, 11, 5, 18, 0, tzinfo=UTC)),
        ("0 2 * * *", None, datetime(2024, 11, 6, 2, 0, tzinfo=UTC)),
        (["0 2 * * *", "30 2 * * *"], "UTC", datetime(2024, 11, 5, 2, 30, tzinfo=UTC)),
        ("@daily", "UTC", datetime(2024, 11, 6, 0, 0, tzinfo=UTC)),
    ],
)
def test_the_first_moment_due_comes_after_the_one_given(
    cron: str | list[str], timezone: str | None, due: datetime
) -> None:
    assert instigators.first_due_after(cron, timezone, NOW) == due
