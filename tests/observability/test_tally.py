"""Counters of what ended: each end once, through restarts, deaths, races and deleted runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DynamicOut,
    DynamicOutput,
    in_process_executor,
    job,
    op,
)

from work_data_hub.alerting.sink import Deadline
from work_data_hub.alerting.store.store import Store
from work_data_hub.alerting.store.totals import OVERFLOWED, Total
from work_data_hub.observability import tally
from work_data_hub.observability.tally_sums import (
    LAST_RUN,
    MOST,
    QUEUE_S,
    RUN_S,
    RUNS,
    STEP_S,
    STEPS,
    histograms,
)

from . import doomed_tally
from .dagster_runs import create_run, failed_at, nightly, report, run, sound, succeeded_at
from .dagster_storages import instance_on

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)


@op(out=DynamicOut())
def months() -> Iterator[DynamicOutput[int]]:
    yield DynamicOutput(1, mapping_key="january")
    yield DynamicOutput(2, mapping_key="february")


@op
def load_month(month: int) -> None: ...


@job(executor_def=in_process_executor)
def mapped() -> None:
    months().map(load_month)


@pytest.fixture
def instance(stored_instance: DagsterInstance) -> DagsterInstance:
    return stored_instance


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'alerts.db'}")
    yield made
    made.close()


def advance(instance: DagsterInstance, store: Store, now: datetime = LATER, **more: Any) -> None:
    tally.advance(instance, store, now=now, deadline=Deadline(60.0), **more)


def counted(store: Store, name: str = RUNS) -> Mapping[tuple[str, ...], float]:
    """By what it is of and the outcome."""
    totals = store.totals().totals
    return {(*of.of, of.label): value for of, value in totals.items() if of.name == name}


def test_runs_are_counted_by_location_job_and_outcome(
    instance: DagsterInstance, store: Store
) -> None:
    failed_at(instance, NOW)
    failed_at(instance, NOW)
    failed_at(instance, NOW, location="hr")
    succeeded_at(instance, NOW)
    succeeded_at(instance, NOW, sound)
    report(instance, create_run(instance, nightly), DagsterEventType.RUN_CANCELED, at=NOW)
    create_run(instance, sound)
    advance(instance, store)
    expected = {
        ("sales", "nightly", "failure"): 2,
        ("hr", "nightly", "failure"): 1,
        ("sales", "nightly", "success"): 1,
        ("sales", "nightly", "canceled"): 1,
        ("sales", "sound", "success"): 1,
    }
    assert counted(store) == expected
    advance(instance, store)
    assert counted(store) == expected


def test_run_queue_and_step_times_are_histograms(store: Store, tmp_path: Path) -> None:
    with instance_on(tmp_path / "home") as instance:
        run(instance, nightly)
        waited = create_run(instance, sound)
        began = datetime.now(UTC) + timedelta(seconds=100)
        report(instance, waited, DagsterEventType.RUN_START, at=began)
        ended = began + timedelta(seconds=400)
        report(instance, waited, DagsterEventType.RUN_SUCCESS, at=ended)
        advance(instance, store, now=ended + timedelta(minutes=1))
    totals = store.totals()
    ran, queued = histograms(totals, RUN_S), histograms(totals, QUEUE_S)
    assert dict(ran["sales", "sound"].buckets)["300.0"] == 0
    assert dict(ran["sales", "sound"].buckets)["900.0"] == 1
    assert ran["sales", "sound"].sum_s == pytest.approx(400, abs=1)
    assert dict(queued["sales", "sound"].buckets)["30.0"] == 0
    assert dict(queued["sales", "sound"].buckets)["120.0"] == 1
    assert dict(ran["sales", "nightly"].buckets)["60.0"] == 1
    assert counted(store, STEPS) == {
        ("sales", "nightly", "extract", "success"): 1,
        ("sales", "nightly", "load", "failure"): 1,
    }
    assert dict(histograms(totals, STEP_S)["sales", "nightly", "load"].buckets)["+Inf"] == 1


def test_mapped_steps_are_one_step(instance: DagsterInstance, store: Store) -> None:
    run(instance, mapped)
    advance(instance, store, now=datetime.now(UTC) + timedelta(minutes=1))
    assert counted(store, STEPS) == {
        ("sales", "mapped", "months", "success"): 1,
        ("sales", "mapped", "load_month", "success"): 2,
    }


def test_the_last_run_is_the_one_that_ended_last(instance: DagsterInstance, store: Store) -> None:
    succeeded_at(instance, NOW)
    failed_at(instance, NOW + timedelta(minutes=5))
    failed_at(instance, NOW + timedelta(minutes=2))
    advance(instance, store)
    latest = {of.label: of_last.at for of, of_last in store.totals().latest.items()}
    assert latest == {
        "success": NOW.timestamp(),
        "failure": (NOW + timedelta(minutes=5)).timestamp(),
    }


def test_no_counter_falls_when_runs_are_deleted(instance: DagsterInstance, store: Store) -> None:
    ids = [failed_at(instance, NOW), succeeded_at(instance, NOW + timedelta(seconds=1))]
    advance(instance, store)
    before = store.totals()
    for run_id in ids:
        instance.delete_run(run_id)
    advance(instance, store)
    assert store.totals() == before


def test_an_end_that_took_the_id_of_a_deleted_one_is_counted(
    instance: DagsterInstance, store: Store
) -> None:
    failed_at(instance, NOW)
    last = failed_at(instance, NOW)
    advance(instance, store)
    instance.delete_run(last)
    failed_at(instance, NOW + timedelta(seconds=1))
    advance(instance, store)
    assert counted(store) == {("sales", "nightly", "failure"): 3}
    instance.delete_run(failed_at(instance, NOW + timedelta(seconds=2)))
    advance(instance, store)
    assert counted(store) == {("sales", "nightly", "failure"): 3}


def test_two_instances_under_one_store_add_up(
    instance: DagsterInstance, store: Store, tmp_path: Path
) -> None:
    failed_at(instance, NOW)
    advance(instance, store)
    with instance_on(tmp_path / "new") as other:
        failed_at(other, NOW)
        advance(other, store)
    advance(instance, store)
    assert counted(store) == {("sales", "nightly", "failure"): 2}


def test_a_young_end_waits_for_those_that_may_come_before_it(
    instance: DagsterInstance, store: Store
) -> None:
    failed_at(instance, NOW - timedelta(seconds=6))
    failed_at(instance, NOW - timedelta(seconds=4))
    advance(instance, store, now=NOW)
    assert counted(store) == {("sales", "nightly", "failure"): 1}
    advance(instance, store, now=NOW + timedelta(seconds=2))
    assert counted(store) == {("sales", "nightly", "failure"): 2}


def test_a_clock_that_is_ahead_holds_up_nothing(instance: DagsterInstance, store: Store) -> None:
    failed_at(instance, NOW + timedelta(hours=1))
    failed_at(instance, NOW - timedelta(hours=1))
    advance(instance, store, now=NOW)
    assert counted(store) == {("sales", "nightly", "failure"): 2}


def test_a_backlog_is_counted_in_batches_and_is_not_complete_before_its_end(
    instance: DagsterInstance, store: Store
) -> None:
    for second in range(5):
        failed_at(instance, NOW + timedelta(seconds=second))
    hurried = Deadline(0.0)
    for reached in (2, 4):
        tally.advance(instance, store, now=LATER, deadline=hurried, batch=2)
        assert counted(store) == {("sales", "nightly", "failure"): reached}
        position = tally.position_in(store, instance)
        assert position is not None
        assert not position.complete
    tally.advance(instance, store, now=LATER, deadline=hurried, batch=2)
    position = tally.position_in(store, instance)
    assert position is not None
    assert position.complete
    assert counted(store) == {("sales", "nightly", "failure"): 5}


def test_steps_of_long_ago_are_not_read_when_an_instance_is_first_seen(
    instance: DagsterInstance, store: Store
) -> None:
    run(instance, nightly)
    advance(instance, store, now=datetime.now(UTC) + timedelta(hours=2))
    assert counted(store) == {("sales", "nightly", "failure"): 1}
    assert counted(store, STEPS) == {}
    run(instance, sound)
    advance(instance, store, now=datetime.now(UTC) + timedelta(hours=2))
    assert counted(store, STEPS) == {}  # still before the instance was first seen


def test_a_cursor_of_garbage_counts_nothing_twice_and_goes_on(
    instance: DagsterInstance, store: Store
) -> None:
    failed_at(instance, NOW)
    advance(instance, store)
    store.set_cursor(tally.cursor_of(instance), "garbage")
    advance(instance, store)
    failed_at(instance, LATER + timedelta(seconds=1))
    advance(instance, store, now=LATER + timedelta(minutes=1))
    assert counted(store) == {("sales", "nightly", "failure"): 2}


def test_a_job_too_many_is_other_and_counted_so(
    instance: DagsterInstance, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MOST", {**MOST, RUNS: 1, LAST_RUN: 1})
    failed_at(instance, NOW)
    for location in ("a", "b"):
        failed_at(instance, NOW + timedelta(seconds=1), location=location)
    advance(instance, store)
    assert counted(store) == {
        ("sales", "nightly", "failure"): 1,
        ("other", "other", "failure"): 2,
    }
    assert counted(store, OVERFLOWED) == {(RUNS, ""): 2}
    assert [of.of for of in store.totals().latest] == [("sales", "nightly")]


def test_threads_and_processes_that_count_at_once_count_each_end_once(
    instance: DagsterInstance, store: Store, tmp_path: Path
) -> None:
    for second in range(30):
        failed_at(instance, NOW + timedelta(seconds=second))
    stores = [Store(f"sqlite:///{tmp_path / 'alerts.db'}") for _ in range(4)]
    start = threading.Barrier(len(stores))

    def count(mine: Store) -> None:
        start.wait()
        for _ in range(5):
            advance(instance, mine, batch=3)

    threads = [threading.Thread(target=count, args=(mine,)) for mine in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine in stores:
        mine.close()
    advance(instance, store)
    assert counted(store) == {("sales", "nightly", "failure"): 30}


@pytest.mark.processes
@pytest.mark.parametrize(("step", "reached"), [("adding", 0), ("added", 3)])
def test_kill_9_counts_nothing_twice_and_loses_nothing(
    tmp_path: Path, store: Store, step: str, reached: int
) -> None:
    home = tmp_path / "home"
    with instance_on(home) as instance:
        for second in range(3):
            failed_at(instance, NOW + timedelta(seconds=second))
        url = f"sqlite:///{tmp_path / 'alerts.db'}"
        given = [str(home), url, LATER.isoformat(), step]
        died = subprocess.run(
            [sys.executable, "-m", doomed_tally.__name__, *given],
            check=False,
            capture_output=True,
            cwd=Path(__file__).parents[2],
        )
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
        assert sum(counted(store).values()) == reached
        advance(instance, store)
        assert counted(store) == {("sales", "nightly", "failure"): 3}


def test_both_databases_count_alike(postgres_url: str, tmp_path: Path) -> None:
    """Dagster and the alert store on PostgreSQL, each in tables of its own."""
    store = Store(postgres_url)
    with instance_on(tmp_path / "home", postgres=postgres_url) as instance:
        run(instance, nightly)
        last = failed_at(instance, NOW)
        succeeded_at(instance, NOW)
        later = datetime.now(UTC) + timedelta(minutes=1)
        advance(instance, store, now=later, batch=1)
        instance.delete_run(last)
        advance(instance, store, now=later)
    assert counted(store) == {
        ("sales", "nightly", "failure"): 2,
        ("sales", "nightly", "success"): 1,
    }
    assert store.totals().totals[Total(STEPS, ("sales", "nightly", "load"), "failure")] == 1
    store.close()
