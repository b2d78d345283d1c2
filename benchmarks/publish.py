"""publish(), against the least that a durable alert costs: one row and one commit in bare sqlite3.

Every alert is a new incident with an event key and a time, as a feed publishes them.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure
from work_data_hub.alerting import Alert, AlertRouter

ALERTS = 200
AT_ONCE = 100
ROUNDS = 12


def figures() -> list[Figure]:
    """Ratios of rates, one commit an alert and a hundred; and the slowest of publish()."""
    with tempfile.TemporaryDirectory() as folder:
        router = AlertRouter.from_file("no-such.yml", f"sqlite:///{folder}/alerts.db", environ={})
        bare = _bare(Path(folder, "bare.db"))
        router.publish(_alert("warm", 0))
        ours: list[float] = []
        floor: list[float] = []
        ours_many: list[float] = []
        floor_many: list[float] = []
        for turn in range(ROUNDS):
            alerts = [_alert(f"single{turn}", i) for i in range(ALERTS)]
            floor += _each([_row(alert) for alert in alerts], lambda row: _insert(bare, [row]))
            ours += _each(alerts, router.publish)
            batches = [
                [_alert(f"batch{turn}", i) for i in range(first, first + AT_ONCE)]
                for first in range(0, ALERTS, AT_ONCE)
            ]
            rows = [[_row(alert) for alert in batch] for batch in batches]
            floor_many += _each(rows, lambda batch: _insert(bare, batch))
            ours_many += _each(batches, router.publish_all)
        bare.close()
        router.close()
    one, one_floor = statistics.median(ours), statistics.median(floor)
    many, many_floor = statistics.median(ours_many), statistics.median(floor_many)
    return [
        Figure(
            "publish(), one commit each, against bare sqlite3",
            one_floor / one,
            "x",
            0.4,
            at_least=True,
            note=f"{1 / one:,.0f} a second, bare {1 / one_floor:,.0f}",
        ),
        Figure(
            "publish(), the slowest of a hundred (p99)",
            statistics.quantiles(ours, n=100)[98] * 1000,
            "ms",
            5.0,
            note=f"median {one * 1000:.2f} ms; bare p99"
            f" {statistics.quantiles(floor, n=100)[98] * 1000:.2f} ms",
        ),
        Figure(
            f"publish_all(), {AT_ONCE} a commit, against bare sqlite3's executemany",
            many_floor / many,
            "x",
            0.07,
            at_least=True,
            note=f"{AT_ONCE / many:,.0f} a second, bare {AT_ONCE / many_floor:,.0f}",
        ),
    ]


def _alert(series: str, i: int) -> Alert:
    return Alert(
        {
            "alertname": "RunFailed",
            "location": "warehouse",
            "job": f"{series}_{i}",
            "severity": "critical",
        },
        {
            "summary": "load: KeyError: 'plan'",
            "error": "KeyError: 'plan'\n" + "  at line 12 of load.py\n" * 20,
            "run_id": "0f6d7a3e-3f5d-4c42-9a5c-6f5f3d1f9a10",
        },
        event_key=f"run_failed:{series}:{i}",
        occurred_at=datetime.now(UTC),
    )


def _row(alert: Alert) -> tuple[float, str, str]:
    return time.time(), json.dumps(dict(alert.labels)), json.dumps(dict(alert.annotations))


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE alert (at REAL, labels TEXT, annotations TEXT)")
    return connection


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[float, str, str]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO alert VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")


def _each(items: Sequence[Any], do: Callable[[Any], object]) -> list[float]:
    """Seconds of each."""
    taken = []
    for item in items:
        begun = time.perf_counter()
        do(item)
        taken.append(time.perf_counter() - begun)
    return taken
