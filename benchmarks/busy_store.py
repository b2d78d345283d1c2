"""publish() while other processes dispatch a storm from the same SQLite file."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.receiver import count_of, receiver
from work_data_hub.alerting import Alert, AlertRouter

STORM = 20_000
DISPATCHERS = 2
SECONDS = 6.0
EVERY_S = 0.01
# It gives up after two seconds.
MOST_MS = 500.0
CONFIG = """
route: {{receiver: team, group_by: ['...'], group_wait: 0s, group_interval: 1m}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


def figures() -> list[Figure]:
    """Milliseconds of publish(), one every ten milliseconds, from the storm's first second on."""
    with tempfile.TemporaryDirectory() as folder, receiver() as url, ExitStack() as stack:
        config = Path(folder, "alerts.yml")
        config.write_text(CONFIG.format(url=url), encoding="utf-8")
        store = f"sqlite:///{folder}/alerts.db"
        router = AlertRouter.from_file(config, store, environ={})
        router.dispatch()
        router.publish_all(_alert("storm", i) for i in range(STORM))
        for _ in range(DISPATCHERS):
            stack.enter_context(_dispatcher(config, store))
        taken: list[float] = []
        until = time.perf_counter() + SECONDS
        while (begun := time.perf_counter()) < until:
            router.publish(_alert("beside", len(taken)))
            taken.append(time.perf_counter() - begun)
            time.sleep(EVERY_S)
        told = count_of(url)
        router.close()
    assert told > 0, "nobody dispatched"
    return [
        Figure(
            f"publish() while {DISPATCHERS} processes dispatch {STORM:,} alerts, p99",
            statistics.quantiles(taken, n=100)[98] * 1000,
            "ms",
            MOST_MS,
            note=f"median {statistics.median(taken) * 1000:.0f} ms, slowest"
            f" {max(taken) * 1000:.0f} ms, none refused; {told / SECONDS:,.0f} told a second",
        )
    ]


@contextmanager
def _dispatcher(config: Path, store: str) -> Iterator[None]:
    command = [sys.executable, "-m", "work_data_hub.cli", "alerts", "dispatch"]
    environ = {**os.environ, "WDH_ALERTS_CONFIG": str(config), "WDH_ALERTS_URL": store}
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def _alert(series: str, i: int) -> Alert:
    labels = {"alertname": "RunFailed", "job": f"{series}{i}", "severity": "critical"}
    return Alert(labels, {"summary": "load: KeyError: 'plan'"})
