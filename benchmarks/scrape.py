"""A scrape of all metrics over a grown instance: runs, schedules, sensors, ticks, past alerts."""

from __future__ import annotations

import gc
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.finished_alerts import fill
from benchmarks.measure import Figure

RUNS, INSTIGATORS, ALERTS = 10_000, 500, 1_000_000
FEW_RUNS, MANY_RUNS = 1_000, 100_000
JOBS, ASSETS, TICKS_EACH, ACTIVE = 60, 100, 200, 50
SCRAPES = 200
MOST_MS, MOST_SERIES, MOST_RATIO = 250.0, 5_000, 1.3


def figures() -> list[Figure]:
    """Milliseconds of whole scrapes, text included, and how many series they hold.

    Finished runs are rows as Dagster writes them, a run's body that of a real one; the totals of
    their ends are those that the tally would have left.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scrapes = {
            count: stack.enter_context(_scrape(Path(folder, str(count)), count))
            for count in (RUNS, FEW_RUNS, MANY_RUNS)
        }
        gc.freeze()  # as `wdh serve` does
        times = _taken(scrapes)
        gc.unfreeze()
        series = sum(not line.startswith(b"#") for line in scrapes[RUNS]().splitlines())
    p99 = times[RUNS][int(len(times[RUNS]) * 0.99)] * 1000
    median = {count: taken[len(taken) // 2] for count, taken in times.items()}
    return [
        Figure(
            f"scrape, {RUNS:,} runs, {INSTIGATORS} schedules and sensors, {ALERTS:,} alerts, p99",
            p99,
            "ms",
            MOST_MS,
            note=f"median {median[RUNS] * 1000:.0f} ms",
        ),
        Figure("series of it", float(series), "series", MOST_SERIES),
        Figure(
            f"scrape over {MANY_RUNS:,} finished runs / over {FEW_RUNS:,}",
            median[MANY_RUNS] / median[FEW_RUNS],
            "x",
            MOST_RATIO,
            note=f"{median[MANY_RUNS] * 1000:.0f} ms, {median[FEW_RUNS] * 1000:.0f} ms",
        ),
    ]


def _taken(scrapes: dict[int, Callable[[], bytes]]) -> dict[int, list[float]]:
    """Sorted seconds of each; they take turns, so a busy moment hits all alike."""
    taken: dict[int, list[float]] = {count: [] for count in scrapes}
    for _ in range(SCRAPES):
        for count, scrape in scrapes.items():
            start = time.perf_counter()
            scrape()
            taken[count].append(time.perf_counter() - start)
    return {count: sorted(times) for count, times in taken.items()}


@contextmanager
def _scrape(folder: Path, runs: int) -> Iterator[Callable[[], bytes]]:
    from dagster import instance_for_test
    from prometheus_client import CollectorRegistry, generate_latest

    from work_data_hub.alerting import AlertRouter
    from work_data_hub.alerting.metrics import StoreCollector
    from work_data_hub.alerting.sink import Deadline
    from work_data_hub.alerting.testing.http_server import HttpServer, Reply
    from work_data_hub.observability import feed, tally
    from work_data_hub.observability.collector import DagsterCollector

    folder.mkdir()
    home = folder / "home"
    home.mkdir()
    fill(folder / "alerts.db", ALERTS if runs == RUNS else 1_000)
    router = AlertRouter.from_file(folder / "no.yml", f"sqlite:///{folder / 'alerts.db'}")
    with instance_for_test(temp_dir=str(home)) as instance:
        states = _instigators(instance)
        _events(instance)
        model = _model(instance)
        _finished(home, model, first=1, last=FEW_RUNS)
        with HttpServer(lambda _: Reply(200, _workspace(states))) as webserver:
            deadline, now = Deadline(600.0), datetime.now(UTC) + timedelta(minutes=1)
            feed.advance(instance, router, now=now, deadline=deadline)
            tally.advance(instance, router.store, now=now, deadline=deadline)
            # Each job has ended by now; more ends of the same only make the numbers larger.
            _finished(home, model, first=FEW_RUNS + 1, last=runs)
            _pass_over(instance, router.store)
            registry = CollectorRegistry()
            names = {(i.receiver, i.name) for i in router.config.integrations()}
            registry.register(StoreCollector(router.store, integrations=names))
            collector = DagsterCollector(
                instance, store=router.store, dagster_url=webserver.address
            )
            registry.register(collector)
            for _ in range(3):  # the webserver is asked in the background, names are remembered
                text = generate_latest(registry)
            assert b"wdh_scrape_source_up{" in text
            assert b'_up{source="webserver"} 1.0' in text
            assert b'{job_name="job_7",location="sales",status="success"}' in text
            yield lambda: generate_latest(registry)
    router.close()


def _instigators(instance: Any) -> list[Any]:
    """Half of them schedules; each has ticked, over and over."""
    from tests.observability.dagster_storages import switched, ticked

    began = datetime.now(UTC) - timedelta(days=2)
    states = [
        switched(instance, f"each_{n}", schedule=n % 2 == 0, started=began)
        for n in range(INSTIGATORS)
    ]
    for state in states:
        ticked(instance, state, began)
    schedules = Path(instance.root_directory, "schedules", "schedules.db")
    with closing(sqlite3.connect(schedules)) as connection, connection:
        columns = "job_origin_id, selector_id, status, type, tick_body"
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            f" INSERT INTO job_ticks ({columns}, timestamp) SELECT {columns},"
            " datetime(timestamp, '+' || (i * 10) || ' minutes') FROM job_ticks, n",
            (TICKS_EACH,),
        )
    return states


def _model(instance: Any) -> str:
    """A finished run like all the others, and some runs under way."""
    from dagster import DagsterEventType
    from tests.observability.dagster_runs import create_run, nightly, report

    model = create_run(instance, nightly)
    now = datetime.now(UTC)
    report(instance, model, DagsterEventType.RUN_START, at=now - timedelta(days=1))
    report(instance, model, DagsterEventType.RUN_SUCCESS, at=now - timedelta(days=1, minutes=-5))
    for _ in range(ACTIVE):
        waiting = create_run(instance, nightly)
        report(instance, waiting, DagsterEventType.RUN_START, at=now - timedelta(minutes=3))
    return str(model.run_id)


def _finished(home: Path, model: str, *, first: int, last: int) -> None:
    """Runs like the model, of many jobs, with their tags and the events of their ends."""
    given = {"first": first, "last": last, "model": model, "jobs": JOBS}
    numbers = (
        "WITH RECURSIVE n(i) AS"
        " (SELECT :first WHERE :first <= :last UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
    )
    of_run = "create_timestamp, update_timestamp, start_time, end_time"
    with closing(sqlite3.connect(home / "history" / "runs.db")) as connection, connection:
        connection.execute(
            f"{numbers} INSERT INTO runs (run_id, pipeline_name, snapshot_id, status, run_body,"
            f" {of_run}) SELECT printf('%036d', i), 'job_' || (i % :jobs), snapshot_id, status,"
            f" replace(replace(run_body, :model, printf('%036d', i)), '\"nightly\"',"
            f" printf('\"job_%d\"', i % :jobs)), {of_run}"
            " FROM runs, n WHERE run_id = :model",
            given,
        )
        connection.execute(
            f"{numbers} INSERT INTO run_tags (run_id, key, value)"
            " SELECT printf('%036d', i), key, value FROM run_tags, n WHERE run_id = :model",
            given,
        )
    of_event = "dagster_event_type, timestamp, step_key, asset_key, partition"
    with closing(sqlite3.connect(home / "history" / "runs" / "index.db")) as connection, connection:
        connection.execute(
            f"{numbers} INSERT INTO event_logs (run_id, event, {of_event})"
            f" SELECT printf('%036d', i), replace(event, :model, printf('%036d', i)), {of_event}"
            " FROM event_logs, n WHERE run_id = :model AND dagster_event_type = 'PIPELINE_SUCCESS'",
            given,
        )


def _pass_over(instance: Any, store: Any) -> None:
    """The tally has read all that there is."""
    from dataclasses import replace

    from work_data_hub.observability import tally
    from work_data_hub.observability.dagster_api import totals

    newest = totals.newest_ending_before(instance, datetime.now(UTC) + timedelta(days=1))
    position = tally.position_in(store, instance)
    assert position is not None
    store.set_cursor(tally.cursor_of(instance), replace(position, event_id=newest).to_text())


def _events(instance: Any) -> None:
    """Assets, real runs of two jobs with steps, a daemon's heartbeats."""
    from dagster import AssetKey, AssetMaterialization
    from tests.observability.dagster_runs import nightly, run, sound

    for number in range(ASSETS):
        key = AssetKey(["warehouse", f"table_{number}"])
        instance.report_runless_asset_event(AssetMaterialization(key))
    for _ in range(2):
        run(instance, nightly)
        run(instance, sound)


def _workspace(states: list[Any]) -> bytes:
    def of(kind: str, more: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"name": s.instigator_name, f"{kind}State": {"status": "RUNNING"}, **more}
            for s in states
            if s.instigator_type.name == kind.upper()
        ]

    cron = {"cronSchedule": f"{random.randrange(60)} 2 * * *", "executionTimezone": "Asia/Shanghai"}
    repository = {"schedules": of("schedule", cron), "sensors": of("sensor", {})}
    loaded = {"__typename": "RepositoryLocation", "repositories": [repository]}
    entries = [{"name": "sales", "locationOrLoadError": loaded}]
    said = {"__typename": "Workspace", "locationEntries": entries}
    return json.dumps({"data": {"workspaceOrError": said}}).encode()
