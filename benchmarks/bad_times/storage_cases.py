"""What goes wrong in Dagster's storage, with runs and with the receiver, `wdh serve` running."""

from __future__ import annotations

import json
import os
import signal
import time

from dagster import DagsterEventType, DagsterInstance
from dagster._core.storage.dagster_run import RunsFilter

from ..dagster_processes import STOCK_SENSOR, wait_for
from .case import APART_S, BAD_FOR_S, Case, Spoil, beside
from .odd_runs import fails_late
from .scene import EVERY_S, FAILURES, RECONCILES_EVERY_S, Scene, Setting

SETTING = Setting()


def receiver_away(scene: Scene) -> None:
    scene.receiver.away.set()
    time.sleep(2 * BAD_FOR_S)
    scene.receiver.away.clear()


def cursors(ours: str, stock: str | None) -> Spoil:
    """ours: what becomes of our cursors, in SQL."""

    def spoil(scene: Scene) -> None:
        with scene.store_connection() as connection:
            connection.execute(f"{ours} WHERE name LIKE 'cursor:%'")
        scene.dagster.set_cursor(STOCK_SENSOR, stock)

    return spoil


def runs_deleted(scene: Scene) -> dict[str, float]:
    """Between the others, runs that are deleted as soon as they have failed."""
    failed_at = {}
    for number in range(FAILURES):
        gone = scene.partition(900 + number)
        scene.fails(gone)
        for run in scene.instance.get_runs(RunsFilter(tags={"dagster/partition": gone})):
            scene.instance.delete_run(run.run_id)
        failed_at[scene.partition(number)] = scene.fails(scene.partition(number))
        time.sleep(EVERY_S)
    return failed_at


def committed_late(scene: Scene) -> dict[str, float]:
    """Every second event is written under an id that all readers have passed."""
    names = [scene.partition(number) for number in range(FAILURES)]
    return fails_late(scene.instance, names, every_s=EVERY_S)


def workers_killed(scene: Scene) -> dict[str, float]:
    """Runs of their own processes, killed in their steps; due from Dagster's own event of it."""
    names = [scene.partition(number) for number in range(3)]
    for name in names:
        scene.dagster.launch("waits", json.dumps({"dagster/partition": name}))
    for name in names:
        pid = scene.folder / f"{name}.pid"
        wait_for(pid.exists, f"a worker of {name} is up")
        os.kill(int(pid.read_text()), signal.SIGKILL)
        time.sleep(1.7)
    wait_for(lambda: all(_failed_at(scene.instance, name) for name in names), "Dagster sees it")
    failed_at = {name: _failed_at(scene.instance, name) for name in names}
    return dict(sorted(failed_at.items(), key=lambda pair: pair[1]))


def _failed_at(instance: DagsterInstance, partition: str) -> float:
    """0 where it has not failed yet."""
    (run,) = instance.get_runs(RunsFilter(tags={"dagster/partition": partition}))
    found = instance.all_logs(run.run_id, of_type=DagsterEventType.RUN_FAILURE)
    return found[0].timestamp if found else 0.0


CASES = (
    Case("a quiet day", Scene.one_after_another),
    Case("the receiver answers 503 for 10 s", beside(receiver_away, every_s=APART_S)),
    Case("the cursors are deleted", beside(cursors("DELETE FROM alert_notes", None))),
    Case("the cursors are garbage", beside(cursors("UPDATE alert_notes SET value = 'nan'", "nan"))),
    Case("runs are deleted", runs_deleted),
    Case(
        "events are committed late under lower ids",
        committed_late,
        by_design=f"read again every {RECONCILES_EVERY_S} s here, 60 s shipped, once 15 s old",
    ),
    Case("workers are killed", workers_killed),
)
