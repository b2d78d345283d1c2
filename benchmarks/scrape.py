"""A scrape of `wdh serve` over a grown instance, as Prometheus makes it: over HTTP, packed."""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from benchmarks import grown_instance
from benchmarks.finished_alerts import fill
from benchmarks.grown_instance import INSTIGATORS
from benchmarks.load import Place, load_once
from benchmarks.measure import Figure
from benchmarks.serving import Serving, serving
from benchmarks.workbook import write_workbook

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from work_data_hub.alerting import AlertRouter

RUNS, ALERTS = 10_000, 1_000_000
FEW_RUNS, MANY_RUNS = 1_000, 100_000
ROWS, FILES = 2_000, 500
SCRAPES = 200
MOST_MS, MOST_SERIES, MOST_RATIO = 250.0, 5_000, 1.3
COMES_WITHIN_S = 60.0
# What every source has to have told before the first scrape that counts.
COMPLETE = (
    '_up{source="webserver"} 1.0',
    '_up{source="warehouse"} 1.0',
    '_up{source="landing_folder"} 1.0',
    '{job_name="job_7",location="sales",status="success"}',
    "wdh_landing_folder_files{",
    "wdh_round_last_success_timestamp_seconds{",
    "process_resident_memory_bytes",
)


def figures() -> list[Figure]:
    """Milliseconds on the wall of whole requests, and how many series an answer holds.

    Three `wdh serve` are up, each over an instance of its own, and go about their rounds.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        processes = {
            count: stack.enter_context(_served(Path(folder, str(count)), count))
            for count in (RUNS, FEW_RUNS, MANY_RUNS)
        }
        times = _taken(processes)
        packed = processes[RUNS].scrape()
    text = gzip.decompress(packed)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    p99 = times[RUNS][int(len(times[RUNS]) * 0.99)] * 1000
    median = {count: taken[len(taken) // 2] for count, taken in times.items()}
    return [
        Figure(
            f"scrape, {RUNS:,} runs, {INSTIGATORS} schedules and sensors, {ALERTS:,} alerts, p99",
            p99,
            "ms",
            MOST_MS,
            note=f"median {median[RUNS] * 1000:.0f} ms; {len(packed) / 1024:.0f} KiB packed",
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


def _taken(processes: dict[int, Serving]) -> dict[int, list[float]]:
    """Sorted seconds of each; they take turns, so a busy moment hits all alike."""
    taken: dict[int, list[float]] = {count: [] for count in processes}
    for _ in range(SCRAPES):
        for count, process in processes.items():
            start = time.perf_counter()
            process.scrape()
            taken[count].append(time.perf_counter() - start)
    return {count: sorted(times) for count, times in taken.items()}


@contextmanager
def _served(folder: Path, runs: int) -> Iterator[Serving]:
    """`wdh serve` over an instance with so many finished runs, once it tells all there is.

    Finished runs are rows as Dagster writes them, a run's body that of a real one; the totals of
    their ends are those that the tally would have left.
    """
    from dagster import instance_for_test

    from work_data_hub.alerting import AlertRouter
    from work_data_hub.alerting.testing.http_server import HttpServer, Reply

    folder.mkdir()
    home = folder / "home"
    home.mkdir()
    store_url = f"sqlite:///{folder / 'alerts.db'}"
    fill(folder / "alerts.db", ALERTS if runs == RUNS else 1_000)
    with instance_for_test(temp_dir=str(home)) as instance:
        states = grown_instance.instigators(instance)
        grown_instance.assets_and_real_runs(instance)
        model = grown_instance.model_run(instance)
        grown_instance.finished(home, model, first=1, last=FEW_RUNS)
        router = AlertRouter.from_file(folder / "no.yml", store_url, environ={})
        _read_by_all_rounds(instance, router)
        # Each job has ended by now; more ends of the same only make the numbers larger.
        grown_instance.finished(home, model, first=FEW_RUNS + 1, last=runs)
        _pass_over(instance, router)
        router.close()
        with HttpServer(lambda _: Reply(200, grown_instance.workspace(states))) as webserver:
            environ = {
                "WDH_ALERTS_CONFIG": str(folder / "no.yml"),
                "WDH_ALERTS_URL": store_url,
                "WDH_DAGSTER_URL": webserver.address,
                **_pipeline(folder),
            }
            with serving(home, environ) as process:
                _wait_until_complete(process)
                yield process


def _pipeline(folder: Path) -> dict[str, str]:
    """A landing folder and a warehouse into which a workbook was loaded; their environment."""
    landing = folder / "landing"
    landing.mkdir()
    place = Place(landing, "2024_11_受托业绩报告.xlsx", f"sqlite:///{folder / 'warehouse.db'}")
    environ = {"WDH_DATA_BASE_DIR": str(landing), "WDH_WAREHOUSE_URL": place.warehouse_url}
    write_workbook(place.workbook, ROWS)
    with mock.patch.dict("os.environ", environ):
        load_once(place, rows=ROWS)
    for n in range(FILES):
        (landing / f"{2000 + n // 12 % 24}_{n % 12 + 1:02}_受托业绩报告_{n}.xlsx").touch()
    return environ


def _read_by_all_rounds(instance: DagsterInstance, router: AlertRouter) -> None:
    from work_data_hub.alerting.sink import Deadline
    from work_data_hub.observability import feed, tally

    deadline, now = Deadline(600.0), datetime.now(UTC) + timedelta(minutes=1)
    feed.advance(instance, router, now=now, deadline=deadline)
    tally.advance(instance, router.store, now=now, deadline=deadline)


def _pass_over(instance: DagsterInstance, router: AlertRouter) -> None:
    """Feed and tally have read all that there is."""
    from work_data_hub.observability import tally
    from work_data_hub.observability.dagster_api import run_log, totals
    from work_data_hub.observability.position import Position

    at = datetime.now(UTC)
    read = Position(run_log.newest_event_id(instance), at)
    router.store.set_cursor(f"feed:{run_log.storage_id(instance)}", read.to_text())
    counted = tally.position_in(router.store, instance)
    assert counted is not None
    newest = totals.newest_ending_before(instance, at + timedelta(days=1))
    counted = replace(counted, event_id=newest)
    router.store.set_cursor(tally.cursor_of(instance), counted.to_text())


def _wait_until_complete(process: Serving) -> None:
    """Some sources are asked in the background, now and then."""
    ends_at = time.monotonic() + COMES_WITHIN_S
    while missing := _missing(process):
        assert time.monotonic() < ends_at, f"a scrape has no {missing}"
        time.sleep(0.5)


def _missing(process: Serving) -> list[str]:
    text = gzip.decompress(process.scrape()).decode()
    return [said for said in COMPLETE if said not in text]
