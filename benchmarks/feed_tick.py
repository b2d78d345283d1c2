"""The feed: a tick with nothing new over 10,000 runs, and 2,000 runs that fail at once."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import DagsterEventType, DagsterInstance, RunStatusChangeRecordsFilter

from benchmarks.finished_runs import an_instance, broken, copies, nightly, one_run
from benchmarks.measure import Figure, medians
from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Deadline
from work_data_hub.observability.dagster_api import run_log
from work_data_hub.observability.feed import advance

RUNS, STORM = 10_000, 2_000
FAILED = DagsterEventType.RUN_FAILURE
BARE = "the query of a stock @run_failure_sensor"


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, an_instance(Path(folder)) as instance:
        router = AlertRouter.from_file("no-such.yml", f"sqlite:///{folder}/alerts.db", environ={})
        now = datetime.now(UTC)
        one = one_run(instance, nightly)
        copies(instance, one, RUNS, until=now, every=timedelta(seconds=0.3))
        _tick(instance, router)
        found = [_idle(instance, router), *_storm(instance, router)]
        router.close()
    return found


def _tick(instance: DagsterInstance, router: AlertRouter) -> int:
    done = advance(instance, router, now=datetime.now(UTC), deadline=Deadline(20))
    return done.told


def _idle(instance: DagsterInstance, router: AlertRouter) -> Figure:
    """Beside it: what a stock sensor asks in a tick, and nothing else of that tick."""
    newest = run_log.newest_event_id(instance)
    after = RunStatusChangeRecordsFilter(event_type=FAILED, after_storage_id=newest)

    def bare() -> None:
        assert not instance.fetch_run_status_changes(after, limit=5, ascending=True).records

    def ours() -> None:
        assert _tick(instance, router) == 0

    bare_s, ours_s = medians([bare, ours], rounds=101)
    return Figure(
        f"a tick with nothing new over {RUNS:,} runs / the bare query",
        ours_s / bare_s,
        "x",
        1.5,
        note=f"{ours_s * 1000:.2f} ms, {bare_s * 1000:.2f} ms: {BARE}",
    )


def _storm(instance: DagsterInstance, router: AlertRouter) -> list[Figure]:
    now = datetime.now(UTC)
    one = one_run(instance, broken)
    copies(instance, one, STORM - 1, until=now, every=timedelta())
    begun, ticks, told = time.perf_counter(), 0, 0
    while told < STORM:
        told += _tick(instance, router)
        ticks += 1
    taken_s = time.perf_counter() - begun
    storm = f"{STORM:,} runs fail at once: all published"
    return [
        Figure(f"{storm}, ticks", ticks, "", 2, note="a stock sensor takes 5 a tick: 400"),
        Figure(f"{storm}, time", taken_s, "s", 60.0),
    ]
