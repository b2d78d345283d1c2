"""From a failure event in Dagster's storage to the message in Slack.

With `wdh serve` running, and without it: with the alerting sensor alone, under Dagster's daemon.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance, DagsterRun

from benchmarks.dagster_processes import OUR_SENSOR, dagster, wait_for
from benchmarks.finished_runs import an_instance, broken, ends, made_run
from benchmarks.measure import Figure
from benchmarks.serving import serving
from work_data_hub.alerting.testing import SlackServer

FAILURES = 100
# Slack takes one message a second and channel: closer together they would wait for each other.
EVERY_S = 1.4
# A sensor tells at once what a whole interval brought: two, so that they hardly wait for another.
INTERVAL_S, SENSOR_FAILURES, SENSOR_EVERY_S = 10, 30, 4.8
CONFIG = """
route: {{receiver: team, group_by: [partition], group_wait: 0s}}
receivers:
  - name: team
    slack_configs: [{{app_token: "{token}", app_url: "{url}", channel: alerts}}]
"""
# Measured with one failing job each minute under `dagster dev` 1.13.27, on a quiet machine.
STOCK = "a stock sensor under the daemon: median 12.8 s, most 30.1 s (measured before)"


def figures() -> list[Figure]:
    return [*_with_serve(), _with_the_sensor()]


def _with_serve() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, SlackServer(clock=time.time) as slack:
        environ = _environ(Path(folder), slack)
        with an_instance(Path(folder)) as instance:
            runs = _runs(instance, FAILURES)
            with serving(Path(folder, "home"), environ) as process:
                failed_at = _fail(instance, runs, every_s=EVERY_S)
                wait_for(lambda: len(slack.messages) == FAILURES, "a message each")
                rss_mib = process.rss_mib
    delays = _delays(slack, failed_at)
    return [
        Figure(
            f"a failure in Dagster's storage to its message, {len(delays)} of them, p99",
            _p99(delays),
            "s",
            1.0,
            note=f"median {statistics.median(delays):.2f} s; {STOCK}",
        ),
        Figure("wdh serve: RSS", rss_mib, "MiB", 250.0),
    ]


def _with_the_sensor() -> Figure:
    with tempfile.TemporaryDirectory() as folder, SlackServer(clock=time.time) as slack:
        environ = _environ(Path(folder), slack)
        with dagster(Path(folder), environ) as processes:
            runs = _runs(processes.instance, SENSOR_FAILURES)
            processes.write(our_interval_s=INTERVAL_S)
            processes.start_code_server()
            processes.start_daemon([OUR_SENSOR])
            failed_at = _fail(processes.instance, runs, every_s=SENSOR_EVERY_S)
            wait_for(lambda: len(slack.messages) == SENSOR_FAILURES, "a message each")
    delays = _delays(slack, failed_at)
    return Figure(
        f"the same by the sensor alone, its interval {INTERVAL_S} s, {len(delays)} of them, p99",
        _p99(delays),
        "s",
        INTERVAL_S + 5.0,
        note=f"median {statistics.median(delays):.2f} s",
    )


def _environ(folder: Path, slack: SlackServer) -> dict[str, str]:
    config = folder / "alerts.yml"
    config.write_text(CONFIG.format(token=slack.token, url=slack.app_url), encoding="utf-8")
    return {"WDH_ALERTS_CONFIG": str(config)}


def _runs(instance: DagsterInstance, count: int) -> list[DagsterRun]:
    """Their logs are there, as a worker that has started leaves them."""
    return [made_run(instance, broken, {"dagster/partition": f"p{n:03}"}) for n in range(count)]


def _fail(
    instance: DagsterInstance, runs: Sequence[DagsterRun], *, every_s: float
) -> dict[str, float]:
    """When each partition's event was written: what Dagster itself does after it counts as ours."""
    failed_at = {}
    for run in runs:
        now = datetime.now(UTC)
        ends(instance, run, at=now, failed=True)
        failed_at[run.tags["dagster/partition"]] = now.timestamp()
        time.sleep(every_s + random.random() * 0.3)
    return failed_at


def _delays(slack: SlackServer, failed_at: Mapping[str, float]) -> list[float]:
    delays = []
    for partition, at in failed_at.items():
        (call,) = [call for call in slack.calls if partition in str(call.payload)]
        delays.append(call.at - at)
    return delays


def _p99(delays: Sequence[float]) -> float:
    return statistics.quantiles(delays, n=100, method="inclusive")[98]
