"""A real instance as Prometheus sees it: the numbers, their bounds, and what is down."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterEventType, DagsterInstance
from dagster._core.scheduler.instigation import TickStatus
from dagster._daemon.types import DaemonHeartbeat
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Deadline
from work_data_hub.alerting.testing.http_server import Fault, Receiver, Reply
from work_data_hub.observability import collector, feed, instigator_metrics, run_metrics, tally
from work_data_hub.observability.collector import DagsterCollector
from work_data_hub.observability.dagster_api.instigators import Instigator, Name, Tick
from work_data_hub.observability.instigator_metrics import known
from work_data_hub.observability.webserver import ScheduleCode, Workspace

from ..prometheus_server import promtool_finds
from .dagster_runs import create_run, failed_at, nightly, report, run, sound, succeeded_at
from .dagster_storages import instance_on, switched, ticked

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def schedule(name: str, *, cron: str = "0 2 * * *", on: bool = True) -> dict[str, Any]:
    status = {"status": "RUNNING" if on else "STOPPED"}
    return {
        "name": name,
        "cronSchedule": cron,
        "executionTimezone": "Asia/Shanghai",
        "scheduleState": status,
    }


def sensor(name: str) -> dict[str, Any]:
    return {"name": name, "sensorState": {"status": "RUNNING"}}


def workspace_reply(*schedules: Any, sensors: Any = (), broken: str = "broken") -> Reply:
    """As Dagster's webserver answers: a location that loads, one that does not, one that may."""
    loaded = {
        "__typename": "RepositoryLocation",
        "repositories": [{"schedules": list(schedules), "sensors": list(sensors)}],
    }
    entries = [
        {"name": "sales", "locationOrLoadError": loaded},
        {"name": broken, "locationOrLoadError": {"__typename": "PythonError"}},
        {"name": "starting", "locationOrLoadError": None},
    ]
    said = {"__typename": "Workspace", "locationEntries": entries}
    return Reply(200, json.dumps({"data": {"workspaceOrError": said}}).encode())


@pytest.fixture
def instance(stored_instance: DagsterInstance) -> DagsterInstance:
    return stored_instance


@pytest.fixture
def webserver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def registry_of(
    instance: DagsterInstance, router: AlertRouter, url: str | None = None, **more: Any
) -> CollectorRegistry:
    registry = CollectorRegistry()
    made = DagsterCollector(instance, store=router.store, dagster_url=url, **more)
    registry.register(made)
    return registry


def count_all(instance: DagsterInstance, router: AlertRouter) -> None:
    now = datetime.now(UTC) + MINUTE
    tally.advance(instance, router.store, now=now, deadline=Deadline(60.0))


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels."""
    with capture_logs():
        families = list(registry.collect())
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_runs_under_way_are_gauges_with_a_0_for_each_job_that_is_known(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    succeeded_at(instance, NOW - HOUR)
    started = create_run(instance, sound)
    report(instance, started, DagsterEventType.RUN_START, at=NOW - 10 * MINUTE)
    count_all(instance, router)
    registry = registry_of(instance, router)
    samples(registry, "dagster_active_runs")  # the first scrape may be faster than the tally
    assert samples(registry, "dagster_active_runs") == {
        ("sales", "nightly", "queued"): 0,
        ("sales", "nightly", "starting"): 0,
        ("sales", "nightly", "started"): 0,
        ("sales", "sound", "started"): 1,
    }
    longest = samples(registry, "dagster_active_run_duration_seconds")
    assert set(longest) == {("sales", "sound", "started")}
    assert (
        600 <= longest["sales", "sound", "started"] <= 600 + (datetime.now(UTC) - NOW).seconds + 1
    )


def test_ended_runs_are_counters_and_the_last_one_is_named(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - 2 * HOUR)
    succeeded_at(instance, NOW - HOUR)
    run(instance, nightly)
    canceled = create_run(instance, sound)
    report(instance, canceled, DagsterEventType.RUN_CANCELED, at=NOW)
    count_all(instance, router)
    registry = registry_of(instance, router)
    assert samples(registry, "dagster_completed_runs_total") == {
        ("sales", "nightly", "success"): 1,
        ("sales", "nightly", "failure"): 2,
        ("sales", "nightly", "canceled"): 0,
        ("sales", "sound", "success"): 0,
        ("sales", "sound", "failure"): 0,
        ("sales", "sound", "canceled"): 1,
    }
    assert set(samples(registry, "dagster_last_run_info")) == {
        ("sales", "nightly", "failure"),
        ("sales", "sound", "canceled"),
    }
    ended = samples(registry, "dagster_last_run_end_timestamp_seconds")
    assert ended["sales", "sound"] == NOW.timestamp()
    assert ended["sales", "nightly"] > (NOW - HOUR).timestamp()
    assert samples(registry, "dagster_job_last_success_timestamp_seconds") == {
        ("sales", "nightly"): (NOW - HOUR).timestamp()
    }
    assert samples(registry, "dagster_run_duration_seconds_count") == {("sales", "nightly"): 1}
    assert samples(registry, "dagster_completed_steps_total") == {
        ("sales", "nightly", "extract", "success"): 1,
        ("sales", "nightly", "load", "failure"): 1,
    }


def test_history_is_not_shown_while_it_is_being_counted(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for _ in range(3):
        failed_at(instance, NOW - HOUR)
    registry = registry_of(instance, router)
    hurried = Deadline(0.0)
    for _ in range(2):
        assert samples(registry, "dagster_completed_runs_total") == {}
        assert registry.get_sample_value("wdh_tally_complete") == 0
        tally.advance(instance, router.store, now=NOW, deadline=hurried, batch=2)
    found = samples(registry, "dagster_completed_runs_total")
    assert registry.get_sample_value("wdh_tally_complete") == 1
    assert found["sales", "nightly", "failure"] == 3


def test_schedules_and_sensors_show_switch_last_tick_and_when_they_are_due(
    instance: DagsterInstance, router: AlertRouter, webserver: Receiver
) -> None:
    due = datetime(2024, 11, 4, 18, 0, tzinfo=UTC)  # 02:00 in Shanghai
    daily = switched(instance, "daily", started=due - DAY)
    ticked(instance, daily, due, TickStatus.FAILURE)
    switched(instance, "gone", started=due)
    watcher = switched(instance, "watcher", schedule=False)
    ticked(instance, watcher, due, TickStatus.SKIPPED)
    reply = workspace_reply(
        schedule("daily"), schedule("never_on", on=False), sensors=[sensor("watcher")]
    )
    webserver.answer(reply)
    registry = registry_of(instance, router, webserver.address)
    assert samples(registry, "dagster_code_location_load_error") == {("sales",): 0, ("broken",): 1}
    assert samples(registry, "dagster_schedule_status") == {
        ("daily", "sales", "running"): 1,
        ("never_on", "sales", "stopped"): 1,
    }
    assert samples(registry, "dagster_schedule_last_tick_status") == {
        ("daily", "sales", "failure"): 1
    }
    assert samples(registry, "dagster_schedule_last_tick_timestamp_seconds") == {
        ("daily", "sales"): due.timestamp()
    }
    assert samples(registry, "dagster_schedule_next_tick_timestamp_seconds") == {
        ("daily", "sales"): (due + DAY).timestamp()
    }
    assert samples(registry, "dagster_sensor_last_tick_status") == {
        ("watcher", "sales", "skipped"): 1
    }
    assert samples(registry, "dagster_sensor_status") == {("watcher", "sales", "running"): 1}


@pytest.mark.parametrize(
    "answer",
    [Reply(500), Reply(200, b"not json"), Reply(200, b'{"errors": []}'), Fault.HTML, Fault.DROP],
)
def test_a_webserver_that_is_down_is_a_gauge_at_0_and_the_storage_is_still_shown(
    instance: DagsterInstance, router: AlertRouter, webserver: Receiver, answer: Any
) -> None:
    switched(instance, "daily", started=NOW)
    webserver.answer(answer)
    registry = registry_of(instance, router, webserver.address)
    up = samples(registry, "wdh_scrape_source_up")
    assert up["webserver",] == 0
    assert up["instigators",] == 1
    assert samples(registry, "dagster_code_location_load_error") == {}
    assert samples(registry, "dagster_schedule_status") == {("daily", "sales", "running"): 1}
    assert samples(registry, "dagster_schedule_next_tick_timestamp_seconds") == {}


def test_without_the_webserver_s_address_nobody_asks_it(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    assert set(samples(registry_of(instance, router), "wdh_scrape_source_up")) == {
        ("runs",),
        ("tally",),
        ("instigators",),
        ("daemons",),
        ("assets",),
        ("feed",),
    }


def test_what_is_due_lies_in_the_past_until_the_tick_has_come() -> None:
    last = datetime(2024, 11, 4, 18, 0, tzinfo=UTC)
    name = Name("sales", "daily")
    code = {name: ScheduleCode(("0 2 * * *",), "Asia/Shanghai", running=True)}
    stored = [Instigator(name, True, True, Tick("success", last), evaluated=last - DAY)]
    (of,) = known(stored, Workspace(schedules=code))
    assert of.next_due == last + DAY
    restarted = [Instigator(name, True, True, Tick("success", last), evaluated=last + 10 * DAY)]
    (of,) = known(restarted, Workspace(schedules=code))
    assert of.next_due == last + 11 * DAY
    (of,) = known([], Workspace(schedules=code))
    assert of.next_due is None
    stopped = {name: ScheduleCode(("0 2 * * *",), "Asia/Shanghai", running=False)}
    (of,) = known(stored, Workspace(schedules=stopped))
    assert of.next_due is None


def test_a_schedule_whose_code_does_not_load_is_as_it_was_stored() -> None:
    stored = [
        Instigator(Name("broken", "daily"), True, True, None),
        Instigator(Name("gone", "daily"), True, True, None),
    ]
    (of,) = known(stored, Workspace(load_errors={"broken": True, "sales": False}))
    assert of.name == Name("broken", "daily")


def test_a_name_too_many_is_other_and_counted_so(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instigator_metrics, "MAX_NAMES", 2)
    monkeypatch.setattr(collector, "MAX_ASSETS", 1)
    for name in ("c", "b", "a"):
        state = switched(instance, name, started=NOW)
        ticked(instance, state, NOW)
    switched(instance, "stopped", on=False)
    for key in ("first", "second", "third"):
        instance.report_runless_asset_event(AssetMaterialization(AssetKey(key)))
    registry = registry_of(instance, router)
    assert samples(registry, "dagster_schedule_status") == {
        ("a", "sales", "running"): 1,
        ("b", "sales", "running"): 1,
        ("other", "other", "running"): 1,
        ("other", "other", "stopped"): 1,
    }
    times = samples(registry, "dagster_asset_last_materialization_timestamp_seconds")
    assert set(times) == {("first",), ("other",)}
    assert samples(registry, "wdh_scrape_overflowed") == {
        ("dagster_schedule_status",): 2,
        ("dagster_asset_last_materialization_timestamp_seconds",): 2,
    }


def test_runs_under_way_of_a_job_too_many_are_other_and_counted_so(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_metrics, "MAX_ACTIVE_JOBS", 1)
    for location in ("a", "b", "c"):
        create_run(instance, sound, location=location)
    registry = registry_of(instance, router)
    assert samples(registry, "dagster_active_runs") == {
        ("a", "sound", "not_started"): 1,
        ("other", "other", "not_started"): 2,
    }
    assert samples(registry, "wdh_scrape_overflowed") == {("dagster_active_runs",): 2}


def test_a_daemon_that_does_not_beat_is_not_healthy(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    for daemon, ago_s in [("SENSOR", 30), ("SCHEDULER", 130), ("BACKFILL", 130)]:
        beat = DaemonHeartbeat(datetime.now(UTC).timestamp() - ago_s, daemon, None)
        instance.add_daemon_heartbeat(beat)
    registry = registry_of(instance, router)
    healthy = samples(registry, "dagster_daemon_healthy")
    assert {of: healthy[of, "true"] for of in ("SENSOR", "SCHEDULER", "BACKFILL", "ASSET")} == {
        "SENSOR": 1,
        "SCHEDULER": 0,
        "BACKFILL": 1,
        "ASSET": 0,
    }
    beats = samples(registry, "dagster_daemon_last_heartbeat_timestamp_seconds")
    assert set(beats) == {("SENSOR",), ("SCHEDULER",), ("BACKFILL",)}


def test_the_lag_is_the_age_of_the_oldest_end_that_was_not_read(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    registry = registry_of(instance, router)
    assert samples(registry, "wdh_feed_lag_seconds") == {}
    now = datetime.now(UTC)
    feed.advance(instance, router, now=now, deadline=Deadline(60.0))
    count_all(instance, router)
    assert samples(registry, "wdh_feed_lag_seconds") == {("feed",): 0, ("tally",): 0}
    failed_at(instance, now - 5 * MINUTE)
    canceled = create_run(instance, sound)
    report(instance, canceled, DagsterEventType.RUN_CANCELED, at=now)
    lags = samples(registry, "wdh_feed_lag_seconds")
    assert all(300 <= lag < 360 for lag in lags.values())
    feed.advance(instance, router, now=now, deadline=Deadline(60.0))
    assert samples(registry, "wdh_feed_lag_seconds")["feed",] == 0


def test_a_storage_that_is_gone_fails_no_scrape(tmp_path: Path, router: AlertRouter) -> None:
    home = tmp_path / "home"
    with instance_on(home) as instance:
        failed_at(instance, NOW)
        count_all(instance, router)
        registry = registry_of(instance, router)
        assert set(samples(registry, "wdh_scrape_source_up").values()) == {1}
        shutil.move(home / "history", home / "lost")
        up = samples(registry, "wdh_scrape_source_up")
        assert up["runs",] == 0
        shutil.move(home / "lost", home / "history")
        assert set(samples(registry, "wdh_scrape_source_up").values()) == {1}


def test_an_alert_store_that_is_broken_hides_its_totals_only(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "broken.db").write_text("this is no database, and long enough to be looked at" * 9)
    url = f"sqlite:///{tmp_path / 'broken.db'}"
    router = AlertRouter.from_file(tmp_path / "alerts.yml", store_url=url)
    create_run(instance, sound)
    registry = registry_of(instance, router)
    up = samples(registry, "wdh_scrape_source_up")
    assert (up["tally",], up["feed",], up["runs",]) == (0, 0, 1)
    assert samples(registry, "dagster_active_runs") == {("sales", "sound", "not_started"): 1}


def test_registering_asks_nobody(instance: DagsterInstance, router: AlertRouter) -> None:
    registry = CollectorRegistry(auto_describe=True)
    made = DagsterCollector(instance, store=router.store, dagster_url="http://127.0.0.1:1")
    before = threading.active_count()
    registry.register(made)
    assert threading.active_count() == before
    described = {family.name for family in made.describe()}
    assert {"dagster_completed_runs", "dagster_code_location_load_error"} <= described


@pytest.fixture(params=["sqlite", "postgres"])
def exposed(
    request: pytest.FixtureRequest, tmp_path: Path, webserver: Receiver
) -> Iterator[CollectorRegistry]:
    """Something in every family, hostile names among it; both databases."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    store_url = url or f"sqlite:///{tmp_path / 'alerts.db'}"
    router = AlertRouter.from_file(tmp_path / "alerts.yml", store_url=store_url)
    with instance_on(tmp_path / "home", postgres=url) as instance:
        run(instance, nightly, location='sa"les\\\n销售')
        run(instance, sound)
        create_run(instance, sound)
        state = switched(instance, "daily", started=NOW)
        ticked(instance, state, NOW)
        ticked(instance, switched(instance, "watcher", schedule=False), NOW, TickStatus.SKIPPED)
        instance.report_runless_asset_event(AssetMaterialization(AssetKey(["a", "业绩"])))
        instance.add_daemon_heartbeat(DaemonHeartbeat(NOW.timestamp(), "SENSOR", None))
        feed.advance(instance, router, now=datetime.now(UTC), deadline=Deadline(60.0))
        count_all(instance, router)
        webserver.answer(workspace_reply(schedule("daily"), sensors=[sensor("watcher")]))
        registry = registry_of(instance, router, webserver.address)
        samples(registry, "")
        yield registry
    router.close()


def test_promtool_finds_nothing(exposed: CollectorRegistry) -> None:
    exposition = generate_latest(exposed)
    assert promtool_finds(exposition) == ""
    families = list(exposed.collect())
    empty = [f.name for f in families if not f.samples]
    assert empty == ["wdh_tally_overflowed", "wdh_scrape_overflowed"]
    assert len({f.name for f in families}) == len(families)


def test_openmetrics_tells_the_same(exposed: CollectorRegistry) -> None:
    text = generate_openmetrics(exposed).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["dagster_completed_runs"].type == "counter"
    assert families["dagster_run_duration_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())
