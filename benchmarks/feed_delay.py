"""From a failure event in Dagster's storage to the message in Slack, `wdh serve` running."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance, DagsterRun

from benchmarks.finished_runs import an_instance, broken, ends, made_run
from benchmarks.measure import Figure
from benchmarks.serving import serving
from work_data_hub.alerting.testing import SlackServer

FAILURES = 100
# Slack takes one message a second and channel: closer together they would wait for each other.
EVERY_S = 1.4
CONFIG = """
route: {{receiver: team, group_by: [partition], group_wait: 0s}}
receivers:
  - name: team
    slack_configs: [{{app_token: "{token}", app_url: "{url}", channel: alerts}}]
"""
# Measured with one failing job each minute under `dagster dev` 1.13.27, on a quiet machine.
STOCK = "a stock sensor under the daemon: median 12.8 s, most 30.1 s (measured before)"


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, SlackServer(clock=time.time) as slack:
        config = Path(folder, "alerts.yml")
        config.write_text(CONFIG.format(token=slack.token, url=slack.app_url), encoding="utf-8")
        with an_instance(Path(folder)) as instance:
            # Their logs are there, as a worker that has started leaves them.
            runs = [
                made_run(instance, broken, {"dagster/partition": f"p{n:03}"})
                for n in range(FAILURES)
            ]
            environ = {"WDH_ALERTS_CONFIG": str(config)}
            with serving(Path(folder, "home"), environ) as process:
                failed_at = _fail(instance, runs)
                _wait_for(slack, FAILURES)
                rss_mib = process.rss_mib
    delays = sorted(_delays(slack, failed_at))
    return [
        Figure(
            f"a failure in Dagster's storage to its message, {len(delays)} of them, p99",
            statistics.quantiles(delays, n=100, method="inclusive")[98],
            "s",
            1.0,
            note=f"median {statistics.median(delays):.2f} s; {STOCK}",
        ),
        Figure("wdh serve: RSS", rss_mib, "MiB", 250.0),
    ]


def _fail(instance: DagsterInstance, runs: list[DagsterRun]) -> dict[str, float]:
    """When each partition's event was written: what Dagster itself does after it counts as ours."""
    failed_at = {}
    for run in runs:
        now = datetime.now(UTC)
        ends(instance, run, at=now, failed=True)
        failed_at[run.tags["dagster/partition"]] = now.timestamp()
        time.sleep(EVERY_S + random.random() * 0.3)
    return failed_at


def _delays(slack: SlackServer, failed_at: dict[str, float]) -> list[float]:
    delays = []
    for partition, at in failed_at.items():
        (call,) = [call for call in slack.calls if partition in str(call.payload)]
        delays.append(call.at - at)
    return delays


def _wait_for(slack: SlackServer, messages: int) -> None:
    ends_at = time.monotonic() + 60
    while len(slack.messages) < messages:
        assert time.monotonic() < ends_at, f"{len(slack.messages)} of {messages} came"
        time.sleep(0.2)
