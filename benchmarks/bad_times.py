"""Bad times with `wdh serve` as a process: lost, told twice, told late, case by case.

A stock @run_failure_sensor can do the first case only: what its body raises on, or what failed
before its first tick, it never tells (docs/figures.md has what was measured of it).
"""

from __future__ import annotations

import os
import signal
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance

from benchmarks.finished_runs import an_instance, broken, ends, made_run
from benchmarks.measure import Figure
from benchmarks.serving import Serving, serving
from work_data_hub.alerting.testing import Receiver, Reply, Request

FAILURES, EVERY_S, BAD_FOR_S = 30, 0.3, 5.0
COMES_WITHIN_S = 90.0
CONFIG = """
route: {{receiver: team, group_by: [partition], group_wait: 0s, repeat_interval: 7d}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


class Timed(Receiver):
    """When each partition was told of; not while it is `away`."""

    def __init__(self) -> None:
        super().__init__()
        self.told_at: dict[str, list[float]] = {}
        self.away = threading.Event()

    def behave(self, request: Request) -> Reply:
        if self.away.is_set():
            return Reply(503)
        for alert in request.json["alerts"]:
            self.told_at.setdefault(alert["labels"]["partition"], []).append(time.time())
        return super().behave(request)


@dataclass
class Case:
    """The processes and the places of one case, which its bad time spoils."""

    home: Path
    receiver: Timed
    start: Callable[[], Serving]
    running: list[Serving] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.home / "wdh" / "alerts.db"


def nothing(_: Case) -> None:
    """A quiet day."""


def receiver_away(case: Case) -> None:
    case.receiver.away.set()
    time.sleep(BAD_FOR_S)
    case.receiver.away.clear()


def killed(case: Case) -> None:
    os.kill(case.running.pop().pid, signal.SIGKILL)
    time.sleep(BAD_FOR_S)
    case.running.append(case.start())


def one_of_two_killed(case: Case) -> None:
    os.kill(case.running.pop(0).pid, signal.SIGKILL)


def store_away(case: Case) -> None:
    with closing(sqlite3.connect(case.store, timeout=60)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(BAD_FOR_S)
        connection.rollback()


def cursors_lost(case: Case) -> None:
    with closing(sqlite3.connect(case.store, timeout=60)) as connection:
        connection.execute("DELETE FROM alert_notes WHERE name LIKE 'cursor:%'")
        connection.commit()


CASES: tuple[tuple[str, Callable[[Case], None], int], ...] = (
    ("a quiet day", nothing, 1),
    (f"the receiver answers 503 for {BAD_FOR_S:.0f} s", receiver_away, 1),
    (f"kill -9, started again after {BAD_FOR_S:.0f} s", killed, 1),
    ("one of two is killed with kill -9", one_of_two_killed, 2),
    (f"the store is locked for {BAD_FOR_S:.0f} s", store_away, 1),
    ("the cursors are deleted", cursors_lost, 1),
)


def figures() -> list[Figure]:
    return [_figure(*case) for case in CASES]


def _figure(what: str, spoil: Callable[[Case], None], processes: int) -> Figure:
    failed_at, told_at = _run(spoil, processes)
    lost = [partition for partition in failed_at if partition not in told_at]
    twice = sum(len(at) - 1 for at in told_at.values())
    delays = sorted(told_at[p][0] - at for p, at in failed_at.items() if p in told_at)
    p50, p99 = (
        statistics.median(delays),
        statistics.quantiles(delays, n=100, method="inclusive")[98],
    )
    note = f"told twice {twice}; p50 {p50:.2f} s, p99 {p99:.2f} s"
    return Figure(f"{what}: lost of {FAILURES}", len(lost), "", 0, note=note)


def _run(
    spoil: Callable[[Case], None], processes: int
) -> tuple[dict[str, float], dict[str, list[float]]]:
    with tempfile.TemporaryDirectory() as folder, Timed() as receiver, ExitStack() as stack:
        home = Path(folder, "home")
        config = Path(folder, "alerts.yml")
        config.write_text(CONFIG.format(url=f"{receiver.address}/"), encoding="utf-8")

        def start() -> Serving:
            return stack.enter_context(serving(home, {"WDH_ALERTS_CONFIG": str(config)}))

        instance = stack.enter_context(an_instance(Path(folder)))
        case = Case(home, receiver, start)
        case.running += [start() for _ in range(processes)]
        with _in_background(spoil, case, after_s=FAILURES * EVERY_S / 3):
            failed_at = _fail(instance)
        _wait_for(receiver, failed_at)
        return failed_at, dict(receiver.told_at)


def _fail(instance: DagsterInstance) -> dict[str, float]:
    failed_at = {}
    for number in range(FAILURES):
        partition = f"p{number:03}"
        run = made_run(instance, broken, {"dagster/partition": partition})
        failed_at[partition] = time.time()
        ends(instance, run, at=datetime.now(UTC), failed=True)
        time.sleep(EVERY_S)
    return failed_at


@contextmanager
def _in_background(spoil: Callable[[Case], None], case: Case, *, after_s: float) -> Iterator[None]:
    """The bad time begins so long after the block; it is over when this ends."""

    def run() -> None:
        time.sleep(after_s)
        spoil(case)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def _wait_for(receiver: Timed, failed_at: dict[str, float]) -> None:
    """Until all were told, or for so long that what is not is lost; then for a second telling."""
    ends_at = time.monotonic() + COMES_WITHIN_S
    while not failed_at.keys() <= receiver.told_at.keys() and time.monotonic() < ends_at:
        time.sleep(0.2)
    time.sleep(BAD_FOR_S)
